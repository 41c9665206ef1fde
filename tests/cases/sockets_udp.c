/*
 * UDP on the loopback: sendto, recvfrom, recvmsg with truncation, recvmmsg, sendmmsg,
 * control messages. Shows that datagrams keep their borders and MSG_TRUNC its meaning.
 */
#include "victim.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int bound(struct sockaddr_in *sa)
{
	socklen_t len = sizeof(*sa);
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	*sa = (struct sockaddr_in){.sin_family = AF_INET};
	sa->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	T_CHECK(s >= 0 && bind(s, (void *)sa, len) == 0);
	T_CHECK(getsockname(s, (void *)sa, &len) == 0);
	return s;
}

int main(void)
{
	struct sockaddr_in a_addr, b_addr, from;
	int a = bound(&a_addr), b = bound(&b_addr), one = 1;
	socklen_t len = sizeof(from);
	char buf[200], text[100];

	printf("ports %d %d\n", ntohs(a_addr.sin_port), ntohs(b_addr.sin_port));
	int n = snprintf(text, sizeof(text), "datagram %016lx of %d", t_seed(), getpid());
	T_CHECK(sendto(a, text, (size_t)n, 0, (void *)&b_addr, sizeof(b_addr)) == n);
	T_CHECK(recvfrom(b, buf, sizeof(buf), 0, (void *)&from, &len) == n);
	T_CHECK(len == sizeof(from) && from.sin_port == a_addr.sin_port);
	printf("got %.*s\n", n, buf);

	/* Truncated: the plain form, MSG_TRUNC, and recvmsg over two pieces. */
	for (int i = 0; i < 3; i++)
		T_CHECK(sendto(a, text, (size_t)n, 0, (void *)&b_addr, sizeof(b_addr)) == n);
	memset(buf, '#', sizeof(buf));
	T_CHECK(recvfrom(b, buf, 5, 0, NULL, NULL) == 5 && buf[5] == '#');
	memset(buf, '#', sizeof(buf));
	T_CHECK(recvfrom(b, buf, 5, MSG_TRUNC, NULL, NULL) == n && buf[5] == '#');
	memset(buf, '#', sizeof(buf));
	struct iovec v[2] = {{buf, 4}, {buf + 10, 4}};
	struct msghdr m = {.msg_name = &from, .msg_namelen = 8, .msg_iov = v, .msg_iovlen = 2};
	T_CHECK(recvmsg(b, &m, 0) == 8 && (m.msg_flags & MSG_TRUNC));
	T_CHECK(buf[4] == '#' && buf[14] == '#' && memcmp(buf + 10, text + 4, 4) == 0);
	printf("name length %u\n", m.msg_namelen);

	/* A time stamp in a control message. */
	char control[128];
	T_CHECK(setsockopt(b, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) == 0);
	T_CHECK(sendto(a, "", 0, 0, (void *)&b_addr, sizeof(b_addr)) == 0);
	m = (struct msghdr){.msg_iov = v, .msg_iovlen = 2, .msg_control = control,
			    .msg_controllen = sizeof(control)};
	T_CHECK(recvmsg(b, &m, 0) == 0 && CMSG_FIRSTHDR(&m));
	struct timespec stamp;
	memcpy(&stamp, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(stamp));
	printf("stamp %ld.%09ld\n", (long)stamp.tv_sec, stamp.tv_nsec);
	T_CHECK(stamp.tv_sec > 1600000000);
	one = 0;
	T_CHECK(setsockopt(b, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) == 0);

	/* Several at once. */
	struct mmsghdr out[3] = {0}, in[5] = {0};
	struct iovec out_v[3], in_v[5];
	char in_buf[5][40], in_name[5][16];
	T_CHECK(connect(a, (void *)&b_addr, sizeof(b_addr)) == 0);
	for (int i = 0; i < 3; i++) {
		out_v[i] = (struct iovec){text + i, (size_t)(n - i)};
		out[i].msg_hdr.msg_iov = &out_v[i], out[i].msg_hdr.msg_iovlen = 1;
	}
	T_CHECK(sendmmsg(a, out, 3, 0) == 3 && out[2].msg_len == (unsigned)(n - 2));
	for (int i = 0; i < 5; i++) {
		in_v[i] = (struct iovec){in_buf[i], i == 1 ? 3 : 40};
		in[i].msg_hdr = (struct msghdr){.msg_iov = &in_v[i], .msg_iovlen = 1,
						.msg_name = in_name[i], .msg_namelen = 16};
	}
	T_CHECK(recvmmsg(b, in, 5, MSG_DONTWAIT, NULL) == 3);
	for (int i = 0; i < 3; i++)
		printf("mmsg %d: %u bytes, flags %x, %.3s\n", i, in[i].msg_len,
		       (unsigned)in[i].msg_hdr.msg_flags, in_buf[i]);
	T_CHECK(in[1].msg_len == 3 && (in[1].msg_hdr.msg_flags & MSG_TRUNC));

	struct timespec soon = {0, 20000000};
	T_CHECK(send(a, "last", 4, 0) == 4);
	T_CHECK(recvmmsg(b, in, 1, 0, &soon) == 1 && in[0].msg_len == 4);
	printf("time left %ld\n", soon.tv_nsec);
	struct timeval tv = {0, 10000};
	T_CHECK(setsockopt(b, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
	T_FAILS(EAGAIN, recv(b, buf, 1, 0));

	/* Nobody there: the refusal comes with the next call. */
	T_CHECK(close(b) == 0 && send(a, "x", 1, 0) == 1);
	T_FAILS(ECONNREFUSED, recv(a, buf, 1, MSG_DONTWAIT));
	static char large[70000]; /* the stack may end before so many bytes */
	T_FAILS(EMSGSIZE, send(a, large, sizeof(large), 0));
	return 0;
}
