/*
 * A pool of threads whose work goes through pipes that are full most of the time: a write
 * that waits for a reader in the same process.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>

enum { WORKERS = 4, JOBS = 150, JOB_LEN = 4096 };

static int in[2], out[2];

struct job {
	int no, worker;
	char bytes[JOB_LEN - 8];
};
_Static_assert(sizeof(struct job) == JOB_LEN, "one atomic write");

static void *worker(void *arg)
{
	struct job job;

	while (t_read_all(in[0], &job, 0) == 0 && read(in[0], &job, sizeof(job)) == JOB_LEN) {
		if (job.no < 0)
			break;
		job.worker = (int)(intptr_t)arg;
		for (size_t i = 0; i < sizeof(job.bytes); i++)
			job.bytes[i] ^= 0x55;
		T_CHECK(write(out[1], &job, sizeof(job)) == JOB_LEN);
	}
	return NULL;
}

static void *producer(void *arg)
{
	static struct job job;

	(void)arg;
	t_fill(job.bytes, sizeof(job.bytes), t_seed());
	for (int i = 0; i < JOBS + WORKERS; i++) {
		job.no = i < JOBS ? i : -1;
		T_CHECK(write(in[1], &job, sizeof(job)) == JOB_LEN);
	}
	return NULL;
}

int main(void)
{
	pthread_t th[WORKERS + 1];
	struct job job;
	uint64_t hash = 0;

	T_CHECK(pipe(in) == 0 && pipe(out) == 0);
	T_CHECK(fcntl(in[1], F_SETPIPE_SZ, 8192) >= 0 && fcntl(out[1], F_SETPIPE_SZ, 8192) >= 0);
	for (intptr_t i = 0; i < WORKERS; i++)
		T_CHECK(pthread_create(&th[i], NULL, worker, (void *)i) == 0);
	T_CHECK(pthread_create(&th[WORKERS], NULL, producer, NULL) == 0);
	for (int i = 0; i < JOBS; i++) {
		T_CHECK(read(out[0], &job, sizeof(job)) == JOB_LEN);
		printf("%d:%d ", job.worker, job.no);
		hash ^= t_hash(&job, sizeof(job));
	}
	for (int i = 0; i <= WORKERS; i++)
		T_CHECK(pthread_join(th[i], NULL) == 0);
	printf("\n%016llx\n", (unsigned long long)hash);
	return 0;
}
