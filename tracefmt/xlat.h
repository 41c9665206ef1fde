/*
 * What the `xlat` of an argument may be: a set of names for its values (names.def), a
 * sub-table by request (ioctl.def ...), or the layout of its memory (layouts.c).
 *
 * Numbers are not stored in recordings and may change. Compiled into the recorded
 * process, like calls.h.
 */
#ifndef DEJA_TRACEFMT_XLAT_H
#define DEJA_TRACEFMT_XLAT_H

/* As MEM(..., 0) and FLAGS(..., NAME) write them: TF_X_0, TF_X_NAME. */
enum tf_xlat {
	TF_X_0 = 0, /* nothing is known: integers in decimal, memory as text */

	/* Sub-tables; as names they are the requests'. */
	TF_X_IOCTL,
	TF_X_FCNTL,
	TF_X_PRCTL,
	TF_X_ARCH_PRCTL,
	TF_X_FUTEX,
	TF_X_PTRACE,
	TF_X_SHMCTL,
	TF_X_SEMCTL,
	TF_X_MSGCTL,
	TF_X_FSCONFIG,
	TF_X_SUB_END,

	/* Rules by request that need no table: open's mode and mq_open's attr count
	 * with O_CREAT only, mremap's new address with MREMAP_FIXED or _DONTUNMAP. OPEN
	 * and MREMAP are names too. */
	TF_X_OPEN,
	TF_X_MQ_OPEN,
	TF_X_MREMAP,

	/* Names. HEX: none, hexadecimal. */
	TF_X_HEX,
	TF_X_ACCESS,
	TF_X_AF,
	TF_X_AT,
	TF_X_CLOCK,
	TF_X_CLONE,
	TF_X_CLOSE_RANGE,
	TF_X_EACCESS,
	TF_X_EFD,
	TF_X_EPOLL,
	TF_X_EPOLL_CTL,
	TF_X_FADV,
	TF_X_FALLOC,
	TF_X_FD,
	TF_X_FLOCK,
	TF_X_GRND,
	TF_X_IDTYPE,
	TF_X_IN,
	TF_X_IPC,
	TF_X_ITIMER,
	TF_X_MADV,
	TF_X_MAP,
	TF_X_MCL,
	TF_X_MEMBARRIER,
	TF_X_MFD,
	TF_X_MOUNT,
	TF_X_MSG,
	TF_X_MSYNC,
	TF_X_OPEN_FLAGS,
	TF_X_PRIO,
	TF_X_PROT,
	TF_X_RENAME,
	TF_X_RLIMIT,
	TF_X_RUSAGE_WHO,
	TF_X_RWF,
	TF_X_SCHED,
	TF_X_SEAL,
	TF_X_SECCOMP,
	TF_X_SEEK,
	TF_X_SFD,
	TF_X_SHMAT,
	TF_X_SHUT,
	TF_X_SIGHOW,
	TF_X_SOCK,
	TF_X_SOCK_FLAGS,
	TF_X_SOL,
	TF_X_SPLICE,
	TF_X_STATX_MASK,
	TF_X_TFD,
	TF_X_TFD_TIMER,
	TF_X_TIMER,
	TF_X_UMOUNT,
	TF_X_UNLINKAT,
	TF_X_WAIT,
	TF_X_XATTR,
	/* Names that only the printer asks for. */
	TF_X_POLL,
	TF_X_EPOLL_EVENTS,
	TF_X_SA,
	TF_X_S_IFMT,
	TF_X_SO,
	TF_X_TCP,
	TF_X_IP,
	TF_X_IPV6,
	TF_X_ERRNO,
	TF_X_SIGNAL,
	TF_X_SI_CODE,
	TF_X_CLD,
	TF_X_SEGV,
	TF_X_FPE,
	TF_X_LOCK,

	/* Layouts of memory. */
	TF_X_CLONE_ARGS,
	TF_X_DENTS,
	TF_X_EPOLL_EVENT,
	TF_X_FDSET,
	TF_X_FLOCK_STRUCT,
	TF_X_IFREQ,
	TF_X_INT32, /* an array of them, one is common */
	TF_X_INT64,
	TF_X_OPEN_HOW,
	TF_X_PATH, /* a string that names a file */
	TF_X_POLLFD,
	TF_X_RLIMIT64,
	TF_X_RUSAGE,
	TF_X_SIGACTION,
	TF_X_SIGINFO,
	TF_X_SIGSET,
	TF_X_SOCKADDR,
	TF_X_STACK,
	TF_X_STAT,
	TF_X_STATFS,
	TF_X_STATX,
	TF_X_SYSINFO,
	TF_X_TERMIOS,
	TF_X_TEXT, /* to the first NUL */
	TF_X_TIMESPEC, /* one or two */
	TF_X_TIMEVAL,  /* one or two */
	TF_X_TIMEX,
	TF_X_UTSNAME,
	TF_X_WINSIZE,
	TF_X_WSTATUS,
	TF_X_COUNT
};

#endif
