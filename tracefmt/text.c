/*
 * See text.h.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "text.h"

enum { FIRST_LEN = 4096 };

bool tf_text_grow(struct tf_text *t, size_t len)
{
	size_t have = tf_text_len(t), cap = (size_t)(t->end - t->begin);
	char *grown;

	cap = cap ? 2 * cap : FIRST_LEN;
	while (cap - have < len)
		cap *= 2;
	grown = realloc(t->begin, cap);
	if (!grown) {
		t->failed = true;
		return false;
	}
	t->begin = grown;
	t->at = grown + have;
	t->end = grown + cap;
	return true;
}

void tf_text_free(struct tf_text *t)
{
	free(t->begin);
	memset(t, 0, sizeof(*t));
}

void tf_text_flush(struct tf_text *t, FILE *out)
{
	if (t->at != t->begin)
		fwrite_unlocked(t->begin, 1, tf_text_len(t), out);
	t->at = t->begin;
}

/* Digits of v before `end`; returns the first. */
static char *digits(char *end, uint64_t v, unsigned base)
{
	static const char pairs[] = "0001020304050607080910111213141516171819"
				    "2021222324252627282930313233343536373839"
				    "4041424344454647484950515253545556575859"
				    "6061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";

	if (base == 10) {
		while (v >= 100) {
			end -= 2;
			memcpy(end, pairs + 2 * (v % 100), 2);
			v /= 100;
		}
		if (v >= 10) {
			end -= 2;
			memcpy(end, pairs + 2 * v, 2);
			return end;
		}
		*--end = (char)('0' + v);
		return end;
	}
	do {
		*--end = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	return end;
}

void tf_put_udec(struct tf_text *t, uint64_t v)
{
	char buf[24], *p = digits(buf + sizeof(buf), v, 10);

	tf_put_bytes(t, p, (size_t)(buf + sizeof(buf) - p));
}

void tf_put_dec(struct tf_text *t, int64_t v)
{
	if (v < 0)
		tf_putc(t, '-');
	tf_put_udec(t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static void tf_put_hex(struct tf_text *t, uint64_t v)
{
	char buf[24], *p = digits(buf + sizeof(buf), v, 16);

	tf_put_bytes(t, p, (size_t)(buf + sizeof(buf) - p));
}

void tf_put_0x(struct tf_text *t, uint64_t v)
{
	if (v)
		tf_puts(t, "0x");
	tf_put_hex(t, v);
}

/* One conversion's flags. */
struct form {
	bool alternate, zero, plus;
	int width, precision; /* precision -1: none */
	unsigned longs;	      /* l, z: 1; ll: 2 */
};

static const char *get_form(const char *f, struct form *form)
{
	*form = (struct form){.precision = -1};
	for (;; f++) {
		if (*f == '#')
			form->alternate = true;
		else if (*f == '0')
			form->zero = true;
		else if (*f == '+')
			form->plus = true;
		else
			break;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		form->width = form->width * 10 + (*f - '0');
	if (f[0] == '.' && f[1] == '*') {
		form->precision = 0; /* taken from the arguments */
		f += 2;
	}
	for (; *f == 'l' || *f == 'z' || *f == 'h'; f++)
		form->longs += *f != 'h';
	return f;
}

static void put_number(struct tf_text *t, const struct form *form, uint64_t v, bool negative,
		       unsigned base)
{
	char buf[32], *end = buf + sizeof(buf), *p = digits(end, v, base);
	const char *sign = negative ? "-" : form->plus ? "+" : "";
	const char *prefix = !form->alternate || !v ? "" : base == 16 ? "0x" : base == 8 ? "0" : "";
	int len = (int)(end - p) + (int)strlen(sign) + (int)strlen(prefix);

	if (base == 8 && *prefix && form->zero && form->width > (int)(end - p)) {
		/* the zeros that fill it are the prefix */
		prefix = "";
		len--;
	}
	for (; !form->zero && len < form->width; len++)
		tf_putc(t, ' ');
	tf_put_bytes(t, sign, strlen(sign));
	tf_put_bytes(t, prefix, strlen(prefix));
	for (; len < form->width; len++)
		tf_putc(t, '0');
	tf_put_bytes(t, p, (size_t)(end - p));
}

void tf_put(struct tf_text *t, const char *format, ...)
{
	struct form form;
	const char *f, *s;
	int64_t v;
	uint64_t u;
	va_list ap;

	va_start(ap, format);
	while ((f = strchr(format, '%'))) {
		tf_put_bytes(t, format, (size_t)(f - format));
		f = get_form(f + 1, &form);
		if (form.precision == 0)
			form.precision = va_arg(ap, int);
		switch (*f) {
		case 'd':
		case 'i':
			v = form.longs ? va_arg(ap, long) : va_arg(ap, int);
			put_number(t, &form, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, 10);
			break;
		case 'u':
		case 'x':
		case 'o':
			u = form.longs ? va_arg(ap, unsigned long) : va_arg(ap, unsigned);
			put_number(t, &form, u, false, *f == 'u' ? 10 : *f == 'x' ? 16 : 8);
			break;
		case 'c':
			tf_putc(t, va_arg(ap, int));
			break;
		case 's':
			s = va_arg(ap, const char *);
			tf_put_bytes(t, s,
				     form.precision >= 0 ? strnlen(s, (size_t)form.precision)
							 : strlen(s));
			break;
		case '%':
			tf_putc(t, '%');
			break;
		}
		format = f + (*f != '\0');
	}
	va_end(ap);
	tf_put_bytes(t, format, strlen(format));
}
