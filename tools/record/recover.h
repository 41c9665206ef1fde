/*
 * What is left of a recording whose recorder was killed: frames on disk, and what the processes
 * have written into shared memory since. While a recording is made, two links lead from one to the
 * other: DIR/.session to the session's directory in /dev/shm, `rec` in that to DIR; and
 * DIR/.files notes the stored files that the index may lack.
 */
#ifndef DEJA_TOOLS_RECOVER_H
#define DEJA_TOOLS_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tracefmt/deja.h"

/* By the recorder: both links, and room for the last header and index on a disk that fills
 * (which the next ones written use after recover_use_room); appends one stored file; takes all of
 * that away when the recording is whole, or did not come about. Failing costs no more than what
 * could be recovered. */
void recover_link(const char *rec_dir, const char *session_dir);
void recover_note_file(const char *rec_dir, const struct deja_file *file);
void recover_unlink(const char *rec_dir);
void recover_use_room(const char *rec_dir);

enum recover_outcome {
	RECOVER_DONE,	 /* streams, index and header are whole now */
	RECOVER_NOTHING, /* there was nothing to do */
	RECOVER_BUSY,	 /* its recorder lives */
	RECOVER_FAILED,	 /* err->message says why; what could not be made whole is as it was */
};

struct recover_result {
	uint64_t event_count, memory_event_count; /* of these, found in shared memory */
	size_t process_count, alive_count;	  /* processes that go on unrecorded */
	bool complete;
	char cause[256]; /* why it is not complete */
};

/* Recovers the recording in rec_dir. Processes that still run go on unrecorded. */
enum recover_outcome recover_directory(const char *rec_dir, struct recover_result *result,
				       struct deja_error *err);
/* Whether a recorder holds it, however long ago it wrote something; *known: false where that cannot be
 * told from what is there. */
bool recover_is_live(const char *rec_dir, bool *known);
/* Before a dead session's directory is removed: recovers its recording, if that still waits for
 * it. Silently: the recording tells. False: it still waits, but this failed (a full disk). */
bool recover_orphan(const char *session_dir);

#endif
