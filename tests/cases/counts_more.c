/*
 * Calls whose result is more than the room they were given, as the caller asked for: a datagram's own
 * length (MSG_TRUNC), how much room there should be (a size of 0). A replay, which refuses a result
 * that counts beyond a buffer, takes these.
 */
#include "victim.h"
#include <grp.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif
enum { LEN = 200 };

int main(void)
{
	char text[LEN], small[2][8], value[16];
	struct iovec iov[2] = {{small[0], 8}, {small[1], 8}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
			       {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
	gid_t groups[1];
	int sv[2];

	snprintf(text, sizeof(text), "%d at %ld", getpid(), (long)t_now_ns(CLOCK_REALTIME));
	T_CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) == 0);
	for (int i = 0; i < 3; i++)
		T_CHECK(send(sv[0], text, LEN, 0) == LEN);
	T_CHECK(recvmmsg(sv[1], m, 2, MSG_TRUNC, NULL) == 2);
	T_CHECK(m[0].msg_len == LEN && m[1].msg_len == LEN);
	T_CHECK(recvfrom(sv[1], small[1], 8, MSG_TRUNC, NULL, NULL) == LEN);
	printf("%.8s of %d, groups %d\n", small[1], LEN, syscall(SYS_getgroups, 0, groups) >= 0);
	T_CHECK(creat("file", 0600) >= 0);
	if (setxattr("file", "user.one", text, 10, 0) == 0) {
		T_CHECK(getxattr("file", "user.one", value, 0) == 10);
		T_CHECK(listxattr("file", value, 0) >= 9);
	}
	if (prctl(PR_GET_AUXV, value, 16, 0, 0) > 0) /* Linux 6.4 */
		T_CHECK(prctl(PR_GET_AUXV, value, 16, 0, 0) > 16);
	printf("log %d\n", klogctl(10, value, 1) > 1);
	return 0;
}
