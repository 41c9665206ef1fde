/*
 * The recorder: recording of this process stops here, and it is given back as it was (detach.c),
 * because it is about to do what the runtime cannot live with. Called for a seccomp filter
 * (seccomp.c) and for a program that takes %gs, which tells the runtime its thread.
 */
#include <sys/syscall.h>
#include <errno.h>
#include "record.h"
#include "preload/detach.h"

static void stop_recording(struct thread *t, const char *reason)
{
	uint8_t buf[64], *p = buf;
	size_t len = dj_strlen(reason);

	record_thread_switch(t);
	p = tf_put_array(p, 3);
	p = tf_put_uint(p, TF_EV_END);
	p = tf_put_uint(p, (uint64_t)record_dt(t->slot, dj_now()));
	p = tf_put_str(p, (uint32_t)len);
	ring_put(t->slot, buf, (size_t)(p - buf));
	ring_put(t->slot, reason, len);
	ring_commit(t->slot);
	ring_kick(t->slot);
}

void record_give_back(struct thread *t, const char *reason)
{
	stop_recording(t, reason);
	RT->passthrough = 1;
	__atomic_store_n(&t->slot->passthrough, 1, __ATOMIC_SEQ_CST);
	sched_open();
	detach(t);
}

long record_set_gs(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	int64_t now = dj_now();

	/* the others could not go on; a sandbox forbids the way back */
	if (RT->thread_count > 1 || !RT->dispatch || RT->sandboxed) {
		if (!RT->passthrough)
			record_emit_call(t, call, args, -EPERM, now, now, NULL);
		return -EPERM;
	}
	if (RT->passthrough)
		detach(t);
	else
		record_give_back(t, "it takes the register %gs, which is the recorder's");
	return dj_raw(SYS_arch_prctl, args[0], args[1]);
}

long record_get_gs(const unsigned long args[6])
{
	uint64_t none = 0;

	return dj_write_user((void *)args[1], &none, sizeof(none)) ? 0 : -EFAULT;
}
