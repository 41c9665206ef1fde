/*
 * The loader's entry from the kernel, and its leave to the dynamic linker.
 */
	.text
	.globl	_start
	.hidden	_start
_start:
	mov	%rsp, %rdi
	lea	loader_stack_top(%rip), %rsp
	xor	%ebp, %ebp
	call	loader_main
	ud2

/* As the kernel enters a program: every register zero. */
	.globl	loader_jump
	.hidden	loader_jump
loader_jump:
	mov	%rdi, target(%rip)
	mov	%rsi, %rsp
	xor	%eax, %eax
	xor	%ebx, %ebx
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%ebp, %ebp
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	jmp	*target(%rip)

	.globl	loader_restorer
	.hidden	loader_restorer
loader_restorer:
	mov	$15, %eax	/* rt_sigreturn */
	syscall

	.bss
	.p2align 12
	.skip	65536
loader_stack_top:
	.globl	loader_sigstack
	.hidden	loader_sigstack
loader_sigstack:
	.skip	65536
target:
	.skip	8

	.section .note.GNU-stack, "", @progbits
