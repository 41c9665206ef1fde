/*
 * Raw `syscall` instructions of different shapes, each crossed several times, so that it is
 * trapped first and perhaps rewritten after. Shows that none leaves unseen and that every
 * register but rax, rcx and r11, the flags, the red zone and the vector registers survive.
 */
#include "victim.h"

enum { ROUNDS = 5 };

/* Followed by the comparison that libc's own sites have, in both spellings. */
static long cmp_rax_shape(long nr, long a)
{
	long rc;

	__asm__ volatile("syscall\n\tcmp $-4095, %%rax\n\tjb 1f\n\tnop\n1:"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(0), "d"(0)
			 : "rcx", "r11", "memory", "cc");
	return rc;
}

static long cmp_4096_shape(long nr, long a)
{
	long rc, above;

	__asm__ volatile("syscall\n\tcmp $-4096, %%rax\n\tmov $0, %k1\n\tseta %b1"
			 : "=a"(rc), "=&r"(above)
			 : "0"(nr), "D"(a), "S"(0), "d"(0)
			 : "rcx", "r11", "memory", "cc");
	T_CHECK(above == (rc < 0));
	return rc;
}

static long cmp_eax_shape(long nr, long a)
{
	long rc, above;

	__asm__ volatile("syscall\n\tcmp $-4096, %%eax\n\tmov $0, %k1\n\tseta %b1"
			 : "=a"(rc), "=&r"(above)
			 : "0"(nr), "D"(a), "S"(0), "d"(0)
			 : "rcx", "r11", "memory", "cc");
	T_CHECK(above == (rc < 0));
	return rc;
}

/* The function ends right after. */
long ret_shape(long nr, long a);
__asm__(".text\n.globl ret_shape\n.type ret_shape,@function\nret_shape:\n"
	"mov %rdi,%rax\n mov %rsi,%rdi\n xor %esi,%esi\n xor %edx,%edx\n"
	"syscall\n ret\n.size ret_shape, .-ret_shape\n");

/* Two in a row: rewriting the first must not destroy the second. */
long twice_shape(long first, long second);
__asm__(".globl twice_shape\n.type twice_shape,@function\ntwice_shape:\n"
	"mov %rdi,%rax\n mov %rsi,%r8\n xor %edi,%edi\n"
	"syscall\n syscall\n mov %r8,%rax\n syscall\n push %rax\n pop %rax\n ret\n");

/* Followed by a relative branch, and by code that reads the instruction pointer. */
long branch_shape(long nr, long a);
__asm__(".globl branch_shape\n.type branch_shape,@function\nbranch_shape:\n"
	"mov %rdi,%rax\n mov %rsi,%rdi\n syscall\n jmp 1f\n int3\n int3\n1:\n"
	"lea 0(%rip),%rcx\n test %rax,%rax\n js 2f\n ret\n2: neg %rax\n ret\n");

struct state {
	uint64_t gpr[12]; /* rbx rbp rdi rsi rdx r8 r9 r10 r12 r13 r14 r15 */
	uint8_t vec[16][16];
	uint64_t red[16]; /* the 128 bytes below rsp */
	uint64_t flags, rax;
};

/* Loads everything, crosses once, stores everything. rdi: what to load, rsi: where to
 * store, rdx: the number; the call gets the loaded registers as its arguments. */
void full_state(const struct state *in, struct state *out, long nr);
__asm__(".globl full_state\n.type full_state,@function\nfull_state:\n"
	"push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
	"push %rsi\n push %rdi\n mov %rdx,%rax\n"
	".set i,0\n.rept 16\n mov 352+8*i(%rdi),%rcx\n mov %rcx,-128+8*i(%rsp)\n.set i,i+1\n.endr\n"
	".altmacro\n.macro ld n\n movups 96+16*\\n(%rdi),%xmm\\n\n.endm\n"
	".macro st n\n movups %xmm\\n,96+16*\\n(%rcx)\n.endm\n"
	".set i,0\n.rept 16\n ld %i\n.set i,i+1\n.endr\n"
	"mov 0(%rdi),%rbx\n mov 8(%rdi),%rbp\n mov 24(%rdi),%rsi\n mov 32(%rdi),%rdx\n"
	"mov 40(%rdi),%r8\n mov 48(%rdi),%r9\n mov 56(%rdi),%r10\n mov 64(%rdi),%r12\n"
	"mov 72(%rdi),%r13\n mov 80(%rdi),%r14\n mov 88(%rdi),%r15\n mov 16(%rdi),%rdi\n"
	"stc\n"
	"syscall\n"
	"mov 8(%rsp),%rcx\n"
	"mov %rbx,0(%rcx)\n mov %rbp,8(%rcx)\n mov %rdi,16(%rcx)\n mov %rsi,24(%rcx)\n"
	"mov %rdx,32(%rcx)\n mov %r8,40(%rcx)\n mov %r9,48(%rcx)\n mov %r10,56(%rcx)\n"
	"mov %r12,64(%rcx)\n mov %r13,72(%rcx)\n mov %r14,80(%rcx)\n mov %r15,88(%rcx)\n"
	".set i,0\n.rept 16\n mov -128+8*i(%rsp),%r8\n mov %r8,352+8*i(%rcx)\n.set i,i+1\n.endr\n"
	"mov %rax,488(%rcx)\n pushfq\n pop %rax\n mov %rax,480(%rcx)\n"
	".set i,0\n.rept 16\n st %i\n.set i,i+1\n.endr\n"
	"pop %rdi\n pop %rsi\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
	"ret\n");

static void registers(void)
{
	static struct state in, out;

	_Static_assert(sizeof(struct state) == 496, "the assembly's offsets");
	for (int i = 0; i < ROUNDS; i++) {
		t_fill(&in, sizeof(in), t_seed());
		memset(&out, 0, sizeof(out));
		full_state(&in, &out, SYS_getppid);
		T_CHECK((pid_t)out.rax == getppid());
		T_CHECK(memcmp(in.gpr, out.gpr, sizeof(in.gpr)) == 0);
		T_CHECK(memcmp(in.vec, out.vec, sizeof(in.vec)) == 0);
		T_CHECK(memcmp(in.red, out.red, sizeof(in.red)) == 0);
		T_CHECK(out.flags & 1); /* carry: the kernel keeps the flags */
	}
	printf("registers kept, %016lx\n", t_hash(&in, sizeof(in)));
}

/* The upper halves of the vector registers. */
__attribute__((target("avx"))) static void upper_halves(void)
{
	uint64_t a[4], b[4];
	long rc;

	for (int i = 0; i < ROUNDS; i++) {
		t_fill(a, sizeof(a), t_seed());
		__asm__ volatile("vmovups %2, %%ymm13\n\tsyscall\n\tvmovups %%ymm13, %1\n\tvzeroupper"
				 : "=a"(rc), "=m"(b)
				 : "m"(a), "0"(SYS_getpid)
				 : "rcx", "r11", "memory", "xmm13");
		T_CHECK(rc == getpid() && memcmp(a, b, sizeof(a)) == 0);
	}
}

int main(void)
{
	struct timespec ts;

	for (int i = 0; i < ROUNDS; i++) {
		printf("%ld %ld %ld\n", cmp_rax_shape(SYS_getpid, 0), cmp_4096_shape(SYS_gettid, 0),
		       cmp_eax_shape(SYS_getppid, 0));
		T_CHECK(cmp_rax_shape(SYS_close, 999) == -EBADF);
		T_CHECK(cmp_4096_shape(SYS_close, 999) == -EBADF);
		T_CHECK((int)cmp_eax_shape(SYS_close, 999) == -EBADF);
		T_CHECK(ret_shape(SYS_getpid, 0) == getpid() && ret_shape(SYS_close, 999) == -EBADF);
		T_CHECK(twice_shape(SYS_sched_yield, SYS_getpid) == getpid());
		T_CHECK(branch_shape(SYS_getpid, 0) == getpid() && branch_shape(SYS_close, 999) == EBADF);
		T_CHECK(syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts) == 0);
		printf("syscall(2) %ld.%09ld\n", (long)ts.tv_sec, ts.tv_nsec);
		T_FAILS(ENOSYS, syscall(9999));
		T_FAILS(ENOSYS, syscall(-1));
	}
	registers();
	if (__builtin_cpu_supports("avx"))
		upper_halves();
	return 0;
}
