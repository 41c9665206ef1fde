/*
 * Where the program's execution and the runtime's meet, x86-64. Reached from patched
 * sites (through their stubs), from the SIGSYS handler (which sets the program's context
 * to dj_trap_entry) and from the hooks. Every crossing takes the same way, on the
 * thread's private stack: nothing is written to the program's stack but two words
 * below its red zone, the same in both modes: this code lies at an address that the link
 * fixes for both runtime objects, since return addresses are among these words.
 */
	.section .doors, "ax", @progbits

	.set	T_STACK_TOP, 8
	.set	T_PENDING, 16
	.set	T_ORACLE_SP, 24

/* struct pregs from its beginning up to and with rax. */
	.macro	POP_REGISTERS
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdx
	pop	%rsi
	pop	%rdi
	pop	%rax
	.endm

/* Offsets in struct pregs. */
	.set	P_R10, 48
	.set	P_R9, 56
	.set	P_R8, 64
	.set	P_RDX, 72
	.set	P_RSI, 80
	.set	P_RDI, 88
	.set	P_RAX, 96
	.set	P_NR, 104

	.macro	LEAVE restore_flags
	POP_REGISTERS
	lea	8(%rsp), %rsp
	pop	%rcx
	.if	\restore_flags
	mov	(%rsp), %r11
	popfq
	.else
	pop	%r11
	.endif
	pop	%rsp
	.endm

/*
 * For unwinders, where rsp is at the whole struct pregs: above lies the program, at its own
 * instruction. (r15 ... are the members' offsets as DWARF's signed numbers; the program's
 * stack pointer is entry_rsp + ENTRY_RSP_SKIP.)
 */
	.macro	CROSSING_CFI
	.cfi_escape 0x0f, 7, 0x77, 0x80, 0x01, 0x06, 0x23, 0x90, 0x01
	.cfi_escape 0x10, 15, 2, 0x77, 0x00		/* r15 */
	.cfi_escape 0x10, 14, 2, 0x77, 0x08
	.cfi_escape 0x10, 13, 2, 0x77, 0x10
	.cfi_escape 0x10, 12, 2, 0x77, 0x18
	.cfi_escape 0x10, 6, 2, 0x77, 0x20		/* rbp */
	.cfi_escape 0x10, 3, 2, 0x77, 0x28		/* rbx */
	.cfi_escape 0x10, 10, 2, 0x77, 0x30
	.cfi_escape 0x10, 9, 2, 0x77, 0x38
	.cfi_escape 0x10, 8, 3, 0x77, 0xc0, 0x00
	.cfi_escape 0x10, 1, 3, 0x77, 0xc8, 0x00	/* rdx */
	.cfi_escape 0x10, 4, 3, 0x77, 0xd0, 0x00	/* rsi */
	.cfi_escape 0x10, 5, 3, 0x77, 0xd8, 0x00	/* rdi */
	.cfi_escape 0x10, 0, 3, 0x77, 0xe0, 0x00	/* rax */
	.cfi_escape 0x10, 16, 3, 0x77, 0xf0, 0x00	/* rip */
	.endm

/*
 * Most crossings of the recorder are a system call as it is and an event of it. The call is made
 * here, between two C functions, because the processor predicts no return right after a system
 * call: every one that unwinds around it costs some 5 ns. So the way back is a jump (not through
 * a register: all must be as in the other mode). The check for a caught signal and the call are
 * one window, as in dj_raw_wait.
 *
 * In: the system call's registers; rcx = the instruction after the syscall;
 * rsp = the program's rsp - 144, a return address there. Out: rax = result, all others
 * but rcx and r11 as they were. dj_tramp_entry does not restore the flags (its callers
 * end in a cmp), dj_tramp_entry_flags does.
 */
	.macro	ENTRY_BODY restore_flags, window
	.cfi_startproc
	.cfi_signal_frame
	mov	%rsp, %r11
	mov	%gs:T_STACK_TOP, %rsp
	push	$0
	push	%r11
	pushfq
	push	%rcx
	push	%rax
	push	%rax
	push	%rdi
	push	%rsi
	push	%rdx
	push	%r8
	push	%r9
	push	%r10
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	CROSSING_CFI
	cld
	mov	%rsp, %rdi
	call	dj_enter
	test	%eax, %eax
	jz	1f
	mov	P_NR(%rsp), %rax
	mov	P_RDI(%rsp), %rdi
	mov	P_RSI(%rsp), %rsi
	mov	P_RDX(%rsp), %rdx
	mov	P_R10(%rsp), %r10
	mov	P_R8(%rsp), %r8
	mov	P_R9(%rsp), %r9
	.globl	\window\()_start, \window\()_syscall, \window\()_abort
	.hidden	\window\()_start, \window\()_syscall, \window\()_abort
\window\()_start:
	cmpl	$0, %gs:T_PENDING
	jne	\window\()_abort
\window\()_syscall:
	syscall
2:	mov	%rax, P_RAX(%rsp)
	mov	%rsp, %rdi
	call	dj_after
	LEAVE \restore_flags
	lea	8(%rsp), %rsp
	jmp	*-8(%rsp)
\window\()_abort:
	mov	$-512, %rax
	jmp	2b
1:	LEAVE \restore_flags
	ret
	.cfi_endproc
	.endm

	.globl	dj_tramp_entry
	.hidden	dj_tramp_entry
	.p2align 4
dj_tramp_entry:
	ENTRY_BODY 0, dj_window_plain

	.globl	dj_tramp_entry_flags
	.hidden	dj_tramp_entry_flags
	.globl	dj_trap_entry
	.hidden	dj_trap_entry
	.p2align 4
dj_tramp_entry_flags:
dj_trap_entry:
	ENTRY_BODY 1, dj_window_flags

/*
 * The return address that the SIGSYS handler plants: above it lies the program's own. r11, which
 * the processor sets to the flags at a syscall instruction, tells trap.c that this one is over.
 */
	.globl	dj_ret_generic
	.hidden	dj_ret_generic
	.p2align 4
	.cfi_startproc
dj_ret_generic:
	mov	$0, %r11d
	ret	$128
	.cfi_endproc

/*
 * long dj_syscall(nr, a, b, c, d, e, f): a crossing made by a hook. The two bytes before
 * dj_hook_after stand for the syscall instruction, so that "make the call again" is
 * rip - 2 here as everywhere.
 */
	.globl	dj_syscall
	.hidden	dj_syscall
	.type	dj_syscall, @function
	.p2align 4
dj_syscall:
	.cfi_startproc
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	mov	8(%rsp), %r9
	.byte	0xeb, dj_hook_body - dj_hook_after
dj_hook_after:
	ret
dj_hook_body:
	lea	-136(%rsp), %rsp
	lea	dj_hook_after(%rip), %rcx
	call	dj_tramp_entry
	lea	136(%rsp), %rsp
	jmp	dj_hook_after
	.cfi_endproc
	.size	dj_syscall, . - dj_syscall

/*
 * The vDSO's diverted functions. The C function gets (first, second argument) on the
 * private stack and says in rax: 0 served, else a system call number to make instead.
 */
/* What a C function of ours leaves in them differs between the modes. */
	.macro	CLEAR_SCRATCH
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	.endm

/* Where rsp is at the saved stack pointer, which is at two saved registers. */
	.macro	CLOCK_CFI
	.cfi_signal_frame
	.cfi_escape 0x0f, 5, 0x77, 0x00, 0x06, 0x23, 24
	.cfi_escape 0x10, 16, 5, 0x77, 0x00, 0x06, 0x23, 16
	.endm

	.macro	VDSO_ENTRY name
	.globl	\name\()_entry
	.hidden	\name\()_entry
	.p2align 4
	.cfi_startproc
\name\()_entry:
	push	%rdi
	push	%rsi
	mov	%rsp, %rax
	mov	%gs:T_STACK_TOP, %rsp
	push	%rax
	push	%rax
	CLOCK_CFI
	call	\name
	pop	%rsp
	pop	%rsi
	pop	%rdi
	CLEAR_SCRATCH
	test	%rax, %rax
	jnz	dj_vdso_by_call
	xor	%eax, %eax
	ret
	.cfi_endproc
	.endm

/* bool dj_clock_store(int64_t *to, int64_t a, int64_t b): false: `to` cannot be written, and
 * signal_handler() has led the fault here. */
	.globl	dj_clock_store, dj_clock_stored, dj_clock_unwritable
	.hidden	dj_clock_store, dj_clock_stored, dj_clock_unwritable
	.p2align 4
	.cfi_startproc
dj_clock_store:
	mov	%rsi, (%rdi)
	mov	%rdx, 8(%rdi)
dj_clock_stored:
	mov	$1, %eax
	ret
dj_clock_unwritable:
	xor	%eax, %eax
	ret
	.cfi_endproc

	VDSO_ENTRY dj_vdso_clock_gettime
	VDSO_ENTRY dj_vdso_gettimeofday

/* time(2) returns its value: the C function gives it in rax, or -1 for the call. */
	.globl	dj_vdso_time_entry
	.hidden	dj_vdso_time_entry
	.p2align 4
	.cfi_startproc
dj_vdso_time_entry:
	push	%rdi
	push	%rsi
	mov	%rsp, %rax
	mov	%gs:T_STACK_TOP, %rsp
	push	%rax
	push	%rax
	CLOCK_CFI
	call	dj_vdso_time
	pop	%rsp
	pop	%rsi
	pop	%rdi
	CLEAR_SCRATCH
	cmp	$-1, %rax
	je	1f
	ret
1:	mov	$201, %eax
	jmp	dj_vdso_by_call
	.cfi_endproc

	.globl	dj_vdso_getcpu_entry
	.hidden	dj_vdso_getcpu_entry
	.p2align 4
dj_vdso_getcpu_entry:
	mov	$309, %eax
	jmp	dj_vdso_by_call

	.globl	dj_vdso_clock_getres_entry
	.hidden	dj_vdso_clock_getres_entry
	.p2align 4
dj_vdso_clock_getres_entry:
	mov	$229, %eax
	jmp	dj_vdso_by_call

/* Not offered: the caller falls back to the system call. */
	.globl	dj_vdso_none_entry
	.hidden	dj_vdso_none_entry
	.p2align 4
dj_vdso_none_entry:
	mov	$-38, %rax
	ret

	.p2align 4
	.cfi_startproc
	.byte	0xeb, dj_vdso_by_call - dj_vdso_after
dj_vdso_after:
	ret
	.cfi_endproc
dj_vdso_by_call:
	lea	-136(%rsp), %rsp
	lea	dj_vdso_after(%rip), %rcx
	call	dj_tramp_entry
	lea	136(%rsp), %rsp
	ret

/*
 * An oracle's stub (oracles.c) calls this with the site in rax, the program's rax above the return
 * address, and all else the program's. The registers are a struct k_mcontext's, up to its eflags.
 * dj_oracle says whether a signal is to be delivered: that happens in the handler of the trap, to
 * which the kernel gives the program's context (but for what the stub has on the stack).
 */
	.macro	ORACLE_LEAVE
	pop	%r8
	pop	%r9
	pop	%r10
	pop	%r11
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rax
	pop	%rcx
	pushq	16(%rsp)
	popfq
	mov	(%rsp), %rsp
	.endm

	.globl	dj_oracle_entry, dj_oracle_trap, dj_oracle_end
	.hidden	dj_oracle_entry, dj_oracle_trap, dj_oracle_end
	.p2align 4
	.cfi_startproc
dj_oracle_entry:
	mov	%rsp, %gs:T_ORACLE_SP
	mov	%gs:T_STACK_TOP, %rsp
	pushfq
	push	$0
	pushq	%gs:T_ORACLE_SP
	push	%rcx
	push	%rax
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%r11
	push	%r10
	push	%r9
	push	%r8
	.cfi_signal_frame
	.cfi_escape 0x0f, 6, 0x77, 0xf8, 0x00, 0x06, 0x23, 8	/* the saved rsp, + 8 */
	cld
	mov	%rsp, %rdi
	mov	%rax, %rsi
	call	dj_oracle
	test	%eax, %eax
	jnz	1f
	ORACLE_LEAVE
	ret
1:	ORACLE_LEAVE
dj_oracle_trap:
	ud2
dj_oracle_end:
	.cfi_endproc

/*
 * long dj_raw_wait(nr, args): the check for a caught signal and the system call are one
 * window: boundary_signal moves an instruction pointer inside it to dj_window_abort, so
 * that no signal is lost between them. A call that the kernel wants to restart has its
 * rip back at dj_window_syscall, and is inside the window as well.
 */
	.globl	dj_raw_wait
	.hidden	dj_raw_wait
	.globl	dj_window_start
	.hidden	dj_window_start
	.globl	dj_window_syscall
	.hidden	dj_window_syscall
	.globl	dj_window_abort
	.hidden	dj_window_abort
	.p2align 4
	.cfi_startproc
dj_raw_wait:
	mov	%rdi, %rax
	mov	%rsi, %rcx
	mov	0(%rcx), %rdi
	mov	8(%rcx), %rsi
	mov	16(%rcx), %rdx
	mov	24(%rcx), %r10
	mov	32(%rcx), %r8
	mov	40(%rcx), %r9
dj_window_start:
	cmpl	$0, %gs:T_PENDING
	jne	dj_window_abort
dj_window_syscall:
	syscall
	ret
dj_window_abort:
	mov	$-512, %rax
	ret
	.cfi_endproc

/* long dj_raw_clone_vm(flags, stack, ptid, ctid, tls, child) */
	.globl	dj_raw_clone_vm
	.hidden	dj_raw_clone_vm
	.p2align 4
	.cfi_startproc
dj_raw_clone_vm:
	mov	%rcx, %r10
	mov	$56, %eax
	syscall
	test	%rax, %rax
	jz	1f
	ret
1:	.cfi_undefined rip
	xor	%ebp, %ebp
	mov	%r9, %rdi
	call	dj_child_start
	ud2
	.cfi_endproc

/* void dj_leave(pregs, rip, rsp) */
	.globl	dj_leave
	.hidden	dj_leave
	.p2align 4
dj_leave:
	mov	%rsi, %rcx
	mov	%rdx, %r11
	mov	%rdi, %rsp
	POP_REGISTERS
	lea	16(%rsp), %rsp
	popfq
	mov	%r11, %rsp
	jmp	*%rcx

/* long dj_on_stack(thread, fn, arg) */
	.globl	dj_on_stack
	.hidden	dj_on_stack
	.p2align 4
	.cfi_startproc
	.cfi_signal_frame
dj_on_stack:
	push	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	mov	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	mov	T_STACK_TOP(%rdi), %rsp
	mov	%rdx, %rdi
	call	*%rsi
	mov	%rbp, %rsp
	pop	%rbp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc

/* What our own kernel handlers return to. */
	.globl	dj_restorer
	.hidden	dj_restorer
	.p2align 4
dj_restorer:
	mov	$15, %rax
	syscall

/* What the program's handlers return to where rt_sigreturn cannot trap: rsp is at the
 * program's ucontext. void dj_sigreturn(const struct k_ucontext *) does not return. */
	.globl	dj_sigreturn_entry
	.hidden	dj_sigreturn_entry
	.p2align 4
dj_sigreturn_entry:
	mov	%rsp, %rdi
	mov	%gs:T_STACK_TOP, %rsp
	cld
	call	dj_sigreturn
	ud2

/* void dj_raw_sigreturn(const struct k_ucontext *) */
	.globl	dj_raw_sigreturn
	.hidden	dj_raw_sigreturn
	.p2align 4
dj_raw_sigreturn:
	mov	%rdi, %rsp
	mov	$15, %eax
	syscall
	ud2

/* Room for the stubs of patched sites: within a jump's reach of every library. */
	.p2align 12
	.globl	dj_stubs
	.hidden	dj_stubs
	.globl	dj_stubs_end
	.hidden	dj_stubs_end
dj_stubs:
	.fill	65536, 1, 0xcc
dj_stubs_end:

	.section .note.GNU-stack, "", @progbits

/*
 * Both runtime objects span the same two MiB when mapped, so that everything the dynamic
 * linker maps after them lies at the same address in both modes: the link places this
 * page at their end. The hooks' state lies there (hooks.h).
 */
	.section .span, "aw", @nobits
	.globl	dj_hooks
	.hidden	dj_hooks
	.globl	dj_active
	.hidden	dj_active
dj_hooks:
	.zero	4096 - 64
dj_active:
	.zero	64
