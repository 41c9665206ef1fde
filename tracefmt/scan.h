/*
 * Finding the end of an event in bytes that arrive in pieces. No allocation; any
 * context.
 *
 * The position is kept between calls and may lie beyond what has arrived (inside a long
 * byte string), so every byte is looked at at most once however the pieces fall.
 */
#ifndef DEJA_TRACEFMT_SCAN_H
#define DEJA_TRACEFMT_SCAN_H

#include <stddef.h>
#include <stdint.h>

struct tf_scan {
	uint64_t pos;  /* next byte to look at, relative to the event's first */
	uint64_t left; /* objects that still have to end */
};

static inline uint64_t tf_scan_be(const uint8_t *p, unsigned len)
{
	uint64_t v = 0;

	while (len--)
		v = v << 8 | *p++;
	return v;
}

static inline void tf_scan_begin(struct tf_scan *s)
{
	s->pos = 0;
	s->left = 1;
}

/*
 * Continues over buf[0..len), the event's bytes so far. 1: complete, s->pos is its
 * length; 0: more is needed; -1: not an event. The content of the event beyond its
 * msgpack structure and its id's type is not examined.
 */
static inline int tf_scan_continue(struct tf_scan *s, const uint8_t *buf, size_t len)
{
	uint64_t pos = s->pos, left = s->left;

	if (pos == 0) {
		uint8_t t;

		if (len < 1)
			return 0;
		t = buf[0];
		if ((t & 0xf0) == 0x90 ? t == 0x90 : t != 0xdc && t != 0xdd)
			return -1;
	}
	while (left) {
		uint64_t head = 1, body = 0, more = 0;
		unsigned width = 0;
		uint8_t t;

		if (pos >= len)
			break;
		t = buf[pos];
		if (t < 0x80 || t >= 0xe0) {
			pos++;
			left--;
			continue;
		}
		switch (t) {
		case 0xc0:
		case 0xc2:
		case 0xc3:
			break;
		case 0xcc:
		case 0xd0:
			body = 1;
			break;
		case 0xcd:
		case 0xd1:
			body = 2;
			break;
		case 0xca:
		case 0xce:
		case 0xd2:
			body = 4;
			break;
		case 0xcb:
		case 0xcf:
		case 0xd3:
			body = 8;
			break;
		case 0xc4:
		case 0xd9:
			width = 1;
			break;
		case 0xc5:
		case 0xda:
		case 0xdc:
		case 0xde:
			width = 2;
			break;
		case 0xc6:
		case 0xdb:
		case 0xdd:
		case 0xdf:
			width = 4;
			break;
		default:
			if (t >= 0xa0 && t < 0xc0)
				body = t & 0x1f;
			else if (t >= 0x90 && t < 0xa0)
				more = t & 0x0f;
			else if (t < 0x90)
				more = 2 * (t & 0x0f);
			else
				return -1; /* 0xc1, and ext types, which format 1 lacks
					    */
		}
		if (width) {
			uint64_t n;

			head += width;
			if (len - pos < head)
				break;
			n = tf_scan_be(buf + pos + 1, width);
			if (t == 0xdc || t == 0xdd)
				more = n;
			else if (t == 0xde || t == 0xdf)
				more = 2 * n;
			else
				body = n;
			if (pos == 0 && n == 0)
				return -1; /* an event has an id */
		}
		pos += head + body;
		left += more - 1;
	}
	s->pos = pos;
	s->left = left;
	return left == 0 && pos <= len;
}

#endif
