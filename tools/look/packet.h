/*
 * Packets made up from bytes: IP with TCP or UDP, lengths and checksums right. For pcap.c.
 */
#ifndef DEJA_LOOK_PACKET_H
#define DEJA_LOOK_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACKET_DATA_MAX = 65000, /* of one packet */
	PACKET_MAX = PACKET_DATA_MAX + 64,
	PACKET_FIN = 1,
	PACKET_SYN = 2,
	PACKET_PUSH = 8,
	PACKET_ACK = 16,
};

struct packet_end {
	bool v6;
	uint16_t port;
	uint8_t ip[16]; /* 4 bytes, or 16 */
};

/* The order of two ends: 0 when they are the same. */
int packet_end_compare(const struct packet_end *a, const struct packet_end *b);
/* Write a packet of at most PACKET_DATA_MAX data bytes to buf (PACKET_MAX); its length. Both ends
 * are of one kind. */
size_t packet_tcp(uint8_t *buf, const struct packet_end *from, const struct packet_end *to,
		  uint32_t seq, uint32_t ack, unsigned flags, const uint8_t *data, size_t len);
size_t packet_udp(uint8_t *buf, const struct packet_end *from, const struct packet_end *to,
		  const uint8_t *data, size_t len);

#endif
