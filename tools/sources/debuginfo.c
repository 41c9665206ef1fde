/*
 * What the debug information of the stored programs names, by libdw. It is in the program itself,
 * or in a file that its build id or its .gnu_debuglink leads to: one that the recording has, or
 * one below /usr/lib/debug or beside the program. No server is asked.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/installed.h"
#include "tools/sources/sources.h"
#include "tools/elf.h"

enum { SOURCE_COUNT_MAX = 1 << 20 };

/* What the callback of libdwfl is to know: one program is looked at at a time. */
static struct {
	struct sources *s;
	struct program *program;
} now;

/* Whether the file is an ELF file with this build id. */
static bool debuginfo_has_build_id(const char *path, const char *build_id)
{
	char id[129];
	struct elf_file elf;
	bool same;

	if (!*build_id || !elf_open(&elf, path))
		return false;
	same = !strcmp(elf_build_id(&elf, id), build_id);
	elf_close(&elf);
	return same;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What the recording has: of the same build id, or, where there is none, of the name that the
 * link has. */
static char *stored_debug(struct sources *s, const char *build_id, const char *link)
{
	char place[PATH_MAX];

	for (size_t i = 0; i < s->kept_debug.count; i++) {
		const struct deja_file *f = &s->kept_debug.files[i];

		keep_place(&s->kept_debug, f, place);
		if (*build_id ? debuginfo_has_build_id(place, build_id)
			      : link && !strcmp(base_name(f->path), link))
			return strdup(place);
	}
	return NULL;
}

static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file_name, const char *link, GElf_Word crc, char **found)
{
	struct program *p = now.program;
	char *path = stored_debug(now.s, p->build_id, link);
	int fd = -1;

	if (path) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		p->debug_stored = fd >= 0;
		*found = path;
	}
	/* by the name that the program had, where links look from */
	if (fd < 0)
		fd = dwfl_standard_find_debuginfo(module, userdata, name, base, p->file->path, link,
						  crc, found);
	if (fd >= 0 && *found)
		p->debug = realpath(*found, NULL);
	return fd;
}

/* What several files of debug information share (dwz -m). */
static void take_alt(struct sources *s, struct program *p, Dwarf *dwarf, int *fd, Dwarf **alt)
{
	const uint8_t *id;
	const char *name;
	char hex[129] = "", path[PATH_MAX], *stored;
	ssize_t n = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, (const void **)&id);

	if (n <= 1 || n > 64)
		return;
	for (ssize_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", id[i]);
	stored = stored_debug(s, hex, NULL);
	snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
	if (!stored && access(path, R_OK) < 0 && p->debug && name[0] != '/')
		snprintf(path, sizeof(path), "%.*s%.1000s",
			 (int)(base_name(p->debug) - p->debug), p->debug, name);
	else if (!stored && access(path, R_OK) < 0)
		snprintf(path, sizeof(path), "%.4000s", name);
	if (!stored && debuginfo_has_build_id(path, hex))
		p->debug_alt = realpath(path, NULL);
	*fd = open(stored ? stored : path, O_RDONLY | O_CLOEXEC);
	*alt = *fd >= 0 ? dwarf_begin(*fd, DWARF_C_READ) : NULL;
	if (*alt)
		dwarf_setalt(dwarf, *alt);
	free(stored);
}

/* `name` is relative to comp_dir (NULL: none). What stays relative was built so that it tells no
 * place, as distributions do: it is left out. */
static bool add_source(struct sources *s, const char *comp_dir, const char *name,
		       int64_t program_mtime_ns)
{
	struct source *source;
	char path[PATH_MAX];

	if (name[0] == '/' || !comp_dir)
		comp_dir = "";
	if (snprintf(path, sizeof(path), "%s%s%s", comp_dir, *comp_dir ? "/" : "", name) >= PATH_MAX ||
	    path[0] != '/' || base_name(path)[0] == '<' || !*base_name(path) ||
	    s->source_count >= SOURCE_COUNT_MAX)
		return true;
	/* the same again, mostly */
	if (s->source_count && !strcmp(s->sources[s->source_count - 1].path, path))
		return true;
	if (s->source_count == s->source_room) {
		size_t room = s->source_room ? 2 * s->source_room : 256;
		struct source *grown = reallocarray(s->sources, room, sizeof(*grown));

		if (!grown)
			return false;
		s->sources = grown;
		s->source_room = room;
	}
	source = &s->sources[s->source_count];
	*source = (struct source){.path = strdup(path), .program_mtime_ns = program_mtime_ns};
	if (!source->path)
		return false;
	s->source_count++;
	return true;
}

static bool read_units(struct sources *s, const struct program *p, Dwarf *dwarf)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	while (dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die, NULL) == 0) {
		Dwarf_Files *files;
		Dwarf_Attribute attr;
		const char *dir = dwarf_formstring(dwarf_attr(&die, DW_AT_comp_dir, &attr));
		size_t count;

		if (dwarf_getsrcfiles(&die, &files, &count) < 0)
			continue;
		for (size_t i = 0; i < count; i++) {
			const char *name = dwarf_filesrc(files, i, NULL, NULL);

			if (name && !add_source(s, dir, name, p->file->mtime_ns))
				return false;
		}
	}
	return true;
}

static bool read_program(struct sources *s, struct program *p, int fd)
{
	static const Dwfl_Callbacks callbacks = {.find_debuginfo = find_debuginfo,
						 .section_address = dwfl_offline_section_address};
	Dwfl *dwfl = dwfl_begin(&callbacks);
	Dwfl_Module *module;
	Dwarf_Addr bias;
	Dwarf *dwarf, *alt = NULL;
	int alt_fd = -1;
	bool ok = true;

	now.s = s;
	now.program = p;
	if (!dwfl) {
		close(fd);
		return false;
	}
	module = dwfl_report_offline(dwfl, p->file->path, p->file->path, fd);
	if (!module)
		close(fd);
	dwfl_report_end(dwfl, NULL, NULL);
	dwarf = module ? dwfl_module_getdwarf(module, &bias) : NULL;
	if (dwarf) {
		p->within = !p->debug;
		take_alt(s, p, dwarf, &alt_fd, &alt);
		ok = read_units(s, p, dwarf);
	}
	dwfl_end(dwfl);
	if (alt)
		dwarf_end(alt);
	if (alt_fd >= 0)
		close(alt_fd);
	return ok;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct source *)a)->path, ((const struct source *)b)->path);
}

static void sort_sources(struct sources *s)
{
	size_t kept = 0;

	if (s->source_count)
		qsort(s->sources, s->source_count, sizeof(*s->sources), by_path);
	for (size_t i = 0; i < s->source_count; i++) {
		if (kept && !strcmp(s->sources[kept - 1].path, s->sources[i].path))
			free(s->sources[i].path);
		else
			s->sources[kept++] = s->sources[i];
	}
	s->source_count = kept;
}

static bool seen_before(deja_recording *rec, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcmp(deja_file_at(rec, i)->hash, deja_file_at(rec, index)->hash))
			return true;
	return false;
}

bool debuginfo_read(struct sources *s)
{
	size_t count = deja_file_count(s->rec);
	bool ok;

	unsetenv("DEBUGINFOD_URLS");
	elf_version(EV_CURRENT);
	s->programs = calloc(count + 1, sizeof(*s->programs));
	ok = s->programs != NULL;
	for (size_t i = 0; ok && i < count; i++) {
		struct program *p = &s->programs[s->program_count];
		char path[PATH_MAX];
		struct elf_file elf;
		int fd;

		p->file = deja_file_at(s->rec, i);
		snprintf(path, sizeof(path), "%s/f/%s", s->rec_path, p->file->hash);
		if (p->file->path[0] != '/' ||
		    installed_is_runtime(p->file->path, strlen(p->file->path)) ||
		    seen_before(s->rec, i) || !elf_open(&elf, path))
			continue;
		elf_build_id(&elf, p->build_id);
		elf_close(&elf);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		s->program_count++;
		ok = read_program(s, p, fd);
	}
	sort_sources(s);
	return ok;
}
