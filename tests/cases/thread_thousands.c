/*
 * Thousands of threads at once, all of them woken together: none is refused, and those that wait for their
 * turn do not take the processor from the one that has it.
 */
#include "victim.h"
#include <pthread.h>
#include <sys/resource.h>

enum { COUNT = 5000, STACK_LEN = 64 * 1024 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static bool go;
static uint64_t order;
static int came;

static void *work(void *arg)
{
	pthread_mutex_lock(&mutex);
	while (!go)
		pthread_cond_wait(&condition, &mutex);
	order = order * 31 + (uint64_t)(intptr_t)arg;
	came++;
	pthread_mutex_unlock(&mutex);
	return NULL;
}

/* The kernel itself refuses so many here. */
static bool is_refused_by(const char *path)
{
	FILE *f = fopen(path, "r");
	long limit = 0;
	bool refused = f && fscanf(f, "%ld", &limit) == 1 && limit < COUNT * 2;

	if (f)
		fclose(f);
	return refused;
}

int main(void)
{
	static pthread_t thread[COUNT];
	struct rlimit limit;
	pthread_attr_t attr;
	int count = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_LEN);
	while (count < COUNT && !pthread_create(&thread[count], &attr, work, (void *)(intptr_t)count))
		count++;
	T_CHECK(getrlimit(RLIMIT_NPROC, &limit) == 0);
	T_CHECK(count == COUNT || limit.rlim_cur < COUNT * 2 || is_refused_by("/proc/sys/kernel/threads-max") ||
		is_refused_by("/proc/sys/kernel/pid_max") || is_refused_by("/sys/fs/cgroup/pids.max"));
	pthread_mutex_lock(&mutex);
	go = true;
	pthread_cond_broadcast(&condition);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < count; i++)
		T_CHECK(pthread_join(thread[i], NULL) == 0);
	T_CHECK(came == count);
	printf("%d threads, order %016lx, seed %016lx\n", count, order, t_seed());
	return 0;
}
