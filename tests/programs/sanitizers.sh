# Programs with AddressSanitizer and ThreadSanitizer, which want the address space for themselves and to come first.
NEED=(gcc)
setup() {
	cat >san.c <<-'C'
		#include <pthread.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <time.h>
		static int x;
		static void *f(void *a) { for (int i = 0; i < 1000; i++) x++; return a; }
		int main(int argc, char **argv)
		{
			pthread_t t;
			char *p = malloc(4);
			struct timespec now;
			pthread_create(&t, 0, f, 0);
			f(0);
			pthread_join(t, 0);
			clock_gettime(CLOCK_REALTIME, &now);
			printf("%ld\n", (long)now.tv_nsec);
			fflush(stdout);
			if (argc > 1)
				p[4] = 1;
			free(p);
			return 0;
		}
	C
	gcc -g -fsanitize=address san.c -o address && gcc -g -fsanitize=thread san.c -o thread
}
CMD=(bash -c './address && { ./address 1 2>&1 && echo no error; } | grep -o "heap-buffer-overflow" | head -1
	./thread 2>&1 | grep -o "data race" | head -1; true')
check() { grep -q heap-buffer-overflow "$1" && grep -q 'data race' "$1"; }
