# A thread stopped in a computation with much memory: the recording says that its place is told by part of it, and warns nobody.
# Likewise of one that was stopped in code which has a second mapping.
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

cat >views.c <<'END'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static volatile char flag, about_to;
static void *raise_flag(void *arg)
{
	while (!about_to)
		usleep(1000);
	flag = 1;
	return arg;
}
int main(int argc, char **argv)
{
	static const unsigned char loop[] = {0x48, 0xff, 0xc0, 0x80, 0x3f, 0, 0x74, 0xf8, 0xc3}; /* counts in rax */
	int fd = memfd_create("code", 0), own = argc > 1;
	unsigned char *code, *view;
	unsigned long count;
	pthread_t t;

	if (ftruncate(fd, 4096))
		return 1;
	view = mmap(0, 4096, PROT_READ | PROT_WRITE | (own ? PROT_EXEC : 0), own ? MAP_PRIVATE : MAP_SHARED, fd, 0);
	code = own ? view : mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	memcpy(view, loop, sizeof(loop));
	pthread_create(&t, 0, raise_flag, 0);
	usleep(1); /* the loop is entered in a turn after that in which it was made */
	about_to = 1;
	__asm__ volatile("call *%1" : "=a"(count) : "r"(code), "0"(0ul), "D"(&flag) : "memory", "cc");
	pthread_join(t, 0);
	printf("%lu\n", count);
	return 0;
}
END
${CC:-cc} -O1 -o views views.c -lpthread || fail "not compiled"
for how in '' own; do
	# shellcheck disable=SC2086 # none, or one
	expect 0 "$DEJA" record -o "seen$how" -- ./views $how
	! grep -q warning stderr || fail "a warning: $(cat stderr)"
	expect 0 "$DEJA" verify "seen$how"
	expect 0 "$DEJA" cat "seen$how"
	grep -q 'stopped in program code' stdout || fail "views $how: nothing was stopped"
	expect 0 "$DEJA" info "seen$how"
	grep 'Notes .*in code that lies in shared memory' stdout >"told$how"
done
[ -s told ] || fail "not told of code in shared memory"
[ ! -s toldown ] || fail "told of private code"
exit 0
