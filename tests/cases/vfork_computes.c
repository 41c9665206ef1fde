/*
 * A process is killed while one of its threads computes and another waits in vfork; the child goes on. Where the
 * computation was cut off nothing tells, so the process's stream ends with it, and a replay ends it there.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>

static volatile unsigned long counter;

static void *compute(void *arg)
{
	for (;;)
		counter++;
	return arg;
}

static void *vforks(void *arg)
{
	/* each pause gives the one that computes a turn, in which it is stopped after a while */
	if (vfork() == 0) {
		for (int i = 0; i < 20; i++)
			usleep(20000);
		_exit(1);
	}
	return arg;
}

static int maker(int ready)
{
	char text[100];
	pthread_t th;

	T_CHECK(pthread_create(&th, NULL, vforks, NULL) == 0);
	usleep(5000);
	T_CHECK(pthread_create(&th, NULL, compute, NULL) == 0);
	usleep(30000);
	t_write_all(ready, text, (size_t)snprintf(text, sizeof(text), "%d computed %lu", getpid(), counter));
	for (;;)
		pause();
}

int main(void)
{
	int ready[2], status;
	char text[100] = "";
	pid_t pid;

	T_CHECK(pipe(ready) == 0);
	pid = t_fork();
	if (pid == 0)
		_exit(maker(ready[1]));
	close(ready[1]);
	T_CHECK(read(ready[0], text, sizeof(text) - 1) > 0);
	usleep(100000);
	T_CHECK(kill(pid, SIGKILL) == 0);
	T_CHECK(waitpid(pid, &status, 0) == pid);
	T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	printf("%s\n", text);
	T_CHECK(read(ready[0], text, 1) == 0); /* the child is gone, too */
	printf("all are gone\n");
	return 0;
}
