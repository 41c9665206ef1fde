/*
 * deja-look: the program behind `deja grep`, `deja export`, `deja report` and `deja annotate`.
 */
#include <string.h>
#include "tools/look/look.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
	    {"grep", look_grep}, {"export", look_export}, {"report", look_report},
	    {"annotate", look_annotate}};

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	cmd_error("this is a part of deja: use `deja grep`, `deja export`, `deja report` or `deja annotate`");
	return CMD_FAILED;
}
