/*
 * `deja grep`, `deja export`, `deja report`, `deja annotate`: the work is done by deja-look
 * (tools/look/), which alone carries PCRE2, libpcap, HDF5 and a JSON reader.
 */
#include <stdlib.h>
#include "tools/cmd.h"

static int become_look(int argc, char **argv)
{
	char **args = calloc((size_t)argc + 2, sizeof(*args));

	if (!args) {
		cmd_error("out of memory");
		return CMD_FAILED;
	}
	for (int i = 0; i < argc; i++)
		args[i + 1] = argv[i];
	return cmd_become_helper("deja-look", args);
}

int cmd_grep(int argc, char **argv)
{
	return become_look(argc, argv);
}

int cmd_export(int argc, char **argv)
{
	return become_look(argc, argv);
}

int cmd_report(int argc, char **argv)
{
	return become_look(argc, argv);
}

int cmd_annotate(int argc, char **argv)
{
	return become_look(argc, argv);
}
