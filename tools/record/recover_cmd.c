/*
 * `deja recover`: makes a recording whole whose recorder was killed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "tools/cmd.h"
#include "tools/json.h"
#include "tools/record/recover.h"

static void print_words(const char *path, const struct recover_result *r)
{
	printf("recovered %s: %" PRIu64 " events in %zu process%s, %" PRIu64
	       " of them from shared memory\n",
	       path, r->event_count, r->process_count, r->process_count == 1 ? "" : "es",
	       r->memory_event_count);
	if (r->alive_count)
		printf("%zu process%s still run%s, unrecorded\n", r->alive_count,
		       r->alive_count == 1 ? "" : "es", r->alive_count == 1 ? "s" : "");
	if (!r->complete)
		printf("incomplete: %s\n", r->cause);
}

static void print_json(const char *path, const struct recover_result *r)
{
	struct json j = {.out = stdout};
	struct deja_header h = {.event_count = r->event_count,
				.process_count = r->process_count,
				.complete = r->complete,
				.cause = r->cause};

	json_open(&j, NULL, '{');
	json_recording(&j, path, &h);
	json_uint(&j, "events_from_memory", r->memory_event_count);
	json_uint(&j, "processes_alive", r->alive_count);
	json_close(&j, '}');
}

int cmd_recover(int argc, char **argv)
{
	struct recover_result result;
	struct deja_error err;
	struct stat st;
	bool as_json = false;
	int key, status = 0;
	char *path, *abs;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		as_json |= key == CMD_OPT_JSON;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (!argv[optind]) {
		cmd_error("recover what? name the recording's directory");
		return CMD_FAILED;
	}
	path = cmd_recording_path(argv[optind]);
	if (!path)
		return CMD_UNREADABLE;
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		cmd_error("%s: is not a directory; a packed recording is whole or damaged", path);
		return CMD_UNREADABLE;
	}
	abs = realpath(path, NULL);
	if (abs)
		path = abs;
	switch (recover_directory(path, &result, &err)) {
	case RECOVER_NOTHING:
		cmd_error("%s: there is nothing to recover", path);
		return 0;
	case RECOVER_BUSY:
		cmd_error("%s: is still being recorded; nothing was changed", path);
		return CMD_FAILED;
	case RECOVER_FAILED:
		cmd_error("%s", err.message[0] ? err.message : "out of memory");
		return CMD_UNREADABLE;
	case RECOVER_DONE:
		break;
	}
	cmd_stdout_begin();
	if (as_json)
		print_json(path, &result);
	else
		print_words(path, &result);
	return cmd_stdout_end(0);
}
