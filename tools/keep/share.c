/*
 * `deja scan`: the work is done by deja-share (tools/share/), which alone carries PCRE2.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/keep/share.h"

bool share_option(struct share_options *o, int key)
{
	char *arg = NULL;

	if (o->count == SHARE_OPTION_MAX) {
		cmd_error("too many options");
		return false;
	}
	switch (key) {
	case CMD_OPT_RULES:
		if (asprintf(&arg, "rules=%s", optarg) < 0)
			arg = NULL;
		break;
	case CMD_OPT_EMAIL:
		arg = strdup("email");
		break;
	case CMD_OPT_IP:
		arg = strdup("ip");
		break;
	case CMD_OPT_JSON:
		arg = strdup("json");
		break;
	case 'q':
		arg = strdup("quiet");
		break;
	case CMD_OPT_KEEP:
		if (strspn(optarg, "0123456789") != strlen(optarg) || !atoi(optarg)) {
			cmd_error("redact: --keep: %s is no number of a secret", optarg);
			return false;
		}
		if (asprintf(&arg, "keep=%s", optarg) < 0)
			arg = NULL;
		break;
	}
	if (!arg) {
		cmd_error("out of memory");
		return false;
	}
	o->arg[o->count++] = arg;
	return true;
}

/* argv for deja-share; argv[0] is left free. */
static void share_argv(const struct share_options *o, const char *command, const char *recording,
		       const char *out, char **argv)
{
	size_t n = 1;

	argv[n++] = (char *)command;
	argv[n++] = (char *)recording;
	if (out)
		argv[n++] = (char *)out;
	for (size_t i = 0; o && i < o->count; i++)
		argv[n++] = o->arg[i];
	argv[n] = NULL;
}

int share_run(const struct share_options *o, const char *command, const char *recording,
	      const char *out)
{
	char *argv[SHARE_OPTION_MAX + 8];

	share_argv(o, command, recording, out, argv);
	return cmd_run_helper("deja-share", argv);
}

int cmd_scan(int argc, char **argv)
{
	struct share_options o = {0};
	char *args[SHARE_OPTION_MAX + 8], *path;
	int key, status = 0;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if (!share_option(&o, key))
			return CMD_FAILED;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	path = cmd_recording_path(argv[optind]);
	if (!path)
		return CMD_UNREADABLE;
	share_argv(&o, "scan", path, NULL, args);
	return cmd_become_helper("deja-share", args);
}
