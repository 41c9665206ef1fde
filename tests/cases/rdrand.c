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

int main(void)
{
	unsigned a, b, c, d;

	T_CHECK(__get_cpuid(1, &a, &b, &c, &d));
	printf("rdrand %016llx\n", c & bit_RDRND ? from_rdrand() : 0);
	b = 0;
	__get_cpuid_count(7, 0, &a, &b, &c, &d);
	printf("rdseed %016llx\n", b & bit_RDSEED ? from_rdseed() : 0);
	printf("pid %d\n", getpid());
	return 0;
}
