/*
 * Bytes as text: C string literals with strace's escapes, and JSON strings. Tools only.
 */
#include <ctype.h>
#include "parts.h"

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

/* How many bytes from p on need nothing done to them in a JSON string. */
static size_t plain_len(const uint8_t *p, size_t len)
{
	size_t i = 0;

	while (i < len && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\')
		i++;
	return i;
}

bool tf_is_text(const uint8_t *bytes, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		if (bytes[i] >= 0x20 && bytes[i] < 0x7f) {
			n = 1;
			continue;
		}
		if ((bytes[i] < 0x20 && bytes[i] != '\n' && bytes[i] != '\t' &&
		     bytes[i] != '\r') ||
		    bytes[i] == 0x7f)
			return false;
		n = utf8_len(bytes + i, len - i);
		if (!n)
			return false;
	}
	return true;
}

void tf_put_json(struct tf_text *out, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t n;

	tf_putc(out, '"');
	for (size_t i = 0; i < len; i += n) {
		uint8_t c;

		n = plain_len(p + i, len - i);
		tf_put_bytes(out, p + i, n);
		i += n;
		if (i >= len)
			break;
		c = p[i];
		n = utf8_len(p + i, len - i);
		if (c == '"' || c == '\\') {
			tf_putc(out, '\\');
			tf_putc(out, c);
		} else if (c == '\n') {
			tf_puts(out, "\\n");
		} else if (c == '\t') {
			tf_puts(out, "\\t");
		} else if (c == '\r') {
			tf_puts(out, "\\r");
		} else if (c < 0x20 || c == 0x7f || n == 0) {
			tf_put(out, "\\u00%02x", c);
		} else {
			tf_put_bytes(out, p + i, n);
		}
		if (n == 0)
			n = 1;
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
