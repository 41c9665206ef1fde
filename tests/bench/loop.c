/*
 * The loops that tests/bench/run times, in the current directory:
 *	loop MODE COUNT [BYTES]
 * Prints a sum that nobody may optimise away and the nanoseconds that one round took by its
 * own clock, start and end of the process not included.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FILE_LEN = 1 << 20, BLOCK_MAX = 1 << 17 };

static char block[BLOCK_MAX], back[BLOCK_MAX];
static size_t bytes = 1024;

static long calls(long count)
{
	long sum = 0;

	while (count--)
		sum += getppid();
	return sum;
}

static long clocks(long count)
{
	struct timespec ts;
	long sum = 0;

	while (count--) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		sum += ts.tv_nsec;
	}
	return sum;
}

static int blocks_open(void)
{
	int fd = open("blocks", O_CREAT | O_RDWR | O_TRUNC, 0600);
	unsigned seed = 1;

	for (size_t i = 0; i < sizeof(block); i++) {
		seed = seed * 1103515245 + 12345;
		block[i] = (char)((seed >> 16) % 23 + 'a');
	}
	return fd;
}

/* Writes a block and reads it back, over a file of a mebibyte. */
static long io(long count)
{
	int fd = blocks_open();
	long sum = 0;

	if (fd < 0)
		return -1;
	for (long i = 0; i < count; i++) {
		off_t at = (off_t)((size_t)i * bytes % FILE_LEN);

		memcpy(block, &i, sizeof(i));
		if (pwrite(fd, block, bytes, at) != (ssize_t)bytes ||
		    pread(fd, back, bytes, at) != (ssize_t)bytes)
			return -1;
		sum += back[0];
	}
	return sum;
}

static long writes(long count)
{
	int fd = blocks_open();

	if (fd < 0)
		return -1;
	for (long i = 0; i < count; i++) {
		memcpy(block, &i, sizeof(i));
		if (pwrite(fd, block, bytes, (off_t)((size_t)i * bytes % FILE_LEN)) != (ssize_t)bytes)
			return -1;
	}
	return count;
}

/* Reads a file of a mebibyte, prepared before, again and again. */
static long reads(long count)
{
	int fd = open("input", O_RDONLY);
	long sum = 0;

	if (fd < 0)
		return -1;
	for (long i = 0; i < count; i++) {
		if (pread(fd, back, bytes, (off_t)((size_t)i * bytes % FILE_LEN)) != (ssize_t)bytes)
			return -1;
		sum += back[0];
	}
	return sum;
}

static long opens(long count)
{
	for (long i = 0; i < count; i++) {
		int fd = open("/etc/passwd", O_RDONLY);

		if (fd < 0)
			return -1;
		close(fd);
	}
	return count;
}

static long stats(long count)
{
	struct stat st;
	long sum = 0;

	while (count--) {
		if (stat("/etc/passwd", &st))
			return -1;
		sum += st.st_size;
	}
	return sum;
}

static long futexes(long count)
{
	static int word;
	long sum = 0;

	while (count--)
		sum += syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	return sum + 1;
}

static long spawns(long count)
{
	static char *const argv[] = {"true", NULL};
	extern char **environ;
	long sum = 0;

	while (count--) {
		pid_t pid = fork();
		int status = 1;

		if (pid == 0) {
			execve("/bin/true", argv, environ);
			_exit(1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return -1;
		sum++;
	}
	return sum;
}

/* Two threads that take turns. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static long turn, turns;

static void *player(void *mine)
{
	pthread_mutex_lock(&mutex);
	while (turn < turns) {
		if (turn % 2 == (long)mine) {
			turn++;
			pthread_cond_signal(&turned);
		} else {
			pthread_cond_wait(&turned, &mutex);
		}
	}
	pthread_mutex_unlock(&mutex);
	pthread_cond_signal(&turned);
	return NULL;
}

static long pingpong(long count)
{
	pthread_t other;

	turns = count;
	if (pthread_create(&other, NULL, player, (void *)1))
		return -1;
	player((void *)0);
	pthread_join(other, NULL);
	return turn;
}

/* Two threads that compute, each for itself. */
static void *computer(void *count)
{
	unsigned long x = (unsigned long)count;

	for (long i = 0; i < (long)count; i++)
		x = x * 6364136223846793005ul + 1442695040888963407ul + (x >> 33);
	return (void *)(x >> 1 | 1);
}

static long parallel(long count)
{
	pthread_t other;
	void *result;

	if (pthread_create(&other, NULL, computer, (void *)(count / 2)))
		return -1;
	computer((void *)(count / 2));
	pthread_join(other, &result);
	return (long)result & 0xff;
}

/* Threads that mostly wait, each second one for the clock, the others for the one before. */
enum { CROWD = 200, CROWD_STEP_NS = 10 * 1000 * 1000 };
static sem_t woken[CROWD];

static void *waiter(void *mine)
{
	const struct timespec step = {0, CROWD_STEP_NS};
	long me = (long)mine, sum = 0;

	for (long i = 0; i < turns; i++) {
		if (me % 2 == 0) {
			nanosleep(&step, NULL);
			sem_post(&woken[me + 1]);
		} else {
			while (sem_wait(&woken[me]))
				;
		}
		for (long k = 0; k < 2000; k++)
			sum = sum * 31 + k;
	}
	return (void *)(sum >> 1 | 1);
}

/* count: how often one of them goes on. */
static long crowd(long count)
{
	pthread_t th[CROWD];
	void *result;
	long sum = 0;

	turns = count / CROWD;
	for (long i = 0; i < CROWD; i++)
		sem_init(&woken[i], 0, 0);
	for (long i = 0; i < CROWD; i++)
		if (pthread_create(&th[i], NULL, waiter, (void *)i))
			return -1;
	for (long i = 0; i < CROWD; i++) {
		pthread_join(th[i], &result);
		sum += (long)result & 0xff;
	}
	return sum;
}

static const struct {
	const char *name;
	long (*run)(long count);
} modes[] = {
	{"calls", calls}, {"clocks", clocks}, {"io", io}, {"reads", reads},
	{"writes", writes}, {"opens", opens}, {"stats", stats}, {"futexes", futexes},
	{"spawns", spawns}, {"pingpong", pingpong}, {"parallel", parallel},
	{"crowd", crowd},
};

static long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? atol(argv[2]) : 0, result = -1, start;

	if (argc > 3)
		bytes = (size_t)atol(argv[3]);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (count > 0 && bytes <= BLOCK_MAX && !strcmp(argv[1], modes[i].name)) {
			start = now_ns();
			result = modes[i].run(count);
			printf("%ld %.1f\n", result, (double)(now_ns() - start) / (double)count);
			if (result == -1)
				perror(argv[1]);
			return result == -1;
		}
	fprintf(stderr, "usage: loop MODE COUNT [BYTES]\n");
	return 2;
}
