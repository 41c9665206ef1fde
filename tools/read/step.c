/*
 * `deja step`: the events of the next stretch of time after a moment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tools/moment.h"
#include "tools/select.h"
#include "tracefmt/print.h"

struct step {
	struct deja_when from;
	int64_t by_ns;
	bool jsonl;
};

static int print_step(deja_recording *rec, deja_filter *filter, const struct step *s)
{
	const struct tf_print_opts opts = {0};
	struct deja_range range = {.has_from = true, .has_to = true, .from = s->from};
	struct reading r;
	struct deja_event ev;
	char to[MOMENT_LEN], by[MOMENT_LEN];

	range.to.time_ns = s->from.time_ns + s->by_ns;
	if (!reading_begin(&r, rec, filter, 0, "printed"))
		return CMD_UNREADABLE;
	while (reading_next(&r, &ev, NULL)) {
		/* The moment itself has been: events after it, its end included. */
		if (deja_range_compare(&range, &ev) ||
		    (s->from.stream == ev.stream ? ev.number <= s->from.number
						 : ev.time_ns <= s->from.time_ns &&
						       s->from.time_ns > 0))
			continue;
		if (s->jsonl)
			tf_json_event(stdout, &ev, NULL);
		else
			tf_print_event(stdout, &ev, &opts);
	}
	if (!s->jsonl)
		printf("-- %s; next: deja step --from %s --by %s\n",
		       moment_time(range.to.time_ns, to), to, moment_time(s->by_ns, by));
	return reading_end(&r);
}

/* Adds the stretch to what was selected. */
static int step(deja_recording *rec, deja_filter *filter, struct step *s, const char *from,
		const char *by)
{
	struct deja_error err = {0};
	char range[2 * MOMENT_LEN + 8];
	deja_filter *own = NULL;
	int status;

	if (deja_when_parse(rec, from, NULL, &s->from, &err) < 0 ||
	    deja_duration_parse(by, &s->by_ns, &err) < 0) {
		cmd_error("step: %s", err.message);
		return CMD_FAILED;
	}
	if (s->from.time_ns > INT64_MAX - s->by_ns)
		s->by_ns = INT64_MAX - s->from.time_ns;
	snprintf(range, sizeof(range), "%" PRId64 "ns..%" PRId64 "ns", s->from.time_ns,
		 s->from.time_ns + s->by_ns);
	if (!filter)
		filter = own = deja_filter_new(rec);
	if (!filter || deja_filter_add(filter, "range", range, &err) < 0) {
		cmd_error("step: %s", err.message);
		status = CMD_FAILED;
	} else {
		status = print_step(rec, filter, s);
	}
	deja_filter_free(own);
	return status;
}

int cmd_step(int argc, char **argv)
{
	struct selection selection = {0};
	struct step s = {0};
	const char *from = "start", *by = "100ms";
	int key, status;
	deja_recording *rec;
	deja_filter *filter;

	while ((key = select_getopt(&selection, argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if (key == CMD_OPT_FROM)
			from = optarg;
		else if (key == CMD_OPT_BY)
			by = optarg;
		else
			s.jsonl = true;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	rec = select_open(&selection, argv[0], argv[optind], &filter, &status);
	if (!rec)
		return status;
	cmd_stdout_begin();
	status = step(rec, filter, &s, from, by);
	deja_filter_free(filter);
	deja_close(rec);
	return cmd_stdout_end(status);
}
