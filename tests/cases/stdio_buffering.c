/*
 * stdout and stderr interleaved, buffered and not, from parent and children: the order in
 * one file. Shows that a replay prints in the recorded order across processes.
 */
/* MERGED */
#include "victim.h"
#include <stdio_ext.h>
#include <sys/uio.h>

int main(void)
{
	struct iovec v[2] = {{"vector ", 7}, {"write\n", 6}};
	char big[10000];

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < 20; i++) {
		printf("out %d\n", i);
		fprintf(stderr, "err %d at %ld\n", i, (long)t_now_ns(CLOCK_MONOTONIC));
	}
	setvbuf(stdout, NULL, _IOFBF, 0);
	printf("buffered, comes late\n");
	fprintf(stderr, "unbuffered, comes early\n");
	T_CHECK(write(1, "raw\n", 4) == 4 && writev(2, v, 2) == 13);
	T_CHECK(__fpending(stdout) > 0);
	fflush(stdout);

	/* Children that print at once, in whatever order they come. */
	for (int i = 0; i < 4; i++) {
		pid_t pid = t_fork();
		if (pid == 0) {
			for (int k = 0; k < 10; k++) {
				dprintf(k & 1 ? 2 : 1, "child %d (%d) line %d\n", i, getpid(), k);
				usleep((unsigned)(t_seed() >> 40) % 500);
			}
			printf("buffered in child %d\n", i);
			exit(i);
		}
		dprintf(1, "parent started %d\n", pid);
	}
	for (int i = 0; i < 4; i++) {
		int status;
		pid_t pid = wait(&status);
		printf("ended %d with %d\n", pid, WEXITSTATUS(status));
	}
	fflush(stdout);
	T_CHECK(system("echo shell out; echo shell err >&2; (echo sub out; echo sub err >&2) & wait") == 0);

	/* Printed by the parent because the child shares its buffer before fork. */
	printf("once ");
	fflush(stdout);
	pid_t pid = fork();
	T_CHECK(pid >= 0);
	if (pid == 0) {
		printf("(child) ");
		fflush(stdout);
		_exit(0);
	}
	t_wait_exit(pid, 0);
	printf("(parent)\n");

	/* A duplicate of stdout is stdout; a file is not. */
	int d = dup(1), fd = open("file", O_CREAT | O_RDWR, 0600);
	T_CHECK(dprintf(d, "through a duplicate\n") > 0);
	T_CHECK(dprintf(fd, "not seen\n") > 0);
	fflush(stdout);
	T_CHECK(dup2(fd, d) == d && dprintf(d, "not seen either\n") > 0);
	T_CHECK(dup2(2, d) == d && dprintf(d, "now to stderr\n") > 0);
	memset(big, '.', sizeof(big));
	big[sizeof(big) - 1] = '\n';
	t_write_all(1, big, sizeof(big));
	T_CHECK(fputs("left in the buffer at exit\n", stdout) >= 0);
	return 0;
}
