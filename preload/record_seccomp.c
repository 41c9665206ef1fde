/*
 * The recorder: a program that installs a seccomp filter. Our own calls pass through it as well,
 * and one that it kills would be our doing. So the filter is tried on them first; when it lets one
 * not pass, recording stops there, and the process is given back as it was (detach.c) before the
 * filter takes hold.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include "record.h"

enum { STEPS_MAX = 1 << 16, INSTRUCTION_MAX = 4096 };

/* What the runtime may call at any time, or when the next image begins. */
static const uint16_t needed[] = {
	SYS_futex,	SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn,	  SYS_sigaltstack,
	SYS_madvise,	SYS_mprotect,	    SYS_mmap,	      SYS_munmap,	  SYS_mremap,
	SYS_kill,	SYS_tgkill,	    SYS_getpid,	      SYS_gettid,	  SYS_getppid,
	SYS_prctl,	SYS_arch_prctl,	    SYS_open,	      SYS_read,		  SYS_close,
	SYS_pwrite64,	SYS_fstat,	    SYS_stat,	      SYS_readlink,	  SYS_fcntl,
	SYS_getcwd,	SYS_prlimit64,	    SYS_brk,	      SYS_rseq,		  SYS_set_tid_address,
	SYS_get_robust_list, SYS_clock_gettime, SYS_process_vm_readv, SYS_process_vm_writev,
	SYS_rt_tgsigqueueinfo, SYS_timer_create, SYS_timer_settime, SYS_timer_delete, SYS_dup2,
};

/* What the filter says of this call; 0 (kill the thread) for a program that is none. */
static uint32_t filter_run(const struct sock_filter *code, unsigned count,
			   const struct seccomp_data *data)
{
	uint32_t a = 0, x = 0, mem[BPF_MEMWORDS] = {0};

	for (unsigned pc = 0, steps = 0; pc < count && steps < STEPS_MAX; pc++, steps++) {
		const struct sock_filter *f = &code[pc];
		uint32_t v = BPF_SRC(f->code) == BPF_X ? x : f->k;
		bool jump = false;

		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
		case BPF_LDX:
			if (BPF_MODE(f->code) == BPF_ABS && f->k <= sizeof(*data) - 4)
				v = *(const uint32_t *)((const char *)data + (f->k & ~3u));
			else if (BPF_MODE(f->code) == BPF_MEM && f->k < BPF_MEMWORDS)
				v = mem[f->k];
			else if (BPF_MODE(f->code) == BPF_LEN)
				v = sizeof(*data);
			else if (BPF_MODE(f->code) == BPF_IMM)
				v = f->k;
			else
				return 0;
			*(BPF_CLASS(f->code) == BPF_LD ? &a : &x) = v;
			break;
		case BPF_ST:
		case BPF_STX:
			if (f->k >= BPF_MEMWORDS)
				return 0;
			mem[f->k] = BPF_CLASS(f->code) == BPF_ST ? a : x;
			break;
		case BPF_ALU:
			switch (BPF_OP(f->code)) {
			case BPF_ADD: a += v; break;
			case BPF_SUB: a -= v; break;
			case BPF_MUL: a *= v; break;
			case BPF_DIV: a = v ? a / v : 0; break;
			case BPF_AND: a &= v; break;
			case BPF_OR: a |= v; break;
			case BPF_XOR: a ^= v; break;
			case BPF_LSH: a = v < 32 ? a << v : 0; break;
			case BPF_RSH: a = v < 32 ? a >> v : 0; break;
			case BPF_NEG: a = -a; break;
			default: return 0;
			}
			break;
		case BPF_JMP:
			switch (BPF_OP(f->code)) {
			case BPF_JA: pc += f->k; continue;
			case BPF_JEQ: jump = a == v; break;
			case BPF_JGT: jump = a > v; break;
			case BPF_JGE: jump = a >= v; break;
			case BPF_JSET: jump = a & v; break;
			default: return 0;
			}
			pc += jump ? f->jt : f->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(f->code) == BPF_A ? a : f->k;
		case BPF_MISC:
			if (BPF_MISCOP(f->code) == BPF_TAX)
				x = a;
			else
				a = x;
			break;
		}
	}
	return 0;
}

static bool passes(const struct sock_filter *code, unsigned count)
{
	struct seccomp_data data = {.arch = AUDIT_ARCH_X86_64,
				    .instruction_pointer = RT->text_start};

	for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		uint32_t action;

		data.nr = needed[i];
		action = filter_run(code, count, &data) & SECCOMP_RET_ACTION_FULL;
		if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG)
			return false;
	}
	return true;
}

/* Whether the filter at this address of the program leaves us what we need. One that cannot be
 * read will be refused by the kernel. */
static bool filter_suits(unsigned long at)
{
	struct sock_fprog prog;
	uint8_t piece[1024];
	size_t len;

	if (!dj_read_user(&prog, (const void *)at, sizeof(prog)) || !prog.len ||
	    prog.len > INSTRUCTION_MAX)
		return true;
	len = prog.len * sizeof(struct sock_filter);
	for (size_t done = 0, n; done < len; done += n) {
		n = len - done < sizeof(piece) ? len - done : sizeof(piece);
		if (!dj_read_user(piece, (const char *)prog.filter + done, n))
			return true;
	}
	return passes(prog.filter, prog.len);
}

bool record_seccomp(struct thread *t, long nr, const unsigned long args[6], long *result)
{
	bool strict = nr == SYS_prctl ? args[1] == SECCOMP_MODE_STRICT
				      : args[0] == SECCOMP_SET_MODE_STRICT;
	bool filter = nr == SYS_prctl ? args[1] == SECCOMP_MODE_FILTER
				      : args[0] == SECCOMP_SET_MODE_FILTER;

	if (!strict && (!filter || filter_suits(args[2])))
		return false;
	record_give_back(t, "it installs a seccomp filter that forbids calls of the recorder");
	*result = dj_raw6(nr, (long)args[0], (long)args[1], (long)args[2], (long)args[3],
			  (long)args[4], (long)args[5]);
	return true;
}
