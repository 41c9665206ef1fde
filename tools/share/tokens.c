/*
 * RECORDING/redacted: a line for each token, its bytes in hexadecimal digits and the rule it came
 * from. Tokens look like secrets, that is their point; by this list a scan tells them apart.
 * They tell nothing of the secrets.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/share/share.h"
#include "tools/cmd.h"

struct token {
	uint8_t *bytes;
	size_t len;
};

struct tokens {
	struct token *token;
	size_t count;
};

static int digit(int c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct tokens *tokens_open(const char *recording)
{
	struct tokens *t = calloc(1, sizeof(*t));
	char path[PATH_MAX], *line = NULL;
	size_t cap = 0, line_cap = 0;
	FILE *in;

	if (!t)
		return NULL;
	snprintf(path, sizeof(path), "%s/redacted", recording);
	in = fopen(path, "re");
	while (in && getline(&line, &line_cap, in) > 0) {
		size_t len = strspn(line, "0123456789abcdef") / 2;
		struct token *x;

		if (!len)
			continue;
		if (t->count == cap) {
			void *grown = realloc(t->token, (cap = cap ? 2 * cap : 64) * sizeof(*t->token));

			if (!grown)
				break;
			t->token = grown;
		}
		x = &t->token[t->count];
		x->bytes = malloc(len);
		if (!x->bytes)
			break;
		x->len = len;
		for (size_t i = 0; i < len; i++)
			x->bytes[i] = (uint8_t)(digit(line[2 * i]) * 16 + digit(line[2 * i + 1]));
		t->count++;
	}
	free(line);
	if (in)
		fclose(in);
	return t;
}

void tokens_free(struct tokens *t)
{
	for (size_t i = 0; t && i < t->count; i++)
		free(t->token[i].bytes);
	if (t)
		free(t->token);
	free(t);
}

bool tokens_cover(const struct tokens *t, const uint8_t *text, size_t text_len, size_t start,
		  size_t len)
{
	for (size_t i = 0; t && i < t->count; i++) {
		const struct token *x = &t->token[i];
		size_t from = start > x->len ? start - x->len + 1 : 0, to = start + len;
		const uint8_t *at;

		if (to + x->len - 1 < text_len)
			to += x->len - 1;
		else
			to = text_len;
		at = memmem(text + from, to - from, x->bytes, x->len);
		if (at) {
			size_t a = (size_t)(at - text), b = a + x->len;
			size_t low = a > start ? a : start, high = b < start + len ? b : start + len;

			if (high > low && 2 * (high - low) >= len)
				return true;
		}
	}
	return false;
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
		if (s->secret[i].kept)
			continue;
		for (size_t k = 0; k < s->secret[i].len; k++)
			fprintf(out, "%02x", s->secret[i].token[k]);
		fprintf(out, " %s\n", s->secret[i].rule);
	}
	if (fclose(out) == 0)
		return true;
	cmd_error("%s: %s", path, strerror(errno));
	return false;
}
