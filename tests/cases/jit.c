/*
 * System calls from generated code: a fresh page, a page that is read-only when it runs,
 * code replaced at the same address, a page unmapped and mapped anew, the last bytes of a
 * page. Shows that a rewritten site is forgotten when its code is.
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

static uint8_t *page(int prot)
{
	uint8_t *p = mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	T_CHECK(p != MAP_FAILED);
	return p;
}

static void run(const char *what, uint8_t *at, long expected)
{
	code_fn *fn = (code_fn *)(uintptr_t)at;

	for (int i = 0; i < 4; i++)
		T_CHECK(fn(0) == expected);
	printf("%s at %p gave %ld\n", what, (void *)at, expected);
}

int main(void)
{
	uint8_t *p = page(PROT_READ | PROT_WRITE | PROT_EXEC), copy[32];

	size_t len = emit(p, SYS_getpid, TAIL(PLAIN));
	run("ret", p, getpid());
	/* Other code at the same place, in every order of shapes. */
	emit(p, SYS_getppid, TAIL(CMP));
	run("cmp", p, getppid());
	emit(p, SYS_getpid, TAIL(PLUS_ONE));
	run("plus one", p, getpid() + 1);
	emit(p, SYS_getppid, TAIL(CMP));
	run("cmp again", p, getppid());
	/* No system call here any more. */
	memcpy(p + 5, "\x90\x90\xc3", 3);
	run("nothing", p, SYS_getppid);

	/* A generator that copies its own code elsewhere. */
	len = emit(p, SYS_getpid, TAIL(CMP));
	run("template", p, getpid());
	memcpy(copy, p, len);
	memcpy(p + 1024, p, len);
	run("copied", p + 1024, getpid());

	/* The call is the last thing in the page; the next page is not mapped. */
	T_CHECK(munmap(p, PAGE) == 0);
	uint8_t *two = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	T_CHECK(two != MAP_FAILED && munmap(two + PAGE, PAGE) == 0);
	emit(two + PAGE - 8, SYS_getpid, TAIL(PLAIN));
	T_CHECK(mprotect(two, PAGE, PROT_READ | PROT_EXEC) == 0);
	run("end of page", two + PAGE - 8, getpid());

	/* Write or execute, never both. */
	uint8_t *wx = page(PROT_READ | PROT_WRITE);
	emit(wx, SYS_getppid, TAIL(CMP));
	T_CHECK(mprotect(wx, PAGE, PROT_READ | PROT_EXEC) == 0);
	run("read-only", wx, getppid());
	T_CHECK(mprotect(wx, PAGE, PROT_READ | PROT_WRITE) == 0);
	emit(wx, SYS_getpid, TAIL(PLUS_ONE));
	T_CHECK(mprotect(wx, PAGE, PROT_READ | PROT_EXEC) == 0);
	run("rewritten", wx, getpid() + 1);

	/* Unmapped and mapped anew at the same address. */
	for (int i = 0; i < 3; i++) {
		uint8_t *again = mmap(wx, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

		T_CHECK(again == wx);
		if (i & 1)
			emit(again, SYS_getpid, TAIL(CMP));
		else
			emit(again, SYS_getppid, TAIL(PLAIN));
		run("anew", again, i & 1 ? getpid() : getppid());
	}

	printf("%zu bytes of template, %016lx\n", len, t_hash(copy, 7));
	return 0;
}
