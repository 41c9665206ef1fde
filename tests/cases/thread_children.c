/*
 * Children of a process with threads: fork from several at once, posix_spawn, system, popen,
 * vfork, with programs that exist and programs that do not; pthread_atfork.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <spawn.h>

extern char **environ;
static int before, parent, child;
static volatile int stop;

static void count_before(void) { __atomic_add_fetch(&before, 1, __ATOMIC_SEQ_CST); }
static void count_parent(void) { __atomic_add_fetch(&parent, 1, __ATOMIC_SEQ_CST); }
static void count_child(void) { child++; }

static void *noise(void *arg)
{
	while (!stop) {
		free(malloc(100));
		usleep(100);
	}
	return arg;
}

static void *inner(void *arg)
{
	return arg;
}

static void *forks(void *arg)
{
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		T_CHECK(pid >= 0);
		if (pid == 0) {
			pthread_t th;
			void *res;

			T_CHECK(gettid() == getpid() && child == 1);
			T_CHECK(pthread_create(&th, NULL, inner, arg) == 0);
			T_CHECK(pthread_join(th, &res) == 0 && res == arg);
			dprintf(1, "child %d\n", getpid());
			_exit(30 + (int)(intptr_t)arg);
		}
		t_wait_exit(pid, 30 + (int)(intptr_t)arg);
	}
	return NULL;
}

static void *spawns(void *arg)
{
	char *good[] = {"sh", "-c", "echo spawned $$", NULL}, *bad[] = {"none", NULL};
	char line[64];
	pid_t pid;

	for (int i = 0; i < 3; i++) {
		FILE *f;

		T_CHECK(posix_spawn(&pid, "/bin/sh", NULL, NULL, good, environ) == 0);
		t_wait_exit(pid, 0);
		T_CHECK(posix_spawn(&pid, "/nonexistent/none", NULL, NULL, bad, environ) ==
			ENOENT);
		T_CHECK(posix_spawnp(&pid, "no-such-program-here", NULL, NULL, bad, environ) ==
			ENOENT);
		T_CHECK(WEXITSTATUS(system("exit 6")) == 6);
		T_CHECK(WEXITSTATUS(system("/nonexistent/none 2>/dev/null")) == 127);
		f = popen("echo popen $$", "r");
		T_CHECK(f && fgets(line, sizeof(line), f));
		T_CHECK(pclose(f) == 0);
		dprintf(1, "%s", line);
		pid = vfork();
		if (pid == 0) {
			execl(i & 1 ? "/bin/true" : "/nonexistent/none", "true", NULL);
			_exit(errno == ENOENT ? 5 : 6);
		}
		T_CHECK(pid > 0);
		t_wait_exit(pid, i & 1 ? 0 : 5);
	}
	return arg;
}

static volatile int got;
static void on_usr(int sig)
{
	got += sig == SIGUSR1;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_usr}, old;
	pthread_t th[5];

	T_CHECK(pthread_atfork(count_before, count_parent, count_child) == 0);
	T_CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	for (intptr_t i = 0; i < 5; i++)
		T_CHECK(pthread_create(&th[i], NULL, i < 2 ? forks : i < 4 ? spawns : noise,
				       (void *)i) == 0);
	for (int i = 0; i < 5; i++) {
		if (i == 4)
			stop = 1;
		T_CHECK(pthread_join(th[i], NULL) == 0);
	}
	T_CHECK(before == parent && before >= 8);
	/* children that reset their handlers did not reset ours */
	T_CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == on_usr);
	T_CHECK(raise(SIGUSR1) == 0 && got == 1);
	return 0;
}
