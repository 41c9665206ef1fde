/*
 * The recorder: a program that installs a seccomp filter. Our own calls pass through it as well,
 * and one that it kills would be our doing. So the filter is tried on them first; when it lets one
 * not pass, the kernel gets it with a few instructions in front, which let those calls pass that are
 * made from our text, but not at the places where the program's own are made (entry.S's windows):
 * the kernel judges these as it would without us. What the runtime makes by itself in place of a
 * call of the program is judged by the filter here, before. Patching stops, for it opens a file.
 *
 * The next image could not come up under such a filter, and is external. Where this way cannot be
 * gone, recording stops, and the process is given back as it was (detach.c) before the filter takes
 * hold.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "record.h"

enum { STEPS_MAX = 1 << 16, INSTRUCTION_MAX = 4096, FILTER_MAX = 16 };

/* The program's filters, as it gave them. A filter can never be taken away again, so the room is
 * never given back; a forked child has its own copy, as of everything private. */
struct filters {
	unsigned count;
	unsigned len[FILTER_MAX];
	struct sock_filter code[FILTER_MAX][INSTRUCTION_MAX];
	struct sock_filter extended[INSTRUCTION_MAX]; /* the last one, with ours in front */
};
#define FILTERS ((struct filters *)(DJ_PRIVATE + 0x900000000ul))

/* What may be made from our text under a filter that forbids it: nothing that opens, sends, or
 * reaches another process. arg >= 0: only if the lower half of this argument is `value`. */
static const struct {
	uint16_t nr;
	int8_t arg;
	uint8_t value;
} lent[] = {
	{SYS_futex, -1, 0},	     {SYS_rt_sigprocmask, -1, 0},
	{SYS_rt_sigaction, -1, 0},   {SYS_rt_sigreturn, -1, 0},
	{SYS_sigaltstack, -1, 0},    {SYS_madvise, -1, 0},
	{SYS_mmap, -1, 0},	     {SYS_munmap, -1, 0},
	{SYS_mprotect, -1, 0},	     {SYS_tgkill, -1, 0},
	{SYS_rt_tgsigqueueinfo, -1, 0}, {SYS_getpid, -1, 0},
	{SYS_gettid, -1, 0},	     {SYS_getppid, -1, 0},
	{SYS_getpgid, -1, 0},	     {SYS_clock_gettime, -1, 0},
	{SYS_fstat, -1, 0},	     {SYS_fcntl, 1, 3 /* F_GETFL */},
	{SYS_fcntl, 1, 1 /* F_GETFD */}, {SYS_readlink, -1, 0},
	{SYS_fstatfs, -1, 0},	     {SYS_statx, -1, 0},
	{SYS_poll, -1, 0},	     {SYS_ppoll, -1, 0},
	{SYS_nanosleep, -1, 0},	     {SYS_sched_yield, -1, 0},
	{SYS_timer_create, -1, 0},   {SYS_timer_settime, -1, 0},
	{SYS_timer_delete, -1, 0},   {SYS_arch_prctl, -1, 0},
	{SYS_prctl, 0, 59 /* PR_SET_SYSCALL_USER_DISPATCH */}, {SYS_prctl, 0, 26 /* PR_SET_TSC */},
	{SYS_kill, 1, 0},	     {SYS_set_robust_list, -1, 0},
	{SYS_process_vm_readv, -1, 0}, {SYS_process_vm_writev, -1, 0},
	{SYS_close, -1, 0},	     {SYS_lseek, -1, 0},
	{SYS_mincore, -1, 0},	     {SYS_exit_group, -1, 0},
	{SYS_set_tid_address, -1, 0},
};

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

/* Copies the filter at this address of the program to *code, which has room for INSTRUCTION_MAX.
 * 0: it cannot be read, or is none; the kernel will refuse it. */
static unsigned filter_fetch(unsigned long at, struct sock_filter *code)
{
	struct sock_fprog prog;

	if (!dj_read_user(&prog, (const void *)at, sizeof(prog)) || !prog.len ||
	    prog.len > INSTRUCTION_MAX ||
	    !dj_read_user(code, prog.filter, prog.len * sizeof(*code)))
		return 0;
	return prog.len;
}

static bool asks_for_place(const struct sock_filter *code, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (BPF_CLASS(code[i].code) == BPF_LD && BPF_MODE(code[i].code) == BPF_ABS &&
		    code[i].k >= offsetof(struct seccomp_data, instruction_pointer) &&
		    code[i].k < offsetof(struct seccomp_data, args))
			return true;
	return false;
}

static struct sock_filter *put(struct sock_filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	*f = (struct sock_filter){code, jt, jf, k};
	return f + 1;
}

/* The instructions in front: `lent` calls from our text pass. A jump to what follows all of them
 * is JA, put right at the end: the distances of the others are small. */
static unsigned prefix_make(struct sock_filter *code)
{
	const uint64_t windows[] = {(uint64_t)dj_window_syscall, (uint64_t)dj_window_plain_syscall,
				    (uint64_t)dj_window_flags_syscall};
	const uint16_t ld = BPF_LD | BPF_W | BPF_ABS, jeq = BPF_JMP | BPF_JEQ | BPF_K,
		       jge = BPF_JMP | BPF_JGE | BPF_K, ja = BPF_JMP | BPF_JA,
		       ret = BPF_RET | BPF_K;
	struct sock_filter *f = code;

#define PLACE offsetof(struct seccomp_data, instruction_pointer)
	f = put(f, ld, 0, 0, offsetof(struct seccomp_data, arch));
	f = put(f, jeq, 1, 0, AUDIT_ARCH_X86_64);
	f = put(f, ja, 0, 0, 0);
	f = put(f, ld, 0, 0, PLACE + 4);
	f = put(f, jeq, 1, 0, (uint32_t)(RT->text_start >> 32));
	f = put(f, ja, 0, 0, 0);
	f = put(f, ld, 0, 0, PLACE);
	f = put(f, jge, 1, 0, (uint32_t)RT->text_start);
	f = put(f, ja, 0, 0, 0);
	f = put(f, jge, 0, 1, (uint32_t)RT->text_end);
	f = put(f, ja, 0, 0, 0);
	for (int i = 0; i < 3; i++) { /* the place is the instruction behind the call */
		f = put(f, jeq, 0, 1, (uint32_t)windows[i] + 2);
		f = put(f, ja, 0, 0, 0);
	}
	f = put(f, ld, 0, 0, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < sizeof(lent) / sizeof(lent[0]); i++) {
		if (lent[i].arg < 0) {
			f = put(f, jeq, 0, 1, lent[i].nr);
			f = put(f, ret, 0, 0, SECCOMP_RET_ALLOW);
			continue;
		}
		f = put(f, jeq, 0, 4, lent[i].nr);
		f = put(f, ld, 0, 0,
			(uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)lent[i].arg));
		f = put(f, jeq, 0, 1, lent[i].value);
		f = put(f, ret, 0, 0, SECCOMP_RET_ALLOW);
		f = put(f, ld, 0, 0, offsetof(struct seccomp_data, nr));
	}
#undef PLACE
	f = put(f, BPF_LD | BPF_IMM, 0, 0, 0); /* the accumulator begins with 0 */
	for (struct sock_filter *j = code; j < f; j++)
		if (j->code == ja)
			j->k = (uint32_t)(f - j - 2);
	return (unsigned)(f - code);
}

/* Keeps the filter, and fills *prog with what the kernel is to be given. False: not possible. */
static bool filter_extend(const struct thread *t, unsigned long at, bool for_all,
			  struct sock_fprog *prog)
{
	unsigned prefix, len;

	/* one list for all threads */
	if (!RT->dispatch || t->vfork_child || t->apart || (RT->thread_count > 1 && !for_all) ||
	    RT->text_start >> 32 != (RT->text_end - 1) >> 32)
		return false;
	if (!RT->sandboxed &&
	    dj_raw(SYS_mmap, FILTERS, sizeof(*FILTERS), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != (long)FILTERS)
		return false;
	if (FILTERS->count == FILTER_MAX)
		return false;
	len = filter_fetch(at, FILTERS->code[FILTERS->count]);
	prefix = prefix_make(FILTERS->extended);
	/* under a first one there is no way back any more */
	if (!len || len + prefix > INSTRUCTION_MAX ||
	    (!RT->sandboxed && asks_for_place(FILTERS->code[FILTERS->count], len)))
		return false;
	dj_copy(FILTERS->extended + prefix, FILTERS->code[FILTERS->count],
		len * sizeof(struct sock_filter));
	FILTERS->len[FILTERS->count] = len;
	prog->len = (unsigned short)(len + prefix);
	prog->filter = FILTERS->extended;
	return true;
}

/* Whether the program's own filters let this call of its pass. */
bool record_sandbox_allows(long nr, const unsigned long args[6])
{
	struct seccomp_data data = {.nr = (int)nr, .arch = AUDIT_ARCH_X86_64};

	dj_copy(data.args, args, sizeof(data.args));
	for (unsigned i = 0; i < FILTERS->count; i++) {
		uint32_t action = filter_run(FILTERS->code[i], FILTERS->len[i], &data) &
				  SECCOMP_RET_ACTION_FULL;

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

/* By seccomp() the kernel refuses it with flags or an argument; libseccomp asks so whether that call is known. */
static bool is_strict(long nr, const unsigned long args[6])
{
	return nr == SYS_prctl ? args[0] == PR_SET_SECCOMP && args[1] == SECCOMP_MODE_STRICT
			       : args[0] == SECCOMP_SET_MODE_STRICT && !(uint32_t)args[1] && !args[2];
}

bool record_is_filter(long nr, const unsigned long args[6])
{
	return is_strict(nr, args) ||
	       (nr == SYS_prctl ? args[0] == PR_SET_SECCOMP && args[1] == SECCOMP_MODE_FILTER
				: args[0] == SECCOMP_SET_MODE_FILTER);
}

bool record_seccomp(struct thread *t, long nr, const unsigned long args[6], long *result)
{
	unsigned long flags = nr == SYS_seccomp ? args[1] : 0;
	struct sock_fprog prog;
	int64_t now;
	bool strict = is_strict(nr, args), filter = !strict && record_is_filter(nr, args);

	if (!strict && (!filter || filter_suits(args[2])))
		return false;
	if (filter && filter_extend(t, args[2], flags & SECCOMP_FILTER_FLAG_TSYNC, &prog)) {
		now = dj_now();
		*result = dj_raw6(nr, (long)args[0], (long)args[1], (long)&prog, (long)args[3],
				  (long)args[4], (long)args[5]);
		/* otherwise the number of a thread that could not follow */
		if (!*result || (*result > 0 && flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)) {
			FILTERS->count++;
			RT->sandboxed = 1;
		}
		record_emit_call(t, tf_call_by_nr((int)nr), args, *result, now, dj_now(), NULL);
		return true;
	}
	record_give_back(t, "it installs a seccomp filter that forbids calls of the recorder");
	*result = dj_raw6(nr, (long)args[0], (long)args[1], (long)args[2], (long)args[3],
			  (long)args[4], (long)args[5]);
	return true;
}
