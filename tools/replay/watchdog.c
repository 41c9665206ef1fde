/*
 * A replay that makes no progress any more: nothing but the processor's time tells a long
 * computation from processes that wait for each other. Called by the supervisor of a replay.
 */
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "tools/replay/watchdog.h"
#include "tracefmt/calls.h"
#include "tracefmt/print.h"
#include "tracefmt/wire.h"

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static bool read_line(const char *path, char *line, size_t len)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(line, (int)len, f);

	if (f)
		fclose(f);
	if (ok)
		line[strcspn(line, "\n")] = 0;
	return ok;
}

static bool is_live(const struct slot *slot)
{
	return slot->state != SLOT_FREE && slot->stream && slot->live_pid > 0;
}

/* Ticks used by the process; *stopped is set when somebody holds it. */
static uint64_t cpu_of(int pid, bool *stopped)
{
	unsigned long user = 0, system = 0;
	char path[64], line[1024], *p, state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (!read_line(path, line, sizeof(line)) || !(p = strrchr(line, ')')))
		return 0;
	sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state, &user,
	       &system);
	if (state == 'T' || state == 't')
		*stopped = true;
	return user + system;
}

/* The number and arguments of the call that a thread is in. */
static bool call_of(int pid, int tid, long *nr, unsigned long arg[3])
{
	char path[64], line[512];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	return read_line(path, line, sizeof(line)) && isdigit((unsigned char)line[0]) &&
	       sscanf(line, "%ld %lx %lx %lx", nr, &arg[0], &arg[1], &arg[2]) >= 2;
}

/* Calls `each` for every thread of the process until it returns true. */
static bool any_thread(int pid, bool (*each)(void *, int pid, int tid), void *data)
{
	char path[64];
	struct dirent *e;
	DIR *dir;
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && !found && (e = readdir(dir)))
		if (atoi(e->d_name))
			found = each(data, pid, atoi(e->d_name));
	if (dir)
		closedir(dir);
	return found;
}

/* Whoever reads our output takes his time: nobody's fault here. */
static bool is_writing(void *data, int pid, int tid)
{
	unsigned long arg[3];
	long nr;

	(void)data;
	return call_of(pid, tid, &nr, arg) && nr == 1;
}

/* Neither ended nor waiting for what another thread or process is to do here: the runtime's own
 * wait, which may be made of many short ones. */
static bool is_busy(void *data, int pid, int tid)
{
	char path[64], line[512];
	unsigned long addr;
	long nr;

	(void)data;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", pid, tid);
	for (int i = 0; i < 4; i++) {
		if (!read_line(path, line, sizeof(line)) || line[0] == '-')
			return false;
		if (sscanf(line, "%ld %lx", &nr, &addr) == 2)
			return nr != SYS_futex || addr < DJ_PRIVATE || addr >= DJ_SESSION + SESSION_LEN;
		nanosleep(&(struct timespec){0, 500000}, NULL);
	}
	return true;
}

/* When a process ended that has no event left; never, where that is not known. */
static int64_t end_of(deja_recording *rec, uint32_t stream)
{
	const struct deja_header *h = deja_header(rec);

	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].stream == stream && h->processes[i].complete)
			return h->processes[i].end_ns;
	return INT64_MAX;
}

/* How long at most any of the processes took, when recorded, from its last event to the one that is
 * due, or to its end. */
static int64_t longest_gap_ns(struct session *shared, deja_recording *rec)
{
	struct deja_error err = {0};
	struct deja_event ev;
	int64_t longest = 0;

	for (unsigned i = 0; i < shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(shared, i);
		deja_cursor *cur = is_live(slot) ? deja_cursor_open(rec, slot->stream, &err) : NULL;
		uint64_t last = slot->event_no ? slot->event_no : 1;

		if (cur && !deja_seek_event(cur, last, &err) && deja_next(cur, &ev, &err) > 0) {
			int64_t from = ev.time_ns, to = end_of(rec, slot->stream), gap;

			if (deja_next(cur, &ev, &err) > 0)
				to = ev.time_ns;
			if (!__builtin_sub_overflow(to, from, &gap) && gap > longest)
				longest = gap;
		}
		if (cur)
			deja_cursor_close(cur);
	}
	return longest;
}

/* Called when no stream has moved and somebody computes. */
static bool computes_for_ever(struct watchdog *w, int64_t limit, struct session *shared,
			      deja_recording *rec)
{
	double used = (double)(w->cpu - w->event_cpu) / (double)sysconf(_SC_CLK_TCK);
	double most = 6 * (double)limit / 1e9;

	if (used < most)
		return false;
	w->computes = used > most + WATCHDOG_FACTOR * ((double)longest_gap_ns(shared, rec) / 1e9);
	return w->computes;
}

bool watchdog_stuck(struct watchdog *w, struct session *shared, deja_recording *rec)
{
	const char *set = getenv("DEJA_WATCHDOG");
	int64_t limit = (set ? atoll(set) : WATCHDOG_SECONDS) * INT64_C(1000000000);
	int64_t now = now_ns();
	uint64_t streams = shared->output_seq, cpu = 0;
	bool stopped = false, busy = false;

	if (!limit || (w->since_ns && now - w->looked_ns < limit / 20))
		return false;
	w->looked_ns = now;
	for (unsigned i = 0; i < shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(shared, i);

		if (!is_live(slot))
			continue;
		stopped |= slot->pacing; /* it was told to */
		streams = (streams ^ slot->stream) * 0x100000001b3u + slot->consumed +
			  slot->event_no;
		cpu += cpu_of(slot->live_pid, &stopped);
	}
	/* who waits takes some of the processor's time, too */
	for (unsigned i = 0; cpu != w->cpu && !busy && i < shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(shared, i);

		busy = is_live(slot) && any_thread(slot->live_pid, is_busy, NULL);
	}
	w->cpu = cpu;
	if (!w->since_ns || streams != w->streams || stopped || cpu < w->event_cpu)
		w->event_cpu = cpu;
	else if (busy && computes_for_ever(w, limit, shared, rec))
		return true;
	if (!w->since_ns || streams != w->streams || busy || stopped) {
		w->since_ns = now;
		w->streams = streams;
	}
	if (now - w->since_ns < limit)
		return false;
	for (unsigned i = 0; i < shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(shared, i);

		if (is_live(slot) && any_thread(slot->live_pid, is_writing, NULL)) {
			w->since_ns = now;
			return false;
		}
	}
	return true;
}

/* --- the report --- */

struct teller {
	FILE *out;
	const struct session *shared;
	const struct slot *slot;
};

static void tell_turn(const struct teller *teller)
{
	const struct slot *slot = teller->slot;
	uint32_t d = slot->domain_awaited - 1;
	uint64_t due = teller->shared->domains[d].due;

	fprintf(teller->out, "waits for turn %" PRIu64 " of domain %u: ", slot->turn_awaited, d);
	if (TURN_STREAM(due))
		fprintf(teller->out, "turn %" PRIu64 " is stream %u's\n", (uint64_t)TURN_NUMBER(due),
			TURN_STREAM(due));
	else
		fprintf(teller->out, "turn %" PRIu64 " is due\n", (uint64_t)TURN_NUMBER(due) + 1);
}

static bool tell_thread(void *data, int pid, int tid)
{
	const struct teller *teller = data;
	const struct tf_call *call;
	char path[64], name[64];
	unsigned long arg[3] = {0};
	long nr = -1;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", pid, tid);
	if (!read_line(path, name, sizeof(name)))
		strcpy(name, "?");
	fprintf(teller->out, "    thread %d here (%s) ", tid, name);
	/* who waits step by step may be between two of them */
	for (int i = 0; !call_of(pid, tid, &nr, arg) && i < 20; i++)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	if (nr < 0) {
		fputs("is not in a call\n", teller->out);
		return false;
	}
	call = tf_call_by_nr(nr);
	if (nr == 202 && arg[0] >= (uint64_t)((struct session *)DJ_SESSION)->domains &&
	    arg[0] < (uint64_t)(((struct session *)DJ_SESSION)->domains + DOMAIN_COUNT) &&
	    teller->slot->domain_awaited - 1 < DOMAIN_COUNT)
		tell_turn(teller);
	else if (nr == 202 && arg[0] >= DJ_SESSION && arg[0] < DJ_SESSION + SESSION_LEN)
		fprintf(teller->out, "waits for another process's output (%" PRIu64
			" so far)\n", teller->shared->output_seq);
	else if (nr == 202 && arg[0] >= DJ_PRIVATE && arg[0] < DJ_SESSION)
		fputs("waits for its turn\n", teller->out);
	else
		fprintf(teller->out, "waits in %s\n", call ? call->name : "an unknown call");
	return false;
}

static void tell_head(FILE *out, const struct slot *slot, deja_recording *rec)
{
	struct deja_error err = {0};
	struct deja_event ev;
	deja_cursor *cur = deja_cursor_open(rec, slot->stream, &err);

	fprintf(out, "    event %" PRIu64 " is due: ", slot->event_no + 1);
	if (!cur || deja_seek_event(cur, slot->event_no + 1, &err) ||
	    deja_next(cur, &ev, &err) <= 0) {
		fputs("none, the stream ends here\n", out);
	} else {
		fprintf(out, "thread %d: ", ev.tid);
		tf_print_short(out, &ev);
	}
	if (cur)
		deja_cursor_close(cur);
}

void watchdog_report(FILE *out, const struct watchdog *w, struct session *shared,
		     deja_recording *rec)
{
	struct teller teller = {out, shared, NULL};

	fprintf(out, "deja: the replay makes no progress: %s\n",
		w->computes ? "it computes far longer than the recorded run did, and its next event does "
			      "not come"
			    : "its processes wait for each other");
	for (unsigned i = 0; i < shared->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(shared, i);

		if (slot->state == SLOT_FREE || !slot->stream)
			continue;
		fprintf(out, "  stream %u, process %d here:\n", slot->stream, slot->live_pid);
		tell_head(out, slot, rec);
		teller.slot = slot;
		if (slot->live_pid > 0)
			any_thread(slot->live_pid, tell_thread, &teller);
	}
}
