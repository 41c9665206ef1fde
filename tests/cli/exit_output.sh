#!/bin/bash
# shellcheck shell=bash source=tests/lib.sh
# Threads write much at a time to a pipe while another ends the process, by exit or by a signal: what
# came out of the pipe comes out again.
. "$ROOT/tests/lib.sh"

cat >victim.c <<'C'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static volatile int wrote;
static void *writer(void *arg)
{
	static char bytes[3][100000];
	long k = (long)arg;

	memset(bytes[k], 'a' + (int)k, sizeof(bytes[k]));
	for (int i = 0;; i++) {
		bytes[k][snprintf(bytes[k], 30, "%ld %d\n", k, i)] = '.';
		if (write(1, bytes[k], 20000 + (size_t)k * 30000) < 0)
			return NULL;
		wrote = 1;
	}
}
int main(int argc, char **argv)
{
	pthread_t t;

	for (long k = 0; k < 3; k++)
		pthread_create(&t, NULL, writer, (void *)k);
	while (atoi(argv[1]) % 2 && !wrote)
		usleep(1000);
	usleep(3000 + (unsigned)atoi(argv[1]) * 150);
	if (argc > 2)
		abort();
	exit(5);
}
C
gcc -O1 -o victim victim.c -lpthread || skip "no compiler"
some=0
for ((i = 1; i <= 12; i++)); do
	want=5 how=
	[ $((i % 3)) != 0 ] || { want=134 how=abort; }
	limit "$DEJA" record -q -o rec$i -- ./victim $i $how 2>err | cat >recorded
	[ "${PIPESTATUS[0]}" = $want ] || fail "recording $i: not status $want: $(cat err)"
	[ ! -s recorded ] || some=$((some + 1))
	limit "$DEJA" replay rec$i 2>err </dev/null | cat >replayed
	[ "${PIPESTATUS[0]}" = $want ] || fail "replay $i: not status $want: $(cat err)"
	cmp recorded replayed || fail "replay $i: $(wc -c <replayed) bytes of $(wc -c <recorded)"
done
[ $some -ge 6 ] || fail "only $some of 12 wrote anything"
