/*
 * The commands that read recordings, on synthetic ones: every command runs in a child
 * of its own with its output caught, as a shell would run it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/replay/report.h"
#include "tracefmt/calls.h"
#include "tracefmt/header.h"
#include "tracefmt/stream.h"

/* --- fixture: a default directory with one recording of two processes --- */

static char t_dir[64], t_rec[96];
static char t_out[1 << 20], t_err[1 << 16];

static void t_write_file(const char *dir, const char *name, const void *bytes,
			 size_t len)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

/* Encodes [id, dt, dur, result, scalars..., and room for items]. */
static uint8_t *t_call(uint8_t *p, const char *name, int64_t result,
		       unsigned item_count, unsigned scalar_count, const long *scalars)
{
	const struct tf_call *call = tf_call_by_name(name);

	assert_non_null(call);
	p = tf_put_array(p, 4 + scalar_count + item_count);
	p = tf_put_uint(p, call->id);
	p = tf_put_uint(p, 1000);
	p = tf_put_uint(p, 500);
	p = tf_put_int(p, result);
	for (unsigned i = 0; i < scalar_count; i++)
		p = tf_put_int(p, scalars[i]);
	return p;
}

static uint8_t *t_bin(uint8_t *p, const void *bytes, size_t len)
{
	p = tf_put_bin(p, (uint32_t)len);
	memcpy(p, bytes, len);
	return p + len;
}

/* Events 1..6 of stream 1. */
static size_t t_stream1(uint8_t *buf)
{
	uint8_t *p = buf;

	p = t_call(p, "openat", 3, 1, 3, (long[]){AT_FDCWD, O_RDONLY, 0});
	p = t_bin(p, "/etc/hostname", 14);
	p = t_call(p, "read", 6, 1, 2, (long[]){3, 4096});
	p = t_bin(p, "hello\n", 6);
	p = tf_put_array(p, 3);
	p = tf_put_uint(p, TF_EV_CLOCK);
	p = tf_put_uint(p, 0);
	p = tf_put_uint(p, 123456789);
	p = t_call(p, "getpid", 4711, 0, 0, NULL);
	p = t_call(p, "write", 6, 1, 2, (long[]){1, 6});
	p = t_bin(p, "hello\n", 6);
	p = t_call(p, "close", 0, 0, 1, (long[]){3});
	return (size_t)(p - buf);
}

static size_t t_stream2(uint8_t *buf)
{
	uint8_t *p = buf;

	p = tf_put_array(p, 6);
	p = tf_put_uint(p, TF_EV_CHILD);
	p = tf_put_uint(p, 5000);
	p = tf_put_uint(p, 1);
	p = tf_put_uint(p, 4712);
	p = tf_put_uint(p, 4711);
	p = tf_put_uint(p, 4712);
	p = t_call(p, "getpid", 4712, 0, 0, NULL);
	return (size_t)(p - buf);
}

static void t_write_stream(const char *rec, unsigned stream, const uint8_t *bytes,
			   size_t len)
{
	struct deja_error err = {0};
	char path[256];
	tf_writer *w;

	snprintf(path, sizeof(path), "%s/p%u.zst", rec, stream);
	w = tf_writer_open(path, 1, &err);
	assert_non_null(w);
	assert_int_equal(tf_writer_append(w, bytes, len, &err), 0);
	assert_int_equal(tf_writer_close(w, &err), 0);
}

static void t_make_recording(const char *rec, uint32_t parent_of_first)
{
	static const char *const argv1[] = {"sh", "-c", "echo 'a b'; \033[31m"};
	static const char *const argv2[] = {"date", "+%N"};
	static const char *const note[] = {"a remark"}, *const warning[] = {"beware"};
	const struct deja_process processes[] = {
	    {.stream = 1,
	     .parent = parent_of_first,
	     .pid = 4711,
	     .ppid = 4000,
	     .end_ns = 2000000,
	     .event_count = 6,
	     .byte_len = 100,
	     .status_known = true,
	     .status = 3 << 8,
	     .complete = true,
	     .argc = 3,
	     .argv = argv1,
	     .note_count = 1,
	     .notes = note},
	    {.stream = 2,
	     .parent = 1,
	     .pid = 4712,
	     .ppid = 4711,
	     .start_ns = 5000,
	     .event_count = 2,
	     .byte_len = 20,
	     .status_known = true,
	     .status = 11,
	     .complete = true,
	     .argc = 2,
	     .argv = argv2},
	};
	const struct deja_external external = {4713, "/usr/bin/sudo",
					       "it is set-user-ID"};
	const struct deja_header h = {.format = 1,
				      .id = "00112233445566778899aabbccddeeff",
				      .version = "0.1.0",
				      .argc = 3,
				      .argv = argv1,
				      .exe = "/bin/sh",
				      .cwd = "/tmp",
				      .host = "host",
				      .kernel = "1.2.3 #1",
				      .machine = "x86_64",
				      .cpu = "A CPU",
				      .outbound = "full",
				      .doors = "dispatch",
				      .start_realtime_ns = 1700000000000000000,
				      .duration_ns = 2000000,
				      .complete = true,
				      .cause = "",
				      .status_known = true,
				      .status = 3 << 8,
				      .event_count = 8,
				      .byte_len = 120,
				      .process_count = 2,
				      .processes = processes,
				      .external_count = 1,
				      .externals = &external,
				      .warning_count = 1,
				      .warnings = warning};
	const struct deja_file file = {.id = 1,
				       .path = "/bin/sh",
				       .hash = "00112233445566778899aabbccddeeff",
				       .size = 4096,
				       .mode = 0755,
				       .exact = false};
	struct deja_error err = {0};
	uint8_t buf[1024];

	assert_int_equal(mkdir(rec, 0700), 0);
	t_write_stream(rec, 1, buf, t_stream1(buf));
	t_write_stream(rec, 2, buf, t_stream2(buf));
	assert_int_equal(tf_header_write(rec, &h, &err), 0);
	assert_int_equal(tf_files_write(rec, &file, 1, &err), 0);
}

static int t_setup(void **state)
{
	char latest[128];

	strcpy(t_dir, "/tmp/deja-test-tools-XXXXXX");
	assert_non_null(mkdtemp(t_dir));
	snprintf(t_rec, sizeof(t_rec), "%s/sh-1", t_dir);
	t_make_recording(t_rec, 0);
	snprintf(latest, sizeof(latest), "%s/latest", t_dir);
	assert_int_equal(symlink("sh-1", latest), 0);
	setenv("DEJA_DIR", t_dir, 1);
	setenv("TZ", "UTC", 1);
	return 0;
}

static int t_teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", t_dir);
	return system(command);
}

/* --- running a command --- */

static void t_slurp(int fd, char *buf, size_t size)
{
	ssize_t len = pread(fd, buf, size - 1, 0);

	assert_true(len >= 0);
	buf[len] = '\0';
	close(fd);
}

/* Runs a command as `deja` would; its output is in t_out and t_err after. */
static int t_run(int (*command)(int, char **), const char *line)
{
	int out = memfd_create("out", 0), err = memfd_create("err", 0), status,
	    argc = 0;
	char copy[512], *argv[16], *rest = copy;
	pid_t pid;

	snprintf(copy, sizeof(copy), "%s", line);
	while (argc < 15 && (argv[argc] = strsep(&rest, " ")))
		argc++;
	argv[argc] = NULL;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(out, 1);
		dup2(err, 2);
		_exit(command(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	t_slurp(out, t_out, sizeof(t_out));
	t_slurp(err, t_err, sizeof(t_err));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void t_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' not found in:\n%s", part, text);
}

static void t_has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' found in:\n%s", part, text);
}

static size_t t_line_count(const char *text)
{
	size_t count = 0;

	while (*text)
		count += *text++ == '\n';
	return count;
}

/* t_out is one JSON value (python3 is there wherever the tests run). */
static void t_is_json(void)
{
	FILE *check = popen("python3 -c 'import json,sys; json.load(sys.stdin)'", "w");

	assert_non_null(check);
	fputs(t_out, check);
	if (pclose(check))
		fail_msg("not JSON:\n%s", t_out);
}

/* --- texts --- */

static void test_texts(void **state)
{
	char buf[64];

	assert_string_equal(cmd_size_text(1023, buf, sizeof(buf)), "1023 B");
	assert_string_equal(cmd_size_text(1536, buf, sizeof(buf)), "1.5 KiB");
	assert_string_equal(cmd_size_text(1048575, buf, sizeof(buf)), "1.0 MiB");
	assert_string_equal(cmd_size_text(UINT64_MAX, buf, sizeof(buf)), "16.0 EiB");
	assert_string_equal(cmd_duration_text(0, buf, sizeof(buf)), "0 us");
	assert_string_equal(cmd_duration_text(999499, buf, sizeof(buf)), "999 us");
	assert_string_equal(cmd_duration_text(999500, buf, sizeof(buf)), "1 ms");
	assert_string_equal(cmd_duration_text(1500000000, buf, sizeof(buf)), "1.50 s");
	assert_string_equal(cmd_duration_text(63000000000, buf, sizeof(buf)),
			    "1 min 03 s");
	assert_string_equal(cmd_duration_text(-1, buf, sizeof(buf)), "-");
	assert_string_equal(cmd_status_text(true, 3 << 8, buf, sizeof(buf)), "exit 3");
	assert_string_equal(cmd_status_text(true, 11, buf, sizeof(buf)),
			    "signal 11 (SIGSEGV)");
	assert_string_equal(cmd_status_text(true, 6 | 0x80, buf, sizeof(buf)),
			    "signal 6 (SIGABRT)");
	assert_string_equal(cmd_status_text(false, 0, buf, sizeof(buf)), "unknown");
}

static void test_terminal_safety(void **state)
{
	static const char *const argv[] = {"a",		 "",	     "it's",
					   "\033]0;x\a", "\xc3\xa9", "\xff"};
	char *text;
	size_t len;
	FILE *mem = open_memstream(&text, &len);

	cmd_print_text(mem, "a\x1b[0m\xc3\xa9\xc2\x85\xe2\x80\xae\xff\n");
	fputc('\n', mem);
	cmd_print_argv(mem, 6, argv);
	fclose(mem);
	assert_string_equal(text,
			    "a\\x1b[0m\xc3\xa9\\xc2\\x85\\xe2\\x80\\xae\\xff\\x0a\n"
			    "a '' 'it'\\''s' $'\\x1b]0;x\\x07' '\xc3\xa9' $'\\xff'");
	free(text);
}

/* --- which recording --- */

static void test_recording_path(void **state)
{
	char *path = cmd_recording_path("sh-1"), expected[128];

	assert_string_equal(path, t_rec);
	free(path);
	path = cmd_recording_path(NULL);
	snprintf(expected, sizeof(expected), "%s/latest", t_dir);
	assert_string_equal(path, expected);
	free(path);
	path = cmd_recording_path(t_rec);
	assert_string_equal(path, t_rec);
	free(path);
}

static int t_default_dir(int argc, char **argv)
{
	char *dir;

	setenv("DEJA_DIR", "/a/b//", 1);
	dir = cmd_default_dir();
	if (strcmp(dir, "/a/b"))
		return 1;
	free(dir);
	setenv("DEJA_DIR", "", 1);
	setenv("HOME", "/h", 1);
	dir = cmd_default_dir();
	if (strcmp(dir, "/h/.local/share/deja"))
		return 2;
	free(dir);
	unsetenv("HOME");
	if (cmd_default_dir())
		return 3;
	return cmd_ls(argc, argv);
}

static void test_default_dir(void **state)
{
	assert_int_equal(t_run(t_default_dir, "ls"), CMD_FAILED);
	t_has(t_err, "neither DEJA_DIR nor HOME is set");
}

static void test_unreadable(void **state)
{
	char dir[96];

	snprintf(dir, sizeof(dir), "%s/garbage", t_dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(t_run(cmd_info, "info garbage"), CMD_UNREADABLE);
	assert_int_equal(t_line_count(t_err), 1);
	t_write_file(dir, "header", "\x01\x02garbage", 9);
	assert_int_equal(t_run(cmd_cat, "cat garbage"), CMD_UNREADABLE);
	assert_int_equal(t_line_count(t_err), 1);
	assert_string_equal(t_out, "");
	assert_int_equal(t_run(cmd_ls, "ls"), 0);
	t_has(t_out, "unreadable: ");
	t_has(t_out, "sh-1");
}

/* --- the commands --- */

static void test_ls(void **state)
{
	assert_int_equal(t_run(cmd_ls, "ls"), 0);
	t_has(t_out, "sh-1  ");
	t_has(t_out, "2023-11-14 22:13:20");
	t_has(t_out, "2 ms");
	t_has(t_out, "exit 3");
	t_has(t_out, "sh -c $'echo \\'a b\\'; \\x1b[31m'");
	t_has_not(t_out, "\033");
	assert_int_equal(t_run(cmd_ls, "ls --json"), 0);
	t_is_json();
	t_has(t_out, "\"latest\": true");
	t_has(t_out, "\"exit\": 3");
}

static void test_ps(void **state)
{
	assert_int_equal(t_run(cmd_ps, "ps"), 0);
	assert_int_equal(t_line_count(t_out), 4);
	t_has(t_out, "   4711     4000  exit 3                       6  sh -c");
	t_has(t_out, "   4712     4711  signal 11 (SIGSEGV)          2  \\_ date +%N");
	t_has(t_out, "/usr/bin/sudo (it is set-user-ID)");
	assert_int_equal(t_run(cmd_ps, "ps --json sh-1"), 0);
	t_is_json();
	t_has(t_out, "\"signal\": 11");
}

/* Which of two children ran first is the kernel's choice; they are listed as they were forked. */
static void test_ps_order(void **state)
{
	struct deja_error err = {0};
	struct deja_process processes[3];
	struct deja_header h;
	deja_recording *rec;
	char path[96];

	snprintf(path, sizeof(path), "%s/order", t_dir);
	t_make_recording(path, 0);
	rec = deja_open(path, &err);
	assert_non_null(rec);
	h = *deja_header(rec);
	memcpy(processes, h.processes, 2 * sizeof(*processes));
	processes[2] = processes[1];
	processes[2].stream = 3;
	processes[2].pid = 4713;
	processes[2].start_ns = processes[1].start_ns - 1000;
	h.processes = processes;
	h.process_count = 3;
	t_write_stream(path, 3, (const uint8_t *)"", 0);
	assert_int_equal(tf_header_write(path, &h, &err), 0);
	deja_close(rec);
	assert_int_equal(t_run(cmd_ps, "ps order"), 0);
	assert_true(strstr(t_out, "   4712     4711") < strstr(t_out, "   4713     4711"));
	t_has(t_out, "   4713     4711");
}

/* A recording may claim that two processes are each other's parents. */
static void test_ps_cycle(void **state)
{
	char rec[96];

	snprintf(rec, sizeof(rec), "%s/cycle", t_dir);
	t_make_recording(rec, 2);
	if (t_run(cmd_ps, "ps cycle") == 0) {
		t_has(t_out, "4711");
		t_has(t_out, "4712");
	} else {
		assert_int_equal(t_line_count(t_err),
				 1); /* refused as a whole: as good */
	}
}

static void test_info(void **state)
{
	assert_int_equal(t_run(cmd_info, "info sh-1"), 0);
	t_has(t_out, "Recorded    2023-11-14 22:13:20, took 2 ms");
	t_has(t_out, "Complete    yes");
	t_has(t_out, "8 in 2 processes");
	t_has(t_out, "process 4713, /usr/bin/sudo: it is set-user-ID");
	t_has(t_out, "Warnings    beware");
	t_has(t_out, "process 4711: a remark");
	t_has(t_out, "/bin/sh  (changed while it was being stored)");
	assert_int_equal(t_run(cmd_info, "info --json --coverage sh-1"), 0);
	t_is_json();
	t_has(t_out, "\"kernel\": \"1.2.3 #1\"");
	t_has(t_out, "\"clock_reads\": 1");
}

static void test_coverage(void **state)
{
	assert_int_equal(t_run(cmd_info, "info --coverage"), 0);
	t_has(t_out, "getpid");
	t_has_not(t_out, "Besides calls");
	assert_int_equal(t_run(cmd_info, "info --coverage sh-1"), 0);
	t_has(t_out, "   39  getpid                            2\n");
	t_has(t_out, "1 clock reads through the vDSO");
	setenv("DEJA_DIR", "/nonexistent", 1);
	assert_int_equal(t_run(cmd_info, "info --coverage"), 0);
	setenv("DEJA_DIR", t_dir, 1);
}

static void test_cat(void **state)
{
	assert_int_equal(t_run(cmd_cat, "cat"), 0);
	assert_string_equal(t_err, "");
	assert_int_equal(t_line_count(t_out), 8);
	t_has(t_out, "/etc/hostname");
	assert_int_equal(t_run(cmd_cat, "cat --call getpid"), 0);
	assert_int_equal(t_line_count(t_out), 2);
	assert_int_equal(t_run(cmd_cat, "cat --call getpid,read --pid 4711 sh-1"), 0);
	assert_int_equal(t_line_count(t_out), 2);
	assert_int_equal(t_run(cmd_cat, "cat --pid 4712"), 0);
	assert_int_equal(t_line_count(t_out), 2);
	assert_int_equal(t_run(cmd_cat, "cat --pid 99"), CMD_FAILED);
	t_has(t_err, "no process 99");
	assert_int_equal(t_run(cmd_cat, "cat --jsonl --call read"), 0);
	assert_int_equal(t_line_count(t_out), 1);
	t_is_json();
}

static void test_cat_truncated(void **state)
{
	char rec[96], path[128];
	struct stat st;

	snprintf(rec, sizeof(rec), "%s/cut", t_dir);
	t_make_recording(rec, 0);
	snprintf(path, sizeof(path), "%s/p1.zst", rec);
	assert_int_equal(stat(path, &st), 0);
	/* Without the end of its seek table: every event is still there. */
	assert_int_equal(truncate(path, st.st_size - 5), 0);
	assert_int_equal(t_run(cmd_cat, "cat cut"), 0);
	assert_int_equal(t_line_count(t_out), 8);
	assert_int_equal(t_line_count(t_err), 1);
	t_has(t_err, "incomplete");
	assert_int_equal(t_run(cmd_info, "info cut"), 0);
	t_has(t_out, "Complete    no: the stream of process 4711: ");
	/* Nothing left of the process asked for. */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(t_run(cmd_cat, "cat --pid 4711 cut"), CMD_UNREADABLE);
	assert_string_equal(t_out, "");
	assert_int_equal(t_line_count(t_err), 1);
}

static int t_cat_to_closed_pipe(int argc, char **argv)
{
	int ends[2];

	if (pipe(ends) || dup2(ends[1], 1) < 0)
		return 1;
	close(ends[0]);
	close(ends[1]);
	return cmd_cat(argc, argv);
}

static int t_cat_to_full_disk(int argc, char **argv)
{
	if (dup2(open("/dev/full", O_WRONLY), 1) < 0)
		return 1;
	return cmd_cat(argc, argv);
}

static void test_cat_output_errors(void **state)
{
	assert_int_equal(t_run(t_cat_to_closed_pipe, "cat"), 0);
	assert_string_equal(t_err, "");
	if (access("/dev/full", W_OK))
		return;
	assert_int_equal(t_run(t_cat_to_full_disk, "cat"), CMD_FAILED);
	t_has(t_err, "cannot write to stdout: No space left on device");
}

static void test_version(void **state)
{
	assert_int_equal(t_run(cmd_version, "version"), 0);
	t_has(t_out, "deja      " DEJA_VERSION "\nformat    2\nzstd ");
}

/* --- report --- */

static char *t_report(const struct divergence *d)
{
	char *text;
	size_t len;
	FILE *mem = open_memstream(&text, &len);

	report_divergence(mem, t_rec, d);
	fclose(mem);
	return text;
}

static void t_stopped_here(const char *name)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (*(const volatile char *)name)
		pause();
}

static void test_report(void **state)
{
	static const char name[] = "/etc/passwd";
	struct divergence d = {.pid = 4711,
			       .tid = 4711,
			       .stream = 1,
			       .event_no = 5,
			       .kind = DIVERGED_CALL,
			       .nr = 257,
			       .args = {(unsigned long)AT_FDCWD, (unsigned long)name}};
	int status;
	char *text;

	d.live_pid = fork();
	if (!d.live_pid) {
		t_stopped_here(name);
		_exit(1);
	}
	usleep(20000);
	text = t_report(&d);
	t_has(text, "deja: replay diverged at event 5 of process 4711 (stream 1): "
		    "it made another call\n");
	t_has(text, "  expected: write(1, \"hello\\n\", 6) = 6\n");
	t_has(text, "  got:      openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY");
	t_has(text, "  before it, of thread 4711:\n");
	t_has(text, "/etc/hostname");
	t_has(text, "getpid");
	t_has(text, "likely cause: ");
	t_has(text, "recorded on Linux 1.2.3 #1");
	/* This program's file is not in the recording; cli/report.sh has names. */
	if (!strstr(text, "not be traced"))
		t_has(text, "#0  0x");
	free(text);
	/* It runs on, and its exit is still there to be waited for. */
	kill(d.live_pid, SIGTERM);
	assert_int_equal(waitpid(d.live_pid, &status, 0), d.live_pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void test_report_bytes(void **state)
{
	struct divergence d = {.pid = 4711,
			       .stream = 1,
			       .event_no = 5,
			       .kind = DIVERGED_BYTES,
			       .nr = 1,
			       .args = {1, 0x1234, 6},
			       .arg = 1,
			       .offset = 3,
			       .got_bytes = "helxo\n",
			       .got_len = 6,
			       .expected_bytes = "hello\n",
			       .expected_len = 6};
	char *text = t_report(&d);

	t_has(text, "  got:      write(1, 0x1234, 6)\n");
	t_has(text, "argument 2 (buf): its bytes differ");
	t_has(text, "first difference at byte 3");
	t_has(text, "    expected 000000  68 65 6c 6c 6f 0a");
	t_has(text, "    got      000000  68 65 6c 78 6f 0a");
	t_has(text, "\n                              ^^\n");
	t_has(text, "|helxo.|");
	t_has(text, "not available: the process is gone");
	free(text);
}

/* Whatever the struct holds, there is a report. */
static void test_report_odd(void **state)
{
	struct divergence d;
	char *text;

	memset(&d, 0xff, sizeof(d));
	d.live_pid = 0;
	text = t_report(&d);
	t_has(text, "deja: replay diverged at event");
	free(text);
	for (unsigned kind = 0; kind <= DIVERGED_OTHER + 1; kind++) {
		d = (struct divergence){
		    .stream = 1, .event_no = 7, .kind = kind, .nr = -1};
		text = t_report(&d);
		t_has(text, "likely cause: ");
		free(text);
	}
	d = (struct divergence){
	    .stream = 1, .event_no = 7, .kind = DIVERGED_END, .nr = 9999};
	text = t_report(&d);
	t_has(text, "nothing more: the stream ends here");
	t_has(text, "system call 9999(");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_terminal_safety),
	    cmocka_unit_test(test_recording_path),
	    cmocka_unit_test(test_default_dir),
	    cmocka_unit_test(test_ls),
	    cmocka_unit_test(test_ps),
	    cmocka_unit_test(test_ps_order),
	    cmocka_unit_test(test_ps_cycle),
	    cmocka_unit_test(test_info),
	    cmocka_unit_test(test_coverage),
	    cmocka_unit_test(test_cat),
	    cmocka_unit_test(test_cat_truncated),
	    cmocka_unit_test(test_cat_output_errors),
	    cmocka_unit_test(test_version),
	    cmocka_unit_test(test_unreadable),
	    cmocka_unit_test(test_report),
	    cmocka_unit_test(test_report_bytes),
	    cmocka_unit_test(test_report_odd),
	};

	return cmocka_run_group_tests_name("tools", tests, t_setup, t_teardown);
}
