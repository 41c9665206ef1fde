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
	    [TF_EV_SHADOW] = "shadow", [TF_EV_DOMAIN] = "domain", [TF_EV_TSC] = "tsc",
	    [TF_EV_ADDRESS] = "address", [TF_EV_STACK] = "stack", [TF_EV_MOVED] = "moved", [TF_EV_INSN] = "instruction",
	};

	if (id < sizeof(kinds) / sizeof(kinds[0]) && kinds[id])
		return kinds[id];
	return "unknown";
}

void tf_put_siginfo(struct tf_text *out, const uint8_t *bytes, size_t len)
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
	tf_puts(out, "{si_signo=");
	tf_put_signal(out, signo);
	tf_puts(out, ", si_code=");
	tf_put_names(out, names, (uint64_t)(int64_t)code);
	if (code > 0 && code != 128 &&
	    (signo == ILL || signo == TRAP || signo == BUS || signo == FPE ||
	     signo == SEGV)) {
		tf_put(out, ", si_addr=%#" PRIx64, tf_le(bytes + 16, 8));
	} else if (code == SI_TIMER) {
		tf_put(out, ", si_timerid=%d, si_overrun=%d",
			(int)tf_le(bytes + 16, 4), (int)tf_le(bytes + 20, 4));
	} else if (code != 128) {
		tf_put(out, ", si_pid=%d, si_uid=%u", (int)tf_le(bytes + 16, 4),
			(unsigned)tf_le(bytes + 20, 4));
		if (signo == CHLD && code > 0) {
			tf_puts(out, ", si_status=");
			if (code == 1) /* CLD_EXITED */
				tf_put(out, "%d", (int)tf_le(bytes + 24, 4));
			else
				tf_put_signal(out, (int)tf_le(bytes + 24, 4));
		}
	}
	tf_putc(out, '}');
}

/* Text as it is, quoted and escaped if it could disturb a line or a terminal. */
static void put_plain(struct tf_text *out, const uint8_t *text, uint32_t len)
{
	bool plain = len && tf_is_text(text, len);

	for (uint32_t i = 0; i < len; i++)
		plain &= text[i] >= 0x20;
	if (plain)
		tf_put_bytes(out, text, len);
	else if (len)
		tf_put_text(out, text, len, 0);
}

static void put_strings(struct tf_text *out, struct tf_in *in)
{
	uint32_t count = tf_get_array(in);

	tf_putc(out, '[');
	for (uint32_t i = 0; i < count && !in->bad; i++) {
		uint32_t len;
		const uint8_t *bytes = tf_get_bytes(in, &len);

		if (in->bad)
			break;
		tf_puts(out, i ? ", " : "");
		tf_put_text(out, bytes, len, 0);
	}
	tf_putc(out, ']');
}

/* The image's map: the path first, then argv, whatever their order. */
static void put_image(struct tf_text *out, struct tf_in *in)
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
	tf_puts(out, "+++ image ");
	put_plain(out, exe, exe_len);
	if (!argv.bad) {
		tf_putc(out, ' ');
		put_strings(out, &argv);
	}
	tf_puts(out, " +++");
}

static void put_clock(struct tf_text *out, const struct deja_event *ev, struct tf_in *in)
{
	int which = (int)tf_get_int(in);
	int64_t delta = tf_get_int(in);

	if (which == TF_CLOCK_GETTIMEOFDAY) {
		tf_puts(out, "gettimeofday() = ");
	} else if (which == TF_CLOCK_TIME) {
		tf_puts(out, "time() = ");
	} else {
		tf_puts(out, "clock_gettime(");
		tf_put_names(out, TF_X_CLOCK, (uint64_t)which);
		tf_puts(out, ") = ");
	}
	/* The decoder gives the value; the event itself only holds the difference. */
	if (ev->result)
		tf_put(out, "%" PRId64 ".%09" PRId64, ev->result / 1000000000,
			ev->result % 1000000000);
	else
		tf_put(out, "%+" PRId64 " ns", delta);
}

static void put_exec(struct tf_text *out, struct tf_in *in)
{
	uint32_t len;
	const uint8_t *path = tf_get_bytes(in, &len);
	int64_t external = tf_get_int(in), stream = tf_get_int(in);

	tf_puts(out, "+++ exec ");
	put_plain(out, path, len);
	if (external)
		tf_put(out, ", not recorded (reason %" PRId64 ")", external);
	else if (stream)
		tf_put(out, ", continues as stream %" PRId64, stream);
	tf_puts(out, " +++");
}

static void put_note(struct tf_text *out, const char *before, struct tf_in *in)
{
	uint32_t len;
	const uint8_t *text = tf_get_bytes(in, &len);

	tf_put(out, "+++ %s: ", before);
	put_plain(out, text, len);
	tf_puts(out, " +++");
}

static void put_instruction(struct tf_text *out, struct tf_in *in)
{
	static const char *const names[] = {
	    "?", [TF_INSN_RDRAND] = "rdrand", [TF_INSN_RDSEED] = "rdseed", [TF_INSN_RDPID] = "rdpid",
	    [TF_INSN_CPUID] = "cpuid", [TF_INSN_CPUID_REST] = "cpuid (ecx, edx)",
	};
	uint64_t insn = (uint64_t)tf_get_int(in), value = (uint64_t)tf_get_int(in);
	int64_t flag = tf_get_int(in);

	if (insn == TF_INSN_PAUSE) {
		tf_put(out, "+++ %s at PAUSE %" PRIu64 " +++", flag ? "waits" : "takes a signal", value);
		return;
	}
	tf_put(out, "+++ %s ", names[insn < sizeof(names) / sizeof(names[0]) && names[insn] ? insn : 0]);
	if (flag == 1)
		tf_put(out, "gives %#" PRIx64 " +++", value);
	else
		tf_puts(out, flag ? "is not known to this processor +++" : "has no number yet +++");
}

static void put_address(struct tf_text *out, struct tf_in *in)
{
	uint32_t len;
	int64_t fd = tf_get_int(in), peer = tf_get_int(in);
	const uint8_t *bytes = tf_get_bytes(in, &len);

	tf_put(out, "+++ the next call's descriptor %" PRId64 " has the %s ", fd, peer ? "peer" : "address");
	if (in->bad || !tf_put_sockaddr(out, bytes, len))
		tf_puts(out, "?");
	tf_puts(out, " +++");
}

/* What the kernel moves with the next call. */
static void put_moved(struct tf_text *out, struct tf_in *in)
{
	const struct tf_call *call = tf_call_by_id((unsigned)tf_get_int(in));
	int64_t to = tf_get_int(in), from = tf_get_int(in);
	uint32_t len = 0;
	const uint8_t *bytes = tf_get_bytes(in, &len);

	tf_put(out, "+++ %s moves %u bytes from %" PRId64 " to %" PRId64 ": ",
	       call ? call->name : "a call", len, from, to);
	if (!in->bad)
		tf_put_text(out, bytes, len, TF_EXCERPT_LEN);
	tf_puts(out, " +++");
}

void tf_put_event(struct tf_text *out, const struct deja_event *ev)
{
	struct tf_in in = tf_in_bytes(ev->raw);
	int64_t a, b;
	uint32_t len;
	const uint8_t *bytes;

	tf_get_array(&in);
	tf_get_int(&in);
	switch (ev->id) {
	case TF_EV_SYNC:
		tf_puts(out, "+++ sync +++");
		break;
	case TF_EV_IMAGE:
		tf_get_int(&in);
		put_image(out, &in);
		break;
	case TF_EV_THREAD:
		tf_put(out, "+++ thread %" PRId64 " +++", tf_get_int(&in));
		break;
	case TF_EV_SIGNAL:
		tf_get_int(&in);
		a = tf_get_int(&in);
		bytes = tf_get_bytes(&in, &len);
		tf_puts(out, "--- ");
		tf_put_signal(out, (int)a);
		tf_putc(out, ' ');
		tf_put_siginfo(out, bytes, len);
		tf_puts(out, " ---");
		break;
	case TF_EV_CLOCK:
		put_clock(out, ev, &in);
		break;
	case TF_EV_OUTPUT:
		a = tf_get_int(&in);
		b = tf_get_int(&in);
		tf_put(out, "+++ output %" PRId64 " to %s +++", a,
			b == TF_ROLE_STDOUT   ? "stdout"
			: b == TF_ROLE_STDERR ? "stderr"
					      : "?");
		break;
	case TF_EV_SPAWN:
		tf_put(out, "+++ the next child is stream %" PRId64 " +++",
			tf_get_int(&in));
		break;
	case TF_EV_CHILD:
		tf_get_int(&in);
		a = tf_get_int(&in);
		b = tf_get_int(&in);
		tf_put(out,
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
		tf_put(out, "+++ the next mmap maps stored file %" PRId64 " +++",
			tf_get_int(&in));
		break;
	case TF_EV_MEMORY:
		a = tf_get_int(&in);
		tf_get_bytes(&in, &len);
		tf_put(out, "+++ %u bytes at %#" PRIx64 " were written as well +++", len,
			(uint64_t)a);
		break;
	case TF_EV_SHADOW:
		tf_put(out, "+++ the next call changes mapped file %" PRId64 " +++",
			tf_get_int(&in));
		break;
	case TF_EV_STACK:
		tf_get_bytes(&in, &len);
		tf_get_bytes(&in, &len);
		tf_put(out, "+++ stack of the next call, %u bytes +++", len);
		break;
	case TF_EV_ADDRESS:
		put_address(out, &in);
		break;
	case TF_EV_MOVED:
		put_moved(out, &in);
		break;
	case TF_EV_DOMAIN:
		a = tf_get_int(&in);
		tf_put(out, "+++ turn %" PRId64 " of domain %" PRId64 " begins +++",
			tf_get_int(&in), a);
		break;
	case TF_EV_TSC:
		tf_put(out, "+++ the time stamp counter reads %" PRIu64 " +++",
			(uint64_t)tf_get_int(&in));
		break;
	case TF_EV_INSN:
		put_instruction(out, &in);
		break;
	case TF_EV_PREEMPT:
		tf_puts(out, "+++ stopped in program code +++");
		break;
	case TF_EV_START:
		tf_puts(out, "+++ runs from here +++");
		break;
	case TF_EV_END:
		tf_get_int(&in);
		put_note(out, "recording stopped here", &in);
		break;
	default:
		tf_put(out, "+++ event of unknown id %u +++", ev->id);
	}
}
