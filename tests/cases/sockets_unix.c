/*
 * Unix sockets: socketpair, passed descriptors, SO_PEERCRED, abstract names, and the
 * value-result lengths of accept and getsockname when the buffer is too short. Shows that
 * a truncated address writes no more than it may and reports its full length.
 */
#include "victim.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

union control {
	char bytes[CMSG_SPACE(sizeof(int) * 3) + CMSG_SPACE(sizeof(struct ucred))];
	struct cmsghdr align;
};

static void pass_descriptors(void)
{
	int sv[2], one = 1, got_fd = -1, creds = 0;
	char text[64] = {0}, data[8] = {0};
	union control u = {0};

	T_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	T_CHECK(setsockopt(sv[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0);
	pid_t pid = t_fork();
	if (pid == 0) {
		int fd = open("passed", O_CREAT | O_RDWR, 0600);
		struct iovec v = {"fd", 2};
		struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = u.bytes};

		T_CHECK(fd >= 0 && dprintf(fd, "by %d at %ld", getpid(), (long)t_seed()) > 0);
		m.msg_controllen = CMSG_SPACE(sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
		T_CHECK(sendmsg(sv[1], &m, 0) == 2);
		_exit(0);
	}
	struct iovec v = {data, sizeof(data)};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = u.bytes};
	m.msg_controllen = sizeof(u.bytes);
	T_CHECK(recvmsg(sv[0], &m, MSG_CMSG_CLOEXEC) == 2 && strcmp(data, "fd") == 0);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_type == SCM_RIGHTS)
			memcpy(&got_fd, CMSG_DATA(c), sizeof(int));
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cr;

			memcpy(&cr, CMSG_DATA(c), sizeof(cr));
			creds = cr.pid;
		}
	}
	T_CHECK(got_fd > sv[1] && creds == pid && (fcntl(got_fd, F_GETFD) & FD_CLOEXEC));
	T_CHECK(pread(got_fd, text, 63, 0) > 0 && atoi(text + 3) == pid);
	printf("passed file says: %s; controllen %zu\n", text, (size_t)m.msg_controllen);
	t_wait_exit(pid, 0);

	/* No room for the control message: cut, and said so. */
	union control big = {0};
	struct msghdr out = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = big.bytes};
	out.msg_controllen = CMSG_SPACE(3 * sizeof(int));
	struct cmsghdr *c = CMSG_FIRSTHDR(&out);
	c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(3 * sizeof(int));
	memcpy(CMSG_DATA(c), (int[]){0, 1, 2}, 3 * sizeof(int));
	one = 0;
	T_CHECK(setsockopt(sv[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0);
	T_CHECK(sendmsg(sv[1], &out, 0) == 8);
	m.msg_controllen = CMSG_SPACE(sizeof(int));
	T_CHECK(recvmsg(sv[0], &m, 0) == 8 && (m.msg_flags & MSG_CTRUNC));
	printf("cut control: %zu\n", (size_t)m.msg_controllen);
	close(sv[0]), close(sv[1]), close(got_fd);
}

static void lengths(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX}, got;
	struct ucred cr;
	socklen_t len;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	/* An abstract name that differs from run to run. */
	int n = snprintf(sa.sun_path + 1, 60, "deja-victim-%d-%lx", getpid(), t_seed());
	socklen_t full = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
	T_CHECK(bind(s, (void *)&sa, full) == 0 && listen(s, 4) == 0);
	pid_t pid = t_fork();
	if (pid == 0) {
		for (int i = 0; i < 3; i++) {
			struct sockaddr_un me = {.sun_family = AF_UNIX};
			int c = socket(AF_UNIX, SOCK_STREAM, 0);

			snprintf(me.sun_path, sizeof(me.sun_path), "client-%d", i);
			T_CHECK(bind(c, (void *)&me, sizeof(me)) == 0);
			T_CHECK(connect(c, (void *)&sa, full) == 0);
			T_CHECK(write(c, "hello", 5) == 5 && read(c, &(char){0}, 1) == 0);
			close(c);
		}
		_exit(0);
	}
	const socklen_t sizes[] = {sizeof(got), 6, 0};
	for (int i = 0; i < 3; i++) {
		char buf[6] = {0};

		memset(&got, '#', sizeof(got));
		len = sizes[i];
		int c = accept(s, (void *)&got, &len);
		T_CHECK(c >= 0 && len > 10);
		if (sizes[i] < sizeof(got)) {
			T_CHECK(((char *)&got)[sizes[i]] == '#');
		}
		printf("accept %d: room %u, length %u, %.8s\n", i, sizes[i], len, got.sun_path);
		len = sizeof(cr);
		T_CHECK(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cr, &len) == 0);
		T_CHECK(cr.pid == pid && len == sizeof(cr));
		len = 3;
		memset(&cr, 0, sizeof(cr));
		T_CHECK(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cr, &len) == 0 && len == 3);
		T_CHECK(t_read_all(c, buf, 5) == 5 && strcmp(buf, "hello") == 0);
		len = 4;
		memset(&got, '#', sizeof(got));
		T_CHECK(getpeername(c, (void *)&got, &len) == 0 && len > 4);
		T_CHECK(((char *)&got)[4] == '#');
		close(c);
	}
	t_wait_exit(pid, 0);
	len = 5;
	memset(&got, '#', sizeof(got));
	T_CHECK(getsockname(s, (void *)&got, &len) == 0 && len == full);
	T_CHECK(((char *)&got)[5] == '#');
	T_FAILS(EINVAL, getsockname(s, (void *)&got, &(socklen_t){(socklen_t)-1}));
	len = sizeof(got);
	T_CHECK(getsockname(s, (void *)&got, &len) == 0 && len == full);
	printf("name %.*s\n", n, got.sun_path + 1);
	close(s);
}

int main(void)
{
	char buf[16] = {0};
	int sv[2];

	pass_descriptors();
	lengths();
	T_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sv) == 0);
	T_FAILS(EAGAIN, recv(sv[0], buf, 1, 0));
	T_CHECK(send(sv[1], "abcdef", 6, 0) == 6 && recv(sv[0], buf, 3, MSG_TRUNC) == 6);
	T_CHECK(memcmp(buf, "abc\0", 4) == 0 && close(sv[1]) == 0);
	T_CHECK(recv(sv[0], buf, 3, 0) == 0);
	T_FAILS(EPIPE, send(sv[0], "x", 1, MSG_NOSIGNAL));
	return 0;
}
