/*
 * Threads' lives: a thousand short ones, detached ones, names, destructors, ids, stacks and
 * attributes, errno and thread-local storage, threads that make threads.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>

static sem_t sem;
static pthread_key_t key;
static int destroyed, detached;
static __thread int local = 7;
static char order[64];

static void *shortest(void *arg)
{
	local += (int)(intptr_t)arg;
	return (void *)(intptr_t)local;
}

static void *detaches(void *arg)
{
	if ((intptr_t)arg & 1)
		T_CHECK(pthread_detach(pthread_self()) == 0);
	usleep(100);
	__atomic_add_fetch(&detached, 1, __ATOMIC_SEQ_CST);
	sem_post(&sem);
	return NULL;
}

static void destroy(void *arg)
{
	char name[16];

	T_CHECK(prctl(PR_GET_NAME, name) == 0);
	order[__atomic_fetch_add(&destroyed, 1, __ATOMIC_SEQ_CST)] = name[4];
	if (arg == (void *)1) /* once more */
		T_CHECK(pthread_setspecific(key, (void *)2) == 0);
}

static void *named(void *arg)
{
	char name[16], path[64], text[32] = "";
	int fd;

	snprintf(name, sizeof(name), "name%ld", (long)(intptr_t)arg);
	T_CHECK(pthread_setname_np(pthread_self(), name) == 0);
	T_CHECK(pthread_setspecific(key, (void *)1) == 0);
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", gettid());
	fd = open(path, O_RDONLY);
	T_CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) == (ssize_t)strlen(name) + 1);
	close(fd);
	T_CHECK(!strncmp(text, name, strlen(name)));
	errno = (int)(intptr_t)arg + 1;
	usleep(1000);
	T_CHECK(errno == (int)(intptr_t)arg + 1);
	return (void *)(intptr_t)gettid();
}

static void *family(void *arg)
{
	pthread_t th;
	void *res = NULL;

	if (arg) {
		T_CHECK(pthread_create(&th, NULL, family, (char *)arg - 1) == 0);
		T_CHECK(pthread_join(th, &res) == 0);
	}
	return (char *)res + 1;
}

int main(void)
{
	pthread_t th[100];
	pthread_attr_t attr;
	void *res, *stack;
	size_t len;

	T_CHECK(sem_init(&sem, 0, 0) == 0 && pthread_key_create(&key, destroy) == 0);
	for (int round = 0; round < 10; round++) {
		for (intptr_t i = 0; i < 100; i++)
			T_CHECK(pthread_create(&th[i], NULL, shortest, (void *)i) == 0);
		for (int i = 0; i < 100; i++)
			T_CHECK(pthread_join(th[i], &res) == 0 && (intptr_t)res == 7 + i);
	}
	T_CHECK(pthread_attr_init(&attr) == 0);
	T_CHECK(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0);
	for (intptr_t i = 0; i < 40; i++)
		T_CHECK(pthread_create(&th[0], i & 1 ? NULL : &attr, detaches, (void *)i) == 0);
	for (int i = 0; i < 40; i++)
		T_CHECK(sem_wait(&sem) == 0);
	T_CHECK(detached == 40);
	for (intptr_t i = 0; i < 6; i++)
		T_CHECK(pthread_create(&th[i], NULL, named, (void *)i) == 0);
	for (int i = 0; i < 6; i++) {
		T_CHECK(pthread_join(th[i], &res) == 0);
		printf("tid %ld\n", (long)(intptr_t)res);
	}
	T_CHECK(destroyed == 12);
	printf("destroyed %s\n", order);
	T_CHECK(pthread_create(&th[0], NULL, family, (void *)20) == 0);
	T_CHECK(pthread_join(th[0], &res) == 0 && (intptr_t)res == 21);
	T_CHECK(pthread_getattr_np(pthread_self(), &attr) == 0);
	T_CHECK(pthread_attr_getstack(&attr, &stack, &len) == 0);
	printf("stack %p+%zu, thread %lx\n", stack, len, (unsigned long)th[0]);
	T_CHECK(pthread_tryjoin_np(pthread_self(), NULL) != 0);
	return 0;
}
