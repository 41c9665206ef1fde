/*
 * What the subcommands share: errors, where recordings are, texts for people.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tracefmt/error.h"
#include "tracefmt/wire.h"

void cmd_error(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* One line whatever a file is called, and nothing a terminal would obey. */
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	fflush(stdout);
	fprintf(stderr, "deja: %s\n", text);
}

/* dir/name, malloc'd. */
static char *path_join(const char *dir, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return NULL;
	return path;
}

char *cmd_default_dir(void)
{
	const char *dir = getenv("DEJA_DIR");
	const char *home = getenv("HOME");
	char *path;
	size_t len;

	if (dir && *dir)
		path = strdup(dir);
	else if (home && *home)
		path = path_join(home, ".local/share/deja");
	else
		return NULL;
	if (!path)
		return NULL;
	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	return path;
}

/* Whether something is there; errors other than absence count as being there, so that
 * opening it says what is wrong. */
static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static bool is_bundle(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static char *latest_path(const char *dir)
{
	char *path = path_join(dir, "latest");
	char target[256];
	ssize_t len;

	if (!path) {
		cmd_error("out of memory");
		return NULL;
	}
	if (is_there(path))
		return path;
	len = readlink(path, target, sizeof(target) - 1);
	if (len >= 0) {
		target[len] = '\0';
		cmd_error(
		    "the latest recording, %s, is gone; `deja ls` lists the others",
		    target);
	} else {
		cmd_error("no recording yet in %s; make one with `deja record -- CMD`",
			  dir);
	}
	free(path);
	return NULL;
}

char *cmd_recording_place(const char *arg)
{
	char *dir = NULL, *path = NULL;

	if (arg && !*arg) {
		cmd_error("the name of the recording is empty; `deja ls` lists them");
		return NULL;
	}
	if (arg && (strchr(arg, '/') || is_there(arg))) {
		if (is_there(arg))
			path = strdup(arg);
		else
			cmd_error("%s: no such recording; `deja ls` lists them", arg);
		return path;
	}
	dir = cmd_default_dir();
	if (!dir) {
		cmd_error(
		    "neither DEJA_DIR nor HOME is set; name the recording's directory");
		return NULL;
	}
	if (!arg) {
		path = latest_path(dir);
	} else if ((path = path_join(dir, arg)) && !is_there(path)) {
		cmd_error("%s: no such recording here or in %s; `deja ls` lists them",
			  arg, dir);
		free(path);
		path = NULL;
	}
	free(dir);
	return path;
}

char *cmd_recording_path(const char *arg)
{
	char *path = cmd_recording_place(arg), *bundle = path;

	if (path && is_bundle(path)) {
		path = cmd_bundle_dir(bundle);
		free(bundle);
	}
	return path;
}

deja_recording *cmd_open(const char *arg, int *status)
{
	struct deja_error err = {0};
	deja_recording *rec;
	char *path = cmd_recording_path(arg);
	size_t len;

	*status = CMD_UNREADABLE;
	if (!path)
		return NULL;
	rec = deja_open(path, &err);
	len = strlen(path);
	if (!rec && !strncmp(err.message, path, len))
		cmd_error("%s", err.message);
	else if (!rec)
		cmd_error("%s: %s", path,
			  err.message[0] ? err.message : deja_strerror(err.code));
	else
		*status = 0;
	free(path);
	return rec;
}

bool cmd_stream_whole(deja_recording *rec, const struct deja_process *p, struct deja_error *err)
{
	deja_cursor *cur = deja_cursor_open(rec, p->stream, err);
	struct deja_event ev;
	int rc = -1; /* of the read behind the last event: 0 at the end */

	if (!cur)
		return false;
	if (!p->event_count || (!deja_seek_event(cur, p->event_count, err) &&
				deja_next(cur, &ev, err) > 0))
		rc = deja_next(cur, &ev, err);
	deja_cursor_close(cur);
	if (rc > 0 || (rc < 0 && err->code == DEJA_E_RANGE))
		tf_fail(err, DEJA_E_STREAM, "it does not hold the %" PRIu64 " events that the header counts",
			p->event_count);
	return !rc;
}

bool cmd_stream_has_end(deja_recording *rec, const struct deja_process *p)
{
	struct deja_error err;
	struct deja_event ev;
	deja_cursor *cur;
	bool has = p->complete || !p->status_known || !WIFEXITED(p->status) || !p->event_count;

	if (has)
		return true;
	cur = deja_cursor_open(rec, p->stream, &err);
	if (!cur)
		return true;
	if (!deja_seek_event(cur, p->event_count, &err) && deja_next(cur, &ev, &err) > 0)
		has = ev.id == TF_EV_EXEC || ev.id == TF_EV_END;
	deja_cursor_close(cur);
	return has;
}

/* Files of one directory; those of a recording's subdirectories too when deep. */
static unsigned long long dir_len(const char *path, bool deep)
{
	unsigned long long total = 0;
	DIR *dir = opendir(path);
	struct dirent *d;
	struct stat st;
	char *sub;

	while (dir && (d = readdir(dir))) {
		if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISREG(st.st_mode))
			total += (unsigned long long)st.st_size;
		else if (deep && S_ISDIR(st.st_mode) && d->d_name[0] != '.' &&
			 (sub = path_join(path, d->d_name))) {
			total += dir_len(sub, false);
			free(sub);
		}
	}
	if (dir)
		closedir(dir);
	return total;
}

unsigned long long cmd_disk_len(const char *path)
{
	return dir_len(path, true);
}

const char *cmd_status_text(bool known, int status, char *buf, size_t len)
{
	int signo;
	const char *name;

	if (!known) {
		snprintf(buf, len, "unknown");
		return buf;
	}
	if (WIFEXITED(status)) {
		snprintf(buf, len, "exit %d", WEXITSTATUS(status));
		return buf;
	}
	if (!WIFSIGNALED(status)) {
		snprintf(buf, len, "status 0x%x", (unsigned)status);
		return buf;
	}
	signo = WTERMSIG(status);
	name = sigabbrev_np(signo);
	if (name)
		snprintf(buf, len, "signal %d (SIG%s)", signo, name);
	else
		snprintf(buf, len, "signal %d", signo);
	return buf;
}

void cmd_stdout_begin(void)
{
	static char buffer[1 << 16];

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	signal(SIGPIPE, SIG_IGN);
}

/* Why stdout failed, as far as it was noticed while it was fresh. */
static int stdout_errno;

bool cmd_stdout_failed(void)
{
	if (ferror(stdout) && !stdout_errno)
		stdout_errno = errno ? errno : EIO;
	return stdout_errno != 0;
}

int cmd_stdout_end(int status)
{
	int error = 0;

	errno = 0;
	if (fflush(stdout))
		error = errno;
	else if (ferror(stdout))
		error = errno ? errno : EIO;
	/* What was too long for the buffer is gone with its error. */
	if (stdout_errno)
		error = stdout_errno;
	stdout_errno = 0;
	if (!error || error == EPIPE)
		return status;
	cmd_error("cannot write to stdout: %s", strerror(error));
	return CMD_FAILED;
}

/* The length of the UTF-8 sequence at p if it is one that may be printed, else 0. */
static size_t printable_len(const unsigned char *p)
{
	unsigned cp;
	size_t len;

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] >= 0xc2 && p[0] < 0xe0)
		len = 2, cp = p[0] & 0x1f;
	else if (p[0] >= 0xe0 && p[0] < 0xf0)
		len = 3, cp = p[0] & 0x0f;
	else if (p[0] >= 0xf0 && p[0] < 0xf5)
		len = 4, cp = p[0] & 0x07;
	else
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	/* C1 controls, overlong forms, surrogates, bidirectional overrides. */
	if (cp < 0xa0 || (len == 3 && cp < 0x800) || (len == 4 && cp < 0x10000) ||
	    (cp >= 0xd800 && cp < 0xe000) || cp > 0x10ffff ||
	    (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069))
		return 0;
	return len;
}

void cmd_print_text(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t len = printable_len(p);

		if (len) {
			fwrite(p, 1, len, out);
			p += len;
		} else {
			fprintf(out, "\\x%02x", *p++);
		}
	}
}

static bool needs_quotes(const char *word)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789%+,-./:=@_";

	return !*word || word[strspn(word, plain)];
}

static void print_word(FILE *out, const char *word)
{
	bool odd = false;

	if (!needs_quotes(word)) {
		fputs(word, out);
		return;
	}
	for (const unsigned char *p = (const unsigned char *)word; *p;) {
		size_t len = printable_len(p);

		odd |= !len;
		p += len ? len : 1;
	}
	fputs(odd ? "$'" : "'", out);
	for (const unsigned char *p = (const unsigned char *)word; *p;) {
		size_t len = printable_len(p);

		if (!len)
			fprintf(out, "\\x%02x", *p);
		else if (*p == '\'')
			fputs(odd ? "\\'" : "'\\''", out);
		else if (*p == '\\' && odd)
			fputs("\\\\", out);
		else
			fwrite(p, 1, len, out);
		p += len ? len : 1;
	}
	fputc('\'', out);
}

void cmd_print_argv(FILE *out, size_t argc, const char *const *argv)
{
	for (size_t i = 0; i < argc; i++) {
		if (i)
			fputc(' ', out);
		print_word(out, argv[i]);
	}
}

const char *cmd_size_text(unsigned long long bytes, char *buf, size_t len)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(buf, len, "%llu B", bytes);
		return buf;
	}
	while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, len, "%.1f %s", value, units[unit]);
	return buf;
}

/* The number before a unit of `units`, times the unit's worth. */
static bool parse_amount(const char *text, const char *const *units, const double *worth,
			 double *amount)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*amount = strtod(text, &end);
	for (size_t i = 0; units[i]; i++)
		if (!strcasecmp(end, units[i])) {
			*amount *= worth[i];
			return *amount < 9e18;
		}
	return false;
}

bool cmd_size_parse(const char *text, unsigned long long *bytes)
{
	static const char *const units[] = {"",	 "B", "K",  "KB", "KiB", "M",	"MB", "MiB",
					    "G", "GB", "GiB", "T",  "TB",  "TiB", NULL};
	static const double worth[] = {1,	1,	1 << 10, 1 << 10, 1 << 10, 1 << 20, 1 << 20,
				       1 << 20, 1 << 30, 1 << 30, 1 << 30, 1099511627776.0,
				       1099511627776.0, 1099511627776.0};
	double amount;

	if (!parse_amount(text, units, worth, &amount))
		return false;
	*bytes = (unsigned long long)amount;
	return true;
}

bool cmd_duration_parse(const char *text, long long *ns)
{
	static const char *const units[] = {"", "ms", "s", "m", "min", "h", NULL};
	static const double worth[] = {1e9, 1e6, 1e9, 60e9, 60e9, 3600e9};
	double amount;

	if (!parse_amount(text, units, worth, &amount))
		return false;
	*ns = (long long)amount;
	return true;
}

const char *cmd_duration_text(long long ns, char *buf, size_t len)
{
	long long s = (ns + 500000000) / 1000000000;

	if (ns < 0)
		snprintf(buf, len, "-");
	else if (ns < 999500)
		snprintf(buf, len, "%lld us", (ns + 500) / 1000);
	else if (ns < 999500000)
		snprintf(buf, len, "%lld ms", (ns + 500000) / 1000000);
	else if (s < 60)
		snprintf(buf, len, "%.2f s", (double)ns / 1e9);
	else if (s < 3600)
		snprintf(buf, len, "%lld min %02lld s", s / 60, s % 60);
	else
		snprintf(buf, len, "%lld h %02lld min", s / 3600, s / 60 % 60);
	return buf;
}

const char *cmd_date_text(long long realtime_ns, char *buf, size_t len)
{
	time_t t = (time_t)(realtime_ns / 1000000000);
	struct tm tm;

	if (realtime_ns <= 0 || !localtime_r(&t, &tm) ||
	    !strftime(buf, len, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(buf, len, "-");
	return buf;
}
