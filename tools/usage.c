/*
 * What every command says about itself, and the parsing of its options. The manual
 * pages name the same options (tests/cli/help.sh compares them).
 */
#include <stdio.h>
#include <string.h>
#include "tools/cmd.h"
#include "tools/select.h"

#define STATUS_READER                                                                  \
	"  0    done\n"                                                                \
	"  121  the recording cannot be read\n"                                        \
	"  125  deja itself failed\n"

const struct cmd_usage cmd_usages[] = {
    {.name = "record",
     .summary = "run a program and record it",
     .synopsis = "record [-o DIR] [-q] [--outbound full|digest] [--stacks[=WHICH]] "
		 "[--max-size SIZE] "
		 "[--max-time TIME] [--redact RULES] [--trap-tsc] [--note FILE|TEXT] [--sources] [--] CMD [ARG...]",
     .stops = true,
     .option = {{'o', "output", "DIR", "write the recording to DIR (new or empty)"},
		{'q', "quiet", NULL, "say nothing unless something is wrong"},
		{CMD_OPT_OUTBOUND, "outbound", "full|digest",
		 "keep the bytes the program sends out, or a digest only"},
		{CMD_OPT_STACKS, "stacks", "[=WHICH]",
		 "keep the stacks of calls: all, open,read or every N"},
		{CMD_OPT_MAX_SIZE, "max-size", "SIZE",
		 "end the recording at this size (500K, 2G; 0: never)"},
		{CMD_OPT_MAX_TIME, "max-time", "TIME",
		 "end the recording after this time (90s, 5m, 1h; 0: never)"},
		{CMD_OPT_REDACT, "redact", "RULES",
		 "store tokens for secrets: those of the file RULES and the built-in ones, or `default`"},
		{CMD_OPT_TRAP_TSC, "trap-tsc", NULL,
		 "record rdtsc and rdtscp also where they are not found in the text (slow)"},
		{CMD_OPT_NOTE, "note", "FILE|TEXT", "put a note in it: a file's text, or this one"},
		{CMD_OPT_SOURCES, "sources", NULL,
		 "keep the program's sources and debug info, too"}},
     .status = "  the program's own (128 + N when signal N ended it), or\n"
	       "  122  the program cannot be recorded here\n"
	       "  125  deja itself failed\n"
	       "  126  the program cannot be executed\n"
	       "  127  the program was not found\n",
     .example = "deja record -- curl -s http://example.com/"},
    {.name = "replay",
     .summary = "run a recorded program again, from its recording alone",
     .synopsis = "replay [-v] [--pace X] [--until WHEN] [--turns] [--report FILE] [--raw] [--no-sandbox] [REC]",
     .option = {{'v', "verbose", NULL, "say which layers of the sandbox are on"},
		{CMD_OPT_RAW, "raw", NULL,
		 "let the program's control sequences through to the terminal"},
		{CMD_OPT_NO_SANDBOX, "no-sandbox", NULL,
		 "run it unconfined: for recordings that you trust"},
		{CMD_OPT_PACE, "pace", "X", "take X times the recorded time (default 0: none)"},
		{CMD_OPT_UNTIL, "until", "WHEN", "stop there (as 2s, 00:01.2, #1234)"},
		{CMD_OPT_TURNS, "turns", NULL, "pause before every request that came in, until Enter"},
		{CMD_OPT_REPORT, "report", "FILE",
		 "write the report of a divergence to FILE, as JSON"}},
     .status = "  the program's own, as it was when recorded, or\n"
	       "  120  the replay diverged from the recording\n"
	       "  121  the recording cannot be read, or not to its end\n"
	       "  122  it cannot be replayed here\n"
	       "  123  all was replayed; recording ended before the program did\n"
	       "  125  deja itself failed\n",
     .example = "deja replay"},
    {.name = "verify",
     .summary = "replay without output, and say whether every event matched",
     .synopsis = "verify [-v] [--env] [--report FILE] [--no-sandbox] [REC]",
     .option = {{'v', "verbose", NULL, "say which layers of the sandbox are on"},
		{CMD_OPT_ENV, "env", NULL,
		 "replay nothing: say whether this machine can, and why not"},
		{CMD_OPT_NO_SANDBOX, "no-sandbox", NULL,
		 "run it unconfined: for recordings that you trust"},
		{CMD_OPT_REPORT, "report", "FILE",
		 "write the report of a divergence to FILE, as JSON"}},
     .status = "  0    every event matched\n"
	       "  120  the replay diverged from the recording\n"
	       "  121  the recording cannot be read, or not to its end\n"
	       "  122  it cannot be replayed here\n"
	       "  123  every event matched; recording ended before the program did\n"
	       "  125  deja itself failed\n",
     .example = "deja verify curl-20261016-123456-4711"},
    {.name = "ls",
     .summary = "list the recordings",
     .synopsis = "ls [--json]",
     .option = {{CMD_OPT_JSON, "json", NULL, "print one JSON array"}},
     .status = "  0    done\n"
	       "  125  deja itself failed\n",
     .example = "deja ls"},
    {.name = "recover",
     .summary = "make a recording whole whose recorder was killed",
     .synopsis = "recover [--json] REC",
     .option = {{CMD_OPT_JSON, "json", NULL, "print one JSON object"}},
     .status = "  0    done, or there was nothing to do\n"
	       "  121  the recording cannot be read\n"
	       "  125  it is still being recorded, or deja itself failed\n",
     .example = "deja recover curl-20261016-123456-4711"},
    {.name = "ps",
     .summary = "show the processes of a recording as a tree",
     .synopsis = "ps [--json] [REC]",
     .option = {{CMD_OPT_JSON, "json", NULL, "print one JSON object"}},
     .status = STATUS_READER,
     .example = "deja ps"},
    {.name = "info",
     .summary = "tell about a recording, or which calls deja covers",
     .synopsis = "info [--json] [--coverage] [REC]",
     .option = {{CMD_OPT_JSON, "json", NULL, "print one JSON object"},
		{CMD_OPT_COVERAGE, "coverage", NULL,
		 "list how calls are treated and, when REC is named, how often it made "
		 "them"}},
     .status = STATUS_READER,
     .example = "deja info --coverage"},
    {.name = "cat",
     .summary = "print the events of a recording, one a line",
     .synopsis = "cat [-f] [-n] [--anchors] [--jsonl] [--payload SIZE] [--stacks[=WHICH]] "
		 "[SELECTION...] [REC]",
     .selects = true,
     .option = {{'f', "follow", NULL, "go on while the recording is being made"},
		{'n', "numbers", NULL, "begin lines with the event's number, as 4711#12"},
		{CMD_OPT_ANCHORS, "anchors", NULL, "list the requests that came in"},
		{CMD_OPT_JSONL, "jsonl", NULL,
		 "print one JSON object a line, with all bytes"},
		{CMD_OPT_PAYLOAD, "payload", "SIZE",
		 "show so many bytes of each payload (32; with --jsonl all)"},
		{CMD_OPT_STACKS, "stacks", "[=WHICH]",
		 "print the stacks of calls; replays for them if they were not recorded"}},
     .status = STATUS_READER,
     .example = "deja cat --call openat,read"},
    {.name = "grep",
     .summary = "find text or bytes in what a recorded program read and wrote",
     .synopsis = "grep [-i] [-F] [-c] [--in|--out] [--json] [SELECTION...] PATTERN [REC]",
     .selects = true,
     .option = {{'i', "ignore-case", NULL, "let a match b as A matches B"},
		{'F', "fixed", NULL, "PATTERN is text, not an expression"},
		{'c', "count", NULL, "print only how many there are"},
		{CMD_OPT_IN, "in", NULL, "only in what came in"},
		{CMD_OPT_OUT, "out", NULL, "only in what went out"},
		{CMD_OPT_JSON, "json", NULL, "print one JSON object a line"}},
     .status = "  0    found\n"
	       "  1    not found\n"
	       "  121  the recording cannot be read\n"
	       "  125  deja itself failed\n",
     .example = "deja grep 'token=\\w+'"},
    {.name = "gdb",
     .summary = "replay under gdb, standing at an event or at the crash",
     .synopsis = "gdb [-g EVENT|TIME|start|crash] [--pid P] [--pace X] [--until WHEN] [--turns] [REC] "
		 "[GDB-OPTION...]",
     .stops = true,
     .option = {{'g', "goto", "WHERE",
		 "stand there: an event's number, a time (0.25, 3s, 250ms), start or crash"},
		{CMD_OPT_PID, "pid", "P", "debug this process of the recording"},
		{CMD_OPT_PACE, "pace", "X", "run at X times the recorded time (default 0: none)"},
		{CMD_OPT_UNTIL, "until", "WHEN", "pause there (as 2s, 00:01.2, #1234)"},
		{CMD_OPT_TURNS, "turns", NULL, "pause before every request that came in"}},
     .status = "  gdb's own, or\n"
	       "  121  the recording cannot be read\n"
	       "  122  it cannot be replayed here\n"
	       "  125  deja itself failed\n"
	       "  127  there is no gdb\n",
     .example = "deja gdb -g crash myrecording"},
    {.name = "workspace",
     .summary = "write a VS Code workspace whose F5 starts the replay",
     .synopsis = "workspace [-o DIR] [--pid P] [REC]",
     .option = {{'o', "output", "DIR", "write it to DIR (default: here)"},
		{CMD_OPT_PID, "pid", "P", "debug this process of the recording"}},
     .status = STATUS_READER,
     .example = "deja workspace -o vscode myrecording"},
    {.name = "streams",
     .summary = "list the connections, files, pipes and terminals of a recording",
     .synopsis = "streams [-a] [--json] [SELECTION...] [REC]",
     .selects = true,
     .option = {{'a', "all", NULL, "list event and timer descriptors, too"},
		{CMD_OPT_JSON, "json", NULL, "print one JSON array"}},
     .status = STATUS_READER,
     .example = "deja streams --class net"},
    {.name = "extract",
     .summary = "write the exact bytes of one stream to a file",
     .synopsis = "extract --stream ID[:in|:out] -o FILE [REC]",
     .option = {{CMD_OPT_STREAM, "stream", "ID", "of `deja streams`; ID:in or ID:out one way"},
		{'o', "output", "FILE", "a new file; - is standard output"}},
     .status = STATUS_READER,
     .example = "deja extract --stream 7:in -o request"},
    {.name = "stat",
     .summary = "count calls, errors, bytes and time, and name the slowest",
     .synopsis = "stat [--by KEY] [--slowest N] [--compare REC2] [--json] [SELECTION...] [REC]",
     .selects = true,
     .option = {{CMD_OPT_BY, "by", "call|peer|path|process|class", "what to count by"},
		{CMD_OPT_SLOWEST, "slowest", "N", "name the N slowest calls (default: 5)"},
		{CMD_OPT_COMPARE, "compare", "REC2", "show what differs from it, first and most"},
		{CMD_OPT_JSON, "json", NULL, "print one JSON object"}},
     .status = STATUS_READER,
     .example = "deja stat --by peer"},
    {.name = "at",
     .summary = "show the state at a moment: descriptors, threads, requests",
     .synopsis = "at [--json] [REC] WHEN",
     .option = {{CMD_OPT_JSON, "json", NULL, "print one JSON object"}},
     .status = STATUS_READER,
     .example = "deja at 1.5s"},
    {.name = "step",
     .summary = "print the events that follow a moment",
     .synopsis = "step [--from WHEN] [--by DURATION] [--jsonl] [SELECTION...] [REC]",
     .selects = true,
     .option = {{CMD_OPT_FROM, "from", "WHEN", "after this moment (default: the start)"},
		{CMD_OPT_BY, "by", "DURATION", "for so long (default: 100ms)"},
		{CMD_OPT_JSONL, "jsonl", NULL,
		 "print one JSON object a line, with all bytes"}},
     .status = STATUS_READER,
     .example = "deja step --from 4711#12 --by 20ms"},
    {.name = "export",
     .summary = "write a recording for other tools: Wireshark, Perfetto, Python",
     .synopsis = "export --format FORMAT [-o FILE] [SELECTION...] [REC]",
     .selects = true,
     .option = {{CMD_OPT_FORMAT, "format", "jsonl|csv|pcap|perfetto|hdf5", "what to write"},
		{'o', "output", "FILE", "a new file (default, but for hdf5: standard output)"}},
     .status = STATUS_READER,
     .example = "deja export --format pcap | tshark -r -"},
    {.name = "report",
     .summary = "make a page (HTML) that shows a recording in a browser",
     .synopsis = "report -o FILE.html [--payload SIZE] [SELECTION...] [REC]",
     .selects = true,
     .option = {{'o', "output", "FILE", "a new file; - is standard output"},
		{CMD_OPT_PAYLOAD, "payload", "SIZE",
		 "bytes shown of what a call carried (default: 256)"}},
     .status = STATUS_READER,
     .example = "deja report -o crash.html crash-1"},
    {.name = "annotate",
     .summary = "keep comments, labels, flags and scores beside a recording",
     .synopsis = "annotate [--comment|--label|--flag|--score TEXT] [TARGET] [REC]",
     .option = {{CMD_OPT_COMMENT, "comment", "TEXT", "add a comment"},
		{CMD_OPT_LABEL, "label", "NAME", "add a label"},
		{CMD_OPT_FLAG, "flag", "NAME", "add a flag"},
		{CMD_OPT_SCORE, "score", "NAME=NUMBER", "add a score"},
		{CMD_OPT_AT, "at", "EVENT", "on this event: #12, 4711#12"},
		{CMD_OPT_TARGET_RANGE, "range", "FROM..TO", "on this stretch"},
		{CMD_OPT_TARGET_IO, "io", "ID", "on this stream of `deja streams`"},
		{CMD_OPT_AUTHOR, "author", "NAME", "by NAME (default: the user)"},
		{CMD_OPT_EDIT, "edit", "N", "give annotation N what else is given"},
		{CMD_OPT_DELETE, "delete", "N", "take annotation N away"},
		{CMD_OPT_HISTORY, "history", NULL, "list every version there was"},
		{CMD_OPT_EXPORT, "export", NULL, "print the annotations as JSON"},
		{CMD_OPT_IMPORT, "import", "FILE", "add those of a file that --export made"}},
     .status = STATUS_READER,
     .example = "deja annotate --label slow --range 1s..2s"},
    {.name = "completion",
     .summary = "print the completions for a shell",
     .synopsis = "completion bash|zsh|fish",
     .status = "  0    done\n"
	       "  125  deja itself failed\n",
     .example = "eval \"$(deja completion bash)\""},
    {.name = "sources",
     .summary = "list the sources of a recorded program, or add them",
     .synopsis = "sources [--json] [--add[=DIR]] [REC]",
     .option = {{CMD_OPT_JSON, "json", NULL, "print one JSON object"},
		{CMD_OPT_ADD, "add", "[=DIR]",
		 "store what is found under the recorded names, or below DIR"}},
     .status = STATUS_READER,
     .example = "deja sources --add=$HOME/src/prog prog-20261016-123456-4711"},
    {.name = "pack",
     .summary = "make one file of a recording, to send to somebody",
     .synopsis = "pack [-o FILE] [--name PATTERN] [--note FILE|TEXT] [--split SIZE] [--ticket ID] "
		 "[--policy internal|external] [--i-have-reviewed REASON] [REC]",
     .option = {{'o', "output", "FILE", "write to FILE (default: its name with .deja, here)"},
		{CMD_OPT_NOTE, "note", "FILE|TEXT", "put this note in"},
		{CMD_OPT_SPLIT, "split", "SIZE",
		 "make parts FILE.001, ... of at most SIZE (as 100M)"},
		{CMD_OPT_NAME, "name", "PATTERN",
		 "name it by {app}, {date}, {issue}, {host}, {id}"},
		{CMD_OPT_TICKET, "ticket", "ID", "put the ticket in the note and in {issue}"},
		{CMD_OPT_POLICY, "policy", "internal|external",
		 "external: refuse what `deja scan` finds secrets in (default: internal)"},
		{CMD_OPT_REVIEWED, "i-have-reviewed", "REASON",
		 "pack it all the same; the reason goes into the note"}},
     .status = "  0    done\n"
	       "  1    the policy is external and it has findings: nothing was packed\n"
	       "  121  the recording cannot be read\n"
	       "  125  deja itself failed\n",
     .example = "deja pack -o crash.deja --note 'see ticket 4711' crash-1"},
    {.name = "unpack",
     .summary = "check a packed recording and make a directory of it",
     .synopsis = "unpack [-o DIR] [--limit SIZE] FILE.deja",
     .option = {{'o', "output", "DIR", "unpack into DIR (default: its name without .deja)"},
		{CMD_OPT_LIMIT, "limit", "SIZE", "allow it to become as large as this"}},
     .status = "  0    done\n"
	       "  121  it is damaged, altered, or no packed recording\n"
	       "  125  deja itself failed\n",
     .example = "deja unpack crash.deja"},
    {.name = "scan",
     .summary = "look for secrets in a recording",
     .synopsis = "scan [--rules FILE] [--email] [--ip] [--json] [-q] [REC]",
     .option = {{CMD_OPT_RULES, "rules", "FILE", "look for what these rules say, too"},
		{CMD_OPT_EMAIL, "email", NULL, "look for e-mail addresses, too"},
		{CMD_OPT_IP, "ip", NULL, "look for IP addresses, too"},
		{CMD_OPT_JSON, "json", NULL, "print one JSON object, with every place"},
		{'q', "quiet", NULL, "print nothing; the status tells"}},
     .status = "  0    none found\n"
	       "  1    some found\n"
	       "  121  unreadable recording\n"
	       "  125  deja itself failed\n",
     .example = "deja scan --email crash-1"},
    {.name = "redact",
     .summary = "copy a recording with tokens in the place of secrets",
     .synopsis = "redact -o DIR [--rules FILE] [--email] [--ip] [--keep N] [--cut] [--json] [REC]",
     .option = {{'o', "output", "DIR", "write the copy to DIR (new)"},
		{CMD_OPT_RULES, "rules", "FILE", "redact what these rules say, too"},
		{CMD_OPT_EMAIL, "email", NULL, "redact e-mail addresses, too"},
		{CMD_OPT_IP, "ip", NULL, "redact IP addresses, too"},
		{CMD_OPT_KEEP, "keep", "N", "leave secret number N as it is (again: more)"},
		{CMD_OPT_CUT, "cut", NULL, "end the copy where the program's way depends on a secret"},
		{CMD_OPT_JSON, "json", NULL, "print one JSON object"}},
     .status = "  0    written, replayed, and nothing found in it but what was kept\n"
	       "  1    no secrets, or some would be left: nothing is written\n"
	       "  120  the program's way depends on a secret: nothing is written\n"
	       "  121  unreadable recording\n"
	       "  122  cannot replay here\n"
	       "  125  deja itself failed\n",
     .example = "deja redact -o safe crash-1"},
    {.name = "trim",
     .summary = "copy a part of a recording",
     .synopsis = "trim -o DIR [--until WHEN] [--sample N] [--json] [SELECTION...] [REC]",
     .selects = true,
     .option = {{'o', "output", "DIR", "write the copy to DIR (new)"},
		{CMD_OPT_UNTIL, "until", "WHEN", "end it there; what is left replays"},
		{CMD_OPT_SAMPLE, "sample", "N", "keep every Nth event of those selected"},
		{CMD_OPT_JSON, "json", NULL, "print one JSON object"}},
     .status = STATUS_READER,
     .example = "deja trim --until 2s -o short crash-1"},
    {.name = "prune",
     .summary = "remove old recordings from the default directory",
     .synopsis = "prune [--older AGE] [--max-total SIZE] [--dry-run] [--json]",
     .option = {{CMD_OPT_OLDER, "older", "AGE", "remove what is older (as 7d, 12h)"},
		{CMD_OPT_MAX_TOTAL, "max-total", "SIZE",
		 "remove the oldest until all together take no more (as 10G)"},
		{CMD_OPT_DRY_RUN, "dry-run", NULL, "only say what would be removed"},
		{CMD_OPT_JSON, "json", NULL, "print one JSON object"}},
     .status = "  0    done\n"
	       "  125  deja itself failed\n",
     .example = "deja prune --older 7d --max-total 10G"},
    {.name = "rm",
     .summary = "remove recordings",
     .synopsis = "rm REC...",
     .status = "  0    removed\n"
	       "  121  one is no recording, or still being made\n"
	       "  125  deja itself failed\n",
     .example = "deja rm sqlite3-2"},
    {.name = "mv",
     .summary = "give a recording another name",
     .synopsis = "mv REC NAME|PATH",
     .status = "  0    done\n"
	       "  121  it is no recording, or still being made\n"
	       "  125  deja itself failed\n",
     .example = "deja mv sqlite3-2 ticket-4711"},
    {.name = "version",
     .summary = "print the versions of deja, its format and its libraries",
     .synopsis = "version",
     .status = "  0    done\n"
	       "  125  deja itself failed\n",
     .example = "deja version"},
    {.name = "help",
     .summary = "list the commands, or explain one",
     .synopsis = "help [CMD]",
     .status = "  0    done\n"
	       "  125  no such command\n",
     .example = "deja help record"},
    {.name = NULL},
};

const struct cmd_usage *cmd_usage_find(const char *name)
{
	for (const struct cmd_usage *usage = cmd_usages; usage->name; usage++)
		if (!strcmp(name, usage->name))
			return usage;
	return NULL;
}

static void print_option(FILE *out, const struct cmd_option *option)
{
	char left[48];

	snprintf(left, sizeof(left), "%c%c%s --%s%s%s", option->key < 256 ? '-' : ' ',
		 option->key < 256 ? option->key : ' ', option->key < 256 ? "," : " ",
		 option->name, option->arg && *option->arg != '[' ? " " : "", option->arg ? option->arg : "");
	fprintf(out, "  %-26s %s\n", left, option->help);
}

void cmd_usage_print(FILE *out, const struct cmd_usage *usage)
{
	static const struct cmd_option help = {'h', "help", NULL,
					       "print this and exit"};

	fprintf(out, "Usage: deja %s\n\n", usage->synopsis);
	fprintf(out, "deja %s: %s.\n", usage->name, usage->summary);
	if (strstr(usage->synopsis, "[REC]"))
		fprintf(out, "REC is a recording's directory, a packed recording, or the name of "
			     "one in\n$DEJA_DIR; default: the latest.\n");
	fprintf(out, "\nOptions:\n");
	for (const struct cmd_option *option = usage->option; option->key; option++)
		print_option(out, option);
	for (const struct cmd_option *option = select_options; usage->selects && option->key;
	     option++)
		print_option(out, option);
	print_option(out, &help);
	fprintf(out, "\nExit status:\n%s\nExample:\n  %s\n", usage->status,
		usage->example);
}

static void add_option(struct option *to, const struct cmd_option *option)
{
	int argument = !option->arg	   ? no_argument
		       : *option->arg == '[' ? optional_argument
					     : required_argument;

	*to = (struct option){option->name, argument, NULL, option->key};
}

int cmd_getopt(int argc, char **argv, int *status)
{
	enum {
		MAX = sizeof(cmd_usages[0].option) / sizeof(cmd_usages[0].option[0]) +
		      SELECT_OPTION_MAX
	};
	const struct cmd_usage *usage = cmd_usage_find(argv[0]);
	struct option longs[MAX + 2] = {{0}};
	char shorts[2 * MAX + 4], *s = shorts;
	size_t n = 0;
	int key;

	*status = CMD_FAILED;
	if (!usage) {
		cmd_error("no command '%s'", argv[0]);
		return CMD_OPT_EXIT;
	}
	if (usage->stops)
		*s++ = '+';
	*s++ = ':'; /* a missing argument is told apart from an unknown option */
	*s++ = 'h';
	longs[n++] = (struct option){"help", no_argument, NULL, 'h'};
	for (const struct cmd_option *option = usage->option; option->key; option++) {
		add_option(&longs[n++], option);
		if (option->key < 256) {
			*s++ = (char)option->key;
			if (option->arg)
				*s++ = ':';
		}
	}
	for (const struct cmd_option *option = select_options; usage->selects && option->key;
	     option++)
		add_option(&longs[n++], option);
	*s = '\0';
	opterr = 0;
	key = getopt_long(argc, argv, shorts, longs, NULL);
	switch (key) {
	case 'h':
		cmd_stdout_begin();
		cmd_usage_print(stdout, usage);
		*status = cmd_stdout_end(0);
		return CMD_OPT_EXIT;
	case ':':
		cmd_error("%s: option '%s' needs an argument; see `deja %s --help`",
			  usage->name, argv[optind - 1], usage->name);
		return CMD_OPT_EXIT;
	case '?':
		/* optopt is the short option, 0 for an unknown long one, the key for a
		 * long one with an argument it does not take. */
		if (optopt > 0 && optopt < 256 && strncmp(argv[optind - 1], "--", 2))
			cmd_error("%s: no option '-%c'; see `deja %s --help`",
				  usage->name, optopt, usage->name);
		else if (optopt)
			cmd_error("%s: option '%s' takes no argument", usage->name,
				  argv[optind - 1]);
		else
			cmd_error("%s: no option '%s'; see `deja %s --help`",
				  usage->name, argv[optind - 1], usage->name);
		return CMD_OPT_EXIT;
	}
	return key;
}

bool cmd_operands(int argc, char **argv, int max)
{
	if (argc - optind <= max)
		return true;
	cmd_error("%s: unexpected '%s'; see `deja %s --help`", argv[0],
		  argv[optind + max], argv[0]);
	return false;
}
