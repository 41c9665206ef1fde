/*
 * Checksums over secrets. Those over a value alone are forms of it, and are replaced by the same
 * over its token: where one came in, what the program computes of the token still matches. Those over
 * more (a header about a body) are others' work and stay: they are named.
 */
#include <inttypes.h>
#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "tools/share/digests.h"

unsigned digest_of(unsigned which, const uint8_t *bytes, size_t len, uint8_t *out, const char **name)
{
	union {
		struct md5_ctx md5;
		struct sha1_ctx sha1;
		struct sha256_ctx sha256;
		struct sha512_ctx sha512;
	} c;

	switch (which) {
	case 0:
		*name = "MD5";
		md5_init(&c.md5);
		md5_update(&c.md5, len, bytes);
		md5_digest(&c.md5, MD5_DIGEST_SIZE, out);
		return MD5_DIGEST_SIZE;
	case 1:
		*name = "SHA-1";
		sha1_init(&c.sha1);
		sha1_update(&c.sha1, len, bytes);
		sha1_digest(&c.sha1, SHA1_DIGEST_SIZE, out);
		return SHA1_DIGEST_SIZE;
	case 2:
		*name = "SHA-256";
		sha256_init(&c.sha256);
		sha256_update(&c.sha256, len, bytes);
		sha256_digest(&c.sha256, SHA256_DIGEST_SIZE, out);
		return SHA256_DIGEST_SIZE;
	case 3:
		*name = "SHA-512";
		sha512_init(&c.sha512);
		sha512_update(&c.sha512, len, bytes);
		sha512_digest(&c.sha512, SHA512_DIGEST_SIZE, out);
		return SHA512_DIGEST_SIZE;
	}
	return 0;
}

/* --- headers that carry a checksum of what follows --- */

static const char *const headers[] = {"content-md5", "digest", "content-digest", "repr-digest", "etag",
				      "x-hub-signature", "x-hub-signature-256", "x-amz-content-sha256",
				      "x-goog-hash"};

struct seen {
	const char *header;
	char label[160];
	uint32_t io_id;
	bool inbound, replaced; /* a secret was, in that direction of that stream */
	uint64_t count;
};

struct checksums {
	struct seen seen[256];
	size_t count;
};

struct checksums *checksums_new(void)
{
	return calloc(1, sizeof(struct checksums));
}

static void count_header(struct checksums *c, const struct text *t, const char *header)
{
	for (size_t i = 0; i < c->count; i++) {
		struct seen *s = &c->seen[i];

		if (s->header == header && s->io_id == t->io_id && s->inbound == t->inbound) {
			s->count++;
			return;
		}
	}
	if (c->count == sizeof(c->seen) / sizeof(c->seen[0]))
		return;
	c->seen[c->count] = (struct seen){.header = header, .io_id = t->io_id, .inbound = t->inbound, .count = 1};
	snprintf(c->seen[c->count].label, sizeof(c->seen[0].label), "%.150s", t->label);
	c->count++;
}

void checksums_look(struct checksums *c, const struct text *t, size_t from, size_t to)
{
	if (t->kind != TEXT_PAYLOAD)
		return;
	for (size_t at = from; at < to; at++) {
		const uint8_t *end;
		size_t len;

		if ((at || t->base) && (!at || t->bytes[at - 1] != '\n'))
			continue;
		len = t->len - at < 32 ? t->len - at : 32;
		end = memchr(t->bytes + at, ':', len);
		for (size_t i = 0; end && i < sizeof(headers) / sizeof(headers[0]); i++)
			if ((size_t)(end - t->bytes) - at == strlen(headers[i]) &&
			    !strncasecmp((const char *)t->bytes + at, headers[i], strlen(headers[i])))
				count_header(c, t, headers[i]);
	}
}

void checksums_replaced(struct checksums *c, uint32_t io_id, bool inbound)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->seen[i].io_id == io_id && c->seen[i].inbound == inbound)
			c->seen[i].replaced = true;
}

void checksums_print(const struct checksums *c, FILE *out)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct seen *s = &c->seen[i];

		if (s->replaced && s->inbound)
			fprintf(out, "  stays as it came: %" PRIu64 " header%s %s, io %u in, %s\n", s->count,
				s->count == 1 ? "" : "s", s->header, s->io_id, s->label);
	}
}

void checksums_print_json(const struct checksums *c, struct json *j)
{
	json_open(j, "checksums", '[');
	for (size_t i = 0; i < c->count; i++) {
		const struct seen *s = &c->seen[i];

		if (!s->replaced || !s->inbound)
			continue;
		json_open(j, NULL, '{');
		json_text(j, "header", s->header);
		json_uint(j, "headers", s->count);
		json_uint(j, "io", s->io_id);
		json_text(j, "label", s->label);
		json_close(j, '}');
	}
	json_close(j, ']');
}
