/*
 * Names of values and bits, from names.def and the sub-tables. Tools only; allocates
 * nothing.
 */
#include <inttypes.h>
#include <pthread.h>
#include "parts.h"

struct name {
	uint16_t set; /* enum tf_xlat */
	uint64_t mask;
	uint64_t value;
	const char *name;
};

#define CHOICE(SET, NAME, VALUE) {TF_X_##SET, ~0ull, (uint64_t)(VALUE), #NAME},
#define BIT(SET, NAME, VALUE) {TF_X_##SET, (VALUE), (VALUE), #NAME},
#define FIELD(SET, NAME, MASK, VALUE) {TF_X_##SET, (MASK), (VALUE), #NAME},

static const struct name names[] = {
#include "names.def"
};
enum { NAME_COUNT = sizeof(names) / sizeof(names[0]), SET_MAX = 256 };

/* Where each set's names are: from its first to behind its last. */
static struct range {
	uint16_t begin, end;
} ranges[SET_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_ranges(void)
{
	for (size_t i = 0; i < NAME_COUNT; i++) {
		struct range *r = &ranges[names[i].set % SET_MAX];

		if (!r->end)
			r->begin = (uint16_t)i;
		r->end = (uint16_t)(i + 1);
	}
}

static struct range range_of(unsigned xlat)
{
	pthread_once(&once, fill_ranges);
	return ranges[xlat % SET_MAX];
}

static const char *sub_name(unsigned xlat, uint32_t request)
{
	const struct tf_sub *sub;

	for (unsigned i = 0; (sub = tf_sub_at(xlat, i)); i++)
		if (sub->request == request)
			return sub->name;
	return NULL;
}

const char *tf_name(unsigned xlat, int64_t value)
{
	struct range range;

	if (xlat < TF_X_SUB_END)
		return sub_name(xlat, (uint32_t)value);
	range = range_of(xlat);
	for (size_t i = range.begin; i < range.end; i++)
		if (names[i].set == xlat && names[i].mask == ~0ull &&
		    names[i].value == (uint64_t)value)
			return names[i].name;
	return NULL;
}

const char *tf_errno_name(int number)
{
	return tf_name(TF_X_ERRNO, number);
}

void tf_put_signal(struct tf_text *out, int signo)
{
	const char *name = tf_name(TF_X_SIGNAL, signo);

	if (name)
		tf_puts(out, name);
	else if (signo >= 32 && signo <= 64)
		tf_put(out, "SIGRT_%d", signo - 32);
	else
		tf_put(out, "%d", signo);
}

/* An ioctl that no row knows, by its encoding. */
static void put_ioctl(struct tf_text *out, uint32_t request)
{
	static const char *const dir[] = {"_IOC_NONE", "_IOC_WRITE", "_IOC_READ",
					  "_IOC_READ|_IOC_WRITE"};

	tf_put(out, "_IOC(%s, 0x%x, 0x%x, 0x%x)", dir[request >> 30],
		request >> 8 & 0xff, request & 0xff, request >> 16 & 0x3fff);
}

static void put_request(struct tf_text *out, unsigned xlat, uint32_t request)
{
	enum { futex_private = 128, futex_realtime = 256 };
	uint32_t op = xlat == TF_X_FUTEX ? request & 0x7f : request;
	const char *name = sub_name(xlat, op);

	if (!name && xlat == TF_X_IOCTL)
		put_ioctl(out, request);
	else if (!name)
		tf_put(out, "%#x", op);
	else
		tf_puts(out, name);
	if (xlat != TF_X_FUTEX)
		return;
	if (request & futex_private)
		tf_puts(out, "_PRIVATE");
	if (request & futex_realtime)
		tf_puts(out, "|FUTEX_CLOCK_REALTIME");
	if (request & ~0x1ffu)
		tf_put(out, "|%#x", request & ~0x1ffu);
}

void tf_put_names(struct tf_text *out, unsigned xlat, uint64_t value)
{
	uint64_t rest = value;
	bool bits = false;
	const char *sep = "";
	struct range range;

	if (xlat && xlat < TF_X_SUB_END) {
		put_request(out, xlat, (uint32_t)value);
		return;
	}
	range = range_of(xlat);
	for (size_t i = range.begin; i < range.end; i++) {
		const struct name *n = &names[i];

		if (n->set != xlat)
			continue;
		bits |= n->mask != ~0ull;
		if (n->mask == ~0ull) {
			/* Sign: AT_FDCWD-like values may come zero-extended. */
			if (n->value != value && (uint32_t)n->value != value)
				continue;
			tf_puts(out, n->name);
			return;
		}
		if ((rest & n->mask) != n->value)
			continue;
		tf_puts(out, sep);
		tf_puts(out, n->name);
		rest &= ~n->mask;
		sep = "|";
	}
	if (xlat == TF_X_CLONE && (rest & 0xff) && tf_name(TF_X_SIGNAL, rest & 0xff)) {
		tf_put(out, "%s%s", sep, tf_name(TF_X_SIGNAL, rest & 0xff));
		rest &= ~0xffull;
		sep = "|";
	}
	if (rest && (bits || xlat == TF_X_HEX))
		tf_put(out, "%s%#" PRIx64, sep, rest);
	else if (rest)
		tf_put(out, "%" PRId64, (int64_t)rest);
	else if (!*sep)
		tf_puts(out, "0");
}
