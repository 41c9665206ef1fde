/*
 * Signals within the tree, each with where it went and what it told: tgkill and
 * rt_tgsigqueueinfo to one thread of another process, kill to a process and to a group,
 * pthread_sigqueue, raise; SIGCHLD to a process with threads, with SA_NOCLDSTOP and
 * SA_NOCLDWAIT; SIGPIPE to the thread that wrote; SIGIO and SIGURG from a socket.
 */
/* SOAK */
/* LDLIBS: -lpthread */
#include "victim.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>

enum { THREADS = 3, MAX = 400 };

static struct got {
	int sig, code, value;
	pid_t pid, tid;
} got[MAX];
static volatile int count;
static pid_t tids[THREADS];
static pthread_t threads[THREADS];
static sem_t up, handled;
static volatile int stop;
static sigset_t hup;

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	int n = __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST);
	bool sent = si->si_code == SI_USER || si->si_code == SI_TKILL || si->si_code == SI_QUEUE;

	(void)uc;
	T_CHECK(n < MAX);
	got[n] = (struct got){sig, si->si_code, si->si_code == SI_QUEUE ? si->si_value.sival_int : 0,
			      sent || sig == SIGCHLD ? si->si_pid : 0, gettid()};
	if (sig != SIGUSR1)
		sem_post(&handled);
}

static void *idles(void *arg)
{
	tids[(intptr_t)arg] = gettid();
	sem_post(&up);
	while (!stop)
		switch ((intptr_t)arg) {
		case 0:
			pause();
			break;
		case 1:
			usleep(300);
			break;
		default:
			for (volatile int i = 0; i < 20000; i++)
				;
		}
	return NULL;
}

static void wait_for(int n)
{
	while (n) {
		int rc = sem_wait(&handled);

		T_CHECK(rc == 0 || errno == EINTR);
		n -= rc == 0;
	}
}

/* Prints in the order of arrival; which thread took what was sent to all varies. */
static void show(const char *name)
{
	for (int i = 0; i < count; i++)
		printf("%s: signal %d, code %d, value %d from %d to %d\n", name, got[i].sig,
		       got[i].code, got[i].value, got[i].pid, got[i].tid);
	count = 0;
}

static void install(int sig, int flags)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};

	sigfillset(&sa.sa_mask); /* one handler after the other, lower numbers first */
	T_CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void from_child_to_thread(void)
{
	pid_t pid = t_fork();

	if (pid == 0) {
		pid_t parent = getppid();
		siginfo_t si = {.si_code = SI_QUEUE};

		for (int i = 0; i < 4 * THREADS; i++) {
			T_CHECK(syscall(SYS_tgkill, parent, tids[i % THREADS], SIGUSR1) == 0);
			si.si_signo = SIGRTMIN;
			si.si_pid = getpid();
			si.si_uid = getuid();
			si.si_value.sival_int = i;
			T_CHECK(syscall(SYS_rt_tgsigqueueinfo, parent, tids[i % THREADS],
					SIGRTMIN, &si) == 0);
			usleep(200);
		}
		T_FAILS(ESRCH, syscall(SYS_tgkill, getpid(), tids[0], SIGUSR1));
		T_FAILS(ESRCH, syscall(SYS_tgkill, getpid(), tids[0], SIGPWR)); /* nor does it kill */
		_exit(0);
	}
	t_wait_exit(pid, 0);
	wait_for(4 * THREADS); /* of each SIGRTMIN; a SIGUSR1 went before, or was pending already */
	T_CHECK(count > 4 * THREADS);
	for (int i = 0; i < count; i++)
		T_CHECK(got[i].pid == pid && got[i].tid != getpid());
	show("to a thread");
}

static void within(void)
{
	for (int i = 0; i < THREADS; i++)
		T_CHECK(pthread_sigqueue(threads[i], SIGRTMIN, (union sigval){100 + i}) == 0);
	wait_for(THREADS);
	show("queued to a thread");
	T_CHECK(raise(SIGUSR1) == 0 && count == 1 && got[0].tid == getpid());
	T_CHECK(kill(getpid(), SIGUSR2) == 0);
	wait_for(1);
	show("to itself");
	/* would end us, but whom it is sent to keeps it back for ever; so output goes on */
	T_CHECK(pthread_sigmask(SIG_UNBLOCK, &hup, NULL) == 0);
	T_CHECK(pthread_kill(threads[0], SIGHUP) == 0);
	T_CHECK(fflush(stdout) == 0 && write(1, "living on\n", 10) == 10);
}

static void to_a_group(void)
{
	pid_t pid[3];
	int ready[2], status;
	char byte;

	T_CHECK(pipe(ready) == 0);
	for (int i = 0; i < 3; i++) {
		pid[i] = t_fork();
		if (pid[i] == 0) {
			T_CHECK(setpgid(0, i ? pid[0] : 0) == 0);
			t_write_all(ready[1], "x", 1);
			for (;;)
				pause();
		}
		T_CHECK(read(ready[0], &byte, 1) == 1);
	}
	T_CHECK(killpg(pid[0], SIGWINCH) == 0); /* ignored */
	T_CHECK(kill(-pid[0], SIGKILL) == 0);
	for (int i = 0; i < 3; i++)
		T_CHECK(waitpid(pid[i], &status, 0) == pid[i] && WTERMSIG(status) == SIGKILL);
	T_FAILS(ESRCH, kill(-pid[0], 0));
	close(ready[0]), close(ready[1]);
}

static void children(void)
{
	pid_t pid;
	int status;

	install(SIGCHLD, SA_NOCLDSTOP | SA_RESTART);
	pid = t_fork();
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(7);
	}
	T_CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	T_CHECK(count == 0 && kill(pid, SIGCONT) == 0);
	t_wait_exit(pid, 7);
	wait_for(1);
	T_CHECK(count == 1 && got[0].code == CLD_EXITED && got[0].pid == pid);
	show("a child");
	install(SIGCHLD, SA_NOCLDWAIT | SA_RESTART);
	pid = t_fork();
	if (pid == 0)
		_exit(8);
	T_FAILS(ECHILD, waitpid(pid, NULL, 0));
	wait_for(1);
	show("a child that is not waited for");
	T_CHECK(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
}

static void *writes_nowhere(void *arg)
{
	T_FAILS(EPIPE, write(*(int *)arg, "x", 1));
	return (void *)(intptr_t)gettid();
}

static void pipes(void)
{
	pthread_t th;
	void *tid;
	int p[2];

	install(SIGPIPE, 0);
	T_CHECK(pipe(p) == 0 && close(p[0]) == 0);
	T_CHECK(pthread_create(&th, NULL, writes_nowhere, &p[1]) == 0);
	T_CHECK(pthread_join(th, &tid) == 0);
	wait_for(1);
	T_CHECK(count == 1 && got[0].tid == (intptr_t)tid);
	show("a pipe");
	close(p[1]);
}

static void sockets(void)
{
	int p[2];
	char byte;

	install(SIGIO, SA_RESTART);
	T_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	T_CHECK(fcntl(p[0], F_SETOWN, getpid()) == 0);
	T_CHECK(fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK) == 0);
	T_CHECK(write(p[1], "x", 1) == 1);
	wait_for(1);
	T_CHECK(got[0].sig == SIGIO && read(p[0], &byte, 1) == 1);
	T_CHECK(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0);
	show("a socket");
	close(p[0]), close(p[1]);
}

int main(void)
{
	T_CHECK(sem_init(&up, 0, 0) == 0 && sem_init(&handled, 0, 0) == 0);
	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	T_CHECK(pthread_sigmask(SIG_BLOCK, &hup, NULL) == 0);
	install(SIGUSR1, 0);
	install(SIGUSR2, SA_RESTART);
	install(SIGRTMIN, 0);
	for (intptr_t i = 0; i < THREADS; i++)
		T_CHECK(pthread_create(&threads[i], NULL, idles, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		T_CHECK(sem_wait(&up) == 0);
	from_child_to_thread();
	within();
	to_a_group();
	children();
	pipes();
	sockets();
	stop = 1;
	T_CHECK(pthread_kill(threads[0], SIGUSR1) == 0);
	for (int i = 0; i < THREADS; i++)
		T_CHECK(pthread_join(threads[i], NULL) == 0);
	return 0;
}
