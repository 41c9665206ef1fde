/*
 * See moment.h.
 */
#include <inttypes.h>
#include "tools/moment.h"
#include "tracefmt/print.h"

const char *moment_time(int64_t ns, char buf[MOMENT_LEN])
{
	snprintf(buf, MOMENT_LEN, "%" PRId64 ".%06" PRId64 "s", ns / 1000000000,
		 ns / 1000 % 1000000);
	return buf;
}

const char *moment_event(deja_recording *rec, uint32_t stream, int32_t pid, uint64_t number,
			 char buf[MOMENT_LEN])
{
	const struct deja_header *h = deja_header(rec);
	static const struct deja_header *asked;
	static int32_t asked_pid;
	static unsigned count;

	/* Mostly the same process again. */
	if (asked != h || asked_pid != pid) {
		asked = h;
		asked_pid = pid;
		count = 0;
		for (size_t i = 0; i < h->process_count; i++)
			count += h->processes[i].pid == pid;
	}
	if (count == 1)
		snprintf(buf, MOMENT_LEN, "%d#%" PRIu64, (int)pid, number);
	else
		snprintf(buf, MOMENT_LEN, "p%" PRIu32 "#%" PRIu64, stream, number);
	return buf;
}

void moment_excerpt(FILE *out, const uint8_t *bytes, size_t len, size_t most)
{
	tf_print_text(out, bytes, len, most);
}
