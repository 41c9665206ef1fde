/*
 * Threads that end by the exit system call, each for itself: the process ends with the last of
 * them, and its stream is whole with that one's exit only (tests/cli/cut_threads.sh cuts it).
 */
/* LDLIBS: -lpthread */
/* SOAK */
/* STATUS: 5 */
#include "victim.h"
#include <pthread.h>

static const char *how = "";

static bool is(const char *wanted)
{
	return !strcmp(how, wanted);
}

static void end(const char *who, int code)
{
	char text[64];

	t_write_all(1, text, (size_t)snprintf(text, sizeof(text), "%s ends: %lld\n", who,
					      (long long)t_now_ns(CLOCK_MONOTONIC)));
	syscall(SYS_exit, code);
}

static void wait_a_little(void)
{
	usleep(is("stays") ? 20 * 1000 * 1000 : 5000);
}

static void *other(void *arg)
{
	if (!is("other first"))
		wait_a_little();
	end("the other", 5);
	return arg;
}

/* how: "other first"; "two codes"; "stays": the other goes on for long */
int main(int argc, char **argv)
{
	pthread_t th;

	if (argc > 1)
		how = argv[1];
	T_CHECK(pthread_create(&th, NULL, other, NULL) == 0);
	if (is("other first"))
		wait_a_little();
	end("the first", is("two codes") ? 4 : 5);
}
