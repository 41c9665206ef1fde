/*
 * The wire: ids of events that are not calls, and the msgpack primitives with which
 * the runtime inside the process encodes and decodes events.
 *
 * Included by the recorded process's runtime (no libc, general registers only, any
 * context, signal handlers too) and by the tools, so that both sides of the wire are
 * one text. FORMAT.md is the specification. The tools may as well use msgpack-c on
 * the same bytes; the packer of msgpack-c itself cannot be compiled without SSE
 * registers (msgpack_pack_double), hence these few lines for the inside.
 */
#ifndef DEJA_TRACEFMT_WIRE_H
#define DEJA_TRACEFMT_WIRE_H

#include <stddef.h>
#include <stdint.h>

/* Event ids below TF_ID_FIRST (calls.h). 0 is invalid. Fields after the id: FORMAT.md */
enum tf_event_id {
	TF_EV_SYNC = 1,	  /* [event_no, time_ns, tid, clocks]: opens every frame */
	TF_EV_IMAGE = 2,  /* [dt, map]: a program image begins */
	TF_EV_THREAD = 3, /* [tid]: the following events are this thread's */
	TF_EV_SIGNAL = 4, /* [dt, signo, siginfo]: a handler is entered */
	TF_EV_CLOCK = 5,  /* [which, delta]: a clock read through the vDSO */
	TF_EV_OUTPUT = 6, /* [seq, role]: the next call's outbound bytes were output */
	TF_EV_SPAWN = 7,  /* [stream]: the next clone/fork's child has this stream */
	TF_EV_CHILD = 8,  /* [dt, parent_stream, pid, ppid, tid]: a forked child begins */
	TF_EV_EXEC = 9,	  /* [dt, path, external, stream]: exec is attempted */
	TF_EV_NOTE = 10,  /* [text]: the recorder's own remark */
	TF_EV_FILE = 11,  /* [file_id, shadow, oracles]: the next mmap maps this stored file */
	TF_EV_END = 12,	  /* [dt, reason]: recording stopped here though the process
			     went on */
	TF_EV_START = 13, /* [dt]: a new thread, or a vfork child, begins to run; a stopped
			     thread goes on */
	TF_EV_PREEMPT = 14, /* [dt, place, words, areas]: stopped in the middle of program
			       code */
	TF_EV_MEMORY = 15, /* [addr, bytes]: the call before wrote these bytes there, too */
	TF_EV_SHADOW = 16, /* [shadow, offset, size]: the next call changes this file */
	TF_EV_DOMAIN = 18, /* [domain, turn]: what follows happened in this turn of a domain */
	TF_EV_TSC = 19,	  /* [value, aux]: the time stamp counter was read */
	TF_EV_INSN = 20,  /* [insn, value, flag]: an instruction of the program's own */
	TF_EV_ADDRESS = 21, /* [fd, peer, address]: of the connection that the next call makes */
	TF_EV_STACK = 24, /* [registers, bytes]: the thread's next call was made from here */
	TF_EV_MOVED = 25, /* [call, out_fd, in_fd, bytes]: what the next call moves in the kernel */
};

/* Ids of what a later recorder will tell readers: untimed, counted, otherwise skipped. */
static inline int tf_event_is_reserved(unsigned id)
{
	return id == 17 || id == 22 || id == 23 || (id >= 26 && id < 32);
}

/* Whether events of this id, below those of calls, begin with their dt. */
static inline int tf_event_is_timed(unsigned id)
{
	switch (id) {
	case TF_EV_IMAGE:
	case TF_EV_SIGNAL:
	case TF_EV_CHILD:
	case TF_EV_EXEC:
	case TF_EV_END:
	case TF_EV_START:
	case TF_EV_PREEMPT:
		return 1;
	}
	return 0;
}

/* A TF_EV_NOTE that begins so is kept, and nobody is warned of it. */
#define TF_NOTE_REMARK "remark: "

/* Roles of TF_EV_OUTPUT. */
enum { TF_ROLE_NONE = 0, TF_ROLE_STDOUT = 1, TF_ROLE_STDERR = 2 };

/* TF_EV_INSN's `insn`. */
enum {
	TF_INSN_RDRAND = 1,
	TF_INSN_RDSEED = 2,
	TF_INSN_RDPID = 3,
	TF_INSN_CPUID = 6,
	TF_INSN_CPUID_REST = 7, /* its other two registers */
	TF_INSN_PAUSE = 8,
};

/* TF_EV_CLOCK's `which`: 0..15 clock_gettime of that clock id, then: */
enum { TF_CLOCK_GETTIMEOFDAY = 16, TF_CLOCK_TIME = 17, TF_CLOCK_COUNT = 18 };

/* Results that no kernel returns to a program. */
enum {
	TF_RESTART = -512, /* interrupted before any effect; the signal's handler runs,
			      then the call is made again */
};

/* The longest encoding of one integer or header. */
enum { TF_INT_MAX_LEN = 9 };

/* Encoders: write at p, return the end. The shortest form is always chosen. */
static inline uint8_t *tf_put_be(uint8_t *p, uint64_t v, unsigned len)
{
	while (len--)
		*p++ = (uint8_t)(v >> (8 * len));
	return p;
}

static inline uint8_t *tf_put_uint(uint8_t *p, uint64_t v)
{
	if (v < 0x80) {
		*p++ = (uint8_t)v;
		return p;
	}
	if (v < 0x100) {
		*p++ = 0xcc;
		*p++ = (uint8_t)v;
		return p;
	}
	if (v < 0x10000) {
		*p++ = 0xcd;
		return tf_put_be(p, v, 2);
	}
	if (v < 0x100000000ull) {
		*p++ = 0xce;
		return tf_put_be(p, v, 4);
	}
	*p++ = 0xcf;
	return tf_put_be(p, v, 8);
}

static inline uint8_t *tf_put_int(uint8_t *p, int64_t v)
{
	if (v >= 0)
		return tf_put_uint(p, (uint64_t)v);
	if (v >= -32) {
		*p++ = (uint8_t)v;
		return p;
	}
	if (v >= INT8_MIN) {
		*p++ = 0xd0;
		*p++ = (uint8_t)v;
		return p;
	}
	if (v >= INT16_MIN) {
		*p++ = 0xd1;
		return tf_put_be(p, (uint64_t)v, 2);
	}
	if (v >= INT32_MIN) {
		*p++ = 0xd2;
		return tf_put_be(p, (uint64_t)v, 4);
	}
	*p++ = 0xd3;
	return tf_put_be(p, (uint64_t)v, 8);
}

static inline uint8_t *tf_put_nil(uint8_t *p)
{
	*p++ = 0xc0;
	return p;
}

static inline uint8_t *tf_put_array(uint8_t *p, unsigned count)
{
	if (count < 16) {
		*p++ = (uint8_t)(0x90 | count);
		return p;
	}
	if (count < 0x10000) {
		*p++ = 0xdc;
		return tf_put_be(p, count, 2);
	}
	*p++ = 0xdd;
	return tf_put_be(p, count, 4);
}

static inline uint8_t *tf_put_map(uint8_t *p, unsigned count)
{
	if (count < 16) {
		*p++ = (uint8_t)(0x80 | count);
		return p;
	}
	*p++ = 0xde;
	return tf_put_be(p, count, 2);
}

/* The header of a byte string; its `len` bytes follow. */
static inline uint8_t *tf_put_bin(uint8_t *p, uint32_t len)
{
	if (len < 0x100) {
		*p++ = 0xc4;
		*p++ = (uint8_t)len;
		return p;
	}
	if (len < 0x10000) {
		*p++ = 0xc5;
		return tf_put_be(p, len, 2);
	}
	*p++ = 0xc6;
	return tf_put_be(p, len, 4);
}

/* The header of a text string; its `len` bytes follow. len < 256. */
static inline uint8_t *tf_put_str(uint8_t *p, uint32_t len)
{
	if (len < 32) {
		*p++ = (uint8_t)(0xa0 | len);
		return p;
	}
	*p++ = 0xd9;
	*p++ = (uint8_t)len;
	return p;
}

/*
 * A decoder over bytes in memory. Every getter checks bounds and type; the first
 * failure sets `bad` and all later getters return 0, so callers check once.
 */
struct tf_in {
	const uint8_t *p;
	const uint8_t *end;
	int bad;
};

static inline uint64_t tf_get_be(struct tf_in *in, unsigned len)
{
	uint64_t v = 0;

	if (in->bad || (size_t)(in->end - in->p) < len) {
		in->bad = 1;
		return 0;
	}
	while (len--)
		v = v << 8 | *in->p++;
	return v;
}

/* The next type byte without consuming it; 0xc1 (never used by msgpack) at the end. */
static inline uint8_t tf_peek(const struct tf_in *in)
{
	return in->bad || in->p >= in->end ? 0xc1 : *in->p;
}

/* Any integer, signed or not; values above INT64_MAX keep their bits. */
static inline int64_t tf_get_int(struct tf_in *in)
{
	uint8_t t = (uint8_t)tf_get_be(in, 1);

	if (in->bad)
		return 0;
	if (t < 0x80)
		return t;
	if (t >= 0xe0)
		return (int8_t)t;
	switch (t) {
	case 0xcc:
		return (int64_t)tf_get_be(in, 1);
	case 0xcd:
		return (int64_t)tf_get_be(in, 2);
	case 0xce:
		return (int64_t)tf_get_be(in, 4);
	case 0xcf:
	case 0xd3:
		return (int64_t)tf_get_be(in, 8);
	case 0xd0:
		return (int8_t)tf_get_be(in, 1);
	case 0xd1:
		return (int16_t)tf_get_be(in, 2);
	case 0xd2:
		return (int32_t)tf_get_be(in, 4);
	}
	in->bad = 1;
	return 0;
}

static inline uint32_t tf_get_array(struct tf_in *in)
{
	uint8_t t = (uint8_t)tf_get_be(in, 1);

	if ((t & 0xf0) == 0x90)
		return t & 0x0f;
	if (t == 0xdc)
		return (uint32_t)tf_get_be(in, 2);
	if (t == 0xdd)
		return (uint32_t)tf_get_be(in, 4);
	in->bad = 1;
	return 0;
}

static inline uint32_t tf_get_map(struct tf_in *in)
{
	uint8_t t = (uint8_t)tf_get_be(in, 1);

	if ((t & 0xf0) == 0x80)
		return t & 0x0f;
	if (t == 0xde)
		return (uint32_t)tf_get_be(in, 2);
	if (t == 0xdf)
		return (uint32_t)tf_get_be(in, 4);
	in->bad = 1;
	return 0;
}

/* A byte or text string: a pointer into the buffer, and its length. */
static inline const uint8_t *tf_get_bytes(struct tf_in *in, uint32_t *len)
{
	uint8_t t = (uint8_t)tf_get_be(in, 1);
	const uint8_t *bytes;
	uint32_t n = 0;

	if ((t & 0xe0) == 0xa0)
		n = t & 0x1f;
	else if (t == 0xc4 || t == 0xd9)
		n = (uint32_t)tf_get_be(in, 1);
	else if (t == 0xc5 || t == 0xda)
		n = (uint32_t)tf_get_be(in, 2);
	else if (t == 0xc6 || t == 0xdb)
		n = (uint32_t)tf_get_be(in, 4);
	else
		in->bad = 1;
	if (in->bad || (size_t)(in->end - in->p) < n) {
		in->bad = 1;
		*len = 0;
		return in->p;
	}
	bytes = in->p;
	in->p += n;
	*len = n;
	return bytes;
}

/* Consumes a nil if one is next. */
static inline int tf_get_nil(struct tf_in *in)
{
	if (tf_peek(in) != 0xc0)
		return 0;
	in->p++;
	return 1;
}

/* Skips one object, whatever it is. Nested objects are counted, not recursed into. */
static inline void tf_skip(struct tf_in *in)
{
	uint64_t left = 1;

	while (left && !in->bad) {
		uint8_t t = (uint8_t)tf_get_be(in, 1);
		uint64_t bytes = 0;

		left--;
		if (t < 0x80 || t >= 0xe0)
			continue;
		switch (t) {
		case 0xc0:
		case 0xc2:
		case 0xc3:
			continue;
		case 0x80 ... 0x8f:
			left += 2 * (t & 0x0f);
			break;
		case 0x90 ... 0x9f:
			left += t & 0x0f;
			break;
		case 0xa0 ... 0xbf:
			bytes = t & 0x1f;
			break;
		case 0xc4:
		case 0xd9:
			bytes = tf_get_be(in, 1);
			break;
		case 0xc5:
		case 0xda:
			bytes = tf_get_be(in, 2);
			break;
		case 0xc6:
		case 0xdb:
			bytes = tf_get_be(in, 4);
			break;
		case 0xcc:
		case 0xd0:
			bytes = 1;
			break;
		case 0xcd:
		case 0xd1:
			bytes = 2;
			break;
		case 0xca:
		case 0xce:
		case 0xd2:
			bytes = 4;
			break;
		case 0xcb:
		case 0xcf:
		case 0xd3:
			bytes = 8;
			break;
		case 0xdc:
			left += tf_get_be(in, 2);
			break;
		case 0xdd:
			left += tf_get_be(in, 4);
			break;
		case 0xde:
			left += 2 * tf_get_be(in, 2);
			break;
		case 0xdf:
			left += 2 * tf_get_be(in, 4);
			break;
		default:
			in->bad = 1; /* 0xc1, and ext types, which format 1 lacks */
		}
		if (in->bad || (uint64_t)(in->end - in->p) < bytes) {
			in->bad = 1;
			return;
		}
		in->p += bytes;
	}
}

#endif
