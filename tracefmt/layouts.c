/*
 * Memory by layout: structures from layouts.def, arrays of integers, times, signal and
 * descriptor sets, directory entries, wait statuses. Tools only. Trusts no length.
 */
#include <inttypes.h>
#include <string.h>
#include "parts.h"

enum how { D, U, X, O, IFMT, TS, TV, LIM, SET, STR, NAMES };

struct field {
	uint16_t layout; /* enum tf_xlat */
	uint16_t offset;
	uint16_t len;
	uint16_t how; /* enum how, or NAMES + enum tf_xlat */
	const char *name;
};

#define N(SET_NAME) (NAMES + TF_X_##SET_NAME)
#define FIELD(LAYOUT, OFFSET, LEN, HOW, NAME) {TF_X_##LAYOUT, OFFSET, LEN, HOW, #NAME},
static const struct field fields[] = {
#include "layouts.def"
};

/* How many elements of an array are shown. */
enum { SHOWN = 16 };

static int64_t le_signed(const uint8_t *p, unsigned len)
{
	uint64_t v = tf_le(p, len);
	unsigned shift = 64 - 8 * len;

	if (!len)
		return 0;
	return (int64_t)(v << shift) >> shift;
}

static void put_seconds(struct tf_text *out, int64_t sec, int64_t sub, bool micro)
{
	tf_puts(out, "{tv_sec=");
	tf_put_dec(out, sec);
	tf_puts(out, micro ? ", tv_usec=" : ", tv_nsec=");
	tf_put_dec(out, sub);
	tf_putc(out, '}');
}

static void put_time(struct tf_text *out, const uint8_t *p, bool micro)
{
	int64_t sec = (int64_t)tf_le(p, 8), sub = (int64_t)tf_le(p + 8, 8);

	if (!micro && sub == (1l << 30) - 1)
		tf_puts(out, "UTIME_NOW");
	else if (!micro && sub == (1l << 30) - 2)
		tf_puts(out, "UTIME_OMIT");
	else
		put_seconds(out, sec, sub, micro);
}

static void put_sigset(struct tf_text *out, uint64_t set)
{
	bool most = __builtin_popcountll(set) > 40;
	const char *sep = "";

	tf_puts(out, most ? "~[" : "[");
	for (int signo = 1; signo <= 64; signo++) {
		const char *name = tf_name(TF_X_SIGNAL, signo);

		if (((set >> (signo - 1)) & 1) == most)
			continue;
		tf_puts(out, sep);
		if (name)
			tf_puts(out, name + 3); /* without SIG, as strace does */
		else
			tf_put(out, "RT_%d", signo - 32);
		sep = " ";
	}
	tf_putc(out, ']');
}

static void put_mode(struct tf_text *out, uint32_t mode)
{
	const char *type = tf_name(TF_X_S_IFMT, mode & 0170000);

	if (type)
		tf_put(out, "%s|%#03o", type, mode & 07777);
	else
		tf_put(out, "%#03o", mode);
}

static void put_field(struct tf_text *out, const struct field *f, const uint8_t *p)
{
	unsigned how = f->how;
	uint64_t v = f->len <= 8 ? tf_le(p, f->len) : 0;

	if (how >= NAMES)
		tf_put_names(out, how - NAMES, v);
	else if (how == D)
		tf_put_dec(out, le_signed(p, f->len));
	else if (how == U)
		tf_put_udec(out, v);
	else if (how == X)
		tf_put_0x(out, v);
	else if (how == O)
		tf_put(out, "%#03" PRIo64, v);
	else if (how == IFMT)
		put_mode(out, (uint32_t)v);
	else if (how == TS || how == TV)
		put_time(out, p, how == TV);
	else if (how == LIM && v == UINT64_MAX)
		tf_puts(out, "RLIM64_INFINITY");
	else if (how == LIM)
		tf_put(out, "%" PRIu64, v);
	else if (how == SET)
		put_sigset(out, v);
	else
		tf_put_text(out, p, strnlen((const char *)p, f->len), 0);
}

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

/* The first field of a layout, which follow one another; or FIELD_COUNT. */
static size_t first_field(unsigned layout)
{
	static uint16_t first[1024]; /* 1 and more: known */
	size_t i;

	if (layout < sizeof(first) / sizeof(first[0]) && first[layout])
		return first[layout] - 1u;
	for (i = 0; i < FIELD_COUNT && fields[i].layout != layout; i++)
		;
	if (layout < sizeof(first) / sizeof(first[0]))
		first[layout] = (uint16_t)(i + 1);
	return i;
}

static bool put_struct(struct tf_text *out, unsigned layout, const uint8_t *bytes, size_t len)
{
	const char *sep = "{";

	for (size_t i = first_field(layout); i < FIELD_COUNT && fields[i].layout == layout; i++) {
		const struct field *f = &fields[i];

		if ((size_t)f->offset + f->len > len)
			continue;
		tf_puts(out, sep);
		tf_puts(out, f->name);
		tf_putc(out, '=');
		put_field(out, f, bytes + f->offset);
		sep = ", ";
	}
	if (*sep == '{')
		return false;
	tf_putc(out, '}');
	return true;
}

static bool put_structs(struct tf_text *out, unsigned layout, const uint8_t *bytes, size_t len,
			size_t size)
{
	tf_putc(out, '[');
	for (size_t i = 0; (i + 1) * size <= len; i++) {
		if (i)
			tf_puts(out, ", ");
		if (i == SHOWN) {
			tf_puts(out, "...");
			break;
		}
		put_struct(out, layout, bytes + i * size, size);
	}
	tf_putc(out, ']');
	return true;
}

static bool put_ints(struct tf_text *out, const uint8_t *bytes, size_t len, unsigned size)
{
	if (len < size || len % size)
		return false;
	tf_putc(out, '[');
	for (size_t i = 0; (i + 1) * size <= len; i++) {
		if (i == SHOWN) {
			tf_puts(out, ", ...");
			break;
		}
		tf_put(out, "%s%" PRId64, i ? ", " : "",
			le_signed(bytes + i * size, size));
	}
	tf_putc(out, ']');
	return true;
}

static bool put_times(struct tf_text *out, const uint8_t *bytes, size_t len, bool micro)
{
	if (len < 16)
		return false;
	if (len < 32) {
		put_time(out, bytes, micro);
		return true;
	}
	tf_putc(out, '[');
	put_time(out, bytes, micro);
	tf_puts(out, ", ");
	put_time(out, bytes + 16, micro);
	tf_putc(out, ']');
	return true;
}

static bool put_fdset(struct tf_text *out, const uint8_t *bytes, size_t len)
{
	const char *sep = "";

	tf_putc(out, '[');
	for (size_t fd = 0; fd < 8 * len; fd++) {
		if (!(bytes[fd / 8] >> (fd % 8) & 1))
			continue;
		tf_put(out, "%s%zu", sep, fd);
		sep = " ";
	}
	tf_putc(out, ']');
	return true;
}

/* struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name. */
static bool put_dents(struct tf_text *out, const uint8_t *bytes, size_t len)
{
	enum { HEAD = 19 };
	size_t at = 0, count = 0;

	tf_putc(out, '[');
	while (at + HEAD < len) {
		size_t size = tf_le(bytes + at + 16, 2);

		if (size <= HEAD || size > len - at)
			break;
		if (count < SHOWN) {
			const char *name = (const char *)bytes + at + HEAD;

			tf_puts(out, count ? ", " : "");
			tf_put_text(out, (const uint8_t *)name,
				    strnlen(name, size - HEAD), 0);
		}
		count++;
		at += size;
	}
	if (count > SHOWN)
		tf_put(out, ", ... /* %zu entries */", count);
	tf_putc(out, ']');
	return true;
}

static bool put_wait_status(struct tf_text *out, const uint8_t *bytes, size_t len)
{
	unsigned status, signo;

	if (len < 4)
		return false;
	status = (unsigned)tf_le(bytes, 4);
	signo = status & 0x7f;
	if (signo == 0) {
		tf_put(out, "[{WIFEXITED(s) && WEXITSTATUS(s) == %u}]",
			status >> 8 & 0xff);
	} else if (status == 0xffff) {
		tf_puts(out, "[{WIFCONTINUED(s)}]");
	} else if (signo == 0x7f) {
		tf_puts(out, "[{WIFSTOPPED(s) && WSTOPSIG(s) == ");
		tf_put_signal(out, status >> 8 & 0xff);
		tf_puts(out, "}]");
	} else {
		tf_puts(out, "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
		tf_put_signal(out, (int)signo);
		tf_puts(out, status & 0x80 ? " && WCOREDUMP(s)}]" : "}]");
	}
	return true;
}

bool tf_put_layout(struct tf_text *out, unsigned xlat, const uint8_t *bytes, size_t len)
{
	switch (xlat) {
	case TF_X_INT32:
		return put_ints(out, bytes, len, 4);
	case TF_X_INT64:
		return put_ints(out, bytes, len, 8);
	case TF_X_TIMESPEC:
		return put_times(out, bytes, len, false);
	case TF_X_TIMEVAL:
		return put_times(out, bytes, len, true);
	case TF_X_SIGSET:
		if (len < 8)
			return false;
		put_sigset(out, tf_le(bytes, 8));
		return true;
	case TF_X_SIGINFO:
		tf_put_siginfo(out, bytes, len);
		return true;
	case TF_X_WSTATUS:
		return put_wait_status(out, bytes, len);
	case TF_X_FDSET:
		return put_fdset(out, bytes, len);
	case TF_X_DENTS:
		return put_dents(out, bytes, len);
	case TF_X_SOCKADDR:
		return tf_put_sockaddr(out, bytes, len);
	case TF_X_EPOLL_EVENT:
		if (len == 12)
			return put_struct(out, xlat, bytes, len);
		return put_structs(out, xlat, bytes, len, 12);
	case TF_X_POLLFD:
		return put_structs(out, xlat, bytes, len, 8);
	case TF_X_TEXT:
		tf_put_text(out, bytes, strnlen((const char *)bytes, len), 0);
		return true;
	}
	return put_struct(out, xlat, bytes, len);
}
