/*
 * `deja streams`: every connection, file, pipe and terminal of a recording, by id.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/json.h"
#include "tools/select.h"
#include "tracefmt/print.h"

/* One I/O stream, kept until all ids before it are known to be closed, too. */
struct row {
	struct deja_io io; /* its strings are ours */
	bool wanted;
};

struct list {
	struct row *row; /* closed, in the order of closing; by id at the end */
	size_t count, cap;
	uint32_t *wanted; /* ids that passed the filter, by id */
	size_t wanted_count, wanted_cap;
	bool filtered, all, no_memory;
};

static bool shown_kind(enum deja_io_kind kind)
{
	return kind == DEJA_IO_UNKNOWN || kind == DEJA_IO_FILE || kind == DEJA_IO_DIRECTORY ||
	       kind == DEJA_IO_PIPE || kind == DEJA_IO_SOCKET || kind == DEJA_IO_TERMINAL ||
	       kind == DEJA_IO_DEVICE || kind == DEJA_IO_MEMFD || kind == DEJA_IO_QUEUE;
}

static char *copy_text(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void add_row(void *arg, const struct deja_io *io)
{
	struct list *l = arg;
	struct row *grown;

	if (!l->all && !shown_kind(io->kind))
		return;
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;

		grown = realloc(l->row, cap * sizeof(*grown));
		if (!grown) {
			l->no_memory = true;
			return;
		}
		l->row = grown;
		l->cap = cap;
	}
	l->row[l->count] = (struct row){.io = *io};
	l->row[l->count].io.path = copy_text(io->path);
	l->row[l->count].io.local = copy_text(io->local);
	l->row[l->count].io.peer = copy_text(io->peer);
	l->count++;
}

/* Notes an id that an event passing the filter had to do with. */
static void want(struct list *l, const struct deja_io *io)
{
	uint32_t *grown;

	if (!io || (l->wanted_count && l->wanted[l->wanted_count - 1] == io->id))
		return;
	if (l->wanted_count == l->wanted_cap) {
		/* Most repeat: they are kept once. */
		size_t kept = 0;

		if (l->wanted_count)
			qsort(l->wanted, l->wanted_count, sizeof(*l->wanted), compare_ids);
		for (size_t i = 0; i < l->wanted_count; i++)
			if (!i || l->wanted[i] != l->wanted[kept - 1])
				l->wanted[kept++] = l->wanted[i];
		l->wanted_count = kept;
		if (2 * kept >= l->wanted_cap) {
			size_t cap = l->wanted_cap ? 2 * l->wanted_cap : 256;

			grown = realloc(l->wanted, cap * sizeof(*grown));
			if (!grown) {
				l->no_memory = true;
				return;
			}
			l->wanted = grown;
			l->wanted_cap = cap;
		}
	}
	l->wanted[l->wanted_count++] = io->id;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->io.id < y->io.id ? -1 : x->io.id > y->io.id;
}

static void choose(struct list *l)
{
	if (l->count)
		qsort(l->row, l->count, sizeof(*l->row), compare_rows);
	if (l->wanted_count)
		qsort(l->wanted, l->wanted_count, sizeof(*l->wanted), compare_ids);
	for (size_t i = 0; i < l->count; i++)
		l->row[i].wanted = !l->filtered ||
				   (l->wanted_count && bsearch(&l->row[i].io.id, l->wanted,
							       l->wanted_count,
							       sizeof(*l->wanted), compare_ids));
}

static void print_seconds(int64_t ns)
{
	if (ns < 0)
		printf("%11s", "-");
	else
		printf("%4" PRId64 ".%06" PRId64, ns / 1000000000, ns / 1000 % 1000000);
}

static void print_table(const struct list *l)
{
	char text[4400];

	printf("%5s %-9s %11s %11s %12s %12s %6s %7s %3s  %s\n", "ID", "KIND", "OPENED", "CLOSED",
	       "IN", "OUT", "ERRORS", "PID", "FD", "WHAT");
	for (size_t i = 0; i < l->count; i++) {
		const struct deja_io *io = &l->row[i].io;

		if (!l->row[i].wanted)
			continue;
		printf("%5" PRIu32 " %-9s ", io->id, deja_io_kind_name(io->kind));
		print_seconds(io->open_ns);
		putchar(' ');
		print_seconds(io->close_ns);
		printf(" %12" PRIu64 " %12" PRIu64 " %6" PRIu64 " %7d %3d  ", io->in_len,
		       io->out_len, io->error_count, (int)io->pid, io->fd);
		cmd_print_text(stdout, deja_io_text(io, text, sizeof(text)));
		putchar('\n');
	}
}

static void json_when(struct json *j, const char *key, int64_t ns)
{
	if (ns < 0)
		json_null(j, key);
	else
		json_int(j, key, ns);
}

static void print_json(const struct list *l)
{
	struct json j = {.out = stdout};
	char text[4400];

	json_open(&j, NULL, '[');
	for (size_t i = 0; i < l->count; i++) {
		const struct deja_io *io = &l->row[i].io;

		if (!l->row[i].wanted)
			continue;
		json_open(&j, NULL, '{');
		json_uint(&j, "id", io->id);
		json_text(&j, "kind", deja_io_kind_name(io->kind));
		json_text(&j, "what", deja_io_text(io, text, sizeof(text)));
		json_text(&j, "path", io->path);
		json_text(&j, "local", io->local);
		json_text(&j, "peer", io->peer);
		json_bool(&j, "accepted", io->accepted);
		json_bool(&j, "listening", io->listening);
		json_bool(&j, "inherited", io->inherited);
		if (io->pair_id)
			json_uint(&j, "pair", io->pair_id);
		json_int(&j, "pid", io->pid);
		json_int(&j, "fd", io->fd);
		json_uint(&j, "stream", io->stream);
		json_uint(&j, "open_event", io->open_event);
		json_when(&j, "open_ns", io->open_ns);
		json_when(&j, "close_ns", io->close_ns);
		json_uint(&j, "in_bytes", io->in_len);
		json_uint(&j, "out_bytes", io->out_len);
		json_uint(&j, "in_calls", io->in_count);
		json_uint(&j, "out_calls", io->out_count);
		json_uint(&j, "errors", io->error_count);
		json_uint(&j, "turns", io->turn_count);
		json_close(&j, '}');
	}
	json_close(&j, ']');
}

static int list_streams(deja_recording *rec, const deja_filter *filter, bool all, bool json)
{
	struct list l = {.filtered = filter != NULL, .all = all};
	struct reading r;
	struct deja_event ev;
	struct deja_sight sight;
	deja_tracker *t;
	int status;

	if (!reading_begin(&r, rec, filter, DEJA_LOOK_TRACK, "listed"))
		return CMD_UNREADABLE;
	t = r.look ? deja_look_tracker(r.look) : NULL;
	if (t)
		deja_tracker_on_close(t, add_row, &l);
	while (reading_next(&r, &ev, &sight)) {
		if (!filter)
			continue;
		want(&l, sight.io);
		want(&l, sight.other);
	}
	if (t)
		deja_tracker_each_open(t, add_row, &l);
	choose(&l);
	if (l.no_memory)
		cmd_error("out of memory: the list is not complete");
	else if (t && deja_tracker_lost(t))
		cmd_error("%" PRIu64 " descriptors were too many at once to follow",
			  deja_tracker_lost(t));
	if (json)
		print_json(&l);
	else
		print_table(&l);
	status = reading_end(&r);
	for (size_t i = 0; i < l.count; i++) {
		free((char *)l.row[i].io.path);
		free((char *)l.row[i].io.local);
		free((char *)l.row[i].io.peer);
	}
	free(l.row);
	free(l.wanted);
	return l.no_memory ? CMD_FAILED : status;
}

int cmd_streams(int argc, char **argv)
{
	struct selection selection = {0};
	bool json = false, all = false;
	int key, status;
	deja_recording *rec;
	deja_filter *filter;

	while ((key = select_getopt(&selection, argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		json |= key == CMD_OPT_JSON;
		all |= key == 'a';
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	rec = select_open(&selection, argv[0], argv[optind], &filter, &status);
	if (!rec)
		return status;
	cmd_stdout_begin();
	status = list_streams(rec, filter, all, json);
	deja_filter_free(filter);
	deja_close(rec);
	return cmd_stdout_end(status);
}
