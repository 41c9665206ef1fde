/*
 * How far packing or unpacking has come, for a person at a terminal.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tools/bundle/bundle.h"
#include "tools/cmd.h"

enum { BAR_LEN = 30, STEP_NS = 100 * 1000 * 1000 };

static bool shown;

void progress(const char *what, uint64_t done, uint64_t total)
{
	static int terminal = -1;
	static int64_t last_ns;
	char bar[BAR_LEN + 1], a[32], b[32];
	struct timespec ts;
	int64_t now_ns;
	size_t full;

	if (terminal < 0)
		terminal = isatty(2);
	if (!terminal || !total)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now_ns = ts.tv_sec * 1000000000ll + ts.tv_nsec;
	if (now_ns - last_ns < STEP_NS)
		return;
	last_ns = now_ns;
	if (done > total)
		done = total;
	full = (size_t)((double)done / (double)total * BAR_LEN);
	memset(bar, '#', full);
	memset(bar + full, ' ', BAR_LEN - full);
	bar[BAR_LEN] = 0;
	fprintf(stderr, "\r%s [%s] %3d%%, %s of %s\033[K", what, bar,
		(int)((double)done / (double)total * 100), cmd_size_text(done, a, sizeof(a)),
		cmd_size_text(total, b, sizeof(b)));
	shown = true;
}

void progress_end(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}
