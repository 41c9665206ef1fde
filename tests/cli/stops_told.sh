# A thread stopped in a computation with much memory: the recording says that its place is told by part of it, and warns nobody.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >compute.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static volatile int done;
static volatile char *all;
static size_t len;
static void *compute(void *arg)
{
	unsigned long sum = 0;

	for (int round = 0; round < 100000000 / (int)len + 1; round++)
		for (size_t i = 0; i < len; i++)
			sum = sum * 31 + (unsigned char)all[i];
	done = 1;
	return (void *)sum;
}
int main(int argc, char **argv)
{
	pthread_t t;
	void *sum;

	len = (size_t)atoi(argv[1]) << 20;
	all = malloc(len);
	memset((char *)all, argc, len);
	pthread_create(&t, 0, compute, 0);
	while (!done)
		;
	pthread_join(t, &sum);
	printf("%p\n", sum);
	return 0;
}
END
${CC:-cc} -O1 -o compute compute.c -lpthread || skip "no compiler"
for mib in 1 40; do
	expect 0 "$DEJA" record -o rec$mib -- ./compute $mib
	! grep -q warning stderr || fail "a warning: $(cat stderr)"
	expect 0 "$DEJA" verify rec$mib
	expect 0 "$DEJA" cat rec$mib
	grep -q 'stopped in program code' stdout || fail "$mib MiB: nothing was stopped"
	expect 0 "$DEJA" info rec$mib
	grep 'Notes .*with much memory' stdout >told$mib
done
[ ! -s told1 ] || fail "told of 1 MiB"
[ -s told40 ] || fail "not told of 40 MiB"
