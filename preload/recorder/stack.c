/*
 * STACK events: where a call was made from. Called at the beginning of a chosen call, before
 * anything of it is performed.
 */
#include "record.h"

void record_stack(struct thread *t, const struct pregs *p)
{
	struct stack_taken *taken = &RT->stack_taken;
	uint8_t buf[32], *end = buf;
	struct slot *slot = t->slot;

	stack_take(t, p, taken);
	record_thread_switch(t);
	end = tf_put_array(end, 3);
	end = tf_put_uint(end, TF_EV_STACK);
	end = tf_put_bin(end, sizeof(taken->reg));
	ring_put(slot, buf, (size_t)(end - buf));
	ring_put(slot, taken->reg, sizeof(taken->reg));
	end = tf_put_bin(buf, taken->len);
	ring_put(slot, buf, (size_t)(end - buf));
	ring_put(slot, taken->bytes, taken->len);
	ring_commit(slot);
}
