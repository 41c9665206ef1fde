/*
 * recvmsg with MSG_TRUNC gives the datagram's length, more than it copied: netlink's users
 * ask so for the room they need. Shows that only what was copied is recorded.
 */
#include "victim.h"
#include <sys/socket.h>

int main(void)
{
	char text[300], small[8];
	struct iovec iov = {small, sizeof(small)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	int sv[2];

	snprintf(text, sizeof(text), "%d at %ld", getpid(), (long)t_now_ns(CLOCK_REALTIME));
	T_CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) == 0);
	T_CHECK(send(sv[0], text, sizeof(text), 0) == sizeof(text));
	m.msg_iovlen = 0;
	T_CHECK(recvmsg(sv[1], &m, MSG_PEEK | MSG_TRUNC) == sizeof(text));
	T_CHECK(m.msg_flags & MSG_TRUNC);
	T_CHECK(recv(sv[1], small, sizeof(small), MSG_PEEK | MSG_TRUNC) == sizeof(text));
	m.msg_iovlen = 1;
	T_CHECK(recvmsg(sv[1], &m, MSG_TRUNC) == sizeof(text));
	printf("%.8s of %zu\n", small, sizeof(text));
	return 0;
}
