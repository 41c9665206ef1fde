/*
 * A sandbox that lets little pass: what the recorder calls for itself is forbidden to the program,
 * which forks, catches signals, allocates and waits there, and is refused what the filter refuses,
 * among it calls that the recorder makes in its place. A second filter forbids more; at the end one
 * child is killed by it, and one executes a program.
 */
/* STATUS: 5 */
#include "victim.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/time.h>

#define ON(nr, action)                                                                   \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, action)
#define ALLOW(nr) ON(nr, SECCOMP_RET_ALLOW)

static volatile sig_atomic_t caught;

static void handler(int signo)
{
	caught = signo;
}

static int install(struct sock_filter *code, size_t count)
{
	struct sock_fprog prog = {(unsigned short)count, code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int few_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(read), ALLOW(clock_nanosleep), ALLOW(write), ALLOW(exit), ALLOW(exit_group), ALLOW(brk),
		ALLOW(rt_sigreturn), ALLOW(fork), ALLOW(clone), ALLOW(wait4), ALLOW(getrandom),
		ALLOW(setitimer), ALLOW(pause), ALLOW(pipe2), ALLOW(prctl), ALLOW(execve),
		ALLOW(newfstatat), ALLOW(set_robust_list), ALLOW(munmap), ALLOW(mprotect),
		ON(mmap, SECCOMP_RET_ERRNO | EXDEV), ON(getppid, SECCOMP_RET_ERRNO | ESRCH),
		ON(rt_sigaction, SECCOMP_RET_ERRNO | EXDEV), ON(kill, SECCOMP_RET_ERRNO | EXDEV),
		ON(futex, SECCOMP_RET_ERRNO | EXDEV), ON(clone3, SECCOMP_RET_ERRNO | ENOSYS),
		ON(clock_gettime, SECCOMP_RET_ERRNO | EXDEV), ON(fstat, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};

	return install(code, sizeof(code) / sizeof(*code));
}

static int fewer_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ON(mprotect, SECCOMP_RET_ERRNO | EOWNERDEAD),
		ON(getrandom, SECCOMP_RET_ERRNO | EOWNERDEAD),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return install(code, sizeof(code) / sizeof(*code));
}

static int refused(long ret, int error)
{
	return ret == -1 && errno == error;
}

static int child(void (*then)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		then();
		_exit(9);
	}
	T_CHECK(pid > 0 && wait4(pid, &status, 0, NULL) == pid);
	return status;
}

static void draw(void)
{
	unsigned char r;

	T_CHECK(getrandom(&r, 1, 0) == 1);
	T_CHECK(refused(syscall(SYS_mmap, 0, 4096, 3, 0x22, -1, 0), EXDEV));
	printf("in the child %d\n", r);
	fflush(stdout);
}

static void forbidden(void)
{
	syscall(SYS_getuid);
}

static void executes(void)
{
	char *argv[] = {"true", NULL}, *envp[] = {NULL};

	execve("/bin/true", argv, envp); /* its linker, refused memory, dies */
}

int main(void)
{
	struct sigaction act = {.sa_handler = handler};
	struct itimerval soon = {.it_value = {0, 20000}};
	struct timespec ts;
	unsigned char r[4];
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status, futex = 0, dead;

	setvbuf(stdout, malloc(4096), _IOFBF, 4096);
	sigaction(SIGALRM, &act, NULL);
	if (few_calls()) {
		puts("skip: no seccomp here");
		return 77;
	}
	T_CHECK(getrandom(r, 4, 0) == 4);
	printf("drew %d %d %d %d\n", r[0], r[1], r[2], r[3]);
	for (int i = 0; i < 5; i++) /* from the same place: not to be patched now */
		T_CHECK(refused(syscall(SYS_getppid), ESRCH));
	T_CHECK(refused(syscall(SYS_mmap, 0, 4096, 3, 0x22, -1, 0), EXDEV));
	T_CHECK(refused(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 8), EXDEV));
	T_CHECK(refused(syscall(SYS_kill, 1, 0), EXDEV));
	T_CHECK(refused(syscall(SYS_futex, &futex, 1, 1, NULL, NULL, 0), EXDEV));
	T_CHECK(refused(syscall(SYS_fstat, 0, page), EXDEV));
	T_CHECK(refused(syscall(SYS_clock_gettime, 0, &ts), EXDEV));
	T_CHECK(syscall(SYS_mprotect, page, 4096, PROT_READ) == 0);
	clock_gettime(CLOCK_REALTIME, &ts); /* the vDSO's is no call */
	printf("at %ld\n", ts.tv_nsec);
	memset(sbrk(1 << 20), 7, 1 << 20);
	setitimer(ITIMER_REAL, &soon, NULL);
	while (!caught)
		pause();
	T_CHECK(caught == SIGALRM);
	status = child(draw);
	T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9);
	T_CHECK(fewer_calls() == 0);
	T_CHECK(refused(getrandom(r, 4, 0), EOWNERDEAD));
	T_CHECK(refused(syscall(SYS_mprotect, page, 4096, PROT_NONE), EOWNERDEAD));
	status = child(forbidden);
	T_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	dead = child(executes);
	T_CHECK(WIFSIGNALED(dead));
	printf("ends: %x %x\n", status & 0x7f, dead & 0x7f);
	return 5;
}
