/*
 * Threads as the runtime knows them: a structure with a private stack and a signal stack
 * each, found through %gs. One structure also stands for a vfork child until it execs.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include "runtime.h"

enum { ARCH_SET_GS = 0x1001 };

struct thread *thread_alloc(void)
{
	for (unsigned i = 0; i < THREAD_MAX; i++) {
		uint64_t at = DJ_THREADS + (uint64_t)i * THREAD_STRIDE;
		struct thread *t = (struct thread *)at;

		if (!(RT->thread_map[i / 64] >> (i % 64) & 1)) {
			if (!(RT->thread_mapped[i / 64] >> (i % 64) & 1)) {
				long r = dj_raw(SYS_mmap, at, THREAD_STRIDE,
						PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS |
							MAP_NORESERVE | MAP_FIXED_NOREPLACE,
						-1, 0);
				if (r != (long)at)
					return NULL;
				RT->thread_mapped[i / 64] |= 1ull << (i % 64);
			}
			RT->thread_map[i / 64] |= 1ull << (i % 64);
			dj_zero(t, sizeof(*t));
			t->self = t;
			t->stack_top = at + 8192 + THREAD_STACK_LEN;
			t->sigstack = (uint8_t *)t->stack_top;
			t->slot = RT->slot;
			t->altstack.flags = 2; /* SS_DISABLE */
			return t;
		}
	}
	return NULL;
}

void thread_free(struct thread *t)
{
	unsigned i = (unsigned)(((uint64_t)t - DJ_THREADS) / THREAD_STRIDE);

	RT->thread_map[i / 64] &= ~(1ull << (i % 64));
}

void thread_activate(struct thread *t)
{
	struct k_stack stack = {
		.sp = (uint64_t)t->sigstack,
		.size = THREAD_SIGSTACK_LEN,
	};

	dj_raw(SYS_arch_prctl, ARCH_SET_GS, t);
	dj_raw(SYS_sigaltstack, &stack, 0);
}

void dj_child_start(struct thread *t)
{
	thread_activate(t);
	trap_arm();
	boundary_child(t);
	t->child_regs.rax = 0;
	dj_leave(&t->child_regs, trap_resume_rip(t->child_regs.rip), t->clone_stack);
}
