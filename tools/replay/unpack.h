/*
 * Unpacking the streams of a recording for a replay: frame by frame into files of the
 * session's directory, a few frames ahead of the processes that consume them. The beginning
 * of every stream is unpacked before anything runs, the rest by threads beside the replay.
 */
#ifndef DEJA_TOOLS_UNPACK_H
#define DEJA_TOOLS_UNPACK_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unpacked;
enum { UNPACK_HELPER_MAX = 3 };

/* Zero-initialised by its owner. */
struct unpacker {
	struct unpacked **streams;
	size_t count;
	struct tf_pieces *pieces; /* of the recording */
	const char *rec_path;	  /* NULL: no stream was added yet */
	pthread_mutex_t lock;	  /* of the streams: what is claimed, published, closed */
	pthread_t thread, helper[UNPACK_HELPER_MAX];
	unsigned helper_count;
	bool helpers_tried;
	sem_t wanted; /* there is something for a helper to do */
	bool running;
	volatile bool stop;
	volatile bool failed; /* it has said why; the replay cannot go on */
	volatile bool no_room; /* and that is this machine's fault, not the recording's */
	/* set before the first stream is added: all frames are written to stream files of this
	 * directory, as the processes left them */
	const char *save_dir;
};

/* Opens stream number `stream` of the recording and unpacks its beginning. *len: its bytes,
 * unpacked. *truncated: it ends without a seek table. False after printing why not. */
bool unpack_add(struct unpacker *u, const char *rec_path, const char *session_dir,
		uint32_t stream, uint64_t *len, bool *truncated);
/* The exit status to give when it has failed. */
int unpack_status(const struct unpacker *u);
/* Starts the threads. */
void unpack_start(struct unpacker *u);
/* Ends them and frees everything; what was unpacked stays in the session's directory. */
void unpack_stop(struct unpacker *u);

#endif
