/*
 * The replayer: the instructions that the recorder replaced by traps (preload/oracles.c) are
 * replaced here at the same moments.
 */
#include "replay.h"

void oracles_plant(struct thread *t, struct tf_in in, uint32_t count, uint64_t from, uint64_t to,
		   bool writable)
{
	for (; count >= 2; count -= 2) {
		uint64_t at = (uint64_t)tf_get_int(&in), cover = (uint64_t)tf_get_int(&in);

		/* nothing of ours, whatever the recording says */
		if (in.bad || at < from || at >= to || cover > ORACLE_COVER_MAX || at - DJ_PRIVATE < DJ_STREAM - DJ_PRIVATE ||
		    (at >= RT->text_start && at < RT->text_end) || !oracle_plant(at, (unsigned)cover, writable))
			diverge(t, DIVERGED_UNDECODABLE, -1, NULL,
				"there is no instruction that the recorder replaced here");
	}
}
