/*
 * `deja stat`: how often, how long, how many bytes; by call, peer, path, process or class.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/json.h"
#include "tools/moment.h"
#include "tools/read/stat.h"

static void add_slow(struct stat_result *s, const struct deja_event *ev)
{
	size_t i = s->slow_count;

	if (!s->slow_max || ev->dur_ns <= 0 ||
	    (i == s->slow_max && s->slow[i - 1].dur_ns >= ev->dur_ns))
		return;
	if (i == s->slow_max)
		i--;
	else
		s->slow_count++;
	for (; i > 0 && s->slow[i - 1].dur_ns < ev->dur_ns; i--)
		s->slow[i] = s->slow[i - 1];
	s->slow[i] = (struct stat_slow){.dur_ns = ev->dur_ns, .time_ns = ev->time_ns,
					.stream = ev->stream, .pid = ev->pid,
					.number = ev->number, .id = ev->id};
}

/* The key of an event in buf; false: it has none. */
static bool key_of(enum stat_by by, const struct deja_event *ev,
		   const struct deja_sight *sight, deja_tracker *t, char *buf, size_t len)
{
	const struct deja_io *io = sight->io, *other = sight->other;

	switch (by) {
	case STAT_BY_CALL:
		snprintf(buf, len, "%s",
			 deja_call_name(sight->moved_by ? sight->moved_by : ev->id));
		return true;
	case STAT_BY_PROCESS:
		snprintf(buf, len, "%d", (int)ev->pid);
		return true;
	case STAT_BY_CLASS:
		for (unsigned bit = 1; deja_class_name(bit); bit <<= 1)
			if (sight->classes & bit) {
				snprintf(buf, len, "%s", deja_class_name(bit));
				return true;
			}
		snprintf(buf, len, "other");
		return true;
	case STAT_BY_PEER:
		if (!(io && io->peer) && !(other && other->peer))
			return false;
		snprintf(buf, len, "%s", io && io->peer ? io->peer : other->peer);
		return true;
	case STAT_BY_PATH:
		for (unsigned arg = 0; arg < 6; arg++)
			if (deja_tracker_path(t, ev, arg, buf, len))
				return true;
		if (!io || !io->path || io->kind == DEJA_IO_SOCKET)
			return false;
		snprintf(buf, len, "%s", io->path);
		return true;
	}
	return false;
}

static void count_bytes(struct tally *one, const struct deja_sight *sight)
{
	for (size_t i = 0; i < sight->leg_count; i++)
		*(sight->leg[i].inbound ? &one->in_len : &one->out_len) += sight->leg[i].len;
}

static void count_event(struct stat_result *s, struct tally *one,
			const struct deja_event *ev, const struct deja_sight *sight)
{
	bool failed = deja_event_failed(ev);

	one->count++;
	one->error_count += failed;
	s->count++;
	s->error_count += failed;
	s->total_ns += ev->dur_ns;
	tally_time(&s->tallies, one, ev->dur_ns);
	count_bytes(one, sight);
}

/* Counts the calls that pass the filter. The exit status. */
static int stat_count(struct stat_result *s, deja_recording *rec, const deja_filter *filter,
	       enum stat_by by)
{
	struct reading r;
	struct deja_event ev;
	struct deja_sight sight;
	char key[4400];
	int64_t last_ns = 0;

	if (!reading_begin(&r, rec, filter, DEJA_LOOK_TRACK, "counted"))
		return CMD_UNREADABLE;
	while (reading_next(&r, &ev, &sight)) {
		struct tally *one;

		last_ns = ev.time_ns > last_ns ? ev.time_ns : last_ns;
		if (!deja_call_name(sight.moved_by ? sight.moved_by : ev.id) ||
		    !key_of(by, &ev, &sight, deja_look_tracker(r.look), key, sizeof(key)))
			continue;
		one = tally_of(&s->tallies, key);
		if (!one)
			break;
		if (sight.moved_by) { /* of a call that comes itself */
			count_bytes(one, &sight);
			continue;
		}
		count_event(s, one, &ev, &sight);
		add_slow(s, &ev);
	}
	s->duration_ns = deja_header(rec)->duration_ns;
	if (!s->duration_ns)
		s->duration_ns = last_ns;
	if (s->tallies.no_memory)
		cmd_error("out of memory: the counts are not complete");
	return reading_end(&r);
}

static double share(int64_t part_ns, int64_t whole_ns)
{
	return whole_ns > 0 ? 100.0 * (double)part_ns / (double)whole_ns : 0;
}

static void print_us(int64_t ns)
{
	printf(" %10.1f", (double)ns / 1000);
}

static void print_table(const struct stat_result *s, const struct tally **sorted,
			const char *what, deja_recording *rec)
{
	char event[MOMENT_LEN];

	printf("%9s %8s %12s %12s %11s %6s %10s %10s %10s %10s  %s\n", "COUNT", "ERRORS", "IN",
	       "OUT", "SECONDS", "SHARE", "P50 us", "P90 us", "P99 us", "MAX us", what);
	for (size_t i = 0; i < s->tallies.count; i++) {
		const struct tally *one = sorted[i];

		printf("%9" PRIu64 " %8" PRIu64 " %12" PRIu64 " %12" PRIu64 " %11.6f %5.1f%%",
		       one->count, one->error_count, one->in_len, one->out_len,
		       (double)one->total_ns / 1e9, share(one->total_ns, s->duration_ns));
		print_us(tally_quantile(one, 0.5));
		print_us(tally_quantile(one, 0.9));
		print_us(tally_quantile(one, 0.99));
		print_us(one->max_ns);
		fputs("  ", stdout);
		cmd_print_text(stdout, one->key);
		putchar('\n');
	}
	printf("%9" PRIu64 " %8" PRIu64 " %12s %12s %11.6f %5.1f%%\n", s->count, s->error_count, "",
	       "", (double)s->total_ns / 1e9, share(s->total_ns, s->duration_ns));
	for (size_t i = 0; i < s->slow_count; i++) {
		const struct stat_slow *slow = &s->slow[i];

		if (!i)
			puts("\nSlowest");
		printf("  %10.6f s  %s  %s, done at %" PRId64 ".%06" PRId64 "\n",
		       (double)slow->dur_ns / 1e9,
		       moment_event(rec, slow->stream, slow->pid, slow->number, event),
		       deja_call_name(slow->id), slow->time_ns / 1000000000,
		       slow->time_ns / 1000 % 1000000);
	}
}

static void print_json(const struct stat_result *s, const struct tally **sorted)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_int(&j, "duration_ns", s->duration_ns);
	json_uint(&j, "count", s->count);
	json_uint(&j, "errors", s->error_count);
	json_int(&j, "total_ns", s->total_ns);
	json_open(&j, "rows", '[');
	for (size_t i = 0; i < s->tallies.count; i++) {
		const struct tally *one = sorted[i];

		json_open(&j, NULL, '{');
		json_text(&j, "key", one->key);
		json_uint(&j, "count", one->count);
		json_uint(&j, "errors", one->error_count);
		json_uint(&j, "in_bytes", one->in_len);
		json_uint(&j, "out_bytes", one->out_len);
		json_int(&j, "total_ns", one->total_ns);
		json_real(&j, "share", share(one->total_ns, s->duration_ns) / 100);
		json_int(&j, "p50_ns", tally_quantile(one, 0.5));
		json_int(&j, "p90_ns", tally_quantile(one, 0.9));
		json_int(&j, "p99_ns", tally_quantile(one, 0.99));
		json_int(&j, "max_ns", one->max_ns);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_open(&j, "slowest", '[');
	for (size_t i = 0; i < s->slow_count; i++) {
		json_open(&j, NULL, '{');
		json_text(&j, "call", deja_call_name(s->slow[i].id));
		json_uint(&j, "stream", s->slow[i].stream);
		json_uint(&j, "event", s->slow[i].number);
		json_int(&j, "pid", s->slow[i].pid);
		json_int(&j, "time_ns", s->slow[i].time_ns);
		json_int(&j, "dur_ns", s->slow[i].dur_ns);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
}

static const char *const by_names[] = {"call", "peer", "path", "process", "class"};

static bool parse_by(const char *text, enum stat_by *by)
{
	for (size_t i = 0; i < sizeof(by_names) / sizeof(by_names[0]); i++)
		if (!strcmp(text, by_names[i])) {
			*by = (enum stat_by)i;
			return true;
		}
	cmd_error("stat: --by '%s': there are call, peer, path, process, class", text);
	return false;
}

static bool parse_count(const char *text, size_t *count)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || n > STAT_SLOWEST_MAX) {
		cmd_error("stat: --slowest '%s' is no number up to %d", text, STAT_SLOWEST_MAX);
		return false;
	}
	*count = n;
	return true;
}

static int print_stat(deja_recording *rec, const deja_filter *filter, enum stat_by by,
		      size_t slowest, bool json)
{
	struct stat_result *s = calloc(1, sizeof(*s));
	const struct tally **sorted;
	int status;

	if (!s) {
		cmd_error("out of memory");
		return CMD_FAILED;
	}
	s->slow_max = slowest;
	status = stat_count(s, rec, filter, by);
	sorted = tallies_sorted(&s->tallies);
	if (!sorted)
		status = CMD_FAILED;
	else if (status != CMD_UNREADABLE || s->count) {
		static const char *const heads[] = {"CALL", "PEER", "PATH", "PROCESS", "CLASS"};

		if (json)
			print_json(s, sorted);
		else
			print_table(s, sorted, heads[by], rec);
	}
	free(sorted);
	tallies_free(&s->tallies);
	free(s);
	return status;
}

/* Both whole. */
static int compare_with(deja_recording *rec, const char *other, enum stat_by by, size_t most,
			bool json)
{
	struct stat_result *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	int status, status_b;
	deja_recording *rec_b = cmd_open(other, &status);

	if (rec_b && a && b) {
		status = stat_count(a, rec, NULL, by);
		status_b = stat_count(b, rec_b, NULL, by);
		if (!status)
			status = status_b;
		if (!status)
			status = stat_compare(rec, rec_b, a, b, most, json);
		tallies_free(&a->tallies);
		tallies_free(&b->tallies);
	}
	if (rec_b)
		deja_close(rec_b);
	free(a);
	free(b);
	return status;
}

int cmd_stat(int argc, char **argv)
{
	struct selection selection = {0};
	enum stat_by by = STAT_BY_CALL;
	const char *compare = NULL;
	size_t slowest = 5;
	bool json = false;
	int key, status;
	deja_recording *rec;
	deja_filter *filter;

	while ((key = select_getopt(&selection, argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if ((key == CMD_OPT_BY && !parse_by(optarg, &by)) ||
		    (key == CMD_OPT_SLOWEST && !parse_count(optarg, &slowest)))
			return CMD_FAILED;
		if (key == CMD_OPT_COMPARE)
			compare = optarg;
		json |= key == CMD_OPT_JSON;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (compare && selection.count) {
		cmd_error("stat: --compare takes the recordings whole; leave the selection out");
		return CMD_FAILED;
	}
	rec = select_open(&selection, argv[0], argv[optind], &filter, &status);
	if (!rec)
		return status;
	cmd_stdout_begin();
	status = compare ? compare_with(rec, compare, by, slowest, json)
			 : print_stat(rec, filter, by, slowest, json);
	deja_filter_free(filter);
	deja_close(rec);
	return cmd_stdout_end(status);
}
