/*
 * The report of a divergence, of synthetic ones.
 */
#include <signal.h>
#include <sys/prctl.h>
#include "t_commands.h"
#include "tools/replay/report.h"

static char *t_report(const struct divergence *d)
{
	char *text;
	size_t len;
	FILE *mem = open_memstream(&text, &len);

	report_divergence(mem, NULL, t_rec, d);
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
	    cmocka_unit_test(test_report),
	    cmocka_unit_test(test_report_bytes),
	    cmocka_unit_test(test_report_odd),
	};

	return cmocka_run_group_tests_name("report", tests, t_setup, t_teardown);
}
