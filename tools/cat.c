/*
 * `deja cat`: the events of a recording, of all processes merged by time.
 */
#include <stdio.h>
#include <string.h>
#include "tools/cmd.h"
#include "tools/select.h"
#include "tracefmt/print.h"

static int print_events(deja_recording *rec, const deja_filter *filter, bool jsonl)
{
	const struct tf_print_opts opts = {0};
	struct reading r;
	struct deja_event ev;

	if (!reading_begin(&r, rec, filter, 0, "printed"))
		return CMD_UNREADABLE;
	while (reading_next(&r, &ev, NULL)) {
		if (jsonl)
			tf_json_event(stdout, &ev);
		else
			tf_print_event(stdout, &ev, &opts);
	}
	return reading_end(&r);
}

int cmd_cat(int argc, char **argv)
{
	struct selection selection = {0};
	bool jsonl = false;
	int key, status;
	deja_recording *rec;
	deja_filter *filter;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if (select_option(&selection, key, optarg))
			continue;
		if (key == CMD_OPT_JSONL)
			jsonl = true;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	rec = select_open(&selection, argv[0], argv[optind], &filter, &status);
	if (!rec)
		return status;
	cmd_stdout_begin();
	status = print_events(rec, filter, jsonl);
	deja_filter_free(filter);
	deja_close(rec);
	return cmd_stdout_end(status);
}
