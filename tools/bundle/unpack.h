/*
 * The steps of unpacking, shared by `deja unpack` (unpack.c) and the cache of bundles that were
 * used directly (cache.c): unpack_begin, unpack_manifest, unpack_all, unpack_end.
 */
#ifndef DEJA_BUNDLE_UNPACK_H
#define DEJA_BUNDLE_UNPACK_H

#include "tools/bundle/bundle.h"

struct archive;

/* Zero it first, but for path, quiet and total_max. */
struct unpacking {
	const char *path;
	struct parts_reader *in;
	struct archive *archive;
	struct manifest manifest;
	uint8_t manifest_hash[BUNDLE_HASH_LEN];
	uint8_t *in_buf;
	struct sink *sink;
	uint64_t total_max; /* bytes it may become; 0: 1 GiB or RATIO_MAX (unpack.c) times its size */
	uint64_t done;
	char name[BUNDLE_NAME_MAX_LEN + 16]; /* of the member that is being read */
	size_t entry_count;
	bool first;
	bool quiet;
	bool said; /* the error has been printed */
};

/* Opens the bundle; its manifest; all members into the new directory `out`, which gets its name
 * at the end, or is gone. False after printing why not. */
bool unpack_begin(struct unpacking *u);
bool unpack_manifest(struct unpacking *u);
bool unpack_all(struct unpacking *u, const char *out);
void unpack_end(struct unpacking *u);
/* Prints it, unless something was said before. False. */
bool unpack_refuse(struct unpacking *u, const char *what);
/* With all that is in it; links are not followed. */
void unpack_remove_tree(int parent, const char *name);

#endif
