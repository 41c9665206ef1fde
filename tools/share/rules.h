/*
 * What a secret looks like: the built-in rules (rules.def) and those of a file, run over
 * text. Part of deja-share.
 */
#ifndef DEJA_SHARE_RULES_H
#define DEJA_SHARE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is wanted beyond the built-in rules. */
struct rules_choice {
	bool email, ip;
	const char *file; /* own rules, a line each: NAME PATTERN; NULL: none */
};

struct rules;

struct match {
	const char *rule; /* its name; the rules' own */
	size_t start, len; /* of the secret, in the text */
};

/* NULL after printing why not. */
struct rules *rules_new(const struct rules_choice *choice);
void rules_free(struct rules *r);

/*
 * The secrets of a text, each range once, by position. Only those whose match begins in
 * [from, to) are given: what is before is context. `begins`: the text's first byte is a
 * line's first. The array is the rules' own until the next call; *count. NULL when there
 * is none.
 */
const struct match *rules_run(struct rules *r, const uint8_t *text, size_t len, size_t from,
			      size_t to, bool begins, size_t *count);

#endif
