/*
 * `deja trim`: a copy of a part of a recording. What ends early is a recording still: it
 * replays up to there. What lacks events in the middle, or processes, can only be read; its
 * header says so.
 */
#include <dirent.h>
#include <fcntl.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/json.h"
#include "tools/readme.h"
#include "tools/select.h"
#include "tools/keep/trim.h"
#include "tracefmt/calls.h"
#include "tracefmt/deja_look.h"
#include "tracefmt/header.h"
#include "tracefmt/stream.h"
#include "tracefmt/wire.h"

enum { LEVEL = 3, DT_ROOM = 16 };

/* Where a recording is to end. */
struct end {
	int64_t time_ns; /* what completes from then on is left out */
	uint32_t stream; /* and from this event of this stream on */
	uint64_t number;
	const char *reason;
};

/* What became of one stream. */
struct trimmed {
	uint32_t stream;
	uint64_t event_count, byte_len;
	int64_t end_ns;
	bool cut;
};

struct copy {
	deja_recording *rec;
	const char *from, *out;
	struct trimmed *stream; /* by number */
	size_t count, cap;
};

static struct trimmed *trimmed_of(struct copy *c, uint32_t stream)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->stream[i].stream == stream)
			return &c->stream[i];
	return NULL;
}

/* The streams that there are, by their files. False after printing why not. */
static bool list_streams(struct copy *c)
{
	DIR *d = opendir(c->from);
	struct dirent *e;

	if (!d) {
		cmd_error("%s: %s", c->from, strerror(errno));
		return false;
	}
	while ((e = readdir(d))) {
		struct trimmed *grown;
		unsigned n;
		char tail;

		if (sscanf(e->d_name, "p%u.zst%c", &n, &tail) != 1 || !n)
			continue;
		grown = realloc(c->stream, (c->count + 1) * sizeof(*grown));
		if (!grown)
			break;
		c->stream = grown;
		grown[c->count++] = (struct trimmed){.stream = n};
	}
	closedir(d);
	return true;
}

static bool before_end(const struct end *end, const struct deja_event *ev)
{
	if (ev->stream == end->stream && end->number)
		return ev->number < end->number;
	return ev->time_ns < end->time_ns;
}

static tf_writer *open_stream(struct copy *c, uint32_t stream, deja_cursor **cur,
			      struct deja_error *err)
{
	char path[PATH_MAX];

	if (stream == DEJA_STREAM_EXTERNAL)
		snprintf(path, sizeof(path), "%s/x1.zst", c->out);
	else
		snprintf(path, sizeof(path), "%s/p%u.zst", c->out, stream);
	*cur = deja_cursor_open(c->rec, stream, err);
	return *cur ? tf_writer_open(path, LEVEL, err) : NULL;
}

/* Ends one stream early. */
static bool cut_stream(struct copy *c, const struct end *end, uint32_t stream, struct trimmed *t)
{
	struct deja_error err;
	deja_cursor *cur;
	tf_writer *w = open_stream(c, stream, &cur, &err);
	struct deja_event ev;
	bool ok = w != NULL;
	int rc = 0;

	while (ok && (rc = deja_next(cur, &ev, &err)) > 0) {
		if (!before_end(end, &ev)) {
			t->cut = true;
			break;
		}
		ok = tf_writer_append(w, ev.raw.data, ev.raw.len, &err) == 0;
		t->end_ns = ev.time_ns;
	}
	if (rc < 0 && err.code != DEJA_E_TRUNCATED)
		ok = false;
	if (ok && t->cut && stream != DEJA_STREAM_EXTERNAL)
		ok = tf_writer_stop(w, end->reason, &err) == 0;
	if (w) {
		t->event_count = tf_writer_event_count(w);
		t->byte_len = tf_writer_byte_len(w);
		if (tf_writer_close(w, &err) < 0)
			ok = false;
	}
	if (!ok)
		cmd_error("%s: stream %u: %s", c->out, stream, err.message);
	deja_cursor_close(cur);
	return ok;
}

/* One event with another time before it: `dt` is its second element. */
static bool append_with_dt(tf_writer *w, const struct deja_event *ev, struct deja_error *err)
{
	struct tf_in in = {ev->raw.data, ev->raw.data + ev->raw.len, 0};
	const struct tf_state *st = tf_writer_state(w);
	uint8_t head[DT_ROOM + 16], *p = head;
	uint32_t count = tf_get_array(&in);

	tf_get_int(&in);
	if (ev->id == TF_EV_CLOCK) {
		/* the clock's value is told as a difference, too */
		return tf_writer_append(w, ev->raw.data, ev->raw.len, err) == 0;
	}
	tf_get_int(&in);
	p = tf_put_array(p, count);
	p = tf_put_uint(p, ev->id);
	p = tf_put_int(p, ev->time_ns - ev->dur_ns - st->time_ns);
	return !in.bad && tf_writer_append(w, head, (size_t)(p - head), err) == 0 &&
	       tf_writer_append(w, in.p, (size_t)(in.end - in.p), err) == 0;
}

/* What later events are relative to, or are about: always kept. */
static bool is_context(unsigned id)
{
	return id == TF_EV_THREAD || id == TF_EV_CLOCK || id == TF_EV_IMAGE || id == TF_EV_CHILD ||
	       id == TF_EV_EXEC || id == TF_EV_END || id == TF_EV_NOTE ||
	       id == TF_EV_ADDRESS;
}

/* All streams, only with the events that pass the filter. */
static bool copy_selected(struct copy *c, const deja_filter *filter, uint64_t sample,
			  uint64_t *kept)
{
	struct deja_error err;
	deja_look *l = deja_look_open(c->rec, NULL, DEJA_LOOK_TRACK, &err);
	tf_writer **w = calloc(c->count + 1, sizeof(*w));
	bool *wanted = calloc(c->count + 1, sizeof(*wanted));
	struct deja_event ev;
	struct deja_sight sight;
	uint64_t met = 0;
	bool ok = l && w && wanted;
	int rc = 0;

	while (ok && (rc = deja_look_next(l, &ev, &sight, &err)) != 0) {
		struct trimmed *t;
		size_t i;
		bool pass;

		if (rc < 0 && err.code == DEJA_E_TRUNCATED)
			continue;
		if (rc < 0) {
			ok = false;
			break;
		}
		t = trimmed_of(c, ev.stream);
		if (!t)
			continue;
		i = (size_t)(t - c->stream);
		if (!w[i]) {
			char path[PATH_MAX];

			snprintf(path, sizeof(path), "%s/p%u.zst", c->out, t->stream);
			w[i] = tf_writer_open(path, LEVEL, &err);
			ok = w[i] != NULL;
			if (!ok)
				break;
		}
		pass = deja_filter_match(filter, &ev, deja_look_tracker(l), &sight) &&
		       met++ % sample == 0;
		*kept += pass;
		wanted[i] |= pass;
		if (!pass && !is_context(ev.id))
			continue;
		if (ev.id >= TF_ID_FIRST || tf_event_is_timed(ev.id))
			ok = append_with_dt(w[i], &ev, &err);
		else
			ok = tf_writer_append(w[i], ev.raw.data, ev.raw.len, &err) == 0;
		t->end_ns = ev.time_ns;
	}
	for (size_t i = 0; w && i < c->count; i++) {
		if (!w[i])
			continue;
		c->stream[i].event_count = tf_writer_event_count(w[i]);
		c->stream[i].byte_len = tf_writer_byte_len(w[i]);
		if (tf_writer_close(w[i], &err) < 0)
			ok = false;
		if (!wanted[i]) { /* nothing of it was asked for */
			char path[PATH_MAX];

			snprintf(path, sizeof(path), "%s/p%u.zst", c->out, c->stream[i].stream);
			unlink(path);
			c->stream[i].event_count = 0;
		}
	}
	if (!ok)
		cmd_error("%s: %s", c->out, err.message);
	if (l)
		deja_look_close(l);
	free(w);
	free(wanted);
	return ok;
}

/* The header of what is left. */
static bool write_header(struct copy *c, const char *cause, const char *partial)
{
	struct deja_header h = *deja_header(c->rec);
	struct deja_process *processes = calloc(h.process_count + 1, sizeof(*processes));
	struct deja_error err;
	bool cut = false, ok = processes != NULL;
	size_t kept = 0;

	h.event_count = h.byte_len = 0;
	for (size_t i = 0; ok && i < h.process_count; i++) {
		const struct trimmed *t = trimmed_of(c, h.processes[i].stream);
		struct deja_process *p = &processes[kept];

		if (!t || !t->event_count)
			continue;
		*p = h.processes[i];
		p->event_count = t->event_count;
		p->byte_len = t->byte_len;
		if (t->cut) {
			p->end_ns = t->end_ns;
			p->complete = p->status_known = false;
			p->note_count = 1;
			p->notes = &h.cause; /* set below */
			cut = true;
		}
		h.event_count += t->event_count;
		h.byte_len += t->byte_len;
		kept++;
	}
	h.processes = processes;
	cut |= kept < h.process_count;
	h.process_count = kept;
	h.partial = partial ? partial : h.partial;
	if (cut && cause) {
		h.complete = false;
		h.cause = cause;
		h.status_known = false;
		h.duration_ns = 0;
		for (size_t i = 0; i < kept; i++)
			if (processes[i].end_ns > h.duration_ns)
				h.duration_ns = processes[i].end_ns;
	}
	ok = ok && tf_header_write(c->out, &h, &err) == 0;
	if (!ok)
		cmd_error("%s: %s", c->out, processes ? err.message : "out of memory");
	ok = ok && readme_write(c->out, &h);
	free(processes);
	return ok;
}

/* All streams and the header, ended early, into c->out. */
static bool cut_all(struct copy *c, const struct end *end)
{
	struct trimmed external = {0};
	char path[PATH_MAX];

	if (!list_streams(c))
		return false;
	for (size_t i = 0; i < c->count; i++)
		if (!cut_stream(c, end, c->stream[i].stream, &c->stream[i]))
			return false;
	for (size_t i = 0; i < c->count; i++)
		if (!c->stream[i].event_count) { /* it began later */
			snprintf(path, sizeof(path), "%s/p%u.zst", c->out, c->stream[i].stream);
			unlink(path);
		}
	snprintf(path, sizeof(path), "%s/x1.zst", c->from);
	if (access(path, F_OK) == 0 && !cut_stream(c, end, DEJA_STREAM_EXTERNAL, &external))
		return false;
	return write_header(c, end->reason, NULL);
}

int trim_until_event(const char *path, uint32_t stream, uint64_t number, const char *reason)
{
	struct end end = {.stream = stream, .number = number, .reason = reason};
	struct copy c = {.from = path};
	char dir[PATH_MAX], from[PATH_MAX + 32], to[PATH_MAX + 32];
	struct deja_error err;
	deja_cursor *cur = NULL;
	struct deja_event ev;
	int status = CMD_FAILED;

	snprintf(dir, sizeof(dir), "%s/.trimmed", path);
	c.out = dir;
	c.rec = deja_open(path, &err);
	cur = c.rec ? deja_cursor_open(c.rec, stream, &err) : NULL;
	if (!cur || deja_seek_event(cur, number, &err) < 0 || deja_next(cur, &ev, &err) <= 0) {
		cmd_error("%s: %s", path, err.message);
		status = CMD_UNREADABLE;
	} else if (mkdir(dir, 0700) < 0) {
		cmd_error("%s: %s", dir, strerror(errno));
	} else {
		/* in other streams what completed when this call began has happened */
		end.time_ns = ev.time_ns - ev.dur_ns;
		if (cut_all(&c, &end))
			status = 0;
	}
	for (size_t i = 0; !status && i < c.count; i++) {
		snprintf(from, sizeof(from), "%s/p%u.zst", dir, c.stream[i].stream);
		snprintf(to, sizeof(to), "%s/p%u.zst", path, c.stream[i].stream);
		if (access(from, F_OK) < 0 ? unlink(to) < 0 : rename(from, to) < 0)
			status = CMD_FAILED;
	}
	snprintf(from, sizeof(from), "%s/x1.zst", dir);
	snprintf(to, sizeof(to), "%s/x1.zst", path);
	if (!status && access(from, F_OK) == 0 && rename(from, to) < 0)
		status = CMD_FAILED;
	snprintf(from, sizeof(from), "%s/header", dir);
	snprintf(to, sizeof(to), "%s/header", path);
	if (!status && rename(from, to) < 0)
		status = CMD_FAILED;
	cmd_remove_tree(dir);
	deja_cursor_close(cur);
	if (c.rec)
		deja_close(c.rec);
	free(c.stream);
	return status;
}

/* --- the command --- */

/* Everything but streams, header and what is written with it: the same inodes where the file
 * system allows. */
static bool copy_rest(const char *from, const char *out, const char *sub)
{
	char dir[PATH_MAX], a[PATH_MAX + 256], b[PATH_MAX + 256];
	struct dirent *e;
	bool ok = true;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/%s", from, sub);
	d = opendir(dir);
	while (ok && d && (e = readdir(d))) {
		size_t n = strlen(e->d_name);
		struct stat st;

		snprintf(a, sizeof(a), "%s/%s", dir, e->d_name);
		snprintf(b, sizeof(b), "%s/%s/%s", out, sub, e->d_name);
		if (e->d_name[0] == '.' || !strcmp(e->d_name, "header") ||
		    (!sub[0] && (!strcmp(e->d_name, "README.txt") || !strcmp(e->d_name, "settings"))) ||
		    (n > 4 && !strcmp(e->d_name + n - 4, ".zst")) || lstat(a, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && !sub[0])
			ok = mkdir(b, 0700) == 0 && copy_rest(from, out, e->d_name);
		else if (S_ISREG(st.st_mode) && linkat(AT_FDCWD, a, AT_FDCWD, b, 0) < 0)
			ok = cmd_copy_file(a, b);
	}
	if (d)
		closedir(d);
	return ok;
}

struct request {
	struct selection selection;
	const char *out, *until; /* -o; --until, or NULL */
	uint64_t sample;	 /* every so many-th event, from 1 */
	bool as_json;
};

/* False after printing, or where --help was given: *status is then the command's. */
static bool parse_request(int argc, char **argv, struct request *q, int *status)
{
	const char *wrong = NULL;
	bool selects;
	int key;

	q->sample = 1;
	while ((key = select_getopt(&q->selection, argc, argv, status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return false;
		if (key == 'o')
			q->out = optarg;
		else if (key == CMD_OPT_UNTIL)
			q->until = optarg;
		else if (key == CMD_OPT_JSON)
			q->as_json = true;
		else
			q->sample = strtoull(optarg, NULL, 10);
	}
	*status = CMD_FAILED;
	if (!cmd_operands(argc, argv, 1))
		return false;
	selects = q->selection.count || q->sample > 1;
	if (!q->sample)
		wrong = "--sample: a number from 1 on is wanted";
	else if (!q->out || !q->out[0])
		wrong = "name the new directory with -o DIR";
	else if (q->until && selects)
		wrong = "--until and a selection do not go together: the one replays, the other does not";
	else if (!q->until && !selects)
		wrong = "say what to keep: --until WHEN, --sample N or a selection";
	if (wrong)
		cmd_error("trim: %s", wrong);
	return !wrong;
}

/* The new end that --until names. */
static bool parse_end(struct copy *c, const char *until, struct end *end)
{
	struct deja_error err;
	struct deja_when when;

	if (deja_when_parse(c->rec, until, NULL, &when, &err) < 0) {
		cmd_error("trim: --until: %s", err.message);
		return false;
	}
	end->time_ns = when.time_ns;
	end->stream = when.stream;
	end->number = when.stream ? when.number + 1 : 0; /* that event itself is kept */
	if (when.stream)
		end->time_ns++;
	return true;
}

/* What is selected, with a header that says how much that was. */
static bool keep_selected(struct copy *c, const deja_filter *filter, uint64_t sample)
{
	uint64_t kept = 0;
	char partial[160];

	if (!filter || !list_streams(c) || !copy_selected(c, filter, sample, &kept))
		return false;
	if (!kept) {
		cmd_error("trim: no event of it is selected: nothing was written");
		return false;
	}
	snprintf(partial, sizeof(partial), "%" PRIu64 " of %" PRIu64 " events were kept", kept,
		 deja_header(c->rec)->event_count);
	return write_header(c, NULL, partial);
}

/* False after printing why not. */
static bool tell(const struct request *q)
{
	struct json j = {.out = stdout};
	const struct deja_header *h;
	deja_recording *rec;
	int status;

	if (!q->as_json) {
		printf("%s: %s\n", q->out,
		       q->until ? "replays up to its new end (status 123), and can be read"
				: "can be read, not replayed");
		return true;
	}
	rec = cmd_open(q->out, &status);
	if (!rec)
		return false;
	h = deja_header(rec);
	json_open(&j, NULL, '{');
	json_recording(&j, q->out, h);
	json_text(&j, "trimmed", h->partial && *h->partial ? h->partial : NULL);
	json_bool(&j, "replays", !h->partial || !*h->partial);
	json_close(&j, '}');
	deja_close(rec);
	return true;
}

int cmd_trim(int argc, char **argv)
{
	struct request q = {0};
	struct copy c = {0};
	struct end end = {.reason = "trimmed: it was recorded longer"};
	char *work;
	deja_filter *filter = NULL;
	int status = 0;
	bool ok;

	if (!parse_request(argc, argv, &q, &status))
		return status;
	c.from = cmd_recording_path(argv[optind]);
	if (!c.from)
		return CMD_UNREADABLE;
	c.rec = select_open(&q.selection, "trim", c.from, &filter, &status);
	if (!c.rec)
		return status;
	if (q.until && !parse_end(&c, q.until, &end))
		return CMD_FAILED;
	work = cmd_work_dir(q.out);
	if (!work)
		return CMD_FAILED;
	c.out = work;
	if (!q.until && !filter)
		filter = deja_filter_new(c.rec);
	ok = q.until ? cut_all(&c, &end) : keep_selected(&c, filter, q.sample);
	ok = ok && copy_rest(c.from, work, "");
	if (ok && rename(work, q.out) < 0) {
		cmd_error("%s: %s", q.out, strerror(errno));
		ok = false;
	}
	if (ok)
		ok = tell(&q);
	else
		cmd_remove_tree(work);
	deja_filter_free(filter);
	deja_close(c.rec);
	free(c.stream);
	free(work);
	return ok ? 0 : CMD_FAILED;
}
