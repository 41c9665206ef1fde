/*
 * `deja record`: prepares recording directory and session, starts the command under the
 * runtime, supervises, and ends as the command did.
 */
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
#include "tools/cmd.h"
#include "tools/replay/environment.h"
#include "tools/readme.h"
#include "tools/record/given.h"
#include "tools/record/place.h"
#include "tools/record/recover.h"
#include "tools/record/relay.h"
#include "tools/record/sealed.h"
#include "tools/session.h"
#include "tools/replay/stacks.h"
#include "tools/store.h"
#include "tools/record/supervisor.h"
#include "tools/record/target.h"
#include "tools/record/track.h"
#include "tracefmt/header.h"

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

/* One option as cmd_getopt() gave it. False after printing what is wrong with it. */
static bool take_option(int c, struct options *opt)
{
	unsigned long long size;
	long long time;

	switch (c) {
	case 'o':
		opt->dir = optarg;
		return true;
	case 'q':
		opt->quiet = true;
		return true;
	case CMD_OPT_STACKS:
		opt->stacks = optarg ? optarg : "all";
		return stacks_parse("record", opt->stacks, &opt->stack_choice);
	case CMD_OPT_OUTBOUND:
		if (strcmp(optarg, "full") && strcmp(optarg, "digest")) {
			cmd_error("--outbound %s: must be full or digest", optarg);
			return false;
		}
		opt->digest = !strcmp(optarg, "digest");
		return true;
	case CMD_OPT_SOURCES:
		opt->sources = true;
		return true;
	case CMD_OPT_REDACT:
		opt->redact = optarg;
		return true;
	case CMD_OPT_NOTE:
		opt->note = note_read(optarg);
		return opt->note;
	case CMD_OPT_TRAP_TSC:
		opt->trap_tsc = true;
		return true;
	case CMD_OPT_MAX_SIZE:
		if (!cmd_size_parse(optarg, &size)) {
			cmd_error("--max-size %s: must be a size, as 500K or 2G", optarg);
			return false;
		}
		opt->limits.size = size;
		opt->limits.size_text = optarg;
		return true;
	case CMD_OPT_MAX_TIME:
		if (!cmd_duration_parse(optarg, &time)) {
			cmd_error("--max-time %s: must be a time, as 90s, 5m or 1h", optarg);
			return false;
		}
		opt->limits.time_ns = time;
		opt->limits.time_text = optarg;
		return true;
	}
	return false;
}

/* False after printing; *status is then the command's. */
static bool parse_options(int argc, char **argv, struct options *opt, int *status)
{
	int c;

	memset(opt, 0, sizeof(*opt));
	*status = CMD_FAILED;
	if (argc > 1 && (!strcmp(argv[1], "-p") || !strncmp(argv[1], "--pid", strlen("--pid")))) {
		cmd_error("%s: a process that runs already cannot be recorded; start it anew with "
			  "`deja record -- COMMAND`",
			  argv[1]);
		return false;
	}
	while ((c = cmd_getopt(argc, argv, status)) != -1)
		if (!take_option(c, opt))
			return false;
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
		shared->output[i].appends = fcntl(1 + i, F_GETFL) & O_APPEND ? 1 : 0;
	}
}

struct recording {
	struct options opt;
	struct given given;
	struct deja_header header;
	struct header_room room;
	struct live_session session;
	struct supervisor *sv;
	struct store *store;
	struct sealed sealing, *sealed; /* for --redact, or NULL */
	char *exe, *dir;
	const char *rec_dir; /* where header and index are written: dir, or in memory */
	bool made;	     /* dir was not there before */
};

/* Session, header, store, supervisor: all but the command. False after printing; then there is no
 * session. */
static bool prepare(struct recording *r)
{
	const struct options *opt = &r->opt;
	struct session *shared;
	struct deja_error err;

	if (!session_create(&r->session, SESSION_RECORD))
		return false;
	shared = r->session.shared;
	fill_header(&r->header, &r->room, opt, r->exe, &r->given.files);
	if (opt->redact) {
		if (!sealed_begin(&r->sealing, r->dir, r->session.dir, opt->redact, &r->header))
			goto fail;
		r->sealed = &r->sealing;
	}
	r->rec_dir = r->sealed ? r->sealed->spool : r->dir;
	r->store = store_open(r->sealed ? r->sealed->disk : r->dir, NULL, &err);
	if (!r->store) {
		cmd_error("%s", err.message);
		goto fail;
	}
	if (r->sealed)
		store_set_seal(r->store, &r->sealed->seal);
	shared->outbound_digest = opt->digest;
	shared->stacks = opt->stack_choice;
	shared->trap_tsc = opt->trap_tsc;
	shared->vdso_file = store_add_vdso(r->store);
	shared->no_dispatch = getenv("DEJA_NO_DISPATCH") != NULL || !session_can_dispatch();
	if (shared->no_dispatch)
		r->header.doors = "patch";
	if (!r->sealed && tf_header_write(r->rec_dir, &r->header, &err) < 0) {
		cmd_error("%s", err.message);
		goto fail;
	}
	readme_write(r->rec_dir, &r->header);
	if (opt->note)
		note_write(r->rec_dir, opt->note);
	if (!r->sealed)
		recover_link(r->dir, r->session.dir);
	session_root_slot(&r->session);
	note_outputs(shared);
	r->sv = supervisor_open(&r->session, r->rec_dir, r->store, &r->header, &opt->limits, r->sealed);
	warn_of_linker(r->sv);
	return true;
fail:
	session_destroy(&r->session);
	return false;
}

/* Starts the command. Its pid, or -1 after printing: *status is then what to end with. */
static pid_t start(struct recording *r, int *status)
{
	extern char **environ;
	struct launch launch = {0};
	sigset_t mask;
	int exec_errno;
	pid_t pid;

	launch.path = r->exe;
	launch.argv = r->opt.argv;
	launch.envp = environ;
	launch.xfsz_default = r->given.xfsz_default;
	given_stop_timers(&r->given);
	launch.timers = r->given.timers;
	launch.files = &r->given.files;
	relay_hold(&mask);
	launch.mask = &mask;
	pid = session_launch(&r->session, &launch, &exec_errno);
	relay_start();
	given_drop(&r->given);
	if (pid >= 0)
		return pid;
	if (exec_errno)
		cmd_error("%s: %s", r->exe, strerror(exec_errno));
	*status = exec_errno == ENOENT ? CMD_NOT_FOUND
		  : exec_errno	       ? CMD_NOT_EXECUTABLE
				       : CMD_FAILED;
	return -1;
}

/* Writes what the supervisor has got. The command may go on, unrecorded: waits for its end, and
 * returns how it was (as wait(2) says); *left: something of it still runs. */
static int finish(struct recording *r, bool *left)
{
	const char *redacted;
	bool whole = supervisor_close(r->sv, elapsed_ns(&r->session)), quiet = r->opt.quiet;
	int status;

	if (whole) {
		store_close(r->store);
		readme_write(r->rec_dir, &r->header);
	}
	if (whole && r->opt.sources)
		add_sources(r->dir);
	if (whole && !r->sealed) {
		recover_unlink(r->dir);
		place_point_latest(r->dir);
	}
	if (whole && !r->sealed && !quiet)
		print_end(r->dir, &r->header, supervisor_cause(r->sv), NULL);
	status = supervisor_outlast(r->sv, left);
	if (!whole && !r->sealed && supervisor_write(r->sv)) {
		readme_write(r->rec_dir, &r->header);
		recover_unlink(r->dir);
	}
	if (!whole)
		store_close(r->store);
	if (r->sealed && whole && !quiet && isatty(2))
		cmd_error("the command has ended; tokens are being put in the place of secrets");
	if (r->sealed && (redacted = whole ? sealed_finish(r->sealed) : NULL)) {
		place_point_latest(r->dir);
		if (!quiet)
			print_end(r->dir, &r->header, supervisor_cause(r->sv), redacted);
	}
	return status;
}

int cmd_record(int argc, char **argv)
{
	static struct recording r;
	int status;
	bool left;
	pid_t pid;

	session_clock_begin();
	given_take(&r.given);
	if (!parse_options(argc, argv, &r.opt, &status))
		return status;
	r.exe = target_find(r.opt.argv[0], &status);
	if (!r.exe)
		return status;
	if (!target_can_be_recorded(r.exe))
		return CMD_CANNOT_RUN;
	if (session_is_nested() || !given_raise_files(&r.given))
		return CMD_FAILED;
	r.dir = place_make(r.opt.dir, r.opt.argv[0], &r.made);
	if (!r.dir)
		return CMD_FAILED;
	status = CMD_FAILED;
	if (!prepare(&r))
		goto discard;
	pid = start(&r, &status);
	if (pid < 0) {
		session_destroy(&r.session);
		goto discard;
	}
	if (r.sealed)
		sealed_started();
	supervisor_run(r.sv, pid, r.opt.quiet);
	if (r.session.shared->no_dispatch) { /* it may have turned out later */
		r.header.doors = "patch";
		warn_no_dispatch(r.session.shared);
	}
	status = finish(&r, &left);
	session_close(&r.session, left);
	session_end_as(status);
discard: /* nothing ran: nothing is left */
	store_close(r.store);
	place_discard(r.dir, r.made);
	return status;
}
