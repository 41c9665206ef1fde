/*
 * The program's view of itself at its start: what brought the runtime in disappears from
 * environment, auxiliary vector and the dynamic linker's memory. Called by start.c on the
 * private stack, before any program code; the same in both modes, so that the same bytes
 * lie at the same places.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <fcntl.h>
#include <elf.h>
#include "runtime.h"

static bool same_path(const struct mapping *a, const struct mapping *b)
{
	return a->path_len && a->path_len == b->path_len &&
	       !dj_compare(mapping_path(&RT->maps, a), mapping_path(&RT->maps, b), a->path_len);
}

/* The first mapping of the dynamic linker; NULL: not known. */
static const struct mapping *linker(void)
{
	const struct mapping *m = NULL;
	uint64_t base = 0;

	for (const uint64_t *aux = RT->auxv; aux[0]; aux += 2)
		if (aux[0] == AT_BASE)
			base = aux[1];
	while ((m = mappings_next(&RT->maps, m)))
		if (m->from == base)
			break;
	return m;
}

/* The dynamic linker keeps the auxiliary vector's address for getauxval. */
static bool move_linkers_auxv(uint64_t old, uint64_t new)
{
	const struct mapping *its = linker(), *m = NULL;
	bool found = false;

	while (its && (m = mappings_next(&RT->maps, m))) {
		bool writable = m->flags & MAPPING_WRITE;

		if (!same_path(m, its) || (m->flags & MAPPING_EXEC))
			continue;
		for (uint64_t at = m->from; at < m->to; at += 8) {
			if (*(const uint64_t *)at != old)
				continue;
			if (!writable)
				dj_raw(SYS_mprotect, at & ~4095ul, 4096,
				       PROT_READ | PROT_WRITE);
			*(uint64_t *)at = new;
			if (!writable)
				dj_raw(SYS_mprotect, at & ~4095ul, 4096, PROT_READ);
			found = true;
		}
	}
	return found;
}

/* The program's own LD_PRELOAD behind ours in this entry, made to stand alone again;
 * NULL when there was none. */
static char *own_preload(char *entry)
{
	static const char name[] = "LD_PRELOAD=";
	size_t ours = SESSION_DIR_LEN + sizeof(SESSION_SO_NAME) - 1;
	char *value = entry + sizeof(name) - 1;

	if (dj_strlen(value) <= ours || value[ours] != ':')
		return NULL;
	entry = value + ours + 1 - (sizeof(name) - 1);
	dj_copy(entry, name, sizeof(name) - 1);
	return entry;
}

/* Moves the strings that are left together, directly behind the arguments, as programs expect that make
 * both the room of their title, and clears the rest. Returns where they end. */
static char *pack_strings(char **envp, char *start, char *end)
{
	char *at = start;

	for (; *envp; envp++) {
		char *s = *envp;
		size_t len = dj_strlen(s) + 1;

		if (s < at || s + len > end)
			return NULL; /* not as the kernel lays them out */
		if (at != s)
			dj_copy(at, s, len);
		*envp = at;
		at += len;
	}
	dj_zero(at, (size_t)(end - at));
	return at;
}

/* Where the kernel has put the program, as it computes it from the program's headers. False: it
 * was not started by its dynamic linker in the usual way, its fields may be others. */
static bool compute_map(struct prctl_mm_map *map, char *arg_end, char *env_end)
{
	const Elf64_Phdr *ph = NULL;
	uint64_t count = 0, bias = 0, base = 0;
	bool known = false;

	for (const uint64_t *aux = RT->auxv; aux[0]; aux += 2) {
		if (aux[0] == AT_PHDR)
			ph = (const Elf64_Phdr *)aux[1];
		else if (aux[0] == AT_PHNUM)
			count = aux[1];
		else if (aux[0] == AT_BASE)
			base = aux[1];
	}
	for (uint64_t i = 0; ph && i < count; i++)
		if (ph[i].p_type == PT_PHDR) {
			bias = (uint64_t)ph - ph[i].p_vaddr;
			known = true;
		}
	if (!known || !base || RT->argc < 1)
		return false;
	map->start_code = ~0ull;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t from = bias + ph[i].p_vaddr, to = from + ph[i].p_filesz;

		if (ph[i].p_type != PT_LOAD)
			continue;
		if ((ph[i].p_flags & PF_X) && from < map->start_code)
			map->start_code = from;
		if ((ph[i].p_flags & PF_X) && to > map->end_code)
			map->end_code = to;
		if (from > map->start_data)
			map->start_data = from;
		if (to > map->end_data)
			map->end_data = to;
	}
	map->start_brk = map->brk;
	map->start_stack = RT->start_sp;
	map->arg_start = (uint64_t)RT->argv[0];
	map->arg_end = (uint64_t)arg_end;
	map->env_end = (uint64_t)env_end;
	return map->arg_start < map->arg_end;
}

static bool read_map(struct prctl_mm_map *map)
{
	uint64_t field[64] = {0};
	char text[1024], *p = text;
	long fd = dj_raw(SYS_open, "/proc/self/stat", O_RDONLY | O_CLOEXEC, 0), n;

	if (fd < 0)
		return false;
	n = dj_raw(SYS_read, fd, text, sizeof(text) - 1);
	dj_raw(SYS_close, fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	for (char *q = text; *q; q++) /* the name may hold anything */
		if (*q == ')')
			p = q + 2;
	for (unsigned i = 3; i < 64 && *p; i++) { /* numbered as in proc(5) */
		while (*p >= '0' && *p <= '9')
			field[i] = field[i] * 10 + (uint64_t)(*p++ - '0');
		while (*p && *p != ' ')
			p++;
		if (*p)
			p++;
	}
	map->start_code = field[26], map->end_code = field[27], map->start_stack = field[28];
	map->start_data = field[45], map->end_data = field[46], map->start_brk = field[47];
	map->arg_start = field[48], map->arg_end = field[49];
	map->env_end = field[51];
	return true;
}

/* /proc/self/environ shows what the kernel knows as the environment. Not permitted everywhere:
 * then it shows our variables. arg_end: as it has laid them out, where the environment begins,
 * too. */
static void tell_kernel(char *arg_end, char *env_end)
{
	struct prctl_mm_map map = {.exe_fd = (uint32_t)-1, .brk = (uint64_t)dj_raw(SYS_brk, 0)};

	if (!compute_map(&map, arg_end, env_end) && !read_map(&map))
		return;
	map.env_start = (uint64_t)arg_end;
	map.env_end = (uint64_t)env_end;
	dj_raw(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
}

/*
 * Takes our variables out of the environment in place. They are always an even number:
 * the auxiliary vector moves up behind the environment's new end, or, where the dynamic
 * linker's pointer to it is not found, AT_IGNORE entries fill the gap.
 */
void view_environment(char **envp)
{
	char **from = envp, **to = envp, *first = *envp, *end = first;
	uint64_t *auxv, *moved;

	for (; *from; from++) {
		end = *from + dj_strlen(*from) + 1;
		if (dj_starts(*from, SESSION_ENV_RT) || dj_starts(*from, SESSION_ENV_PAD))
			continue;
		if (dj_starts(*from, SESSION_ENV_PRELOAD)) {
			char *own = own_preload(*from);

			if (own)
				*to++ = own;
			continue;
		}
		*to++ = *from;
	}
	RT->auxv = auxv = (uint64_t *)(from + 1);
	*to++ = NULL;
	moved = (uint64_t *)to;
	if (moved != auxv && move_linkers_auxv((uint64_t)auxv, (uint64_t)moved)) {
		RT->auxv = moved;
		do {
			moved[0] = auxv[0];
			moved[1] = auxv[1];
			moved += 2;
			auxv += 2;
		} while (moved[-2]);
		dj_zero(moved, (size_t)((char *)auxv - (char *)moved));
	} else {
		for (; to <= from; to += 2) {
			to[0] = (char *)AT_IGNORE;
			to[1] = NULL;
		}
	}
	end = pack_strings(envp, first, end);
	if (end && RT->session->mode == SESSION_RECORD)
		tell_kernel(first, end);
}

static void hide_name(char *s, const char *end)
{
	if (s + SESSION_DIR_LEN <= end && !dj_compare(s, RT->dir, SESSION_DIR_LEN))
		for (size_t i = SESSION_DIR_LEN - 8; i < SESSION_DIR_LEN; i++)
			s[i] = '0';
}

/* Words without a slash, most of them, are passed over at once. */
static void hide_names_in(uint64_t from, uint64_t to, const char *end)
{
	const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;

	for (uint64_t at = from; at < to; at += 8) {
		uint64_t word = *(const uint64_t *)at, slashes = word ^ '/' * ones;

		if (!word) { /* as most of them are */
			while (at + 32 < to && !(((const uint64_t *)at)[1] | ((const uint64_t *)at)[2] |
						 ((const uint64_t *)at)[3] | ((const uint64_t *)at)[4]))
				at += 32;
			continue;
		}
		if ((slashes - ones) & ~slashes & tops)
			for (char *s = (char *)at; s < (char *)at + 8; s++)
				if (*s == '/')
					hide_name(s, end);
	}
}

/* The session's directory has a name of its own every time; the dynamic linker shows it
 * in its list of objects. Memory that nobody has touched yet stays so. */
void view_session_name(void)
{
	enum { SMALL_LEN = 256 * 1024 };
	const struct mapping *its = linker(), *m = NULL;
	uint8_t touched[SMALL_LEN / 4096];

	while (its && (m = mappings_next(&RT->maps, m))) {
		bool anonymous = !m->path_len, known;

		if (!(m->flags & MAPPING_WRITE) || m->to - m->from > SMALL_LEN ||
		    !(anonymous || same_path(m, its)))
			continue;
		known = anonymous && !dj_raw(SYS_mincore, m->from, m->to - m->from, touched);
		for (uint64_t at = m->from; at < m->to; at += 4096)
			if (!known || touched[(at - m->from) / 4096] & 1)
				hide_names_in(at, at + 4096, (const char *)m->to);
	}
}
