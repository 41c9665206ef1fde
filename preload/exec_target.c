/*
 * Can the runtime be preloaded into this executable? Looked at before exec, so that a
 * child that will escape is named instead of silently lost. Compiled into the runtime and
 * into the tools: needs nothing but system calls.
 */
#include <sys/syscall.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <elf.h>
#include "exec_target.h"
#include "runtime.h"

enum { INTERPRETER_DEPTH = 4, HEAD_LEN = 2048 };

static bool begins(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return false;
	return true;
}

static uint32_t elf_reason(long fd, const uint8_t *head, long len)
{
	const Elf64_Ehdr *eh = (const void *)head;
	Elf64_Phdr ph;

	if (len < (long)sizeof(*eh))
		return EXEC_TARGET_OK; /* exec itself will refuse it */
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_machine != EM_X86_64)
		return EXEC_TARGET_ARCH;
	for (int i = 0; i < eh->e_phnum && i < 64; i++) {
		uint64_t at = eh->e_phoff + (uint64_t)i * sizeof(ph);
		char name[256];
		long n;

		if (at <= (uint64_t)len - sizeof(ph))
			__builtin_memcpy(&ph, head + at, sizeof(ph));
		else if (dj_raw(SYS_pread64, fd, &ph, sizeof(ph), at) != sizeof(ph))
			break;
		if (ph.p_type != PT_INTERP)
			continue;
		n = sizeof(name) - 1;
		if (len >= n && ph.p_offset <= (uint64_t)(len - n))
			__builtin_memcpy(name, head + ph.p_offset, (size_t)n);
		else
			n = dj_raw(SYS_pread64, fd, name, (size_t)n, ph.p_offset);
		name[n > 0 ? n : 0] = 0;
		for (const char *p = name; *p; p++)
			if (begins(p, "musl"))
				return EXEC_TARGET_LIBC;
		return EXEC_TARGET_OK;
	}
	return EXEC_TARGET_STATIC;
}

static uint32_t privilege_reason(long fd, const struct stat *st, bool fixed)
{
	bool user = st->st_mode & S_ISUID;
	bool group = (st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP);
	char cap[64];

	if ((user && dj_raw(SYS_geteuid) != (long)st->st_uid) ||
	    (group && dj_raw(SYS_getegid) != (long)st->st_gid))
		return EXEC_TARGET_SETUID;
	/* Nothing is gained, but such an exec turns address randomisation on again. */
	if ((user || group) && fixed)
		return EXEC_TARGET_SETUID;
	if (dj_raw(SYS_geteuid) != 0 &&
	    dj_raw(SYS_fgetxattr, fd, "security.capability", cap, sizeof(cap)) > 0)
		return EXEC_TARGET_SETUID;
	return EXEC_TARGET_OK;
}

/* getauxval(3), AT_SECURE: a "nonzero value" also when "the process's real and effective user
 * (or group) IDs differed". Only with other ids would the runtime come along, and they are the
 * program's protection: it goes alone. */
static uint32_t identity_reason(void)
{
	uint32_t real, effective, saved;

	if ((!dj_raw(SYS_getresuid, &real, &effective, &saved) && real != effective) ||
	    (!dj_raw(SYS_getresgid, &real, &effective, &saved) && real != effective))
		return EXEC_TARGET_TWO_USERS;
	return EXEC_TARGET_OK;
}

uint32_t exec_target(int dirfd, const char *path, bool fixed)
{
	uint8_t head[HEAD_LEN];
	char interpreter[256];

	for (int depth = 0; depth < INTERPRETER_DEPTH; depth++) {
		struct stat st;
		uint32_t reason;
		long fd, n, i, j;

		if (path[0])
			fd = dj_raw(SYS_openat, dirfd, path, O_RDONLY | O_CLOEXEC, 0);
		else
			fd = dj_raw(SYS_fcntl, dirfd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return EXEC_TARGET_OK;
		n = -1;
		reason = EXEC_TARGET_OK;
		if (!dj_raw(SYS_fstat, fd, &st) && S_ISREG(st.st_mode)) {
			n = dj_raw(SYS_pread64, fd, head, sizeof(head) - 1, 0);
			if (n > 4 && begins((const char *)head, "\177ELF")) {
				reason = privilege_reason(fd, &st, fixed);
				if (!reason)
					reason = identity_reason();
				if (!reason)
					reason = elf_reason(fd, head, n);
			}
		}
		dj_raw(SYS_close, fd);
		if (n < 3 || head[0] != '#' || head[1] != '!')
			return reason;
		for (i = 2; i < n && (head[i] == ' ' || head[i] == '\t'); i++)
			;
		for (j = 0; i < n && j < 255 && head[i] > ' '; i++, j++)
			interpreter[j] = (char)head[i];
		interpreter[j] = 0;
		if (!j)
			return EXEC_TARGET_OK;
		path = interpreter;
		dirfd = AT_FDCWD;
	}
	return EXEC_TARGET_OK;
}
