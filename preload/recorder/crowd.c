/*
 * The recorder: calls of a process whose threads crowd for the token. To give it away around
 * every call that might wait costs each of them two context switches then, more than most calls
 * take. So while there is a crowd (somebody else had the token when a call returned, a moment ago),
 * a call that cannot wait is made with the token in hand: on a descriptor that does not block, or
 * with a timeout of nothing first where it would wait for events. Called by record_wait, which
 * gives the token away for all others; and for these too when the thread's slice is over.
 */
#include <sys/syscall.h>
#include <sys/socket.h>
#include <fcntl.h>
#include "record.h"

enum {
	CROWD_NS = 10 * 1000 * 1000, /* how long after the last meeting */
	SHORT_LEN = 64 * 1024,	     /* bytes; to copy more takes longer than to give way */
};

void crowd_meet(void)
{
	RT->crowded_until_ns = dj_now() + CROWD_NS;
}

/* The kernel's own answer at this moment: the flag belongs to the open file, which others may
 * share. */
static bool does_not_block(unsigned long fd)
{
	long flags = dj_raw(SYS_fcntl, fd, F_GETFL);

	return flags >= 0 && (flags & O_NONBLOCK);
}

/* Whether this call, as it is, returns at once. */
static bool returns_at_once(long nr, const unsigned long a[6])
{
	switch (nr) {
	case SYS_recvfrom:
	case SYS_sendto:
		return a[2] <= SHORT_LEN && ((a[3] & MSG_DONTWAIT) || does_not_block(a[0]));
	case SYS_read:
	case SYS_write:
		return a[2] <= SHORT_LEN && does_not_block(a[0]);
	case SYS_recvmsg:
	case SYS_sendmsg:
	case SYS_readv:
	case SYS_writev:
	case SYS_accept:
	case SYS_accept4:
		return does_not_block(a[0]);
	}
	return false;
}

/* The argument that is the timeout in milliseconds of a wait for events; -1: none. */
static int timeout_of(long nr, const unsigned long a[6])
{
	if (nr == SYS_poll)
		return 2;
	if (nr == SYS_epoll_wait || (nr == SYS_epoll_pwait && !a[4]))
		return 3;
	return -1;
}

bool crowd_call(struct thread *t, long nr, const unsigned long args[6], long *ret)
{
	int timeout = timeout_of(nr, args);
	int64_t now = dj_now();
	unsigned long a[6];

	if (now >= RT->crowded_until_ns) {
		RT->crowded_until_ns = 0;
		return false;
	}
	if (RT->sched_waiting && now - t->slice_start_ns >= SLICE_NS)
		return false;
	if (timeout >= 0) {
		dj_copy(a, args, sizeof(a));
		a[timeout] = 0;
		*ret = dj_raw_wait(nr, a);
		return *ret || !args[timeout];
	}
	if (!returns_at_once(nr, args))
		return false;
	*ret = dj_raw_wait(nr, args);
	return true;
}
