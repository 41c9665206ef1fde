/*
 * What a call writes where its row cannot say: behind a pointer in its argument, or in an array behind the
 * structure that this is. The recorder asks after the call what to take, the replayer before it is served
 * what a recording may write. Any context.
 */
#include <sys/syscall.h>
#include <sys/ptrace.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <sched.h>
#include "beside.h"

enum { REGISTERS_MAX = 1 << 16 };

static struct memory_room ioctl_beside(unsigned long request, unsigned long arg, bool after)
{
	struct memory_room room = {arg, 0};
	struct file_dedupe_range ranges;
	struct fiemap map;
	struct {
		int32_t len;
		uint64_t buf;
	} conf; /* struct ifconf */
	uint32_t count;

	switch (request) {
	case SIOCGIFCONF:
		if (dj_read_user(&conf, (const void *)arg, sizeof(conf)) && conf.buf && conf.len > 0)
			room = (struct memory_room){conf.buf, (uint32_t)conf.len};
		break;
	case FS_IOC_FIEMAP:
		if (!dj_read_user(&map, (const void *)arg, sizeof(map)))
			break;
		count = after && map.fm_mapped_extents < map.fm_extent_count ? map.fm_mapped_extents : map.fm_extent_count;
		room.len = sizeof(map) + count * sizeof(*map.fm_extents);
		break;
	case FIDEDUPERANGE:
		if (dj_read_user(&ranges, (const void *)arg, sizeof(ranges)))
			room.len = sizeof(ranges) + ranges.dest_count * sizeof(*ranges.info);
		break;
	}
	return room;
}

bool ioctl_is_untold(const unsigned long args[6])
{
	int known;

	return tf_arg_resolve(tf_call_by_nr(SYS_ioctl), 2, args, &known).kind != TF_MEM && !known;
}

bool file_write_of(long nr, const unsigned long args[6], struct file_write *w)
{
	w->vector = nr == SYS_writev || nr == SYS_pwritev || nr == SYS_pwritev2;
	w->placed = nr == SYS_pwrite64 || nr == SYS_pwritev || (nr == SYS_pwritev2 && args[3] != -1ul);
	return w->vector || nr == SYS_write || nr == SYS_pwrite64;
}

struct memory_room memory_beside(long nr, const unsigned long args[6], bool after)
{
	struct memory_room room = {0, 0};
	struct k_iovec registers;

	if (nr == SYS_ioctl) {
		room = ioctl_beside(args[1], args[2], after);
		if (!after && ioctl_is_untold(args))
			room.len = IOCTL_UNTOLD_MAX;
	} else if (nr == SYS_clone && (args[0] & CLONE_PIDFD)) {
		room = (struct memory_room){args[2], sizeof(int32_t)};
	} else if (nr == SYS_ptrace && args[0] == PTRACE_GETREGSET &&
		   dj_read_user(&registers, (const void *)args[3], sizeof(registers))) {
		room.addr = (uint64_t)registers.base;
		room.len = registers.len < REGISTERS_MAX ? registers.len : REGISTERS_MAX;
	}
	return room;
}
