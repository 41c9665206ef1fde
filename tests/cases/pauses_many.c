/*
 * More PAUSEs than the recorder has room to note, as a program with many libraries has, and behind
 * them the time stamp counter, for which there must be room: it was read unrecorded.
 */
#include "victim.h"

unsigned long many_pauses(unsigned long rounds);

__asm__(".text\n"
	".globl many_pauses\n"
	".type many_pauses, @function\n"
	"many_pauses:\n"
	".cfi_startproc\n"
	"test %rdi, %rdi\n"
	"jz 2f\n"
	".rept 3600\n"
	"pause\n"
	"mov $7, %eax\n"
	"mov $8, %ecx\n"
	".endr\n"
	"2:\n"
	"rdtsc\n"
	"shl $32, %rdx\n"
	"or %rdx, %rax\n"
	"ret\n"
	".cfi_endproc\n"
	".size many_pauses, . - many_pauses\n");

int main(void)
{
	unsigned long first = many_pauses(0), second = many_pauses(0);

	T_CHECK(second > first);
	printf("%lu, %lu later\n", first, second - first);
	return 0;
}
