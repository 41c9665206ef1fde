/*
 * A load for memcached: memload PORT CONNECTIONS REQUESTS. One thread, one request at a time
 * per connection, nine gets to a set, values of 100 bytes. Prints requests per second.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { KEYS = 10000, VALUE_LEN = 100, CONNECTION_MAX = 256 };

static unsigned seed = 1;

static long requests_sent;

static int request(int fd)
{
	char text[256];
	unsigned key;
	int len;

	seed = seed * 1103515245 + 12345;
	key = (seed >> 8) % KEYS;
	if (requests_sent++ % 10 == 0)
		len = snprintf(text, sizeof(text), "set key%u 0 0 %d\r\n%0*u\r\n", key, VALUE_LEN,
			       VALUE_LEN, key);
	else
		len = snprintf(text, sizeof(text), "get key%u\r\n", key);
	return write(fd, text, (size_t)len) == len ? 0 : -1;
}

static int ends(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && !memcmp(text + len - n, end, n);
}

int main(int argc, char **argv)
{
	static struct {
		char text[1024];
		size_t len;
	} got[CONNECTION_MAX + 16];
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	long connections, requests, answered = 0;
	struct timespec from, to;
	int ep = epoll_create1(0), one = 1;

	if (argc != 4 || (connections = atol(argv[2])) > CONNECTION_MAX)
		return 2;
	sa.sin_port = htons((unsigned short)atoi(argv[1]));
	requests = atol(argv[3]);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long i = 0; i < connections; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

		if (fd < 0 || fd >= CONNECTION_MAX + 16 || connect(fd, (void *)&sa, sizeof(sa)) ||
		    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
		    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) || request(fd)) {
			perror("memload");
			return 1;
		}
	}
	while (answered < requests) {
		struct epoll_event ev[64];
		int n = epoll_wait(ep, ev, 64, 10000);

		if (n <= 0) {
			fprintf(stderr, "memload: no answer\n");
			return 1;
		}
		for (int i = 0; i < n; i++) {
			int fd = ev[i].data.fd;
			ssize_t r = read(fd, got[fd].text + got[fd].len,
					 sizeof(got[fd].text) - got[fd].len);

			if (r <= 0) {
				fprintf(stderr, "memload: the server is gone\n");
				return 1;
			}
			got[fd].len += (size_t)r;
			if (!ends(got[fd].text, got[fd].len, "END\r\n") &&
			    !ends(got[fd].text, got[fd].len, "STORED\r\n"))
				continue;
			got[fd].len = 0;
			answered++;
			if (request(fd))
				return 1;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.1f\n", (double)answered / ((double)(to.tv_sec - from.tv_sec) +
					     (double)(to.tv_nsec - from.tv_nsec) / 1e9));
	return 0;
}
