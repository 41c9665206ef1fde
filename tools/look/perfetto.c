/*
 * A trace for the Perfetto UI, in the JSON trace event format: a track per process and thread, a
 * slice per call, counters for the bytes each way and the time of the last call, instants for
 * signals and turns.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tools/look/look.h"
#include "tracefmt/parts.h"
#include "tracefmt/print.h"
#include "tracefmt/wire.h"

/* A process whose name was given, and its counters. */
struct track {
	int32_t pid;
	uint64_t in, out;
};

struct perfetto {
	FILE *out;
	struct export *e;
	struct track *track;
	size_t track_count;
	uint64_t *threads; /* pid and tid that were named, sorted */
	size_t thread_count;
	bool any;
};

static void begin(struct perfetto *p)
{
	fputs(p->any ? ",\n" : "\n", p->out);
	p->any = true;
}

static void put_us(FILE *out, int64_t ns)
{
	fprintf(out, "%" PRId64 ".%03" PRId64, ns / 1000, ns % 1000);
}

static void name_process(struct perfetto *p, const struct deja_event *ev)
{
	const struct deja_header *h = deja_header(p->e->rec);
	const struct deja_process *found = NULL;
	char name[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].stream == ev->stream)
			found = &h->processes[i];
	for (size_t i = 0; found && i < found->argc && n < sizeof(name) - 1; i++)
		n += (size_t)snprintf(name + n, sizeof(name) - n, "%s%s", i ? " " : "",
				      found->argv[i]);
	begin(p);
	fprintf(p->out, "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%d,\"args\":{\"name\":",
		(int)ev->pid);
	tf_json_string(p->out, *name ? name : "process", strlen(*name ? name : "process"));
	fputs("}}", p->out);
}

static struct track *track_of(struct perfetto *p, const struct deja_event *ev)
{
	struct track *grown;

	for (size_t i = p->track_count; i-- > 0;)
		if (p->track[i].pid == ev->pid)
			return &p->track[i];
	grown = realloc(p->track, (p->track_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	p->track = grown;
	grown[p->track_count] = (struct track){.pid = ev->pid};
	name_process(p, ev);
	return &p->track[p->track_count++];
}

static void name_thread(struct perfetto *p, const struct deja_event *ev)
{
	uint64_t key = (uint64_t)(uint32_t)ev->pid << 32 | (uint32_t)ev->tid;
	size_t lo = 0, hi = p->thread_count;
	uint64_t *grown;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->threads[mid] < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < p->thread_count && p->threads[lo] == key)
		return;
	grown = realloc(p->threads, (p->thread_count + 1) * sizeof(*grown));
	if (!grown)
		return;
	p->threads = grown;
	memmove(&grown[lo + 1], &grown[lo], (p->thread_count - lo) * sizeof(*grown));
	grown[lo] = key;
	p->thread_count++;
	begin(p);
	fprintf(p->out,
		"{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":"
		"\"%s %d\"}}",
		(int)ev->pid, (int)ev->tid, ev->pid == ev->tid ? "main" : "thread", (int)ev->tid);
}

static void put_slice(struct perfetto *p, const struct deja_event *ev,
		      const struct deja_sight *sight)
{
	const char *failure =
	    deja_event_failed(ev) ? tf_errno_name((int)-ev->result) : NULL;
	char text[4400];

	begin(p);
	fputs("{\"ph\":\"X\",\"ts\":", p->out);
	put_us(p->out, ev->time_ns - ev->dur_ns);
	fputs(",\"dur\":", p->out);
	put_us(p->out, ev->dur_ns);
	fprintf(p->out,
		",\"pid\":%d,\"tid\":%d,\"name\":\"%s\",\"cat\":\"%s\",\"args\":{\"event\":%" PRIu64
		",\"stream\":%" PRIu32 ",\"result\":%" PRId64,
		(int)ev->pid, (int)ev->tid, deja_call_name(ev->id),
		sight->classes ? deja_class_name(sight->classes & -sight->classes) : "other",
		ev->number, ev->stream, ev->result);
	if (failure)
		fprintf(p->out, ",\"errno\":\"%s\"", failure);
	if (sight->io) {
		fprintf(p->out, ",\"io\":%" PRIu32 ",\"what\":", sight->io->id);
		deja_io_text(sight->io, text, sizeof(text));
		tf_json_string(p->out, text, strlen(text));
	}
	fputs("}}", p->out);
}

static void put_counters(struct perfetto *p, const struct deja_event *ev,
			 const struct deja_sight *sight, struct track *track)
{
	for (size_t i = 0; i < sight->leg_count; i++)
		*(sight->leg[i].inbound ? &track->in : &track->out) += sight->leg[i].len;
	begin(p);
	fputs("{\"ph\":\"C\",\"name\":\"bytes\",\"ts\":", p->out);
	put_us(p->out, ev->time_ns);
	fprintf(p->out, ",\"pid\":%d,\"args\":{\"in\":%" PRIu64 ",\"out\":%" PRIu64 "}}",
		(int)ev->pid, track->in, track->out);
	if (ev->dur_ns <= 0)
		return;
	begin(p);
	fputs("{\"ph\":\"C\",\"name\":\"latency us\",\"ts\":", p->out);
	put_us(p->out, ev->time_ns);
	fprintf(p->out, ",\"pid\":%d,\"args\":{\"us\":", (int)ev->pid);
	put_us(p->out, ev->dur_ns);
	fputs("}}", p->out);
}

static void put_instant(struct perfetto *p, const struct deja_event *ev, const char *name,
			const char *category)
{
	begin(p);
	fputs("{\"ph\":\"i\",\"s\":\"t\",\"ts\":", p->out);
	put_us(p->out, ev->time_ns);
	fprintf(p->out, ",\"pid\":%d,\"tid\":%d,\"cat\":\"%s\",\"name\":", (int)ev->pid,
		(int)ev->tid, category);
	tf_json_string(p->out, name, strlen(name));
	fprintf(p->out, ",\"args\":{\"event\":%" PRIu64 ",\"stream\":%" PRIu32 "}}", ev->number,
		ev->stream);
}

static void put_event(struct perfetto *p, const struct deja_event *ev,
		      const struct deja_sight *sight, deja_tracker *t)
{
	struct track *track = track_of(p, ev);
	struct deja_turn turn;
	char name[64];

	name_thread(p, ev);
	if (deja_call_name(ev->id))
		put_slice(p, ev, sight);
	else if (ev->id == TF_EV_SIGNAL || ev->id == TF_EV_IMAGE || ev->id == TF_EV_PREEMPT)
		put_instant(p, ev, tf_event_kind(ev->id), "event");
	if (track && sight->leg_count)
		put_counters(p, ev, sight, track);
	for (size_t index = 0; deja_tracker_turn(t, ev, sight, &index, &turn);) {
		snprintf(name, sizeof(name), "turn %" PRIu64, turn.number);
		put_instant(p, ev, name, "turn");
	}
}

int export_perfetto(struct export *e)
{
	struct perfetto p = {.out = e->out, .e = e};
	struct reading r;
	struct deja_event ev;
	struct deja_sight sight;
	int status;

	if (!reading_begin(&r, e->rec, e->filter, DEJA_LOOK_TRACK, "exported"))
		return CMD_UNREADABLE;
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", e->out);
	while (!ferror(e->out) && reading_next(&r, &ev, &sight))
		put_event(&p, &ev, &sight, deja_look_tracker(r.look));
	fputs("\n]}\n", e->out);
	status = reading_end(&r);
	free(p.track);
	free(p.threads);
	return status;
}
