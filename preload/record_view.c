/*
 * The recorder: /proc/PID/status shows the signals that the program has blocked, ignored
 * and caught, not those that the runtime has. Descriptors of such files carry a role, which
 * follows them through dup and fork as those of the output do.
 */
#include <sys/syscall.h>
#include "record.h"

enum { LINK_MAX_LEN = 64, DIGITS = 16 };

/* Is this descriptor, opened by that name, a process's status file? */
bool view_is_status(const char *path, long fd)
{
	static const char tail[] = "/status";
	char link[32] = "/proc/self/fd/", target[LINK_MAX_LEN];
	size_t len;
	long n;

	if (!dj_starts(path, "/proc/"))
		return false;
	len = dj_strlen(path);
	if (len < sizeof(tail) || dj_compare(path + len - (sizeof(tail) - 1), tail, sizeof(tail)))
		return false;
	*dj_put_dec(link + 14, fd) = 0;
	n = dj_raw(SYS_readlink, link, target, sizeof(target));
	return n > (long)sizeof(tail) && n < LINK_MAX_LEN && dj_starts(target, "/proc/") &&
	       target[6] >= '0' && target[6] <= '9';
}

static void set_bit(uint8_t *digits, unsigned signo, bool on)
{
	static const char text[] = "0123456789abcdef";
	uint8_t *d = digits + DIGITS - 1 - (signo - 1) / 4;
	unsigned v = (unsigned)(*d <= '9' ? *d - '0' : *d - 'a' + 10), bit = 1u << (signo - 1) % 4;

	*d = (uint8_t)text[on ? v | bit : v & ~bit];
}

void view_status(uint8_t *text, size_t len)
{
	static const uint8_t ours[] = {SIGSYS_NR, SIGILL_NR, 7, 8, 11}; /* SIGBUS, SIGFPE, SIGSEGV */

	for (size_t i = 0; i + 8 + DIGITS <= len; i++) {
		if (text[i] != 'S' || text[i + 1] != 'i' || text[i + 2] != 'g')
			continue;
		for (unsigned k = 0; k < sizeof(ours) / sizeof(ours[0]); k++) {
			uint64_t handler = RT->actions.action[ours[k]].handler;

			if (k && !(RT->actions.known & SIG_BIT(ours[k])))
				continue;
			if (!dj_compare(text + i, "SigBlk:\t", 8) &&
			    (dj_self()->sigsys_blocked & SIG_BIT(ours[k])))
				set_bit(text + i + 8, ours[k], true);
			else if (!dj_compare(text + i, "SigIgn:\t", 8))
				set_bit(text + i + 8, ours[k], handler == 1);
			else if (!dj_compare(text + i, "SigCgt:\t", 8))
				set_bit(text + i + 8, ours[k], handler > 1);
		}
	}
}
