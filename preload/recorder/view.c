/*
 * The recorder: files of /proc that show more than the program's own. /proc/PID/status shows the
 * signals that it has blocked, ignored and caught, not those that the runtime has; what is written
 * to /proc/PID/mem is memory (mem_file.c). Descriptors of such files carry a role, which follows them through dup
 * and fork as those of the output do.
 */
#include <sys/syscall.h>
#include "record.h"

enum { LINK_MAX_LEN = 64, DIGITS = 16 };

static bool ends_in(const char *s, size_t len, const char *tail)
{
	size_t tail_len = dj_strlen(tail);

	return len > tail_len && !dj_compare(s + len - tail_len, tail, tail_len);
}

int64_t view_process(long fd)
{
	char link[32] = "/proc/self/fd/", target[LINK_MAX_LEN];
	int64_t pid = 0;
	long n;

	*dj_put_dec(link + 14, fd) = 0;
	n = dj_raw(SYS_readlink, link, target, sizeof(target));
	if (n < 7 || n == LINK_MAX_LEN || dj_compare(target, "/proc/", 6))
		return 0;
	for (long i = 6; i < n && target[i] >= '0' && target[i] <= '9'; i++)
		pid = pid * 10 + (target[i] - '0');
	return pid;
}

uint8_t view_role(const char *path, long fd)
{
	size_t len;
	uint8_t role;

	if (!dj_starts(path, "/proc/"))
		return TF_ROLE_NONE;
	len = dj_strlen(path);
	role = ends_in(path, len, "/status") ? ROLE_STATUS : ends_in(path, len, "/mem") ? ROLE_MEMORY
											 : TF_ROLE_NONE;
	return role && view_process(fd) ? role : TF_ROLE_NONE;
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
