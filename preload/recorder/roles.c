/*
 * The recorder: roles of descriptors. Which are the recording's own standard output and error, and which
 * files of /proc with a view of their own (view.c).
 */
#include <sys/syscall.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "record.h"

void role_set(struct thread *t, long fd, uint8_t role)
{
	if (fd >= 0 && fd < FD_ROLE_COUNT)
		t->roles[fd] = role;
}

void roles_follow(struct thread *t, long nr, const unsigned long a[6], long ret)
{
	switch (nr) {
	case SYS_close:
		role_set(t, (int)a[0], TF_ROLE_NONE);
		break;
	case SYS_dup:
		role_set(t, ret, role_of(t, (unsigned)a[0]));
		break;
	case SYS_dup2:
	case SYS_dup3:
		role_set(t, ret, role_of(t, (unsigned)a[0]));
		break;
	case SYS_fcntl:
		if ((int)a[1] == F_DUPFD || (int)a[1] == F_DUPFD_CLOEXEC)
			role_set(t, ret, role_of(t, (unsigned)a[0]));
		break;
	case SYS_close_range:
		if (!(a[2] & 4)) /* CLOSE_RANGE_CLOEXEC */
			for (unsigned long fd = (unsigned)a[0];
			     fd <= (unsigned)a[1] && fd < FD_ROLE_COUNT; fd++)
				t->roles[fd] = TF_ROLE_NONE;
		break;
	}
}

uint8_t role_opened(struct thread *t, const struct tf_call *call,
			   const unsigned long args[6], long fd)
{
	const struct session *s = RT->session;
	uint64_t flags = record_open_flags(call->nr, args);
	struct stat st;
	uint8_t shown = view_role((const char *)args[call->nr == SYS_openat || call->nr == SYS_openat2], fd);

	if (shown)
		return shown == ROLE_MEMORY && !(flags & O_ACCMODE) ? TF_ROLE_NONE : shown;
	if (!(flags & O_ACCMODE) || !(s->output[0].ino | s->output[1].ino) ||
	    dj_raw(SYS_fstat, fd, &st) < 0)
		return TF_ROLE_NONE;
	for (unsigned i = 0; i < 2; i++)
		if (s->output[i].ino == st.st_ino && s->output[i].dev == st.st_dev) {
			uint8_t role = (uint8_t)(TF_ROLE_STDOUT + i);

			if (!S_ISREG(st.st_mode))
				return role;
			if (!(flags & O_APPEND)) {
				record_note(t->slot, "it opened the file that is its output by a "
						     "name: what it writes there a replay does "
						     "not print");
				return TF_ROLE_NONE;
			}
			if (!s->output[i].appends)
				record_note(t->slot, "it opened the file that is its output by a "
						     "name, to append: where its output "
						     "overwrites that, a replay prints both");
			return role;
		}
	return TF_ROLE_NONE;
}
