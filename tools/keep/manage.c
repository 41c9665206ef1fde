/*
 * `deja rm`, `deja mv` and `deja prune`: keeping house among recordings. Nothing is touched that
 * is not a recording, and none that is still being made. A packed one has its annotations beside it,
 * which go with it.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>
#include "tools/cmd.h"
#include "tools/json.h"
#include "tools/record/recover.h"

enum { LIVE_AFTER_S = 60 }; /* see written_of_late */

struct entry {
	char *path;
	int64_t start_ns;
	unsigned long long disk_len;
	bool live;
};

/* What tells where no lock can be looked at: an unfinished recording that was written to since
 * LIVE_AFTER_S is live. */
static bool written_of_late(const char *path)
{
	char file[PATH_MAX + 256];
	DIR *d = opendir(path);
	struct dirent *e;
	struct stat st;
	bool late = false;

	while (d && (e = readdir(d))) {
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		if (e->d_name[0] != '.' && lstat(file, &st) == 0 &&
		    time(NULL) - st.st_mtime < LIVE_AFTER_S)
			late = true;
	}
	if (d)
		closedir(d);
	return late;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Whether the file is a packed recording: its first member is told without unpacking; where it is
 * another, all is looked at. */
static bool is_packed(const char *path)
{
	static const char first[] = "MANIFEST";
	char in[65536], out[sizeof(first)] = "";
	FILE *f = fopen(path, "re");
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer from = {in, f ? fread(in, 1, sizeof(in), f) : 0, 0};
	ZSTD_outBuffer to = {out, sizeof(out), 0};
	char *dir;

	while (z && from.pos < from.size && to.pos < to.size)
		if (ZSTD_isError(ZSTD_decompressStream(z, &to, &from)))
			break;
	ZSTD_freeDStream(z);
	if (f)
		fclose(f);
	if (to.pos == sizeof(first) && !memcmp(out, first, sizeof(first)))
		return true;
	if (from.size < 4 || memcmp(in, "\x28\xb5\x2f\xfd", 4))
		return false;
	dir = cmd_bundle_dir(path);
	free(dir);
	return dir != NULL;
}

/* Whether the directory is a recording; *live: a recorder still writes it. */
static bool is_recording(const char *path, int64_t *start_ns, bool *live, struct deja_error *err)
{
	deja_recording *rec;
	char header[PATH_MAX];
	struct stat st;
	bool known;

	snprintf(header, sizeof(header), "%s/header", path);
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && is_packed(path)) {
		*start_ns = st.st_mtim.tv_sec * 1000000000ll;
		*live = false;
		return true;
	}
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || lstat(header, &st) < 0 ||
	    !S_ISREG(st.st_mode)) {
		snprintf(err->message, sizeof(err->message), "%s: not a recording", path);
		return false;
	}
	*live = recover_is_live(path, &known);
	*start_ns = st.st_mtim.tv_sec * 1000000000ll;
	rec = deja_open(path, err);
	if (!rec)
		return true; /* a damaged one: its age is its header's */
	*start_ns = deja_header(rec)->start_realtime_ns;
	if (!known && !deja_header(rec)->complete && !deja_header(rec)->process_count)
		*live = written_of_late(path);
	deja_close(rec);
	return true;
}

/* A recording as cmd_recording_place takes it, but not `latest`.
 * Malloc'd; NULL after printing why not. */
static char *recording_of(const char *command, const char *arg)
{
	char *dir = cmd_default_dir(), *path = NULL;
	struct deja_error err;
	int64_t start_ns;
	bool live;

	if (!strchr(arg, '/') && access(arg, F_OK) < 0 && dir) {
		if (asprintf(&path, "%s/%s", dir, arg) < 0)
			path = NULL;
	} else {
		path = strdup(arg);
	}
	free(dir);
	if (!path)
		return NULL;
	if (!is_recording(path, &start_ns, &live, &err)) {
		cmd_error("%s: %s", command, err.message);
	} else if (live) {
		cmd_error("%s: %s: it is still being recorded", command, path);
	} else {
		return path;
	}
	free(path);
	return NULL;
}

/* The annotations beside a packed recording. */
static const char *beside(const char *path, char buf[PATH_MAX])
{
	snprintf(buf, PATH_MAX, "%s.annotations", path);
	return buf;
}

/* Under a hidden name first: whoever looks meanwhile sees it whole or not at all. */
static bool remove_recording(const char *path)
{
	char hidden[PATH_MAX];
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		if (unlink(path) == 0 && (unlink(beside(path, hidden)) == 0 || errno == ENOENT))
			return true;
		cmd_error("%s: cannot be removed: %s", path, strerror(errno));
		return false;
	}

	snprintf(hidden, sizeof(hidden), "%.*s.removed.%s.%d", (int)(slash ? slash + 1 - path : 0),
		 path, slash ? slash + 1 : path, getpid());
	if (rename(path, hidden) == 0 && cmd_remove_tree(hidden))
		return true;
	cmd_error("%s: cannot be removed: %s", path, strerror(errno));
	return false;
}

int cmd_rm(int argc, char **argv)
{
	int status = 0;

	if (cmd_getopt(argc, argv, &status) == CMD_OPT_EXIT)
		return status;
	status = 0;
	if (optind == argc) {
		cmd_error("rm: name the recordings to remove; `deja ls` lists them");
		return CMD_FAILED;
	}
	for (int i = optind; i < argc; i++) {
		char *path = recording_of("rm", argv[i]);

		if (!path)
			status = CMD_UNREADABLE;
		else if (!remove_recording(path))
			status = CMD_FAILED;
		free(path);
	}
	return status;
}

int cmd_mv(int argc, char **argv)
{
	char *from, *to, *dir, notes[PATH_MAX], was[PATH_MAX];
	struct stat st;
	int status = 0;

	if (cmd_getopt(argc, argv, &status) == CMD_OPT_EXIT)
		return status;
	if (argc - optind != 2 || !argv[optind + 1][0]) {
		cmd_error("mv: name the recording and its new name");
		return CMD_FAILED;
	}
	status = 0;
	from = recording_of("mv", argv[optind]);
	if (!from)
		return CMD_UNREADABLE;
	/* a bare name stays beside the recording */
	dir = strdup(from);
	if (strchr(argv[optind + 1], '/') || !strrchr(dir, '/')) {
		to = strdup(argv[optind + 1]);
	} else {
		*strrchr(dir, '/') = 0;
		if (asprintf(&to, "%s/%s", dir, argv[optind + 1]) < 0)
			to = NULL;
	}
	free(dir);
	if (!to) {
		cmd_error("out of memory");
		free(from);
		return CMD_FAILED;
	}
	if (lstat(to, &st) == 0) {
		cmd_error("mv: %s: exists already; nothing was moved", to);
		status = CMD_FAILED;
	} else if (!is_directory(from) && lstat(beside(to, notes), &st) == 0) {
		cmd_error("mv: %s: exists already; nothing was moved", notes);
		status = CMD_FAILED;
	} else if (rename(from, to) < 0) {
		cmd_error("mv: %s: %s", to, strerror(errno));
		status = CMD_FAILED;
	} else if (!is_directory(to) && rename(beside(from, was), beside(to, notes)) < 0 && errno != ENOENT) {
		cmd_error("mv: %s: its annotations could not go with it: %s", notes, strerror(errno));
		status = CMD_FAILED;
	}
	free(from);
	free(to);
	return status;
}

/* "7d", "12h", "30m", "90s", "2w" in seconds; -1 when it is none. */
static long long parse_age(const char *text)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	char *end;
	long long n = strtoll(text, &end, 10);

	if (end == text || n < 0 || n > 100000000 || !*end || end[1])
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (units[i].unit == *end)
			return n * units[i].seconds;
	return -1;
}

static int oldest_first(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->start_ns < y->start_ns ? -1 : x->start_ns > y->start_ns;
}

/* Directories: packed files were made to be kept. */
static size_t list_recordings(const char *dir, struct entry **entries)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t count = 0;

	*entries = NULL;
	while (d && (e = readdir(d))) {
		struct entry *grown, x = {0};
		struct deja_error err;

		if (e->d_name[0] == '.' || asprintf(&x.path, "%s/%s", dir, e->d_name) < 0)
			continue;
		grown = is_directory(x.path) && is_recording(x.path, &x.start_ns, &x.live, &err)
				? realloc(*entries, (count + 1) * sizeof(*grown))
				: NULL;
		if (!grown) {
			free(x.path);
			continue;
		}
		x.disk_len = cmd_disk_len(x.path);
		*entries = grown;
		grown[count++] = x;
	}
	if (d)
		closedir(d);
	if (count)
		qsort(*entries, count, sizeof(**entries), oldest_first);
	return count;
}

int cmd_prune(int argc, char **argv)
{
	unsigned long long max_total = 0, total = 0, freed = 0;
	long long older_s = -1;
	bool dry_run = false, limited = false, as_json = false;
	struct json j = {.out = stdout};
	struct entry *entries;
	size_t count, removed = 0;
	char size[32], *dir;
	int key, status = 0;

	while ((key = cmd_getopt(argc, argv, &status)) != -1)
		switch (key) {
		case CMD_OPT_OLDER:
			older_s = parse_age(optarg);
			if (older_s < 0) {
				cmd_error("prune: --older: %s is no age; as 7d, 12h, 30m", optarg);
				return CMD_FAILED;
			}
			break;
		case CMD_OPT_MAX_TOTAL:
			limited = true;
			if (!cmd_size_parse(optarg, &max_total)) {
				cmd_error("prune: --max-total: %s is no size; as 10G, 500M", optarg);
				return CMD_FAILED;
			}
			break;
		case CMD_OPT_DRY_RUN:
			dry_run = true;
			break;
		case CMD_OPT_JSON:
			as_json = true;
			break;
		default:
			return status;
		}
	if (!cmd_operands(argc, argv, 0))
		return CMD_FAILED;
	if (older_s < 0 && !limited) {
		cmd_error("prune: say what to remove: --older AGE, --max-total SIZE or both");
		return CMD_FAILED;
	}
	status = 0;
	dir = cmd_default_dir();
	if (!dir) {
		cmd_error("neither DEJA_DIR nor HOME is set; set one to say where recordings are");
		return CMD_FAILED;
	}
	count = list_recordings(dir, &entries);
	for (size_t i = 0; i < count; i++)
		total += entries[i].disk_len;
	if (as_json) {
		json_open(&j, NULL, '{');
		json_open(&j, "removed", '[');
	}
	for (size_t i = 0; i < count; i++) {
		struct entry *e = &entries[i];
		bool old = older_s >= 0 && e->start_ns / 1000000000 < time(NULL) - older_s;

		if (e->live || !(old || (limited && total > max_total)))
			continue;
		if (!dry_run && !remove_recording(e->path)) {
			status = CMD_FAILED;
			continue;
		}
		if (as_json) {
			json_open(&j, NULL, '{');
			json_text(&j, "path", e->path);
			json_int(&j, "start_ns", e->start_ns);
			json_uint(&j, "disk_bytes", e->disk_len);
			json_close(&j, '}');
		} else {
			printf("%s %s (%s)\n", dry_run ? "would remove" : "removed", e->path,
			       cmd_size_text(e->disk_len, size, sizeof(size)));
		}
		total -= e->disk_len;
		freed += e->disk_len;
		removed++;
	}
	if (as_json) {
		json_close(&j, ']');
		json_bool(&j, "dry_run", dry_run);
		json_uint(&j, "recordings", count);
		json_uint(&j, "disk_bytes", freed);
		json_close(&j, '}');
	} else {
		printf("%zu of %zu recordings %s, %s\n", removed, count, dry_run ? "would go" : "removed",
		       cmd_size_text(freed, size, sizeof(size)));
	}
	for (size_t i = 0; i < count; i++)
		free(entries[i].path);
	free(entries);
	free(dir);
	return status;
}
