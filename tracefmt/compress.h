/*
 * What compresses the frames of all writers of this process (stream.h). A frame is whole when it
 * comes here and is done with when the call returns, so one context and one buffer serve them all,
 * however many there are. One thread at a time.
 */
#ifndef DEJA_TRACEFMT_COMPRESS_H
#define DEJA_TRACEFMT_COMPRESS_H

#include <stddef.h>
#include <stdint.h>
#include "deja.h"

/* Gets a frame's bytes in order, which are the receiver's own until it returns. 0, or -1 with its
 * own account of why. */
typedef int tf_compressed(void *arg, uint8_t *bytes, size_t len);
/* One zstd frame with its length and a checksum. level: zstd's, at most TF_LEVEL_MAX. 0, or -1: with
 * *err, unless it was the receiver that failed. */
enum { TF_LEVEL_MAX = 3 };
int tf_compress(int level, const uint8_t *bytes, size_t len, tf_compressed *receiver, void *arg,
		struct deja_error *err);
/* Makes all the memory for that exist. */
void tf_compress_settle(void);

#endif
