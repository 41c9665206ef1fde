/*
 * Bytes as text: C string literals with strace's escapes, and JSON strings. Tools only.
 */
#include <ctype.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "parts.h"

enum { JSON_PIECE_LEN = 4096 };

/* What stands for a byte, of at most 8 characters. */
struct escape {
	char text[8];
	uint8_t len; /* 0: not for the byte alone to say */
};

/* Of C strings: a backslash and a letter, or an octal number. */
static void fill_c(struct escape table[256])
{
	static const char letters[][2] = {"\nn", "\tt", "\vv", "\ff", "\rr", "\"\"", "\\\\"};

	for (unsigned c = 256; c-- > 0;) { /* the first one last: it says that all are there */
		struct escape e = {.len = 1, .text = {(char)c}};

		if (c < 0x20 || c >= 0x7f)
			e.len = (uint8_t)snprintf(e.text, sizeof(e.text), "\\%o", c);
		for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
			if ((unsigned char)letters[i][0] == c)
				e.len = (uint8_t)snprintf(e.text, sizeof(e.text), "\\%c", letters[i][1]);
		table[c] = e;
	}
}

void tf_put_text(struct tf_text *out, const uint8_t *bytes, size_t len, size_t excerpt_len)
{
	static struct escape table[256];
	size_t shown = excerpt_len && len > excerpt_len ? excerpt_len : len;
	char *at;

	if (!table[0].len)
		fill_c(table);
	if (!tf_text_room(out, 4 * shown + 16))
		return;
	at = out->at;
	*at++ = '"';
	for (size_t i = 0; i < shown; i++) {
		const struct escape *e = &table[bytes[i]];

		memcpy(at, e->text, sizeof(e->text));
		if (e->len - 2u < 2 && i + 1 < shown && isdigit(bytes[i + 1]) && isdigit(e->text[1])) {
			/* an octal number before a digit has all three of its own */
			memcpy(at, "\\000", 4);
			memcpy(at + 5 - e->len, e->text + 1, e->len - 1u);
			at += 4;
			continue;
		}
		at += e->len;
	}
	*at++ = '"';
	out->at = at;
	if (shown < len)
		tf_puts(out, "...");
}

void tf_print_text(FILE *file, const void *bytes, size_t len, size_t excerpt_len)
{
	struct tf_text out = {0};

	tf_put_text(&out, bytes, len, excerpt_len);
	tf_text_flush(&out, file);
	tf_text_free(&out);
}

/* The length of the UTF-8 sequence at p, 0 when there is none: no overlong forms, no
 * surrogates, nothing above U+10FFFF. */
static size_t utf8_len(const uint8_t *p, size_t len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t v;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf8   ? 0
	    : p[0] >= 0xf0 ? 4
	    : p[0] >= 0xe0 ? 3
	    : p[0] >= 0xc2 ? 2
			   : 0;
	if (!n || n > len)
		return 0;
	v = p[0] & (0xff >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	return n;
}

/* --- sixteen bytes at a time, which every x86-64 can --- */

#ifdef __SSE2__
typedef __m128i sixteen;

static sixteen load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

/* A bit for each byte: printable ASCII. */
static unsigned printable(sixteen x)
{
	return (unsigned)_mm_movemask_epi8(_mm_andnot_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)),
							    _mm_cmpgt_epi8(x, _mm_set1_epi8(0x1f))));
}

static unsigned equal(sixteen x, char c)
{
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8(c)));
}
#endif

/* Bytes from p on that are text of one byte each. */
static size_t ascii_len(const uint8_t *p, size_t len)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; len - i >= 16; i += 16) {
		sixteen x = load(p + i);
		/* without asking whether it is needed: lines end at no regular places */
		unsigned good = printable(x) | equal(x, '\n') | equal(x, '\t') | equal(x, '\r');

		if (good != 0xffff)
			return i + (size_t)__builtin_ctz(~good);
	}
#endif
	while (i < len && ((p[i] >= 0x20 && p[i] < 0x7f) || p[i] == '\n' || p[i] == '\t' ||
			   p[i] == '\r'))
		i++;
	return i;
}

bool tf_is_text(const uint8_t *bytes, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		i += ascii_len(bytes + i, len - i);
		if (i == len)
			break;
		if (bytes[i] < 0x80)
			return false;
		n = utf8_len(bytes + i, len - i);
		if (!n)
			return false;
	}
	return true;
}

/* Of JSON strings. Bytes from 0x80 on may be characters of several. */
static void fill_json(struct escape table[256])
{
	static const char letters[][2] = {"\nn", "\tt", "\rr", "\"\"", "\\\\"};

	for (unsigned c = 0x80; c-- > 0;) {
		struct escape e = {.len = 1, .text = {(char)c}};

		if (c < 0x20 || c == 0x7f)
			e.len = (uint8_t)snprintf(e.text, sizeof(e.text), "\\u00%02x", c);
		for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
			if ((unsigned char)letters[i][0] == c)
				e.len = (uint8_t)snprintf(e.text, sizeof(e.text), "\\%c", letters[i][1]);
		table[c] = e;
	}
}

/* A piece of a string, of which `all` bytes are there: a character may reach beyond the piece.
 * Returns how many bytes it took. *at has room for what any of them could become. */
static size_t put_json_piece(char **to, const uint8_t *p, size_t len, size_t all)
{
	static struct escape table[256];
	char *at = *to;
	size_t i = 0, n;

	if (!table[0].len)
		fill_json(table);
	while (i < len) {
#ifdef __SSE2__
		if (len - i >= 16) {
			sixteen x = load(p + i);
			unsigned good = printable(x) & ~(equal(x, '"') | equal(x, '\\'));

			_mm_storeu_si128((__m128i *)at, x);
			n = good == 0xffff ? 16 : (size_t)__builtin_ctz(~good);
			at += n;
			i += n;
			if (n == 16)
				continue;
		}
#endif
		if (p[i] < 0x80) {
			const struct escape *e = &table[p[i++]];

			memcpy(at, e->text, sizeof(e->text));
			at += e->len;
			continue;
		}
		n = utf8_len(p + i, all - i);
		if (n) {
			memcpy(at, p + i, n);
			at += n;
		} else {
			n = 1;
			at += sprintf(at, "\\u00%02x", p[i]);
		}
		i += n;
	}
	*to = at;
	return i;
}

void tf_put_json(struct tf_text *out, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	tf_putc(out, '"');
	while (len) {
		size_t piece = len < JSON_PIECE_LEN ? len : JSON_PIECE_LEN, n;

		if (!tf_text_room(out, 6 * piece + 24))
			return;
		n = put_json_piece(&out->at, p, piece, len);
		p += n;
		len -= n;
	}
	tf_putc(out, '"');
}

void tf_json_string(FILE *file, const void *bytes, size_t len)
{
	struct tf_text out = {0};

	tf_put_json(&out, bytes, len);
	tf_text_flush(&out, file);
	tf_text_free(&out);
}
