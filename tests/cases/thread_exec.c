/*
 * exec from a thread that is not the first: the others vanish, the new image has the
 * process's id.
 */
/* SOAK */
/* LDLIBS: -lpthread */
/* STATUS: 9 */
#include "victim.h"
#include <pthread.h>

static void *sleeper(void *arg)
{
	for (;;)
		usleep(200);
	return arg;
}

static void *execs(void *arg)
{
	char pid[32];

	usleep(2000);
	T_FAILS(ENOENT, execl("/nonexistent/program", "program", NULL));
	snprintf(pid, sizeof(pid), "%d", getpid());
	execl("/proc/self/exe", (char *)arg, pid, NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t th;

	if (argc > 1) {
		T_CHECK(atoi(argv[1]) == getpid() && gettid() == getpid());
		T_CHECK(pthread_create(&th, NULL, sleeper, NULL) == 0);
		usleep(1000);
		printf("%s again at %lld\n", argv[0], (long long)t_now_ns(CLOCK_MONOTONIC));
		return 9;
	}
	for (int i = 0; i < 3; i++)
		T_CHECK(pthread_create(&th, NULL, sleeper, NULL) == 0);
	printf("before\n");
	fflush(stdout);
	T_CHECK(pthread_create(&th, NULL, execs, "thread") == 0);
	T_CHECK(pthread_join(th, NULL) == 0);
	return 1;
}
