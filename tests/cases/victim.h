/*
 * What every victim shares. A victim is one small program that uses one family of the
 * boundary, checks its own truth (T_CHECK) and prints what it saw, so that two runs of it
 * print different things and a replay must print the same. tests/run finds victims by
 * wildcard; lines of this form in a victim's head steer it:
 *
 *   CFLAGS: ..., LDLIBS: ...  how to build it (read by the Makefile)
 *   DETERMINISTIC             two plain runs print the same
 *   EQUAL                     the recorded run prints what the plain run prints
 *   MERGED                    stdout and stderr go to one file: their order counts
 *   STATUS: 139               the expected exit status, 0 unless said
 *   RECORD: --trap-tsc        options of `deja record`
 *   SOAK                      one recording may prove little: recorded and replayed more often
 *   SCALE: 1000               VICTIM_SCALE is this unless set (many_calls, big_io)
 *
 * A victim that cannot show its truth on this machine prints `skip: REASON` and exits 77.
 * Victims need no privilege, use no file outside their working
 * directory and listen on the loopback only.
 */
#ifndef DEJA_TESTS_CASES_VICTIM_H
#define DEJA_TESTS_CASES_VICTIM_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Stays on in every build; says what was false and with which errno. */
#define T_CHECK(cond)                                                                    \
	((cond) ? (void)0 : t_die(__FILE__, __LINE__, #cond, errno))

/* The call fails with -1 and this errno. */
#define T_FAILS(err, call)                                                               \
	do {                                                                             \
		errno = 0;                                                               \
		long t_rc_ = (long)(call);                                               \
		if (t_rc_ != -1 || errno != (err))                                       \
			t_die(__FILE__, __LINE__, #call " fails with " #err, errno);     \
	} while (0)

static inline void t_die(const char *file, int line, const char *what, int err)
{
	fflush(NULL);
	dprintf(2, "%s:%d: not true: %s (errno %d, %s)\n", file, line, what, err,
		strerror(err));
	abort();
}

/* FNV-1a, so that big or unprintable data becomes one word of output. */
static inline uint64_t t_hash(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t h = 0xcbf29ce484222325u;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

static inline int64_t t_now_ns(clockid_t id)
{
	struct timespec ts;

	T_CHECK(clock_gettime(id, &ts) == 0);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* fork with nothing left in stdio's buffers to be printed twice. */
static inline pid_t t_fork(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	T_CHECK(pid >= 0);
	return pid;
}

/* Waits for this child, which must exit with this status. */
static inline void t_wait_exit(pid_t pid, int expected)
{
	int status = 0;

	T_CHECK(waitpid(pid, &status, 0) == pid);
	T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == expected);
}

/* A number that differs from run to run, for contents. */
static inline uint64_t t_seed(void)
{
	return (uint64_t)t_now_ns(CLOCK_REALTIME) * 0x9e3779b97f4a7c15u ^ (uint64_t)getpid();
}

/* Fills with bytes that depend on the seed. */
static inline void t_fill(void *bytes, size_t len, uint64_t seed)
{
	unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		p[i] = (unsigned char)(seed >> 56);
	}
}

static inline void t_write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len) {
		ssize_t n = write(fd, p, len);

		T_CHECK(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

/* Reads until len bytes came or the end; how many came. */
static inline size_t t_read_all(int fd, void *bytes, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)bytes + got, len - got);

		T_CHECK(n >= 0);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return got;
}

/* A file with this text; the descriptor is closed. */
static inline void t_make_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	T_CHECK(fd >= 0);
	t_write_all(fd, text, strlen(text));
	T_CHECK(close(fd) == 0);
}

/* Keeps the compiler from knowing a value. */
#define T_OPAQUE(x)                                                                      \
	({                                                                               \
		__typeof__(x) t_v_ = (x);                                                \
		__asm__ volatile("" : "+r"(t_v_));                                       \
		t_v_;                                                                    \
	})

/* A line with the time, at once: "WHO, I: nanoseconds". */
static inline void t_say(const char *who, int i)
{
	char text[100];

	t_write_all(1, text, (size_t)snprintf(text, sizeof(text), "%s, %d: %lld\n", who, i,
					      (long long)t_now_ns(CLOCK_MONOTONIC)));
}

#endif
