/*
 * See oracles.h.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "preload/oracle.h"
#include "tools/installed.h"
#include "tools/record/codescan.h"
#include "tools/record/oracles.h"

/* What glibc's ABI calls it, whatever the file is called. */
static bool is_named(const struct elf_file *elf, const char *soname)
{
	const char *name = elf_soname(elf);

	return name && !strcmp(name, soname);
}

bool oracles_are_harmless(const struct elf_file *elf, const char *path)
{
	return is_named(elf, "ld-linux-x86-64.so.2") || installed_is_runtime(path, strlen(path));
}

static unsigned room_of(const struct code_oracle *o)
{
	return o->cover ? o->cover : o->pad ? ORACLE_PAD + (uint8_t)o->pad : 0;
}

/* PAUSE has no value that could be missed: it is listed where it costs no trap, and while there is
 * plenty of room for the others. */
static bool is_worth_it(const struct code_oracle *o, uint32_t listed)
{
	return o->sure &&
	       (o->kind != ORACLE_PAUSE || (room_of(o) && listed < ORACLE_OFFSET_COUNT / 2));
}

/* Adds the file's list to the session; libc's are met where threads fight alone, and nobody else is to
 * pay for them. False: it is full. */
static bool list(struct session *s, uint32_t file, const struct code_oracle *found, size_t count,
		 bool libc)
{
	uint32_t n = s->oracle_file_count, first = 0;
	struct oracle_file *f = &s->oracle_files[n];

	if (n)
		first = s->oracle_files[n - 1].first + s->oracle_files[n - 1].count;
	if (n >= ORACLE_FILE_COUNT)
		return false;
	*f = (struct oracle_file){.file = file, .first = first};
	for (size_t i = 0; i < count; i++) {
		if (!is_worth_it(&found[i], first + f->count))
			continue;
		if (first + f->count >= ORACLE_OFFSET_COUNT)
			return false;
		s->oracle_offsets[first + f->count++] =
			found[i].offset |
			(uint64_t)(libc ? ORACLE_LATER : room_of(&found[i])) << ORACLE_OFFSET_BITS;
	}
	if (f->count)
		__atomic_store_n(&s->oracle_file_count, n + 1, __ATOMIC_RELEASE);
	return true;
}

void oracles_publish(struct supervisor *sv, const struct deja_file *file, int fd)
{
	char path[64], text[PATH_MAX + 256];
	struct code_oracle *found = NULL;
	const struct code_oracle *unsure = NULL;
	struct elf_file elf;
	bool libc;
	size_t count;
	struct stat st;

	/* itself, for the stored copy may be sealed */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (file->path[0] != '/' || fstat(fd, &st) < 0 || st.st_dev != file->dev ||
	    st.st_ino != file->ino || !elf_open(&elf, path))
		return;
	/* libpthread: before 2.34 */
	libc = is_named(&elf, "libc.so.6") || is_named(&elf, "libpthread.so.0");
	count = oracles_are_harmless(&elf, file->path) ? 0 : code_scan(&elf, !libc, &found);
	elf_close(&elf);
	if (!count) {
		free(found);
		return;
	}
	for (size_t i = 0; i < count && !unsure; i++)
		if (!found[i].sure)
			unsure = &found[i];
	if (unsure) {
		snprintf(text, sizeof(text),
			 "%s seems to hold the instruction %s (at offset %#llx), in code of unknown "
			 "bounds: it is left alone, its value is not recorded, and a replay may "
			 "diverge%s",
			 file->path, code_oracle_name(unsure->kind),
			 (unsigned long long)unsure->offset,
			 strncmp(code_oracle_name(unsure->kind), "rdtsc", 5) ||
					 sv->session->shared->trap_tsc
				 ? ""
				 : " (unless recorded with --trap-tsc)");
		if (strncmp(code_oracle_name(unsure->kind), "rdtsc", 5) ||
		    !sv->session->shared->trap_tsc)
			supervisor_warn(sv, text);
	}
	if (!list(sv->session->shared, file->id, found, count, libc)) {
		snprintf(text, sizeof(text),
			 "%s holds instructions like rdrand, and there is no room to list more of "
			 "them: their values are not recorded, and a replay may diverge",
			 file->path);
		supervisor_warn(sv, text);
	}
	free(found);
}
