/*
 * `deja sources`: the work is done by deja-sources (tools/sources/), which alone carries libdw.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/cmd.h"

/* What is unpacked from a bundle is the cache's: it cannot be added to. */
static bool can_add(const char *arg, const char *dir)
{
	struct stat st;

	if (arg && stat(arg, &st) == 0 && S_ISREG(st.st_mode)) {
		cmd_error("%s: a packed recording is not changed: `deja unpack` it, add, and pack it again",
			  arg);
		return false;
	}
	if (dir && (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))) {
		cmd_error("sources: --add=%s: %s", dir, stat(dir, &st) < 0 ? strerror(errno) : "is no directory");
		return false;
	}
	return true;
}

int cmd_sources(int argc, char **argv)
{
	bool json = false, adds = false;
	char *path, *dir = NULL;
	int key, status = 0;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		json |= key == CMD_OPT_JSON;
		if (key == CMD_OPT_ADD) {
			adds = true;
			dir = optarg;
		}
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (adds && json) {
		cmd_error("sources: --add prints no JSON; `deja sources --json` afterwards does");
		return CMD_FAILED;
	}
	if (adds && !can_add(argv[optind], dir))
		return CMD_FAILED;
	path = cmd_recording_path(argv[optind]);
	if (!path)
		return CMD_UNREADABLE;
	if (adds)
		return cmd_become_helper("deja-sources", (char *[]){NULL, (char *)"add", path,
								    (char *)"said", dir, NULL});
	return cmd_become_helper("deja-sources",
				 (char *[]){NULL, (char *)"list", path,
					    (char *)(json ? "json" : "text"), NULL});
}
