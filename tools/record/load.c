/*
 * See load.h. What counts is how long writers waited in the last window, then the share of it in
 * which the supervisor was awake, and whether it had to wait for a processor itself: on a machine
 * that has nothing to spare, thoroughness would be paid by the program. The last level is a sixth
 * faster than the one before.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "tools/record/load.h"

enum {
	WINDOW_NS = 50 * 1000 * 1000,
	WAIT_FASTER = 25, /* percent that writers waited: compress faster from here on */
	BUSY_SLOWER = 60, /* percent awake: come back to the usual level below */
	BUSY_IDLE = 8,	  /* the best level only below, */
	STARVED_IDLE = 4, /* and while a processor was there for us all the time */
	USUAL = 1,
};

static const int levels[] = {3, 1, -5};
enum { STEP_COUNT = sizeof(levels) / sizeof(levels[0]) };

/* ns for which we were ready to run and did not; 0 where the kernel does not count. */
static uint64_t starved(void)
{
	char text[96];
	unsigned long long ran, waited = 0;
	int fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	return sscanf(text, "%llu %llu", &ran, &waited) == 2 ? waited : 0;
}

void load_begin(struct load *l, int64_t now_ns)
{
	*l = (struct load){.start_ns = now_ns, .starved_ns = starved(), .step = USUAL};
}

void load_slept(struct load *l, int64_t ns)
{
	l->idle_ns += ns;
}

void load_look(struct load *l, int64_t now_ns, uint64_t waited_ns)
{
	int64_t elapsed = now_ns - l->start_ns, busy, starving, waited;
	uint64_t starved_ns;

	if (elapsed < WINDOW_NS)
		return;
	starved_ns = starved();
	busy = 100 - l->idle_ns * 100 / elapsed;
	starving = (int64_t)(starved_ns - l->starved_ns) * 100 / elapsed;
	waited = (int64_t)(waited_ns - l->waited_ns) * 100 / elapsed;
	if (waited > WAIT_FASTER)
		l->step += l->step + 1 < STEP_COUNT;
	else if (busy < BUSY_SLOWER && l->step > USUAL)
		l->step--;
	else if (busy < BUSY_IDLE && starving < STARVED_IDLE && starved_ns)
		l->step = 0;
	else if (!l->step)
		l->step = USUAL;
	l->start_ns = now_ns;
	l->idle_ns = 0;
	l->starved_ns = starved_ns;
	l->waited_ns = waited_ns;
}

int load_level(const struct load *l)
{
	return levels[l->step];
}
