/*
 * Bundles: a recording as one file, to send to somebody. A bundle is a tar in zstd; its first
 * member, MANIFEST, names every other one with size, mode and SHA-256 (FORMAT.md 10).
 *
 * A program of its own (deja-bundle), so that no other command carries libarchive. Called by
 * `deja pack`, `deja unpack` and by whatever is given a bundle for a recording.
 */
#ifndef DEJA_BUNDLE_H
#define DEJA_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	BUNDLE_VERSION = 1,
	BUNDLE_HASH_LEN = 32,	       /* bytes of a SHA-256 */
	BUNDLE_NAME_MAX_LEN = 512,     /* of a member */
	BUNDLE_MEMBER_MAX = 200000,
	BUNDLE_MANIFEST_MAX_LEN = 64 << 20,
	BUNDLE_BUFFER_LEN = 1 << 20,
};

#define BUNDLE_MANIFEST "MANIFEST"

/* --- manifest.c --- */

struct member {
	char *name;	  /* relative, within the recording */
	char *text;	  /* its content when it comes from no file, else NULL */
	uint64_t size;	  /* bytes */
	unsigned mode;	  /* permission bits */
	uint8_t hash[BUNDLE_HASH_LEN];
	bool taken;	  /* unpacking has met it */
};

struct manifest {
	struct member *member;
	size_t count, room;
	struct member **sorted; /* by name, after manifest_parse */
	uint64_t total; /* bytes of all members */
};

/* Appends a member (name is copied, text taken over). NULL when memory is out. */
struct member *manifest_add(struct manifest *m, const char *name, char *text);
/* A member of this name, or NULL; by search in what manifest_parse has read. */
struct member *manifest_find(const struct manifest *m, const char *name);
void manifest_free(struct manifest *m);
/* The manifest as text, malloc'd. */
char *manifest_text(const struct manifest *m, size_t *len);
/* Reads such a text. False with one line in why (of why_len bytes). */
bool manifest_parse(struct manifest *m, const char *text, size_t len, char *why,
		    size_t why_len);
/* Whether a member may have this name: relative, plain characters, nothing hidden, no
 * "..". */
bool manifest_name_ok(const char *name);
/* Hash as text; buf of 65 bytes. */
const char *hash_text(const uint8_t *hash, char *buf);

/* --- parts.c: the bundle's file or files --- */

struct parts_writer;
/* Parts of at most part_len bytes, 0: one file. Nothing appears under the final name (or
 * names, PATH.001 ...) before parts_commit. NULL after printing why not. */
struct parts_writer *parts_create(const char *path, uint64_t part_len);
/* False after printing why not. */
bool parts_write(struct parts_writer *w, const void *bytes, size_t len);
/* Gives the files their names. False after printing why not. *count: how many. */
bool parts_commit(struct parts_writer *w, unsigned *count);
/* Frees; what was not committed is gone. */
void parts_close(struct parts_writer *w);

struct parts_reader;
/* A bundle, or its first part (PATH.001). NULL after printing why not. */
struct parts_reader *parts_open(const char *path);
/* The next bytes; 0 at the end, -1 with errno. */
long parts_read(struct parts_reader *r, void *buf, size_t len);
uint64_t parts_len(const struct parts_reader *r); /* bytes, all parts */
uint64_t parts_done(const struct parts_reader *r); /* bytes read so far */
unsigned parts_count(const struct parts_reader *r);
void parts_reader_close(struct parts_reader *r);

/* --- sink.c: writing and hashing beside decompressing --- */

struct sink;
/* NULL when memory is out. */
struct sink *sink_open(void);
/* A member begins, which goes to fd (the caller's). */
void sink_begin(struct sink *s, int fd);
/* A buffer of BUNDLE_BUFFER_LEN bytes to fill; waits until there is one. */
uint8_t *sink_buffer(struct sink *s);
/* Its first len bytes are the member's next. */
void sink_put(struct sink *s, size_t len);
/* Until all is written. 0, or the error number of what could not be; *hash: of all bytes. */
int sink_end(struct sink *s, uint8_t *hash);
void sink_close(struct sink *s);

/* --- progress.c --- */

/* A bar on stderr when that is a terminal; silent otherwise. */
void progress(const char *what, uint64_t done, uint64_t total);
/* Removes the bar. */
void progress_end(void);

/* --- the commands --- */

/* Packs the recording directory. note: a file's name or a text, NULL for none. Returns the
 * exit status. */
int bundle_pack(const char *recording, const char *out, const char *note, uint64_t part_len);
/* Unpacks into the new or empty directory `out`, all or nothing. */
int bundle_unpack(const char *path, const char *out, bool quiet, uint64_t total_max);
/* Unpacks into the cache of the user unless it is there already; prints the directory on
 * stdout. */
int bundle_cache(const char *path);

#endif
