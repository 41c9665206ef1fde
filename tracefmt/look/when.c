/*
 * Moments, ranges and lengths of time as people type them (deja_look.h): the one parser for
 * all commands. Event references are looked up in the recording.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tracefmt/deja_look.h"
#include "tracefmt/error.h"
#include "tracefmt/recording.h"

enum { NS_DIGITS = 9, TEXT_MAX = 96 };
static const int64_t second_ns = 1000000000;

static int no_moment(const char *text, struct deja_error *err)
{
	return tf_fail(err, DEJA_E_RANGE,
		       "'%.64s' is no moment; they look like 2s, 00:01.200, +100ms, #1234, 4711#12 "
		       "or 2026-01-31T12:00:00Z",
		       text);
}

/* Decimal digits at *p: at least one, at most `max_count`. */
static bool get_digits(const char **p, unsigned max_count, uint64_t *value)
{
	unsigned n = 0;

	for (*value = 0; isdigit((unsigned char)**p); (*p)++, n++) {
		if (n == max_count)
			return false;
		*value = *value * 10 + (uint64_t)(**p - '0');
	}
	return n > 0;
}

/* `.` and digits, as billionths; what is finer is cut. Nothing there: 0. */
static bool get_fraction(const char **p, uint64_t *billionths)
{
	unsigned n = 0;

	*billionths = 0;
	if (**p != '.' && **p != ',')
		return true;
	for ((*p)++; isdigit((unsigned char)**p); (*p)++, n++)
		if (n < NS_DIGITS)
			*billionths = *billionths * 10 + (uint64_t)(**p - '0');
	if (!n)
		return false;
	for (; n < NS_DIGITS; n++)
		*billionths *= 10;
	return true;
}

/* [hours:]minutes:seconds[.fraction] behind the first number. */
static bool get_clock(const char **p, uint64_t first, int64_t *ns)
{
	uint64_t part, fraction, total = first;
	unsigned parts;

	for (parts = 1; **p == ':' && parts < 3; parts++) {
		(*p)++;
		if (!get_digits(p, 2, &part) || part > 59)
			return false;
		total = total * 60 + part;
	}
	if (!get_fraction(p, &fraction) || total > (uint64_t)INT64_MAX / second_ns - 1)
		return false;
	*ns = (int64_t)(total * (uint64_t)second_ns + fraction);
	return true;
}

static bool get_unit(const char **p, uint64_t whole, uint64_t fraction, int64_t *ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {{"ns", 1},		{"us", 1000},	 {"ms", 1000000},
		     {"min", 60000000000}, {"m", 60000000000}, {"h", 3600000000000},
		     {"s", 1000000000}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].name);
		uint64_t unit = (uint64_t)units[i].ns;

		if (strncmp(*p, units[i].name, len) || isalpha((unsigned char)(*p)[len]))
			continue;
		if (whole > (uint64_t)INT64_MAX / unit / 2)
			return false;
		*p += len;
		*ns = (int64_t)(whole * unit + (uint64_t)((double)fraction * 1e-9 * (double)unit + 0.5));
		if (unit == 1000000000)
			*ns = (int64_t)(whole * unit + fraction);
		return true;
	}
	return false;
}

/* A length of time that fills the text. */
static bool get_duration(const char *text, int64_t *ns)
{
	const char *p = text, *point;
	uint64_t whole, fraction;

	if (!get_digits(&p, 15, &whole))
		return false;
	if (*p == ':')
		return get_clock(&p, whole, ns) && !*p;
	point = p;
	if (!get_fraction(&p, &fraction))
		return false;
	if (p > point && !*p) /* seconds, as deja cat prints them */
		p = "s";
	return get_unit(&p, whole, fraction, ns) && !*p;
}

int deja_duration_parse(const char *text, int64_t *ns, struct deja_error *err)
{
	if (get_duration(text, ns))
		return 0;
	return tf_fail(err, DEJA_E_RANGE,
		       "'%.64s' is no length of time; they look like 100ms, 2s, 1.5min or 1:30",
		       text);
}

/* YYYY-MM-DD[Thh:mm[:ss[.fraction]]][Z|+hh:mm] as ns since 1970. */
static bool get_iso(const char *text, int64_t *realtime_ns)
{
	struct tm tm = {.tm_isdst = -1};
	uint64_t fraction = 0, hours = 0, minutes = 0;
	const char *p = strptime(text, "%Y-%m-%d", &tm);
	int64_t zone = 0;
	bool local = true;
	time_t t;

	if (!p)
		return false;
	if (*p == 'T' || *p == ' ') {
		const char *time = p + 1;

		p = strptime(time, "%H:%M:%S", &tm);
		if (!p)
			p = strptime(time, "%H:%M", &tm);
		if (!p || !get_fraction(&p, &fraction))
			return false;
	}
	if (*p == 'Z') {
		local = false;
		p++;
	} else if (*p == '+' || *p == '-') {
		int sign = *p++ == '-' ? 1 : -1;

		if (!isdigit((unsigned char)p[0]) || !isdigit((unsigned char)p[1]))
			return false;
		hours = (uint64_t)(p[0] - '0') * 10 + (uint64_t)(p[1] - '0');
		p += 2;
		p += *p == ':';
		if (*p && !get_digits(&p, 2, &minutes))
			return false;
		zone = sign * (int64_t)(hours * 3600 + minutes * 60);
		local = false;
	}
	if (*p)
		return false;
	t = local ? mktime(&tm) : timegm(&tm);
	if (t < -4000000000ll || t > 8000000000ll)
		return false;
	*realtime_ns = ((int64_t)t + zone) * second_ns + (int64_t)fraction;
	return true;
}

/* The stream of the one process that had this pid. */
static int stream_of_pid(const deja_recording *rec, uint64_t pid, uint32_t *stream,
			 struct deja_error *err)
{
	unsigned found = 0;

	for (size_t i = 0; i < rec->header.process_count; i++)
		if ((uint64_t)rec->header.processes[i].pid == pid) {
			*stream = rec->header.processes[i].stream;
			found++;
		}
	if (found == 1)
		return 0;
	if (found)
		return tf_fail(err, DEJA_E_RANGE,
			       "several processes had the id %llu; name the stream: p%u#...",
			       (unsigned long long)pid, *stream);
	return tf_fail(err, DEJA_E_RANGE, "no process %llu in this recording; `deja ps` lists them",
		       (unsigned long long)pid);
}

/* #N, PID#N, pSTREAM#N. */
static int parse_event(deja_recording *rec, const char *text, struct deja_when *when,
		       struct deja_error *err)
{
	const char *p = text;
	uint64_t number, value = 1;
	struct deja_error own = {0};
	struct deja_event ev;
	deja_cursor *cur;
	int rc;

	when->stream = 1;
	if (*p == 'p') {
		p++;
		if (!get_digits(&p, 10, &value) || value > UINT32_MAX || !value)
			return no_moment(text, err);
		when->stream = (uint32_t)value;
	} else if (*p != '#') {
		if (!get_digits(&p, 10, &value))
			return no_moment(text, err);
		if (*p == '#' && stream_of_pid(rec, value, &when->stream, err) < 0)
			return -1;
	}
	if (*p++ != '#' || !get_digits(&p, 18, &number) || *p)
		return no_moment(text, err);
	when->number = number;
	cur = deja_cursor_open(rec, when->stream, err);
	if (!cur)
		return -1;
	rc = number ? deja_seek_event(cur, number, &own) : -1;
	if (rc == 0 && deja_next(cur, &ev, &own) == 1) {
		when->time_ns = ev.time_ns;
		deja_cursor_close(cur);
		return 0;
	}
	deja_cursor_close(cur);
	if (own.code && own.code != DEJA_E_RANGE && own.code != DEJA_E_TRUNCATED) {
		if (err)
			*err = own;
		return -1;
	}
	return tf_fail(err, DEJA_E_RANGE, "no event '%.64s': stream %u has fewer", text,
		       when->stream);
}

int deja_when_parse(deja_recording *rec, const char *text, const struct deja_when *base,
		    struct deja_when *when, struct deja_error *err)
{
	struct deja_when w = {0};
	int64_t realtime_ns;

	if (strlen(text) >= TEXT_MAX)
		return no_moment(text, err);
	if (strchr(text, '#')) {
		if (parse_event(rec, text, &w, err) < 0)
			return -1;
	} else if (!strcmp(text, "start")) {
		w.time_ns = 0;
	} else if (!strcmp(text, "end")) {
		w.time_ns = rec->header.duration_ns > 0 ? rec->header.duration_ns : INT64_MAX;
	} else if (text[0] == '+') {
		if (!get_duration(text + 1, &w.time_ns))
			return no_moment(text, err);
		if (base && __builtin_add_overflow(w.time_ns, base->time_ns, &w.time_ns))
			w.time_ns = INT64_MAX;
	} else if (!get_duration(text, &w.time_ns)) {
		if (!get_iso(text, &realtime_ns) ||
		    __builtin_sub_overflow(realtime_ns, rec->header.start_realtime_ns, &w.time_ns))
			return no_moment(text, err);
	}
	*when = w;
	return 0;
}

int deja_range_parse(deja_recording *rec, const char *text, struct deja_range *range,
		     struct deja_error *err)
{
	const char *dots = strstr(text, "..");
	char from[TEXT_MAX];
	struct deja_range r = {0};

	if (!dots) {
		if (deja_when_parse(rec, text, NULL, &r.from, err) < 0)
			return -1;
		r.to = r.from;
		r.has_from = r.has_to = true;
		*range = r;
		return 0;
	}
	if ((size_t)(dots - text) >= sizeof(from) || (dots == text && !dots[2]))
		return tf_fail(err, DEJA_E_RANGE, "'%.64s' is no range; they look like 1s..2s, 1s.. "
						  "or #10..#20",
			       text);
	memcpy(from, text, (size_t)(dots - text));
	from[dots - text] = '\0';
	r.has_from = dots > text;
	r.has_to = dots[2];
	if ((r.has_from && deja_when_parse(rec, from, NULL, &r.from, err) < 0) ||
	    (r.has_to &&
	     deja_when_parse(rec, dots + 2, r.has_from ? &r.from : NULL, &r.to, err) < 0))
		return -1;
	if (r.has_from && r.has_to &&
	    (r.from.stream && r.from.stream == r.to.stream ? r.from.number > r.to.number
							   : r.from.time_ns > r.to.time_ns))
		return tf_fail(err, DEJA_E_RANGE, "the range '%.64s' ends before it begins", text);
	*range = r;
	return 0;
}

static int compare(const struct deja_event *ev, const struct deja_when *when)
{
	if (when->stream == ev->stream)
		return ev->number < when->number ? -1 : ev->number > when->number;
	return ev->time_ns < when->time_ns ? -1 : ev->time_ns > when->time_ns;
}

int deja_range_compare(const struct deja_range *range, const struct deja_event *ev)
{
	if (range->has_from && compare(ev, &range->from) < 0)
		return -1;
	return range->has_to && compare(ev, &range->to) > 0;
}

bool deja_range_has(const struct deja_range *range, const struct deja_event *ev)
{
	return deja_range_compare(range, ev) == 0;
}
