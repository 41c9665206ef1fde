/*
 * Where a file's text has instructions that are oracles (tools/record/codescan.c): this test's own text,
 * in which there are some, some bytes that look like one, and some of which nobody can tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "preload/oracle.h"
#include "tools/record/codescan.h"

/* In a function with unwind information, each found by its label. */
__attribute__((noinline, used)) static unsigned long real(void)
{
	unsigned long v = 0;

	__asm__ volatile(".globl real_rdrand, real_rdseed, real_rdtsc, real_rdtscp\n"
			 "real_rdrand: rdrand %%r11\n"
			 "mov $0x310fc7f0, %%eax\n" /* rdtsc's bytes in an operand */
			 "real_rdseed: rdseed %%ax\n"
			 "real_rdtsc: rdtsc\n"
			 "mov $0xf9010f31, %%eax\n"
			 "real_rdtscp: rdtscp\n"
			 : : : "rax", "rcx", "rdx", "r11");
	return v;
}

/* Of no known bounds: what its use shows is found, but not sure; what looks like nothing is not. */
__asm__(".text\n.globl lone_rdrand, lone_rdtsc\n"
	"lone_rdrand: rdrand %rcx\n jae lone_rdrand\n ret\n"
	"lone_rdtsc: rdtsc\n mov %eax, %ecx\n ret\n");

extern const uint8_t real_rdrand[], real_rdseed[], real_rdtsc[], real_rdtscp[], lone_rdrand[],
	lone_rdtsc[];
extern const uint8_t __executable_start[];

static const struct code_oracle *found_at(const struct elf_file *elf,
					  const struct code_oracle *found, size_t count,
					  const uint8_t *label)
{
	uint64_t addr;

	for (size_t i = 0; i < count; i++)
		if (elf_segment(elf, found[i].offset, &addr) &&
		    addr == (uint64_t)(label - __executable_start))
			return &found[i];
	return NULL;
}

static void test_own_text(void **state)
{
	static const struct {
		const uint8_t *at;
		uint8_t kind;
		bool sure;
	} want[] = {
		{real_rdrand, ORACLE_RDRAND, true}, {real_rdseed, ORACLE_RDSEED, true},
		{real_rdtsc, ORACLE_RDTSC, true},   {real_rdtscp, ORACLE_RDTSCP, true},
		{lone_rdrand, ORACLE_RDRAND, false},
	};
	struct code_oracle *found;
	struct elf_file elf;
	size_t count, sure = 0;

	assert_int_equal(real(), 0);
	assert_true(elf_open(&elf, "/proc/self/exe"));
	count = code_scan(&elf, &found);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct code_oracle *s = found_at(&elf, found, count, want[i].at);

		assert_non_null(s);
		assert_int_equal(s->kind, want[i].kind);
		assert_int_equal(s->sure, want[i].sure);
	}
	assert_null(found_at(&elf, found, count, lone_rdtsc));
	for (size_t i = 0; i < count; i++)
		sure += found[i].sure;
	assert_int_equal(count - sure, 1);
	free(found);
	elf_close(&elf);
}

/* Whatever is in the file, nothing outside of it is read. */
static void test_damaged(void **state)
{
	struct code_oracle *found;
	struct elf_file elf, copy;
	unsigned seed = 1;

	assert_true(elf_open(&elf, "/proc/self/exe"));
	for (int round = 0; round < 60; round++) {
		uint8_t *bytes = malloc(elf.len);

		assert_non_null(bytes);
		memcpy(bytes, elf.data, elf.len);
		for (int i = 0; i < 200; i++) {
			seed = seed * 1103515245 + 12345;
			/* headers, tables and text alike; not what elf_open checks */
			bytes[64 + (seed >> 3) % ((round & 1 ? 4096 : elf.len) - 64)] ^=
				(uint8_t)(seed >> 24);
		}
		copy = (struct elf_file){.data = bytes, .len = elf.len};
		code_scan(&copy, &found);
		free(found);
		free(bytes);
	}
	elf_close(&elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_text),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
