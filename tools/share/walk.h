/*
 * Every byte of a recording that somebody could read, as texts: what streams carried, put
 * together across the boundaries of calls; strings of events (paths, arguments, environments);
 * the header, the index of files, annotations; stored files that are text. Every text knows
 * where each of its bytes comes from. Part of deja-share.
 */
#ifndef DEJA_SHARE_WALK_H
#define DEJA_SHARE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tracefmt/deja_look.h"

enum text_kind {
	TEXT_PAYLOAD, /* one direction of an I/O stream */
	TEXT_EVENT,   /* strings of one event */
	TEXT_MEMBER,  /* a file of the recording's own: header, files, annotations */
	TEXT_STORED,  /* a stored file (FORMAT.md 5) */
};

/* Where a run of a text's bytes lies. */
struct piece {
	uint64_t at;  /* in the text, counted from its very beginning */
	uint32_t len; /* bytes */
	uint32_t stream; /* events: process stream and number, and where in the packed event */
	uint64_t number;
	uint64_t raw_at; /* members and stored files: in the file */
	int64_t time_ns;
	int32_t pid;
	bool inbound;
};

struct text {
	enum text_kind kind;
	uint8_t *bytes; /* what is held: a window of the text */
	size_t len, cap;
	uint64_t base;	/* where bytes[0] stands in the text */
	uint64_t done;	/* everything that begins before was given */
	struct piece *piece;
	size_t piece_count, piece_cap;
	char label[512]; /* what it is, for people */
	char peer[128];
	const char *name; /* members: file name; stored files: the hash */
	uint32_t io_id;
	bool inbound;
	/* what it looks like, for what cannot be looked into */
	const char *opaque; /* "gzip", "TLS" ...; NULL */
	uint64_t opaque_len; /* bytes that are */
	uint32_t histogram[256];
	uint32_t counted;
};

struct walk {
	const char *path; /* of the recording: a directory */
	deja_recording *rec;
	/* Look at the bytes of t that stand in [from, to) of t->bytes; before are context,
	 * behind as well. False ends the walk. */
	bool (*look)(struct walk *w, struct text *t, size_t from, size_t to);
	/* Called at a text's end; may be NULL. */
	void (*end)(struct walk *w, struct text *t);
	void *arg;
	uint64_t event_count, text_len; /* totals */
	bool truncated; /* a stream ends early: its events are walked, that is all there is */
	/* private */
	struct text **open;
	size_t open_count, open_cap;
	struct text scratch;
	bool failed;
};

/* Walks all of it. False after printing what failed. */
bool walk_recording(struct walk *w);
/* The piece that holds the byte at `at` (from the text's beginning); NULL: none does. */
const struct piece *text_piece(const struct text *t, uint64_t at);

#endif
