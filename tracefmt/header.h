/*
 * The header and file index of a recording: written by the supervisor, read by libdeja.
 * Tools only. Both are replaced atomically (temporary name in the same directory,
 * fsync, rename), mode 0600.
 */
#ifndef DEJA_TRACEFMT_HEADER_H
#define DEJA_TRACEFMT_HEADER_H

#include "deja.h"

struct msgpack_zone;

/* The format this code writes, and the newest it reads. */
enum { TF_FORMAT = 2, TF_FORMAT_WITHOUT_PIECES = 1 };
/* The cause in the header of a recording that is being made, or whose recorder was killed. */
#define TF_CAUSE_RUNNING "still being recorded"
/* Nothing but this header is there to be read (tools/record/sealed.h). */
#define TF_CAUSE_SEALED                                                                    \
	"recorded with --redact: it can be read when that has ended; if its recorder was killed, " \
	"never"

/* Room on the disk that waits for the next DIR/NAME under this name: used instead of a new file. */
#define TF_ROOM_FMT ".%s.room"

/* Writes DIR/header from *h (every field of FORMAT.md 2); absent strings are written
 * empty, format and page_size when 0 as this build's and this system's. 0 or -1 with
 * *err, the old file is then untouched. */
int tf_header_write(const char *dir, const struct deja_header *h, struct deja_error *err);
/* Writes DIR/files. */
int tf_files_write(const char *dir, const struct deja_file *files, size_t count,
		   struct deja_error *err);

/* Read the same files. What *h and *files point to lives in zone. A missing `files` is an
 * empty index: the recording had not come that far. 0 or -1 with *err. */
int tf_header_read(const char *dir, struct msgpack_zone *zone, struct deja_header *h,
		   struct deja_error *err);
int tf_files_read(const char *dir, struct msgpack_zone *zone,
		  const struct deja_file **files, size_t *count, struct deja_error *err);

/* What an IMAGE event holds (FORMAT.md 4). Arrays belong to the decoded event. */
struct tf_image {
	struct deja_bytes exe, execfn, auxv, random, cwd;
	struct deja_bytes *argv, *envp;
	size_t argc, envc;
	uint64_t sp, brk, stack_limit;
	int32_t pid, ppid, tid;
	uint32_t file;
	bool has_oracles;
	struct tf_image_map {
		uint64_t start, end, offset;
		uint32_t prot, file;
		struct deja_bytes path;
	} *maps;
	size_t map_count;
};

/* Decodes an IMAGE event (raw msgpack). 0 or -1 when it is malformed. Byte pointers point
 * into raw; free the rest with tf_image_free. Unknown keys are skipped. */
int tf_image_decode(const uint8_t *raw, size_t len, struct tf_image *img);
void tf_image_free(struct tf_image *img);

#endif
