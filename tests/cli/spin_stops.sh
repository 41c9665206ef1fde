# Threads that wait for each other in loops hand over there, at once, and are not stopped by force: at the
# loop's PAUSE, or where a round that changed nothing was seen once. Where nothing can be put in
# the loop, or its rounds are counted, they are stopped soon.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >spin.c <<'END'
#include <pthread.h>
static volatile int turn;
static void *hand_over(void *self)
{
	unsigned long rounds = 0;
	volatile int *at = &turn;
	__asm__("" : "+r"(at));
	for (int i = 0; i < 40; i++) {
		while (WHERE != (int)(long)self)
			WAIT;
		turn = !turn;
	}
	return rounds ? 0 : self;
}
int main(void)
{
	pthread_t t;
	pthread_create(&t, 0, hand_over, (void *)1L);
	hand_over((void *)0L);
	return pthread_join(t, 0);
}
END
took() { # of recording ./$1, in ms of processor time: others work here, too
	local TIMEFORMAT='%U %S'
	rm -rf "rec.$1"
	{ time expect 0 "$DEJA" record -q -o "rec.$1" -- "./$1" 2>&3; } 3>&2 2>times
	awk '{print int(($1 + $2) * 1000)}' times
}
${CC:-cc} -O2 -DWHERE=turn -DWAIT='__asm__ volatile("pause")' -o pauses spin.c -lpthread || skip "no compiler"
${CC:-cc} -O2 -DWHERE=turn -DWAIT='__asm__ volatile("")' -o tells_nothing spin.c -lpthread || fail "cc"
${CC:-cc} -O2 -DWHERE='*at' -DWAIT='__asm__ volatile("")' -o no_room spin.c -lpthread || fail "cc"
# as redis' I/O threads wait
${CC:-cc} -O2 -DWHERE=turn -DWAIT='__asm__ volatile("inc %0" : "+r"(rounds))' -o counts spin.c -lpthread || fail "cc"

took pauses >ms
expect 0 "$DEJA" cat rec.pauses
grep -q 'waits at PAUSE' stdout || fail "no turn ended at a PAUSE"
! grep -q 'stopped in program code' stdout || fail "a thread that pauses was stopped"

took tells_nothing >ms
expect 0 "$DEJA" cat rec.tells_nothing
grep -q 'waits at PAUSE' stdout || fail "no turn ended in a loop that waits"
stops=$(grep -c 'stopped in program code' stdout)
[ "$stops" -le 10 ] || fail "threads were stopped $stops times in loops that wait"

# Whose rounds change nothing, or nothing but their count, has no full turns (10 ms, of 80) after its first. The
# best of some.
for name in no_room counts; do
	best=$(took $name)
	for _ in 1 2 3 4; do
		[ "$best" -lt 550 ] && break
		now=$(took $name)
		[ "$now" -lt "$best" ] && best=$now
	done
	[ "$best" -lt 550 ] || fail "$name: $best ms: who waits has full turns"
	expect 0 "$DEJA" cat rec.$name
	grep -q 'stopped in program code' stdout || fail "$name: nobody was stopped, where nothing else can be"
done
for rec in rec.pauses rec.tells_nothing rec.no_room rec.counts; do expect 0 "$DEJA" verify $rec; done
