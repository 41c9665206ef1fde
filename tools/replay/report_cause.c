/*
 * See report_cause.h. Called by report.c, when the replay has stopped: time does not matter
 * here, being right does. Each cause has a test that provokes it (tests/cli/report.sh).
 */
#include <elf.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "preload/oracle.h"
#include "tools/record/codescan.h"
#include "tools/elf.h"
#include "tools/replay/report_cause.h"
#include "tools/record/oracles.h"
#include "tools/store.h"
#include "tracefmt/calls.h"
#include "tracefmt/header.h"
#include "tracefmt/wire.h"

/* What the stream up to the event tells. */
struct story {
	uint64_t events;  /* in the whole stream */
	bool truncated;
	bool has_oracles; /* instructions that are oracles were replaced where they were found */
	uint32_t file[256]; /* stored files that were mapped, executable first */
	size_t file_count;
	char shared[256]; /* what was mapped to be shared and written to */
};

const char *cause_name(enum cause_id id)
{
	static const char *const names[] = {
		[CAUSE_UNKNOWN] = "unknown",
		[CAUSE_INCOMPLETE] = "incomplete_recording",
		[CAUSE_DAMAGED] = "damaged_recording",
		[CAUSE_CHANGED_FILE] = "changed_file",
		[CAUSE_MISSING_EVENT] = "missing_event",
		[CAUSE_UNSUPPORTED] = "unsupported",
		[CAUSE_SHARED_MEMORY] = "shared_memory",
		[CAUSE_INSTRUCTION] = "instruction",
		[CAUSE_OTHER_CPU] = "other_cpu",
	};

	return names[id];
}

static void add_file(struct story *s, uint32_t file)
{
	for (size_t i = 0; i < s->file_count; i++)
		if (s->file[i] == file)
			return;
	if (file && s->file_count < sizeof(s->file) / sizeof(s->file[0]))
		s->file[s->file_count++] = file;
}

static void read_image(struct story *s, const struct deja_event *ev)
{
	struct tf_image img;

	s->file_count = 0;
	s->shared[0] = 0;
	if (tf_image_decode(ev->raw.data, ev->raw.len, &img) < 0)
		return;
	s->has_oracles = img.has_oracles;
	add_file(s, img.file);
	for (size_t i = 0; i < img.map_count; i++)
		if (img.maps[i].prot & 4)
			add_file(s, img.maps[i].file);
	tf_image_free(&img);
}

/* Memory that others may write, too. file: the stored file, 0: none. */
static void read_mmap(struct story *s, const struct deja_event *ev, deja_recording *rec,
		      uint32_t file)
{
	const struct deja_file *f = file ? deja_file_by_id(rec, file) : NULL;

	if (f)
		add_file(s, file);
	if ((ev->args[3] & MAP_TYPE) != MAP_PRIVATE && !(ev->args[3] & MAP_ANONYMOUS))
		snprintf(s->shared, sizeof(s->shared), "%s", f ? f->path : "a file");
}

static void read_story(struct story *s, const struct divergence *d, deja_recording *rec)
{
	struct deja_error err = {0};
	struct deja_event ev;
	uint32_t file = 0;
	int got;
	deja_cursor *cur = deja_cursor_open(rec, d->stream, &err);

	while (cur && (got = deja_next(cur, &ev, &err)) != 0) {
		const struct tf_call *call;
		struct tf_in in;

		if (got < 0) {
			s->truncated = true;
			break;
		}
		s->events = ev.number;
		if (ev.number > d->event_no)
			continue;
		call = tf_call_by_id(ev.id);
		in = (struct tf_in){ev.raw.data, ev.raw.data + ev.raw.len, 0};
		if (ev.id == TF_EV_IMAGE) {
			read_image(s, &ev);
		} else if (ev.id == TF_EV_FILE) {
			tf_get_array(&in);
			tf_get_int(&in);
			file = (uint32_t)tf_get_int(&in);
		} else if (call && call->nr == SYS_mmap && ev.result >= 0) {
			read_mmap(s, &ev, rec, file);
			file = 0;
		} else if (call && call->nr == SYS_shmat && ev.result >= 0) {
			snprintf(s->shared, sizeof(s->shared), "a System V segment");
		}
	}
	if (cur)
		deja_cursor_close(cur);
}

/* --- one by one --- */

static bool is_incomplete(const struct divergence *d, const struct deja_header *h,
			  struct cause *c)
{
	if (d->kind != DIVERGED_END || h->complete)
		return false;
	snprintf(c->text, sizeof(c->text), "%s",
		 h->cause && *h->cause ? h->cause
				       : "the recording was cut short; the replay went as far as "
					 "it goes");
	return true;
}

static bool is_damaged(const struct divergence *d, struct cause *c)
{
	if (d->kind != DIVERGED_UNDECODABLE)
		return false;
	snprintf(c->text, sizeof(c->text),
		 "the recording is damaged, or another version of deja made it");
	snprintf(c->advice, sizeof(c->advice),
		 "get it again from where it was made; `deja version` tells the formats");
	return true;
}

static bool has_changed_file(const struct story *s, deja_recording *rec,
			     const char *rec_path, struct cause *c)
{
	for (size_t i = 0; i < s->file_count; i++) {
		const struct deja_file *f = deja_file_by_id(rec, s->file[i]);
		char path[PATH_MAX], hash[STORE_HASH_LEN + 1];

		if (!f || snprintf(path, sizeof(path), "%s/f/%s", rec_path, f->hash) >=
				  (int)sizeof(path))
			continue;
		if (store_hash(path, hash) && !strcmp(hash, f->hash))
			continue;
		snprintf(c->text, sizeof(c->text),
			 "%s is not what it was: the recording's copy of it has another "
			 "content now, or is gone",
			 f->path);
		snprintf(c->advice, sizeof(c->advice),
			 "get the recording again from where it was made");
		return true;
	}
	return false;
}

static const struct deja_process *process_of(const struct deja_header *h, uint32_t stream)
{
	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].stream == stream)
			return &h->processes[i];
	return NULL;
}

static bool lacks_event(const struct story *s, const struct divergence *d,
			const struct deja_header *h, struct cause *c)
{
	const struct deja_process *p = process_of(h, d->stream);
	bool by_patching = h->doors && !strcmp(h->doors, "patch") &&
			   d->kind == DIVERGED_CALL;

	if (p && !s->truncated && p->event_count > s->events)
		snprintf(c->text, sizeof(c->text),
			 "the stream lacks events: %" PRIu64 " were recorded, it holds %" PRIu64,
			 p->event_count, s->events);
	else if (by_patching)
		snprintf(c->text, sizeof(c->text),
			 "a call escaped the recorder: it was made without system call "
			 "dispatch, where not every place is caught");
	else
		return false;
	snprintf(c->advice, sizeof(c->advice), "%s",
		 by_patching ? "record on Linux 5.11 or newer"
			     : "the recording was altered: get it again from where it was made");
	return true;
}

static bool is_unsupported(const struct divergence *d, struct cause *c)
{
	const struct tf_call *call = d->nr >= 0 ? tf_call_by_nr(d->nr) : NULL;

	if (d->kind != DIVERGED_UNSUPPORTED && (d->nr < 0 || (call && call->cls != TF_REFUSE)))
		return false;
	if (d->kind == DIVERGED_UNSUPPORTED && call)
		snprintf(c->text, sizeof(c->text), "%s cannot be done in a replay here",
			 call->name);
	else if (call)
		snprintf(c->text, sizeof(c->text),
			 "%s is a call that deja refuses: the program takes another way where "
			 "the answer differs",
			 call->name);
	else
		snprintf(c->text, sizeof(c->text), "system call %ld is not known to this deja",
			 d->nr);
	snprintf(c->advice, sizeof(c->advice), "`deja info --coverage` lists how calls are treated");
	return true;
}

/* Only these kinds can come from a value that the recorder did not see. */
static bool is_about_values(const struct divergence *d)
{
	return d->kind == DIVERGED_CALL || d->kind == DIVERGED_ARGUMENT ||
	       d->kind == DIVERGED_BYTES || d->kind == DIVERGED_END ||
	       d->kind == DIVERGED_LEFT_OVER || d->kind == DIVERGED_DIED;
}

static bool has_shared_memory(const struct story *s, struct cause *c)
{
	if (!s->shared[0])
		return false;
	snprintf(c->text, sizeof(c->text),
		 "it reads memory that others may write: %s is mapped to be shared, and what "
		 "processes outside the recording write there is not seen",
		 s->shared);
	snprintf(c->advice, sizeof(c->advice),
		 "record the processes that share it together, started by one command");
	return true;
}

/*
 * An instruction whose value was not recorded: one that the recorder left alone, or, as older
 * recordings have it, any. Those of libc and the dynamic linker do no harm.
 */
static bool has_instruction(const struct story *s, deja_recording *rec, const char *rec_path,
			    struct cause *c)
{
	for (size_t i = 0; i < s->file_count; i++) {
		const struct deja_file *f = deja_file_by_id(rec, s->file[i]);
		const char *name = NULL;
		struct code_oracle *found = NULL;
		char path[PATH_MAX];
		struct elf_file elf;
		size_t count;

		if (!f || f->path[0] != '/' || /* the vDSO */
		    snprintf(path, sizeof(path), "%s/f/%s", rec_path, f->hash) >=
			    (int)sizeof(path) ||
		    !elf_open(&elf, path))
			continue;
		count = oracles_are_harmless(&elf, f->path) ? 0 : code_scan(&elf, false, &found);
		elf_close(&elf);
		for (size_t n = 0; n < count && !name; n++)
			if (found[n].kind != ORACLE_PAUSE && (!found[n].sure || !s->has_oracles))
				name = code_oracle_name(found[n].kind);
		free(found);
		if (!name)
			continue;
		snprintf(c->text, sizeof(c->text),
			 "%s holds the instruction %s, whose value is not recorded", f->path,
			 name);
		snprintf(c->advice, sizeof(c->advice),
			 strncmp(name, "rdtsc", 5) ? "let the program take random numbers by the system's call"
			 : s->has_oracles	   ? "record it with --trap-tsc"
						   : "record it with a newer deja");
		return true;
	}
	return false;
}

bool cause_cpu_here(char *buf, size_t len)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *value = strchr(line, ':');

		if (!value || strncmp(line, "model name", 10))
			continue;
		value += 1 + strspn(value + 1, " \t");
		value[strcspn(value, "\n")] = '\0';
		snprintf(buf, len, "%s", value);
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

static bool is_other_cpu(const struct deja_header *h, struct cause *c)
{
	char here[256];

	if (!h->cpu || !*h->cpu || !cause_cpu_here(here, sizeof(here)) || !strcmp(here, h->cpu))
		return false;
	snprintf(c->text, sizeof(c->text),
		 "the program chose its code by the processor: recorded on %.150s, this is %.150s",
		 h->cpu, here);
	snprintf(c->advice, sizeof(c->advice),
		 "replay on the processor model that it was recorded on");
	return true;
}

void cause_find(const struct divergence *d, deja_recording *rec, const char *rec_path,
		struct cause *cause)
{
	const struct deja_header *h = rec ? deja_header(rec) : NULL;
	struct story story = {0};
	struct cause *c = cause;

	*cause = (struct cause){0};
	if (!h)
		return;
	read_story(&story, d, rec);
	if (is_incomplete(d, h, c))
		c->id = CAUSE_INCOMPLETE;
	else if (is_damaged(d, c))
		c->id = CAUSE_DAMAGED;
	else if (has_changed_file(&story, rec, rec_path, c))
		c->id = CAUSE_CHANGED_FILE;
	else if (lacks_event(&story, d, h, c))
		c->id = CAUSE_MISSING_EVENT;
	else if (is_unsupported(d, c))
		c->id = CAUSE_UNSUPPORTED;
	else if (is_about_values(d) && has_shared_memory(&story, c))
		c->id = CAUSE_SHARED_MEMORY;
	else if (is_about_values(d) && has_instruction(&story, rec, rec_path, c))
		c->id = CAUSE_INSTRUCTION;
	else if (is_other_cpu(h, c))
		c->id = CAUSE_OTHER_CPU;
}
