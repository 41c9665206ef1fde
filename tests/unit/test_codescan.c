/*
 * Where a file's text has instructions that are oracles (tools/record/codescan.c): this test's own text,
 * in which there are some, some bytes that look like one, and some of which nobody can tell.
 */
#include <elf.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "preload/oracle.h"
#include "tools/installed.h"
#include "tools/record/codescan.h"
#include "tools/record/oracles.h"

/* In a function with unwind information, each found by its label. */
__attribute__((noinline, used)) static unsigned long real(void)
{
	unsigned long v = 0;

	__asm__ volatile(".globl real_rdrand, real_rdseed, real_rdtsc, real_rdtscp, real_cpuid\n"
			 "real_rdrand: rdrand %%r11\n"
			 "mov $0x310fc7f0, %%eax\n" /* rdtsc's bytes in an operand */
			 "real_rdseed: rdseed %%ax\n"
			 "real_rdtsc: rdtsc\n"
			 "mov $0xf9010f31, %%eax\n"
			 "real_rdtscp: rdtscp\n"
			 "real_cpuid: cpuid\n"
			 : : : "rax", "rbx", "rcx", "rdx", "r11");
	return v;
}

/* Loops with PAUSE: followed by what a jump may cover; jumped to behind it, with padding in reach that
 * is never executed, and without; and reached there by a table alone. */
__attribute__((noinline, used)) static unsigned long waits(unsigned long n)
{
	__asm__ volatile(".globl pause_covered, pause_padded, pause_bare, pause_by_table, some_padding\n"
			 ".globl pause_before_padding, covered_padding\n"
			 "mov $1, %%ecx\n"
			 "pause_covered: pause\n dec %%ecx\n test %%ecx, %%ecx\n jnz pause_covered\n"
			 "mov $1, %%ecx\n jmp 1f\n"
			 "some_padding: nopl 0(%%rax)\n nop\n nop\n"
			 "pause_padded: pause\n"
			 "1: dec %%ecx\n jns pause_padded\n"
			 "mov $1, %%ecx\n jmp 2f\n"
			 "pause_bare: pause\n"
			 "2: dec %%ecx\n jns pause_bare\n"
			 "mov $1, %%ecx\n jmp 5f\n" /* padding that a jump covers is not given away */
			 "6: pause\n"
			 "5: dec %%ecx\n jns 6b\n jmp 8f\n"
			 "pause_before_padding: pause\n jmp 8f\n"
			 "covered_padding: nopw 0(%%rax, %%rax)\n nopl 0(%%rax)\n"
			 "8: xor %%eax, %%eax\n lea 4f(%%rip), %%rcx\n movslq (%%rcx, %%rax, 4), %%rax\n"
			 "add %%rcx, %%rax\n jmp *%%rax\n"
			 "pause_by_table: pause\n"
			 "3: mov %%ecx, %%ecx\n nopl 0(%%rax)\n"
			 ".pushsection .rodata\n .balign 4\n 4: .long 3b - 4b\n .long 0x7fffffff\n .popsection\n"
			 : "+r"(n) : : "rax", "rcx", "cc");
	return n;
}

/* Of no known bounds: what its use shows is found, but not sure; what looks like nothing is not. */
__asm__(".text\n.globl lone_rdrand, lone_rdtsc\n"
	"lone_rdrand: rdrand %rcx\n jae lone_rdrand\n ret\n"
	"lone_rdtsc: rdtsc\n mov %eax, %ecx\n ret\n");

extern const uint8_t real_rdrand[], real_rdseed[], real_rdtsc[], real_rdtscp[], real_cpuid[], lone_rdrand[],
	lone_rdtsc[], pause_covered[], pause_padded[], pause_bare[], pause_by_table[], some_padding[],
	pause_before_padding[], covered_padding[];
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
		{real_cpuid, ORACLE_CPUID, true},   {lone_rdrand, ORACLE_RDRAND, false},
	};
	struct code_oracle *found;
	struct elf_file elf;
	size_t count, sure = 0;

	assert_int_equal(real(), 0);
	assert_true(elf_open(&elf, "/proc/self/exe"));
	count = code_scan(&elf, true, &found);
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

enum { ANY = 1000 };

static void test_room(void **state)
{
	const struct {
		const uint8_t *at;
		unsigned cover;
		int pad; /* ANY: what follows the function may have room */
	} want[] = {
		{pause_covered, 6, 0},
		{pause_padded, 0, (int)(some_padding - pause_padded) - 2},
		{pause_bare, 0, ANY},
		{pause_by_table, 0, ANY},
		{pause_before_padding, 9, 0},
	};
	struct code_oracle *found;
	struct elf_file elf;
	size_t count;

	assert_int_equal(waits(7), 7);
	assert_true(elf_open(&elf, "/proc/self/exe"));
	count = code_scan(&elf, true, &found);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct code_oracle *s = found_at(&elf, found, count, want[i].at);

		assert_non_null(s);
		assert_int_equal(s->kind, ORACLE_PAUSE);
		assert_true(s->sure);
		assert_int_equal(s->cover, want[i].cover);
		if (want[i].pad != ANY)
			assert_int_equal(s->pad, want[i].pad);
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t addr;
		const uint8_t *jump = NULL;

		if (found[i].pad && elf_segment(&elf, found[i].offset, &addr))
			jump = __executable_start + addr + 2 + found[i].pad;
		assert_false(jump && jump + 5 > covered_padding && jump < covered_padding + 5);
	}
	free(found);
	elf_close(&elf);
}

/* A program as Go's linker leaves it when stripped: its text, the table of its functions, no other. */
static struct go_program {
	Elf64_Ehdr head;
	Elf64_Phdr load;
	uint8_t text[64];
	uint8_t before[24]; /* what a section holds in front of the table */
	struct {
		uint32_t magic;
		uint8_t zeros[2], quantum, pointer_len;
		uint64_t function_count, file_count, text_start, offsets[4], functions;
		uint32_t entry[5];
		uint32_t room;
	} table;
	char names[32];
	Elf64_Shdr section[4];
} go;

enum { GO_BASE = 0x400000 };

static void make_go_program(uint32_t magic, const char *table_name, size_t before)
{
	static const uint8_t reads_counter[] = {0x0f, 0x01, 0xf9, 0x48, 0xc1, 0xe2, 0x20,
						0x48, 0x01, 0xd0, 0xc3};
	uint64_t text = GO_BASE + offsetof(struct go_program, text);

	memset(&go, 0, sizeof(go));
	go.head.e_phoff = offsetof(struct go_program, load);
	go.head.e_phnum = 1;
	go.head.e_phentsize = sizeof(Elf64_Phdr);
	go.head.e_shoff = offsetof(struct go_program, section);
	go.head.e_shentsize = sizeof(Elf64_Shdr);
	go.head.e_shnum = 4;
	go.head.e_shstrndx = 3;
	go.load = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = GO_BASE,
			       .p_filesz = sizeof(go), .p_memsz = sizeof(go)};
	memset(go.text, 0xcc, sizeof(go.text)); /* between functions, too */
	go.text[0] = 0xc3;
	memcpy(go.text + 32, reads_counter, sizeof(reads_counter));
	go.table.magic = magic;
	go.table.quantum = 1;
	go.table.pointer_len = 8;
	go.table.function_count = 2;
	go.table.text_start = text;
	go.table.functions = offsetof(struct go_program, table.entry) - offsetof(struct go_program, table);
	go.table.entry[2] = 32;
	go.table.entry[4] = 64;
	strcpy(go.names + 1, table_name);
	go.section[1] = (Elf64_Shdr){.sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC | SHF_EXECINSTR, .sh_addr = text,
				     .sh_offset = offsetof(struct go_program, text), .sh_size = sizeof(go.text)};
	go.section[2] = (Elf64_Shdr){.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC,
				     .sh_offset = offsetof(struct go_program, table) - before,
				     .sh_size = before + sizeof(go.table)};
	go.section[3] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = offsetof(struct go_program, names),
				     .sh_size = sizeof(go.names)};
}

static void test_go_table(void **state)
{
	static const struct {
		uint32_t magic;
		const char *name;
		size_t before;
		bool sure;
	} tables[] = {{0xfffffff0, ".gopclntab", 0, true},
		      {0xfffffff1, ".data.rel.ro.gopclntab", 0, true},
		      {0xfffffff0, ".data.rel.ro", 24, true}, /* position independent, linked by the system's linker */
		      {0x12345678, ".data.rel.ro", 24, false},
		      {0xfffffff1, ".another", 0, false},
		      {0x12345678, ".gopclntab", 0, false}};
	struct elf_file elf = {.data = (const uint8_t *)&go, .len = sizeof(go)};
	struct code_oracle *found;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		make_go_program(tables[i].magic, tables[i].name, tables[i].before);
		assert_int_equal(code_scan(&elf, true, &found), 1);
		assert_int_equal(found[0].kind, ORACLE_RDTSCP);
		assert_int_equal(found[0].offset, offsetof(struct go_program, text) + 32);
		assert_int_equal(found[0].sure, tables[i].sure);
		free(found);
	}
	for (size_t at = 0; at < sizeof(go.table); at++) { /* whatever it says */
		make_go_program(0xfffffff1, ".gopclntab", 0);
		((uint8_t *)&go.table)[at] ^= 0xff;
		code_scan(&elf, true, &found);
		free(found);
	}
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
		code_scan(&copy, true, &found);
		free(found);
		free(bytes);
	}
	elf_close(&elf);
}

static int harmless_one(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct elf_file elf;

	if (info->dlpi_name[0] == '/' && elf_open(&elf, info->dlpi_name)) {
		*(unsigned *)arg += oracles_are_harmless(&elf, "/under/another/name");
		elf_close(&elf);
	}
	return 0;
}

/* The linker, whatever its file is called; our own object by its name; nothing else. */
static void test_harmless(void **state)
{
	static const char *const ours[] = {"/opt/lib/deja/libdeja-record.so", "libdeja-replay.so",
					   "/b/libdeja-record.so (deleted)"};
	static const char *const others[] = {"", "/src/libdeja-1.0/prog", "/libdeja-record.so.1",
					     "/lib/xlibdeja-record.so", "/libdeja-record.so/prog"};
	struct elf_file elf;
	unsigned count = 0;

	dl_iterate_phdr(harmless_one, &count);
	assert_int_equal(count, 1);
	assert_true(elf_open(&elf, "/proc/self/exe"));
	assert_false(oracles_are_harmless(&elf, "/lib/x86_64-linux-gnu/libc.so.6"));
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		assert_true(installed_is_runtime(ours[i], strlen(ours[i])));
		assert_true(oracles_are_harmless(&elf, ours[i]));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(installed_is_runtime(others[i], strlen(others[i])));
	elf_close(&elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_text), cmocka_unit_test(test_room),
		cmocka_unit_test(test_go_table),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
