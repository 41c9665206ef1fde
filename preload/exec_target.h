/*
 * Why an executable cannot be preloaded: the `external` field of EXEC events.
 * Numbers are part of the format.
 */
#ifndef DEJA_PRELOAD_EXEC_TARGET_H
#define DEJA_PRELOAD_EXEC_TARGET_H

#include <stdbool.h>
#include <stdint.h>

enum {
	EXEC_TARGET_OK = 0,
	EXEC_TARGET_STATIC = 1, /* statically linked: no dynamic linker to preload us */
	EXEC_TARGET_ARCH = 2,	/* not x86-64 */
	EXEC_TARGET_SETUID = 3, /* gains privileges: the linker ignores LD_PRELOAD */
	EXEC_TARGET_LIBC = 4,	/* another C library */
	EXEC_TARGET_NO_SLOT = 5, /* too many processes at once */
	EXEC_TARGET_LISTS = 6,	 /* LD_TRACE_LOADED_OBJECTS: no program code will run */
	EXEC_TARGET_NO_FD = 7,	 /* RLIMIT_NOFILE: nothing can be loaded */
	EXEC_TARGET_NO_WAY = 8,	 /* the session's directory is out of its reach: chroot, another user */
	EXEC_TARGET_TWO_USERS = 9, /* real and effective ids differ: the linker ignores LD_PRELOAD */
	EXEC_TARGET_SANDBOX = 10, /* a seccomp filter forbids calls of the recorder */
};

/* EXEC_TARGET_*; OK as well for what exec itself will refuse. Opens and closes the file. `fixed`:
 * a replay needs the addresses that the kernel chooses without randomisation. */
uint32_t exec_target(int dirfd, const char *path, bool fixed);

#endif
