/*
 * All of a program's memory is locked, as services do that must not wait for it: that is its own, little,
 * and in a moment. What is mapped later is locked, too.
 */
#include "victim.h"
#include <sys/mman.h>
#include <sys/resource.h>

enum { BIG_LEN = 4 << 20, OWN_MAX_KIB = 32 << 10 };

static long locked_kib(void)
{
	char line[256];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	T_CHECK(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmLck: %ld", &kib);
	fclose(f);
	return kib;
}

int main(void)
{
	struct rlimit limit;
	char *reserved = mmap(NULL, 1 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *big;
	bool all;
	long before, after;

	T_CHECK(reserved != MAP_FAILED && munmap(reserved + (1 << 20), (1 << 30) - (1 << 20)) == 0);
	T_CHECK(getrlimit(RLIMIT_MEMLOCK, &limit) == 0);
	all = mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
	T_CHECK(all || limit.rlim_cur < OWN_MAX_KIB * 1024ul);
	before = locked_kib();
	T_CHECK(!all || (before > 500 && before < OWN_MAX_KIB));
	big = mmap(NULL, BIG_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T_CHECK(big != MAP_FAILED || !all);
	after = locked_kib();
	T_CHECK(!all || after >= before + BIG_LEN / 1024);
	T_CHECK(munlockall() == 0 && locked_kib() == 0);
	T_FAILS(EINVAL, mlockall(64));
	printf("%d, %ld, %ld, seed %016lx\n", all, before, after, t_seed());
	return 0;
}
