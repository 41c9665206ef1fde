/*
 * Connections and datagrams as a packet capture: what the sockets carried, under IP, TCP and UDP
 * headers made up so that Wireshark and tshark follow the streams: handshake, sequence numbers,
 * acknowledgements, checksums. The recording is read twice: addresses may be asked for by the
 * program late, and a connection between two recorded processes is written once, as its
 * accepting end saw it.
 *
 * Addresses that the recording does not know are made up from 127.0.0.1 and a port by the
 * stream's id. Unix sockets are loopback ports: a number at the end of the path (.s.PGSQL.5432)
 * is taken, else one by the path's hash.
 */
#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "tools/look/look.h"
#include "tools/look/packet.h"

/* A socket as the first reading left it. */
struct sock {
	uint32_t id;
	struct packet_end local, peer;
	int type;
	bool accepted, skip;
	char *local_text, *peer_text;
	/* the second reading: a connection's state */
	bool begun;
	uint32_t local_seq, peer_seq;
};

struct capture {
	struct export *e;
	struct sock *sock; /* by id */
	size_t count, cap;
	bool no_memory;
	pcap_dumper_t *dump;
	int64_t start_ns;
	uint64_t missing;
};

/* --- addresses --- */

static unsigned port_of_path(const char *path)
{
	const char *digits = path + strlen(path);
	unsigned long port;
	uint32_t h = 2166136261u;

	while (digits > path && digits[-1] >= '0' && digits[-1] <= '9')
		digits--;
	port = *digits ? strtoul(digits, NULL, 10) : 0;
	if (port > 0 && port < 65536)
		return (unsigned)port;
	for (; *path; path++)
		h = (h ^ (uint8_t)*path) * 16777619u;
	return 10000 + h % 10000;
}

/* An end whose address is not known. */
static struct packet_end made_up(uint32_t id, bool v6)
{
	struct packet_end end = {.v6 = v6, .port = (uint16_t)(32768 + id % 28000)};

	if (v6)
		end.ip[15] = 1;
	else
		memcpy(end.ip, "\x7f\0\0\1", 4);
	return end;
}

/* "127.0.0.1:80", "[::1]:80", "unix:/path". */
static struct packet_end end_of(const char *text, uint32_t id, bool v6)
{
	struct packet_end end = made_up(id, v6);
	const char *colon = text ? strrchr(text, ':') : NULL;
	char ip[64];
	size_t len;

	if (!colon)
		return end;
	if (!strncmp(text, "unix:", 5)) {
		if (text[5])
			end.port = (uint16_t)port_of_path(text + 5);
		return end;
	}
	len = (size_t)(colon - text);
	if (*text == '[' && len >= 2) {
		text++;
		len -= 2;
	}
	if (len >= sizeof(ip))
		return end;
	memcpy(ip, text, len);
	ip[len] = '\0';
	end.port = (uint16_t)strtoul(colon + 1, NULL, 10);
	end.v6 = strchr(ip, ':') != NULL;
	memset(end.ip, 0, sizeof(end.ip));
	if (inet_pton(end.v6 ? AF_INET6 : AF_INET, ip, end.ip) != 1)
		return made_up(id, v6);
	return end;
}

/* A socket that listens on every address is met by its connections on the peer's network: the
 * loopback when the peer is there. */
static void settle(struct packet_end *end, const struct packet_end *peer)
{
	static const uint8_t none[16];

	if (end->v6 != peer->v6) {
		uint16_t port = end->port;

		*end = made_up(0, peer->v6);
		end->port = port;
	}
	if (!memcmp(end->ip, none, end->v6 ? 16 : 4))
		memcpy(end->ip, peer->ip, sizeof(end->ip));
}

static char *copy_text(const char *text)
{
	return text ? strdup(text) : NULL;
}

static bool is_exported(const struct deja_io *io)
{
	return io->kind == DEJA_IO_SOCKET && !io->listening &&
	       (io->family == AF_INET || io->family == AF_INET6 ||
		(io->family == AF_UNIX && io->type == SOCK_STREAM)) &&
	       (io->type == SOCK_STREAM || io->type == SOCK_DGRAM) &&
	       (io->in_len || io->out_len || io->connected);
}

/* The first reading: a socket is closed, or open to the end. */
static void note_socket(void *arg, const struct deja_io *io)
{
	struct capture *c = arg;
	struct sock *s;
	bool v6 = io->family == AF_INET6;

	if (!is_exported(io))
		return;
	if (c->count == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 64;
		struct sock *grown = realloc(c->sock, cap * sizeof(*grown));

		if (!grown) {
			c->no_memory = true;
			return;
		}
		c->sock = grown;
		c->cap = cap;
	}
	s = &c->sock[c->count++];
	*s = (struct sock){.id = io->id, .type = io->type, .accepted = io->accepted,
			   .local_text = copy_text(io->local), .peer_text = copy_text(io->peer)};
	s->peer = io->pair_id ? made_up(io->pair_id, false) : end_of(io->peer, 28000 - io->id % 14000, v6);
	s->local = end_of(io->local, io->id, v6);
	if (!io->local && s->peer.v6 != s->local.v6)
		s->local = made_up(io->id, s->peer.v6);
	settle(&s->local, &s->peer);
	s->skip = io->pair_id && io->pair_id < io->id;
}

static int by_id(const void *a, const void *b)
{
	const struct sock *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_ends(const void *a, const void *b)
{
	const struct sock *x = *(struct sock *const *)a, *y = *(struct sock *const *)b;
	int order = packet_end_compare(&x->local, &y->local);

	return order ? order : packet_end_compare(&x->peer, &y->peer);
}

/* Leaves out the connecting ends of connections whose accepting end is there. The connecting
 * program often never asked for its own port: then it is any accepted connection at its peer's
 * address that counts, one each. */
static void skip_doubles(struct capture *c)
{
	struct sock **accepted = calloc(c->count + 1, sizeof(*accepted));
	size_t n = 0;

	if (!accepted) {
		c->no_memory = true;
		return;
	}
	for (size_t i = 0; i < c->count; i++)
		if (c->sock[i].accepted)
			accepted[n++] = &c->sock[i];
	if (n)
		qsort(accepted, n, sizeof(*accepted), by_ends);
	for (size_t i = 0; n && i < c->count; i++) {
		struct sock *s = &c->sock[i];
		size_t lo = 0, hi = n;

		if (s->accepted || s->type != SOCK_STREAM)
			continue;
		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (packet_end_compare(&accepted[mid]->local, &s->peer) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		for (; lo < n && !packet_end_compare(&accepted[lo]->local, &s->peer); lo++)
			if (!accepted[lo]->begun &&
			    (!s->local_text || !accepted[lo]->peer_text ||
			     !packet_end_compare(&accepted[lo]->peer, &s->local))) {
				accepted[lo]->begun = true; /* has its other end */
				s->skip = true;
				break;
			}
	}
	for (size_t i = 0; i < n; i++)
		accepted[i]->begun = false;
	free(accepted);
}

static struct sock *sock_of(struct capture *c, uint32_t id)
{
	struct sock key = {.id = id};

	return c->count ? bsearch(&key, c->sock, c->count, sizeof(key), by_id) : NULL;
}

/* --- packets --- */

static void put_packet(struct capture *c, int64_t time_ns, const uint8_t *bytes, size_t len)
{
	int64_t at = c->start_ns + time_ns;
	struct pcap_pkthdr head = {.caplen = (bpf_u_int32)len, .len = (bpf_u_int32)len};

	head.ts.tv_sec = (time_t)(at / 1000000000);
	head.ts.tv_usec = (suseconds_t)(at % 1000000000); /* ns: the file says so */
	pcap_dump((u_char *)c->dump, &head, bytes);
	if (c->e->out == stdout)
		cmd_stdout_failed(); /* while errno tells why */
}

static void put_tcp(struct capture *c, struct sock *s, int64_t time_ns, bool from_local,
		    unsigned flags, const uint8_t *bytes, size_t len)
{
	static uint8_t packet[PACKET_MAX];
	uint32_t *seq = from_local ? &s->local_seq : &s->peer_seq;
	uint32_t ack = from_local ? s->peer_seq : s->local_seq;
	size_t n = packet_tcp(packet, from_local ? &s->local : &s->peer,
			      from_local ? &s->peer : &s->local, *seq,
			      flags & PACKET_ACK ? ack : 0, flags, bytes, len);

	put_packet(c, time_ns, packet, n);
	*seq += (uint32_t)len + (flags & (PACKET_SYN | PACKET_FIN) ? 1 : 0);
}

static void begin_connection(struct capture *c, struct sock *s, int64_t time_ns)
{
	bool opener = !s->accepted;

	if (s->begun)
		return;
	s->begun = true;
	s->local_seq = s->id * 65536u;
	s->peer_seq = s->id * 65536u + 32768u;
	put_tcp(c, s, time_ns, opener, PACKET_SYN, NULL, 0);
	put_tcp(c, s, time_ns, !opener, PACKET_SYN | PACKET_ACK, NULL, 0);
	put_tcp(c, s, time_ns, opener, PACKET_ACK, NULL, 0);
}

/* The second reading: a connection is closed. */
static void end_connection(void *arg, const struct deja_io *io)
{
	struct capture *c = arg;
	struct sock *s = sock_of(c, io->id);

	if (!s || !s->begun || s->skip || io->close_ns < 0)
		return;
	put_tcp(c, s, io->close_ns, true, PACKET_FIN | PACKET_ACK, NULL, 0);
	put_tcp(c, s, io->close_ns, false, PACKET_FIN | PACKET_ACK, NULL, 0);
	put_tcp(c, s, io->close_ns, true, PACKET_ACK, NULL, 0);
}

static void put_stream(struct capture *c, struct sock *s, const struct deja_event *ev,
		       const struct deja_leg *leg)
{
	bool from_local = !leg->inbound;
	struct deja_payload p;
	struct deja_bytes piece;

	begin_connection(c, s, ev->time_ns - ev->dur_ns);
	if (!leg->stored) { /* the numbers go on: readers see that bytes are missing */
		*(from_local ? &s->local_seq : &s->peer_seq) += (uint32_t)leg->len;
		c->missing += leg->len;
		return;
	}
	deja_payload_begin(&p, ev, leg);
	while (deja_payload_next(&p, &piece))
		while (piece.len) {
			size_t n = piece.len < PACKET_DATA_MAX ? piece.len : PACKET_DATA_MAX;

			put_tcp(c, s, ev->time_ns, from_local, PACKET_ACK | PACKET_PUSH, piece.data,
				n);
			piece.data += n;
			piece.len -= n;
		}
	put_tcp(c, s, ev->time_ns, !from_local, PACKET_ACK, NULL, 0);
}

/* The address that a datagram's own event tells, else the socket's. */
static struct packet_end datagram_peer(const struct sock *s, const struct deja_event *ev,
				       bool inbound)
{
	struct packet_end end = s->peer;

	for (size_t i = 0; i < ev->item_count && i < DEJA_ITEM_MAX; i++) {
		const struct deja_item *item = &ev->items[i];
		const uint8_t *b = item->bytes.data;

		if (item->arg != 4 || item->inbound != inbound || !item->present ||
		    item->is_digest || item->bytes.len < 8)
			continue;
		if (b[0] == AF_INET && !end.v6) {
			memcpy(end.ip, b + 4, 4);
			end.port = (uint16_t)(b[2] << 8 | b[3]);
		} else if (b[0] == AF_INET6 && end.v6 && item->bytes.len >= 24) {
			memcpy(end.ip, b + 8, 16);
			end.port = (uint16_t)(b[2] << 8 | b[3]);
		}
	}
	return end;
}

static void put_datagrams(struct capture *c, struct sock *s, const struct deja_event *ev,
			  const struct deja_leg *leg)
{
	static uint8_t packet[PACKET_MAX];
	struct packet_end peer = datagram_peer(s, ev, leg->inbound);
	struct deja_payload p;
	struct deja_bytes piece;

	c->missing += leg->stored ? 0 : leg->len;
	deja_payload_begin(&p, ev, leg);
	while (deja_payload_next(&p, &piece)) {
		size_t n = piece.len < PACKET_DATA_MAX ? piece.len : PACKET_DATA_MAX;

		put_packet(c, ev->time_ns, packet,
			   packet_udp(packet, leg->inbound ? &peer : &s->local,
				      leg->inbound ? &s->local : &peer, piece.data, n));
	}
}

static void put_event(struct capture *c, const struct deja_event *ev,
		      const struct deja_sight *sight)
{
	struct sock *s;

	/* A connection that was only opened shows, too. */
	if (sight->other && sight->other->accepted && sight->other->open_event == ev->number &&
	    (s = sock_of(c, sight->other->id)) && !s->skip && s->type == SOCK_STREAM)
		begin_connection(c, s, ev->time_ns);
	for (size_t i = 0; i < sight->leg_count; i++) {
		const struct deja_leg *leg = &sight->leg[i];

		s = sock_of(c, leg->io->id);
		if (!s || s->skip)
			continue;
		if (s->type == SOCK_STREAM)
			put_stream(c, s, ev, leg);
		else
			put_datagrams(c, s, ev, leg);
	}
}

static int read_addresses(struct capture *c)
{
	struct reading r;
	struct deja_event ev;
	int status;

	if (!reading_begin(&r, c->e->rec, NULL, DEJA_LOOK_TRACK, "exported"))
		return CMD_UNREADABLE;
	if (r.look)
		deja_tracker_on_close(deja_look_tracker(r.look), note_socket, c);
	while (!c->no_memory && reading_next(&r, &ev, NULL))
		;
	if (r.look) {
		deja_tracker_each_open(deja_look_tracker(r.look), note_socket, c);
		/* The tracker goes before c does. */
		deja_tracker_on_close(deja_look_tracker(r.look), NULL, NULL);
	}
	status = reading_end(&r);
	if (c->count)
		qsort(c->sock, c->count, sizeof(*c->sock), by_id);
	skip_doubles(c);
	if (c->no_memory)
		cmd_error("out of memory");
	return c->no_memory ? CMD_FAILED : status;
}

static int write_packets(struct capture *c)
{
	struct reading r;
	struct deja_event ev;
	struct deja_sight sight;
	int status;

	if (!reading_begin(&r, c->e->rec, c->e->filter, DEJA_LOOK_TRACK, "exported"))
		return CMD_UNREADABLE;
	if (r.look)
		deja_tracker_on_close(deja_look_tracker(r.look), end_connection, c);
	while (!ferror(c->e->out) && reading_next(&r, &ev, &sight))
		put_event(c, &ev, &sight);
	r.truncated = false; /* it was said at the first reading */
	status = r.failed ? CMD_UNREADABLE : 0;
	deja_look_close(r.look);
	return status;
}

int export_pcap(struct export *e)
{
	struct capture c = {.e = e, .start_ns = deja_header(e->rec)->start_realtime_ns};
	int status = read_addresses(&c), written;
	pcap_t *pcap;

	if (status && !c.count)
		return status;
	/* Raw IP; the format's own limit of a packet. */
	pcap = pcap_open_dead_with_tstamp_precision(DLT_RAW, 262144, PCAP_TSTAMP_PRECISION_NANO);
	c.dump = pcap ? pcap_dump_fopen(pcap, e->out) : NULL;
	if (!c.dump) {
		cmd_error("export: %s", pcap ? pcap_geterr(pcap) : "out of memory");
		status = CMD_FAILED;
	} else {
		written = write_packets(&c);
		status = status ? status : written;
		if (pcap_dump_flush(c.dump) < 0)
			cmd_stdout_failed(); /* while errno tells why */
		/* The dumper is only freed with its file, which is the caller's. */
	}
	if (pcap)
		pcap_close(pcap);
	if (c.missing)
		cmd_error("%llu bytes of connections are not in the recording (digests, sendfile, "
			  "splice): the capture has gaps there",
			  (unsigned long long)c.missing);
	for (size_t i = 0; i < c.count; i++) {
		free(c.sock[i].local_text);
		free(c.sock[i].peer_text);
	}
	free(c.sock);
	return status;
}
