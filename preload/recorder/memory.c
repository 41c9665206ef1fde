/*
 * The recorder: mappings. Anonymous memory is the process's own; a mapped file is stored
 * by the supervisor, and the FILE event before the call names it.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <errno.h>
#include "record.h"

static void emit_file(struct slot *slot, uint32_t file, uint32_t shadow, unsigned oracles,
		      uint64_t at, const unsigned long args[6])
{
	uint8_t buf[32], *p = buf;

	p = tf_put_array(p, oracles ? 4 : shadow ? 3 : 2);
	p = tf_put_uint(p, TF_EV_FILE);
	p = tf_put_uint(p, file);
	if (shadow || oracles)
		p = tf_put_uint(p, shadow);
	if (oracles)
		p = tf_put_array(p, 2 * oracles);
	ring_put(slot, buf, (size_t)(p - buf));
	if (oracles)
		record_oracles_put(slot, file, at, args[1], args[5]);
}

/* Who opens whatever /proc/self/maps names (a profiler, for symbols) comes upon the recorder's own memory, which
 * changes with every event and would be stored whole. To it that is a file that cannot be mapped. */
static bool is_arena(const struct stat *st)
{
	return st->st_ino == RT->session->arena_ino && st->st_dev == RT->session->arena_dev;
}

long record_mmap(struct thread *t, struct pregs *p, const unsigned long args[6])
{
	const struct tf_call *call = tf_call_by_nr(SYS_mmap);
	uint32_t file = 0, shadow = 0;
	struct stat st = {0};
	bool known, code;
	int64_t t0;
	long ret;

	/* it may ask until others have freed theirs, for which they need turns */
	if (t->no_memory)
		record_share_at(t, t->slice_start_ns + SLICE_NS);
	t0 = dj_now();
	known = !(args[3] & MAP_ANONYMOUS) && !dj_raw(SYS_fstat, (int)args[4], &st);
	if (known && is_arena(&st)) {
		record_emit_call(t, call, args, -ENODEV, t0, dj_now(), NULL);
		return -ENODEV;
	}
	ret = dj_raw(SYS_mmap, args[0], args[1], args[2], args[3], args[4], args[5]);
	t->no_memory = ret == -ENOMEM;
	if ((args[3] & MAP_TYPE) != MAP_PRIVATE && !DJ_IS_ERR(ret)) {
		RT->maps_shared = 1; /* with children, if not yet with others */
		record_shared_range((uint64_t)ret, args[1]);
	}
	if (!DJ_IS_ERR(ret) && (args[2] & PROT_EXEC))
		reach_code((uint64_t)ret, args[1]);
	if (!DJ_IS_ERR(ret) && known) {
		if (S_ISREG(st.st_mode)) {
			shadow = record_shadow_map(t, (int)args[4], (args[3] & MAP_TYPE) != MAP_PRIVATE, &file);
			if (!file)
				record_note(t->slot, "a mapped file could not be stored: its replay will diverge");
		} else if (S_ISCHR(st.st_mode) && st.st_rdev == 0x105) {
			; /* /dev/zero: anonymous */
		} else {
			record_note(t->slot, "a device is mapped: what it writes to memory is not recorded");
		}
	}
	code = file && (args[2] & PROT_EXEC) && (args[3] & MAP_TYPE) == MAP_PRIVATE;
	if (code)
		record_oracles(file, (uint64_t)ret, args[1], args[5], args[2] & PROT_WRITE);
	record_thread_switch(t);
	if (file)
		emit_file(t->slot, file, shadow,
			  code ? record_oracles_count(file, (uint64_t)ret, args[1], args[5]) : 0,
			  (uint64_t)ret, args);
	record_emit_call(t, call, args, ret, t0, dj_now(), NULL);
	record_oracles_tell(t->slot);
	return ret;
}
