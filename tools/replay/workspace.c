/*
 * `deja workspace`: a VS Code workspace whose F5 starts a replay, for Microsoft's C/C++
 * extension (cppdbg, through gdb) and for CodeLLDB. gdb is `deja gdb` in a script of one line,
 * since the extension wants a program's path; lldb is given our script and a directory of
 * links to the recording's files.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/replay/gdb.h"
#include "tools/installed.h"
#include "tools/json.h"
#include "tools/replay/sysroot.h"

struct workspace {
	const char *dir;	/* absolute */
	const char *recording;	/* as named, absolute: it may be a bundle */
	char program[2 * PATH_MAX]; /* in the links' directory */
	const char *folder;	/* where the sources may be */
	char *name;
	int32_t pid;
};

static void put_quoted(FILE *f, const char *text)
{
	fputc('\'', f);
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", f);
		else
			fputc(*text, f);
	fputc('\'', f);
}

/* The debugger that cppdbg starts: it passes --interpreter=mi. */
static bool write_gdb(const struct workspace *w)
{
	char path[PATH_MAX], self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *f;
	int fd;

	if (n < 0 || snprintf(path, sizeof(path), "%s/deja-gdb", w->dir) >= (int)sizeof(path))
		return false;
	self[n] = 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	fputs("#!/bin/sh\nexec ", f);
	put_quoted(f, self);
	fprintf(f, " gdb -g start --pid %d ", (int)w->pid);
	put_quoted(f, w->recording);
	fputs(" \"$@\"\n", f);
	if (fclose(f)) {
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

static void put_command(struct json *j, const char *text)
{
	json_open(j, NULL, '{');
	json_text(j, "text", text);
	json_bool(j, "ignoreFailures", true);
	json_close(j, '}');
}

static void put_cppdbg(struct json *j, const struct workspace *w)
{
	char gdb[PATH_MAX];

	snprintf(gdb, sizeof(gdb), "%s/deja-gdb", w->dir);
	json_open(j, NULL, '{');
	json_text(j, "name", "deja: replay (gdb)");
	json_text(j, "type", "cppdbg");
	json_text(j, "request", "launch");
	json_text(j, "program", w->program);
	json_text(j, "cwd", w->dir);
	json_text(j, "MIMode", "gdb");
	json_text(j, "miDebuggerPath", gdb);
	json_bool(j, "stopAtEntry", true);
	json_bool(j, "externalConsole", false);
	json_open(j, "setupCommands", '[');
	put_command(j, "-enable-pretty-printing");
	put_command(j, "-enable-frame-filters");
	json_close(j, ']');
	/* deja-gdb has started the replay: it only has to go on */
	json_open(j, "customLaunchSetupCommands", '[');
	json_close(j, ']');
	json_text(j, "launchCompleteCommand", "exec-continue");
	json_close(j, '}');
}

static void put_one(struct json *j, const char *key, const char *text)
{
	json_open(j, key, '[');
	json_text(j, NULL, text);
	json_close(j, ']');
}

static bool put_codelldb(struct json *j, const struct workspace *w)
{
	char script[PATH_MAX], create[2 * PATH_MAX + 32], load[PATH_MAX + 64],
		start[PATH_MAX + 32];

	if (!installed_part("lldb.py", script, sizeof(script)))
		return false;
	snprintf(create, sizeof(create), "target create \"%s\"", w->program);
	snprintf(load, sizeof(load), "command script import \"%s\"", script);
	snprintf(start, sizeof(start), "deja-start %s/replay/settings", w->dir);
	json_open(j, NULL, '{');
	json_text(j, "name", "deja: replay (CodeLLDB)");
	json_text(j, "type", "lldb");
	json_text(j, "request", "launch");
	put_one(j, "initCommands", load);
	put_one(j, "targetCreateCommands", create);
	put_one(j, "processCreateCommands", start);
	json_bool(j, "stopOnEntry", false);
	json_close(j, '}');
	return true;
}

static bool write_workspace(const struct workspace *w)
{
	char path[PATH_MAX];
	struct json j = {0};
	bool ok;

	if (snprintf(path, sizeof(path), "%s/%s.code-workspace", w->dir, w->name) >=
	    (int)sizeof(path))
		return false;
	j.out = fopen(path, "we");
	if (!j.out) {
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	json_open(&j, NULL, '{');
	json_open(&j, "folders", '[');
	json_open(&j, NULL, '{');
	json_text(&j, "path", w->folder);
	json_close(&j, '}');
	json_close(&j, ']');
	json_open(&j, "launch", '{');
	json_text(&j, "version", "0.2.0");
	json_open(&j, "configurations", '[');
	put_cppdbg(&j, w);
	ok = put_codelldb(&j, w);
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
	if (fclose(j.out)) {
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	if (ok)
		printf("%s\n", path);
	return ok;
}

/* The links and settings that lldb's script and the `program` lead to. */
static bool make_replay(struct workspace *w, deja_recording *rec, const char *rec_path,
			const struct debug_target *t)
{
	const struct deja_file *exe =
		t->image_file ? deja_file_by_id(rec, t->image_file) : NULL;
	char dir[PATH_MAX];

	if (snprintf(dir, sizeof(dir), "%s/replay", w->dir) >= (int)sizeof(dir))
		return false;
	sysroot_remove(dir);
	if (mkdir(dir, 0700) < 0) {
		cmd_error("%s: %s", dir, strerror(errno));
		return false;
	}
	if (exe)
		snprintf(w->program, sizeof(w->program), "%s/root%s", dir, exe->path);
	return sysroot_make(dir, rec, rec_path, t->image_file) && debug_link_runtime(dir) &&
	       debug_settings_write(dir, rec_path, rec, t, NULL, false);
}

int cmd_workspace(int argc, char **argv)
{
	const char *dir = NULL;
	struct debug_target target;
	struct workspace w = {0};
	char *path, *abs, *named;
	int key, status;
	int32_t pid = 0;
	deja_recording *rec;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if (key == 'o')
			dir = optarg;
		if (key == CMD_OPT_PID && !debug_pid(argv[0], optarg, &pid))
			return CMD_FAILED;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	path = cmd_recording_path(argv[optind]);
	if (!path)
		return CMD_UNREADABLE;
	rec = cmd_open(path, &status);
	if (!rec)
		return status;
	abs = realpath(path, NULL);
	named = argv[optind] ? realpath(argv[optind], NULL) : NULL;
	if (!abs || !debug_target_find(rec, "start", pid, &target))
		return CMD_FAILED;
	w.recording = named ? named : abs;
	w.name = strrchr(w.recording, '/') + 1;
	w.folder = deja_header(rec)->cwd && deja_header(rec)->cwd[0] ? deja_header(rec)->cwd : "/";
	w.pid = target.pid;
	if (mkdir(dir ? dir : ".", 0700) < 0 && errno != EEXIST) {
		cmd_error("%s: %s", dir, strerror(errno));
		return CMD_FAILED;
	}
	w.dir = realpath(dir ? dir : ".", NULL);
	if (!w.dir) {
		cmd_error("%s: %s", dir, strerror(errno));
		return CMD_FAILED;
	}
	cmd_stdout_begin();
	if (!make_replay(&w, rec, abs, &target) || !write_gdb(&w) || !write_workspace(&w))
		return CMD_FAILED;
	deja_close(rec);
	return cmd_stdout_end(0);
}
