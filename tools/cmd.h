/*
 * Subcommands of `deja`: one small file each, one row in the table of main.c.
 */
#ifndef DEJA_TOOLS_CMD_H
#define DEJA_TOOLS_CMD_H

#include <getopt.h> /* optarg, optind */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "tracefmt/deja.h"

/* Exit statuses of the tool itself (the program's own otherwise). */
enum {
	CMD_DIVERGED = 120,
	CMD_UNREADABLE = 121,
	CMD_CANNOT_RUN = 122,
	CMD_ENDED_EARLY = 123, /* all was replayed; the recording ends before the program did */
	CMD_FAILED = 125,
	CMD_NOT_EXECUTABLE = 126,
	CMD_NOT_FOUND = 127
};

/* argv[0] is the subcommand's name. Returns the exit status. */
int cmd_record(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_recover(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_cat(int argc, char **argv);
int cmd_gdb(int argc, char **argv);
int cmd_workspace(int argc, char **argv);
int cmd_streams(int argc, char **argv);
int cmd_extract(int argc, char **argv);
int cmd_at(int argc, char **argv);
int cmd_step(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_completion(int argc, char **argv);
/* In deja-look (tools/look/): they need libraries that the command itself does without. */
int cmd_grep(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_annotate(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_unpack(int argc, char **argv);
/* In tools/keep/share.c and redact.c, with deja-share (tools/share/). */
int cmd_scan(int argc, char **argv);
int cmd_redact(int argc, char **argv);
int cmd_sources(int argc, char **argv);
int cmd_rm(int argc, char **argv);
int cmd_mv(int argc, char **argv);
int cmd_prune(int argc, char **argv);
int cmd_trim(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* `deja: ` + one line on stderr. */
void cmd_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The directory recordings go to by default: $DEJA_DIR or ~/.local/share/deja, no
 * trailing slash. Malloc'd. NULL when neither is set. */
char *cmd_default_dir(void);
/* The recording a REC argument means (NULL: the latest): a path, or a name in the default
 * directory; a bundle is unpacked into the cache. Malloc'd; NULL after printing the error. */
char *cmd_recording_path(const char *arg);
/* The same, but of a bundle the file itself. */
char *cmd_recording_place(const char *arg);
/* The directory that a bundle (pack.c) has been unpacked to in the user's cache, or now is.
 * Malloc'd; NULL after the error was printed. */
char *cmd_bundle_dir(const char *path);
/* Opens a recording or prints the one-line error and returns NULL. *status is then the
 * exit status to give (CMD_UNREADABLE). */
deja_recording *cmd_open(const char *arg, int *status);
/* Whether a process's stream holds the events that the header counts, and ends there; else
 * err->message says what is wrong. */
bool cmd_stream_whole(deja_recording *rec, const struct deja_process *p, struct deja_error *err);
/* Whether the stream of a process that ended by itself has that, or says why not: it executed what is not
 * recorded, or recording stopped. (One that was killed has no end there.) True where it cannot be read. */
bool cmd_stream_has_end(deja_recording *rec, const struct deja_process *p);
/* The text of a wait status: "exit 3", "signal 11 (SIGSEGV)". buf of 64 bytes. */
const char *cmd_status_text(bool known, int status, char *buf, size_t len);

/* Removes a directory with all that is in it; links are not followed. False: errno tells. */
bool cmd_remove_tree(const char *path);
/* Copies a file under a name that is not taken. False after printing why not. */
bool cmd_copy_file(const char *from, const char *to);
/* Makes a hidden directory beside `out`, to be renamed to it at the end; `out` must not be there.
 * Malloc'd; NULL after printing why not. */
char *cmd_work_dir(const char *out);
/* Bytes of all files of a recording, as `ls -l` counts them; 0 when it cannot be read. */
unsigned long long cmd_disk_len(const char *path);

/* --- command lines: usage.c holds what every command says about itself --- */

struct cmd_option {
	int key;	  /* a character is the short option too; above 255: long only */
	const char *name; /* without the dashes */
	const char *arg;  /* name of its argument, or NULL; "[=X]": it may be left out */
	const char *help; /* one line */
};

struct cmd_usage {
	const char *name;
	const char *summary;  /* one line */
	const char *synopsis; /* after `deja ` */
	bool stops;	      /* options end at the first operand (it is a command) */
	bool selects; /* takes the options of tools/select.h, too */
	struct cmd_option option[14]; /* ends at key 0; --help is added to all */
	const char *status;	     /* exit statuses, lines indented by two spaces */
	const char *example;	     /* one command line */
};

/* Long-only options. */
enum {
	CMD_OPT_OUTBOUND = 256,
	CMD_OPT_JSON,
	CMD_OPT_JSONL,
	CMD_OPT_COVERAGE,
	CMD_OPT_NOTE,
	CMD_OPT_SPLIT,
	CMD_OPT_LIMIT,
	CMD_OPT_MAX_SIZE,
	CMD_OPT_MAX_TIME,
	CMD_OPT_RAW,
	CMD_OPT_NO_SANDBOX,
	CMD_OPT_ENV,
	CMD_OPT_TRAP_TSC,
	CMD_OPT_STREAM,
	CMD_OPT_FROM,
	CMD_OPT_BY,
	CMD_OPT_SLOWEST,
	CMD_OPT_COMPARE,
	CMD_OPT_FORMAT,
	CMD_OPT_ANCHORS,
	CMD_OPT_IN,
	CMD_OPT_OUT,
	CMD_OPT_COMMENT,
	CMD_OPT_LABEL,
	CMD_OPT_FLAG,
	CMD_OPT_SCORE,
	CMD_OPT_AT,
	CMD_OPT_AUTHOR,
	CMD_OPT_EDIT,
	CMD_OPT_DELETE,
	CMD_OPT_HISTORY,
	CMD_OPT_EXPORT,
	CMD_OPT_IMPORT,
	CMD_OPT_TARGET_RANGE,
	CMD_OPT_TARGET_IO,
	CMD_OPT_PID,
	CMD_OPT_STACKS,
	CMD_OPT_REPORT,
	CMD_OPT_RULES,
	CMD_OPT_EMAIL,
	CMD_OPT_IP,
	CMD_OPT_KEEP,
	CMD_OPT_CUT,
	CMD_OPT_OLDER,
	CMD_OPT_MAX_TOTAL,
	CMD_OPT_DRY_RUN,
	CMD_OPT_UNTIL,
	CMD_OPT_PACE,
	CMD_OPT_TURNS,
	CMD_OPT_SAMPLE,
	CMD_OPT_TICKET,
	CMD_OPT_NAME,
	CMD_OPT_POLICY,
	CMD_OPT_REVIEWED,
	CMD_OPT_PAYLOAD,
	CMD_OPT_ADD,
	CMD_OPT_SOURCES,
	CMD_OPT_REDACT,
	CMD_OPT_SELECT = 1024, /* up to _END: tools/select.h */
	CMD_OPT_SELECT_END = 1056
};

/* All usages, in the order of `deja help`; name NULL ends them. */
extern const struct cmd_usage cmd_usages[];
/* The usage of a command, or NULL. */
const struct cmd_usage *cmd_usage_find(const char *name);
/* The usage as `deja CMD --help` prints it. */
void cmd_usage_print(FILE *out, const struct cmd_usage *usage);
/* The next option of the command argv[0], as cmd_usages lists them: its key (its argument is
 * optarg), or -1 when there is none left: operands begin at optind. CMD_OPT_EXIT: nothing
 * is left to do (--help was printed, or a wrong option was named): return *status. */
enum { CMD_OPT_EXIT = -2 };
int cmd_getopt(int argc, char **argv, int *status);
/* Checks that at most `max` operands are left; prints the error otherwise. */
bool cmd_operands(int argc, char **argv, int max);

/* --- output --- */

/* For commands that only print: stdout gets a large buffer, and a reader that goes away is
 * no error. Never called where a program is started (dispositions are inherited). */
void cmd_stdout_begin(void);
/* Whether writing to stdout failed; asked soon after writing, it remembers why. */
bool cmd_stdout_failed(void);
/* Writes out what stdout still holds. Returns `status`, or CMD_FAILED after saying why it
 * could not be written. */
int cmd_stdout_end(int status);
/* A text from a recording, with everything a terminal would obey escaped as \xNN. */
void cmd_print_text(FILE *out, const char *text);
/* A command line as one would type it in a shell. */
void cmd_print_argv(FILE *out, size_t argc, const char *const *argv);
/* "812 B", "1.2 MiB" / "12 ms", "3.21 s", "2 min 03 s". buf of 32 bytes. */
const char *cmd_size_text(unsigned long long bytes, char *buf, size_t len);
const char *cmd_duration_text(long long ns, char *buf, size_t len);
/* The opposite, as a user types it: "100M" (of 1024), "90s", "5m", "1.5h"; a bare number is bytes
 * or seconds, 0 is allowed. False: it is none of these, or too large. */
bool cmd_size_parse(const char *text, unsigned long long *bytes);
bool cmd_duration_parse(const char *text, long long *ns);
/* "2026-10-16 12:34:56", local time; "-" for 0. buf of 32 bytes. */
const char *cmd_date_text(long long realtime_ns, char *buf, size_t len);

/* Becomes the program `name` of lib/deja. argv[0] is replaced. Returns CMD_FAILED after saying why
 * it could not. */
int cmd_become_helper(const char *name, char **argv);
/* The same in a child: its exit status, CMD_FAILED when it died. */
int cmd_run_helper(const char *name, char **argv);

#endif
