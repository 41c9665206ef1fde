/*
 * Values to hide, and tokens. A token has its value's length and the classes of its characters
 * (digit, capital, small letter; hexadecimal stays so; all else is kept), so that what
 * parses one parses the other. It is made by HMAC-SHA-256 of the value under a random key that is
 * never stored: the same value has the same token everywhere in one recording, and nobody can
 * try values against it.
 */
#include <ctype.h>
#include <errno.h>
#include <nettle/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "tools/share/digests.h"
#include "tools/share/share.h"
#include "tools/cmd.h"

enum { SHORTEST_LEN = 4, FORM_MIN_LEN = 6, LINE_MIN_LEN = 16, RAW_MIN_LEN = 8 };

bool secrets_begin(struct secrets *s)
{
	memset(s, 0, sizeof(*s));
	if (getrandom(s->key, sizeof(s->key), 0) == sizeof(s->key))
		return true;
	cmd_error("no random numbers: %s", strerror(errno));
	return false;
}

void secrets_free(struct secrets *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->secret[i].value);
		free(s->secret[i].token);
	}
	free(s->secret);
	free(s->next);
	memset(s, 0, sizeof(*s));
}

/* Bytes without end from key, value and try. */
struct keystream {
	struct hmac_sha256_ctx hmac;
	uint8_t block[32], seed[32];
	uint32_t counter;
	unsigned left;
};

static void keystream_begin(struct keystream *k, const struct secrets *s, const uint8_t *value,
			    size_t len, unsigned attempt)
{
	uint8_t a = (uint8_t)attempt;

	hmac_sha256_set_key(&k->hmac, sizeof(s->key), s->key);
	hmac_sha256_update(&k->hmac, 1, &a);
	hmac_sha256_update(&k->hmac, len, value);
	hmac_sha256_digest(&k->hmac, sizeof(k->seed), k->seed);
	k->counter = 0;
	k->left = 0;
}

static unsigned keystream_below(struct keystream *k, unsigned limit)
{
	for (;;) {
		uint8_t b;

		if (!k->left) {
			hmac_sha256_update(&k->hmac, sizeof(k->seed), k->seed);
			hmac_sha256_update(&k->hmac, sizeof(k->counter), (uint8_t *)&k->counter);
			hmac_sha256_digest(&k->hmac, sizeof(k->block), k->block);
			k->counter++;
			k->left = sizeof(k->block);
		}
		b = k->block[--k->left];
		if (b < 256 - 256 % limit) /* no value more often than another */
			return b % limit;
	}
}

static void make_token(const struct secrets *s, const uint8_t *value, size_t len, uint8_t *token)
{
	bool hex = len >= 16, upper = false, lower = false;

	for (size_t i = 0; i < len; i++) {
		hex &= isxdigit(value[i]) != 0;
		upper |= isupper(value[i]) != 0;
		lower |= islower(value[i]) != 0;
	}
	hex &= !(upper && lower);
	for (unsigned attempt = 0; attempt < 8; attempt++) {
		struct keystream k;

		keystream_begin(&k, s, value, len, attempt);
		for (size_t i = 0; i < len; i++) {
			uint8_t c = value[i];

			if (hex)
				c = (uint8_t)(upper ? "0123456789ABCDEF" : "0123456789abcdef")[keystream_below(&k, 16)];
			else if (isdigit(c))
				c = (uint8_t)('0' + (c == '0' && len > 1 ? keystream_below(&k, 10)
								       : 1 + keystream_below(&k, 9)));
			else if (c < 128 && isupper(c))
				c = (uint8_t)('A' + keystream_below(&k, 26));
			else if (c < 128 && islower(c))
				c = (uint8_t)('a' + keystream_below(&k, 26));
			else if (c >= 128)
				c = (uint8_t)(value[i] ^ keystream_below(&k, 8)); /* UTF-8 stays UTF-8 */
			token[i] = c;
		}
		if (memcmp(token, value, len))
			return;
	}
}

static bool known(const struct secrets *s, const uint8_t *value, size_t len)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->secret[i].len == len && !memcmp(s->secret[i].value, value, len))
			return true;
	return false;
}

/* Both are copied. */
static bool put(struct secrets *s, const char *rule, uint32_t group, const uint8_t *value,
		const uint8_t *token, size_t len)
{
	struct secret *at;

	if (known(s, value, len) || !memcmp(value, token, len))
		return true;
	if (s->count == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		struct secret *grown = realloc(s->secret, cap * sizeof(*grown));

		if (!grown)
			goto no_memory;
		s->secret = grown;
		s->cap = cap;
	}
	at = &s->secret[s->count];
	*at = (struct secret){.value = malloc(len), .token = malloc(len), .len = len, .rule = rule,
			      .group = group};
	if (!at->value || !at->token) {
		free(at->value);
		free(at->token);
		goto no_memory;
	}
	memcpy(at->value, value, len);
	memcpy(at->token, token, len);
	s->count++;
	return true;
no_memory:
	cmd_error("out of memory");
	return false;
}

/* --- forms --- */

static const char base64_set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url_set[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t base64(const char *set, const uint8_t *bytes, size_t len, uint8_t *out)
{
	uint32_t bits = 0;
	unsigned count = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | bytes[i];
		for (count += 8; count >= 6; count -= 6)
			out[n++] = (uint8_t)set[bits >> (count - 6) & 63];
	}
	if (count)
		out[n++] = (uint8_t)set[bits << (6 - count) & 63];
	return n;
}

/* Base64 of something that has the value in it: what of the text depends on the value alone,
 * for each place the value can have within three bytes. */
static bool put_base64(struct secrets *s, const char *rule, uint32_t group, const char *set,
		       const uint8_t *value, const uint8_t *token, size_t len)
{
	uint8_t *room = calloc(1, 2 * (len + 3) + 4 * (len + 8)), *a, *b, *plain;
	bool ok = true;

	if (!room)
		return false;
	plain = room;
	a = plain + 2 * (len + 3);
	b = a + 2 * (len + 8);
	for (size_t before = 0; ok && before < 3; before++) {
		size_t n, from = (before * 8 + 5) / 6, to;

		memset(plain, 0, before);
		memcpy(plain + before, value, len);
		n = base64(set, plain, before + len, a);
		memcpy(plain + before, token, len);
		base64(set, plain, before + len, b);
		to = (before + len) * 8 / 6;
		if (to > n)
			to = n;
		if (to > from && to - from >= FORM_MIN_LEN)
			ok = put(s, rule, group, a + from, b + from, to - from);
	}
	free(room);
	return ok;
}

static size_t percent(const uint8_t *bytes, size_t len, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (isalnum(bytes[i]) || strchr("-_.~", bytes[i]))
			out[n++] = bytes[i];
		else
			n += (size_t)sprintf((char *)out + n, "%%%02X", bytes[i]);
	return n;
}

static bool put_percent(struct secrets *s, const char *rule, uint32_t group, const uint8_t *value,
			const uint8_t *token, size_t len)
{
	uint8_t *a = malloc(6 * len + 2), *b = a ? a + 3 * len + 1 : NULL;
	bool ok = a != NULL;

	if (ok) {
		size_t n = percent(value, len, a), m = percent(token, len, b);

		if (n == m && n > len)
			ok = put(s, rule, group, a, b, n);
		free(a);
	}
	return ok;
}

static size_t hex(const uint8_t *bytes, size_t len, const char *digits, uint8_t *out)
{
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = (uint8_t)digits[bytes[i] >> 4];
		out[2 * i + 1] = (uint8_t)digits[bytes[i] & 15];
	}
	return 2 * len;
}

/* Digests of the value, as bytes, in hexadecimal and in base64: those of the token. */
static bool put_digests(struct secrets *s, const char *rule, uint32_t group, const uint8_t *value,
			const uint8_t *token, size_t len)
{
	uint8_t a[64], b[64], text[2][132];
	const char *name;
	unsigned n;
	bool ok = true;

	for (unsigned i = 0; ok && (n = digest_of(i, value, len, a, &name)); i++) {
		size_t before = s->count, text_len;

		digest_of(i, token, len, b, &name);
		ok = put(s, rule, group, a, b, n);
		for (unsigned k = 0; ok && k < 2; k++) {
			const char *digits = k ? "0123456789ABCDEF" : "0123456789abcdef";

			hex(a, n, digits, text[0]);
			ok = put(s, rule, group, text[0], text[1], hex(b, n, digits, text[1]));
		}
		base64(base64_set, a, n, text[0]);
		text_len = base64(base64_set, b, n, text[1]);
		ok = ok && put(s, rule, group, text[0], text[1], text_len);
		for (; before < s->count; before++)
			s->secret[before].digest = name;
	}
	return ok;
}

static bool put_forms(struct secrets *s, const char *rule, uint32_t group, const uint8_t *value,
		      const uint8_t *token, size_t len)
{
	return put(s, rule, group, value, token, len) &&
	       (len < FORM_MIN_LEN ||
		(put_base64(s, rule, group, base64_set, value, token, len) &&
		 put_base64(s, rule, group, base64_url_set, value, token, len))) &&
	       put_percent(s, rule, group, value, token, len) &&
	       put_digests(s, rule, group, value, token, len);
}

static int base64_digit(uint8_t c)
{
	const char *at = c ? strchr(base64_set, c) : NULL;

	return at ? (int)(at - base64_set) : -1;
}

/* --- raw forms: programs make tokens of random bytes, and write them in digits --- */

static int hex_digit(uint8_t c)
{
	return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

/* The bytes that hexadecimal digits stand for; 0: they are none. */
static size_t from_hex(const uint8_t *text, size_t len, uint8_t *out)
{
	if (len % 2)
		return 0;
	for (size_t i = 0; i < len; i++) {
		int d = hex_digit(text[i]);

		if (d < 0)
			return 0;
		out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] << 4 | d : d);
	}
	return len / 2;
}

static int base64_any_digit(uint8_t c)
{
	return c == '-' ? 62 : c == '_' ? 63 : base64_digit(c);
}

/* Of base64 in either alphabet, without its `=`; 0: it is none that an encoder writes. */
static size_t from_base64(const uint8_t *text, size_t len, uint8_t *out)
{
	uint32_t bits = 0;
	unsigned count = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int d = base64_any_digit(text[i]);

		if (d < 0)
			return 0;
		bits = bits << 6 | (uint32_t)d;
		count += 6;
		if (count >= 8)
			out[n++] = (uint8_t)(bits >> (count -= 8));
	}
	return count < 6 && !(bits & ((1u << count) - 1)) ? n : 0;
}

/* The last digit of base64 tells fewer than 6 bits: the token's, too, then. */
static void end_base64(const uint8_t *value, uint8_t *token, size_t len)
{
	static const char *const sets[] = {"AQgw", "AEIMQUYcgkosw048"};
	uint8_t *last = &token[len - 1];
	int d;

	if (len % 4 < 2 || !memcmp(value, token, len))
		return;
	d = base64_any_digit(*last);
	if (d >= 0)
		*last = (uint8_t)sets[len % 4 - 2][len % 4 == 2 ? d >> 4 : d >> 2];
}

static bool put_raw(struct secrets *s, const char *rule, uint32_t group, const uint8_t *value,
		    uint8_t *token, size_t len)
{
	size_t (*const from[])(const uint8_t *, size_t, uint8_t *) = {from_hex, from_base64};
	uint8_t *a = malloc(2 * len + 2), *b = a ? a + len + 1 : NULL;
	bool ok = a != NULL;

	for (unsigned i = 0; ok && i < 2; i++) {
		size_t n = from[i](value, len, a);

		if (n < RAW_MIN_LEN)
			continue;
		if (i == 1)
			end_base64(value, token, len);
		if (from[i](token, len, b) == n)
			ok = put(s, rule, group, a, b, n);
		break;
	}
	free(a);
	return ok;
}

/* user:password in base64: the password gets its own token, and the text that of both. */
static bool put_basic(struct secrets *s, const char *rule, const uint8_t *value, size_t len)
{
	uint8_t *plain = malloc(len + 4), *text = malloc(3 * len + 8), *token = NULL;
	uint32_t bits = 0, group = ++s->group_count;
	unsigned count = 0;
	size_t n = 0, colon, text_len = 0;
	bool ok = plain && text;

	for (size_t i = 0; ok && i < len && value[i] != '='; i++, text_len = i) {
		int d = base64_digit(value[i]);

		if (d < 0)
			break;
		bits = bits << 6 | (uint32_t)d;
		count += 6;
		if (count >= 8)
			plain[n++] = (uint8_t)(bits >> (count -= 8));
	}
	for (colon = 0; colon < n && plain[colon] != ':'; colon++)
		;
	if (ok && colon + 1 < n) {
		size_t pass = n - colon - 1;

		token = malloc(pass);
		ok = token != NULL;
		if (ok) {
			make_token(s, plain + colon + 1, pass, token);
			if (pass >= SHORTEST_LEN)
				ok = put_forms(s, rule, group, plain + colon + 1, token, pass);
			memcpy(plain + colon + 1, token, pass);
			if (base64(base64_set, plain, n, text) != text_len)
				ok = false;
			else {
				memcpy(text + text_len, value + text_len, len - text_len); /* = */
				ok = ok && put(s, rule, group, value, text, len);
			}
		}
	}
	free(token);
	free(plain);
	free(text);
	return ok;
}

bool secrets_add(struct secrets *s, const char *rule, const uint8_t *value, size_t len)
{
	uint8_t *token;
	bool ok;

	if (len < SHORTEST_LEN || known(s, value, len))
		return true;
	if (!strcmp(rule, "http-basic"))
		return put_basic(s, rule, value, len);
	token = malloc(len);
	if (!token) {
		cmd_error("out of memory");
		return false;
	}
	make_token(s, value, len, token);
	ok = put_raw(s, rule, ++s->group_count, value, token, len) &&
	     put_forms(s, rule, s->group_count, value, token, len);
	/* a key of several lines may stand elsewhere without its line ends */
	for (size_t from = 0, to; ok && from < len; from = to + 1) {
		for (to = from; to < len && value[to] != '\n' && value[to] != '\r'; to++)
			;
		if (to - from >= LINE_MIN_LEN && to - from < len)
			ok = put_forms(s, rule, s->group_count, value + from, token + from, to - from);
	}
	free(token);
	return ok;
}

/* --- finding them --- */

static int longer_first(const void *a, const void *b)
{
	const struct secret *x = a, *y = b;

	return x->len > y->len ? -1 : x->len < y->len;
}

static uint32_t *chain(struct secrets *s, const uint8_t *text)
{
	uint32_t four;

	memcpy(&four, text, sizeof(four));
	return &s->first[four * 2654435761u >> 20];
}

bool secrets_seal(struct secrets *s)
{
	if (!s->count)
		return true;
	qsort(s->secret, s->count, sizeof(*s->secret), longer_first);
	s->next = calloc(s->count, sizeof(*s->next));
	if (!s->next) {
		cmd_error("out of memory");
		return false;
	}
	for (size_t i = s->count; i-- > 0;) { /* so that the longest stands first */
		uint32_t *first = chain(s, s->secret[i].value);

		s->next[i] = *first;
		*first = (uint32_t)i + 1;
	}
	return true;
}

struct secret *secrets_find(struct secrets *s, const uint8_t *text, size_t len, size_t at)
{
	if (len - at < SHORTEST_LEN)
		return NULL;
	for (uint32_t i = *chain(s, text + at); i; i = s->next[i - 1]) {
		struct secret *x = &s->secret[i - 1];

		if (x->len <= len - at && !memcmp(x->value, text + at, x->len))
			return x;
	}
	return NULL;
}
