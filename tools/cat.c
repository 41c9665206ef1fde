/*
 * `deja cat`: the events of a recording, of all processes merged by time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/cmd.h"
#include "tracefmt/calls.h"
#include "tracefmt/print.h"

struct filter {
	bool by_pid;
	int32_t pid;
	bool by_call;
	bool call[TF_ID_FIRST + TF_CALL_MAX]; /* by event id */
};

static bool parse_pid(struct filter *f, const char *arg)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(arg, &end, 10);
	if (errno || *end || end == arg || pid < 1 || pid > INT32_MAX) {
		cmd_error("cat: --pid '%s' is not a process id", arg);
		return false;
	}
	f->by_pid = true;
	f->pid = (int32_t)pid;
	return true;
}

static bool parse_calls(struct filter *f, const char *arg)
{
	char *names = strdup(arg), *rest = names, *name;

	while (names && (name = strsep(&rest, ","))) {
		const struct tf_call *call = tf_call_by_name(name);

		if (!call || call->id >= sizeof(f->call) / sizeof(f->call[0])) {
			cmd_error("cat: no system call '%s'; `deja info --coverage` "
				  "lists them",
				  name);
			free(names);
			return false;
		}
		f->by_call = f->call[call->id] = true;
	}
	free(names);
	return f->by_call;
}

/* The stream to read for this pid: 0 (all) when it has several, as after exec.
 * False: no such process. */
static bool stream_of_pid(const struct deja_header *h, int32_t pid, uint32_t *stream)
{
	size_t found = 0;

	*stream = 0;
	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].pid == pid) {
			*stream = h->processes[i].stream;
			found++;
		}
	for (size_t i = 0; i < h->external_count; i++)
		if (h->externals[i].pid == pid)
			found += 2; /* in the external stream, which only 0 includes */
	if (found > 1)
		*stream = 0;
	return found > 0;
}

static bool wanted(const struct filter *f, const struct deja_event *ev)
{
	if (f->by_pid && ev->pid != f->pid)
		return false;
	return !f->by_call ||
	       (ev->id < sizeof(f->call) / sizeof(f->call[0]) && f->call[ev->id]);
}

static int print_events(deja_recording *rec, uint32_t stream, const struct filter *f,
			bool jsonl)
{
	const struct deja_header *h = deja_header(rec);
	const struct tf_print_opts opts = {0};
	struct deja_error err = {0};
	struct deja_event ev;
	uint64_t read_count = 0;
	bool truncated = false;
	deja_cursor *cur = deja_cursor_open(rec, stream, &err);
	int got = -1;

	if (!cur && err.code == DEJA_E_TRUNCATED)
		truncated = true;
	while (cur && !ferror(stdout)) {
		got = deja_next(cur, &ev, &err);
		if (got < 0 && err.code == DEJA_E_TRUNCATED) {
			truncated = true;
			continue; /* the other streams go on */
		}
		if (got <= 0)
			break;
		read_count++;
		if (!wanted(f, &ev))
			continue;
		if (jsonl)
			tf_json_event(stdout, &ev);
		else
			tf_print_event(stdout, &ev, &opts);
	}
	if (cur)
		deja_cursor_close(cur);
	if (ferror(stdout))
		return 0; /* cmd_stdout_end says why */
	if (got < 0 && err.code != DEJA_E_TRUNCATED) {
		cmd_error("damaged after %" PRIu64 " events: %s", read_count,
			  err.message);
		return CMD_UNREADABLE;
	}
	if (truncated || !h->complete)
		cmd_error("the recording is incomplete%s%s; %s",
			  h->cause && *h->cause ? ": " : "", h->cause ? h->cause : "",
			  read_count ? "what it holds was printed"
				     : "it holds no event");
	return truncated && !read_count ? CMD_UNREADABLE : 0;
}

int cmd_cat(int argc, char **argv)
{
	static struct filter filter;
	bool jsonl = false;
	int key, status;
	uint32_t stream = 0;
	deja_recording *rec;

	memset(&filter, 0, sizeof(filter));
	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if (key == CMD_OPT_JSONL)
			jsonl = true;
		if ((key == CMD_OPT_PID && !parse_pid(&filter, optarg)) ||
		    (key == CMD_OPT_CALL && !parse_calls(&filter, optarg)))
			return CMD_FAILED;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	rec = cmd_open(argv[optind], &status);
	if (!rec)
		return status;
	if (filter.by_pid && !stream_of_pid(deja_header(rec), filter.pid, &stream)) {
		cmd_error("cat: no process %d in this recording; `deja ps` lists them",
			  (int)filter.pid);
		deja_close(rec);
		return CMD_FAILED;
	}
	cmd_stdout_begin();
	status = print_events(rec, stream, &filter, jsonl);
	deja_close(rec);
	return cmd_stdout_end(status);
}
