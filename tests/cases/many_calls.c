/*
 * Very many small calls and clock reads. Shows that the stream's frames, the ring's
 * wrapping and the counting hold over millions of events. VICTIM_SCALE is the number.
 */
#include "victim.h"

int main(void)
{
	const char *scale = getenv("VICTIM_SCALE");
	long count = scale ? strtol(scale, NULL, 10) : 2000000, sum = 0;
	int fd = open("/dev/urandom", O_RDONLY);
	uint64_t h = 0;
	char c;

	T_CHECK(count > 0 && fd >= 0);
	for (long i = 0; i < count; i++) {
		switch (i & 7) {
		case 0:
			h = h * 31 + (uint64_t)t_now_ns(CLOCK_MONOTONIC);
			break;
		case 1:
			T_CHECK(read(fd, &c, 1) == 1);
			h = h * 31 + (unsigned char)c;
			break;
		case 2:
			T_CHECK(lseek(fd, 0, SEEK_CUR) >= 0);
			break;
		case 3:
			T_CHECK(syscall(SYS_getpid) == getpid());
			break;
		default:
			sum += getppid();
		}
	}
	printf("%ld calls, %ld, %016lx\n", count, sum, h);
	return 0;
}
