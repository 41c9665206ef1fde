/*
 * The first half of `deja redact`: a copy of a recording with tokens in the place of secrets.
 * Two walks: the first gathers what the rules find, the second finds every place where one
 * of these values stands, in whatever direction, form or file, across the boundaries of calls.
 * Nothing changes its length, so that a place is a range of bytes and the copy is made by
 * overwriting.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "tools/share/digests.h"
#include "tools/share/member.h"
#include "tools/share/share.h"
#include "tools/cmd.h"
#include "tools/json.h"
#include "tracefmt/header.h"
#include "tracefmt/recording.h"
#include "tracefmt/stream.h"

enum { LEVEL = 3, ALONE_MIN_LEN = 6, WORD_MIN_LEN = 16 };

/* Bytes to overwrite: in an event, or in a file. */
struct patch {
	uint32_t stream;    /* 0: a file */
	uint64_t number;    /* events */
	const char *name;   /* files: as struct text has it, malloc'd */
	enum text_kind kind;
	uint64_t at;
	uint32_t len;
	uint8_t *bytes; /* malloc'd */
};

struct marking {
	const struct mark_options *options;
	struct rules *rules;
	struct secrets secrets;
	struct checksums *checksums;
	struct patch *patch;
	size_t patch_count, patch_cap;
	bool second;
};

/* --- places --- */

static bool add_patch(struct marking *m, const struct text *t, const struct piece *p, uint64_t at,
		      const uint8_t *bytes, uint32_t len)
{
	struct patch *x;

	if (m->patch_count == m->patch_cap) {
		size_t cap = m->patch_cap ? 2 * m->patch_cap : 256;
		struct patch *grown = realloc(m->patch, cap * sizeof(*grown));

		if (!grown)
			return false;
		m->patch = grown;
		m->patch_cap = cap;
	}
	x = &m->patch[m->patch_count];
	*x = (struct patch){.stream = p->stream, .number = p->number, .kind = t->kind,
			    .at = at, .len = len, .bytes = malloc(len),
			    .name = p->stream ? NULL : strdup(t->name)};
	if (!x->bytes || (!p->stream && !x->name))
		return false;
	memcpy(x->bytes, bytes, len);
	m->patch_count++;
	return true;
}

/* Overwrites a range of a text, in all the pieces that it lies in. */
static bool patch_text(struct marking *m, const struct text *t, uint64_t at, const uint8_t *bytes,
		       size_t len)
{
	while (len) {
		const struct piece *p = text_piece(t, at);
		size_t n = 1;

		if (p) {
			n = (size_t)(p->at + p->len - at);
			if (n > len)
				n = len;
			if (!add_patch(m, t, p, p->raw_at + (at - p->at), bytes, (uint32_t)n)) {
				cmd_error("out of memory");
				return false;
			}
		}
		at += n;
		bytes += n;
		len -= n;
	}
	return true;
}

/* Whether a value is told from other text by itself, not only by what stands around it. */
static bool stands_alone(const struct secret *s)
{
	bool digit = false, upper = false, lower = false, other = false;

	for (size_t i = 0; i < s->len; i++) {
		digit |= isdigit(s->value[i]) != 0;
		upper |= isupper(s->value[i]) != 0;
		lower |= islower(s->value[i]) != 0;
		other |= !isalnum(s->value[i]);
	}
	if (s->len >= WORD_MIN_LEN)
		return true;
	return s->len >= ALONE_MIN_LEN && digit + upper + lower + other >= 2 &&
	       !(digit && !upper && !lower && s->len < 10);
}

static struct secret *of_value(struct marking *m, const uint8_t *value, size_t len)
{
	struct secret *s = secrets_find(&m->secrets, value, len, 0);

	return s && s->len == len ? s : NULL;
}

static bool look(struct walk *w, struct text *t, size_t from, size_t to)
{
	struct marking *m = w->arg;
	size_t count, after = from;
	const struct match *match =
		rules_run(m->rules, t->bytes, t->len, from, to, t->base == 0, &count);

	if (!m->second) {
		checksums_look(m->checksums, t, from, to);
		for (size_t i = 0; i < count; i++)
			if (!secrets_add(&m->secrets, match[i].rule, t->bytes + match[i].start,
					 match[i].len))
				return false;
		return true;
	}
	for (size_t at = from; at < to; at++) {
		struct secret *s = NULL;

		while (count && match->start < at) {
			match++;
			count--;
		}
		if (count && match->start == at)
			s = of_value(m, t->bytes + at, match->len);
		if (!s) {
			s = secrets_find(&m->secrets, t->bytes, t->len, at);
			if (s && !stands_alone(s))
				s = NULL;
		}
		if (!s || at < after)
			continue;
		s->found++;
		if (s->kept)
			continue;
		if (!patch_text(m, t, t->base + at, s->token, s->len))
			return false;
		if (t->kind == TEXT_PAYLOAD)
			checksums_replaced(m->checksums, t->io_id, t->inbound);
		after = at + s->len;
	}
	return true;
}

/* --- the copy --- */

static int by_place(const void *a, const void *b)
{
	const struct patch *x = a, *y = b;
	int names;

	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	names = x->name && y->name ? strcmp(x->name, y->name) : 0;
	if (names)
		return names;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void apply(const struct patch *p, uint8_t *bytes, uint64_t len)
{
	if (p->at <= len && p->len <= len - p->at)
		memcpy(bytes + p->at, p->bytes, p->len);
}

/* One stream, its events overwritten where a patch says so. */
static bool copy_stream(struct marking *m, deja_recording *rec, uint32_t stream, const char *to,
			size_t *next)
{
	struct deja_error err;
	deja_cursor *cur = deja_cursor_open(rec, stream, &err);
	tf_writer *out = cur ? tf_writer_open(to, LEVEL, &err) : NULL;
	struct deja_event ev;
	uint8_t *room = NULL;
	size_t cap = 0;
	bool ok = out != NULL;
	int rc = 0;

	while (*next < m->patch_count && m->patch[*next].stream < stream)
		++*next;
	while (ok && (rc = deja_next(cur, &ev, &err)) > 0) {
		const uint8_t *bytes = ev.raw.data;

		if (*next < m->patch_count && m->patch[*next].stream == stream &&
		    m->patch[*next].number == ev.number) {
			if (ev.raw.len > cap) {
				free(room);
				room = malloc(cap = ev.raw.len);
			}
			ok = room != NULL;
			if (!ok) {
				snprintf(err.message, sizeof(err.message), "out of memory");
				break;
			}
			memcpy(room, ev.raw.data, ev.raw.len);
			for (; *next < m->patch_count && m->patch[*next].stream == stream &&
			       m->patch[*next].number == ev.number;
			     ++*next)
				apply(&m->patch[*next], room, ev.raw.len);
			bytes = room;
		}
		ok = tf_writer_append(out, bytes, ev.raw.len, &err) == 0;
	}
	if (rc < 0 && err.code != DEJA_E_TRUNCATED)
		ok = false;
	if (out && tf_writer_close(out, &err) < 0)
		ok = false;
	if (!ok)
		cmd_error("%s: %s", to, err.message);
	deja_cursor_close(cur);
	free(room);
	return ok;
}

static bool write_all(const char *path, const uint8_t *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	size_t done = 0;

	while (fd >= 0 && done < len) {
		ssize_t n = write(fd, bytes + done, len - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (fd < 0 || done < len || close(fd) < 0) {
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

/* The patches of one file; *count. */
static const struct patch *patches_of(const struct marking *m, enum text_kind kind,
				      const char *name, size_t *count)
{
	const struct patch *first = NULL;

	*count = 0;
	for (size_t i = 0; i < m->patch_count && !m->patch[i].stream; i++)
		if (m->patch[i].kind == kind && !strcmp(m->patch[i].name, name)) {
			if (!first)
				first = &m->patch[i];
			++*count;
		}
	return first;
}

static bool copy_members(struct marking *m, const char *from, const char *out)
{
	DIR *d = opendir(from);
	struct dirent *e;
	bool ok = d != NULL;

	while (ok && (e = readdir(d))) {
		char path[PATH_MAX], to[PATH_MAX];
		size_t n = strlen(e->d_name), count;
		const struct patch *p;
		struct member member;
		struct stat st;

		if (e->d_name[0] == '.' || (n > 4 && !strcmp(e->d_name + n - 4, ".zst")))
			continue;
		snprintf(path, sizeof(path), "%s/%s", from, e->d_name);
		snprintf(to, sizeof(to), "%s/%s", out, e->d_name);
		if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		ok = member_read(path, &member);
		if (!ok)
			break;
		p = patches_of(m, TEXT_MEMBER, e->d_name, &count);
		for (size_t i = 0; i < count; i++)
			apply(&p[i], member.bytes, member.len);
		ok = write_all(to, member.bytes, member.len, 0600);
		member_free(&member);
	}
	if (!d)
		cmd_error("%s: %s", from, strerror(errno));
	else
		closedir(d);
	return ok;
}

/* Stored files: the same inode where nothing changes and the file system allows, else a copy. A
 * changed one has another hash, which `files` is then written anew with. */
static bool copy_stored(struct marking *m, deja_recording *rec, const char *from, const char *out)
{
	size_t file_count = deja_file_count(rec);
	struct deja_file *files = calloc(file_count + 1, sizeof(*files));
	char (*hashes)[33] = calloc(file_count + 1, sizeof(*hashes));
	char path[PATH_MAX], to[PATH_MAX];
	struct deja_error err;
	bool ok = files && hashes, changed = false;

	/* what its name is and is not in `files` is of no file: left out */
	snprintf(path, sizeof(path), "%s/f", out);
	if (ok && mkdir(path, 0700) < 0) {
		cmd_error("%s: %s", path, strerror(errno));
		ok = false;
	}
	for (size_t i = 0; ok && i < file_count; i++) {
		size_t count;
		const struct patch *p;
		struct member member;

		files[i] = *deja_file_at(rec, i);
		p = patches_of(m, TEXT_STORED, files[i].hash, &count);
		snprintf(path, sizeof(path), "%s/f/%s", from, files[i].hash);
		if (!count) {
			snprintf(to, sizeof(to), "%s/f/%s", out, files[i].hash);
			if (!member_exists(path) || access(to, F_OK) == 0 ||
			    linkat(AT_FDCWD, path, AT_FDCWD, to, 0) == 0)
				continue;
		}
		ok = member_read(path, &member);
		if (!ok)
			break;
		for (size_t k = 0; k < count; k++)
			apply(&p[k], member.bytes, member.len);
		if (count) {
			XXH128_canonical_t canonical;

			XXH128_canonicalFromHash(&canonical, XXH3_128bits(member.bytes, member.len));
			for (unsigned k = 0; k < sizeof(canonical.digest); k++)
				sprintf(hashes[i] + 2 * k, "%02x", canonical.digest[k]);
			files[i].hash = hashes[i];
			/* no live file is this one any more */
			files[i].mtime_ns = 0;
			files[i].ino = 0;
			changed = true;
		}
		snprintf(to, sizeof(to), "%s/f/%s", out, files[i].hash);
		if (access(to, F_OK) < 0)
			ok = write_all(to, member.bytes, member.len, 0500);
		member_free(&member);
	}
	if (ok && changed) {
		/* by way of the copied one, whose paths are redacted, too */
		msgpack_zone *zone = msgpack_zone_new(8192);
		const struct deja_file *copied = NULL;
		size_t copied_count = 0;

		ok = zone && tf_files_read(out, zone, &copied, &copied_count, &err) == 0 &&
		     copied_count == file_count;
		for (size_t i = 0; ok && i < file_count; i++)
			files[i].path = copied[i].path;
		ok = ok && tf_files_write(out, files, file_count, &err) == 0;
		if (!ok)
			cmd_error("%s: %s", out, err.message);
		msgpack_zone_free(zone);
	}
	free(files);
	free(hashes);
	return ok;
}

static bool copy_streams(struct marking *m, deja_recording *rec, const char *from, const char *out)
{
	DIR *d = opendir(from);
	struct dirent *e;
	char to[PATH_MAX];
	bool ok = d != NULL;

	while (ok && (e = readdir(d))) {
		size_t next = 0;
		unsigned stream;
		char tail;

		if (sscanf(e->d_name, "p%u.zst%c", &stream, &tail) != 1 || !stream)
			continue;
		snprintf(to, sizeof(to), "%s/p%u.zst", out, stream);
		ok = copy_stream(m, rec, stream, to, &next);
	}
	if (d)
		closedir(d);
	return ok;
}

static bool copy_external(struct marking *m, deja_recording *rec, const char *from, const char *out)
{
	char path[PATH_MAX], to[PATH_MAX];
	size_t next = 0;

	snprintf(path, sizeof(path), "%s/x1.zst", from);
	snprintf(to, sizeof(to), "%s/x1.zst", out);
	return access(path, F_OK) < 0 || copy_stream(m, rec, DEJA_STREAM_EXTERNAL, to, &next);
}

/* One secret of a group, in the form of which most was found; *found: all forms together. NULL: it has
 * none but digests. */
static const struct secret *of_group(const struct secrets *s, uint32_t group, uint64_t *found)
{
	const struct secret *first = NULL;

	*found = 0;
	for (size_t i = 0; i < s->count; i++)
		if (s->secret[i].group == group && !s->secret[i].digest) {
			*found += s->secret[i].found;
			if (!first || s->secret[i].found > first->found)
				first = &s->secret[i];
		}
	return first;
}

/* How often a digest of this name was found of a secret. */
static uint64_t digests_found(const struct secrets *s, uint32_t group, const char *name)
{
	uint64_t found = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->secret[i].group == group && s->secret[i].digest && !strcmp(s->secret[i].digest, name))
			found += s->secret[i].found;
	return found;
}

static void print_secrets(FILE *out, const struct marking *m)
{
	const struct secrets *s = &m->secrets;
	const char *name;
	uint8_t digest[64];
	uint64_t found;

	fprintf(out, "%u secret%s in %zu piece%s\n", s->group_count, s->group_count == 1 ? "" : "s",
		m->patch_count, m->patch_count == 1 ? "" : "s");
	for (uint32_t group = 1; group <= s->group_count; group++) {
		const struct secret *first = of_group(s, group, &found);

		if (!first)
			continue;
		fprintf(out, "  %3u  %-18s %4zu bytes, %" PRIu64 " place%s", group, first->rule, first->len, found,
			found == 1 ? "" : "s");
		for (unsigned which = 0; digest_of(which, digest, 0, digest, &name); which++)
			if ((found = digests_found(s, group, name)) > 0)
				fprintf(out, ", its %s in %" PRIu64, name, found);
		fprintf(out, "%s\n", first->kept ? ", kept" : "");
	}
	checksums_print(m->checksums, out);
}

static void print_secrets_json(FILE *out, const struct marking *m)
{
	struct json j = {.out = out};
	const struct secrets *s = &m->secrets;
	const char *name;
	uint8_t digest[64];
	uint64_t found;

	json_open(&j, NULL, '{');
	json_open(&j, "secrets", '[');
	for (uint32_t group = 1; group <= s->group_count; group++) {
		const struct secret *first = of_group(s, group, &found);

		if (!first)
			continue;
		json_open(&j, NULL, '{');
		json_uint(&j, "number", group);
		json_text(&j, "rule", first->rule);
		json_uint(&j, "len", first->len);
		json_uint(&j, "places", found);
		json_open(&j, "digests", '{');
		for (unsigned which = 0; digest_of(which, digest, 0, digest, &name); which++)
			if ((found = digests_found(s, group, name)) > 0)
				json_uint(&j, name, found);
		json_close(&j, '}');
		json_bool(&j, "kept", first->kept);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_uint(&j, "pieces", m->patch_count);
	checksums_print_json(m->checksums, &j);
}

int share_mark(const char *recording, const char *out, const struct mark_options *options)
{
	struct marking m = {.options = options};
	struct walk w = {.path = recording, .look = look, .arg = &m};
	FILE *list = options->list_fd ? fdopen(options->list_fd, "w") : stdout;
	struct deja_error err;
	int status = CMD_FAILED;

	m.rules = rules_new(&options->rules);
	m.checksums = checksums_new();
	if (!list || !m.rules || !m.checksums || !secrets_begin(&m.secrets))
		return CMD_FAILED;
	w.rec = deja_open(recording, &err);
	if (!w.rec) {
		cmd_error("%s", err.message);
		status = CMD_UNREADABLE;
		goto end;
	}
	tf_recording_set_seal(w.rec, member_seal());
	if (!walk_recording(&w) || !secrets_seal(&m.secrets))
		goto end;
	for (size_t i = 0; i < m.secrets.count; i++)
		for (size_t k = 0; k < options->keep_count; k++)
			m.secrets.secret[i].kept |= m.secrets.secret[i].group == options->keep[k];
	w = (struct walk){.path = recording, .rec = w.rec, .look = look, .arg = &m};
	m.second = true;
	if (!walk_recording(&w))
		goto end;
	if (m.patch_count)
		qsort(m.patch, m.patch_count, sizeof(*m.patch), by_place);
	if (copy_members(&m, recording, out) && copy_stored(&m, w.rec, recording, out) &&
	    copy_streams(&m, w.rec, recording, out) && copy_external(&m, w.rec, recording, out) &&
	    tokens_write(out, &m.secrets)) {
		status = m.secrets.count ? 1 : 0;
		if (options->json)
			print_secrets_json(list, &m);
		else
			print_secrets(list, &m);
		if (list != stdout && fclose(list) != 0)
			status = CMD_FAILED;
	}
end:
	deja_close(w.rec);
	for (size_t i = 0; i < m.patch_count; i++) {
		free(m.patch[i].bytes);
		free((char *)m.patch[i].name);
	}
	free(m.patch);
	free(m.checksums);
	secrets_free(&m.secrets);
	rules_free(m.rules);
	return status;
}
