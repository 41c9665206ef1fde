/*
 * `deja at`: the state of a recording at one moment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tools/json.h"
#include "tools/moment.h"
#include "tools/read/notes.h"
#include "tracefmt/print.h"

struct at {
	deja_recording *rec;
	struct deja_state *state;
	const deja_notes *notes;
	size_t in_flight;
	struct json json;
};

static const struct deja_process *process_of(const struct at *a, uint32_t stream)
{
	const struct deja_header *h = deja_header(a->rec);

	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].stream == stream)
			return &h->processes[i];
	return NULL;
}

static void print_flight(void *arg, const struct deja_io *io)
{
	struct at *a = arg;
	char text[4400], when[MOMENT_LEN];

	if (!deja_io_in_flight(io))
		return;
	printf("%-12s", a->in_flight++ ? "" : "In flight");
	printf("stream %" PRIu32 ", since %s: ", io->id, moment_time(io->in_ns, when));
	cmd_print_text(stdout, deja_io_text(io, text, sizeof(text)));
	putchar('\n');
}

static void print_thread(const struct at *a, const struct deja_thread_state *th)
{
	char since[MOMENT_LEN], event[MOMENT_LEN];

	printf("  thread %d: ", (int)th->tid);
	if (th->id)
		printf("in %s since %s (becomes %s)\n", deja_call_name(th->id),
		       moment_time(th->since_ns, since),
		       moment_event(a->rec, th->stream, th->pid, th->event, event));
	else
		puts("runs");
}

static void print_process(struct at *a, const struct deja_process_view *p)
{
	const struct deja_process *known = process_of(a, p->stream);
	char text[4400], event[MOMENT_LEN];
	struct deja_fd_view fd;
	uint32_t stream = p->stream;

	printf("\nProcess %d, after %s", (int)p->pid,
	       moment_event(a->rec, p->stream, p->pid, p->event, event));
	if (p->cwd) {
		fputs(", in ", stdout);
		cmd_print_text(stdout, p->cwd);
	}
	if (known && known->argc) {
		fputs(": ", stdout);
		cmd_print_argv(stdout, known->argc, known->argv);
	}
	putchar('\n');
	for (size_t i = 0; i < a->state->thread_count; i++)
		if (a->state->thread[i].stream == stream)
			print_thread(a, &a->state->thread[i]);
	for (size_t i = 0; deja_tracker_fd(a->state->tracker, stream, i, &fd); i++) {
		printf("  fd %-4d %-9s stream %-5" PRIu32 " in %-10" PRIu64 " out %-10" PRIu64 " ",
		       fd.fd, deja_io_kind_name(fd.io->kind), fd.io->id, fd.io->in_len,
		       fd.io->out_len);
		cmd_print_text(stdout, deja_io_text(fd.io, text, sizeof(text)));
		puts(fd.cloexec ? " (closed at exec)" : "");
	}
}

static void print_messages(const struct at *a)
{
	char when[MOMENT_LEN], event[MOMENT_LEN];

	for (size_t i = 0; i < a->state->message_count; i++) {
		const struct deja_message *m = &a->state->message[i];
		const struct deja_process *p = process_of(a, m->stream);

		printf("%-12s", i ? "" : "Messages");
		printf("%s %s stream %" PRIu32 " %s %" PRIu64 " bytes ",
		       moment_time(m->time_ns, when),
		       moment_event(a->rec, m->stream, p ? p->pid : 0, m->event, event), m->io_id,
		       m->inbound ? "in " : "out", m->len);
		moment_excerpt(stdout, m->head, m->head_len, 40);
		putchar('\n');
	}
}

static void print_words(struct at *a)
{
	const struct deja_header *h = deja_header(a->rec);
	const struct deja_process_view *p;
	char when[MOMENT_LEN], duration[MOMENT_LEN], in[32], out[32], target[128];

	printf("%-12s%s of %s, %" PRIu64 " of %" PRIu64 " events\n", "At",
	       moment_time(a->state->when.time_ns, when), moment_time(h->duration_ns, duration),
	       a->state->event_count, h->event_count);
	printf("%-12s%s in, %s out, %" PRIu64 " turns\n", "So far",
	       cmd_size_text(a->state->in_len, in, sizeof(in)),
	       cmd_size_text(a->state->out_len, out, sizeof(out)), a->state->turn_count);
	deja_tracker_each_open(a->state->tracker, print_flight, a);
	print_messages(a);
	for (size_t i = 0; i < deja_notes_count(a->notes); i++) {
		const struct deja_note *note = deja_notes_at(a->notes, i);

		if (!notes_hold_at(note, a->state->when.time_ns))
			continue;
		printf("%-12s", "Annotation");
		notes_print(stdout, note);
		printf(" on %s\n", notes_target_text(a->rec, note, target));
	}
	for (size_t i = 0; (p = deja_tracker_process(a->state->tracker, i)); i++)
		print_process(a, p);
}

static void json_flight(void *arg, const struct deja_io *io)
{
	struct at *a = arg;

	if (!deja_io_in_flight(io))
		return;
	json_open(&a->json, NULL, '{');
	json_uint(&a->json, "io", io->id);
	json_text(&a->json, "local", io->local);
	json_text(&a->json, "peer", io->peer);
	json_int(&a->json, "since_ns", io->in_ns);
	json_close(&a->json, '}');
}

static void json_process(struct at *a, const struct deja_process_view *p)
{
	struct json *j = &a->json;
	char text[4400];
	struct deja_fd_view fd;
	uint32_t stream = p->stream;

	json_open(j, NULL, '{');
	json_uint(j, "stream", p->stream);
	json_int(j, "pid", p->pid);
	json_uint(j, "event", p->event);
	json_text(j, "cwd", p->cwd);
	json_open(j, "threads", '[');
	for (size_t i = 0; i < a->state->thread_count; i++) {
		const struct deja_thread_state *th = &a->state->thread[i];

		if (th->stream != stream)
			continue;
		json_open(j, NULL, '{');
		json_int(j, "tid", th->tid);
		if (th->id) {
			json_text(j, "call", deja_call_name(th->id));
			json_int(j, "since_ns", th->since_ns);
			json_uint(j, "event", th->event);
		}
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "fds", '[');
	for (size_t i = 0; deja_tracker_fd(a->state->tracker, stream, i, &fd); i++) {
		json_open(j, NULL, '{');
		json_int(j, "fd", fd.fd);
		json_uint(j, "io", fd.io->id);
		json_text(j, "kind", deja_io_kind_name(fd.io->kind));
		json_text(j, "what", deja_io_text(fd.io, text, sizeof(text)));
		json_text(j, "path", fd.io->path);
		json_text(j, "local", fd.io->local);
		json_text(j, "peer", fd.io->peer);
		json_bool(j, "cloexec", fd.cloexec);
		json_uint(j, "in_bytes", fd.io->in_len);
		json_uint(j, "out_bytes", fd.io->out_len);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void print_json(struct at *a)
{
	const struct deja_header *h = deja_header(a->rec);
	const struct deja_process_view *p;
	struct json *j = &a->json;

	*j = (struct json){.out = stdout};
	json_open(j, NULL, '{');
	json_int(j, "time_ns", a->state->when.time_ns);
	json_int(j, "duration_ns", h->duration_ns);
	json_uint(j, "events", a->state->event_count);
	json_uint(j, "in_bytes", a->state->in_len);
	json_uint(j, "out_bytes", a->state->out_len);
	json_uint(j, "turns", a->state->turn_count);
	json_open(j, "in_flight", '[');
	deja_tracker_each_open(a->state->tracker, json_flight, a);
	json_close(j, ']');
	json_open(j, "messages", '[');
	for (size_t i = 0; i < a->state->message_count; i++) {
		const struct deja_message *m = &a->state->message[i];

		json_open(j, NULL, '{');
		json_int(j, "time_ns", m->time_ns);
		json_uint(j, "stream", m->stream);
		json_uint(j, "event", m->event);
		json_uint(j, "io", m->io_id);
		json_text(j, "dir", m->inbound ? "in" : "out");
		json_uint(j, "bytes", m->len);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "annotations", '[');
	for (size_t i = 0; i < deja_notes_count(a->notes); i++)
		if (notes_hold_at(deja_notes_at(a->notes, i), a->state->when.time_ns))
			notes_json(j, deja_notes_at(a->notes, i));
	json_close(j, ']');
	json_open(j, "processes", '[');
	for (size_t i = 0; (p = deja_tracker_process(a->state->tracker, i)); i++)
		json_process(a, p);
	json_close(j, ']');
	json_close(j, '}');
}

static int print_state(deja_recording *rec, const char *arg, const char *moment, bool json)
{
	struct at a = {.rec = rec};
	struct deja_error err = {0};
	struct deja_when when;
	deja_notes *notes;

	if (deja_when_parse(rec, moment, NULL, &when, &err) < 0) {
		cmd_error("at: %s", err.message);
		return CMD_FAILED;
	}
	notes = notes_open(arg);
	if (!notes)
		return CMD_UNREADABLE;
	a.notes = notes;
	a.state = deja_state_at(rec, &when, &err);
	if (!a.state) {
		cmd_error("%s", err.message);
		deja_notes_close(notes);
		return CMD_UNREADABLE;
	}
	if (json)
		print_json(&a);
	else
		print_words(&a);
	deja_state_free(a.state);
	deja_notes_close(notes);
	return 0;
}

int cmd_at(int argc, char **argv)
{
	bool json = false;
	int key, status, count;
	const char *arg;
	deja_recording *rec;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		json = true;
	}
	if (!cmd_operands(argc, argv, 2))
		return CMD_FAILED;
	count = argc - optind;
	if (!count) {
		cmd_error("at: say when, as in `deja at REC 2s`");
		return CMD_FAILED;
	}
	arg = count == 2 ? argv[optind] : NULL;
	rec = cmd_open(arg, &status);
	if (!rec)
		return status;
	cmd_stdout_begin();
	status = print_state(rec, arg, argv[argc - 1], json);
	deja_close(rec);
	return cmd_stdout_end(status);
}
