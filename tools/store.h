/*
 * The content-addressed store of mapped files. Used by the supervisor: every file that
 * a recorded program maps is kept once, so that a replay maps the same bytes.
 *
 * REC/f/HASH holds a recording's files. They are hard links into a store shared by all
 * recordings of a directory where that is possible, so that the second recording of a
 * program neither reads, hashes nor copies its libraries.
 */
#ifndef DEJA_TOOLS_STORE_H
#define DEJA_TOOLS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tools/record/seal.h"
#include "tracefmt/deja.h"

enum { STORE_HASH_LEN = 32 }; /* hex digits of an XXH128 */

struct store;

/* Opens the store of a recording directory, which must exist. shared_dir: the shared
 * store, created if missing; NULL: $DEJA_DIR/.store, or .store in the default
 * directory. A shared store that cannot be used, or is on another file system, is done
 * without. NULL with *err. */
struct store *store_open(const char *recording_dir, const char *shared_dir,
			 struct deja_error *err);
/* From now on files that are text (text_file.h) are stored sealed, REC/f/HASH.sealed, and never
 * taken from nor put into the shared store. `seal` lives as long as the store. */
void store_set_seal(struct store *s, const struct seal *seal);
/*
 * Stores the file open for reading at fd, whose offset is left alone; path is only its
 * name for the index, the file may have been deleted. Returns its id (>= 1), or 0 with
 * *err. A file with the same identity (device, inode, size, mtime, ctime) as one stored
 * before gets the same id without being read, unless it changed so recently that its
 * times could hide another change: it is then read again. Thread-safe.
 */
uint32_t store_add(struct store *s, int fd, const char *path, struct deja_error *err);
/* Stores the vDSO's code, which is the same in every process of this machine. Its id, or 0. */
uint32_t store_add_vdso(struct store *s);
/* What has been stored, by id - 1. The array is valid until the next store_add. */
size_t store_count(struct store *s);
struct deja_file *store_files(struct store *s);
/* The hash that this file's content would be stored under. False: unreadable. */
bool store_hash(const char *path, char hash[STORE_HASH_LEN + 1]);
/* Frees the handle; nothing is removed. NULL is allowed. */
void store_close(struct store *s);

#endif
