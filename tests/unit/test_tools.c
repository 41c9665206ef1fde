/*
 * The commands that read recordings, on synthetic ones.
 */
#include "t_commands.h"

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
	};

	return cmocka_run_group_tests_name("tools", tests, t_setup, t_teardown);
}
