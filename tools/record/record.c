/*
 * `deja record`: prepares recording directory and session, starts the command under the
 * runtime, supervises, and ends as the command did.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "preload/exec_target.h"
#include "tools/cmd.h"
#include "tools/replay/environment.h"
#include "tools/readme.h"
#include "tools/record/recover.h"
#include "tools/record/relay.h"
#include "tools/record/sealed.h"
#include "tools/session.h"
#include "tools/replay/stacks.h"
#include "tools/store.h"
#include "tools/record/supervisor.h"
#include "tools/record/track.h"
#include "tracefmt/header.h"

enum { FILES_NEEDED = 32, FILES_WANTED = 1200 }; /* descriptors */

struct options {
	const char *dir; /* -o, or NULL */
	bool quiet, digest, trap_tsc, sources;
	const char *redact; /* --redact, or NULL */
	char *note; /* its text, or NULL */
	const char *stacks; /* --stacks, or NULL */
	struct stack_choice stack_choice;
	struct supervisor_limits limits;
	char **argv;
};

/* The file that exec would run for a command name. Malloc'd; NULL after printing;
 * *status as shells give it. */
static char *find_command(const char *name, int *status)
{
	const char *path = getenv("PATH");
	bool denied = false;

	*status = CMD_NOT_FOUND;
	if (strchr(name, '/')) {
		struct stat st;

		if (stat(name, &st) < 0) {
			cmd_error("%s: %s", name, strerror(errno));
			return NULL;
		}
		*status = CMD_NOT_EXECUTABLE;
		if (S_ISDIR(st.st_mode)) {
			cmd_error("%s: is a directory", name);
			return NULL;
		}
		if (access(name, X_OK) < 0) {
			cmd_error("%s: %s", name, strerror(errno));
			return NULL;
		}
		return strdup(name);
	}
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (*name) {
		size_t len = strcspn(path, ":");
		char *full;
		struct stat st;

		if (asprintf(&full, "%.*s%s%s", (int)len, path, len ? "/" : "./", name) < 0)
			return NULL;
		if (stat(full, &st) == 0 && S_ISREG(st.st_mode)) {
			if (access(full, X_OK) == 0)
				return full;
			denied = true;
		}
		free(full);
		path += len;
		if (!*path++)
			break;
	}
	if (denied) {
		*status = CMD_NOT_EXECUTABLE;
		cmd_error("%s: found in PATH, but not executable", name);
	} else {
		cmd_error("%s: command not found", name);
	}
	return NULL;
}

static bool can_record(const char *path)
{
	const char *why = NULL;

	switch (exec_target(AT_FDCWD, path, !session_can_dispatch())) {
	case EXEC_TARGET_OK:
		return true;
	case EXEC_TARGET_STATIC:
		why = "is statically linked, so nothing can be preloaded into it; record a "
		      "dynamically linked build";
		break;
	case EXEC_TARGET_ARCH:
		why = "is not an x86-64 program";
		break;
	case EXEC_TARGET_SETUID:
		why = "is set-uid, set-gid or has capabilities, so the system ignores "
		      "preloading; record a copy of it, as the user it would become";
		break;
	case EXEC_TARGET_TWO_USERS:
		why = "would run with different real and effective users or groups, so the system "
		      "ignores preloading; run deja as one user";
		break;
	case EXEC_TARGET_LIBC:
		why = "uses another C library than glibc";
		break;
	}
	cmd_error("%s: cannot be recorded: it %s", path, why);
	return false;
}

static bool make_parents(const char *path)
{
	char *copy = strdup(path);
	bool ok = copy;

	for (char *p = copy ? copy + 1 : NULL; ok && p && *p; p++)
		if (*p == '/') {
			*p = 0;
			if (mkdir(copy, 0700) < 0 && errno != EEXIST)
				ok = false;
			*p = '/';
		}
	if (ok && mkdir(copy, 0700) < 0 && errno != EEXIST)
		ok = false;
	free(copy);
	return ok;
}

static bool is_empty_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool empty = d;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			empty = false;
	if (d)
		closedir(d);
	return empty;
}

/* The recording's directory, absolute; *made: it was not there before. Malloc'd; NULL after
 * printing. */
static char *make_directory(const struct options *opt, bool *made)
{
	char *dir = NULL, *base, *abs;
	struct stat st;

	if (opt->dir) {
		dir = strdup(opt->dir);
	} else {
		const char *app = strrchr(opt->argv[0], '/');
		char stamp[32];
		time_t now = time(NULL);

		base = cmd_default_dir();
		if (!base) {
			cmd_error("no place for the recording: set DEJA_DIR or HOME, or "
				  "give -o DIR");
			return NULL;
		}
		strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", localtime(&now));
		if (!make_parents(base)) {
			cmd_error("%s: %s; give another place with -o DIR", base,
				  strerror(errno));
			free(base);
			return NULL;
		}
		if (asprintf(&dir, "%s/%s-%s-%d", base, app ? app + 1 : opt->argv[0], stamp,
			     (int)getpid()) < 0)
			dir = NULL;
		free(base);
	}
	if (!dir)
		return NULL;
	*made = mkdir(dir, 0700) == 0;
	if (!*made) {
		if (errno != EEXIST) {
			cmd_error("%s: %s", dir, strerror(errno));
			goto fail;
		}
		if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
			cmd_error("%s: exists and is not a directory", dir);
			goto fail;
		}
		if (!is_empty_dir(dir)) {
			cmd_error("%s: is not empty; a recording never overwrites anything, "
				  "name a new directory",
				  dir);
			goto fail;
		}
		if (chmod(dir, 0700) < 0 || access(dir, W_OK | X_OK) < 0) {
			cmd_error("%s: %s", dir, strerror(errno));
			goto fail;
		}
	}
	abs = realpath(dir, NULL);
	free(dir);
	return abs;
fail:
	free(dir);
	return NULL;
}

/* Takes away what was put into a recording that did not come about. */
static void discard_directory(const char *dir, bool made)
{
	static const char *const names[] = {"header", "README.txt", "settings", "note.txt", "f"};
	char sealed[PATH_MAX + 16];

	snprintf(sealed, sizeof(sealed), "%s/.sealed", dir);
	cmd_remove_tree(sealed);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_MAX + 16];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	recover_unlink(dir);
	if (made)
		rmdir(dir);
}

/* `latest` in the default directory leads to this recording. Failing is no reason to
 * complain: it is a convenience. */
static void point_latest(const char *dir)
{
	char *base = cmd_default_dir(), *link = NULL, *tmp = NULL;

	if (base && make_parents(base) && asprintf(&link, "%s/latest", base) > 0 &&
	    asprintf(&tmp, "%s/.latest.%d", base, (int)getpid()) > 0) {
		unlink(tmp);
		if (symlink(dir, tmp) == 0 && rename(tmp, link) < 0)
			unlink(tmp);
	}
	free(base);
	free(link);
	free(tmp);
}

static char *cpu_model(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[512], *model = NULL;

	while (f && !model && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
			model = strdup(strchr(line, ':') + 2);
			if (model)
				model[strcspn(model, "\n")] = 0;
		}
	if (f)
		fclose(f);
	return model ? model : strdup("");
}

struct header_room {
	struct utsname uts;
	uint64_t limits[RLIM_NLIMITS][2];
	char id[33], cwd[PATH_MAX], kernel[sizeof(struct utsname)];
};

static void fill_header(struct deja_header *h, struct header_room *room,
			const struct options *opt, const char *exe, const struct rlimit *files)
{
	uint8_t random[16];
	struct timespec ts;

	memset(h, 0, sizeof(*h));
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		memset(random, 0, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		sprintf(room->id + 2 * i, "%02x", random[i]);
	uname(&room->uts);
	snprintf(room->kernel, sizeof(room->kernel), "%s %s", room->uts.release,
		 room->uts.version);
	if (!getcwd(room->cwd, sizeof(room->cwd)))
		room->cwd[0] = 0;
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit = {0, 0};

		if (i == RLIMIT_NOFILE)
			limit = *files;
		else
			getrlimit(i, &limit);
		room->limits[i][0] = limit.rlim_cur;
		room->limits[i][1] = limit.rlim_max;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	h->format = TF_FORMAT;
	h->id = room->id;
	h->version = DEJA_VERSION;
	while (opt->argv[h->argc])
		h->argc++;
	h->argv = (const char *const *)opt->argv;
	h->exe = exe;
	h->cwd = room->cwd;
	h->host = room->uts.nodename;
	h->kernel = room->kernel;
	h->machine = room->uts.machine;
	h->cpu = cpu_model();
	h->cpu_features = environment_cpu_features();
	h->outbound = opt->digest ? "digest" : "full";
	h->doors = "dispatch";
	h->stacks = opt->stacks ? opt->stacks : "";
	h->start_realtime_ns = ts.tv_sec * 1000000000ll + ts.tv_nsec;
	h->page_size = (uint32_t)sysconf(_SC_PAGESIZE);
	h->cause = TF_CAUSE_RUNNING;
	h->limit_count = RLIM_NLIMITS;
	h->limits = (const uint64_t(*)[2])room->limits;
}

static bool parse_options(int argc, char **argv, struct options *opt, int *status)
{
	unsigned long long size;
	long long time;
	int c;

	memset(opt, 0, sizeof(*opt));
	*status = CMD_FAILED;
	if (argc > 1 && (!strcmp(argv[1], "-p") || !strncmp(argv[1], "--pid", strlen("--pid")))) {
		cmd_error("%s: a process that runs already cannot be recorded; start it anew with "
			  "`deja record -- COMMAND`",
			  argv[1]);
		return false;
	}
	while ((c = cmd_getopt(argc, argv, status)) != -1) {
		switch (c) {
		case 'o':
			opt->dir = optarg;
			break;
		case 'q':
			opt->quiet = true;
			break;
		case CMD_OPT_STACKS:
			opt->stacks = optarg ? optarg : "all";
			if (!stacks_parse("record", opt->stacks, &opt->stack_choice))
				return false;
			break;
		case CMD_OPT_OUTBOUND:
			if (strcmp(optarg, "full") && strcmp(optarg, "digest")) {
				cmd_error("--outbound %s: must be full or digest", optarg);
				return false;
			}
			opt->digest = !strcmp(optarg, "digest");
			break;
		case CMD_OPT_SOURCES:
			opt->sources = true;
			break;
		case CMD_OPT_REDACT:
			opt->redact = optarg;
			break;
		case CMD_OPT_NOTE:
			opt->note = note_read(optarg);
			if (!opt->note)
				return false;
			break;
		case CMD_OPT_TRAP_TSC:
			opt->trap_tsc = true;
			break;
		case CMD_OPT_MAX_SIZE:
			if (!cmd_size_parse(optarg, &size)) {
				cmd_error("--max-size %s: must be a size, as 500K or 2G", optarg);
				return false;
			}
			opt->limits.size = size;
			opt->limits.size_text = optarg;
			break;
		case CMD_OPT_MAX_TIME:
			if (!cmd_duration_parse(optarg, &time)) {
				cmd_error("--max-time %s: must be a time, as 90s, 5m or 1h", optarg);
				return false;
			}
			opt->limits.time_ns = time;
			opt->limits.time_text = optarg;
			break;
		default:
			return false;
		}
	}
	if (opt->redact && opt->sources) {
		cmd_error("record: --redact and --sources do not go together: sources are not redacted; "
			  "`deja sources --add` puts them in later");
		return false;
	}
	if (optind >= argc) {
		cmd_error("record what? give a command, as in `deja record -- date`");
		return false;
	}
	if (opt->redact && opt->digest) {
		cmd_error("--redact: needs the bytes that go out, not digests of them: without --outbound digest");
		return false;
	}
	if (opt->redact && !sealed_check_rules(opt->redact))
		return false;
	opt->argv = argv + optind;
	return true;
}

static int64_t elapsed_ns(const struct live_session *s)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec - s->shared->monotonic_base_ns;
}

/* In one line: what is missing, what that means, how much of it there may be. */
static void warn_no_dispatch(const struct session *s)
{
	cmd_error("warning: system call dispatch %s: calls were caught by patching alone; "
		  "at most %llu places in one program's code may be system calls that were "
		  "not recorded, and a replay that meets one diverges",
		  getenv("DEJA_NO_DISPATCH") ? "is switched off by DEJA_NO_DISPATCH"
					     : "is not available here (Linux 5.11 has it)",
		  (unsigned long long)s->missed_sites);
}

/* The closing line. That the program had to wait is worth a word from a hundredth of its time on. */
static void print_end(const char *dir, const struct deja_header *h, const char *cause,
		      const char *redacted)
{
	char size[64], waited[64];

	fprintf(stderr, "deja: recorded %s (%llu events, %s", dir,
		(unsigned long long)h->event_count,
		cmd_size_text(cmd_disk_len(dir), size, sizeof(size)));
	if (h->waited_ns > h->duration_ns / 100)
		fprintf(stderr, ", added latency %s",
			cmd_duration_text(h->waited_ns, waited, sizeof(waited)));
	fprintf(stderr, ")%s%s%s%s\n", cause ? "; " : "", cause ? cause : "", redacted ? "; " : "",
		redacted ? redacted : "");
}

static void add_sources(const char *dir)
{
	char *argv[] = {NULL, (char *)"add", (char *)dir, (char *)"quiet", NULL};

	if (cmd_run_helper("deja-sources", argv))
		cmd_error("warning: not all sources were stored; `deja sources --add` tries again");
}

/* The dynamic linker prints before the runtime is there. */
static void warn_of_linker(struct supervisor *sv)
{
	const char *debug = getenv("LD_DEBUG"), *list = getenv("LD_PRELOAD");
	char text[512];

	if (debug && *debug)
		supervisor_warn(sv, "LD_DEBUG is set: what the dynamic linker prints is not recorded");
	for (size_t len; list && *list; list += len) {
		char path[PATH_MAX];

		list += strspn(list, ": ");
		len = strcspn(list, ": ");
		if (!len || !memchr(list, '/', len) || len >= sizeof(path))
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)len, list);
		if (access(path, R_OK) == 0)
			continue;
		snprintf(text, sizeof(text),
			 "LD_PRELOAD names %.200s (%s): what the dynamic linker prints of it is not "
			 "recorded",
			 path, strerror(errno));
		supervisor_warn(sv, text);
	}
}

/* So that the recorder knows them under their names (preload/session.h). */
static void note_outputs(struct session *shared)
{
	for (int i = 0; i < 2; i++) {
		struct stat st;

		if (fstat(1 + i, &st) < 0 || S_ISDIR(st.st_mode) ||
		    (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
			continue; /* null has no bytes */
		shared->output[i].dev = st.st_dev;
		shared->output[i].ino = st.st_ino;
	}
}

/* Every process being recorded takes two descriptors here. The limit is the command's: *given. */
static bool raise_file_limit(struct rlimit *given)
{
	struct rlimit raised;

	if (getrlimit(RLIMIT_NOFILE, given) < 0)
		return true;
	raised = *given;
	if (raised.rlim_max < FILES_WANTED) {
		raised.rlim_max = FILES_WANTED;
		if (setrlimit(RLIMIT_NOFILE, &raised) < 0)
			raised.rlim_max = given->rlim_max;
	}
	raised.rlim_cur = raised.rlim_max;
	setrlimit(RLIMIT_NOFILE, &raised);
	if (raised.rlim_cur >= FILES_NEEDED)
		return true;
	cmd_error("at most %llu open files are allowed here (ulimit -Hn), the recorder needs %d and two for "
		  "each process; raise the limit and set it in the command: sh -c 'ulimit -n N; exec CMD'",
		  (unsigned long long)raised.rlim_cur, FILES_NEEDED);
	return false;
}

/* Descriptors that whoever executed us opened, for the command: a pipe that it closes must be seen
 * closed at the other end. Malloc'd; *count of them. */
static int *inherited_files(size_t *count)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int *files = NULL, *grown;

	*count = 0;
	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name);

		if (!isdigit((unsigned char)e->d_name[0]) || fd < 3 || fd == dirfd(d))
			continue;
		grown = realloc(files, (*count + 1) * sizeof(*files));
		if (!grown)
			break;
		files = grown;
		files[(*count)++] = fd;
	}
	if (d)
		closedir(d);
	return files;
}

/* After the launch. */
static void drop_inherited(int *files, size_t count, bool input)
{
	int null;

	for (size_t i = 0; i < count; i++)
		close(files[i]);
	free(files);
	if (!input || isatty(0))
		return;
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null > 0) {
		dup2(null, 0);
		close(null);
	}
}

int cmd_record(int argc, char **argv)
{
	extern char **environ;
	static struct header_room room;
	static struct sealed sealing;
	struct sealed *sealed = NULL;
	const char *redacted = NULL, *rec_dir;
	struct options opt;
	struct deja_header header;
	struct live_session session;
	struct supervisor *sv;
	struct store *store = NULL;
	struct deja_error err;
	struct launch launch = {0};
	static const struct itimerval no_timer;
	struct itimerval timers[3];
	struct rlimit files;
	sigset_t mask;
	int *inherited;
	size_t inherited_count;
	bool input;
	char *exe, *dir;
	int status, exec_errno;
	bool whole, left, made, xfsz_default;
	pid_t pid;

	session_clock_begin();
	inherited = inherited_files(&inherited_count);
	input = fcntl(0, F_GETFD) >= 0;
	/* a limit on file sizes is an error to us, not the end */
	xfsz_default = signal(SIGXFSZ, SIG_IGN) == SIG_DFL;
	if (!parse_options(argc, argv, &opt, &status))
		return status;
	exe = find_command(opt.argv[0], &status);
	if (!exe)
		return status;
	if (!can_record(exe))
		return CMD_CANNOT_RUN;
	if (session_is_nested() || !raise_file_limit(&files))
		return CMD_FAILED;
	dir = make_directory(&opt, &made);
	if (!dir)
		return CMD_FAILED;
	status = CMD_FAILED;
	if (!session_create(&session, SESSION_RECORD))
		goto discard;
	fill_header(&header, &room, &opt, exe, &files);
	if (opt.redact) {
		if (!sealed_begin(&sealing, dir, session.dir, opt.redact, &header)) {
			session_destroy(&session);
			goto discard;
		}
		sealed = &sealing;
	}
	rec_dir = sealed ? sealed->spool : dir;
	store = store_open(sealed ? sealed->disk : dir, NULL, &err);
	if (!store) {
		cmd_error("%s", err.message);
		session_destroy(&session);
		goto discard;
	}
	if (sealed)
		store_set_seal(store, &sealed->seal);
	session.shared->outbound_digest = opt.digest;
	session.shared->stacks = opt.stack_choice;
	session.shared->trap_tsc = opt.trap_tsc;
	session.shared->vdso_file = store_add_vdso(store);
	session.shared->no_dispatch =
		getenv("DEJA_NO_DISPATCH") != NULL || !session_can_dispatch();
	if (session.shared->no_dispatch)
		header.doors = "patch";
	if (!sealed && tf_header_write(rec_dir, &header, &err) < 0) {
		cmd_error("%s", err.message);
		session_destroy(&session);
		goto discard;
	}
	readme_write(rec_dir, &header);
	if (opt.note)
		note_write(rec_dir, opt.note);
	if (!sealed)
		recover_link(dir, session.dir);
	session_root_slot(&session);
	note_outputs(session.shared);
	sv = supervisor_open(&session, rec_dir, store, &header, &opt.limits, sealed);
	warn_of_linker(sv);
	launch.path = exe;
	launch.argv = opt.argv;
	launch.envp = environ;
	launch.xfsz_default = xfsz_default;
	/* an alarm set by who executed us is the command's */
	for (int i = 0; i < 3; i++)
		setitimer(i, &no_timer, &timers[i]);
	launch.timers = timers;
	launch.files = &files;
	relay_hold(&mask);
	launch.mask = &mask;
	pid = session_launch(&session, &launch, &exec_errno);
	relay_start();
	drop_inherited(inherited, inherited_count, input);
	if (pid < 0) {
		if (exec_errno)
			cmd_error("%s: %s", exe, strerror(exec_errno));
		session_destroy(&session);
		status = exec_errno == ENOENT ? CMD_NOT_FOUND
			 : exec_errno	      ? CMD_NOT_EXECUTABLE
					      : CMD_FAILED;
		goto discard;
	}
	if (sealed)
		sealed_started();
	supervisor_run(sv, pid, opt.quiet);
	if (session.shared->no_dispatch) { /* it may have turned out later */
		header.doors = "patch";
		warn_no_dispatch(session.shared);
	}
	whole = supervisor_close(sv, elapsed_ns(&session));
	if (whole) {
		store_close(store);
		readme_write(rec_dir, &header);
	}
	if (whole && opt.sources)
		add_sources(dir);
	if (whole && !sealed) {
		recover_unlink(dir);
		point_latest(dir);
	}
	if (whole && !sealed && !opt.quiet)
		print_end(dir, &header, supervisor_cause(sv), NULL);
	status = supervisor_outlast(sv, &left);
	if (!whole && !sealed && supervisor_write(sv)) {
		readme_write(rec_dir, &header);
		recover_unlink(dir);
	}
	if (!whole)
		store_close(store);
	if (sealed && whole && !opt.quiet && isatty(2))
		cmd_error("the command has ended; tokens are being put in the place of secrets");
	if (sealed && (redacted = whole ? sealed_finish(sealed) : NULL)) {
		point_latest(dir);
		if (!opt.quiet)
			print_end(dir, &header, supervisor_cause(sv), redacted);
	}
	session_close(&session, left);
	session_end_as(status);
discard: /* nothing ran: nothing is left */
	store_close(store);
	discard_directory(dir, made);
	return status;
}
