/*
 * See walk.h. Memory: a window for each open direction of an I/O stream.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/share/walk.h"
#include "tools/share/member.h"
#include "tools/cmd.h"
#include "tools/text_file.h"
#include "tracefmt/wire.h"

enum {
	WINDOW_LEN = 256 * 1024,
	OVERLAP_LEN = 16 * 1024, /* no secret is longer */
	CONTEXT_LEN = 1024,
	PIECE_MAX = 64,		 /* of one event's payload */
	HISTOGRAM_LEN = 64 * 1024,
	STORED_MAX_LEN = 256 << 20,
};

/* --- texts --- */

static bool reserve(struct text *t, size_t len)
{
	if (t->len + len > t->cap) {
		size_t cap = (t->len + len) * 3 / 2 + 256;
		uint8_t *grown = realloc(t->bytes, cap);

		if (!grown)
			return false;
		t->bytes = grown;
		t->cap = cap;
	}
	if (t->piece_count == t->piece_cap) {
		size_t cap = t->piece_cap ? 2 * t->piece_cap : 8;
		struct piece *grown = realloc(t->piece, cap * sizeof(*grown));

		if (!grown)
			return false;
		t->piece = grown;
		t->piece_cap = cap;
	}
	return true;
}

static bool append(struct walk *w, struct text *t, const void *bytes, size_t len,
		   struct piece piece)
{
	if (!len)
		return true;
	if (!reserve(t, len)) {
		cmd_error("out of memory");
		w->failed = true;
		return false;
	}
	piece.at = t->base + t->len;
	piece.len = (uint32_t)len;
	t->piece[t->piece_count++] = piece;
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	w->text_len += len;
	return true;
}

/* A byte that stands for nothing in the recording: between strings. */
static bool append_gap(struct walk *w, struct text *t, uint8_t c)
{
	if (!reserve(t, 1)) {
		w->failed = true;
		return false;
	}
	t->bytes[t->len++] = c;
	return true;
}

const struct piece *text_piece(const struct text *t, uint64_t at)
{
	size_t low = 0, high = t->piece_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->piece[mid].at + t->piece[mid].len <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->piece_count && t->piece[low].at <= at ? &t->piece[low] : NULL;
}

static void drop_before(struct text *t, uint64_t at)
{
	size_t n = (size_t)(at - t->base), kept = 0;

	while (kept < t->piece_count && t->piece[kept].at + t->piece[kept].len <= at)
		kept++;
	memmove(t->piece, t->piece + kept, (t->piece_count - kept) * sizeof(*t->piece));
	t->piece_count -= kept;
	memmove(t->bytes, t->bytes + n, t->len - n);
	t->len -= n;
	t->base = at;
}

/* Gives what has gathered, but for what the next bytes may still be part of. */
static bool give(struct walk *w, struct text *t, bool last)
{
	uint64_t end = t->base + t->len, to = end;

	if (!last) {
		if (t->len < WINDOW_LEN + OVERLAP_LEN)
			return true;
		to = end - OVERLAP_LEN;
	}
	if (to > t->done &&
	    !w->look(w, t, (size_t)(t->done - t->base), (size_t)(to - t->base))) {
		w->failed = true;
		return false;
	}
	t->done = to;
	if (!last && t->done - t->base > CONTEXT_LEN)
		drop_before(t, t->done - CONTEXT_LEN);
	return true;
}

static void reset(struct text *t, enum text_kind kind)
{
	t->kind = kind;
	t->len = t->piece_count = 0;
	t->base = t->done = 0;
	t->name = NULL;
	t->io_id = 0;
	t->inbound = false;
	t->opaque = NULL;
	t->opaque_len = 0;
	t->counted = 0;
	t->label[0] = t->peer[0] = 0;
	memset(t->histogram, 0, sizeof(t->histogram));
}

static void free_text(struct text *t)
{
	free(t->bytes);
	free(t->piece);
}

/* --- what cannot be looked into --- */

static const struct {
	const char *name;
	uint8_t len;
	uint8_t bytes[6];
} magics[] = {
	{"gzip", 3, {0x1f, 0x8b, 0x08}},
	{"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}},
	{"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}},
	{"bzip2", 3, {'B', 'Z', 'h'}},
	{"zip", 4, {'P', 'K', 3, 4}},
	{"lz4", 4, {0x04, 0x22, 0x4d, 0x18}},
	{"TLS", 3, {0x16, 0x03, 0x01}},
	{"TLS", 3, {0x16, 0x03, 0x03}},
	{"TLS", 3, {0x17, 0x03, 0x03}},
	{"SSH", 4, {'S', 'S', 'H', '-'}},
	{"a JPEG picture", 3, {0xff, 0xd8, 0xff}},
	{"a PNG picture", 4, {0x89, 'P', 'N', 'G'}},
	{"a PDF document", 5, {'%', 'P', 'D', 'F', '-'}},
};

static void look_opaque(struct text *t, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; !t->opaque && i < sizeof(magics) / sizeof(magics[0]); i++)
		if (len >= magics[i].len && !memcmp(bytes, magics[i].bytes, magics[i].len))
			t->opaque = magics[i].name;
	if (!t->opaque && len > 32) {
		/* HTTP with a compressed body */
		static const char *const words[] = {"\r\nContent-Encoding: ", "\r\ncontent-encoding: "};

		for (size_t i = 0; i < 2; i++) {
			const uint8_t *at = memmem(bytes, len < 8192 ? len : 8192, words[i], strlen(words[i]));

			if (at && memcmp(at + strlen(words[i]), "identity", 8))
				t->opaque = "a compressed HTTP body";
		}
	}
	if (t->opaque)
		t->opaque_len += len;
	for (size_t i = 0; i < len && t->counted < HISTOGRAM_LEN; i++, t->counted++)
		t->histogram[bytes[i]]++;
}

/* Bits that a byte of it tells, by how often each value comes. */
static double entropy(const struct text *t)
{
	double bits = 0;

	for (unsigned i = 0; i < 256; i++)
		if (t->histogram[i]) {
			double p = (double)t->histogram[i] / t->counted;

			bits -= p * log2(p);
		}
	return bits;
}

static void end_text(struct walk *w, struct text *t)
{
	if (!t->opaque && t->counted >= 1024 && t->kind != TEXT_MEMBER &&
	    entropy(t) > (t->counted < 4096 ? 7.6 : 7.9)) {
		t->opaque = "random bytes: encrypted or compressed";
		t->opaque_len = t->base + t->len;
	}
	if (w->end)
		w->end(w, t);
}

/* --- payloads --- */

static struct text *text_of(struct walk *w, const struct deja_io *io, bool inbound)
{
	struct text *t = NULL, **grown;
	size_t low = 0, high = w->open_count;

	while (low < high) { /* by id and direction */
		size_t mid = (low + high) / 2;

		t = w->open[mid];
		if (t->io_id < io->id || (t->io_id == io->id && t->inbound < inbound))
			low = mid + 1;
		else
			high = mid;
	}
	if (low < w->open_count && w->open[low]->io_id == io->id &&
	    w->open[low]->inbound == inbound)
		return w->open[low];
	t = calloc(1, sizeof(*t));
	if (w->open_count == w->open_cap) {
		size_t cap = w->open_cap ? 2 * w->open_cap : 64;

		grown = realloc(w->open, cap * sizeof(*grown));
		if (!grown) {
			free(t);
			t = NULL;
		} else {
			w->open = grown;
			w->open_cap = cap;
		}
	}
	if (!t) {
		cmd_error("out of memory");
		w->failed = true;
		return NULL;
	}
	memmove(w->open + low + 1, w->open + low, (w->open_count - low) * sizeof(*w->open));
	w->open[low] = t;
	w->open_count++;
	reset(t, TEXT_PAYLOAD);
	t->io_id = io->id;
	t->inbound = inbound;
	return t;
}

static void close_io(void *arg, const struct deja_io *io)
{
	struct walk *w = arg;

	for (size_t i = 0; i < w->open_count; i++) {
		struct text *t = w->open[i];

		if (t->io_id != io->id)
			continue;
		if (!w->failed) {
			give(w, t, true);
			end_text(w, t);
		}
		free_text(t);
		free(t);
		memmove(w->open + i, w->open + i + 1, (w->open_count - i - 1) * sizeof(*w->open));
		w->open_count--;
		i--;
	}
}

/* --- strings of an event --- */

struct shown { /* bytes that are given as payload */
	const uint8_t *from, *to;
};

static bool is_shown(const struct shown *s, size_t count, const uint8_t *p)
{
	for (size_t i = 0; i < count; i++)
		if (p >= s[i].from && p < s[i].to)
			return true;
	return false;
}

/* Every string of a packed object, in order: those of one array are one text with NULs
 * between, others begin on a line of their own. */
static bool add_strings(struct walk *w, struct text *t, const uint8_t *raw, size_t len,
			const struct shown *shown, size_t shown_count, struct piece place)
{
	struct tf_in in = {raw, raw + len, 0};

	while (in.p < in.end && !in.bad) {
		uint8_t type = tf_peek(&in);
		uint32_t n;
		const uint8_t *s;

		if ((type & 0xf0) == 0x90 || type == 0xdc || type == 0xdd) {
			tf_get_array(&in);
			if (t->len && t->bytes[t->len - 1] != '\n' && !append_gap(w, t, '\n'))
				return false;
			continue;
		}
		if ((type & 0xf0) == 0x80 || type == 0xde || type == 0xdf) {
			tf_get_map(&in);
			continue;
		}
		if ((type & 0xe0) != 0xa0 && !(type >= 0xc4 && type <= 0xc6) &&
		    !(type >= 0xd9 && type <= 0xdb)) {
			tf_skip(&in);
			continue;
		}
		s = tf_get_bytes(&in, &n);
		if (in.bad || !n || is_shown(shown, shown_count, s))
			continue;
		place.raw_at = (uint64_t)(s - raw);
		if (!append(w, t, s, n, place) || !append_gap(w, t, 0))
			return false;
	}
	return true;
}

/* Whether a message of a text protocol begins here: what stood before ends then, though no
 * byte says so. */
static bool begins_message(const uint8_t *bytes, size_t len)
{
	static const char *const words[] = {"GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "PATCH ",
					    "OPTIONS ", "HTTP/1.", NULL};

	for (const char *const *word = words; *word; word++)
		if (len >= strlen(*word) && !memcmp(bytes, *word, strlen(*word)))
			return true;
	return len > 3 && bytes[0] == '*' && bytes[1] >= '1' && bytes[1] <= '9' &&
	       memchr(bytes, '\r', len < 12 ? len : 12);
}

static bool walk_event(struct walk *w, const struct deja_event *ev, const struct deja_sight *sight)
{
	struct piece place = {.stream = ev->stream, .number = ev->number,
			      .time_ns = ev->time_ns, .pid = ev->pid};
	struct shown shown[PIECE_MAX];
	struct text *t = &w->scratch;
	size_t shown_count = 0;

	for (size_t i = 0; i < sight->leg_count; i++) {
		const struct deja_leg *leg = &sight->leg[i];
		struct deja_payload payload;
		struct deja_bytes b;
		struct text *of;

		deja_payload_begin(&payload, ev, leg);
		if (!leg->stored || !leg->len)
			continue;
		of = text_of(w, leg->io, leg->inbound);
		if (!of)
			return false;
		if (!of->label[0] || leg->io->peer) {
			deja_io_text(leg->io, of->label, sizeof(of->label));
			if (leg->io->peer)
				snprintf(of->peer, sizeof(of->peer), "%s", leg->io->peer);
		}
		while (deja_payload_next(&payload, &b)) {
			if (shown_count < PIECE_MAX)
				shown[shown_count++] = (struct shown){b.data, b.data + b.len};
			place.raw_at = (uint64_t)(b.data - ev->raw.data);
			place.inbound = leg->inbound;
			if (b.data < ev->raw.data || b.data + b.len > ev->raw.data + ev->raw.len) {
				cmd_error("event %llu of stream %u: its bytes are not its own",
					  (unsigned long long)ev->number, ev->stream);
				return false;
			}
			look_opaque(of, b.data, b.len);
			if (of->len && begins_message(b.data, b.len) && !append_gap(w, of, '\n'))
				return false;
			if (!append(w, of, b.data, b.len, place))
				return false;
		}
		if (!give(w, of, false))
			return false;
	}
	reset(t, TEXT_EVENT);
	place.inbound = false;
	if (!add_strings(w, t, ev->raw.data, ev->raw.len, shown, shown_count, place))
		return false;
	if (!t->len)
		return true;
	if (deja_call_name(ev->id))
		snprintf(t->label, sizeof(t->label), "%s", deja_call_name(ev->id));
	else
		snprintf(t->label, sizeof(t->label), "%s",
			 ev->id == TF_EV_IMAGE ? "arguments and environment" : "event");
	return give(w, t, true);
}

static bool walk_events(struct walk *w)
{
	struct deja_error err;
	deja_look *l = deja_look_open(w->rec, NULL, DEJA_LOOK_TRACK, &err);
	struct deja_event ev;
	struct deja_sight sight;
	int rc = -1;

	if (!l) {
		cmd_error("%s: %s", w->path, err.message);
		return false;
	}
	deja_tracker_on_close(deja_look_tracker(l), close_io, w);
	while (!w->failed && (rc = deja_look_next(l, &ev, &sight, &err)) != 0) {
		if (rc < 0 && err.code == DEJA_E_TRUNCATED) {
			w->truncated = true;
			continue;
		}
		if (rc < 0) {
			cmd_error("%s: %s", w->path, err.message);
			w->failed = true;
			break;
		}
		w->event_count++;
		if (!walk_event(w, &ev, &sight))
			w->failed = true;
	}
	deja_tracker_each_open(deja_look_tracker(l), close_io, w);
	deja_look_close(l);
	return !w->failed;
}

/* --- files --- */

/* A file as one text; packed: its strings only. */
static bool walk_file(struct walk *w, const char *path, enum text_kind kind, const char *name,
		      const char *label, bool packed)
{
	struct text *t = &w->scratch;
	struct piece place = {0};
	struct member m;
	bool ok = true;

	if (!member_read(path, &m))
		return false;
	reset(t, kind);
	t->name = name;
	snprintf(t->label, sizeof(t->label), "%s", label);
	if (packed) {
		ok = add_strings(w, t, m.bytes, m.len, NULL, 0, place) &&
		     give(w, t, true);
	} else if (kind == TEXT_STORED && !is_text_file(m.bytes, m.len)) {
		look_opaque(t, m.bytes, m.len < 64 ? m.len : 64);
		t->opaque_len = t->opaque ? m.len : 0;
		t->counted = 0; /* programs are what they are */
	} else {
		for (uint64_t at = 0; ok && at < m.len; at += WINDOW_LEN) {
			uint64_t left = m.len - at;

			place.raw_at = at;
			ok = append(w, t, m.bytes + at, left < WINDOW_LEN ? left : WINDOW_LEN, place) &&
			     give(w, t, false);
		}
		ok = ok && give(w, t, true);
	}
	if (ok)
		end_text(w, t);
	member_free(&m);
	return ok;
}

static bool walk_members(struct walk *w)
{
	DIR *d = opendir(w->path);
	struct dirent *e;
	bool ok = d != NULL;

	if (!d)
		cmd_error("%s: %s", w->path, strerror(errno));
	while (ok && (e = readdir(d))) {
		char path[PATH_MAX];
		size_t n = strlen(e->d_name);
		struct stat st;
		bool packed = !strcmp(e->d_name, "header") || !strcmp(e->d_name, "files") ||
			      !strcmp(e->d_name, "annotations");

		if (e->d_name[0] == '.' || (n > 4 && !strcmp(e->d_name + n - 4, ".zst")) ||
		    !strcmp(e->d_name, "redacted"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", w->path, e->d_name);
		if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		ok = walk_file(w, path, TEXT_MEMBER, e->d_name, e->d_name, packed);
	}
	if (d)
		closedir(d);
	return ok;
}

static bool walk_stored(struct walk *w)
{
	for (size_t i = 0; i < deja_file_count(w->rec); i++) {
		const struct deja_file *f = deja_file_at(w->rec, i);
		char path[PATH_MAX];
		bool seen = false;

		for (size_t k = 0; k < i && !seen; k++) /* by content */
			seen = !strcmp(deja_file_at(w->rec, k)->hash, f->hash);
		if (seen || f->size > STORED_MAX_LEN)
			continue;
		snprintf(path, sizeof(path), "%s/f/%s", w->path, f->hash);
		if (!member_exists(path))
			continue; /* named by the reader's commands */
		if (!walk_file(w, path, TEXT_STORED, f->hash, f->path, false))
			return false;
	}
	return true;
}

bool walk_recording(struct walk *w)
{
	bool ok = walk_events(w) && walk_members(w) && walk_stored(w);

	while (w->open_count) {
		free_text(w->open[--w->open_count]);
		free(w->open[w->open_count]);
	}
	free(w->open);
	free_text(&w->scratch);
	return ok;
}
