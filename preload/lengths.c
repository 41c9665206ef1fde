/*
 * How long the memory of a call's argument is, from its row's rule. Any context.
 */
#include "runtime.h"

size_t dj_string_len(const struct tf_arg *arg, const char *s)
{
	const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
	size_t max = arg->unit ? arg->unit : ~(size_t)0, n = 0;

	while (n < max && ((uintptr_t)(s + n) & 7) && s[n])
		n++;
	/* whole words, which never reach into the next page */
	if (n < max && s[n] && !((uintptr_t)(s + n) & 7))
		while (n + 8 <= max) {
			uint64_t word = *(const uint64_t *)(s + n);

			if ((word - ones) & ~word & tops)
				break;
			n += 8;
		}
	while (n < max && s[n])
		n++;
	return n == max ? n : n + 1;
}

size_t dj_mem_len(const struct tf_arg *arg, const void *mem, const unsigned long *args,
		  long result, bool after, unsigned long lenptr_capacity)
{
	unsigned long ref = arg->ref ? args[arg->ref - 1] : 0;
	size_t len;

	switch (arg->rule) {
	case TF_FIXED:
		return arg->unit;
	case TF_ARG:
		return ref * arg->unit;
	case TF_RESULT:
		if (!after)
			return ref * arg->unit;
		len = result > 0 ? (size_t)result * arg->unit : 0;
		if (arg->ref && len > ref * arg->unit)
			len = ref * arg->unit;
		return len;
	case TF_LENPTR: {
		uint32_t now;

		if (!ref)
			return 0;
		now = *(const uint32_t *)ref;
		return now < lenptr_capacity ? now : lenptr_capacity;
	}
	case TF_IOVEC:
		len = result > 0 ? (size_t)result : 0;
		return len;
	case TF_PAGES:
		return (ref + 4095) / 4096 * arg->unit;
	case TF_MSGBUF:
		if (arg->dir == TF_RX && after)
			return sizeof(long) + (result > 0 ? (size_t)result : 0);
		return sizeof(long) + ref;
	case TF_SELFLEN:
		len = arg->unit + *(const uint32_t *)mem;
		return arg->ref && len > ref ? ref : len;
	case TF_FDSET:
		return (int)ref <= 0 ? 0 : (ref + 63) / 64 * 8;
	case TF_POLLFD:
		return ref * 8;
	}
	return 0;
}
