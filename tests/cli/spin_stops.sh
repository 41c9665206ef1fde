# Threads that wait for each other in loops with PAUSE hand over there, at once, and are not stopped by force;
# in loops without, they are stopped soon.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >spin.c <<'END'
#include <pthread.h>
static volatile int turn;
static void *hand_over(void *self)
{
	for (int i = 0; i < 40; i++) {
		while (turn != (int)(long)self)
			WAIT;
		turn = !turn;
	}
	return self;
}
int main(void)
{
	pthread_t t;
	pthread_create(&t, 0, hand_over, (void *)1L);
	hand_over((void *)0L);
	return pthread_join(t, 0);
}
END
took() { # of recording ./$1, in ms
	local from
	from=$(date +%s%N)
	expect 0 "$DEJA" record -q -o "rec.$1" -- "./$1"
	echo $((($(date +%s%N) - from) / 1000000))
}
${CC:-cc} -O2 -DWAIT='__asm__ volatile("pause")' -o pauses spin.c -lpthread || skip "no compiler"
${CC:-cc} -O2 -DWAIT='__asm__ volatile("")' -o tells_nothing spin.c -lpthread || fail "cc"
slow=$(took tells_nothing)
# Whose rounds change nothing waits, too: it has no full turns (10 ms, of 80), after its first. The best
# of some, as others work here, too.
best=$slow
for _ in 1 2 3 4; do
	[ "$best" -lt 600 ] && break
	rm -rf rec.tells_nothing
	now=$(took tells_nothing)
	[ "$now" -lt "$best" ] && best=$now
done
[ "$best" -lt 600 ] || fail "$best ms: who waits has full turns"
fast=$(took pauses)
echo "$fast ms, and $slow where nothing tells"
[ $((fast * 2)) -lt "$slow" ] || fail "no sooner: $fast ms, and $slow where nothing tells"
expect 0 "$DEJA" cat rec.pauses
grep -q 'waits at PAUSE' stdout || fail "no turn ended at a PAUSE"
! grep -q 'stopped in program code' stdout || fail "a thread that pauses was stopped"
for rec in rec.pauses rec.tells_nothing; do expect 0 "$DEJA" verify $rec; done
