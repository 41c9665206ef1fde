/*
 * `deja cat`: the events of a recording, of all processes merged by time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/cmd.h"
#include "tools/select.h"
#include "tools/stacks.h"
#include "tracefmt/print.h"
#include "tracefmt/wire.h"

/* The JSON object of an event, with its stack as one more member. */
static void json_with_stack(const struct deja_event *ev, const struct unwind_frame *frame,
			    size_t count)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	tf_json_event(f, ev);
	if (!fclose(f) && len > 2) { /* it ends in }\n */
		fwrite(text, 1, len - 2, stdout);
		putchar(',');
		stacks_json(stdout, frame, count);
		puts("}");
	}
	free(text);
}

static void print_event(const struct deja_event *ev, struct stacks *stacks, bool jsonl)
{
	struct unwind_frame frame[UNWIND_FRAME_MAX];
	size_t count = stacks ? stacks_at(stacks, ev, frame) : 0;

	if (stacks && ev->id == TF_EV_STACK)
		return; /* shown with its call */
	if (jsonl && count)
		json_with_stack(ev, frame, count);
	else if (jsonl)
		tf_json_event(stdout, ev);
	else
		tf_print_event(stdout, ev, NULL);
	if (!jsonl)
		stacks_print(stdout, frame, count);
}

static int print_events(deja_recording *rec, const deja_filter *filter, struct stacks *stacks,
			bool jsonl)
{
	struct reading r;
	struct deja_event ev;

	if (!reading_begin(&r, rec, filter, 0, "printed"))
		return CMD_UNREADABLE;
	while (reading_next(&r, &ev, NULL))
		print_event(&ev, stacks, jsonl);
	return reading_end(&r);
}

static struct stacks *open_stacks(deja_recording *rec, const char *arg,
				  const struct stack_choice *choice, int *status)
{
	char *path = cmd_recording_path(arg);
	struct stacks *stacks;

	*status = CMD_UNREADABLE;
	if (!path)
		return NULL;
	if (deja_header(rec)->stacks && *deja_header(rec)->stacks)
		stacks = stacks_open(rec, path);
	else
		stacks = stacks_replay(rec, path, choice, status);
	free(path);
	return stacks;
}

int cmd_cat(int argc, char **argv)
{
	struct selection selection = {0};
	struct stack_choice choice;
	struct stacks *stacks = NULL;
	bool jsonl = false, with_stacks = false;
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
		if (key == CMD_OPT_STACKS) {
			with_stacks = true;
			if (!stacks_parse(argv[0], optarg ? optarg : "all", &choice))
				return CMD_FAILED;
		}
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	rec = select_open(&selection, argv[0], argv[optind], &filter, &status);
	if (!rec)
		return status;
	if (with_stacks) {
		stacks = open_stacks(rec, argv[optind], &choice, &status);
		if (!stacks)
			return status;
	}
	cmd_stdout_begin();
	status = print_events(rec, filter, stacks, jsonl);
	stacks_close(stacks);
	deja_filter_free(filter);
	deja_close(rec);
	return cmd_stdout_end(status);
}
