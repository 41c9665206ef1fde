/*
 * What a program can see of itself: descriptors, limits, signal mask, dispositions,
 * environment, auxiliary vector, children, threads, timers, name. Shows that none of it
 * differs from a plain run: the recorded output must equal the plain output.
 */
/* DETERMINISTIC */
/* EQUAL */
#include "victim.h"
#include <dirent.h>
#include <elf.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

extern char **environ;

static void descriptors(void)
{
	struct dirent *de;
	DIR *dir = opendir("/proc/self/fd");
	int own = dirfd(dir);

	T_CHECK(dir);
	printf("fds:");
	while ((de = readdir(dir)))
		if (de->d_name[0] != '.' && atoi(de->d_name) != own)
			printf(" %s", de->d_name);
	printf("\nnext fd: %d\n", own);
	closedir(dir);
	for (int fd = 0; fd < 65536; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags >= 0)
			printf("fcntl: %d flags %x %x\n", fd, flags, fcntl(fd, F_GETFL));
		else
			T_CHECK(errno == EBADF && fd > 2);
	}
	dir = opendir("/proc/self/task");
	T_CHECK(dir);
	int tasks = -2;
	while (readdir(dir))
		tasks++;
	closedir(dir);
	printf("threads: %d\n", tasks);
}

static void limits(void)
{
	struct rlimit rl;

	for (int i = 0; i < RLIM_NLIMITS; i++) {
		T_CHECK(getrlimit(i, &rl) == 0);
		printf("limit %d: %lx %lx\n", i, (long)rl.rlim_cur, (long)rl.rlim_max);
	}
}

static void signals(void)
{
	struct {
		unsigned long handler, flags, restorer, mask;
	} sa;
	struct itimerval it;
	unsigned long mask = 0;
	stack_t ss;

	T_CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8) == 0);
	printf("mask %lx\n", mask);
	T_CHECK(syscall(SYS_rt_sigpending, &mask, 8) == 0);
	printf("pending %lx\n", mask);
	for (int sig = 1; sig <= 64; sig++) {
		T_CHECK(syscall(SYS_rt_sigaction, sig, NULL, &sa, 8) == 0);
		if (sa.handler || sa.flags || sa.mask)
			printf("signal %d: %lx %lx %lx\n", sig, sa.handler, sa.flags, sa.mask);
	}
	T_CHECK(sigaltstack(NULL, &ss) == 0);
	printf("altstack %x %zu %d\n", ss.ss_flags, ss.ss_size, ss.ss_sp != NULL);
	for (int i = 0; i < 3; i++) {
		T_CHECK(getitimer(i, &it) == 0);
		T_CHECK(!it.it_value.tv_sec && !it.it_value.tv_usec);
	}
}

/* Lines of a /proc/self/status-like file that begin with one of these. */
static void lines(const char *path, const char *const *keys)
{
	char line[4096];
	FILE *f = fopen(path, "r");

	T_CHECK(f);
	while (fgets(line, sizeof(line), f))
		for (const char *const *k = keys; *k; k++)
			if (strncmp(line, *k, strlen(*k)) == 0)
				printf("%s", line);
	fclose(f);
}

/* As servers do: the room of arguments and environment, which follow each other, becomes a longer title. */
static void title(char **argv, char **envp)
{
	char *end = argv[0], shown[4096];
	ssize_t n;
	int fd;

	for (char **s = argv; *s; s++) {
		T_CHECK(*s == end);
		end += strlen(end) + 1;
	}
	for (char **s = envp; *s; s++) {
		T_CHECK(*s == end);
		end += strlen(end) + 1;
	}
	n = end - argv[0] - 1;
	T_CHECK(n < (ssize_t)sizeof(shown));
	memset(argv[0], 't', (size_t)n);
	fd = open("/proc/self/cmdline", O_RDONLY);
	T_CHECK(read(fd, shown, sizeof(shown)) >= n);
	T_CHECK(memcmp(shown, argv[0], (size_t)n) == 0);
	printf("title of %zd bytes\n", n);
	close(fd);
}

int main(int argc, char **argv, char **envp)
{
	static const char *const status[] = {"Name:", "Umask:", "TracerPid:", "Uid:", "Gid:",
		"FDSize:", "Groups:", "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:",
		"SigCgt:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "NoNewPrivs:", "Seccomp:",
		NULL};
	char name[17] = {0}, cmdline[4096];

	descriptors();
	limits();
	signals();
	for (int i = 1; i < argc; i++)
		printf("arg %s\n", argv[i]);
	T_CHECK(envp == environ);
	for (char **e = envp; *e; e++)
		printf("env %s\n", *e);
	char **p = envp;
	while (*p++)
		;
	for (Elf64_auxv_t *a = (void *)p; a->a_type != AT_NULL; a++) {
		bool address = a->a_type == AT_PHDR || a->a_type == AT_BASE ||
			       a->a_type == AT_ENTRY || a->a_type == AT_RANDOM ||
			       a->a_type == AT_SYSINFO_EHDR;

		if (a->a_type == AT_EXECFN || a->a_type == AT_PLATFORM)
			printf("aux %lu %s\n", a->a_type, (char *)a->a_un.a_val);
		else if (a->a_type == 27 || a->a_type == 28)
			printf("aux %lu\n", a->a_type); /* rseq: the kernel's own numbers */
		else
			printf("aux %lu %lx\n", a->a_type, address ? !!a->a_un.a_val : a->a_un.a_val);
	}
	T_FAILS(ECHILD, waitpid(-1, NULL, WNOHANG));
	T_CHECK(prctl(PR_GET_NAME, name) == 0);
	printf("name %s dumpable %ld keepcaps %d nnp %d seccomp %d subreaper %d\n", name,
	       (long)prctl(PR_GET_DUMPABLE), prctl(PR_GET_KEEPCAPS),
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_SECCOMP), 0);
	int v = -1;
	T_CHECK(prctl(PR_GET_PDEATHSIG, &v) == 0 && v == 0);
	T_CHECK(prctl(PR_GET_CHILD_SUBREAPER, &v) == 0 && v == 0);
	T_CHECK(prctl(PR_GET_TSC, &v) == 0);
	printf("tsc %d slack %d\n", v, prctl(PR_GET_TIMERSLACK));
	lines("/proc/self/status", status);
	int fd = open("/proc/self/cmdline", O_RDONLY);
	ssize_t n = read(fd, cmdline, sizeof(cmdline));
	T_CHECK(n > 0 && strcmp(cmdline, argv[0]) == 0);
	printf("cmdline %s, %zd bytes\n", cmdline, n);
	close(fd);
	fd = open("/proc/self/environ", O_RDONLY);
	n = read(fd, cmdline, sizeof(cmdline));
	T_CHECK(n >= 0);
	printf("environ %zd bytes %016lx\n", n, t_hash(cmdline, (size_t)n));
	close(fd);
	title(argv, envp);
	return 0;
}
