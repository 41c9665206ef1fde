/*
 * See terminal.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/replay/terminal.h"

enum { PIECE_LEN = 16384 };

static char *put_shown(char *out, unsigned char c)
{
	return out + sprintf(out, "\\x%02x", c);
}

/* Shows an escape sequence that is none of the harmless ones. */
static char *put_escape(struct terminal_state *s, char *out)
{
	for (size_t i = 0; i < s->escape_len; i++)
		if (s->escape[i] == 0x1b)
			out = put_shown(out, 0x1b);
		else
			*out++ = s->escape[i];
	s->escape_len = 0;
	return out;
}

static char *put_byte(struct terminal_state *s, char *out, unsigned char c)
{
	if (s->more && (c & 0xc0) == 0x80) {
		s->more--;
		if (s->after_c2 && c < 0xa0) { /* a control character in UTF-8 */
			s->after_c2 = false;
			return put_shown(out, c);
		}
		if (s->after_c2)
			*out++ = (char)0xc2;
		s->after_c2 = false;
		*out++ = (char)c;
		return out;
	}
	if (s->after_c2)
		out = put_shown(out, 0xc2);
	s->after_c2 = false;
	s->more = 0;
	if (c < 0x80) {
		if ((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\r' || c == '\t')
			*out++ = (char)c;
		else
			out = put_shown(out, c);
	} else if (c >= 0xc2 && c < 0xf5) {
		s->more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		s->after_c2 = c == 0xc2;
		if (!s->after_c2)
			*out++ = (char)c;
	} else {
		out = put_shown(out, c);
	}
	return out;
}

size_t terminal_filter(struct terminal_state *s, const char *in, size_t len, char *out)
{
	char *start = out;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)in[i];

		if (c == 0x1b) {
			out = put_escape(s, out);
			s->escape[s->escape_len++] = 0x1b;
			continue;
		}
		if (!s->escape_len) {
			out = put_byte(s, out, c);
			continue;
		}
		/* ESC [ digits ; m: colours, and nothing else */
		if (s->escape_len == 1 ? c == '[' : (c >= '0' && c <= '9') || c == ';' || c == ':') {
			if (s->escape_len < sizeof(s->escape)) {
				s->escape[s->escape_len++] = (char)c;
				continue;
			}
		} else if (s->escape_len > 1 && c == 'm') {
			memcpy(out, s->escape, s->escape_len);
			out += s->escape_len;
			s->escape_len = 0;
			*out++ = 'm';
			continue;
		}
		out = put_escape(s, out);
		out = put_byte(s, out, c);
	}
	return (size_t)(out - start);
}

static void write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static void *filter_all(void *arg)
{
	static char in[PIECE_LEN], out[4 * PIECE_LEN + 128];
	struct terminal *t = arg;
	struct terminal_state s = {.escape_len = 0};
	ssize_t n;

	while ((n = read(t->from, in, sizeof(in))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			write_all(t->to, out, terminal_filter(&s, in, (size_t)n, out));
	if (s.escape_len)
		write_all(t->to, out, (size_t)(put_escape(&s, out) - out));
	return NULL;
}

bool terminal_open(struct terminal *t, bool raw)
{
	int pipefd[2];
	sigset_t all, old;

	*t = (struct terminal){.out_fd = {-1, 1, 2}, .from = -1, .to = -1};
	if (raw || (!isatty(1) && !isatty(2)))
		return true;
	if (pipe2(pipefd, O_CLOEXEC) < 0) {
		cmd_error("%s", strerror(errno));
		return false;
	}
	t->from = pipefd[0];
	t->to = isatty(1) ? 1 : 2;
	for (int role = 1; role <= 2; role++)
		if (isatty(role))
			t->out_fd[role] = pipefd[1];
	sigfillset(&all); /* signals are the main thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	t->running = pthread_create(&t->thread, NULL, filter_all, t) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return t->running;
}

void terminal_close(struct terminal *t)
{
	if (!t->running)
		return;
	close(t->out_fd[1] != 1 ? t->out_fd[1] : t->out_fd[2]);
	pthread_join(t->thread, NULL);
	close(t->from);
	*t = (struct terminal){.out_fd = {-1, 1, 2}, .from = -1, .to = -1};
}
