/*
 * RECORDING/redacted: a line for each token, the SHA-256 of it and the rule it came from.
 * Tokens look like secrets, that is their point; by this list a scan tells them apart. It
 * tells nothing of the secrets: tokens do not depend on them in any way that can be computed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "share/share.h"
#include "tools/cmd.h"

enum { HASH_LEN = SHA256_DIGEST_SIZE };

struct tokens {
	uint8_t (*hash)[HASH_LEN]; /* sorted */
	size_t count;
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, HASH_LEN);
}

static void hash_of(const uint8_t *value, size_t len, uint8_t *hash)
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, len, value);
	sha256_digest(&sha, HASH_LEN, hash);
}

struct tokens *tokens_open(const char *recording)
{
	struct tokens *t = calloc(1, sizeof(*t));
	char path[PATH_MAX], line[256];
	size_t cap = 0;
	FILE *in;

	if (!t)
		return NULL;
	snprintf(path, sizeof(path), "%s/redacted", recording);
	in = fopen(path, "re");
	while (in && fgets(line, sizeof(line), in)) {
		uint8_t hash[HASH_LEN];
		bool whole = true;

		for (unsigned i = 0; i < HASH_LEN && whole; i++) {
			unsigned byte;

			whole = sscanf(line + 2 * i, "%2x", &byte) == 1;
			hash[i] = (uint8_t)byte;
		}
		if (!whole)
			continue;
		if (t->count == cap) {
			void *grown = realloc(t->hash, (cap = cap ? 2 * cap : 64) * HASH_LEN);

			if (!grown)
				break;
			t->hash = grown;
		}
		memcpy(t->hash[t->count++], hash, HASH_LEN);
	}
	if (in)
		fclose(in);
	if (t->count)
		qsort(t->hash, t->count, HASH_LEN, compare);
	return t;
}

void tokens_free(struct tokens *t)
{
	if (t)
		free(t->hash);
	free(t);
}

bool tokens_has(const struct tokens *t, const uint8_t *value, size_t len)
{
	uint8_t hash[HASH_LEN];

	if (!t || !t->count)
		return false;
	hash_of(value, len, hash);
	return bsearch(hash, t->hash, t->count, HASH_LEN, compare) != NULL;
}

bool tokens_write(const char *recording, const struct secrets *s)
{
	char path[PATH_MAX];
	FILE *out;
	int fd;

	snprintf(path, sizeof(path), "%s/redacted", recording);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	out = fd >= 0 ? fdopen(fd, "a") : NULL;
	if (!out) {
		cmd_error("%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (size_t i = 0; i < s->count; i++) {
		uint8_t hash[HASH_LEN];

		if (s->secret[i].kept)
			continue;
		hash_of(s->secret[i].token, s->secret[i].len, hash);
		for (unsigned k = 0; k < HASH_LEN; k++)
			fprintf(out, "%02x", hash[k]);
		fprintf(out, " %s\n", s->secret[i].rule);
	}
	if (fclose(out) == 0)
		return true;
	cmd_error("%s: %s", path, strerror(errno));
	return false;
}
