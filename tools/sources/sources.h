/*
 * Sources and separate debug information of a recorded program: found by what DWARF names, kept
 * in the recording by content (FORMAT.md 5).
 *
 * A program of its own (deja-sources), so that no other command carries libdw. Called by `deja
 * sources` and, at its end, by `deja record --sources`. The recorded programs are not trusted:
 * libdw reads them, and what they name is read only where it is a text.
 */
#ifndef DEJA_SOURCES_H
#define DEJA_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tracefmt/deja.h"

enum source_state {
	SOURCE_STORED,	/* in the recording */
	SOURCE_FOUND,	/* here, not in the recording */
	SOURCE_MISSING,
};

struct source {
	char *path;  /* as the debug information has it; absolute, may hold ".." */
	char *where; /* the file that is it; NULL when it is missing */
	enum source_state state;
	int64_t program_mtime_ns; /* of the first program that names it */
	bool newer; /* changed after that program was made */
};

struct program {
	const struct deja_file *file; /* stored, an ELF file */
	char build_id[129];	      /* or empty */
	bool within;	/* its debug information is in it */
	char *debug;	/* the file that has it instead, or NULL */
	char *debug_alt; /* the one that this shares parts with (dwz), or NULL */
	bool debug_stored;
};

/* What is kept in REC/sources or REC/debug. */
struct kept {
	char dir[4096];
	struct msgpack_zone *zone;
	struct deja_file *files;
	size_t count, room;
	bool changed;
};

struct sources {
	const char *rec_path;
	deja_recording *rec;
	struct program *programs;
	size_t program_count;
	struct source *sources; /* sorted by path, each once */
	size_t source_count, source_room;
	struct kept kept_sources, kept_debug;
};

/* --- debuginfo.c --- */

/* Lists programs and what they name. False when memory is out. */
bool debuginfo_read(struct sources *s);

/* --- find.c --- */

/* Sets state and place of every source: in the recording, under its name, or below dir (NULL:
 * none) by as many of the last parts of its name as there are. */
void find_sources(struct sources *s, const char *dir);

/* --- keep.c --- */

/* Opens REC/NAME, which need not be there; kept until the process ends. False after printing why
 * it cannot be read. */
bool keep_open(struct kept *k, const char *rec_path, const char *name);
/* The entry of that path, or NULL. */
const struct deja_file *keep_find(const struct kept *k, const char *path);
/* The content's place; buf of PATH_MAX. */
const char *keep_place(const struct kept *k, const struct deja_file *f, char *buf);
/* Stores the file under that path, in place of what was there. False after printing why not. */
bool keep_add(struct kept *k, const char *path, const char *from);
/* Writes the index if something was added. False after printing why not. */
bool keep_commit(struct kept *k);

#endif
