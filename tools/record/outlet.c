/*
 * What a child that cannot be preloaded writes its output to instead of the recording's own
 * stdout and stderr, so that the supervisor can record it on the way: a terminal of our own
 * where that is one, else a fifo. Called when a recording's session is made and ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "tools/session.h"

/* A terminal of the real one's size (when the recording begins), named by a link at path. It
 * passes bytes on as they are: what is done to output, the real one does. Its other end is
 * held open so that reading never ends. */
static bool make_terminal(struct live_session *s, int i, const char *path)
{
	int main_end = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), end = -1;
	struct winsize size;
	struct termios raw;
	char name[64];

	if (main_end >= 0 && grantpt(main_end) == 0 && unlockpt(main_end) == 0 &&
	    ptsname_r(main_end, name, sizeof(name)) == 0)
		end = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (end < 0 || tcgetattr(end, &raw) < 0)
		goto fail;
	cfmakeraw(&raw);
	if (tcsetattr(end, TCSANOW, &raw) < 0 ||
	    fcntl(main_end, F_SETFL, O_RDWR | O_NONBLOCK) < 0 || symlink(name, path) < 0)
		goto fail;
	if (ioctl(i + 1, TIOCGWINSZ, &size) == 0)
		ioctl(main_end, TIOCSWINSZ, &size);
	s->outlet[i] = main_end;
	s->outlet_end[i] = end;
	return true;
fail:
	if (end >= 0)
		close(end);
	if (main_end >= 0)
		close(main_end);
	return false;
}

bool outlets_open(struct live_session *s)
{
	for (int i = 0; i < 2; i++) {
		char path[SESSION_DIR_LEN + 8];

		snprintf(path, sizeof(path), "%s/out%d", s->dir, i + 1);
		if (isatty(i + 1) && make_terminal(s, i, path))
			continue;
		if (mkfifo(path, 0600) < 0)
			return false;
		/* both ends, so that opening never blocks and reading never ends */
		s->outlet[i] = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (s->outlet[i] < 0)
			return false;
	}
	return true;
}

void outlets_close(struct live_session *s)
{
	for (int i = 0; i < 2; i++) {
		if (s->outlet[i] >= 0)
			close(s->outlet[i]);
		if (s->outlet_end[i] >= 0)
			close(s->outlet_end[i]);
		s->outlet[i] = s->outlet_end[i] = -1;
	}
}
