# Whoever stands between a program and libc stays there: libraries that the program preloads
# itself, functions of its own; what is called before or without a session is libc's; a
# thread that cancels itself ends at its next cancellation point.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

cat >mine.c <<'C'
#include <unistd.h>
pid_t getppid(void) { return 4711; }
ssize_t read(int fd, void *buf, size_t len) { (void)fd; for (size_t i = 0; i < len; i++) ((char *)buf)[i] = 'm'; return len; }
C
cat >p.c <<'C'
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
pid_t getpgrp(void) { return 815; }
__attribute__((constructor)) static void early(void)
{
	printf("%d %d\n", close(77), errno);
}
static void at_exit(void) { printf("the end\n"); }
int main(void)
{
	char buf[4] = "";
	int fd = open("/dev/zero", O_RDONLY);
	ssize_t n = read(fd, buf, 3);
	printf("%zd %02x, parent is 4711: %d, group %d\n", n, buf[0], getppid() == 4711, getpgrp());
	errno = 0;
	n = read(-1, buf, 3);
	printf("%zd %d\n", n, errno);
	atexit(at_exit);
	pthread_cancel(pthread_self());
	printf("still here\n");
	fflush(stdout);
	read(fd, buf, 1);
	printf("not here\n");
	return 1;
}
C
gcc -shared -fPIC -o mine.so mine.c && gcc -o p p.c || fail "gcc"
for preload in "" "$PWD/mine.so"; do
	rm -rf rec
	expect 0 env ${preload:+LD_PRELOAD="$preload"} ./p
	cp stdout native
	expect 0 "$DEJA" record -q -o rec -- env ${preload:+LD_PRELOAD="$preload"} ./p
	cmp -s stdout native || fail "preload '$preload': recorded: $(diff native stdout)"
	expect 0 "$DEJA" replay rec
	cmp -s stdout native || fail "preload '$preload': replayed: $(diff native stdout)"
done
expect 0 env LD_PRELOAD="$(dirname "$DEJA")/../lib/deja/libdeja-record.so" ./p
grep -q 'parent is 4711: 0' stdout || fail "without a session: $(cat stdout)"
