/*
 * TCP on the loopback, with the victim's own forked server. Shows that addresses, ports,
 * lengths and how the stream was cut are replayed with no network there.
 */
#include "victim.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int port;

static int listen_here(struct sockaddr_in *sa)
{
	socklen_t len = sizeof(*sa);
	int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	T_CHECK(s >= 0 && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
	*sa = (struct sockaddr_in){.sin_family = AF_INET};
	sa->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	T_CHECK(bind(s, (void *)sa, sizeof(*sa)) == 0 && listen(s, 8) == 0);
	T_CHECK(getsockname(s, (void *)sa, &len) == 0 && len == sizeof(*sa));
	return s;
}

static void serve(int s)
{
	char buf[2000];

	for (int i = 0; i < 3; i++) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		int c = i == 1 ? accept(s, (void *)&peer, &len)
			       : accept4(s, (void *)&peer, &len, SOCK_CLOEXEC);

		T_CHECK(c >= 0 && peer.sin_family == AF_INET);
		for (ssize_t n; (n = recv(c, buf, sizeof(buf), 0)) > 0;)
			T_CHECK(send(c, buf, (size_t)n, MSG_NOSIGNAL) == n);
		T_CHECK(dprintf(c, "bye %d", ntohs(peer.sin_port)) > 4);
		shutdown(c, SHUT_WR);
		close(c);
	}
	_exit(0);
}

static void talk(const struct sockaddr_in *sa, int round)
{
	static char out[50000], in[60000];
	struct sockaddr_in me;
	struct tcp_info info;
	socklen_t len = sizeof(me), info_len = sizeof(info), int_len = sizeof(int);
	int c = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP), v = 1;
	size_t got = 0, sent = 0;

	T_CHECK(connect(c, (const void *)sa, sizeof(*sa)) == 0);
	T_CHECK(getsockname(c, (void *)&me, &len) == 0 && len == sizeof(me));
	printf("round %d: from port %d to %d\n", round, ntohs(me.sin_port), port);
	T_CHECK(setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)) == 0);
	v = 0;
	T_CHECK(getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &v, &int_len) == 0 && v != 0);
	T_CHECK(getsockopt(c, SOL_SOCKET, SO_ERROR, &v, &int_len) == 0 && v == 0);
	T_CHECK(getsockopt(c, IPPROTO_TCP, TCP_INFO, &info, &info_len) == 0);
	printf("rtt %u mss %u\n", info.tcpi_rtt, info.tcpi_snd_mss);
	t_fill(out, sizeof(out), t_seed());
	while (sent < sizeof(out)) {
		size_t piece = sizeof(out) - sent < 10000 ? sizeof(out) - sent : 10000;
		ssize_t n = send(c, out + sent, piece, MSG_NOSIGNAL);

		T_CHECK(n > 0);
		sent += (size_t)n;
		n = recv(c, in + got, sizeof(in) - got, MSG_DONTWAIT);
		T_CHECK(n > 0 || (n == -1 && errno == EAGAIN));
		printf("piece %zd\n", n);
		got += n > 0 ? (size_t)n : 0;
	}
	T_CHECK(shutdown(c, SHUT_WR) == 0);
	ssize_t n = recv(c, in + got, 10, MSG_PEEK);
	T_CHECK(n > 0 && recv(c, in + got, 1, MSG_WAITALL) == 1);
	got += 1 + t_read_all(c, in + got + 1, sizeof(in) - got - 1);
	in[got] = 0;
	T_CHECK(got > sizeof(out) && memcmp(in, out, sizeof(out)) == 0);
	T_CHECK(atoi(in + sizeof(out) + 4) == ntohs(me.sin_port));
	printf("echoed %016lx, %s\n", t_hash(in, got), in + sizeof(out));
	T_FAILS(EPIPE, send(c, "x", 1, MSG_NOSIGNAL));
	T_CHECK(close(c) == 0);
}

int main(void)
{
	struct sockaddr_in sa, gone;
	int s = listen_here(&sa);

	port = ntohs(sa.sin_port);
	pid_t pid = t_fork();
	if (pid == 0)
		serve(s);
	close(s);
	for (int i = 0; i < 3; i++)
		talk(&sa, i);
	t_wait_exit(pid, 0);

	s = listen_here(&gone);
	T_CHECK(close(s) == 0);
	s = socket(AF_INET, SOCK_STREAM, 0);
	T_FAILS(ECONNREFUSED, connect(s, (void *)&gone, sizeof(gone)));
	T_FAILS(ENOTCONN, getpeername(s, (void *)&gone, &(socklen_t){sizeof(gone)}));
	T_FAILS(EINVAL, connect(s, (void *)&gone, 3));
	close(s);
	T_FAILS(EAFNOSUPPORT, socket(250, SOCK_STREAM, 0));

	/* Non-blocking connect, finished in a poll. */
	s = listen_here(&sa);
	int c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err = -1;
	T_CHECK(fcntl(s, F_SETFL, O_NONBLOCK) == 0);
	T_FAILS(EAGAIN, accept4(s, NULL, NULL, 0));
	int rc = connect(c, (void *)&sa, sizeof(sa));
	T_CHECK(rc == 0 || errno == EINPROGRESS);
	T_CHECK(getsockopt(c, SOL_SOCKET, SO_ERROR, &err, &(socklen_t){4}) == 0 && err == 0);
	int a = accept(s, NULL, NULL);
	T_CHECK(a >= 0 && send(c, "oob", 3, MSG_OOB) == 3);
	T_CHECK(close(a) == 0 && close(c) == 0 && close(s) == 0);
	return 0;
}
