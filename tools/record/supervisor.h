/*
 * The supervisor of a recording: drains the rings, compresses, stores mapped files, and
 * notices when processes end. Runs in the `deja record` process, never in the program's.
 */
#ifndef DEJA_TOOLS_SUPERVISOR_H
#define DEJA_TOOLS_SUPERVISOR_H

#include <sys/types.h>
#include "tools/record/sealed.h"
#include "tools/session.h"
#include "tools/store.h"
#include "tracefmt/deja.h"

struct supervisor;

/* Where a recording ends by choice; 0: nowhere. */
struct supervisor_limits {
	uint64_t size;	 /* bytes on disk, stored files included */
	int64_t time_ns; /* since the recording's start */
	const char *size_text, *time_text; /* as the user gave them */
};

/* header: the caller's, filled as far as known; it is completed at the end. sealed: the streams go
 * to its directory; NULL: to rec_dir. */
struct supervisor *supervisor_open(struct live_session *s, const char *rec_dir,
				   struct store *store, struct deja_header *header,
				   const struct supervisor_limits *limits,
				   const struct sealed *sealed);
/* Until every process of the tree has ended, or the recording has to end before; quiet:
 * without a word about how long that may take. */
void supervisor_run(struct supervisor *sv, pid_t root, bool quiet);
/* Writes header and file index. False after printing why they could not be. */
bool supervisor_close(struct supervisor *sv, int64_t duration_ns);
/* The same once more, after the command's end, where supervisor_close could not: there may be room now. */
bool supervisor_write(struct supervisor *sv);
/* Why the recording ended before its processes did; NULL: it did not. */
const char *supervisor_cause(const struct supervisor *sv);
/* After supervisor_close: the command may go on, unrecorded. Passes signals and output on
 * until it ends; returns its wait status. *left: processes may still use the session. */
int supervisor_outlast(struct supervisor *sv, bool *left);

#endif
