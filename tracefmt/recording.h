/*
 * An open recording, as the library's own files see it. Opened and closed in deja.c, the
 * one place where a recording is opened; read by source.c and cursor.c.
 */
#ifndef DEJA_TRACEFMT_RECORDING_H
#define DEJA_TRACEFMT_RECORDING_H

#include <msgpack.h>
#include "deja.h"
#include "seal.h"
#include "stream.h"

struct tf_stream {
	uint32_t number;
	const struct deja_process *process; /* NULL: the header does not know it yet */
};

struct deja_recording {
	char *path;
	msgpack_zone zone;
	struct deja_header header;
	const struct deja_file *files;
	size_t file_count;
	struct tf_stream *streams; /* by number */
	size_t stream_count;
	tf_pieces *pieces; /* of all its readers */
	const struct tf_seal *seal; /* of its streams, whose numbers are the nonces; or NULL */
};

/* The streams are read with this from now on; it lives as long as the recording. */
void tf_recording_set_seal(deja_recording *rec, const struct tf_seal *seal);
/* The stream of this number, or NULL. */
const struct tf_stream *tf_recording_stream(const deja_recording *rec, uint32_t number);

#endif
