/*
 * The supervisor of a recording: drains the rings, compresses, stores mapped files, and
 * notices when processes end. Runs in the `deja record` process, never in the program's.
 */
#ifndef DEJA_TOOLS_SUPERVISOR_H
#define DEJA_TOOLS_SUPERVISOR_H

#include <sys/types.h>
#include "tools/session.h"
#include "tools/store.h"
#include "tracefmt/deja.h"

struct supervisor;

/* header: the caller's, filled as far as known; it is completed at the end. */
struct supervisor *supervisor_open(struct live_session *s, const char *rec_dir,
				   struct store *store, struct deja_header *header);
/* Until every process of the tree has ended; quiet: without a word about how long that may
 * take. *status: the command's wait status. */
void supervisor_run(struct supervisor *sv, pid_t root, bool quiet, int *status);
/* Writes header and file index; frees. False after printing why they could not be. */
bool supervisor_close(struct supervisor *sv, int64_t duration_ns);

#endif
