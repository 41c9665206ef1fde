/*
 * Threads as the runtime knows them: a structure with a private stack and a signal stack
 * each, found through %gs. One structure also stands for a vfork child until it execs.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <sched.h>
#include "preempt.h"
#include "runtime.h"

enum { ARCH_SET_GS = 0x1001 };

struct thread *thread_alloc(void)
{
	struct thread *gone = RT->multi ? threads_apart(NULL) : NULL, *next;

	for (; gone; gone = next) {
		next = threads_apart(gone);
		/* not one that the token may still be given to: sched.c buries it */
		if (thread_is_gone(gone) && !gone->queued && RT->sched_owner != gone)
			thread_bury(gone);
	}
	for (unsigned i = 0; i < THREAD_MAX; i++) {
		uint64_t at = DJ_THREADS + (uint64_t)i * THREAD_STRIDE;
		struct thread *t = (struct thread *)at;

		if (i % 64 == 0 && RT->thread_map[i / 64] == UINT64_MAX) {
			i += 63;
			continue;
		}
		if (!(RT->thread_map[i / 64] >> (i % 64) & 1)) {
			if ((RT->thread_mapped[i / 64] >> (i % 64) & 1) &&
			    __atomic_load_n(&t->alive, __ATOMIC_ACQUIRE))
				continue; /* on its last instructions */
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
			t->actions = &RT->actions;
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

struct thread *thread_by_tid(int32_t tid)
{
	for (unsigned w = 0; w < THREAD_MAX / 64; w++)
		for (uint64_t bits = RT->thread_map[w]; bits; bits &= bits - 1) {
			struct thread *t =
				(struct thread *)(DJ_THREADS +
						  (uint64_t)(w * 64 +
							     (unsigned)__builtin_ctzll(bits)) *
							  THREAD_STRIDE);

			if (t->tid == tid)
				return t;
		}
	return NULL;
}

bool thread_is_ours(int32_t id)
{
	return id == RT->pid || thread_by_tid(id);
}

void threads_forget_others(struct thread *t)
{
	unsigned i = (unsigned)(((uint64_t)t - DJ_THREADS) / THREAD_STRIDE);

	for (unsigned w = 0; w < THREAD_MAX / 64; w++)
		for (uint64_t bits = RT->thread_mapped[w]; bits; bits &= bits - 1)
			((struct thread *)(DJ_THREADS +
					   (uint64_t)(w * 64 + (unsigned)__builtin_ctzll(bits)) *
						   THREAD_STRIDE))
				->alive = 0;
	dj_zero(RT->thread_map, sizeof(RT->thread_map));
	RT->thread_map[i / 64] = 1ull << (i % 64);
	RT->multi = 0;
	RT->exiting = 0;
	t->live_tid = (int32_t)dj_raw(SYS_gettid);
	t->force_timer_made = false; /* timers are not inherited */
	t->robust_list = 0;
	t->pi_waited = t->trace_me = false;
	t->apart = false;
	t->vfork_child = 0;
	t->exec_slot = NULL;
	t->guest = NULL;
	t->process = 0;
	RT->guests = 0;
	RT->leaver = NULL;
	if (t->actions != &RT->actions) {
		RT->actions = *t->actions;
		t->actions = &RT->actions;
	}
	sched_reset(t);
}

struct thread *threads_apart(const struct thread *after)
{
	unsigned i = after ? (unsigned)(((uint64_t)after - DJ_THREADS) / THREAD_STRIDE) + 1 : 0;

	for (; i < THREAD_MAX; i++) {
		struct thread *t =
			(struct thread *)(DJ_THREADS + (uint64_t)i * THREAD_STRIDE);

		if (i % 64 == 0 && !RT->thread_map[i / 64])
			i += 63;
		else if ((RT->thread_map[i / 64] >> (i % 64) & 1) && t->apart)
			return t;
	}
	return NULL;
}

bool threads_of_ours(const struct thread *other)
{
	for (unsigned i = 0; i < THREAD_MAX; i++) {
		const struct thread *t = (struct thread *)(DJ_THREADS + (uint64_t)i * THREAD_STRIDE);

		if (i % 64 == 0 && !RT->thread_map[i / 64])
			i += 63;
		else if ((RT->thread_map[i / 64] >> (i % 64) & 1) && t != other && !t->process)
			return true;
	}
	return false;
}

bool thread_is_gone(const struct thread *t)
{
	return t->apart && !__atomic_load_n(&t->alive, __ATOMIC_ACQUIRE);
}

void thread_bury(struct thread *t)
{
	if (t->exec_slot && !t->execed)
		slot_release(t->exec_slot);
	t->exec_slot = NULL;
	if (t->guest)
		__atomic_store_n(t->guest, 0, __ATOMIC_SEQ_CST);
	t->guest = NULL;
	thread_free(t);
	RT->thread_count--;
}

void thread_clear_tid(struct thread *t)
{
	int32_t *at = t->clear_tid;

	futex_robust_exit(t);
	if (!at)
		return;
	__atomic_store_n(at, 0, __ATOMIC_SEQ_CST);
	dj_raw(SYS_futex, at, 1 /* FUTEX_WAKE */, 1);
}

unsigned long thread_clone_flags(long nr, const unsigned long args[6])
{
	if (nr == SYS_clone)
		return args[0];
	return 17 /* SIGCHLD */ | (nr == SYS_vfork ? CLONE_VM | CLONE_VFORK : 0);
}

long thread_clone(struct thread *child, unsigned long flags, int32_t *ptid, int32_t *ctid,
		  unsigned long tls)
{
	uint64_t block = ~SIGSYS_BIT, mask = 0;
	long ret;

	dj_raw(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &block, &mask, 8);
	child->start_mask = dj_self()->held ? dj_self()->held_mask : mask;
	child->sigsys_blocked = dj_self()->sigsys_blocked;
	if (RT->break_addr) /* of us; opened for a breakpoint */
		child->start_mask |= PREEMPT->was_blocked;
	if (flags & CLONE_THREAD)
		child->process = dj_self()->process;
	else
		RT->guests = 1;
	if (!(flags & CLONE_VFORK)) {
		child->clear_tid = flags & CLONE_CHILD_CLEARTID ? ctid : NULL;
		child->set_tid = flags & CLONE_CHILD_SETTID ? ctid : NULL;
		child->alive = 1;
		flags = (flags & ~(unsigned long)CLONE_CHILD_SETTID) | CLONE_CHILD_CLEARTID;
		ctid = (int32_t *)&child->alive;
	}
	ret = dj_raw_clone_vm(flags, child->stack_top, ptid, ctid, tls, child);
	if (ret > 0) /* it may be named, and killed, before it runs */
		child->live_tid = (int32_t)ret;
	if (ret > 0 && !(flags & CLONE_THREAD))
		child->process = (int32_t)ret;
	dj_raw(SYS_rt_sigprocmask, 2, &mask, 0, 8);
	return ret;
}

void dj_child_start(struct thread *t)
{
	uint64_t mask;

	t->live_tid = (int32_t)dj_raw(SYS_gettid);
	if (t->apart || t->vfork_child)
		t->process = t->live_tid;
	if (t->guest)
		__atomic_store_n(t->guest, t->live_tid, __ATOMIC_SEQ_CST);
	thread_activate(t);
	trap_arm();
	tsc_forbid(true);
	boundary_child(t);
	if (t->set_tid)
		*t->set_tid = t->tid;
	t->child_regs.rax = 0;
	mask = t->start_mask;
	if (RT->break_addr) { /* planted for this thread, just now */
		PREEMPT->was_blocked = mask & BREAK_SIGNALS;
		mask &= ~BREAK_SIGNALS;
	}
	dj_raw(SYS_rt_sigprocmask, 2, &mask, 0, 8);
	dj_leave(&t->child_regs, trap_resume_rip(t->child_regs.rip), t->clone_stack);
}
