/*
 * See coverage.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "tools/read/coverage.h"
#include "tracefmt/wire.h"
#include "tracefmt/xlat.h"

static const struct {
	enum tf_class cls;
	const char *what;
} sections[] = {
    {TF_RECORD, "performed when recording, served from the recording when replaying"},
    {TF_BYHAND, "recorded and replayed by code of their own"},
    {TF_LOCAL, "performed in both, the result checked"},
    {TF_REFUSE, "answered \"not here\" in both, so that programs fall back"},
};

enum { SECTION_COUNT = sizeof(sections) / sizeof(sections[0]) };

bool coverage_count(struct coverage *c, deja_recording *rec, struct deja_error *err)
{
	deja_cursor *cur = deja_cursor_open(rec, 0, err);
	struct deja_event ev;
	int got;

	c->counted = true;
	if (!cur)
		return false;
	while ((got = deja_next(cur, &ev, err)) > 0 ||
	       (got < 0 && err->code == DEJA_E_TRUNCATED)) {
		if (got < 0)
			continue;
		if (ev.id == TF_EV_CLOCK)
			c->clock_reads++;
		else if (ev.id == TF_EV_SIGNAL)
			c->signals++;
		else if (ev.id < sizeof(c->calls) / sizeof(c->calls[0]))
			c->calls[ev.id]++;
	}
	deja_cursor_close(cur);
	return got == 0;
}

static void print_row(const struct coverage *c, const struct tf_call *call)
{
	uint64_t count = c->calls[call->id];

	printf("  %3d  %-*s", call->nr, c->counted || call->reason ? 24 : 0,
	       call->name);
	if (c->counted && count)
		printf("  %9" PRIu64, count);
	else if (c->counted)
		printf("  %9s", "-");
	if (call->reason)
		printf("  %s", call->reason);
	putchar('\n');
}

/* The sub-table that tells a call's requests apart, or 0. */
static unsigned request_table(const struct tf_call *call)
{
	for (unsigned i = 0; i < call->nargs; i++)
		if (call->arg[i].kind == TF_MEM && call->arg[i].rule == TF_SUB &&
		    call->arg[i].xlat < TF_X_SUB_END)
			return call->arg[i].xlat;
	return 0;
}

/* How the requests of one call are treated: those of the most usual class are counted,
 * the others named. */
static void print_requests(const struct tf_call *call)
{
	unsigned table = request_table(call), count[TF_BYHAND + 1] = {0}, total = 0;
	enum tf_class usual = TF_RECORD;
	const struct tf_sub *sub;

	for (; table && (sub = tf_sub_at(table, total)); total++)
		if (sub->cls <= TF_BYHAND)
			count[sub->cls]++;
	if (!total)
		return;
	for (unsigned cls = 0; cls <= TF_BYHAND; cls++)
		if (count[cls] > count[usual])
			usual = (enum tf_class)cls;
	printf("  %s: %u %s", call->name, count[usual], tf_class_name(usual));
	for (unsigned cls = 0; cls <= TF_BYHAND; cls++) {
		if (cls == usual || !count[cls])
			continue;
		printf("; %s:", tf_class_name((enum tf_class)cls));
		for (unsigned i = 0; (sub = tf_sub_at(table, i)); i++)
			if (sub->cls == cls)
				printf(" %s", sub->name);
	}
	putchar('\n');
}

static void json_requests(struct json *j, const struct tf_call *call)
{
	unsigned table = request_table(call);
	const struct tf_sub *sub;

	if (!table || !tf_sub_at(table, 0))
		return;
	json_open(j, "requests", '[');
	for (unsigned i = 0; (sub = tf_sub_at(table, i)); i++) {
		json_open(j, NULL, '{');
		json_text(j, "name", sub->name);
		json_uint(j, "request", sub->request);
		json_text(j, "class", tf_class_name((enum tf_class)sub->cls));
		json_close(j, '}');
	}
	json_close(j, ']');
}

void coverage_print(const struct coverage *c)
{
	for (size_t s = 0; s < SECTION_COUNT; s++) {
		unsigned count = 0;

		for (long nr = 0; nr < TF_CALL_MAX; nr++) {
			const struct tf_call *call = tf_call_by_nr(nr);

			count += call && call->cls == sections[s].cls;
		}
		printf("%s%s (%u calls): %s\n", s ? "\n" : "",
		       tf_class_name(sections[s].cls), count, sections[s].what);
		for (long nr = 0; nr < TF_CALL_MAX; nr++) {
			const struct tf_call *call = tf_call_by_nr(nr);

			if (call && call->cls == sections[s].cls)
				print_row(c, call);
		}
	}
	printf("\nrequests of one call, where they are told apart\n");
	for (long nr = 0; nr < TF_CALL_MAX; nr++) {
		const struct tf_call *call = tf_call_by_nr(nr);

		if (call)
			print_requests(call);
	}
	if (c->counted)
		printf("\nBesides calls: %" PRIu64
		       " clock reads through the vDSO, %" PRIu64 " signals.\n",
		       c->clock_reads, c->signals);
}

void coverage_json(const struct coverage *c, struct json *j)
{
	json_open(j, "coverage", '[');
	for (long nr = 0; nr < TF_CALL_MAX; nr++) {
		const struct tf_call *call = tf_call_by_nr(nr);

		if (!call)
			continue;
		json_open(j, NULL, '{');
		json_int(j, "nr", call->nr);
		json_uint(j, "id", call->id);
		json_text(j, "name", call->name);
		json_text(j, "class", tf_class_name(call->cls));
		json_text(j, "reason", call->reason);
		if (c->counted)
			json_uint(j, "count", c->calls[call->id]);
		json_requests(j, call);
		json_close(j, '}');
	}
	json_close(j, ']');
	if (!c->counted)
		return;
	json_uint(j, "clock_reads", c->clock_reads);
	json_uint(j, "signals", c->signals);
}
