# A program compiled and run; the program does not exist any more when it is replayed.
NEED=(gcc)
setup() {
	cat >p.c <<'C'
#include <stdio.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
	printf("%s, pid %d, %ld\n", __TIME__, getpid(), clock());
	return 3;
}
C
}
CMD=(sh -c 'gcc -O1 -g -Wall p.c -o p && sha256sum p && ls -i p && ./p')
STATUS=3
