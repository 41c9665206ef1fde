/*
 * deja-share: the program behind `deja scan` and the first half of `deja redact`. It alone
 * carries PCRE2.
 */
#ifndef DEJA_SHARE_H
#define DEJA_SHARE_H

#include "tools/share/rules.h"
#include "tools/share/walk.h"

/* --- scan.c --- */

struct scan_options {
	struct rules_choice rules;
	bool json, quiet;
	int first_fd; /* 0: none */
};
/* Prints what it finds. 0: nothing, 1: something; else the exit status of a failure. */
int share_scan(const char *recording, const struct scan_options *options);
/* Whether there is a secret in the text that a file descriptor has, up to 1 MiB: 0 none, 1 some, else the
 * exit status after printing why not. */
int share_scan_text(int fd, const struct rules_choice *choice);
/* Whether the rules can be used: 0, or the exit status after printing why not. */
int share_check_rules(const struct rules_choice *choice);

/* --- secrets.c: values to hide and what stands for them --- */

struct secret {
	uint8_t *value, *token; /* of the same length */
	size_t len;
	const char *rule;
	uint32_t group; /* from 1: forms of one secret (encoded, escaped) share it */
	const char *digest; /* it is this digest of the value; NULL */
	uint64_t found; /* places */
	bool kept;	/* the user's choice: left as it is */
};

struct secrets {
	struct secret *secret;
	size_t count, cap;
	uint32_t group_count;
	uint8_t key[32]; /* of the tokens; random, never stored */
	uint32_t first[1 << 12]; /* by a hash of four bytes: 1 + index of a secret, see next */
	uint32_t *next;
};

/* False after printing why not. */
bool secrets_begin(struct secrets *s);
void secrets_free(struct secrets *s);
/* Adds a value (copied) with the forms in which it may stand elsewhere: base64 at each
 * alignment, percent-encoded, known digests, the parts of user:password in basic authentication. A value that
 * is there already, or too short to be told from other text (under 4 bytes), is not added. */
bool secrets_add(struct secrets *s, const char *rule, const uint8_t *value, size_t len);
/* Sorts for secrets_find. To be called when all are added. */
bool secrets_seal(struct secrets *s);
/* The longest secret that begins at text[at]; NULL: none. */
struct secret *secrets_find(struct secrets *s, const uint8_t *text, size_t len, size_t at);

/* --- tokens.c: the list of a redacted recording's tokens, so that a scan knows them --- */

struct tokens;
/* The tokens of a recording; an empty list when it was never redacted. */
struct tokens *tokens_open(const char *recording);
void tokens_free(struct tokens *t);
/* Whether a token makes up at least half of these bytes of a text. */
bool tokens_cover(const struct tokens *t, const uint8_t *text, size_t text_len, size_t start,
		  size_t len);
/* Writes PATH/redacted. False after printing why not. */
bool tokens_write(const char *recording, const struct secrets *s);

/* --- mark.c --- */

struct mark_options {
	struct rules_choice rules;
	uint32_t keep[64]; /* groups that are left as they are */
	size_t keep_count;
	bool json;   /* an object, which is left open: its maker goes on with it */
	int list_fd; /* the list of what was found goes there; 0: to stdout */
};
/* Writes a copy of the recording into the directory `out` (which exists and is empty) in which
 * tokens stand for secrets, wherever these stand as they are. What the program itself makes
 * of them is left to a replay. 0: nothing was found, 1: something; else a failure's status. */
int share_mark(const char *recording, const char *out, const struct mark_options *options);

#endif
