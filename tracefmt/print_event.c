/*
 * Events that are not calls: signals, images, clock reads, the recorder's notes. Tools
 * only. Fields are read from the event's own msgpack, which is not trusted.
 */
#include <inttypes.h>
#include <string.h>
#include "parts.h"

const char *tf_event_kind(unsigned id)
{
	static const char *const kinds[] = {
	    [TF_EV_SYNC] = "sync",     [TF_EV_IMAGE] = "image",
	    [TF_EV_THREAD] = "thread", [TF_EV_SIGNAL] = "signal",
	    [TF_EV_CLOCK] = "clock",   [TF_EV_OUTPUT] = "output",
	    [TF_EV_SPAWN] = "spawn",   [TF_EV_CHILD] = "child",
	    [TF_EV_EXEC] = "exec",     [TF_EV_NOTE] = "note",
	    [TF_EV_FILE] = "file",     [TF_EV_END] = "end",     [TF_EV_START] = "start",
	    [TF_EV_PREEMPT] = "preempt", [TF_EV_MEMORY] = "memory",
	    [TF_EV_SHADOW] = "shadow", [TF_EV_DOMAIN] = "domain",
	};

	if (id < sizeof(kinds) / sizeof(kinds[0]) && kinds[id])
		return kinds[id];
	return "unknown";
}

void tf_put_siginfo(FILE *out, const uint8_t *bytes, size_t len)
{
	enum {
		ILL = 4,
		TRAP = 5,
		BUS = 7,
		FPE = 8,
		SEGV = 11,
		CHLD = 17,
		SI_TIMER = -2
	};
	int signo, code;
	unsigned names;

	if (len < 48) {
		tf_put_text(out, bytes, len, 0);
		return;
	}
	signo = (int)tf_le(bytes, 4);
	code = (int)tf_le(bytes + 8, 4);
	names = code <= 0 || code == 128 ? TF_X_SI_CODE
		: signo == CHLD		 ? TF_X_CLD
		: signo == SEGV		 ? TF_X_SEGV
		: signo == FPE		 ? TF_X_FPE
					 : TF_X_0;
	fputs("{si_signo=", out);
	tf_put_signal(out, signo);
	fputs(", si_code=", out);
	tf_put_names(out, names, (uint64_t)(int64_t)code);
	if (code > 0 && code != 128 &&
	    (signo == ILL || signo == TRAP || signo == BUS || signo == FPE ||
	     signo == SEGV)) {
		fprintf(out, ", si_addr=%#" PRIx64, tf_le(bytes + 16, 8));
	} else if (code == SI_TIMER) {
		fprintf(out, ", si_timerid=%d, si_overrun=%d",
			(int)tf_le(bytes + 16, 4), (int)tf_le(bytes + 20, 4));
	} else if (code != 128) {
		fprintf(out, ", si_pid=%d, si_uid=%u", (int)tf_le(bytes + 16, 4),
			(unsigned)tf_le(bytes + 20, 4));
		if (signo == CHLD && code > 0) {
			fputs(", si_status=", out);
			if (code == 1) /* CLD_EXITED */
				fprintf(out, "%d", (int)tf_le(bytes + 24, 4));
			else
				tf_put_signal(out, (int)tf_le(bytes + 24, 4));
		}
	}
	putc('}', out);
}

/* Text as it is, quoted and escaped if it could disturb a line or a terminal. */
static void put_plain(FILE *out, const uint8_t *text, uint32_t len)
{
	bool plain = len && tf_is_text(text, len);

	for (uint32_t i = 0; i < len; i++)
		plain &= text[i] >= 0x20;
	if (plain)
		fwrite(text, 1, len, out);
	else if (len)
		tf_put_text(out, text, len, 0);
}

static void put_strings(FILE *out, struct tf_in *in)
{
	uint32_t count = tf_get_array(in);

	putc('[', out);
	for (uint32_t i = 0; i < count && !in->bad; i++) {
		uint32_t len;
		const uint8_t *bytes = tf_get_bytes(in, &len);

		if (in->bad)
			break;
		fputs(i ? ", " : "", out);
		tf_put_text(out, bytes, len, 0);
	}
	putc(']', out);
}

/* The image's map: the path first, then argv, whatever their order. */
static void put_image(FILE *out, struct tf_in *in)
{
	struct tf_in argv = {NULL, NULL, 1};
	const uint8_t *exe = NULL;
	uint32_t exe_len = 0, count = tf_get_map(in);

	for (uint32_t i = 0; i < count && !in->bad; i++) {
		uint32_t len;
		const uint8_t *key = tf_get_bytes(in, &len);

		if (in->bad)
			break;
		if (len == 4 && !memcmp(key, "argv", 4))
			argv = *in;
		if (len == 3 && !memcmp(key, "exe", 3))
			exe = tf_get_bytes(in, &exe_len);
		else
			tf_skip(in);
	}
	fputs("+++ image ", out);
	put_plain(out, exe, exe_len);
	if (!argv.bad) {
		putc(' ', out);
		put_strings(out, &argv);
	}
	fputs(" +++", out);
}

static void put_clock(FILE *out, const struct deja_event *ev, struct tf_in *in)
{
	int which = (int)tf_get_int(in);
	int64_t delta = tf_get_int(in);

	if (which == TF_CLOCK_GETTIMEOFDAY) {
		fputs("gettimeofday() = ", out);
	} else if (which == TF_CLOCK_TIME) {
		fputs("time() = ", out);
	} else {
		fputs("clock_gettime(", out);
		tf_put_names(out, TF_X_CLOCK, (uint64_t)which);
		fputs(") = ", out);
	}
	/* The decoder gives the value; the event itself only holds the difference. */
	if (ev->result)
		fprintf(out, "%" PRId64 ".%09" PRId64, ev->result / 1000000000,
			ev->result % 1000000000);
	else
		fprintf(out, "%+" PRId64 " ns", delta);
}

static void put_exec(FILE *out, struct tf_in *in)
{
	uint32_t len;
	const uint8_t *path = tf_get_bytes(in, &len);
	int64_t external = tf_get_int(in), stream = tf_get_int(in);

	fputs("+++ exec ", out);
	put_plain(out, path, len);
	if (external)
		fprintf(out, ", not recorded (reason %" PRId64 ")", external);
	else if (stream)
		fprintf(out, ", continues as stream %" PRId64, stream);
	fputs(" +++", out);
}

static void put_note(FILE *out, const char *before, struct tf_in *in)
{
	uint32_t len;
	const uint8_t *text = tf_get_bytes(in, &len);

	fprintf(out, "+++ %s: ", before);
	put_plain(out, text, len);
	fputs(" +++", out);
}

void tf_put_event(FILE *out, const struct deja_event *ev)
{
	struct tf_in in = tf_in_bytes(ev->raw);
	int64_t a, b;
	uint32_t len;
	const uint8_t *bytes;

	tf_get_array(&in);
	tf_get_int(&in);
	switch (ev->id) {
	case TF_EV_SYNC:
		fputs("+++ sync +++", out);
		break;
	case TF_EV_IMAGE:
		tf_get_int(&in);
		put_image(out, &in);
		break;
	case TF_EV_THREAD:
		fprintf(out, "+++ thread %" PRId64 " +++", tf_get_int(&in));
		break;
	case TF_EV_SIGNAL:
		tf_get_int(&in);
		a = tf_get_int(&in);
		bytes = tf_get_bytes(&in, &len);
		fputs("--- ", out);
		tf_put_signal(out, (int)a);
		putc(' ', out);
		tf_put_siginfo(out, bytes, len);
		fputs(" ---", out);
		break;
	case TF_EV_CLOCK:
		put_clock(out, ev, &in);
		break;
	case TF_EV_OUTPUT:
		a = tf_get_int(&in);
		b = tf_get_int(&in);
		fprintf(out, "+++ output %" PRId64 " to %s +++", a,
			b == TF_ROLE_STDOUT   ? "stdout"
			: b == TF_ROLE_STDERR ? "stderr"
					      : "?");
		break;
	case TF_EV_SPAWN:
		fprintf(out, "+++ the next child is stream %" PRId64 " +++",
			tf_get_int(&in));
		break;
	case TF_EV_CHILD:
		tf_get_int(&in);
		a = tf_get_int(&in);
		b = tf_get_int(&in);
		fprintf(out,
			"+++ child %" PRId64 " of %" PRId64 " (stream %" PRId64 ") +++",
			b, tf_get_int(&in), a);
		break;
	case TF_EV_EXEC:
		tf_get_int(&in);
		put_exec(out, &in);
		break;
	case TF_EV_NOTE:
		put_note(out, "note", &in);
		break;
	case TF_EV_FILE:
		fprintf(out, "+++ the next mmap maps stored file %" PRId64 " +++",
			tf_get_int(&in));
		break;
	case TF_EV_MEMORY:
		a = tf_get_int(&in);
		tf_get_bytes(&in, &len);
		fprintf(out, "+++ %u bytes at %#" PRIx64 " were written as well +++", len,
			(uint64_t)a);
		break;
	case TF_EV_SHADOW:
		fprintf(out, "+++ the next call changes mapped file %" PRId64 " +++",
			tf_get_int(&in));
		break;
	case TF_EV_DOMAIN:
		a = tf_get_int(&in);
		fprintf(out, "+++ turn %" PRId64 " of domain %" PRId64 " begins +++",
			tf_get_int(&in), a);
		break;
	case TF_EV_PREEMPT:
		fputs("+++ stopped in program code +++", out);
		break;
	case TF_EV_START:
		fputs("+++ begins to run +++", out);
		break;
	case TF_EV_END:
		tf_get_int(&in);
		put_note(out, "recording stopped here", &in);
		break;
	default:
		fprintf(out, "+++ event of unknown id %u +++", ev->id);
	}
}
