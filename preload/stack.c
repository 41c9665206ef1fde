/*
 * The program's stack at a crossing: the registers that unwinding needs, and the bytes above
 * the stack pointer. Nothing is unwound here, in the middle of somebody's program: the tools do
 * that later, with the stored files at hand. Called by recorder and replayer, under the token.
 */
#include <sys/syscall.h>
#include "runtime.h"

bool stack_chosen(long nr)
{
	const struct stack_choice *choice = &RT->session->stacks;

	if (nr < 0 || nr >= STACK_CALL_MAX || !(choice->call[nr / 8] >> (nr % 8) & 1))
		return false;
	return RT->stack_count++ % choice->every == 0;
}

void stack_take(struct thread *t, const struct pregs *p, struct stack_taken *taken)
{
	uint64_t sp = pregs_rsp(p);
	struct k_iovec local = {taken->bytes, STACK_BYTES_MAX};
	struct k_iovec remote = {(uint8_t *)sp, STACK_BYTES_MAX};
	long n;

	taken->reg[0] = p->rip, taken->reg[1] = sp;
	taken->reg[2] = p->rbp, taken->reg[3] = p->rbx;
	taken->reg[4] = p->r12, taken->reg[5] = p->r13;
	taken->reg[6] = p->r14, taken->reg[7] = p->r15;
	/* the first thread's ends where the program's arguments begin */
	if (sp < RT->start_sp && RT->start_sp - sp < 1 << 20) {
		n = (long)(RT->start_sp - sp);
		if (n > STACK_BYTES_MAX)
			n = STACK_BYTES_MAX;
		dj_copy(taken->bytes, (const void *)sp, (size_t)n);
	} else {
		n = dj_raw(SYS_process_vm_readv, dj_own_pid(), &local, 1, &remote, 1, 0);
	}
	taken->len = n < 0 ? 0 : (uint32_t)n;
}
