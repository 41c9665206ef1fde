/*
 * See packet.h. RFC 791, 8200, 9293, 768.
 */
#include <string.h>
#include "tools/look/packet.h"

enum { IP4_LEN = 20, IP6_LEN = 40, TCP_LEN = 20, UDP_LEN = 8, TCP = 6, UDP = 17, TTL = 64 };

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* The ones' complement sum so far, of big-endian 16-bit words. */
static uint32_t sum(uint32_t so_far, const uint8_t *p, size_t len)
{
	uint64_t s = so_far;

	for (; len > 1; p += 2, len -= 2)
		s += (uint32_t)p[0] << 8 | p[1];
	if (len)
		s += (uint32_t)p[0] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint32_t)s;
}

int packet_end_compare(const struct packet_end *a, const struct packet_end *b)
{
	int order = memcmp(a->ip, b->ip, sizeof(a->ip));

	if (a->v6 != b->v6)
		return a->v6 ? 1 : -1;
	return order ? order : (int)a->port - (int)b->port;
}

/* The IP header for `len` bytes of this protocol. Returns its own length. */
static size_t put_ip(uint8_t *p, const struct packet_end *from, const struct packet_end *to,
		     unsigned protocol, size_t len)
{
	if (from->v6) {
		put32(p, 6u << 28);
		put16(p + 4, (unsigned)len);
		p[6] = (uint8_t)protocol;
		p[7] = TTL;
		memcpy(p + 8, from->ip, 16);
		memcpy(p + 24, to->ip, 16);
		return IP6_LEN;
	}
	p[0] = 0x45;
	p[1] = 0;
	put16(p + 2, (unsigned)(IP4_LEN + len));
	put16(p + 4, 0);
	put16(p + 6, 0x4000); /* not to be fragmented */
	p[8] = TTL;
	p[9] = (uint8_t)protocol;
	put16(p + 10, 0);
	memcpy(p + 12, from->ip, 4);
	memcpy(p + 16, to->ip, 4);
	put16(p + 10, ~sum(0, p, IP4_LEN) & 0xffff);
	return IP4_LEN;
}

/* The checksum of a segment, with the pseudo header. Its field is zero. */
static unsigned checksum(const struct packet_end *from, const struct packet_end *to,
			 unsigned protocol, const uint8_t *segment, size_t len)
{
	size_t ip_len = from->v6 ? 16 : 4;
	uint32_t s = sum(protocol + (uint32_t)len, from->ip, ip_len);

	s = sum(s, to->ip, ip_len);
	return ~sum(s, segment, len) & 0xffff;
}

size_t packet_tcp(uint8_t *buf, const struct packet_end *from, const struct packet_end *to,
		  uint32_t seq, uint32_t ack, unsigned flags, const uint8_t *data, size_t len)
{
	size_t head = put_ip(buf, from, to, TCP, TCP_LEN + len);
	uint8_t *p = buf + head;

	put16(p, from->port);
	put16(p + 2, to->port);
	put32(p + 4, seq);
	put32(p + 8, ack);
	p[12] = TCP_LEN / 4 << 4;
	p[13] = (uint8_t)flags;
	put16(p + 14, 65535); /* window */
	put16(p + 16, 0);
	put16(p + 18, 0);
	if (len)
		memcpy(p + TCP_LEN, data, len);
	put16(p + 16, checksum(from, to, TCP, p, TCP_LEN + len));
	return head + TCP_LEN + len;
}

size_t packet_udp(uint8_t *buf, const struct packet_end *from, const struct packet_end *to,
		  const uint8_t *data, size_t len)
{
	size_t head = put_ip(buf, from, to, UDP, UDP_LEN + len);
	uint8_t *p = buf + head;
	unsigned check;

	put16(p, from->port);
	put16(p + 2, to->port);
	put16(p + 4, (unsigned)(UDP_LEN + len));
	put16(p + 6, 0);
	if (len)
		memcpy(p + UDP_LEN, data, len);
	check = checksum(from, to, UDP, p, UDP_LEN + len);
	put16(p + 6, check ? check : 0xffff); /* 0 would mean none */
	return head + UDP_LEN + len;
}
