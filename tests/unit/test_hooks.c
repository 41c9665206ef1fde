/*
 * The hooks' prototypes are libc's: with _FORTIFY_SOURCE on, libc's headers declare every
 * function of hooks.def, and declaring one otherwise does not compile. Their calls are in
 * the call table.
 */
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 2
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "tracefmt/calls.h"

#ifdef __OPTIMIZE__
/* A function that the headers do not declare at all has no type to compare with. */
#define HOOK(type, name, params, args, when, nr, ...)                                    \
	__typeof__(name) name;                                                           \
	type name params;
#define PLAIN(type, name, params, args, nr)                                              \
	__typeof__(name) name;                                                           \
	type name params;
#define MODE(name, params, last, args, nr, ...)                                          \
	__typeof__(name) name;                                                           \
	int name params;
#include "preload/hooks.def"
#undef HOOK
#undef PLAIN
#undef MODE
#endif

static void calls_are_in_the_table(void **state)
{
	static const struct {
		const char *name;
		long nr;
	} rows[] = {
#define HOOK(type, name, params, args, when, nr, ...) {#name, nr},
#define PLAIN(type, name, params, args, nr) {#name, nr},
#define MODE(name, params, last, args, nr, ...) {#name, nr},
#include "preload/hooks.def"
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!tf_call_by_nr(rows[i].nr))
			fail_msg("%s: the table has no call %ld", rows[i].name, rows[i].nr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(calls_are_in_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
