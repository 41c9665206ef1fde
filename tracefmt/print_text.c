/*
 * Bytes as text: C string literals with strace's escapes, and JSON strings. Tools only.
 */
#include <ctype.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include "parts.h"

enum { JSON_PIECE_LEN = 4096 };

/* What follows the backslash, 0: an octal number does, 1: none is needed. */
static uint8_t escape_of(uint8_t c)
{
	switch (c) {
	case '\n':
		return 'n';
	case '\t':
		return 't';
	case '\v':
		return 'v';
	case '\f':
		return 'f';
	case '\r':
		return 'r';
	case '"':
	case '\\':
		return c;
	}
	return c >= 0x20 && c < 0x7f;
}

void tf_put_text(struct tf_text *out, const uint8_t *bytes, size_t len, size_t excerpt_len)
{
	size_t shown = excerpt_len && len > excerpt_len ? excerpt_len : len;

	tf_putc(out, '"');
	for (size_t i = 0; i < shown; i++) {
		uint8_t c = bytes[i], escape = escape_of(c);

		if (escape == 1) {
			tf_putc(out, c);
			continue;
		}
		tf_putc(out, '\\');
		if (escape) {
			tf_putc(out, escape);
		} else {
			bool all = i + 1 < shown && isdigit(bytes[i + 1]);

			if (all || c >= 0100)
				tf_putc(out, '0' + (c >> 6));
			if (all || c >= 010)
				tf_putc(out, '0' + (c >> 3 & 7));
			tf_putc(out, '0' + (c & 7));
		}
	}
	tf_putc(out, '"');
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

/* Bytes from p on that need nothing done to them in a JSON string; they are copied to `to`, which
 * has room for 16 more than len. */
static size_t copy_plain(char *to, const uint8_t *p, size_t len)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; len - i >= 16; i += 16) {
		sixteen x = load(p + i);
		unsigned good = printable(x) & ~(equal(x, '"') | equal(x, '\\'));

		_mm_storeu_si128((__m128i *)(to + i), x);
		if (good != 0xffff)
			return i + (size_t)__builtin_ctz(~good);
	}
#endif
	for (; i < len && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\'; i++)
		to[i] = (char)p[i];
	return i;
}

/* Bytes from p on that are text of one byte each. */
static size_t ascii_len(const uint8_t *p, size_t len)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; len - i >= 16; i += 16) {
		sixteen x = load(p + i);
		unsigned good = printable(x);

		if (good != 0xffff)
			good |= equal(x, '\n') | equal(x, '\t') | equal(x, '\r');
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

/* One byte or character that is not copied as it is. Returns how many bytes it is. */
static size_t put_escape(struct tf_text *out, const uint8_t *p, size_t len)
{
	size_t n = 1;

	switch (*p) {
	case '"':
	case '\\':
		tf_putc(out, '\\');
		tf_putc(out, *p);
		break;
	case '\n':
		tf_puts(out, "\\n");
		break;
	case '\t':
		tf_puts(out, "\\t");
		break;
	case '\r':
		tf_puts(out, "\\r");
		break;
	default:
		n = *p < 0x80 ? 0 : utf8_len(p, len);
		if (n)
			tf_put_bytes(out, p, n);
		else
			tf_put(out, "\\u00%02x", *p);
	}
	return n ? n : 1;
}

void tf_put_json(struct tf_text *out, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	tf_putc(out, '"');
	while (len) {
		size_t piece = len < JSON_PIECE_LEN ? len : JSON_PIECE_LEN, n;

		if (!tf_text_room(out, piece + 16))
			return;
		n = copy_plain(out->at, p, piece);
		out->at += n;
		if (n < piece)
			n += put_escape(out, p + n, len - n);
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
