# A replay that is killed leaves nothing behind: not its processes, whatever they wait for.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >p.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static void *wait_long(void *arg)
{
	sleep(1 + (long)arg);
	return arg;
}
int main(void)
{
	pthread_t t[4];
	if (!fork())
		return sleep(4);
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, wait_long, (void *)i);
	puts("it waits");
	fflush(stdout);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	wait(NULL);
	return 0;
}
C
gcc -pthread -o p p.c || fail "it does not compile"
expect 0 "$DEJA" record -q -o rec -- ./p

for how in "--pace 1" "--pace 4"; do
	rm -f out # of the round before: the shell may empty it late
	# shellcheck disable=SC2086
	"$DEJA" replay $how rec >out 2>err </dev/null &
	replay=$!
	for _ in $(seq 200); do
		grep -qs 'it waits' out && break
		sleep 0.05
	done
	children=$(descendants $replay)
	[ -n "$children" ] || fail "$how: the replay has no processes"
	kill -KILL $replay
	quietly wait $replay || :
	for _ in $(seq 60); do
		alive=
		for p in $children; do # a zombie has no maps
			[ -z "$(head -c 1 /proc/"$p"/maps 2>/dev/null)" ] || alive="$alive $p"
		done
		[ -n "$alive" ] || break
		sleep 0.1
	done
	# shellcheck disable=SC2086
	[ -z "$alive" ] || { kill -KILL $alive; fail "$how: killed, the replay left$alive"; }
done
