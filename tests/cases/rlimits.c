/*
 * Limits: no descriptor left, file size, address space, core, an unlimited stack followed
 * by an exec of itself (which turns the memory layout round). Shows that recording works
 * inside them and that the program meets them where it would.
 */
#include "victim.h"
#include <sys/mman.h>
#include <sys/resource.h>

static void no_descriptors(void)
{
	struct rlimit rl, old;
	int p[2];

	T_CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	rl = (struct rlimit){3, old.rlim_max};
	T_CHECK(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	T_FAILS(EMFILE, open("/dev/null", O_RDONLY));
	T_FAILS(EMFILE, pipe(p));
	T_FAILS(EMFILE, dup(0));
	T_FAILS(EBADF, dup2(0, 3));
	rl.rlim_cur = 0;
	T_CHECK(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	T_CHECK(write(1, "", 0) == 0 && getpid() > 0 && t_now_ns(CLOCK_REALTIME) > 0);
	pid_t pid = t_fork();
	if (pid == 0)
		_exit(6);
	t_wait_exit(pid, 6);
	T_CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	int fd = open("/dev/null", O_RDONLY);
	T_CHECK(fd == 3 && close(fd) == 0);
	T_CHECK(prlimit(0, RLIMIT_NOFILE, NULL, &rl) == 0 && rl.rlim_cur == old.rlim_cur);
}

static void memory(void)
{
	struct rlimit rl, old;
	size_t got = 0;

	T_CHECK(getrlimit(RLIMIT_DATA, &old) == 0);
	rl = (struct rlimit){64 << 20, old.rlim_max};
	T_CHECK(setrlimit(RLIMIT_DATA, &rl) == 0);
	void *volatile p = malloc((size_t)200 << 20);
	T_CHECK(!p && errno == ENOMEM);
	while (got < 100 && (p = malloc((size_t)1 << 20)))
		got++;
	printf("data limit: %zu MiB\n", got);
	T_CHECK(got > 10 && got < 64);
	T_CHECK(setrlimit(RLIMIT_DATA, &old) == 0);
	T_CHECK(mmap(NULL, (size_t)1 << 52, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			MAP_FAILED && errno == ENOMEM);
}

static void files(void)
{
	struct rlimit rl = {100, 0}, old;
	int fd = open("limited", O_CREAT | O_RDWR, 0600);

	T_CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
	rl.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	T_CHECK(setrlimit(RLIMIT_FSIZE, &rl) == 0);
	char buf[200] = {0};
	T_CHECK(write(fd, buf, 200) == 100);
	T_FAILS(EFBIG, write(fd, buf, 1));
	T_FAILS(EFBIG, ftruncate(fd, 101));
	T_CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0 && close(fd) == 0);
	T_FAILS(EINVAL, setrlimit(999, &old));
}

/* The later images. argv[1] counts down. */
static int again(char **argv)
{
	struct rlimit rl;
	char here, *heap = malloc(10);
	void *m = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	T_CHECK(getrlimit(RLIMIT_STACK, &rl) == 0 && heap);
	printf("%s: stack limit %lx, stack %p heap %p map %p main %p pid %d\n", argv[1],
	       (long)rl.rlim_cur, (void *)&here, (void *)heap, m, (void *)again, getpid());
	if (argv[1][0] == '2') {
		rl.rlim_cur = 256 << 10;
		T_CHECK(setrlimit(RLIMIT_STACK, &rl) == 0);
	}
	if (argv[1][0] > '0') {
		argv[1][0]--;
		fflush(NULL);
		execv("/proc/self/exe", argv);
		T_CHECK(!"exec returned");
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit rl;

	if (argc > 1)
		return again(argv);
	no_descriptors();
	memory();
	files();
	T_CHECK(getrlimit(RLIMIT_STACK, &rl) == 0);
	if (rl.rlim_max != RLIM_INFINITY)
		printf("hard stack limit is %lx\n", (long)rl.rlim_max);
	rl.rlim_cur = rl.rlim_max;
	T_CHECK(setrlimit(RLIMIT_STACK, &rl) == 0);
	fflush(NULL);
	execl("/proc/self/exe", argv[0], "3", (char *)NULL);
	return 1;
}
