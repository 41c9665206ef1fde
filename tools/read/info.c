/*
 * `deja info`: what a recording is, in plain words; the coverage page.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "tools/cmd.h"
#include "tools/read/coverage.h"
#include "tools/elf.h"
#include "tools/json.h"
#include "tools/read/notes.h"
#include "tools/record/recover.h"
#include "tracefmt/header.h"

enum { BUILD_ID_LEN = 129 };

static void field(const char *label, const char *text)
{
	printf("%-12s", label);
	cmd_print_text(stdout, text ? text : "-");
	putchar('\n');
}

/* The build id of a stored file; empty when it is no program or has none. */
static const char *build_id(const struct deja_file *file, const char *path, char *buf)
{
	char name[4096 + 64];
	struct elf_file elf;

	buf[0] = 0;
	snprintf(name, sizeof(name), "%s/f/%s", path, file->hash);
	if (elf_open(&elf, name)) {
		elf_build_id(&elf, buf);
		elf_close(&elf);
	}
	return buf;
}

static void print_files(deja_recording *rec, const char *path)
{
	size_t count = deja_file_count(rec);
	uint64_t total = 0, programs = 0;
	char size[32], *ids = calloc(count + 1, BUILD_ID_LEN);

	for (size_t i = 0; ids && i < count; i++) {
		const struct deja_file *file = deja_file_at(rec, i);

		total += file->size;
		if (*build_id(file, path, ids + i * BUILD_ID_LEN))
			programs += file->size;
	}
	printf("%-12s%zu stored, %s", "Files", count, cmd_size_text(total, size, sizeof(size)));
	printf(": programs and libraries %s", cmd_size_text(programs, size, sizeof(size)));
	printf(", other %s\n", cmd_size_text(total - programs, size, sizeof(size)));
	for (size_t i = 0; ids && i < count; i++) {
		const struct deja_file *file = deja_file_at(rec, i);
		const char *id = ids + i * BUILD_ID_LEN;

		printf("  %10s  ", cmd_size_text(file->size, size, sizeof(size)));
		cmd_print_text(stdout, file->path);
		if (*id)
			printf("  build id %s", id);
		puts(file->exact ? "" : "  (changed while it was being stored)");
	}
	free(ids);
}

/* What `deja sources` keeps in REC/name: how many, and bytes. */
static size_t kept_count(const char *path, const char *name, uint64_t *total)
{
	char dir[4096 + 64];
	struct deja_error err = {0};
	const struct deja_file *files;
	msgpack_zone *zone = msgpack_zone_new(4096);
	size_t count = 0;

	*total = 0;
	snprintf(dir, sizeof(dir), "%s/%s", path, name);
	if (!zone || tf_files_read(dir, zone, &files, &count, &err) < 0)
		count = 0;
	for (size_t i = 0; i < count; i++)
		*total += files[i].size;
	if (zone)
		msgpack_zone_free(zone);
	return count;
}

static void print_kept(const char *path, const char *name, const char *label)
{
	char size[32];
	uint64_t total;
	size_t count = kept_count(path, name, &total);

	if (count)
		printf("%-12s%zu stored, %s\n", label, count, cmd_size_text(total, size, sizeof(size)));
}

/* The sender's word, line by line. */
static void print_note(const char *path)
{
	char name[4096 + 16], line[1024];
	bool first = true;
	FILE *f;

	snprintf(name, sizeof(name), "%s/note.txt", path);
	f = fopen(name, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		field(first ? "Note" : "", line);
		first = false;
	}
	if (f)
		fclose(f);
}

static void print_remarks(const struct deja_header *h)
{
	for (size_t i = 0; i < h->external_count; i++) {
		const struct deja_external *x = &h->externals[i];

		printf("%-12sprocess %d, ", i ? "" : "Externals", (int)x->pid);
		cmd_print_text(stdout, x->path);
		fputs(": ", stdout);
		cmd_print_text(stdout, x->reason);
		putchar('\n');
	}
	for (size_t i = 0; i < h->warning_count; i++)
		field(i ? "" : "Warnings", h->warnings[i]);
	for (size_t i = 0, seen = 0; i < h->process_count; i++)
		for (size_t n = 0; n < h->processes[i].note_count; n++) {
			printf("%-12sprocess %d: ", seen++ ? "" : "Notes",
			       (int)h->processes[i].pid);
			cmd_print_text(stdout, h->processes[i].notes[n]);
			putchar('\n');
		}
}

/* The header says that it is being made, but nobody makes it any more. */
static bool is_abandoned(const char *path)
{
	char link[PATH_MAX];
	struct stat st;
	bool known, live = recover_is_live(path, &known);

	snprintf(link, sizeof(link), "%s/.session", path);
	return known ? !live : lstat(link, &st) == 0; /* which leads to nowhere */
}

/* Why the recording is not whole, in buf; NULL when it is. The header's own word is not
 * enough: files are cut later, by copies and full disks. */
static const char *missing_part(deja_recording *rec, const char *path, char *buf, size_t len)
{
	const struct deja_header *h = deja_header(rec);

	if (!h->complete && h->cause && !strcmp(h->cause, TF_CAUSE_RUNNING) && is_abandoned(path))
		return "its recorder is gone and could not say why: it was killed, or nothing could be "
		       "written here any more (read-only?); see deja recover";
	if (!h->complete)
		return h->cause && *h->cause
			   ? h->cause
			   : "it is still being made, or its recorder was killed";
	for (size_t i = 0; i < h->process_count; i++) {
		struct deja_error err = {0};

		if (cmd_stream_whole(rec, &h->processes[i], &err)) {
			if (cmd_stream_has_end(rec, &h->processes[i]))
				continue;
			snprintf(buf, len, "process %d ended by itself, and its end is not in its stream",
				 (int)h->processes[i].pid);
			return buf;
		}
		snprintf(buf, len, "the stream of process %d: %s",
			 (int)h->processes[i].pid, err.message);
		return buf;
	}
	return NULL;
}

static const char *doors_text(const char *doors)
{
	if (!strcmp(doors, "dispatch"))
		return "hooks, syscall user dispatch, vDSO";
	if (!strcmp(doors, "patch"))
		return "hooks, patched sites of libc, vDSO (other sites may be missed)";
	return doors;
}

static void print_notes(deja_recording *rec, const deja_notes *notes)
{
	char target[128];

	for (size_t i = 0; i < deja_notes_count(notes); i++) {
		const struct deja_note *note = deja_notes_at(notes, i);

		printf("%-12s", i ? "" : "Annotations");
		notes_print(stdout, note);
		printf(" on %s\n", notes_target_text(rec, note, target));
	}
}

/* Lines of PATH/redacted (FORMAT.md 1). */
static size_t token_count(const char *path)
{
	char name[PATH_MAX];
	size_t count = 0;
	FILE *in;
	int c;

	snprintf(name, sizeof(name), "%s/redacted", path);
	in = fopen(name, "re");
	while (in && (c = getc(in)) != EOF)
		count += c == '\n';
	if (in)
		fclose(in);
	return count;
}

static void print_words(deja_recording *rec, const char *path, const char *place, const deja_notes *notes)
{
	const struct deja_header *h = deja_header(rec);
	char a[64], b[64], cause[512];
	const char *missing;

	field("Recording", place);
	field("Id", h->id);
	print_note(path);
	printf("%-12s", "Command");
	cmd_print_argv(stdout, h->argc, h->argv);
	putchar('\n');
	field("Program", h->exe);
	field("Directory", h->cwd);
	printf("%-12s%s, took %s\n", "Recorded",
	       cmd_date_text(h->start_realtime_ns, a, sizeof(a)),
	       cmd_duration_text(h->duration_ns, b, sizeof(b)));
	if (h->waited_ns)
		printf("%-12sadded %s: the recorder was slower than the program\n", "Latency",
		       cmd_duration_text(h->waited_ns, b, sizeof(b)));
	field("Host", h->host);
	printf("%-12s", "Machine");
	cmd_print_text(stdout, h->machine ? h->machine : "-");
	fputs(", ", stdout);
	cmd_print_text(stdout, h->cpu ? h->cpu : "-");
	fputs("\n            Linux ", stdout);
	cmd_print_text(stdout, h->kernel ? h->kernel : "-");
	printf("\n%-12sdeja ", "Made by");
	cmd_print_text(stdout, h->version ? h->version : "-");
	printf(", format %" PRIu32 "\n", h->format);
	field("Status", cmd_status_text(h->status_known, h->status, a, sizeof(a)));
	missing = missing_part(rec, path, cause, sizeof(cause));
	printf("%-12s%s", "Complete", missing ? "no: " : "yes\n");
	if (missing) {
		cmd_print_text(stdout, missing);
		putchar('\n');
	}
	if (h->partial && *h->partial) {
		printf("%-12sto be read, not replayed: ", "Trimmed");
		cmd_print_text(stdout, h->partial);
		putchar('\n');
	}
	printf("%-12s%" PRIu64 " in %zu process%s, %s (%s on disk with the files)\n",
	       "Events", h->event_count, h->process_count,
	       h->process_count == 1 ? "" : "es",
	       cmd_size_text(h->byte_len, a, sizeof(a)),
	       cmd_size_text(cmd_disk_len(path), b, sizeof(b)));
	field("Outbound", h->outbound && !strcmp(h->outbound, "digest")
			      ? "digests only"
			      : "stored in full");
	if (token_count(path))
		printf("%-12s%zu tokens stand for secrets and forms of them; what the program "
		       "made of secrets is what it makes of tokens\n",
		       "Redacted", token_count(path));
	field("Doors", h->doors ? doors_text(h->doors) : NULL);
	print_remarks(h);
	print_notes(rec, notes);
	print_kept(path, "sources", "Sources");
	print_kept(path, "debug", "Debug info");
	print_files(rec, path);
}

static void json_files(struct json *j, deja_recording *rec, const char *path)
{
	char id[BUILD_ID_LEN];

	json_open(j, "files", '[');
	for (size_t i = 0; i < deja_file_count(rec); i++) {
		const struct deja_file *file = deja_file_at(rec, i);

		json_open(j, NULL, '{');
		json_uint(j, "id", file->id);
		json_text(j, "path", file->path);
		json_text(j, "hash", file->hash);
		json_uint(j, "size", file->size);
		json_text(j, "build_id", build_id(file, path, id));
		json_uint(j, "mode", file->mode);
		json_int(j, "mtime_ns", file->mtime_ns);
		json_bool(j, "exact", file->exact);
		if (file->shadow)
			json_uint(j, "shadow", file->shadow);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_header(struct json *j, deja_recording *rec, const char *path, const char *place)
{
	const struct deja_header *h = deja_header(rec);
	const char *missing;
	char cause[512];
	uint64_t total;

	json_text(j, "path", place);
	json_uint(j, "format", h->format);
	json_text(j, "id", h->id);
	json_text(j, "deja", h->version);
	json_texts(j, "argv", h->argc, h->argv);
	json_text(j, "exe", h->exe);
	json_text(j, "cwd", h->cwd);
	json_text(j, "host", h->host);
	json_text(j, "kernel", h->kernel);
	json_text(j, "machine", h->machine);
	json_text(j, "cpu", h->cpu);
	json_int(j, "start_ns", h->start_realtime_ns);
	json_int(j, "duration_ns", h->duration_ns);
	json_int(j, "waited_ns", h->waited_ns);
	missing = missing_part(rec, path, cause, sizeof(cause));
	json_bool(j, "complete", !missing);
	json_text(j, "cause", missing);
	json_status(j, h->status_known, h->status);
	json_uint(j, "events", h->event_count);
	json_uint(j, "bytes", h->byte_len);
	json_uint(j, "disk_bytes", cmd_disk_len(path));
	json_uint(j, "processes", h->process_count);
	json_text(j, "outbound", h->outbound);
	json_text(j, "trimmed", h->partial && *h->partial ? h->partial : NULL);
	json_text(j, "doors", h->doors);
	json_uint(j, "tokens", token_count(path));
	json_open(j, "limits", '[');
	for (size_t i = 0; i < h->limit_count; i++) {
		json_open(j, NULL, '[');
		json_uint(j, NULL, h->limits[i][0]);
		json_uint(j, NULL, h->limits[i][1]);
		json_close(j, ']');
	}
	json_close(j, ']');
	json_texts(j, "warnings", h->warning_count, h->warnings);
	json_open(j, "notes", '[');
	for (size_t i = 0; i < h->process_count; i++)
		for (size_t n = 0; n < h->processes[i].note_count; n++) {
			json_open(j, NULL, '{');
			json_int(j, "pid", h->processes[i].pid);
			json_text(j, "text", h->processes[i].notes[n]);
			json_close(j, '}');
		}
	json_close(j, ']');
	json_externals(j, h);
	json_files(j, rec, path);
	json_uint(j, "sources", kept_count(path, "sources", &total));
	json_uint(j, "source_bytes", total);
	json_uint(j, "debug_files", kept_count(path, "debug", &total));
	json_uint(j, "debug_bytes", total);
}

/* path: the directory; place: what the user named, a packed file perhaps. */
static int print_info(deja_recording *rec, const char *path, const char *place, const deja_notes *notes,
		      bool as_json, bool coverage)
{
	static struct coverage c;
	struct deja_error err = {0};
	struct json j = {.out = stdout};
	int status = 0;

	memset(&c, 0, sizeof(c));
	if (rec && coverage && !coverage_count(&c, rec, &err)) {
		cmd_error("%s: the counts end where the recording is damaged: %s", path,
			  err.message);
		status = CMD_UNREADABLE;
	}
	cmd_stdout_begin();
	if (as_json) {
		json_open(&j, NULL, '{');
		if (rec)
			json_header(&j, rec, path, place);
		if (rec)
			notes_json_all(&j, notes);
		if (coverage)
			coverage_json(&c, &j);
		json_close(&j, '}');
	} else if (coverage) {
		coverage_print(&c);
	} else {
		print_words(rec, path, place, notes);
	}
	return cmd_stdout_end(status);
}

int cmd_info(int argc, char **argv)
{
	bool json = false, coverage = false;
	int key, status = 0;
	deja_recording *rec = NULL;
	deja_notes *notes = NULL;
	char *path = NULL, *place = NULL, *named;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		json |= key == CMD_OPT_JSON;
		coverage |= key == CMD_OPT_COVERAGE;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (argv[optind] || !coverage) {
		named = cmd_recording_place(argv[optind]);
		place = named ? realpath(named, NULL) : NULL;
		if (named && !place)
			cmd_error("%s: %s", named, strerror(errno));
		free(named);
		path = place ? cmd_recording_path(place) : NULL;
		if (!path) {
			free(place);
			return CMD_UNREADABLE;
		}
		rec = cmd_open(path, &status);
		notes = rec ? notes_open(argv[optind]) : NULL;
		if (!notes) {
			deja_close(rec);
			free(path);
			free(place);
			return CMD_UNREADABLE;
		}
	}
	status = print_info(rec, path, place, notes, json, coverage);
	deja_notes_close(notes);
	if (rec)
		deja_close(rec);
	free(path);
	free(place);
	return status;
}
