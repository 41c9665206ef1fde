/*
 * Bytes as text: C string literals with strace's escapes, and JSON strings. Tools only.
 */
#include <ctype.h>
#include "parts.h"

void tf_put_text(FILE *out, const uint8_t *bytes, size_t len, size_t excerpt_len)
{
	size_t shown = excerpt_len && len > excerpt_len ? excerpt_len : len;

	putc('"', out);
	for (size_t i = 0; i < shown; i++) {
		uint8_t c = bytes[i];
		const char *plain = "\n\t\v\f\r\"\\", *escape = "ntvfr\"\\";
		int at = -1;

		for (int k = 0; plain[k]; k++)
			if (plain[k] == c)
				at = k;
		if (at >= 0)
			fprintf(out, "\\%c", escape[at]);
		else if (c >= 0x20 && c < 0x7f)
			putc(c, out);
		else if (i + 1 < shown && isdigit(bytes[i + 1]))
			fprintf(out, "\\%03o", c);
		else
			fprintf(out, "\\%o", c);
	}
	putc('"', out);
	if (shown < len)
		fputs("...", out);
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

bool tf_is_text(const uint8_t *bytes, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
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

void tf_json_string(FILE *out, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t n;

	putc('"', out);
	for (size_t i = 0; i < len; i += n) {
		uint8_t c = p[i];

		n = utf8_len(p + i, len - i);
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c == '\t')
			fputs("\\t", out);
		else if (c == '\r')
			fputs("\\r", out);
		else if (c < 0x20 || c == 0x7f || n == 0)
			fprintf(out, "\\u00%02x", c);
		else
			fwrite(p + i, 1, n, out);
		if (n == 0)
			n = 1;
	}
	putc('"', out);
}
