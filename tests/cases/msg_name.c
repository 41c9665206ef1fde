/*
 * recvmsg and recvmmsg leave in msg_namelen the length of the whole address, also when the
 * program's buffer is shorter, here at the end of what is mapped. Shows that only what was
 * written is recorded, and that nothing behind the buffer is touched on either side.
 */
#include "victim.h"
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { PAGE = 4096, SHORT = 8, COUNT = 3 };

/* The last `len` bytes before a page that is not there. */
static char *at_end(size_t len)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	T_CHECK(p != MAP_FAILED && munmap(p + PAGE, PAGE) == 0);
	return p + PAGE - len;
}

int main(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	char text[64], got[COUNT + 1][64];
	struct iovec iov[COUNT + 1];
	struct mmsghdr m[COUNT + 1];
	int out = socket(AF_INET, SOCK_DGRAM, 0), in = socket(AF_INET, SOCK_DGRAM, 0);

	T_CHECK(out >= 0 && in >= 0 && bind(in, (void *)&a, len) == 0);
	T_CHECK(getsockname(in, (void *)&a, &len) == 0 && connect(out, (void *)&a, len) == 0);
	memset(m, 0, sizeof(m));
	for (int i = 0; i <= COUNT; i++) {
		iov[i] = (struct iovec){got[i], sizeof(got[i])};
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
		m[i].msg_hdr.msg_name = at_end(SHORT);
		m[i].msg_hdr.msg_namelen = SHORT;
		m[i].msg_hdr.msg_control = NULL;
		snprintf(text, sizeof(text), "%d: %d at %ld", i, getpid(),
			 (long)t_now_ns(CLOCK_REALTIME));
		T_CHECK(send(out, text, sizeof(text), 0) == sizeof(text));
	}
	T_CHECK(recvmsg(in, &m[0].msg_hdr, 0) == sizeof(text));
	T_CHECK(recvmmsg(in, m + 1, COUNT, 0, NULL) == COUNT);
	for (int i = 0; i <= COUNT; i++) {
		T_CHECK(m[i].msg_hdr.msg_namelen == sizeof(a));
		printf("%s from %02x:%016lx\n", got[i], AF_INET,
		       *(unsigned long *)m[i].msg_hdr.msg_name);
	}
	return 0;
}
