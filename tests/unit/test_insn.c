/*
 * The decoder of instructions (preload/insn.c): lengths, flow, and the memory that they name,
 * for each form that the encoding has. The bytes are an assembler's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "preload/insn.h"

static const struct {
	const char *text;
	uint8_t len, flow, code[15];
} forms[] = {
	{"nop", 1, INSN_NEXT, {0x90}},
	{"push %r12", 2, INSN_NEXT, {0x41, 0x54}},
	{"add $1, %rax", 4, INSN_NEXT, {0x48, 0x83, 0xc0, 0x01}},
	{"movabs $..., %rcx", 10, INSN_NEXT, {0x48, 0xb9, 1, 2, 3, 4, 5, 6, 7, 8}},
	{"mov $imm16, %ax", 4, INSN_NEXT, {0x66, 0xb8, 1, 2}},
	{"mov moffs, %eax", 9, INSN_NEXT, {0xa1, 1, 2, 3, 4, 5, 6, 7, 8}},
	{"cmpq $0, disp(%rip)", 8, INSN_NEXT, {0x48, 0x83, 0x3d, 1, 2, 3, 4, 0}},
	{"movl $imm, disp32(%rsp)", 11, INSN_NEXT, {0xc7, 0x84, 0x24, 0, 1, 0, 0, 1, 0, 0, 0}},
	{"movw $imm16, (%rax)", 5, INSN_NEXT, {0x66, 0xc7, 0x00, 1, 2}},
	{"lea 0(,%r15,4), %rsi", 8, INSN_NEXT, {0x4a, 0x8d, 0x34, 0xbd, 0, 0, 0, 0}},
	{"testb $1, (%rdi)", 3, INSN_NEXT, {0xf6, 0x07, 0x01}},
	{"notb (%rdi)", 2, INSN_NEXT, {0xf6, 0x17}},
	{"testl $..., (%rdi)", 6, INSN_NEXT, {0xf7, 0x07, 1, 2, 3, 4}},
	{"mulsd %xmm1, %xmm0", 4, INSN_NEXT, {0xf2, 0x0f, 0x59, 0xc1}},
	{"pshufd", 5, INSN_NEXT, {0x66, 0x0f, 0x70, 0xc1, 0x1b}},
	{"palignr", 6, INSN_NEXT, {0x66, 0x0f, 0x3a, 0x0f, 0xc1, 0x08}},
	{"pshufb", 5, INSN_NEXT, {0x66, 0x0f, 0x38, 0x00, 0xc1}},
	{"vzeroupper", 3, INSN_NEXT, {0xc5, 0xf8, 0x77}},
	{"vpxor", 4, INSN_NEXT, {0xc5, 0xf9, 0xef, 0xc0}},
	{"vpalignr", 6, INSN_NEXT, {0xc4, 0xe3, 0x71, 0x0f, 0xc2, 0x08}},
	{"vmovdqu64 (%rdi), %ymm17", 6, INSN_NEXT, {0x62, 0xe1, 0xfe, 0x28, 0x6f, 0x0f}},
	{"vpcmpeqb (%rsi), %ymm17, %k1", 7, INSN_NEXT, {0x62, 0xf3, 0x75, 0x22, 0x3f, 0x0e, 0}},
	{"lock cmpxchg", 5, INSN_NEXT, {0xf0, 0x48, 0x0f, 0xb1, 0x11}},
	{"nopw cs:", 10, INSN_NEXT, {0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}},
	{"endbr64", 4, INSN_NEXT, {0xf3, 0x0f, 0x1e, 0xfa}},
	{"rep movsb", 2, INSN_NEXT, {0xf3, 0xa4}},
	{"je rel8", 2, INSN_BRANCH, {0x74, 0xfe}},
	{"je rel32", 6, INSN_BRANCH, {0x0f, 0x84, 1, 2, 3, 4}},
	{"jmp rel8", 2, INSN_JUMP, {0xeb, 0xfe}},
	{"jmp rel32", 5, INSN_JUMP, {0xe9, 1, 2, 3, 4}},
	{"jmp *%rax", 2, INSN_LEAVES, {0xff, 0xe0}},
	{"ret", 1, INSN_LEAVES, {0xc3}},
	{"call", 5, INSN_CALL, {0xe8, 1, 2, 3, 4}},
	{"call *8(%rax)", 3, INSN_CALL, {0xff, 0x50, 8}},
	{"loop", 2, INSN_SHORT, {0xe2, 0xfe}},
	{"syscall", 2, INSN_STOPS, {0x0f, 0x05}},
	{"int3", 1, INSN_STOPS, {0xcc}},
	{"hlt", 1, INSN_STOPS, {0xf4}},
};

static void lengths_and_flow(void **state)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct insn in;

		if (!insn_decode(forms[i].code, sizeof(forms[i].code), &in) ||
		    in.len != forms[i].len || in.flow != forms[i].flow)
			fail_msg("%s: length %u, flow %u", forms[i].text, in.len, in.flow);
		if (insn_decode(forms[i].code, forms[i].len - 1u, &in))
			fail_msg("%s: taken although cut short", forms[i].text);
	}
}

static void what_is_none(void **state)
{
	static const uint8_t none[][4] = {{0x06}, {0x9a}, {0x82, 0xc0}, {0x0f, 0x0a}};
	struct insn in;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(insn_decode(none[i], sizeof(none[i]), &in));
}

static void addresses(void **state)
{
	struct k_mcontext mc = {.rax = 0x1000, .rsp = 0x7000, .r13 = 0x20000, .r9 = 3};
	static const uint8_t rip[] = {0x48, 0x8b, 0x05, 0x10, 0, 0, 0};
	static const uint8_t scaled[] = {0x4b, 0x8b, 0x44, 0xcd, 0x08}; /* 8(%r13,%r9,8) */
	static const uint8_t stack[] = {0x48, 0x8b, 0x44, 0x24, 0xf8};	/* -8(%rsp) */
	static const uint8_t lea[] = {0x48, 0x8d, 0x44, 0x24, 0xf8};
	static const uint8_t jump[8] = {0x75, 0xfa};
	struct insn in;
	uint64_t at;

	assert_true(insn_decode(rip, sizeof(rip), &in));
	assert_true(insn_address(&in, rip, 0x400000, &mc, &at));
	assert_int_equal(at, 0x400017);
	assert_true(insn_decode(scaled, sizeof(scaled), &in));
	assert_true(insn_address(&in, scaled, 0, &mc, &at));
	assert_int_equal(at, 0x20020);
	assert_true(insn_decode(stack, sizeof(stack), &in));
	assert_true(insn_address(&in, stack, 0, &mc, &at));
	assert_int_equal(at, 0x6ff8);
	assert_true(insn_decode(lea, sizeof(lea), &in));
	assert_false(insn_address(&in, lea, 0, &mc, &at));
	assert_true(insn_decode(jump, sizeof(jump), &in));
	assert_int_equal(insn_target(&in, jump, 0x5000), 0x4ffc);
}

static const struct {
	uint8_t kind, len, trap_at, width, reg, code[8];
} oracles[] = {
	{ORACLE_RDRAND, 3, 1, 4, 0, {0x0f, 0xc7, 0xf0}},
	{ORACLE_RDRAND, 4, 2, 2, 7, {0x66, 0x0f, 0xc7, 0xf7}},
	{ORACLE_RDRAND, 4, 2, 8, 2, {0x48, 0x0f, 0xc7, 0xf2}},
	{ORACLE_RDRAND, 4, 2, 4, 10, {0x41, 0x0f, 0xc7, 0xf2}},
	{ORACLE_RDRAND, 5, 3, 2, 9, {0x66, 0x41, 0x0f, 0xc7, 0xf1}},
	{ORACLE_RDSEED, 4, 2, 8, 15, {0x49, 0x0f, 0xc7, 0xff}},
	{ORACLE_RDSEED, 3, 1, 4, 5, {0x0f, 0xc7, 0xfd}},
	{ORACLE_RDPID, 4, 2, 8, 0, {0xf3, 0x0f, 0xc7, 0xf8}},
	{ORACLE_RDTSC, 2, 1, 0, 0, {0x0f, 0x31}},
	{ORACLE_RDTSCP, 3, 1, 0, 0, {0x0f, 0x01, 0xf9}},
	{ORACLE_CPUID, 2, 1, 0, 0, {0x0f, 0xa2}},
	{ORACLE_PAUSE, 2, 0, 0, 0, {0xf3, 0x90}},
	{ORACLE_NONE, 0, 0, 0, 0, {0xf3, 0x41, 0x90}},	    /* another instruction */
	{ORACLE_NONE, 0, 0, 0, 0, {0x0f, 0xc7, 0x0f}},	    /* cmpxchg8b (%rdi) */
	{ORACLE_NONE, 0, 0, 0, 0, {0xf3, 0x0f, 0xc7, 0xf0}}, /* senduipi */
	{ORACLE_NONE, 0, 0, 0, 0, {0x0f, 0x01, 0xd0}},	    /* xgetbv */
	{ORACLE_NONE, 0, 0, 0, 0, {0x0f, 0x0b}},
	{ORACLE_NONE, 0, 0, 0, 0, {0x90, 0x0f, 0x31}},
};

static void test_oracles(void **state)
{
	struct insn_oracle s;
	struct insn in;

	for (size_t i = 0; i < sizeof(oracles) / sizeof(oracles[0]); i++) {
		bool is = insn_is_oracle(oracles[i].code, sizeof(oracles[i].code), &s);

		assert_int_equal(is, oracles[i].kind != ORACLE_NONE);
		if (!is)
			continue;
		assert_int_equal(s.kind, oracles[i].kind);
		assert_int_equal(s.len, oracles[i].len);
		assert_int_equal(s.trap_at, oracles[i].trap_at);
		assert_int_equal(s.reg, oracles[i].reg);
		if (oracles[i].width)
			assert_int_equal(s.width, oracles[i].width);
		assert_true(insn_decode(oracles[i].code, 8, &in));
		assert_int_equal(in.len, s.len);
		for (size_t room = 0; room < s.len; room++)
			assert_false(insn_is_oracle(oracles[i].code, room, &s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oracles),
		cmocka_unit_test(lengths_and_flow),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
