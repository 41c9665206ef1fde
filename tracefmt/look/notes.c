/*
 * Annotations (deja_look.h), kept beside the trace in a log that only grows: a msgpack array
 * ["deja annotations", 1], then one map per version of a note. Writers lock it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tracefmt/deja_look.h"
#include "tracefmt/error.h"
#include "tracefmt/wire.h"

enum {
	LOG_MAX = 64 << 20,	/* bytes */
	TEXT_LIMIT = 64 << 10,	/* of one text */
	HEAD_ROOM = 512,	/* of an entry without its texts */
};
static const char magic[] = "deja annotations";

struct deja_notes {
	char *path;
	char *packed; /* what counts while there is none at path; NULL */
	struct deja_note *history; /* its texts are malloc'd */
	size_t history_count, history_cap;
	size_t *now; /* by id: the history's index of the last version, deleted ones left out */
	size_t now_count;
	uint32_t last_id;
	size_t good_len; /* bytes of the log that decode */
};

/* --- reading --- */

static char *get_text(struct tf_in *in)
{
	uint32_t len;
	const uint8_t *bytes = tf_get_bytes(in, &len);

	if (in->bad || len > TEXT_LIMIT)
		return NULL;
	return strndup((const char *)bytes, len);
}

static void get_when(struct tf_in *in, struct deja_when *when, bool *has)
{
	uint32_t count;

	if (tf_get_nil(in))
		return;
	count = tf_get_array(in);
	if (count != 3) {
		in->bad = 1;
		return;
	}
	when->time_ns = tf_get_int(in);
	when->stream = (uint32_t)tf_get_int(in);
	when->number = (uint64_t)tf_get_int(in);
	*has = true;
}

static bool key_is(const uint8_t *key, uint32_t len, const char *name)
{
	return len == strlen(name) && !memcmp(key, name, len);
}

static bool note_decode(struct tf_in *in, struct deja_note *note)
{
	uint32_t count = tf_get_map(in), len;

	memset(note, 0, sizeof(*note));
	for (; count && !in->bad; count--) {
		const uint8_t *key = tf_get_bytes(in, &len);

		if (in->bad)
			break;
		if (key_is(key, len, "id"))
			note->id = (uint32_t)tf_get_int(in);
		else if (key_is(key, len, "version"))
			note->version = (uint32_t)tf_get_int(in);
		else if (key_is(key, len, "kind"))
			note->kind = (enum deja_note_kind)tf_get_int(in);
		else if (key_is(key, len, "target"))
			note->target = (enum deja_note_target)tf_get_int(in);
		else if (key_is(key, len, "from"))
			get_when(in, &note->range.from, &note->range.has_from);
		else if (key_is(key, len, "to"))
			get_when(in, &note->range.to, &note->range.has_to);
		else if (key_is(key, len, "io"))
			note->io_id = (uint32_t)tf_get_int(in);
		else if (key_is(key, len, "time"))
			note->realtime_ns = tf_get_int(in);
		else if (key_is(key, len, "deleted"))
			note->deleted = tf_get_int(in) != 0;
		else if (key_is(key, len, "text") && !note->text)
			note->text = get_text(in);
		else if (key_is(key, len, "author") && !note->author)
			note->author = get_text(in);
		else if (key_is(key, len, "score")) {
			int64_t bits = tf_get_int(in);

			memcpy(&note->score, &bits, sizeof(note->score));
		} else {
			tf_skip(in);
		}
	}
	return !in->bad && note->id && note->kind >= DEJA_NOTE_COMMENT &&
	       note->kind <= DEJA_NOTE_SCORE && note->target >= DEJA_NOTE_RECORDING &&
	       note->target <= DEJA_NOTE_IO && note->text && note->author &&
	       note->score == note->score;
}

static void note_clear(struct deja_note *note)
{
	free((char *)note->text);
	free((char *)note->author);
}

static bool history_add(deja_notes *n, const struct deja_note *note)
{
	if (n->history_count == n->history_cap) {
		size_t cap = n->history_cap ? 2 * n->history_cap : 16;
		struct deja_note *grown = realloc(n->history, cap * sizeof(*grown));

		if (!grown)
			return false;
		n->history = grown;
		n->history_cap = cap;
	}
	n->history[n->history_count++] = *note;
	if (note->id > n->last_id)
		n->last_id = note->id;
	return true;
}

static int by_id(const void *a, const void *b, void *notes)
{
	const deja_notes *n = notes;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	uint32_t i = n->history[x].id, k = n->history[y].id;

	if (i != k)
		return i < k ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool index_build(deja_notes *n)
{
	size_t kept = 0;

	free(n->now);
	n->now_count = 0;
	n->now = calloc(n->history_count + 1, sizeof(*n->now));
	if (!n->now)
		return false;
	for (size_t i = 0; i < n->history_count; i++)
		n->now[i] = i;
	qsort_r(n->now, n->history_count, sizeof(*n->now), by_id, n);
	for (size_t i = 0; i < n->history_count; i++) {
		const struct deja_note *note = &n->history[n->now[i]];
		bool last = i + 1 == n->history_count ||
			    n->history[n->now[i + 1]].id != note->id;

		if (last && !note->deleted)
			n->now[kept++] = n->now[i];
	}
	n->now_count = kept;
	return true;
}

static int damaged(const deja_notes *n, struct deja_error *err)
{
	return tf_fail(err, DEJA_E_HEADER, "%s: the annotations are damaged", n->path);
}

/* The log's bytes: entries, the last of which may be cut off by a writer that died. */
static int parse(deja_notes *n, const uint8_t *bytes, size_t len, struct deja_error *err)
{
	struct tf_in in = {bytes, bytes + len, 0};
	const uint8_t *text;
	uint32_t text_len;

	if (!len)
		return 0;
	if (tf_get_array(&in) < 2)
		return damaged(n, err);
	text = tf_get_bytes(&in, &text_len);
	if (in.bad || !key_is(text, text_len, magic))
		return tf_fail(err, DEJA_E_HEADER, "%s: not deja's annotations", n->path);
	if (tf_get_int(&in) != 1)
		return tf_fail(err, DEJA_E_VERSION, "%s: made by a newer deja", n->path);
	while (in.p < in.end) {
		struct tf_in whole = in;
		struct deja_note note;

		n->good_len = (size_t)(in.p - bytes);
		tf_skip(&whole);
		if (whole.bad)
			return 0; /* cut off */
		if (!note_decode(&in, &note)) {
			note_clear(&note);
			return damaged(n, err);
		}
		if (!history_add(n, &note)) {
			note_clear(&note);
			return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		}
	}
	n->good_len = len;
	return 0;
}

static void forget(deja_notes *n)
{
	for (size_t i = 0; i < n->history_count; i++)
		note_clear(&n->history[i]);
	n->history_count = n->now_count = 0;
	n->last_id = 0;
	n->good_len = 0;
}

static int load(deja_notes *n, int fd, struct deja_error *err)
{
	struct stat st;
	uint8_t *bytes;
	ssize_t got;
	int rc = 0;

	forget(n);
	if (fd >= 0) {
		if (fstat(fd, &st) < 0)
			return tf_fail_errno(err, "cannot read %s", n->path);
		if (!S_ISREG(st.st_mode) || st.st_size > LOG_MAX)
			return damaged(n, err);
		bytes = malloc((size_t)st.st_size + 1);
		if (!bytes)
			return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		got = pread(fd, bytes, (size_t)st.st_size, 0);
		rc = got < 0 ? tf_fail_errno(err, "cannot read %s", n->path)
			     : parse(n, bytes, (size_t)got, err);
		free(bytes);
	}
	if (rc == 0 && !index_build(n))
		rc = tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	return rc;
}

deja_notes *deja_notes_open(const char *path, struct deja_error *err)
{
	return deja_notes_open_packed(path, NULL, err);
}

static int open_log(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

deja_notes *deja_notes_open_packed(const char *path, const char *packed, struct deja_error *err)
{
	deja_notes *n = calloc(1, sizeof(*n));
	struct stat st;
	int fd = -1, rc;

	if (!n) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	if (stat(path, &st) < 0) {
		tf_fail_errno(err, "%s", path);
		goto fail;
	}
	if (asprintf(&n->path, S_ISDIR(st.st_mode) ? "%s/annotations" : "%s.annotations",
		     path) < 0) {
		n->path = NULL;
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		goto fail;
	}
	n->packed = packed ? strdup(packed) : NULL;
	fd = open_log(n->path);
	if (fd < 0 && errno == ENOENT && n->packed)
		fd = open_log(n->packed);
	if (fd < 0 && errno != ENOENT) {
		tf_fail_errno(err, "cannot read %s", n->path);
		goto fail;
	}
	rc = load(n, fd, err);
	if (fd >= 0)
		close(fd);
	if (rc == 0)
		return n;
fail:
	deja_notes_close(n);
	return NULL;
}

void deja_notes_close(deja_notes *n)
{
	if (!n)
		return;
	forget(n);
	free(n->history);
	free(n->now);
	free(n->path);
	free(n->packed);
	free(n);
}

size_t deja_notes_count(const deja_notes *n)
{
	return n->now_count;
}

const struct deja_note *deja_notes_at(const deja_notes *n, size_t index)
{
	return index < n->now_count ? &n->history[n->now[index]] : NULL;
}

const struct deja_note *deja_notes_by_id(const deja_notes *n, uint32_t id)
{
	for (size_t i = 0; i < n->now_count; i++)
		if (n->history[n->now[i]].id == id)
			return &n->history[n->now[i]];
	return NULL;
}

size_t deja_notes_history_count(const deja_notes *n)
{
	return n->history_count;
}

const struct deja_note *deja_notes_history_at(const deja_notes *n, size_t index)
{
	return index < n->history_count ? &n->history[index] : NULL;
}

/* --- writing --- */

static uint8_t *put_key(uint8_t *p, const char *key)
{
	size_t len = strlen(key);

	p = tf_put_str(p, (uint32_t)len);
	memcpy(p, key, len);
	return p + len;
}

static uint8_t *put_when(uint8_t *p, bool has, const struct deja_when *when)
{
	if (!has)
		return tf_put_nil(p);
	p = tf_put_array(p, 3);
	p = tf_put_int(p, when->time_ns);
	p = tf_put_uint(p, when->stream);
	return tf_put_uint(p, when->number);
}

static uint8_t *put_text(uint8_t *p, const char *key, const char *text)
{
	size_t len = strlen(text);

	p = put_key(p, key);
	p = tf_put_bin(p, (uint32_t)len);
	memcpy(p, text, len);
	return p + len;
}

static size_t encode(const struct deja_note *note, bool first, uint8_t *buf)
{
	uint8_t *p = buf;
	int64_t bits;

	memcpy(&bits, &note->score, sizeof(bits));
	if (first) {
		p = tf_put_array(p, 2);
		p = put_key(p, magic);
		p = tf_put_uint(p, 1);
	}
	p = tf_put_map(p, 12);
	p = tf_put_uint(put_key(p, "id"), note->id);
	p = tf_put_uint(put_key(p, "version"), note->version);
	p = tf_put_uint(put_key(p, "kind"), note->kind);
	p = tf_put_uint(put_key(p, "target"), note->target);
	p = put_when(put_key(p, "from"), note->range.has_from, &note->range.from);
	p = put_when(put_key(p, "to"), note->range.has_to, &note->range.to);
	p = tf_put_uint(put_key(p, "io"), note->io_id);
	p = tf_put_int(put_key(p, "score"), bits);
	p = tf_put_int(put_key(p, "time"), note->realtime_ns);
	p = tf_put_uint(put_key(p, "deleted"), note->deleted);
	p = put_text(p, "text", note->text);
	p = put_text(p, "author", note->author);
	return (size_t)(p - buf);
}

static const char *user_name(void)
{
	const char *name = getenv("USER");
	const struct passwd *pw = name && *name ? NULL : getpwuid(getuid());

	return name && *name ? name : pw ? pw->pw_name : "unknown";
}

/* Appends to the open, locked log; what a dead writer left half-written is cut off. */
static int append(deja_notes *n, int fd, const struct deja_note *note, struct deja_error *err)
{
	size_t room = HEAD_ROOM + strlen(note->text) + strlen(note->author), len;
	uint8_t *buf = malloc(room);
	int rc = 0;

	if (!buf)
		return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	len = encode(note, n->good_len == 0, buf);
	if (n->good_len + len > LOG_MAX)
		rc = tf_fail(err, DEJA_E_RANGE, "%s: more annotations than a recording may have",
			     n->path);
	else if (ftruncate(fd, (off_t)n->good_len) < 0 ||
		 pwrite(fd, buf, len, (off_t)n->good_len) != (ssize_t)len || fsync(fd) < 0)
		rc = tf_fail_errno(err, "cannot write %s", n->path);
	free(buf);
	return rc;
}

/* A new log begins with what is in the packed file. */
static int begin_with_packed(deja_notes *n, int fd, struct deja_error *err)
{
	struct stat st;
	uint8_t *bytes;
	ssize_t got = 0;
	int from, rc = 0;

	if (!n->packed || fstat(fd, &st) < 0 || st.st_size)
		return 0;
	from = open_log(n->packed);
	if (from < 0)
		return errno == ENOENT ? 0 : tf_fail_errno(err, "cannot read %s", n->packed);
	rc = load(n, from, err); /* it decodes, and how much of it */
	bytes = malloc(n->good_len + 1);
	if (rc == 0 && bytes)
		got = pread(from, bytes, n->good_len, 0);
	if (rc == 0 && (!bytes || got != (ssize_t)n->good_len || pwrite(fd, bytes, n->good_len, 0) != got))
		rc = tf_fail_errno(err, "cannot write %s", n->path);
	free(bytes);
	close(from);
	return rc;
}

int deja_notes_put(deja_notes *n, const struct deja_note *note, uint32_t *id,
		   struct deja_error *err)
{
	struct deja_note whole = *note;
	const struct deja_note *before;
	struct timespec now;
	char *text, *author;
	int fd, rc;

	whole.text = note->text ? note->text : "";
	whole.author = note->author && *note->author ? note->author : user_name();
	if (strlen(whole.text) > TEXT_LIMIT || strlen(whole.author) > TEXT_LIMIT)
		return tf_fail(err, DEJA_E_RANGE, "an annotation has at most %d bytes", TEXT_LIMIT);
	if (whole.score != whole.score)
		return tf_fail(err, DEJA_E_RANGE, "a score is a number");
	/* a note of ours, given back changed: its texts end with the next load */
	whole.text = text = strdup(whole.text);
	whole.author = author = strdup(whole.author);
	if (!text || !author) {
		rc = tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		goto out_texts;
	}
	fd = open(n->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0) {
		rc = tf_fail_errno(err, "cannot write %s", n->path);
		goto out_texts;
	}
	if (flock(fd, LOCK_EX) < 0) {
		rc = tf_fail_errno(err, "cannot lock %s", n->path);
		goto out;
	}
	rc = begin_with_packed(n, fd, err);
	if (rc == 0)
		rc = load(n, fd, err);
	if (rc < 0)
		goto out;
	before = whole.id ? deja_notes_by_id(n, whole.id) : NULL;
	if (whole.id && !before) {
		rc = tf_fail(err, DEJA_E_RANGE, "no annotation %u", whole.id);
		goto out;
	}
	if (!whole.id)
		whole.id = n->last_id + 1;
	whole.version = before ? before->version + 1 : 1;
	if (!whole.realtime_ns) {
		clock_gettime(CLOCK_REALTIME, &now);
		whole.realtime_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	}
	rc = append(n, fd, &whole, err);
	if (rc == 0)
		rc = load(n, fd, err);
	if (rc == 0 && id)
		*id = whole.id;
out:
	close(fd);
out_texts:
	free(text);
	free(author);
	return rc;
}

bool deja_note_covers(const struct deja_note *note, const struct deja_event *ev,
		      const struct deja_sight *sight)
{
	switch (note->target) {
	case DEJA_NOTE_RANGE:
		return deja_range_has(&note->range, ev);
	case DEJA_NOTE_EVENT:
		return note->range.from.stream == ev->stream &&
		       note->range.from.number == ev->number;
	case DEJA_NOTE_IO:
		return sight && ((sight->io && sight->io->id == note->io_id) ||
				 (sight->other && sight->other->id == note->io_id));
	case DEJA_NOTE_RECORDING:
		break;
	}
	return false;
}
