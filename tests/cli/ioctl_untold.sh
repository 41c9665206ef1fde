# An ioctl of a driver's own, whose number does not say what it writes: what it wrote is recorded. The driver
# is a tracer from outside, which answers an ioctl that the kernel does not know.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >victim.c <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
	static unsigned long answer[40];
	char *pages = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), go;
	unsigned long *last = (unsigned long *)(pages + 4096 - 8); /* nothing behind it */
	int fd = open("/dev/null", O_RDWR);
	FILE *f = fopen("pid", "w");

	munmap(pages + 4096, 4096);
	fprintf(f, "%d\n", getpid());
	fclose(f);
	if (read(0, &go, 1) != 1)
		return 1;
	for (int i = 0; i < 3; i++) {
		answer[0] = 7;
		printf("%d: ", ioctl(fd, 0x7e01, answer));
		printf("%lu %lx %lx %lu\n", answer[0], answer[1], answer[30], answer[31]);
	}
	printf("%d: ", ioctl(fd, 0x7e02, last));
	printf("%lx\n", *last);
	printf("%d: ", ioctl(fd, 0x7e03, 5));
	printf("%d\n", ioctl(fd, 0x7e04, 0));
	return 0;
}
C
cat >driver.c <<'C'
/* driver COMMAND...: runs it, waits for a victim's pid in the file `pid`, traces that and answers its ioctls. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
static void poke(int pid, unsigned long at)
{
	unsigned long value = 0;

	getrandom(&value, sizeof(value), 0);
	ptrace(PTRACE_POKEDATA, pid, at, value | 1);
}
static void answer(int pid)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, pid, 0, &r) || r.orig_rax != 16 || (r.rsi & ~3ul) != 0x7e00 || (long)r.rax != -ENOTTY)
		return;
	if (r.rsi == 0x7e01)
		poke(pid, r.rdx + 8), poke(pid, r.rdx + 240);
	if (r.rsi == 0x7e02)
		poke(pid, r.rdx);
	r.rax = r.rsi - 0x7e00;
	ptrace(PTRACE_SETREGS, pid, 0, &r);
}
int main(int argc, char **argv)
{
	int in[2], pid = 0, status;
	pid_t child;

	alarm(50);
	if (argc < 2 || pipe2(in, O_CLOEXEC) || (child = fork()) < 0)
		return 2;
	if (!child) {
		dup2(in[0], 0);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	for (int i = 0; i < 2000 && pid <= 0; i++) {
		FILE *f = fopen("pid", "r");

		usleep(10000);
		if (f && fscanf(f, "%d", &pid) != 1)
			pid = 0;
		if (f)
			fclose(f);
	}
	if (pid <= 0 || ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) || ptrace(PTRACE_INTERRUPT, pid, 0, 0))
		return 2;
	if (write(in[1], "g", 1) != 1)
		return 2;
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
		int sig = WSTOPSIG(status);

		if (sig == (SIGTRAP | 0x80))
			answer(pid);
		if (sig == (SIGTRAP | 0x80) || status >> 16)
			sig = 0;
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
C
gcc -O1 -o victim victim.c && gcc -O1 -o driver driver.c || fail "no compiler"
limit ./driver "$DEJA" record -q -o rec -- ./victim >out 2>err || fail "recording: $? $(cat err)"
grep -q '^1: 7 [0-9a-f]*[1-9a-f][0-9a-f]* [0-9a-f]*[1-9a-f][0-9a-f]* 0$' out || fail "the driver did not answer: $(cat out)"
[ "$(sort -u out | wc -l)" = 5 ] || fail "the same answers: $(cat out)"
rm pid victim
expect 0 "$DEJA" replay rec
cmp -s stdout out || fail "another output: $(diff out stdout)"
expect 0 "$DEJA" verify rec
exit 0
