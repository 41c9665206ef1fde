# `deja gdb` shows the program's own SIGILL and SIGTRAP, caught or not, at their instruction, and none
# of those with which the replay works: for rdtsc and rdrand, where a thread was stopped in a
# computation, with --trap-tsc. What gdb shows it passes on: the replay goes on as recorded.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

command -v gdb >/dev/null || skip "gdb is not installed"
cat >own.c <<'C'
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <ucontext.h>
#include <x86intrin.h>
static volatile int got;
static uint64_t drawn;
static void handler(int signo, siginfo_t *info, void *context)
{
	got = signo;
	if (signo == SIGILL)
		((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}
static void own_ill(void)
{
	__asm__ volatile("ud2");
}
static void own_trap(void)
{
	__asm__ volatile("int3");
}
static void draw(void)
{
	unsigned long long r = 0;
	for (int i = 0; i < 20; i++) {
		drawn ^= __rdtsc();
		if (__builtin_cpu_supports("rdrnd"))
			__asm__ volatile("1: rdrand %0; jnc 1b" : "=r"(r));
		drawn ^= r;
	}
}
int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	draw();
	own_ill();
	printf("%d %lx\n", got, drawn);
	draw();
	own_trap();
	printf("%d %lx\n", got, drawn);
	fflush(stdout);
	signal(SIGILL, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
	draw();
	if (argv[1][0] == 'i')
		own_ill();
	else if (argv[1][0] == 't')
		own_trap();
	else
		raise(SIGTRAP);
	return 0;
}
C
gcc -g -O0 -fno-inline -mrdrnd -o own own.c || skip "no compiler"
gdb_in() { limit "$DEJA" gdb "$@" -batch 2>&1 </dev/null; }
# seen REC SIGNAL FUNCTION: all that gdb shows of signals.
seen() {
	gdb_in "$1" -ex continue -ex bt -ex continue -ex bt -ex continue -ex bt -ex continue >shown
	{
		printf '%s\n' 'Program received signal SIGILL' 'own_ill' 'Program received signal SIGTRAP' 'own_trap'
		cat out
		printf '%s\n' "Program received signal $2" "$3" "Program terminated with signal $2"
	} >expected
	grep -E '^(Program|[45] |own_|raise|#[0-9]+ .* in (__GI_)?raise )' shown | sed -E 's/^(Program[^,]*),.*/\1/; s/^(own_[a-z]*) .*/\1/; s/^#.*raise .*/raise/' >told
	cmp -s expected told || fail "$1: gdb shows other signals: $(diff expected told; cat shown)"
	! grep -q diverged shown || fail "$1: $(cat shown)"
}
for kind in i:SIGILL:own_ill t:SIGTRAP:own_trap r:SIGTRAP:raise; do
	IFS=: read -r how signal where <<<"$kind"
	for option in --outbound=full --trap-tsc; do
		rm -rf rec
		limit "$DEJA" record -q $option -o rec -- ./own $how >out 2>/dev/null
		seen rec "$signal" "$where"
	done
done
gdb_in -g crash rec -ex bt >crash
grep -q 'received signal SIGTRAP' crash && grep -qE ' main \(argc=2' crash || fail "-g crash: $(cat crash)"

# Threads that were stopped in the middle of a computation, in loops of few bytes and of more.
cat >compute.c <<'C'
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
static uint64_t mixed;
static void *compute(void *arg)
{
	uint64_t x = (uint64_t)(long)arg;
	for (int i = 0; i < 60000000; i++)
		x = x * 6364136223846793005u + 1442695040888963407u;
	for (uint64_t i = x; i < x + 150000000; i++)
		__asm__ volatile("");
	__atomic_fetch_add(&mixed, x, __ATOMIC_SEQ_CST);
	return NULL;
}
static void done(void)
{
	printf("%llx\n", (unsigned long long)mixed);
}
int main(void)
{
	pthread_t t[2];
	for (long i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, compute, (void *)(i + 1));
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	done();
	return 0;
}
C
gcc -g -O1 -fno-inline -o compute compute.c -lpthread || fail "gcc"
limit "$DEJA" record -q -o busy -- ./compute >out || fail "recording"
limit "$DEJA" cat busy | grep -q 'stopped in program code' || fail "no thread was stopped in a computation"
gdb_in busy -ex 'break done' -ex continue -ex 'printf "%llx\n", mixed' -ex continue >traps
! grep -qE 'received signal|\?\?' traps || fail "signals of ours: $(cat traps)"
grep -q 'hit Breakpoint' traps && [ "$(grep -c "^$(cat out)\$" traps)" = 2 ] && grep -q 'exited normally' traps ||
	fail "a computing thread: $(cat traps)"
exit 0
