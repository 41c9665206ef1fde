/*
 * An IMAGE event as the replayer needs it. Pointers lead into the mapped stream.
 */
#ifndef DEJA_REPLAYER_IMAGE_H
#define DEJA_REPLAYER_IMAGE_H

#include "replay.h"

struct image {
	const uint8_t *exe, *execfn, *auxv, *random, *cwd;
	uint32_t exe_len, execfn_len, auxv_len, random_len, cwd_len;
	struct tf_in argv, envp, maps, objects, reads, directories, oracles; /* at the first element */
	uint32_t argc, envc, map_count, object_count, read_count, directory_count, oracle_count;
	uint64_t sp, brk, stack_limit;
	int32_t pid, tid;
	uint32_t file, trap_tsc;
};

/* False: the event is malformed. */
bool image_decode(const struct event *ev, struct image *img);
/* Executes the image; it will continue in `slot`. Returns only on failure. */
long image_exec(struct thread *t, const struct image *img, const struct slot *slot);

#endif
