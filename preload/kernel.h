/*
 * The kernel's own structures, as x86-64 has them, which libc's headers hide or rename.
 */
#ifndef DEJA_PRELOAD_KERNEL_H
#define DEJA_PRELOAD_KERNEL_H

#include <stdint.h>

struct k_sigaction {
	uint64_t handler, flags, restorer, mask;
};
struct k_siginfo {
	int32_t signo, err, code, pad;
	uint8_t rest[112];
};
struct k_stack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};
struct k_mcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx,
		rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};
struct k_ucontext {
	uint64_t flags, link;
	struct k_stack stack;
	struct k_mcontext mc;
	uint64_t mask;
};
struct k_frame {
	uint64_t restorer;
	struct k_ucontext uc;
	struct k_siginfo info;
};
struct k_timespec {
	int64_t sec, nsec;
};
struct k_iovec {
	uint8_t *base;
	uint64_t len;
};
struct k_msghdr {
	uint8_t *name;
	int32_t namelen, pad;
	struct k_iovec *iov;
	uint64_t iovlen;
	uint8_t *control;
	uint64_t controllen;
	int32_t flags, pad2;
};

#endif
