/*
 * See report.h. The recording is opened anew, so that the report depends on nothing of
 * the replay's state but the struct.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include "tools/cmd.h"
#include "tools/replay/report.h"
#include "tools/replay/report_cause.h"
#include "tools/replay/stack.h"
#include "tools/replay/stacks.h"
#include "tracefmt/calls.h"
#include "tracefmt/parts.h"
#include "tracefmt/wire.h"

enum { EVENTS_BEFORE = 10, LIVE_MEMORY_MAX = 256, SEARCH_BACK_MAX = 100000 };

/* What the kinds are called, and what usually lies behind them. */
static const struct {
	const char *words;
	const char *cause;
} kinds[] = {
    [0] = {"something that has no name", "deja itself is wrong"},
    [DIVERGED_CALL] =
	{"it made another call",
	 "the program took another way: an earlier value came from something deja does "
	 "not capture (a CPU feature, rdtsc, uninitialised memory), or the program or "
	 "one "
	 "of its libraries is not the recorded one"},
    [DIVERGED_ARGUMENT] = {"it passed another argument",
			   "the value was computed from something deja does not "
			   "capture, or the program or "
			   "one of its libraries is not the recorded one"},
    [DIVERGED_BYTES] = {"it sent other bytes",
			"the bytes depend on something deja does not capture "
			"(uninitialised memory, an "
			"address, a CPU feature, rdtsc), or the recording was altered"},
    [DIVERGED_END] =
	{"it went on after the recording's end",
	 "the recorded process ended here, this one did not: it took another "
	 "way since its last call"},
    [DIVERGED_LEFT_OVER] =
	{"it ended before the recording did",
	 "this process ended where the recorded one went on: it took "
	 "another way since its last call"},
    [DIVERGED_MAPS] = {"its memory is laid out differently at the start",
		       "another kernel, stack limit, libc or program than when it was "
		       "recorded"},
    [DIVERGED_LOCAL] =
	{"a call on its own memory or threads gave another result",
	 "memory is laid out differently here, or a limit (ulimit) is lower "
	 "than when it was recorded"},
    [DIVERGED_UNDECODABLE] =
	{"the recorded event does not decode",
	 "the recording is damaged, or another version of deja made "
	 "it"},
    [DIVERGED_DIED] =
	{"it died where the recorded one did not",
	 "the stack below may show the reason; a kill from outside and too "
	 "little memory look the same"},
    [DIVERGED_UNSUPPORTED] = {"it made a call that deja does not support",
			      "`deja info --coverage` lists how every call is treated"},
    [DIVERGED_OTHER] =
	{"a signal, an exec or a program image differs",
	 "the program or one of its libraries is not the recorded one, or "
	 "it took another way since its last call"},
};

/* Calls whose difference has a reason of its own. */
static const struct {
	const char *name, *cause;
} call_causes[] = {
    {"mmap",
     "memory was allocated differently: the program or a library is not the "
     "recorded one, or a size was computed from something deja does not capture"},
    {"brk",
     "memory was allocated differently: the program or a library is not the "
     "recorded one, or a size was computed from something deja does not capture"},
    {"futex", "threads met in another order than when they were recorded"},
    {"sched_yield", "threads met in another order than when they were recorded"},
    {"rt_sigreturn", "a signal was delivered at another place than when recorded"},
    {"exit_group", "the program ended early: its output, above, may say why"},
};

static unsigned known_kind(const struct divergence *d)
{
	return d->kind < sizeof(kinds) / sizeof(kinds[0]) ? d->kind : 0;
}

/* --- what the program does now --- */

static size_t live_read(int32_t pid, unsigned long addr, uint8_t *buf, size_t len)
{
	size_t got = 0;

	/* Page by page: what lies behind the end of a string may not be mapped. */
	while (pid > 0 && got < len) {
		size_t n = 4096 - (addr + got) % 4096;
		struct iovec here = {buf + got, n < len - got ? n : len - got};
		struct iovec there = {(void *)(addr + got), here.iov_len};
		ssize_t part = process_vm_readv(pid, &here, 1, &there, 1, 0);

		if (part <= 0)
			break;
		got += (size_t)part;
	}
	return got;
}

/* The bytes of an outbound argument as far as its size is known before the call. */
static bool live_item(const struct divergence *d, const struct tf_arg *arg,
		      unsigned index, uint8_t *buf, struct deja_item *item)
{
	unsigned long addr = d->args[index];
	unsigned long len = LIVE_MEMORY_MAX;
	struct iovec vec;
	const uint8_t *nul;

	if (!addr || !(arg->dir & TF_TX))
		return false;
	switch (arg->rule) {
	case TF_CSTR:
		break;
	case TF_FIXED:
		len = arg->unit;
		break;
	case TF_ARG:
	case TF_RESULT:
		if (!arg->ref || arg->ref > 6 ||
		    __builtin_mul_overflow(d->args[arg->ref - 1], arg->unit, &len))
			return false;
		break;
	case TF_IOVEC: /* its first part */
		if (live_read(d->live_pid, addr, (uint8_t *)&vec, sizeof(vec)) <
		    sizeof(vec))
			return false;
		addr = (unsigned long)vec.iov_base;
		len = vec.iov_len;
		break;
	default:
		return false;
	}
	if (len > LIVE_MEMORY_MAX)
		len = LIVE_MEMORY_MAX;
	len = live_read(d->live_pid, addr, buf, len);
	if (arg->rule == TF_CSTR && (nul = memchr(buf, 0, len)))
		len = (size_t)(nul - buf) + 1;
	if (!len)
		return false;
	*item = (struct deja_item){
	    .arg = index, .present = true, .bytes = {.data = buf, .len = len}};
	return true;
}

/* `name(arguments)` of a call that has not been made: memory that is not readable yet
 * (inbound) or not here any more is shown by its address. */
static void print_got_call(FILE *out, const struct divergence *d,
			   const struct tf_call *call)
{
	struct deja_event ev = {.id = call->id, .pid = d->pid, .tid = d->tid};
	uint8_t memory[LIVE_MEMORY_MAX];
	struct tf_arg args[6];
	unsigned shown = 0;
	int known;

	for (unsigned i = 0; i < call->nargs && i < 6; i++) {
		ev.args[i] = (long)d->args[i];
		args[i] = tf_arg_resolve(call, i, d->args, &known);
		if (args[i].kind != TF_NONE)
			shown = i + 1;
	}
	fprintf(out, "%s(", call->name);
	for (unsigned i = 0; i < shown; i++) {
		bool memory_arg = args[i].kind == TF_MEM;

		fputs(i ? ", " : "", out);
		ev.item_count =
		    memory_arg && live_item(d, &args[i], i, memory, &ev.items[0]);
		if (d->args[i] &&
		    (args[i].kind == TF_PTR || (memory_arg && !ev.item_count)))
			fprintf(out, "0x%lx", d->args[i]);
		else if (memory_arg && !ev.item_count)
			fputs("NULL", out);
		else
			tf_print_arg(out, &ev, call, i, &args[i]);
	}
	fputs(")", out);
}

static void print_got(FILE *out, const struct divergence *d)
{
	const struct tf_call *call = d->nr >= 0 ? tf_call_by_nr(d->nr) : NULL;

	fputs("  got:      ", out);
	if (known_kind(d) == DIVERGED_LEFT_OVER || known_kind(d) == DIVERGED_DIED) {
		fputs("the end of the process", out);
	} else if (call) {
		print_got_call(out, d, call);
	} else if (d->nr >= 0) {
		fprintf(out, "system call %ld(", d->nr);
		for (unsigned i = 0; i < 6; i++)
			fprintf(out, "%s0x%lx", i ? ", " : "", d->args[i]);
		fputs(")", out);
	} else {
		fputs("no call", out);
	}
	fputc('\n', out);
}

/* --- what was recorded --- */

static void print_expected(FILE *out, const struct divergence *d, deja_recording *rec)
{
	struct deja_error err = {0};
	struct deja_event ev;
	deja_cursor *cur = deja_cursor_open(rec, d->stream, &err);

	fputs("  expected: ", out);
	if (!cur || deja_seek_event(cur, d->event_no, &err) ||
	    deja_next(cur, &ev, &err) <= 0) {
		if (known_kind(d) == DIVERGED_END || err.code == DEJA_E_RANGE ||
		    err.code == DEJA_OK)
			fputs("nothing more: the stream ends here\n", out);
		else
			fprintf(out, "not available: %s\n", err.message);
	} else {
		tf_print_short(out, &ev);
	}
	if (cur)
		deja_cursor_close(cur);
}

/* Calls put with the thread's last events before the one in question, oldest first. */
static void each_before(const struct divergence *d, deja_recording *rec, FILE *out,
			void (*put)(FILE *out, const struct deja_event *ev, bool first))
{
	struct deja_error err = {0};
	struct deja_event ev;
	uint64_t first[EVENTS_BEFORE];
	unsigned count = 0;
	deja_cursor *cur = deja_cursor_open(rec, d->stream, &err);

	/* other threads may have been busy in between: further back until there are enough */
	for (uint64_t back = 64; cur && d->event_no > 1; back *= 8) {
		uint64_t from = d->event_no > back ? d->event_no - back : 1;

		count = 0;
		if (deja_seek_event(cur, from, &err))
			break;
		while (deja_next(cur, &ev, &err) > 0 && ev.number < d->event_no)
			if (ev.id != TF_EV_STACK && (!d->tid || !ev.tid || ev.tid == d->tid))
				first[count++ % EVENTS_BEFORE] = ev.number;
		if (from == 1 || count >= EVENTS_BEFORE || back > SEARCH_BACK_MAX)
			break;
	}
	if (count && !deja_seek_event(cur, count > EVENTS_BEFORE ? first[count % EVENTS_BEFORE]
								 : first[0],
				      &err)) {
		bool begun = false;

		while (deja_next(cur, &ev, &err) > 0 && ev.number < d->event_no)
			if (ev.id != TF_EV_STACK && (!d->tid || !ev.tid || ev.tid == d->tid)) {
				put(out, &ev, !begun);
				begun = true;
			}
	}
	if (cur)
		deja_cursor_close(cur);
}

static void put_before_text(FILE *out, const struct deja_event *ev, bool first)
{
	fprintf(out, "    %6" PRIu64, ev->number);
	tf_print_event(out, ev, NULL);
}

static void print_before(FILE *out, const struct divergence *d, deja_recording *rec)
{
	if (d->event_no <= 1)
		return;
	if (d->tid)
		fprintf(out, "  before it, of thread %d:\n", (int)d->tid);
	else
		fputs("  before it:\n", out);
	each_before(d, rec, out, put_before_text);
}

/* --- differences --- */

static const char *argument_name(const struct divergence *d)
{
	const struct tf_call *call = d->nr >= 0 ? tf_call_by_nr(d->nr) : NULL;

	if (!call || d->arg >= call->nargs || !call->arg[d->arg].name)
		return "?";
	return call->arg[d->arg].name;
}

static void print_hex_line(FILE *out, const char *label, uint64_t at,
			   const uint8_t *bytes, size_t len)
{
	fprintf(out, "    %-8s %06" PRIx64 " ", label, at);
	for (size_t i = 0; i < 16; i++) {
		if (i < len)
			fprintf(out, " %02x", bytes[i]);
		else
			fputs("   ", out);
	}
	fputs("  |", out);
	for (size_t i = 0; i < len; i++)
		fputc(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.', out);
	fputs("|\n", out);
}

static void print_marks(FILE *out, const uint8_t *a, size_t alen, const uint8_t *b,
			size_t blen)
{
	char line[16 * 3 + 1];
	size_t end = 0;

	memset(line, ' ', sizeof(line));
	for (size_t i = 0; i < 16; i++) {
		if ((i >= alen && i >= blen) || (i < alen && i < blen && a[i] == b[i]))
			continue;
		line[3 * i + 1] = line[3 * i + 2] = '^';
		end = 3 * i + 3;
	}
	if (end)
		fprintf(out, "    %-8s %6s %.*s\n", "", "", (int)end, line);
}

static void print_hex(FILE *out, const struct divergence *d)
{
	uint64_t start = divergence_window(d->offset);
	size_t got = d->got_len < DIVERGENCE_BYTES ? d->got_len : DIVERGENCE_BYTES;
	size_t expected =
	    d->expected_len < DIVERGENCE_BYTES ? d->expected_len : DIVERGENCE_BYTES;
	size_t longer = got > expected ? got : expected;

	if (!d->expected_len) {
		fputs("  the recording holds a digest of these bytes only; the "
		      "program's:\n",
		      out);
		start = 0;
	} else {
		fprintf(out, "  first difference at byte %" PRIu64 ":\n", d->offset);
	}
	for (size_t at = 0; at < longer; at += 16) {
		size_t glen = at >= got ? 0 : got - at < 16 ? got - at : 16;
		size_t elen = at >= expected	   ? 0
			      : expected - at < 16 ? expected - at
						   : 16;

		if (expected)
			print_hex_line(out, "expected", start + at,
				       d->expected_bytes + at, elen);
		print_hex_line(out, "got", start + at, d->got_bytes + at, glen);
		if (expected)
			print_marks(out, d->expected_bytes + at, elen,
				    d->got_bytes + at, glen);
	}
}

static void print_difference(FILE *out, const struct divergence *d)
{
	switch (known_kind(d)) {
	case DIVERGED_ARGUMENT:
		fprintf(out,
			"  argument %u (%s): expected %ld (0x%lx), got %ld (0x%lx)\n",
			d->arg + 1, argument_name(d), (long)d->expected, d->expected,
			(long)d->got, d->got);
		break;
	case DIVERGED_BYTES:
		fprintf(out, "  argument %u (%s): ", d->arg + 1, argument_name(d));
		fputs("its bytes differ\n", out);
		print_hex(out, d);
		break;
	case DIVERGED_LOCAL:
		fprintf(out, "  result: expected %ld (0x%lx), got %ld (0x%lx)\n",
			(long)d->expected, d->expected, (long)d->got, d->got);
		break;
	}
}

/* --- why --- */

/* By the kind of difference alone. */
static const char *usual_cause(const struct divergence *d)
{
	unsigned kind = known_kind(d);
	const struct tf_call *call = d->nr >= 0 ? tf_call_by_nr(d->nr) : NULL;

	if (kind == DIVERGED_ARGUMENT && call && d->arg < call->nargs) {
		int known;
		struct tf_arg arg = tf_arg_resolve(call, d->arg, d->args, &known);

		if (arg.kind == TF_FD)
			return "an earlier call gave the program another descriptor";
		if (arg.kind == TF_ADDR)
			return "memory is laid out differently here: another kernel, "
			       "libc "
			       "or program than when it was recorded";
	}
	if (kind == DIVERGED_CALL && call)
		for (size_t i = 0; i < sizeof(call_causes) / sizeof(call_causes[0]);
		     i++)
			if (!strcmp(call->name, call_causes[i].name))
				return call_causes[i].cause;
	return kinds[kind].cause;
}

static void print_surroundings(FILE *out, const struct deja_header *h)
{
	struct utsname uts;
	char cpu[256];

	if (h->kernel && *h->kernel && !uname(&uts) &&
	    strncmp(h->kernel, uts.release, strlen(uts.release))) {
		fputs("  note: recorded on Linux ", out);
		cmd_print_text(out, h->kernel);
		fprintf(out, "; this is Linux %s\n", uts.release);
	}
	if (h->cpu && *h->cpu && cause_cpu_here(cpu, sizeof(cpu)) && strcmp(cpu, h->cpu)) {
		fputs("  note: recorded on a CPU named ", out);
		cmd_print_text(out, h->cpu);
		fprintf(out, "; this is %s\n", cpu);
	}
}

/* --- the report --- */

static void print_event_words(FILE *out, const struct divergence *d)
{
	fprintf(out,
		"deja: replay diverged at event %" PRIu64
		" of process %d (stream %" PRIu32 "): %s\n",
		d->event_no, (int)d->pid, d->stream, kinds[known_kind(d)].words);
}

/* The frames that the expected call was recorded with; 0: none were. */
static size_t recorded_stack(const struct divergence *d, deja_recording *rec,
			     const char *rec_path, struct stacks **stacks,
			     struct unwind_frame frame[UNWIND_FRAME_MAX])
{
	const char *which = deja_header(rec)->stacks;
	struct deja_error err = {0};
	struct deja_event ev;
	deja_cursor *cur;
	size_t count = 0;

	if (!which || !*which || !(*stacks = stacks_open(rec, rec_path)))
		return 0;
	cur = deja_cursor_open(rec, d->stream, &err);
	if (cur && !deja_seek_event(cur, d->event_no, &err) && deja_next(cur, &ev, &err) > 0)
		count = stacks_at(*stacks, &ev, frame);
	if (cur)
		deja_cursor_close(cur);
	return count;
}

static void print_stacks(FILE *out, const struct divergence *d, deja_recording *rec,
			 const char *rec_path, const char *here)
{
	struct unwind_frame frame[UNWIND_FRAME_MAX];
	struct stacks *stacks = NULL;
	size_t count = rec ? recorded_stack(d, rec, rec_path, &stacks, frame) : 0;

	fputs("  stack of the program here:\n", out);
	fputs(here, out);
	if (count) {
		fputs("  stack of the expected call, as recorded:\n", out);
		stacks_print(out, frame, count);
	}
	stacks_close(stacks);
}

/* --- the report as JSON --- */

static void put_text_member(FILE *out, const char *key, const char *text)
{
	fprintf(out, ",\n  \"%s\": ", key);
	tf_json_string(out, text, strlen(text));
}

static void put_hex_member(FILE *out, const char *key, const uint8_t *bytes, size_t len)
{
	fprintf(out, ", \"%s\": \"", key);
	for (size_t i = 0; i < len && i < DIVERGENCE_BYTES; i++)
		fprintf(out, "%02x", bytes[i]);
	putc('"', out);
}

static void put_event_json(FILE *out, const struct deja_event *ev, bool first)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (ev->id == TF_EV_IMAGE) { /* not the whole environment and address space */
		fprintf(out, "%s\n    {\"stream\":%u,\"event\":%" PRIu64 ",\"kind\":\"image\"}",
			first ? "" : ",", ev->stream, ev->number);
		return;
	}
	f = open_memstream(&text, &len);
	if (!f)
		return;
	tf_json_event(f, ev, NULL);
	if (!fclose(f) && len)
		fprintf(out, "%s\n    %.*s", first ? "" : ",", (int)len - 1, text);
	free(text);
}

static void put_difference_json(FILE *out, const struct divergence *d)
{
	unsigned kind = known_kind(d);

	if (kind == DIVERGED_ARGUMENT || kind == DIVERGED_BYTES || kind == DIVERGED_LOCAL) {
		fputs(",\n  \"difference\": {", out);
		if (kind == DIVERGED_LOCAL)
			fputs("\"where\": \"result\"", out);
		else
			fprintf(out, "\"where\": \"argument\", \"argument\": %u, \"name\": "
				"\"%s\"",
				d->arg + 1, argument_name(d));
		if (kind == DIVERGED_BYTES) {
			fprintf(out, ", \"offset\": %" PRIu64 ", \"from\": %" PRIu64, d->offset,
				d->expected_len ? divergence_window(d->offset) : 0);
			put_hex_member(out, "expected", d->expected_bytes, d->expected_len);
			put_hex_member(out, "got", d->got_bytes, d->got_len);
		} else {
			fprintf(out, ", \"expected\": %ld, \"got\": %ld", (long)d->expected,
				(long)d->got);
		}
		putc('}', out);
	}
}

/* Indented lines as an array of texts. */
static void put_lines_json(FILE *out, const char *key, const char *lines)
{
	bool first = true;

	fprintf(out, ",\n  \"%s\": [", key);
	while (*lines) {
		size_t len = strcspn(lines, "\n"), indent = strspn(lines, " ");

		fputs(first ? "\n    " : ",\n    ", out);
		tf_json_string(out, lines + indent, len - indent);
		first = false;
		lines += len + (lines[len] == '\n');
	}
	fputs("]", out);
}

static void put_json(FILE *out, const struct divergence *d, deja_recording *rec,
		     const char *rec_path, const char *here, const struct cause *cause)
{
	struct unwind_frame frame[UNWIND_FRAME_MAX];
	struct stacks *stacks = NULL;
	size_t count = rec ? recorded_stack(d, rec, rec_path, &stacks, frame) : 0;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	fprintf(out, "{\n  \"report\": 1,\n  \"recording\": ");
	tf_json_string(out, rec_path, strlen(rec_path));
	fprintf(out,
		",\n  \"event\": %" PRIu64 ",\n  \"stream\": %" PRIu32
		",\n  \"pid\": %d,\n  \"tid\": %d,\n  \"kind\": %u",
		d->event_no, d->stream, (int)d->pid, (int)d->tid, known_kind(d));
	put_text_member(out, "what", kinds[known_kind(d)].words);
	put_text_member(out, "remark", d->text);
	for (int which = 0; which < 2; which++) {
		f = open_memstream(&text, &len);
		if (!f)
			continue;
		if (which)
			print_got(f, d);
		else if (rec)
			print_expected(f, d, rec);
		if (!fclose(f)) { /* "  got:      TEXT\n" */
			text[strcspn(text, "\n")] = 0;
			put_text_member(out, which ? "got" : "expected",
					len > 12 ? text + 12 : "");
		}
		free(text);
	}
	put_difference_json(out, d);
	fputs(",\n  \"before\": [", out);
	if (rec)
		each_before(d, rec, out, put_event_json);
	fputs("]", out);
	put_lines_json(out, "stack", here);
	if (count) {
		fputs(",\n  \"recorded\": {", out);
		stacks_json(out, frame, count);
		putc('}', out);
	}
	fprintf(out, ",\n  \"cause\": {\"id\": \"%s\", \"text\": ", cause_name(cause->id));
	tf_json_string(out, cause->text, strlen(cause->text));
	fputs(", \"advice\": ", out);
	tf_json_string(out, cause->advice, strlen(cause->advice));
	fputs("}\n}\n", out);
	stacks_close(stacks);
}

static void write_json(const char *path, const struct divergence *d, deja_recording *rec,
		       const char *rec_path, const char *here, const struct cause *cause)
{
	FILE *f = fopen(path, "we");

	if (f)
		put_json(f, d, rec, rec_path, here, cause);
	if (!f || fclose(f))
		cmd_error("--report %s: %s", path, strerror(errno));
}

void report_divergence(FILE *out, const char *json_path, const char *rec_path,
		       const struct divergence *d)
{
	struct deja_error err = {0};
	deja_recording *rec = deja_open(rec_path, &err);
	char text[sizeof(d->text) + 1], *here = NULL;
	struct cause cause;
	size_t len = 0;
	FILE *f;

	f = open_memstream(&here, &len); /* while the process stands still */
	if (f) {
		stack_print(f, d->live_pid, &d->regs, rec, rec_path);
		fclose(f);
	}
	print_event_words(out, d);
	memcpy(text, d->text, sizeof(d->text));
	text[sizeof(d->text)] = '\0';
	if (*text) {
		fputs("  ", out);
		cmd_print_text(out, text);
		fputc('\n', out);
	}
	if (rec)
		print_expected(out, d, rec);
	else
		fprintf(out, "  expected: not available: %s\n", err.message);
	print_got(out, d);
	print_difference(out, d);
	if (rec)
		print_before(out, d, rec);
	print_stacks(out, d, rec, rec_path, here ? here : "");
	cause_find(d, rec, rec_path, &cause);
	if (!cause.text[0])
		snprintf(cause.text, sizeof(cause.text), "%s", usual_cause(d));
	fputs("  likely cause: ", out);
	cmd_print_text(out, cause.text);
	fputc('\n', out);
	if (cause.advice[0])
		fprintf(out, "  what to do: %s\n", cause.advice);
	if (rec)
		print_surroundings(out, deja_header(rec));
	fflush(out);
	if (json_path)
		write_json(json_path, d, rec, rec_path, here ? here : "", &cause);
	if (rec)
		deja_close(rec);
	free(here);
}
