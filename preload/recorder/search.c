/*
 * The recorder: which directories of the program's own library paths (LD_LIBRARY_PATH, RPATH,
 * RUNPATH) there are. The dynamic linker that starts the program asks before we are there, when it
 * does not find a library in one, and passes by what is missing from then on; so a replay's must be
 * answered the same, or it looks elsewhere for what is loaded later.
 *
 * One directory too many does no harm: it is not asked for.
 */
#include <sys/syscall.h>
#include <sys/stat.h>
#include <elf.h>
#include <link.h>
#include "record.h"

enum { NAME_MAX_LEN = 1024 };

struct found {
	char *p, *end; /* names, each with its length before it */
	unsigned count;
	const char *origin; /* of the object whose path is looked at */
	size_t origin_len;
};

static void add_if_there(struct found *f, const char *name, size_t len)
{
	struct stat st;

	if (dj_raw(SYS_stat, name, &st) < 0 || !S_ISDIR(st.st_mode) ||
	    (size_t)(f->end - f->p) < len + 2)
		return;
	*f->p++ = (char)(len & 0xff);
	*f->p++ = (char)(len >> 8);
	dj_copy(f->p, name, len);
	f->p += len;
	f->count++;
}

/* With the subdirectories for this processor, which are searched first. */
static void add_directory(struct found *f, char *name, size_t len)
{
	static const char *const levels[] = {"/glibc-hwcaps/x86-64-v2", "/glibc-hwcaps/x86-64-v3",
					     "/glibc-hwcaps/x86-64-v4"};
	unsigned before = f->count;

	while (len > 1 && name[len - 1] == '/')
		len--;
	name[len] = 0;
	add_if_there(f, name, len);
	for (size_t i = 0; f->count > before && i < sizeof(levels) / sizeof(levels[0]); i++) {
		char *end = dj_put_text(name + len, name + NAME_MAX_LEN - 1, levels[i]);

		*end = 0;
		add_if_there(f, name, (size_t)(end - name));
	}
}

/* What a $ stands for; `lib` is what this linker may have for $LIB. NULL: nothing that is known. */
static const char *value_of(const char *name, size_t left, const char *lib, size_t *len)
{
	static const struct {
		const char *name;
		const char *value;
	} tokens[] = {{"ORIGIN", NULL}, {"LIB", ""}, {"PLATFORM", "x86_64"}};

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		*len = dj_strlen(tokens[i].name);
		if (left >= *len && !dj_compare(name, tokens[i].name, *len))
			return tokens[i].value && !tokens[i].value[0] ? lib : tokens[i].value;
	}
	*len = 0;
	return NULL;
}

/* One element of a path, with `lib` for $LIB. True: it has a $LIB. */
static bool add_element(struct found *f, const char *from, size_t left, const char *lib)
{
	char name[NAME_MAX_LEN], *p = name, *end = name + sizeof(name) - 32;
	bool has_lib = false;

	while (left && p < end) {
		size_t brace, len;
		const char *value;

		if (*from != '$') {
			*p++ = *from++;
			left--;
			continue;
		}
		brace = left > 1 && from[1] == '{';
		value = value_of(from + 1 + brace, left - 1 - brace, lib, &len);
		if (!len)
			return false;
		has_lib |= value == lib;
		if (value) {
			p = dj_put_text(p, end, value);
		} else if ((size_t)(end - p) > f->origin_len) {
			dj_copy(p, f->origin, f->origin_len);
			p += f->origin_len;
		}
		len += 1 + 2 * brace;
		from += len < left ? len : left;
		left -= len < left ? len : left;
	}
	if (p == name)
		*p++ = '.'; /* nothing stands for the working directory */
	if (!left && p < end)
		add_directory(f, name, (size_t)(p - name));
	return has_lib;
}

/* The elements of LD_LIBRARY_PATH may end in a semicolon, too. */
static void add_path(struct found *f, const char *path)
{
	static const char *const libs[] = {"lib/x86_64-linux-gnu", "lib64", "lib"};
	size_t left = dj_strlen_user(path, 16 * NAME_MAX_LEN);

	if (!left--) /* with the NUL */
		return;
	for (;; path++, left--) {
		size_t len = 0;

		while (len < left && path[len] != ':' && path[len] != ';')
			len++;
		for (size_t i = 0; i < sizeof(libs) / sizeof(libs[0]); i++)
			if (!add_element(f, path, len, libs[i]))
				break;
		path += len;
		left -= len;
		if (!left)
			return;
	}
}

static void add_object(struct found *f, const struct link_map *m)
{
	uint64_t text = 0, path[2] = {0, 0}; /* RPATH, RUNPATH; in the text, from 1 on */
	uintptr_t known = 1;
	ElfW(Dyn) d;

	for (const ElfW(Dyn) *at = m->l_ld;
	     dj_fetch_user_in(&d, at, sizeof(d), &known) && d.d_tag; at++) {
		if (d.d_tag == DT_STRTAB)
			text = d.d_un.d_ptr;
		if (d.d_tag == DT_RPATH || d.d_tag == DT_RUNPATH)
			path[d.d_tag == DT_RUNPATH] = d.d_un.d_val + 1;
	}
	for (int i = 0; text && i < 2; i++)
		if (path[i])
			add_path(f, (const char *)((text < m->l_addr ? m->l_addr : 0) + text +
						   path[i] - 1));
}

static size_t directory_len(const char *name)
{
	size_t len = dj_strlen(name);

	while (len && name[len - 1] != '/')
		len--;
	return len > 1 ? len - 1 : len;
}

unsigned record_search_paths(const struct link_map *first, const char *exe, char *names, size_t room)
{
	static const char variable[] = "LD_LIBRARY_PATH=";
	struct found f = {.p = names, .end = names + room};

	for (const struct link_map *m = first; m; m = m->l_next) {
		f.origin = m->l_name && m->l_name[0] ? m->l_name : exe;
		f.origin_len = directory_len(f.origin);
		add_object(&f, m);
	}
	f.origin = exe;
	f.origin_len = directory_len(exe);
	for (char **e = RT->envp; *e; e++)
		if (dj_starts(*e, variable))
			add_path(&f, *e + sizeof(variable) - 1);
	return f.count;
}
