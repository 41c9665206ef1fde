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

	return (int64_t)(v << shift) >> shift;
}

static void put_time(FILE *out, const uint8_t *p, bool micro)
{
	int64_t sec = (int64_t)tf_le(p, 8), sub = (int64_t)tf_le(p + 8, 8);

	if (!micro && sub == (1l << 30) - 1)
		fputs("UTIME_NOW", out);
	else if (!micro && sub == (1l << 30) - 2)
		fputs("UTIME_OMIT", out);
	else
		fprintf(out, "{tv_sec=%" PRId64 ", tv_%csec=%" PRId64 "}", sec,
			micro ? 'u' : 'n', sub);
}

static void put_sigset(FILE *out, uint64_t set)
{
	bool most = __builtin_popcountll(set) > 40;
	const char *sep = "";

	fputs(most ? "~[" : "[", out);
	for (int signo = 1; signo <= 64; signo++) {
		const char *name = tf_name(TF_X_SIGNAL, signo);

		if (((set >> (signo - 1)) & 1) == most)
			continue;
		fputs(sep, out);
		if (name)
			fputs(name + 3, out); /* without SIG, as strace does */
		else
			fprintf(out, "RT_%d", signo - 32);
		sep = " ";
	}
	putc(']', out);
}

static void put_mode(FILE *out, uint32_t mode)
{
	const char *type = tf_name(TF_X_S_IFMT, mode & 0170000);

	if (type)
		fprintf(out, "%s|%#03o", type, mode & 07777);
	else
		fprintf(out, "%#03o", mode);
}

static void put_field(FILE *out, const struct field *f, const uint8_t *p)
{
	unsigned how = f->how;
	uint64_t v = f->len <= 8 ? tf_le(p, f->len) : 0;

	if (how >= NAMES)
		tf_put_names(out, how - NAMES, v);
	else if (how == D)
		fprintf(out, "%" PRId64, le_signed(p, f->len));
	else if (how == U)
		fprintf(out, "%" PRIu64, v);
	else if (how == X)
		fprintf(out, "%#" PRIx64, v);
	else if (how == O)
		fprintf(out, "%#03" PRIo64, v);
	else if (how == IFMT)
		put_mode(out, (uint32_t)v);
	else if (how == TS || how == TV)
		put_time(out, p, how == TV);
	else if (how == LIM && v == UINT64_MAX)
		fputs("RLIM64_INFINITY", out);
	else if (how == LIM)
		fprintf(out, "%" PRIu64, v);
	else if (how == SET)
		put_sigset(out, v);
	else
		tf_put_text(out, p, strnlen((const char *)p, f->len), 0);
}

static bool put_struct(FILE *out, unsigned layout, const uint8_t *bytes, size_t len)
{
	const char *sep = "{";

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *f = &fields[i];

		if (f->layout != layout || (size_t)f->offset + f->len > len)
			continue;
		fprintf(out, "%s%s=", sep, f->name);
		put_field(out, f, bytes + f->offset);
		sep = ", ";
	}
	if (*sep == '{')
		return false;
	putc('}', out);
	return true;
}

static bool put_structs(FILE *out, unsigned layout, const uint8_t *bytes, size_t len,
			size_t size)
{
	putc('[', out);
	for (size_t i = 0; (i + 1) * size <= len; i++) {
		if (i)
			fputs(", ", out);
		if (i == SHOWN) {
			fputs("...", out);
			break;
		}
		put_struct(out, layout, bytes + i * size, size);
	}
	putc(']', out);
	return true;
}

static bool put_ints(FILE *out, const uint8_t *bytes, size_t len, unsigned size)
{
	if (len < size || len % size)
		return false;
	putc('[', out);
	for (size_t i = 0; (i + 1) * size <= len; i++) {
		if (i == SHOWN) {
			fputs(", ...", out);
			break;
		}
		fprintf(out, "%s%" PRId64, i ? ", " : "",
			le_signed(bytes + i * size, size));
	}
	putc(']', out);
	return true;
}

static bool put_times(FILE *out, const uint8_t *bytes, size_t len, bool micro)
{
	if (len < 16)
		return false;
	if (len < 32) {
		put_time(out, bytes, micro);
		return true;
	}
	putc('[', out);
	put_time(out, bytes, micro);
	fputs(", ", out);
	put_time(out, bytes + 16, micro);
	putc(']', out);
	return true;
}

static bool put_fdset(FILE *out, const uint8_t *bytes, size_t len)
{
	const char *sep = "";

	putc('[', out);
	for (size_t fd = 0; fd < 8 * len; fd++) {
		if (!(bytes[fd / 8] >> (fd % 8) & 1))
			continue;
		fprintf(out, "%s%zu", sep, fd);
		sep = " ";
	}
	putc(']', out);
	return true;
}

/* struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name. */
static bool put_dents(FILE *out, const uint8_t *bytes, size_t len)
{
	enum { HEAD = 19 };
	size_t at = 0, count = 0;

	putc('[', out);
	while (at + HEAD < len) {
		size_t size = tf_le(bytes + at + 16, 2);

		if (size <= HEAD || size > len - at)
			break;
		if (count < SHOWN) {
			const char *name = (const char *)bytes + at + HEAD;

			fputs(count ? ", " : "", out);
			tf_put_text(out, (const uint8_t *)name,
				    strnlen(name, size - HEAD), 0);
		}
		count++;
		at += size;
	}
	if (count > SHOWN)
		fprintf(out, ", ... /* %zu entries */", count);
	putc(']', out);
	return true;
}

static bool put_wait_status(FILE *out, const uint8_t *bytes, size_t len)
{
	unsigned status, signo;

	if (len < 4)
		return false;
	status = (unsigned)tf_le(bytes, 4);
	signo = status & 0x7f;
	if (signo == 0) {
		fprintf(out, "[{WIFEXITED(s) && WEXITSTATUS(s) == %u}]",
			status >> 8 & 0xff);
	} else if (status == 0xffff) {
		fputs("[{WIFCONTINUED(s)}]", out);
	} else if (signo == 0x7f) {
		fputs("[{WIFSTOPPED(s) && WSTOPSIG(s) == ", out);
		tf_put_signal(out, status >> 8 & 0xff);
		fputs("}]", out);
	} else {
		fputs("[{WIFSIGNALED(s) && WTERMSIG(s) == ", out);
		tf_put_signal(out, (int)signo);
		fputs(status & 0x80 ? " && WCOREDUMP(s)}]" : "}]", out);
	}
	return true;
}

bool tf_put_layout(FILE *out, unsigned xlat, const uint8_t *bytes, size_t len)
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
