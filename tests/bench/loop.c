/*
 * The loops that tests/bench/run times: loop calls|clocks|io COUNT, in the current directory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

/* Writes a block and reads it back, over a file of 256 blocks. */
static long io(long count)
{
	char block[1024], back[1024];
	int fd = open("blocks", O_CREAT | O_RDWR | O_TRUNC, 0600);
	long sum = 0;

	if (fd < 0)
		return -1;
	for (unsigned i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 7);
	for (long i = 0; i < count; i++) {
		off_t at = i % 256 * (long)sizeof(block);

		memcpy(block, &i, sizeof(i));
		if (pwrite(fd, block, sizeof(block), at) != (ssize_t)sizeof(block) ||
		    pread(fd, back, sizeof(back), at) != (ssize_t)sizeof(back))
			return -1;
		sum += back[0];
	}
	return sum;
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? atol(argv[2]) : 0, result = -1;

	if (count > 0 && strcmp(argv[1], "calls") == 0)
		result = calls(count);
	else if (count > 0 && strcmp(argv[1], "clocks") == 0)
		result = clocks(count);
	else if (count > 0 && strcmp(argv[1], "io") == 0)
		result = io(count);
	if (result == -1) {
		fprintf(stderr, "usage: loop calls|clocks|io COUNT\n");
		return 1;
	}
	printf("%ld\n", result);
	return 0;
}
