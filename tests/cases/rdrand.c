/*
 * Random numbers of the CPU, used only if cpuid offers them, as std::random_device does.
 * Shows that a recorded program is not offered what cannot be recorded.
 */
#include "victim.h"
#include <cpuid.h>
#include <immintrin.h>

__attribute__((target("rdrnd"))) static unsigned long long from_rdrand(void)
{
	unsigned long long v = 0;

	for (int i = 0; i < 100 && !_rdrand64_step(&v); i++)
		;
	return v;
}

__attribute__((target("rdseed"))) static unsigned long long from_rdseed(void)
{
	unsigned long long v = 0;

	for (int i = 0; i < 1000 && !_rdseed64_step(&v); i++)
		;
	return v;
}

/* Whether this CPU and kernel can hide what cpuid says; asked in a child, which it harms. */
static bool can_be_hidden(void)
{
	int status;
	pid_t pid = t_fork();

	if (pid == 0)
		_exit(syscall(SYS_arch_prctl, 0x1012 /* ARCH_SET_CPUID */, 1) == 0 ? 0 : 1);
	T_CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(void)
{
	unsigned a, b, c, d;

	if (!can_be_hidden()) {
		printf("skip: no CPUID faulting here\n");
		return 77;
	}
	T_CHECK(__get_cpuid(1, &a, &b, &c, &d));
	printf("rdrand %016llx\n", c & bit_RDRND ? from_rdrand() : 0);
	b = 0;
	__get_cpuid_count(7, 0, &a, &b, &c, &d);
	printf("rdseed %016llx\n", b & bit_RDSEED ? from_rdseed() : 0);
	printf("pid %d\n", getpid());
	return 0;
}
