/*
 * fork and wait in all their forms: nested forks, exit codes, signals as status, WNOHANG,
 * WNOWAIT, stopped and continued children, orphans. Shows that the tree is the recorded one.
 */
#include "victim.h"
#include <sys/prctl.h>
#include <sys/resource.h>

static void nested(int depth)
{
	if (depth == 0)
		return;
	for (int i = 0; i < 2; i++) {
		pid_t pid = t_fork();

		if (pid == 0) {
			nested(depth - 1);
			_exit(10 * depth + i);
		}
		t_wait_exit(pid, 10 * depth + i);
		printf("depth %d child %d pid %d\n", depth, i, pid);
	}
	fflush(stdout);
}

static void statuses(void)
{
	struct rusage ru;
	siginfo_t si;
	int status;
	pid_t pid = t_fork();

	if (pid == 0)
		raise(SIGKILL);
	T_CHECK(wait3(&status, 0, &ru) == pid && WIFSIGNALED(status));
	T_CHECK(WTERMSIG(status) == SIGKILL);
	printf("killed %d, %ld faults\n", pid, ru.ru_minflt);

	pid = t_fork();
	if (pid == 0)
		_exit(255);
	memset(&si, 0, sizeof(si));
	T_CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	T_CHECK(si.si_pid == pid && si.si_code == CLD_EXITED && si.si_status == 255);
	T_CHECK(waitid(P_ALL, 0, &si, WEXITED) == 0 && si.si_pid == pid);
	T_FAILS(ECHILD, waitid(P_PID, (id_t)pid, &si, WEXITED));

	pid = t_fork();
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(1);
	}
	T_CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	T_CHECK(WSTOPSIG(status) == SIGSTOP && kill(pid, SIGCONT) == 0);
	T_CHECK(waitpid(pid, &status, WCONTINUED) == pid);
	if (WIFCONTINUED(status))
		T_CHECK(waitpid(pid, &status, 0) == pid);
	T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);

	int p[2], polls = 0;
	char c;
	T_CHECK(pipe(p) == 0);
	pid = t_fork();
	if (pid == 0) {
		close(p[1]);
		T_CHECK(read(p[0], &c, 1) == 0);
		_exit(77);
	}
	T_CHECK(waitpid(-1, &status, WNOHANG) == 0);
	close(p[0]), close(p[1]);
	while (wait4(pid, &status, WNOHANG, &ru) == 0)
		polls++;
	T_CHECK(WEXITSTATUS(status) == 77);
	printf("polled %d times\n", polls);
	T_FAILS(ECHILD, wait(&status));
	T_FAILS(ECHILD, waitpid(getpid(), &status, 0));
}

/* Many at once; the order in which they end is their own. */
static void crowd(void)
{
	pid_t pids[20];
	int status;

	for (int i = 0; i < 20; i++) {
		pids[i] = t_fork();
		if (pids[i] == 0) {
			usleep((unsigned)(t_seed() >> 40) % 3000);
			_exit(i);
		}
	}
	for (int i = 0; i < 20; i++) {
		pid_t pid = wait(&status);

		T_CHECK(pid > 0 && pids[WEXITSTATUS(status)] == pid);
		printf("ended: %d (%d)\n", WEXITSTATUS(status), pid);
	}
}

static void orphan(void)
{
	int p[2];
	char line[64];

	T_CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && pipe(p) == 0);
	pid_t pid = t_fork();
	if (pid == 0) {
		pid_t parent = getpid();

		if (t_fork() != 0)
			_exit(0);
		while (getppid() == parent)
			usleep(200);
		dprintf(p[1], "%d adopted by %d", getpid(), getppid());
		_exit(6);
	}
	close(p[1]);
	size_t n = t_read_all(p[0], line, sizeof(line) - 1);
	line[n] = 0;
	int status, orphans = 0;
	for (pid_t got; (got = wait(&status)) > 0;)
		if (got != pid) {
			T_CHECK(WEXITSTATUS(status) == 6 && got == atoi(line));
			orphans++;
		}
	T_CHECK(orphans == 1);
	printf("%s\n", line);
	close(p[0]);
	T_CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

static int at_exit_of;
static void on_exit_print(void)
{
	printf("atexit in %s %d\n", at_exit_of == getpid() ? "parent" : "child", getpid());
}

int main(void)
{
	at_exit_of = getpid();
	atexit(on_exit_print);
	nested(3);
	statuses();
	crowd();
	orphan();
	/* By clone without CLONE_VM, as some runtimes do; an ordinary exit in the child. */
	fflush(NULL);
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	T_CHECK(pid >= 0);
	if (pid == 0)
		exit(getppid() == at_exit_of ? 3 : 4);
	t_wait_exit(pid, 3);
	printf("this is %d\n", getpid());
	return 0;
}
