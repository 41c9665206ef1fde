/*
 * A program that does to itself what makes recording hard: fault_program FAULT. Every line that it
 * prints differs from run to run. Compiled by fault_program.sh.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void put(const char *line)
{
	if (write(1, line, strlen(line)) != (ssize_t)strlen(line))
		_exit(99);
}

static void say(const char *what)
{
	struct timespec ts;
	char line[128];

	clock_gettime(CLOCK_REALTIME, &ts);
	snprintf(line, sizeof(line), "%s %09ld\n", what, ts.tv_nsec);
	put(line);
}

static void check(int failed, const char *what)
{
	char line[128];

	if (!failed)
		return;
	snprintf(line, sizeof(line), "skip: %s: %s\n", what, strerror(errno));
	put(line);
	_exit(77);
}

/* A child that says something, and executes sh unless cmd is NULL. */
static void child(const char *cmd)
{
	char line[64];
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		say("child");
		if (cmd)
			execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(3);
	}
	waitpid(pid, &status, 0);
	snprintf(line, sizeof(line), "child ended with %x", status);
	say(line);
}

static void limit(int resource, rlim_t value)
{
	struct rlimit l = {value, value};

	check(setrlimit(resource, &l), "setrlimit");
	say("limited");
}

/* Lets read, write, exit and exit_group pass; all else meets `action`. */
static void filter(unsigned action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(*code), code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), "no seccomp");
	say("filtered");
}

/* Two threads fight for a mutex of the kind that reads the time stamp counter, where no file may be opened. */
static pthread_mutex_t adaptive = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;

static void *fighting_thread(void *arg)
{
	struct timespec pause = {0, 1000000};

	for (int i = 0; i < 20; i++) {
		pthread_mutex_lock(&adaptive);
		nanosleep(&pause, NULL);
		pthread_mutex_unlock(&adaptive);
	}
	return arg;
}

static void filter_fight(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(*code), code};
	pthread_t threads[2];
	char text[64];

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), "no seccomp");
	for (int i = 0; i < 2; i++)
		check(pthread_create(&threads[i], NULL, fighting_thread, NULL), "no thread");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	snprintf(text, sizeof(text), "spun %d00\n", adaptive.__data.__spins);
	put(text);
	say("fought");
}

/* Two threads, one after the other, each with a filter of its own, while another waits: whoever joins them
 * is told of their end. */
static void *filtered_thread(void *arg)
{
	(void)arg;
	filter(SECCOMP_RET_ERRNO | EXDEV);
	for (int i = 0; i < 20; i++)
		say("in a thread");
	return NULL;
}

static void *waiting_thread(void *fd)
{
	char c;

	say(read(*(int *)fd, &c, 1) == 1 ? "waited" : "nothing");
	return NULL;
}

static void filter_threads(void)
{
	pthread_t waits, filtered;
	int fd[2];

	check(pipe(fd) || pthread_create(&waits, NULL, waiting_thread, fd), "no thread");
	for (int i = 0; i < 2; i++) {
		check(pthread_create(&filtered, NULL, filtered_thread, NULL), "no thread");
		pthread_join(filtered, NULL);
		say("joined");
	}
	check(write(fd[1], "x", 1) != 1, "no pipe");
	pthread_join(waits, NULL);
}

static void *busy_thread(void *fd)
{
	char bytes[300];

	while (read(*(int *)fd, bytes, sizeof(bytes)) > 0)
		usleep(1);
	return NULL;
}

/* Another filters itself alone while these are in the middle of calls, each with an event to come. */
static void filter_busy(void)
{
	int fd = open("/dev/zero", O_RDONLY);
	pthread_t filtered;

	for (int i = 0; i < 16; i++)
		check(pthread_create(&filtered, NULL, busy_thread, &fd), "no thread");
	usleep(20000);
	check(pthread_create(&filtered, NULL, filtered_thread, NULL), "no thread");
	pthread_join(filtered, NULL);
	usleep(20000);
}

/* Forbids one call that the recorder has no use for. */
static void mild_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(*code), code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	check((int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog), "no seccomp");
	say("filtered");
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	check(fd < 0 || write(fd, text, strlen(text)) < 0, path);
	close(fd);
}

/* Another root by pivot_root, the old one is gone from sight. */
static void pivot(void)
{
	mkdir("root", 0755);
	check(unshare(CLONE_NEWNS), "unshare");
	check(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("none", "root", "tmpfs", 0, NULL) ||
		      mkdir("root/old", 0755) || syscall(SYS_pivot_root, "root", "root/old") || chdir("/") ||
		      umount2("/old", MNT_DETACH),
	      "pivot_root");
}

static void read_much(void)
{
	char byte;

	for (int i = 0; i < 50000; i++)
		if (read(0, &byte, 1) < 0)
			_exit(98);
}

static void on_signal(int sig)
{
	put(sig == SIGUSR1 ? "caught\n" : "another signal\n");
}

int main(int argc, char **argv)
{
	const char *fault = argc > 1 ? argv[1] : "";

#define IS(name) (!strcmp(fault, name))
	say("before");
	if (IS("close_all")) {
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
		child("echo in sh $$; date +%N");
	} else if (IS("chroot")) {
		mkdir("root", 0755);
		check(chroot("root") || chdir("/"), "chroot");
		child(NULL);
		child("exit 5");
	} else if (IS("pivot_root")) {
		pivot();
		child(NULL);
		child("not there");
	} else if (IS("clock_forwards") || IS("clock_backwards")) {
		/* CLOCK_MONOTONIC and BOOTTIME, as children have them from here on */
		check(unshare(CLONE_NEWTIME), "unshare");
		write_to("/proc/self/timens_offsets",
			 IS("clock_forwards") ? "monotonic 1000000 0\nboottime 1000000 0\n"
					      : "monotonic -60 0\nboottime -60 0\n");
		child(NULL);
		child("echo in sh $$; date +%N");
	} else if (IS("setuid")) {
		check(setgid(65534) || setuid(65534), "setuid");
		child(NULL);
		child("id -u; echo in sh $$");
	} else if (IS("unshare")) {
		check(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET), "unshare");
		child("echo in sh $$; date +%N; kill -9 $$");
		check(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, open(argv[0], O_RDONLY), 0) ==
			  MAP_FAILED, "mmap");
	} else if (IS("nofile")) {
		limit(RLIMIT_NOFILE, 3);
		child(NULL);
		child("not even its libraries can be opened");
	} else if (IS("as")) {
		struct rlimit l;
		int got = 0;

		limit(RLIMIT_AS, 100 << 20);
		child("ulimit -v; ulimit -v 90000; sh -c 'ulimit -v; echo in sh $$; date +%N'");
		while (got < 1000 && malloc(1 << 20))
			got++;
		check(got < 60 || got > 100, "another amount of memory");
		check(getrlimit(RLIMIT_AS, &l) || l.rlim_cur != 100 << 20, "getrlimit");
		l.rlim_cur = 0;
		check(syscall(SYS_getrlimit, RLIMIT_AS, &l) || l.rlim_cur != 100 << 20, "getrlimit");
		check(!setrlimit(RLIMIT_AS, &(struct rlimit){2, 1}), "setrlimit");
	} else if (IS("strict")) {
		check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), "no seccomp");
		put("in strict mode\n"); /* where even the clock is forbidden */
		read_much();
		put("after\n");
		syscall(SYS_exit, 5);
	} else if (IS("filter_kill")) {
		filter(SECCOMP_RET_KILL_PROCESS);
		read_much();
		say("after");
		_exit(6);
	} else if (IS("filter_killed")) {
		filter(SECCOMP_RET_KILL_PROCESS);
		getppid();
	} else if (IS("filter_errno")) {
		filter(SECCOMP_RET_ERRNO | EXDEV);
		errno = 0;
		check(syscall(SYS_getppid) != -1 || errno != EXDEV, "another error");
		check(open("/", O_RDONLY) != -1 || errno != EXDEV, "another error");
		read_much();
		say("after");
		_exit(7);
	} else if (IS("set_gs")) {
		static long own[4] = {1, 2, 3, 4};
		long seen = 0;

		say("before");
		check(syscall(SYS_arch_prctl, ARCH_GET_GS, &seen) || seen, "%gs was set already");
		check(signal(SIGUSR1, on_signal) == SIG_ERR, "no handler");
		check(syscall(SYS_arch_prctl, ARCH_SET_GS, own), "no %gs");
		read_much();
		child("echo in sh $$; date +%N");
		raise(SIGUSR1);
		__asm__ volatile("mov %%gs:16, %0" : "=r"(seen));
		check(seen != 3, "another %gs");
	} else if (IS("filter_fight")) {
		filter_fight();
	} else if (IS("filter_threads")) {
		filter_threads();
	} else if (IS("filter_busy")) {
		filter_busy();
	} else if (IS("strict_refused")) { /* so libseccomp asks whether the call is known */
		check(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) != -1 || errno != EINVAL, "no seccomp");
		check(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, "") != -1 || errno != EINVAL, "no seccomp");
	} else if (IS("filter_mild")) {
		mild_filter();
		child("echo in sh $$; date +%N");
	} else {
		return 2;
	}
	say("after");
	return 4;
}
