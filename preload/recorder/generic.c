/*
 * The recorder: a call is made, then what crossed is appended, as its row of the table says; and the
 * ways in which it is answered or made otherwise, but recorded the same.
 */
#include "record.h"

long record_generic(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	struct record_pre pre;
	unsigned shape = record_shape(call);
	bool needs_pre = shape & SHAPE_PRE;
	bool quick = (shape & SHAPE_SUB ? tf_flags_resolve(call, args) : call->flags) &
		     TF_QUICK;
	int64_t t0 = dj_now(), t1;
	long ret;

	/* before: what was performed is told before anybody else goes on */
	if (quick && record_share_at(t, t0))
		t0 = dj_now();
	if (needs_pre)
		record_pre_take(call, args, &pre);
	if (quick) {
		ret = dj_raw6(call->nr, (long)args[0], (long)args[1], (long)args[2],
			      (long)args[3], (long)args[4], (long)args[5]);
		t1 = t0; /* as short as reading the clock again: not measured */
	} else {
		ret = RT->domains ? record_wait_aside(t, call, args)
				  : record_wait(t, call->nr, args);
		t1 = dj_now();
	}
	record_emit_call(t, call, args, ret, t0, t1, needs_pre ? &pre : NULL);
	return ret;
}

long record_answer(struct thread *t, const struct tf_call *call, const unsigned long args[6], long ret)
{
	int64_t now = dj_now();

	record_emit_call(t, call, args, ret, now, now, NULL);
	return ret;
}

long record_interrupted(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	struct record_pre pre;
	bool needs_pre = record_shape(call) & SHAPE_PRE;
	int64_t now = dj_now();

	if (needs_pre)
		record_pre_take(call, args, &pre);
	record_emit_call(t, call, args, TF_RESTART, now, now, needs_pre ? &pre : NULL);
	return TF_RESTART;
}

long record_forbidden(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	struct record_pre pre;
	bool needs_pre = record_shape(call) & SHAPE_PRE;
	int64_t t0 = dj_now();
	long ret;

	if (needs_pre)
		record_pre_take(call, args, &pre);
	ret = dj_raw_wait(call->nr, args);
	record_emit_call(t, call, args, ret, t0, dj_now(), needs_pre ? &pre : NULL);
	return ret;
}
