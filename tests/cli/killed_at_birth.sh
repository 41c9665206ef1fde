# Processes in their maker's memory that are killed as soon as they are there: the maker goes on, and so does its
# recording, whether the turn was theirs already or not. Of one that had begun to compute nothing tells where
# it was; then the recording ends there, and says so.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >victim.c <<'C'
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static char stack[65536] __attribute__((aligned(64)));
static int child(void *arg)
{
	for (;;)
		pause();
	return arg != 0;
}
int main(void)
{
	struct timespec now;
	int status, killed = 0;

	for (int i = 0; i < 5; i++) {
		pid_t pid = clone(child, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);

		killed += pid > 0 && !kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	printf("%d killed, %ld\n", killed, now.tv_nsec);
	return killed != 5;
}
C
gcc -O1 -o victim victim.c || fail "no compiler"
whole=0
for i in 1 2 3 4 5 6 7 8; do
	rm -rf rec
	limit "$DEJA" record -q -o rec -- ./victim >out 2>err || fail "recording: $(cat out err)"
	"$DEJA" info rec | grep -q 'was killed while it computed' && continue
	expect 0 "$DEJA" replay rec
	cmp -s stdout out || fail "another output, and the recording does not say why: $(diff out stdout)"
	whole=$((whole + 1))
done
[ "$whole" -gt 0 ] || fail "each recording ended early"
exit 0
