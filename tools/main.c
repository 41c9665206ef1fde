/*
 * The `deja` command: finds the subcommand and calls it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/cmd.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
    {"record", cmd_record},
    {"replay", cmd_replay},
    {"verify", cmd_verify},
    {"ls", cmd_ls},
    {"ps", cmd_ps},
    {"info", cmd_info},
    {"cat", cmd_cat},
    {"grep", cmd_grep},
    {"streams", cmd_streams},
    {"extract", cmd_extract},
    {"stat", cmd_stat},
    {"at", cmd_at},
    {"step", cmd_step},
    {"export", cmd_export},
    {"report", cmd_report},
    {"annotate", cmd_annotate},
    {"completion", cmd_completion},
    {"gdb", cmd_gdb},
    {"workspace", cmd_workspace},
    {"sources", cmd_sources},
    {"recover", cmd_recover},
    {"pack", cmd_pack},
    {"unpack", cmd_unpack},
    {"scan", cmd_scan},
    {"redact", cmd_redact},
    {"trim", cmd_trim},
    {"prune", cmd_prune},
    {"rm", cmd_rm},
    {"mv", cmd_mv},
    {"version", cmd_version},
    {"help", cmd_help},
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]), NAME_MAX_LEN = 31 };

/* Insertions, deletions, substitutions and swaps of neighbours from a to b, both
 * at most NAME_MAX_LEN long. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[3][NAME_MAX_LEN + 1];
	size_t alen = strlen(a), blen = strlen(b);

	for (size_t j = 0; j <= blen; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= alen; i++) {
		unsigned *cur = row[i % 3], *prev = row[(i + 2) % 3];
		unsigned *prev2 = row[(i + 1) % 3];

		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= blen; j++) {
			unsigned best = prev[j - 1] + (a[i - 1] != b[j - 1]);

			if (prev[j] + 1 < best)
				best = prev[j] + 1;
			if (cur[j - 1] + 1 < best)
				best = cur[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && prev2[j - 2] + 1 < best)
				best = prev2[j - 2] + 1;
			cur[j] = best;
		}
	}
	return row[alen % 3][blen];
}

static int unknown_command(const char *name)
{
	const char *nearest = NULL;
	unsigned best = 3; /* further away is no slip of the fingers */

	for (size_t i = 0; strlen(name) <= NAME_MAX_LEN && i < COMMAND_COUNT; i++) {
		unsigned distance = edit_distance(name, commands[i].name);

		if (distance < best && distance < strlen(commands[i].name)) {
			best = distance;
			nearest = commands[i].name;
		}
	}
	if (nearest)
		cmd_error("no command '%s'; did you mean '%s'?", name, nearest);
	else
		cmd_error("no command '%s'; `deja help` lists them", name);
	return CMD_FAILED;
}

int cmd_help(int argc, char **argv)
{
	int status;

	if (cmd_getopt(argc, argv, &status) == CMD_OPT_EXIT)
		return status;
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	cmd_stdout_begin();
	if (optind < argc) {
		const struct cmd_usage *usage = cmd_usage_find(argv[optind]);

		if (!usage)
			return unknown_command(argv[optind]);
		cmd_usage_print(stdout, usage);
		return cmd_stdout_end(0);
	}
	printf(
	    "deja records a program and replays it: the same output, the same exit.\n\n"
	    "Usage: deja COMMAND [OPTION...] [ARGUMENT...]\n\n");
	for (const struct cmd_usage *usage = cmd_usages; usage->name; usage++)
		printf("  %-10s %s\n", usage->name, usage->summary);
	printf("\n`deja help COMMAND` tells more. "
	       "Recordings are kept in $DEJA_DIR or ~/.local/share/deja.\n");
	return cmd_stdout_end(0);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		cmd_error("no command; `deja help` lists them");
		return CMD_FAILED;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return cmd_help(1, (char *[]){(char *)"help", NULL});
	if (!strcmp(argv[1], "--version")) {
		cmd_stdout_begin();
		puts("deja " DEJA_VERSION);
		return cmd_stdout_end(0);
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (argv[1][0] == '-') {
		cmd_error("no option '%s'; `deja help` lists the commands", argv[1]);
		return CMD_FAILED;
	}
	return unknown_command(argv[1]);
}
