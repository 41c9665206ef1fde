/*
 * A branch to the instruction behind a `syscall`, as compilers make it when two paths share
 * the check of the result. Shows that a rewritten site does not break the other path.
 */
#include "victim.h"

long shared_check(long nr, long skip);
__asm__(".text\n.globl shared_check\n.type shared_check,@function\nshared_check:\n"
	"mov %rdi,%rax\n test %rsi,%rsi\n jnz 2f\n"
	"1: xor %edi,%edi\n syscall\n"
	"2: cmp $-4095,%rax\n jae 3f\n ret\n"
	"3: neg %rax\n add $1000000,%rax\n ret\n");

/* The same behind which arbitrary code stands. */
long shared_code(long nr, long skip);
__asm__(".globl shared_code\n.type shared_code,@function\nshared_code:\n"
	"mov %rdi,%rax\n test %rsi,%rsi\n jnz 2f\n"
	"xor %edi,%edi\n syscall\n"
	"2: inc %rax\n dec %rax\n ret\n");

int main(void)
{
	for (int i = 0; i < 6; i++) {
		T_CHECK(shared_check(SYS_getpid, 0) == getpid());
		T_CHECK(shared_check(12345, 1) == 12345);
		T_CHECK(shared_check(-ENOSYS, 1) == 1000000 + ENOSYS);
		T_CHECK(shared_code(SYS_getpid, 0) == getpid());
		T_CHECK(shared_code(12345, 1) == 12345);
	}
	printf("%ld at %p\n", shared_check(SYS_getppid, 0), (void *)shared_check);
	return 0;
}
