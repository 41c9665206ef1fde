/*
 * What the kernel would tell of the runtime instead of the program. A thread that takes its
 * clear-child-tid address away and puts back what the kernel named could never be joined (stress-ng's
 * pthread stressor); a program that forbids the time stamp counter died in the runtime's clock (its
 * sigsegv stressor), which could not store the time where nothing is mapped, and tried for ever.
 */
/* LDLIBS: -pthread */
#include "victim.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <sys/time.h>

static sigjmp_buf back;

static void jump_back(int signo)
{
	siglongjmp(back, signo);
}

static void *thread(void *arg)
{
	unsigned long address = 0;

	T_CHECK(prctl(PR_GET_TID_ADDRESS, &address) == 0 && address);
	T_CHECK(syscall(SYS_set_tid_address, NULL) == syscall(SYS_gettid));
	T_CHECK(prctl(PR_GET_TID_ADDRESS, arg) == 0 && *(unsigned long *)arg == 0);
	T_CHECK(*(pid_t *)address == syscall(SYS_gettid));
	T_CHECK(syscall(SYS_set_tid_address, address) == syscall(SYS_gettid));
	*(unsigned long *)arg = address;
	return NULL;
}

int main(void)
{
	unsigned long address = 1;
	struct timespec now;
	pthread_t id;
	int tsc = 0;

	T_CHECK(pthread_create(&id, NULL, thread, &address) == 0);
	T_CHECK(pthread_join(id, NULL) == 0);
	T_FAILS(EFAULT, prctl(PR_GET_TID_ADDRESS, 8));
	T_CHECK(prctl(PR_GET_TSC, &tsc) == 0 && tsc == PR_TSC_ENABLE);
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0)
		T_CHECK(prctl(PR_SET_TSC, PR_TSC_ENABLE) == 0);
	clock_gettime(CLOCK_REALTIME, &now);
	if (!sigsetjmp(back, 1)) {
		signal(SIGSEGV, jump_back);
		printf("clock to nowhere: %d\n", clock_gettime(CLOCK_REALTIME, (struct timespec *)8));
		printf("clock to nowhere: %d\n", gettimeofday((struct timeval *)8, NULL));
	}
	printf("%016lx, its word at %lx, at %ld\n", t_seed(), address, (long)now.tv_nsec);
	return 0;
}
