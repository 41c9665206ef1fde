# Processes that share memory and wait for each other in loops with PAUSE: a turn that ends there goes to one
# that waits, not back to the one that gave it away, which is on the processor already. Counted in turns that
# ended, however long they took: one for each time that it is the other's move.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >meet.c <<'END'
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
static struct { volatile int turn; } *volatile shared;
static void hand_over(int self)
{
	for (int i = 0; i < 200; i++) {
		while (shared->turn != self)
			__asm__ volatile("pause");
		shared->turn = !self;
	}
}
int main(void)
{
	int status;
	pid_t pid;

	shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	hand_over(!pid);
	if (!pid)
		_exit(0);
	return waitpid(pid, &status, 0) != pid || status;
}
END
${CC:-cc} -O2 -o meet meet.c || skip "no compiler"
expect 0 "$DEJA" record -q -o rec -- ./meet
expect 0 "$DEJA" cat rec
count=$(grep -c 'waits at PAUSE' stdout)
[ "$count" -ge 300 ] || fail "turns ended at a PAUSE $count times in 400 moves: not where they are waited for"
[ "$count" -le 500 ] || fail "turns ended at a PAUSE $count times in 400 moves: most of them in vain"
expect 0 "$DEJA" verify rec
