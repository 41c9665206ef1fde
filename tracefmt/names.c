/*
 * Names of values and bits, from names.def and the sub-tables. Tools only; allocates
 * nothing.
 */
#include <inttypes.h>
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
enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

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
	if (xlat < TF_X_SUB_END)
		return sub_name(xlat, (uint32_t)value);
	for (size_t i = 0; i < NAME_COUNT; i++)
		if (names[i].set == xlat && names[i].mask == ~0ull &&
		    names[i].value == (uint64_t)value)
			return names[i].name;
	return NULL;
}

const char *tf_errno_name(int number)
{
	return tf_name(TF_X_ERRNO, number);
}

void tf_put_signal(FILE *out, int signo)
{
	const char *name = tf_name(TF_X_SIGNAL, signo);

	if (name)
		fputs(name, out);
	else if (signo >= 32 && signo <= 64)
		fprintf(out, "SIGRT_%d", signo - 32);
	else
		fprintf(out, "%d", signo);
}

/* An ioctl that no row knows, by its encoding. */
static void put_ioctl(FILE *out, uint32_t request)
{
	static const char *const dir[] = {"_IOC_NONE", "_IOC_WRITE", "_IOC_READ",
					  "_IOC_READ|_IOC_WRITE"};

	fprintf(out, "_IOC(%s, 0x%x, 0x%x, 0x%x)", dir[request >> 30],
		request >> 8 & 0xff, request & 0xff, request >> 16 & 0x3fff);
}

static void put_request(FILE *out, unsigned xlat, uint32_t request)
{
	enum { futex_private = 128, futex_realtime = 256 };
	uint32_t op = xlat == TF_X_FUTEX ? request & 0x7f : request;
	const char *name = sub_name(xlat, op);

	if (!name && xlat == TF_X_IOCTL)
		put_ioctl(out, request);
	else if (!name)
		fprintf(out, "%#x", op);
	else
		fputs(name, out);
	if (xlat != TF_X_FUTEX)
		return;
	if (request & futex_private)
		fputs("_PRIVATE", out);
	if (request & futex_realtime)
		fputs("|FUTEX_CLOCK_REALTIME", out);
	if (request & ~0x1ffu)
		fprintf(out, "|%#x", request & ~0x1ffu);
}

void tf_put_names(FILE *out, unsigned xlat, uint64_t value)
{
	uint64_t rest = value;
	bool bits = false;
	const char *sep = "";

	if (xlat && xlat < TF_X_SUB_END) {
		put_request(out, xlat, (uint32_t)value);
		return;
	}
	for (size_t i = 0; i < NAME_COUNT; i++) {
		const struct name *n = &names[i];

		if (n->set != xlat)
			continue;
		bits |= n->mask != ~0ull;
		if (n->mask == ~0ull) {
			/* Sign: AT_FDCWD-like values may come zero-extended. */
			if (n->value != value && (uint32_t)n->value != value)
				continue;
			fputs(n->name, out);
			return;
		}
		if ((rest & n->mask) != n->value)
			continue;
		fprintf(out, "%s%s", sep, n->name);
		rest &= ~n->mask;
		sep = "|";
	}
	if (xlat == TF_X_CLONE && (rest & 0xff) && tf_name(TF_X_SIGNAL, rest & 0xff)) {
		fprintf(out, "%s%s", sep, tf_name(TF_X_SIGNAL, rest & 0xff));
		rest &= ~0xffull;
		sep = "|";
	}
	if (rest && (bits || xlat == TF_X_HEX))
		fprintf(out, "%s%#" PRIx64, sep, rest);
	else if (rest)
		fprintf(out, "%" PRId64, (int64_t)rest);
	else if (!*sep)
		fputs("0", out);
}
