/*
 * A single-threaded echo server for one client program: accepts connections in a poll loop
 * on a free loopback port (written to the file `port`), echoes every line with a number
 * and the time, ends after the number of lines in argv[1].
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 16 };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

int main(int argc, char **argv)
{
	struct pollfd fds[CLIENTS + 1];
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int count = 1, lines = 0, wanted = argc > 1 ? atoi(argv[1]) : 1000;
	char buf[1000], out[1100];
	unsigned long hash = 1;

	fds[0] = (struct pollfd){socket(AF_INET, SOCK_STREAM, 0), POLLIN, 0};
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fds[0].fd, (void *)&sa, len) || listen(fds[0].fd, 64) ||
	    getsockname(fds[0].fd, (void *)&sa, &len))
		die("listen");
	FILE *f = fopen("port.new", "w");
	if (!f || fprintf(f, "%d\n", ntohs(sa.sin_port)) < 0 || fclose(f) ||
	    rename("port.new", "port"))
		die("port");
	while (lines < wanted) {
		if (poll(fds, (nfds_t)count, -1) < 0)
			die("poll");
		if (fds[0].revents && count <= CLIENTS) {
			int c = accept(fds[0].fd, (void *)&sa, &len);

			if (c < 0)
				die("accept");
			printf("client from port %d\n", ntohs(sa.sin_port));
			fds[count++] = (struct pollfd){c, POLLIN, 0};
		}
		for (int i = 1; i < count; i++) {
			if (!fds[i].revents)
				continue;
			ssize_t n = read(fds[i].fd, buf, sizeof(buf) - 1);
			if (n <= 0) {
				close(fds[i].fd);
				fds[i--] = fds[--count];
				continue;
			}
			struct timespec ts;
			clock_gettime(CLOCK_REALTIME, &ts);
			for (ssize_t k = 0; k < n; k++)
				hash = hash * 31 + (unsigned char)buf[k];
			buf[n] = 0;
			int m = snprintf(out, sizeof(out), "%d %ld %s", ++lines, ts.tv_nsec, buf);
			if (write(fds[i].fd, out, (size_t)m) != m)
				die("write");
		}
	}
	printf("%d lines, %016lx, pid %d\n", lines, hash, getpid());
	return 0;
}
