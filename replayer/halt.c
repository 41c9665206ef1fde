/*
 * The end of a replay seen by its processes: none outlives the supervisor, none goes on after
 * another diverged. Called wherever a process waits; in the loader as well.
 */
#include <sys/syscall.h>
#include <linux/futex.h>
#include <errno.h>
#include "replay.h"

enum { HALTED_STATUS = 120 }; /* nobody will see it */

void halt_if_over(struct session *s)
{
	struct k_timespec step = {0, 200 * 1000 * 1000};

	do {
		if (dj_raw(SYS_kill, s->supervisor_pid, 0) == -ESRCH)
			for (;;)
				dj_raw(SYS_exit_group, HALTED_STATUS);
		if (s->aborted)
			dj_raw(SYS_futex, &s->aborted, FUTEX_WAIT, 1, &step);
	} while (s->aborted);
}
