/*
 * What lies where in a process at its start: a table, made once (maps.c, or the replay's loader),
 * asked by all who would otherwise read /proc/self/maps.
 */
#ifndef DEJA_MAPPINGS_H
#define DEJA_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	MAPPING_READ = 1, /* as PROT_READ ... */
	MAPPING_WRITE = 2,
	MAPPING_EXEC = 4,
	MAPPING_SHARED = 8,
	MAPPING_MAX = 3072, /* what comes after these is not in the table */
	MAPPINGS_LEN = 256 * 1024,
};

struct mapping {
	uint64_t from, to, offset; /* offset: bytes, in the file */
	uint64_t inode;
	uint32_t flags;		 /* MAPPING_* */
	uint32_t path, path_len; /* in the table's text, with a NUL behind; as /proc/self/maps has it */
	uint32_t file; /* recorder: its id, where its text was looked through */
};

/* The table, by address. */
struct mappings {
	uint32_t count, text_len;
	struct mapping of[MAPPING_MAX];
	char text[MAPPINGS_LEN - 8 - MAPPING_MAX * sizeof(struct mapping)];
};
_Static_assert(sizeof(struct mappings) == MAPPINGS_LEN, "mappings");

/* Appends one; the path that the last one has is not stored again. False: no room. */
static inline bool mappings_add(struct mappings *all, const struct mapping *m, const char *path,
				uint32_t path_len)
{
	struct mapping *last = all->count ? &all->of[all->count - 1] : 0, *new;
	char *to = all->text + all->text_len;
	bool same = last && last->path_len == path_len;

	for (uint32_t i = 0; same && i < path_len; i++)
		same = all->text[last->path + i] == path[i];
	if (all->count == MAPPING_MAX ||
	    (!same && sizeof(all->text) - all->text_len < (uint64_t)path_len + 1))
		return false;
	new = &all->of[all->count++];
	*new = *m;
	new->path_len = path_len;
	if (same) {
		new->path = last->path;
		return true;
	}
	new->path = all->text_len;
	for (uint32_t i = 0; i < path_len; i++)
		to[i] = path[i];
	to[path_len] = 0;
	all->text_len += path_len + 1;
	return true;
}

/* The mapping behind m, the first for NULL; NULL behind the last. */
static inline const struct mapping *mappings_next(const struct mappings *all,
						  const struct mapping *m)
{
	m = m ? m + 1 : all->of;
	return m < all->of + all->count ? m : 0;
}

static inline const char *mapping_path(const struct mappings *all, const struct mapping *m)
{
	return all->text + m->path;
}

/* The runtime's (maps.c): visits the mappings that there are now, of which path and file are not known, until
 * visit returns false. False: they cannot be read. */
bool maps_walk(bool (*visit)(void *arg, const struct mapping *m), void *arg);

#endif
