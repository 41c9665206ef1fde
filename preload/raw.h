/*
 * System calls of the runtime's own: from its text, which dispatch lets pass.
 */
#ifndef DEJA_PRELOAD_RAW_H
#define DEJA_PRELOAD_RAW_H

#define DJ_IS_ERR(r) ((unsigned long)(r) > -4096ul)

#ifdef DEJA_HARNESS /* tests/fuzz: parts of the runtime in an ordinary program */
long dj_raw6(long nr, long a, long b, long c, long d, long e, long f);
#else
static inline long dj_raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#endif
#define DJ_RAW_PICK(_1, _2, _3, _4, _5, _6, _7, NAME, ...) NAME
#define dj_raw(...)                                                                      \
	DJ_RAW_PICK(__VA_ARGS__, DJ_RAW6, DJ_RAW5, DJ_RAW4, DJ_RAW3, DJ_RAW2, DJ_RAW1,    \
		    DJ_RAW0)                                                             \
	(__VA_ARGS__)
#define DJ_RAW0(n)		    dj_raw6(n, 0, 0, 0, 0, 0, 0)
#define DJ_RAW1(n, a)		    dj_raw6(n, (long)(a), 0, 0, 0, 0, 0)
#define DJ_RAW2(n, a, b)	    dj_raw6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define DJ_RAW3(n, a, b, c)	    dj_raw6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define DJ_RAW4(n, a, b, c, d)                                                           \
	dj_raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define DJ_RAW5(n, a, b, c, d, e)                                                        \
	dj_raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define DJ_RAW6(n, a, b, c, d, e, f)                                                     \
	dj_raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
