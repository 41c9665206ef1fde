/*
 * Generated code with two views of one memfd: written through one, run through the other.
 * Shows that mappings of one file stay one memory, and that a rewritten site notices it.
 */
#include "victim.h"
#include <sys/mman.h>

enum { PAGE = 4096 };
typedef long code_fn(long);

/* mov $nr,%eax; syscall; then the tail. Returns the length. */
static size_t emit(uint8_t *at, uint32_t nr, const char *tail, size_t tail_len)
{
	at[0] = 0xb8;
	memcpy(at + 1, &nr, 4);
	memcpy(at + 5, "\x0f\x05", 2);
	memcpy(at + 7, tail, tail_len);
	return 7 + tail_len;
}
#define TAIL(s) s, sizeof(s) - 1
#define PLAIN "\xc3"
#define CMP "\x48\x3d\x01\xf0\xff\xff\xc3"
#define PLUS_ONE "\x48\x83\xc0\x01\xc3"

static void run(const char *what, uint8_t *at, long expected)
{
	code_fn *fn = (code_fn *)(uintptr_t)at;

	for (int i = 0; i < 4; i++)
		T_CHECK(fn(0) == expected);
	printf("%s at %p gave %ld\n", what, (void *)at, expected);
}

int main(void)
{
	int fd = memfd_create("jit", 0);

	T_CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0);
	uint8_t *w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint8_t *x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	T_CHECK(w != MAP_FAILED && x != MAP_FAILED);
	emit(w, SYS_getpid, TAIL(CMP));
	run("two views", x, getpid());
	emit(w, SYS_getppid, TAIL(PLUS_ONE));
	run("two views, changed", x, getppid() + 1);
	return 0;
}
