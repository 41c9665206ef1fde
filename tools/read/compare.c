/*
 * `deja stat --compare`: two recordings side by side. Their processes are taken in pairs by the
 * number of their streams, and the calls of a pair are walked together: where they part, the
 * nearest place is looked for at which both go on alike. A call is alike when it is the same
 * system call with the same outcome (or error) on the same paths; times, addresses, process ids
 * and payloads differ from run to run and are not looked at.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/json.h"
#include "tools/moment.h"
#include "tools/read/stat.h"
#include "tracefmt/calls.h"
#include "tracefmt/print.h"

enum { WINDOW = 128, ALIKE = 3 };

/* One call of a window. */
struct mark {
	uint64_t hash, number;
	int64_t time_ns;
	unsigned id;
};

struct walk {
	deja_recording *rec;
	deja_cursor *cur;
	struct mark mark[WINDOW];
	size_t count;
	bool ended;
	int32_t pid;
	uint64_t alone; /* calls that the other does not have */
	struct mark first; /* of those */
};

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint64_t hash_of(const struct deja_event *ev)
{
	const struct tf_call *call = tf_call_by_id(ev->id);
	uint64_t h = mix(ev->id, ev->result < 0 && ev->result >= -4095 ? (uint64_t)ev->result : 0);

	for (size_t i = 0; call && i < ev->item_count && i < DEJA_ITEM_MAX; i++) {
		const struct deja_item *item = &ev->items[i];

		if (!item->present || item->is_digest || item->arg >= call->nargs ||
		    call->arg[item->arg].rule != TF_CSTR)
			continue;
		for (size_t k = 0; k < item->bytes.len; k++)
			h = mix(h, item->bytes.data[k]);
	}
	return h;
}

static void fill(struct walk *w)
{
	struct deja_event ev;
	struct deja_error err;

	while (!w->ended && w->count < WINDOW) {
		if (deja_next(w->cur, &ev, &err) <= 0) {
			w->ended = true;
			break;
		}
		w->pid = ev.pid;
		if (deja_call_name(ev.id))
			w->mark[w->count++] = (struct mark){hash_of(&ev), ev.number, ev.time_ns, ev.id};
	}
}

static void drop(struct walk *w, size_t n, bool alone)
{
	if (alone && n) {
		if (!w->alone)
			w->first = w->mark[0];
		w->alone += n;
	}
	w->count -= n;
	memmove(w->mark, w->mark + n, w->count * sizeof(w->mark[0]));
}

/* How many calls from here on are alike, at most ALIKE. */
static size_t alike(const struct walk *a, size_t i, const struct walk *b, size_t k)
{
	size_t n = 0;

	while (n < ALIKE && i + n < a->count && k + n < b->count &&
	       a->mark[i + n].hash == b->mark[k + n].hash)
		n++;
	return n;
}

/* Walks a pair to its end. Returns how many calls were alike. */
static uint64_t walk_pair(struct walk *a, struct walk *b)
{
	uint64_t same = 0;

	for (;;) {
		size_t n = 0;

		fill(a);
		fill(b);
		while (n < a->count && n < b->count && a->mark[n].hash == b->mark[n].hash)
			n++;
		same += n;
		drop(a, n, false);
		drop(b, n, false);
		if (n)
			continue;
		if (!a->count || !b->count)
			break;
		/* They part. The nearest place where both go on alike, else one call on. */
		for (size_t far = 1; far < 2 * WINDOW && !n; far++)
			for (size_t i = far < WINDOW ? 0 : far - WINDOW + 1;
			     i <= far && i < a->count; i++)
				if (far - i < b->count &&
				    (alike(a, i, b, far - i) == ALIKE ||
				     (alike(a, i, b, far - i) &&
				      (i + 1 == a->count || far - i + 1 == b->count)))) {
					drop(a, i, true);
					drop(b, far - i, true);
					n = 1;
					break;
				}
		if (!n) {
			drop(a, 1, true);
			drop(b, 1, true);
		}
	}
	while (a->count) {
		drop(a, a->count, true);
		fill(a);
	}
	while (b->count) {
		drop(b, b->count, true);
		fill(b);
	}
	return same;
}

/* --- what parts first --- */

struct parting {
	bool found;
	uint32_t stream;
	struct walk a, b;
	int64_t time_ns;
};

static bool has_stream(const deja_recording *rec, uint32_t stream)
{
	size_t lo = 0, hi = deja_stream_count(rec);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (deja_stream_at(rec, mid) < stream)
			lo = mid + 1;
		else
			hi = mid;
	}
	return deja_stream_at(rec, lo) == stream;
}

static void walk_all(deja_recording *a, deja_recording *b, struct parting *first,
		     uint64_t *same, uint64_t *alone_a, uint64_t *alone_b)
{
	static struct walk wa, wb;
	size_t count_a = deja_stream_count(a), count = count_a + deja_stream_count(b);

	for (size_t i = 0; i < count; i++) {
		uint32_t stream =
		    i < count_a ? deja_stream_at(a, i) : deja_stream_at(b, i - count_a);
		struct deja_error err;
		int64_t time_ns;

		/* Those of the second that the first has, too, were in its turn. */
		if (stream == DEJA_STREAM_EXTERNAL || (i >= count_a && has_stream(a, stream)))
			continue;
		wa = (struct walk){.rec = a, .cur = deja_cursor_open(a, stream, &err)};
		wb = (struct walk){.rec = b, .cur = deja_cursor_open(b, stream, &err)};
		wa.ended = !wa.cur;
		wb.ended = !wb.cur;
		*same += walk_pair(&wa, &wb);
		*alone_a += wa.alone;
		*alone_b += wb.alone;
		time_ns = wa.alone ? wa.first.time_ns : wb.first.time_ns;
		if ((wa.alone || wb.alone) && (!first->found || time_ns < first->time_ns))
			*first = (struct parting){true, stream, wa, wb, time_ns};
		if (wa.cur)
			deja_cursor_close(wa.cur);
		if (wb.cur)
			deja_cursor_close(wb.cur);
	}
}

static void print_event_of(deja_recording *rec, uint32_t stream, uint64_t number)
{
	struct deja_error err;
	struct deja_event ev;
	deja_cursor *cur = deja_cursor_open(rec, stream, &err);

	if (cur && deja_seek_event(cur, number, &err) == 0 && deja_next(cur, &ev, &err) == 1)
		tf_print_call(stdout, &ev, NULL);
	if (cur)
		deja_cursor_close(cur);
}

static void print_side(const char *name, const struct walk *w, uint32_t stream)
{
	char event[MOMENT_LEN];

	if (!w->alone) {
		printf("  only in the other: nothing in %s\n", name);
		return;
	}
	printf("  %s %s: ", name, moment_event(w->rec, stream, w->pid, w->first.number, event));
	print_event_of(w->rec, stream, w->first.number);
	putchar('\n');
}

/* --- what differs most --- */

struct difference {
	const struct tally *a, *b; /* either may be NULL */
	int64_t ns, count;
};

static int64_t magnitude(int64_t n)
{
	return n < 0 ? -n : n;
}

static int by_magnitude(const void *a, const void *b)
{
	const struct difference *x = a, *y = b;

	if (magnitude(x->ns) != magnitude(y->ns))
		return magnitude(x->ns) > magnitude(y->ns) ? -1 : 1;
	if (magnitude(x->count) != magnitude(y->count))
		return magnitude(x->count) > magnitude(y->count) ? -1 : 1;
	return strcmp(x->a ? x->a->key : x->b->key, y->a ? y->a->key : y->b->key);
}

static struct difference difference_of(const struct tally *a, const struct tally *b)
{
	return (struct difference){a, b, (b ? b->total_ns : 0) - (a ? a->total_ns : 0),
				   (int64_t)(b ? b->count : 0) - (int64_t)(a ? a->count : 0)};
}

static struct difference *list_differences(const struct stat_result *in_a,
					   const struct stat_result *in_b, size_t *count)
{
	const struct tally **a = tallies_sorted(&in_a->tallies);
	const struct tally **b = tallies_sorted(&in_b->tallies);
	struct difference *d = calloc(in_a->tallies.count + in_b->tallies.count + 1, sizeof(*d));
	size_t n = 0;

	for (size_t i = 0; a && b && d && i < in_a->tallies.count; i++)
		d[n++] = difference_of(a[i], tally_find(&in_b->tallies, a[i]->key));
	for (size_t i = 0; a && b && d && i < in_b->tallies.count; i++)
		if (!tally_find(&in_a->tallies, b[i]->key))
			d[n++] = difference_of(NULL, b[i]);
	if (n)
		qsort(d, n, sizeof(*d), by_magnitude);
	free(a);
	free(b);
	*count = n;
	return d;
}

static void print_words(const struct parting *first, uint64_t same, uint64_t alone_a,
			uint64_t alone_b, const struct difference *d, size_t count, size_t most)
{
	printf("%" PRIu64 " calls alike, %" PRIu64 " only in the first, %" PRIu64
	       " only in the second\n",
	       same, alone_a, alone_b);
	if (first->found) {
		puts("\nFirst difference");
		print_side("first ", &first->a, first->stream);
		print_side("second", &first->b, first->stream);
	}
	printf("\n%10s %10s %12s %12s %12s  %s\n", "COUNT 1", "COUNT 2", "SECONDS 1", "SECONDS 2",
	       "DIFFERENCE", "MOST");
	for (size_t i = 0; i < count && i < most; i++) {
		printf("%10" PRIu64 " %10" PRIu64 " %12.6f %12.6f %+12.6f  ",
		       d[i].a ? d[i].a->count : 0, d[i].b ? d[i].b->count : 0,
		       d[i].a ? (double)d[i].a->total_ns / 1e9 : 0,
		       d[i].b ? (double)d[i].b->total_ns / 1e9 : 0, (double)d[i].ns / 1e9);
		cmd_print_text(stdout, d[i].a ? d[i].a->key : d[i].b->key);
		putchar('\n');
	}
}

static void json_side(struct json *j, const char *key, const struct walk *w, uint32_t stream)
{
	if (!w->alone) {
		json_null(j, key);
		return;
	}
	json_open(j, key, '{');
	json_uint(j, "stream", stream);
	json_int(j, "pid", w->pid);
	json_uint(j, "event", w->first.number);
	json_text(j, "call", deja_call_name(w->first.id));
	json_int(j, "time_ns", w->first.time_ns);
	json_close(j, '}');
}

static void print_json(const struct parting *first, uint64_t same, uint64_t alone_a,
		       uint64_t alone_b, const struct difference *d, size_t count)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_uint(&j, "alike", same);
	json_uint(&j, "only_first", alone_a);
	json_uint(&j, "only_second", alone_b);
	if (first->found) {
		json_open(&j, "first_difference", '{');
		json_side(&j, "first", &first->a, first->stream);
		json_side(&j, "second", &first->b, first->stream);
		json_close(&j, '}');
	} else {
		json_null(&j, "first_difference");
	}
	json_open(&j, "rows", '[');
	for (size_t i = 0; i < count; i++) {
		json_open(&j, NULL, '{');
		json_text(&j, "key", d[i].a ? d[i].a->key : d[i].b->key);
		json_uint(&j, "count_first", d[i].a ? d[i].a->count : 0);
		json_uint(&j, "count_second", d[i].b ? d[i].b->count : 0);
		json_int(&j, "ns_first", d[i].a ? d[i].a->total_ns : 0);
		json_int(&j, "ns_second", d[i].b ? d[i].b->total_ns : 0);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
}

int stat_compare(deja_recording *a, deja_recording *b, const struct stat_result *in_a,
		 const struct stat_result *in_b, size_t most, bool json)
{
	static struct parting first;
	uint64_t same = 0, alone_a = 0, alone_b = 0;
	size_t count;
	struct difference *d = list_differences(in_a, in_b, &count);

	if (!d) {
		cmd_error("out of memory");
		return CMD_FAILED;
	}
	walk_all(a, b, &first, &same, &alone_a, &alone_b);
	if (json)
		print_json(&first, same, alone_a, alone_b, d, count);
	else
		print_words(&first, same, alone_a, alone_b, d, count, most ? most : 10);
	free(d);
	return 0;
}
