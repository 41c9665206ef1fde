/*
 * See sealed.h. Called by record.c and, for the question alone, by recover.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <msgpack.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tools/readme.h"
#include "tools/keep/redact.h"
#include "tools/record/sealed.h"
#include "tools/keep/share.h"
#include "tracefmt/header.h"

/* --- rules --- */

static bool own_rules(const char *rules)
{
	return strcmp(rules, "default") != 0;
}

/* "rules=FILE"; false: out of memory. */
static bool rules_option(struct share_options *o, const char *file)
{
	return asprintf(&o->arg[o->count], "rules=%s", file) > 0 && ++o->count;
}

bool sealed_check_rules(const char *rules)
{
	struct share_options o = {0};

	if (own_rules(rules) && !rules_option(&o, rules))
		return false;
	return share_run(&o, "rules", "-", NULL) == 0;
}

/* The rules may change before they are needed, and may hold secrets themselves: into memory. */
static bool keep_rules(struct sealed *s, const char *rules)
{
	char path[PATH_MAX + 16];

	s->rules = rules;
	if (!own_rules(rules))
		return true;
	snprintf(path, sizeof(path), "%s/.rules", s->spool);
	return cmd_copy_file(rules, path);
}

/* --- directories --- */

static bool make_dir(const char *path)
{
	if (mkdir(path, 0700) == 0)
		return true;
	cmd_error("%s: %s", path, strerror(errno));
	return false;
}

/* What stands in the recording's place meanwhile: tells nothing of the command. */
static bool write_placeholder(const char *dir, const struct deja_header *h)
{
	struct deja_header bare = *h;
	struct deja_error err;

	bare.argc = 0;
	bare.exe = bare.cwd = "";
	bare.cause = TF_CAUSE_SEALED;
	if (tf_header_write(dir, &bare, &err) == 0)
		return true;
	cmd_error("%s", err.message);
	return false;
}

bool sealed_begin(struct sealed *s, const char *dir, const char *session_dir, const char *rules,
		  const struct deja_header *header)
{
	struct deja_error err;
	char files[PATH_MAX + 16], link[PATH_MAX + 16];

	s->dir = dir;
	snprintf(s->spool, sizeof(s->spool), "%s/sealed", session_dir);
	snprintf(s->disk, sizeof(s->disk), "%s/.sealed", dir);
	if (!seal_begin(&s->seal) || !make_dir(s->spool) || !make_dir(s->disk))
		return false;
	s->lock = open(s->disk, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		cmd_error("%s: %s", s->disk, strerror(errno));
		return false;
	}
	snprintf(files, sizeof(files), "%s/f", s->disk);
	snprintf(link, sizeof(link), "%s/f", s->spool);
	if (symlink(files, link) < 0) {
		cmd_error("%s: %s", link, strerror(errno));
		return false;
	}
	if (tf_header_write(s->spool, header, &err) < 0) {
		cmd_error("%s", err.message);
		return false;
	}
	return keep_rules(s, rules) && write_placeholder(dir, header);
}

void sealed_started(void)
{
	prctl(PR_SET_DUMPABLE, 0);
}

bool sealed_is_there(const char *dir, bool *busy)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/.sealed", dir);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	*busy = flock(fd, LOCK_SH | LOCK_NB) < 0;
	close(fd);
	return true;
}

/* Takes away what sealed_begin made. */
static void sealed_discard(struct sealed *s)
{
	seal_forget(&s->seal);
	if (s->disk[0])
		cmd_remove_tree(s->disk);
	if (s->spool[0])
		cmd_remove_tree(s->spool);
}

/* --- the end --- */

/* What deja-share says it found: the first line of its list. */
struct found {
	int status;
	char text[128];
};

static struct found mark(struct sealed *s, const char *work)
{
	struct found f = {.status = CMD_FAILED};
	struct share_options o = {0};
	int key = seal_pass(&s->seal), list = memfd_create("list", 0);
	char rules[PATH_MAX + 16];
	ssize_t n;

	snprintf(rules, sizeof(rules), "%s/.rules", s->spool);
	if (key >= 0 && list >= 0 && (!own_rules(s->rules) || rules_option(&o, rules)) &&
	    asprintf(&o.arg[o.count], "seal=%d", key) > 0 && ++o.count &&
	    asprintf(&o.arg[o.count], "list=%d", list) > 0 && ++o.count) {
		f.status = share_run(&o, "mark", s->spool, work);
		n = pread(list, f.text, sizeof(f.text) - 1, 0);
		f.text[n > 0 ? n : 0] = 0;
		f.text[strcspn(f.text, "\n")] = 0;
	}
	if (key >= 0)
		close(key);
	if (list >= 0)
		close(list);
	return f;
}

struct outcome {
	int status; /* -1: it did not come to an end */
	struct rederivation made;
};

/* In a process of its own, whose words are not the recorded program's. */
static struct outcome rederive(const char *work)
{
	struct outcome *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0), result = {.status = -1};
	pid_t pid;
	int status;

	if (shared == MAP_FAILED)
		return result;
	*shared = result;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		signal(SIGCHLD, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		signal(SIGXFSZ, SIG_DFL);
		status = redact_rederive(work, true, &shared->made);
		shared->status = status ? status : redact_verify(work);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	result = *shared;
	munmap(shared, sizeof(*shared));
	return result;
}

static bool scan_is_clean(struct sealed *s, const char *work)
{
	struct share_options o = {0};
	char rules[PATH_MAX + 16];

	snprintf(rules, sizeof(rules), "%s/.rules", s->spool);
	o.arg[o.count++] = (char *)"quiet";
	return (!own_rules(s->rules) || rules_option(&o, rules)) &&
	       share_run(&o, "scan", work, NULL) == 0;
}

/* A warning of the recording's own: `deja info` and a replay show it. */
static bool add_warning(const char *work, const char *text)
{
	msgpack_zone *zone = msgpack_zone_new(8192);
	struct deja_header h;
	struct deja_error err;
	bool ok = zone && tf_header_read(work, zone, &h, &err) == 0;
	const char **all = ok ? calloc(h.warning_count + 1, sizeof(*all)) : NULL;

	ok = all != NULL;
	if (ok) {
		if (h.warning_count)
			memcpy(all, h.warnings, h.warning_count * sizeof(*all));
		all[h.warning_count++] = text;
		h.warnings = all;
		ok = tf_header_write(work, &h, &err) == 0;
	}
	free(all);
	if (zone)
		msgpack_zone_free(zone);
	return ok;
}

static bool write_readme(const char *work)
{
	msgpack_zone *zone = msgpack_zone_new(8192);
	struct deja_header h;
	struct deja_error err;
	bool ok = zone && tf_header_read(work, zone, &h, &err) == 0 && readme_write(work, &h);

	if (zone)
		msgpack_zone_free(zone);
	return ok;
}

/* The copy's members take their places, the header last. */
static bool move_in(const char *work, const char *dir)
{
	DIR *d = opendir(work);
	struct dirent *e;
	char from[PATH_MAX + 300], to[PATH_MAX + 300];
	bool ok = d != NULL;

	while (ok && (e = readdir(d))) {
		if (e->d_name[0] == '.' || !strcmp(e->d_name, "header"))
			continue;
		snprintf(from, sizeof(from), "%s/%s", work, e->d_name);
		snprintf(to, sizeof(to), "%s/%s", dir, e->d_name);
		ok = rename(from, to) == 0;
	}
	if (d)
		closedir(d);
	snprintf(from, sizeof(from), "%s/header", work);
	snprintf(to, sizeof(to), "%s/header", dir);
	if (ok && rename(from, to) == 0)
		return true;
	cmd_error("%s: %s", to, strerror(errno));
	return false;
}

/* Makes the redacted copy in `work`; *said is for the closing line. */
static bool make_copy(struct sealed *s, const char *work, char *said, size_t said_len)
{
	struct found f = mark(s, work);
	struct outcome o;
	char warning[400] = "";
	bool clean;

	if (f.status > 1)
		return false;
	if (f.status == 0) {
		snprintf(said, said_len, "redacted: there was no secret to find");
		return true;
	}
	o = rederive(work);
	if (o.status == CMD_DIVERGED)
		snprintf(warning, sizeof(warning),
			 "redacted while recorded: the program's way depends on a secret, a replay "
			 "takes another from event p%u#%llu on; what it made of secrets after that is as "
			 "it was",
			 o.made.diverged_stream, (unsigned long long)o.made.diverged_event);
	else if (o.status)
		snprintf(warning, sizeof(warning),
			 "redacted while recorded: it could not be replayed with the tokens; what "
			 "the program made of secrets is as it was");
	if (warning[0] && !add_warning(work, warning))
		return false;
	if (warning[0])
		cmd_error("warning: %s", warning);
	clean = scan_is_clean(s, work);
	if (!clean && !add_warning(work, "redacted while recorded: `deja scan` still finds something in it, which the program made itself"))
		return false;
	snprintf(said, said_len, "redacted: %s; it %s; a scan %s", f.text,
		 o.status ? "does not replay to its end" : "replays",
		 clean ? "finds nothing" : "still finds something, see `deja scan`");
	return true;
}

const char *sealed_finish(struct sealed *s)
{
	static char said[256];
	char work[PATH_MAX];
	bool ok;

	snprintf(work, sizeof(work), "%s/.redacted", s->dir);
	ok = make_dir(work);
	ok = ok && make_copy(s, work, said, sizeof(said)) && write_readme(work) && move_in(work, s->dir);
	if (!ok)
		cmd_error("%s: what was recorded could not be redacted: nothing of it is kept", s->dir);
	cmd_remove_tree(work);
	sealed_discard(s);
	return ok ? said : NULL;
}
