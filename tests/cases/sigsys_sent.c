/*
 * SIGSYS is sent all the time to the thread of a program that makes system calls by its own instructions. The
 * kernel drops the signal by which such a call is met where another SIGSYS is pending: the call
 * was lost, and its number taken for its result.
 */
/* SOAK */
#include "victim.h"
#include <sys/prctl.h>
#include <sys/wait.h>

enum { CALLS = 200000 };

static volatile sig_atomic_t caught;

static void on_sys(int sig)
{
	(void)sig;
	caught++;
}

/* With no room for a jump in its place: the loop comes back to the instruction itself. */
static long last_of(long n)
{
	long ret;

	__asm__ volatile("mov %[n], %%rbx\n"
			 "	jmp 2f\n"
			 "1:	cmp %[want], %%rax\n"
			 "	jne 3f\n"
			 "	dec %%rbx\n"
			 "	jz 3f\n"
			 "2:	mov %[nr], %%eax\n"
			 "	jmp 4f\n"
			 "	.p2align 4\n"
			 "4:	syscall\n"
			 "	jmp 1b\n"
			 "3:"
			 : "=a"(ret)
			 : [n] "r"(n), [want] "r"((long)getppid()), [nr] "i"(SYS_getppid)
			 : "rbx", "rcx", "r11", "memory", "cc");
	return ret;
}

int main(void)
{
	struct sigaction act = {.sa_handler = on_sys, .sa_flags = SA_RESTART};
	pid_t sender, parent = getpid();
	int status;

	T_CHECK(sigaction(SIGSYS, &act, NULL) == 0);
	sender = fork();
	if (sender == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (syscall(SYS_tgkill, parent, parent, SIGSYS) == 0)
			for (volatile int i = 0; i < 300; i++)
				;
		_exit(0);
	}
	T_CHECK(sender > 0);
	/* where both have one processor, one comes with each change of turns */
	for (int i = 0; i < 10 || caught < 50; i++)
		T_CHECK(last_of(CALLS / 10) == getppid());
	T_CHECK(kill(sender, SIGKILL) == 0 && waitpid(sender, &status, 0) == sender);
	printf("caught %d at %lld\n", (int)caught, (long long)t_now_ns(CLOCK_REALTIME));
	return 0;
}
