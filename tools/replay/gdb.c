/*
 * `deja gdb`: a replay under gdb. Lays out the recording's files for gdb when it is known what is
 * meant (gdb_target.c), and starts it with our script (tools/replay/gdb/gdb.py). The script
 * calls this command again: `--serve` for the replay itself, which waits for gdb to attach,
 * and `--events`, `--payload` for what the recording holds.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/replay/gdb.h"
#include "tools/replay/gdb_pace.h"
#include "tools/installed.h"
#include "tools/json.h"
#include "tools/replay/pace.h"
#include "tools/replay/playback.h"
#include "tools/replay/sysroot.h"
#include "tracefmt/deja_look.h"
#include "tracefmt/header.h"
#include "tracefmt/parts.h"
#include "tracefmt/wire.h"

/* --- what the script asks --- */

static const char *item_name(const struct deja_event *ev, const struct deja_item *item)
{
	const struct tf_call *call = tf_call_by_id(ev->id);

	return call && item->arg < call->nargs && call->arg[item->arg].name
		       ? call->arg[item->arg].name
		       : "bytes";
}

static void print_bytes(const struct deja_bytes *b)
{
	for (size_t i = 0; i < b->len; i += 16) {
		size_t n = b->len - i < 16 ? b->len - i : 16;

		printf("  %06zx ", i);
		for (size_t k = 0; k < 16; k++)
			if (k < n)
				printf(" %02x", b->data[i + k]);
			else
				fputs("   ", stdout);
		fputs("  |", stdout);
		for (size_t k = 0; k < n; k++) {
			uint8_t c = b->data[i + k];

			putchar(c >= 0x20 && c < 0x7f ? c : '.');
		}
		puts("|");
	}
}

static void print_payload(const struct deja_event *ev)
{
	bool any = false;

	tf_print_event(stdout, ev, NULL);
	for (size_t i = 0; i < ev->item_count; i++) {
		const struct deja_item *item = &ev->items[i];

		if (!item->present)
			continue;
		any = true;
		if (item->is_digest) {
			printf("%s, out: a digest only, %016" PRIx64 "\n", item_name(ev, item),
			       item->digest);
			continue;
		}
		printf("%s, %s, %zu bytes\n", item_name(ev, item),
		       item->inbound ? "in" : "out", item->bytes.len);
		print_bytes(&item->bytes);
	}
	if (!any)
		puts("it carries no bytes");
}

/* --events|--payload STREAM FROM COUNT REC */
static int answer(char **argv)
{
	bool payload = !strcmp(argv[1], "--payload");
	uint32_t stream = (uint32_t)strtoul(argv[2], NULL, 10);
	uint64_t from = strtoull(argv[3], NULL, 10), count = strtoull(argv[4], NULL, 10);
	struct deja_error err = {0};
	struct deja_event ev;
	int status;
	deja_recording *rec = cmd_open(argv[5], &status);
	deja_cursor *cur = rec ? deja_cursor_open(rec, stream, &err) : NULL;

	if (!rec)
		return status;
	cmd_stdout_begin();
	if (cur && !deja_seek_event(cur, from ? from : 1, &err))
		while (count-- && deja_next(cur, &ev, &err) == 1) {
			if (payload) {
				print_payload(&ev);
				continue;
			}
			printf("%8" PRIu64 "  %d  ", ev.number, (int)ev.tid);
			tf_print_event(stdout, &ev, NULL);
		}
	if (cur)
		deja_cursor_close(cur);
	deja_close(rec);
	return cmd_stdout_end(0);
}

static void on_pipe(int signo)
{
}

/* --serve FD STREAM EVENT PACE REC */
static int serve(char **argv)
{
	struct playback_hold hold = {
		.fd = atoi(argv[2]),
		.stream = (uint32_t)strtoul(argv[3], NULL, 10),
		.event = strtoull(argv[4], NULL, 10),
	};
	struct pace pace = {.factor = strtod(argv[5], NULL)};
	struct playback p = {.hold = &hold, .pace = pace_wanted(&pace) ? &pace : NULL};
	int status;

	signal(SIGPIPE, on_pipe); /* a handler is not inherited by the program */
	if (!playback_open(&p, argv[6], &status))
		return status;
	status = playback_begin(&p);
	if (!status)
		status = playback_launch(&p);
	if (!status)
		status = playback_watch(&p);
	playback_end(&p);
	return status;
}

/* --- gdb --- */

bool debug_settings_write(const char *dir, const char *rec_path, deja_recording *rec,
			  const struct debug_target *t, const struct debug_pace *pace, bool mi)
{
	static const char *const stops[] = {
		[STOP_MAIN] = "main", [STOP_START] = "start", [STOP_EVENT] = "event", [STOP_CRASH] = "crash"};
	const struct deja_file *exe =
		t->image_file ? deja_file_by_id(rec, t->image_file) : NULL;
	char path[PATH_MAX + 16], text[2 * PATH_MAX];
	struct json j = {0};
	ssize_t n;

	snprintf(path, sizeof(path), "%s/settings", dir);
	j.out = fopen(path, "we");
	if (!j.out) {
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	json_open(&j, NULL, '{');
	n = readlink("/proc/self/exe", text, PATH_MAX);
	text[n < 0 ? 0 : n] = 0;
	json_text(&j, "deja", text);
	json_text(&j, "recording", rec_path);
	snprintf(text, sizeof(text), "%s/root", dir);
	json_text(&j, "root", text);
	snprintf(text, sizeof(text), "%s/src", dir);
	json_text(&j, "sources", text);
	snprintf(text, sizeof(text), "%s/debug", dir);
	json_text(&j, "debug", text);
	snprintf(text, sizeof(text), "%s/names", dir);
	json_text(&j, "names", text);
	if (exe) {
		snprintf(text, sizeof(text), "%s/root%s", dir, exe->path);
		json_text(&j, "program", text);
	} else {
		json_null(&j, "program");
	}
	json_uint(&j, "stream", t->stream);
	json_int(&j, "pid", t->pid);
	json_uint(&j, "image_event", t->image_event);
	json_bool(&j, "is_child", t->is_child);
	json_uint(&j, "last_event", t->last_event);
	json_text(&j, "stop", stops[t->stop]);
	json_uint(&j, "event", t->event);
	json_int(&j, "signal", t->signal);
	debug_pace_write(&j, pace);
	json_bool(&j, "mi", mi);
	json_open(&j, "processes", '['); /* a debugger may follow a fork */
	for (size_t i = 0; i < deja_header(rec)->process_count; i++) {
		const struct deja_process *p = &deja_header(rec)->processes[i];

		json_open(&j, NULL, '{');
		json_uint(&j, "stream", p->stream);
		json_int(&j, "pid", p->pid);
		json_uint(&j, "last_event", p->event_count);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	if (fclose(j.out)) {
		cmd_error("%s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

/* The replayed process knows our object by the session's name for it. */
bool debug_link_runtime(const char *dir)
{
	char name[PATH_MAX + 32], path[PATH_MAX];

	snprintf(name, sizeof(name), "%s/names" SESSION_SO_NAME, dir);
	if (!installed_part(SESSION_REPLAY_OBJECT, path, sizeof(path)))
		return false;
	if (symlink(path, name) < 0) {
		cmd_error("%s: %s", name, strerror(errno));
		return false;
	}
	return true;
}

bool debug_pid(const char *command, const char *text, int32_t *pid)
{
	char *end;
	long value = strtol(text, &end, 10);

	*pid = (int32_t)value;
	if (end != text && !*end && value > 0 && value <= INT32_MAX)
		return true;
	cmd_error("%s: --pid '%s' is not a process id", command, text);
	return false;
}

/* Does gdb speak to a program, by its machine interface? */
static bool speaks_mi(char **options, int count)
{
	for (int i = 0; i < count; i++) {
		const char *o = options[i] + strspn(options[i], "-");

		if (options[i][0] == '-' &&
		    (!strncmp(o, "interpreter", 11) || !strncmp(o, "i=", 2) || !strcmp(o, "i")))
			return true;
	}
	return false;
}

/* Runs gdb until it ends. */
static int run_gdb(const char *dir, char **options, int count)
{
	char script[PATH_MAX], settings[2 * PATH_MAX], **argv;
	int status, n = 0;
	pid_t pid;

	if (!installed_part("gdb.py", script, sizeof(script)))
		return CMD_FAILED;
	snprintf(settings, sizeof(settings), "python deja_settings = '%s/settings'", dir);
	argv = calloc((size_t)count + 8, sizeof(*argv));
	if (!argv)
		return CMD_FAILED;
	argv[n++] = (char *)"gdb";
	argv[n++] = (char *)"-q";
	argv[n++] = (char *)"-iex";
	argv[n++] = settings;
	argv[n++] = (char *)"-x";
	argv[n++] = script;
	for (int i = 0; i < count; i++)
		argv[n++] = options[i];
	/* the terminal's interrupts are for gdb */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	pid = fork();
	if (pid < 0) {
		cmd_error("cannot fork: %s", strerror(errno));
		free(argv);
		return CMD_FAILED;
	}
	if (pid == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execvp("gdb", argv);
		cmd_error("gdb: %s; install gdb to debug a replay", strerror(errno));
		_exit(CMD_NOT_FOUND);
	}
	free(argv);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CMD_FAILED;
}

int cmd_gdb(int argc, char **argv)
{
	char dir[PATH_MAX], *path, *abs;
	const char *stop = NULL;
	struct debug_target target;
	struct debug_pace pace = {0};
	int key, status, count;
	int32_t pid = 0;
	deja_recording *rec;
	char **rest;

	if (argc == 6 && (!strcmp(argv[1], "--events") || !strcmp(argv[1], "--payload")))
		return answer(argv);
	if (argc == 7 && !strcmp(argv[1], "--serve"))
		return serve(argv);
	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if (key == 'g')
			stop = optarg;
		if (key == CMD_OPT_PID && !debug_pid(argv[0], optarg, &pid))
			return CMD_FAILED;
		if (key == CMD_OPT_PACE && !pace_parse(optarg, &pace.factor)) {
			cmd_error("gdb: --pace %s: a factor from 0 to 1000: 1 is as recorded, 0.5 twice as fast",
				  optarg);
			return CMD_FAILED;
		}
		if (key == CMD_OPT_UNTIL)
			pace.until = optarg;
		pace.turns |= key == CMD_OPT_TURNS;
	}
	path = cmd_recording_path(argv[optind]);
	if (!path)
		return CMD_UNREADABLE;
	rec = cmd_open(path, &status);
	if (!rec)
		return status;
	abs = realpath(path, NULL);
	if (!abs || !debug_target_find(rec, stop, pid, &target) ||
	    !debug_pace_find(rec, abs, &target, &pace))
		return CMD_FAILED;
	snprintf(dir, sizeof(dir), "%s/deja-gdb-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(dir)) {
		cmd_error("%s: %s", dir, strerror(errno));
		return CMD_FAILED;
	}
	status = CMD_FAILED;
	rest = optind < argc ? argv + optind + 1 : argv + argc;
	count = (int)(argv + argc - rest);
	if (sysroot_make(dir, rec, abs, target.image_file) && debug_link_runtime(dir) &&
	    debug_settings_write(dir, abs, rec, &target, &pace, speaks_mi(rest, count)))
		status = run_gdb(dir, rest, count);
	sysroot_remove(dir);
	debug_pace_free(&pace);
	deja_close(rec);
	free(abs);
	free(path);
	return status;
}
