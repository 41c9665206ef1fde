/*
 * Subcommands of `deja`: one small file each, one row in the table of main.c.
 */
#ifndef DEJA_TOOLS_CMD_H
#define DEJA_TOOLS_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include "tracefmt/deja.h"

/* Exit statuses of the tool itself (the program's own otherwise). */
enum {
	CMD_DIVERGED = 120,
	CMD_UNREADABLE = 121,
	CMD_CANNOT_RUN = 122,
	CMD_FAILED = 125,
	CMD_NOT_EXECUTABLE = 126,
	CMD_NOT_FOUND = 127
};

/* argv[0] is the subcommand's name. Returns the exit status. */
int cmd_record(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_cat(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* `deja: ` + one line on stderr. */
void cmd_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The directory recordings go to by default: $DEJA_DIR or ~/.local/share/deja, no
 * trailing slash. Malloc'd. NULL when neither is set. */
char *cmd_default_dir(void);
/* The recording a REC argument means (NULL: the latest): a path, or a name in the default
 * directory. Malloc'd; NULL after printing the error. */
char *cmd_recording_path(const char *arg);
/* Opens a recording or prints the one-line error and returns NULL. *status is then the
 * exit status to give (CMD_UNREADABLE). */
deja_recording *cmd_open(const char *arg, int *status);
/* The text of a wait status: "exit 3", "signal 11 (SIGSEGV)". buf of 64 bytes. */
const char *cmd_status_text(bool known, int status, char *buf, size_t len);

#endif
