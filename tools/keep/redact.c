/*
 * `deja redact`: a copy of a recording without its secrets, that replays.
 *
 *	1. deja-share writes a copy in which a token of the same length stands wherever a secret
 *	   came in (tools/share/mark.c).
 *	2. That copy is replayed. What the program sends now is what it makes of the tokens: it
 *	   takes the place of what was sent then. Only bytes may differ: another call, another
 *	   length, and the program's way depends on a secret.
 *	3. The result is replayed strictly, as any recording.
 *	4. It is scanned: what is found all the same the program makes itself.
 *
 * All happens in a hidden directory beside the result, which is renamed at the end.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tools/json.h"
#include "tools/replay/playback.h"
#include "tools/readme.h"
#include "tools/keep/redact.h"
#include "tools/keep/share.h"
#include "tools/keep/trim.h"

struct redaction {
	char *from;	 /* recording */
	const char *out; /* what the user named */
	char *work;	 /* the copy, in the making */
	struct share_options options;
	bool cut;
	bool as_json;
	struct json json; /* what deja-share has begun */
	uint64_t sent_anew; /* pieces */
	bool rest;	    /* the copy still holds what a scan finds */
};

/* Replays the copy; *p has the outcome. rederive: in place of a strict replay. */
static int replay_copy(const char *work, const char *rederive_dir, struct playback *p)
{
	int status;

	*p = (struct playback){.verify = true, .rederive_dir = rederive_dir};
	if (!playback_open(p, work, &status))
		return status;
	status = playback_begin(p);
	if (!status)
		status = playback_launch(p);
	if (!status)
		status = playback_watch(p);
	if (!status)
		status = playback_judge(p);
	playback_end(p);
	if (!status && p->unpacker.failed)
		status = CMD_FAILED;
	return status;
}

/* Puts the streams of `dir` in the place of the copy's. */
static bool take_streams(const char *work, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool ok = d != NULL;

	while (ok && (e = readdir(d))) {
		char from[PATH_MAX + 256], to[PATH_MAX + 256];

		if (e->d_name[0] == '.')
			continue;
		snprintf(from, sizeof(from), "%s/%s", dir, e->d_name);
		snprintf(to, sizeof(to), "%s/%s", work, e->d_name);
		ok = rename(from, to) == 0;
	}
	if (!ok)
		cmd_error("%s: %s", dir, strerror(errno));
	if (d)
		closedir(d);
	return ok;
}

/* What differs from the secrets' own bytes on is the program's own doing. Returns the status to
 * give, 0 when the copy has been cut and can be tried again. */
static int depends_on_secret(struct redaction *r, const struct rederivation *p)
{
	const char *what = "the program's way depends on a secret";

	if (!p->diverged_stream || !r->cut) {
		cmd_error("%s from event p%u#%llu on (above: what it did, and what it does with a token)",
			  what, p->diverged_stream, (unsigned long long)p->diverged_event);
		cmd_error("`--keep N` leaves secret N of the list as it is; `--cut` ends the copy there; nothing was written");
		return CMD_DIVERGED;
	}
	cmd_error("%s from event p%u#%llu on: the copy ends there", what, p->diverged_stream,
		  (unsigned long long)p->diverged_event);
	return trim_until_event(r->work, p->diverged_stream, p->diverged_event,
				"cut by deja redact: what follows depends on a secret");
}

/* Step 2. */
int redact_rederive(const char *work, bool partly, struct rederivation *r)
{
	char dir[PATH_MAX];
	struct playback p;
	int status;

	memset(r, 0, sizeof(*r));
	snprintf(dir, sizeof(dir), "%s/.rederived", work);
	if (mkdir(dir, 0700) < 0) {
		cmd_error("%s: %s", dir, strerror(errno));
		return CMD_FAILED;
	}
	status = replay_copy(work, dir, &p);
	r->pieces = p.rederived;
	r->diverged_stream = p.diverged_stream;
	r->diverged_event = p.diverged_event;
	if (status && !(partly && status == CMD_DIVERGED && p.diverged_stream)) {
		cmd_remove_tree(dir);
		return status;
	}
	return take_streams(work, dir) && rmdir(dir) == 0 ? status : CMD_FAILED;
}

/* Step 3. */
int redact_verify(const char *work)
{
	struct playback p;

	return replay_copy(work, NULL, &p);
}

static int rederive(struct redaction *r)
{
	struct rederivation made;
	int status = redact_rederive(r->work, false, &made);

	if (status == CMD_DIVERGED) {
		status = depends_on_secret(r, &made);
		if (!status)
			status = redact_rederive(r->work, false, &made);
	}
	if (status)
		return status;
	r->sent_anew = made.pieces;
	if (!r->as_json)
		printf("%llu piece%s sent %s made anew from the tokens\n", (unsigned long long)made.pieces,
		       made.pieces == 1 ? "" : "s", made.pieces == 1 ? "was" : "were");
	status = redact_verify(r->work);
	if (status)
		cmd_error("the redacted copy does not replay: nothing was written");
	return status;
}

/* Scans the copy as it was redacted. *stream and *number: the first event with a finding, 0: none. */
static int scan_copy(struct redaction *r, bool quiet, uint32_t *stream, uint64_t *number)
{
	struct share_options o = {0};
	int fd = memfd_create("first", 0), status;
	unsigned long long n = 0;
	char text[64] = "";

	*stream = 0;
	for (size_t i = 0; i < r->options.count; i++)
		if (strncmp(r->options.arg[i], "keep=", 5) && strcmp(r->options.arg[i], "json"))
			o.arg[o.count++] = r->options.arg[i];
	if (fd < 0 || o.count + 2 > SHARE_OPTION_MAX || asprintf(&o.arg[o.count], "first=%d", fd) < 0) {
		cmd_error("redact: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return CMD_FAILED;
	}
	o.count++;
	if (quiet)
		o.arg[o.count++] = (char *)"quiet";
	status = share_run(&o, "scan", r->work, NULL);
	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		sscanf(text, "%" SCNu32 " %llu", stream, &n);
	*number = n;
	close(fd);
	return status;
}

/*
 * Step 4. What a scan still finds, no token came in for: the program made it itself, of parts that are
 * no secrets (a program's own text, say). 0: nothing is left, or what was chosen.
 */
static int look_for_rest(struct redaction *r)
{
	bool kept = false;
	uint32_t stream;
	uint64_t number;
	int status;

	for (size_t i = 0; i < r->options.count; i++)
		kept |= !strncmp(r->options.arg[i], "keep=", 5);
	for (;;) {
		status = scan_copy(r, true, &stream, &number);
		r->rest = status == 1;
		if (status != 1 || kept)
			return status == 1 ? 0 : status;
		if (!r->cut || !stream) {
			if (!r->as_json)
				scan_copy(r, false, &stream, &number);
			cmd_error("what %s the program makes itself%s: a copy would still hold it; nothing was written",
				  r->as_json ? "a scan still finds" : "is listed above", stream ? "" : ", or it is about the recording");
			cmd_error("`--keep N` leaves secret N of the list before as it is, everywhere; `--cut` ends the copy before p%u#%llu",
				  stream, (unsigned long long)number);
			return 1;
		}
		cmd_error("the program makes a secret itself in event p%u#%llu: the copy ends there", stream,
			  (unsigned long long)number);
		status = trim_until_event(r->work, stream, number,
					  "cut by deja redact: what follows holds a secret that the program makes itself");
		if (!status)
			status = redact_verify(r->work);
		if (status)
			return status;
	}
}

static int redact(struct redaction *r)
{
	deja_recording *rec;
	int status_open, status = share_run(&r->options, "mark", r->from, r->work);

	if (status > 1)
		return status;
	r->json.depth = r->as_json; /* as deja-share has left it */
	r->json.filled = r->as_json;
	if (status == 0) {
		cmd_error("%s: no secrets were found: nothing to redact, nothing was written", r->from);
		return 1;
	}
	status = rederive(r);
	if (!status)
		status = look_for_rest(r);
	if (status)
		return status;
	rec = cmd_open(r->work, &status_open);
	if (!rec || !readme_write(r->work, deja_header(rec)))
		return CMD_FAILED;
	deja_close(rec);
	if (rename(r->work, r->out) < 0) {
		cmd_error("%s: %s", r->out, strerror(errno));
		return CMD_FAILED;
	}
	if (!r->as_json)
		printf("%s replays.%s\n", r->out,
		       r->rest ? " It still holds what `deja scan` finds: see there."
			       : " A scan finds nothing in it.");
	return 0;
}

/* The rest of the object. */
static int end_json(struct redaction *r, int status)
{
	static const struct deja_header none = {.cause = "nothing was written"};
	deja_recording *rec = NULL;
	int status_open = 0;

	if (!r->json.depth)
		return status;
	if (!status)
		rec = cmd_open(r->out, &status_open);
	json_recording(&r->json, rec ? r->out : NULL, rec ? deja_header(rec) : &none);
	json_uint(&r->json, "sent_anew", r->sent_anew);
	json_bool(&r->json, "clean", rec && !r->rest);
	json_close(&r->json, '}');
	deja_close(rec);
	return status ? status : status_open;
}

int cmd_redact(int argc, char **argv)
{
	struct redaction r = {.json = {.out = stdout}};
	int key, status = 0;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		r.as_json |= key == CMD_OPT_JSON;
		if (key == 'o')
			r.out = optarg;
		else if (key == CMD_OPT_CUT)
			r.cut = true;
		else if (!share_option(&r.options, key))
			return CMD_FAILED;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (!r.out || !r.out[0]) {
		cmd_error("redact: name the new directory with -o DIR");
		return CMD_FAILED;
	}
	r.from = cmd_recording_path(argv[optind]);
	if (!r.from)
		return CMD_UNREADABLE;
	r.work = cmd_work_dir(r.out);
	if (!r.work)
		return CMD_FAILED;
	status = end_json(&r, redact(&r));
	if (access(r.work, F_OK) == 0)
		cmd_remove_tree(r.work);
	return status;
}
