/*
 * The recorder: the beginning of a program image, one IMAGE event with everything that
 * a replay must find equal or re-establish.
 */
#include <sys/syscall.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <elf.h>
#include <link.h>
#include "record.h"

static void put_key(struct slot *slot, const char *key)
{
	uint8_t buf[8];
	size_t len = dj_strlen(key);

	ring_put(slot, buf, (size_t)(tf_put_str(buf, (uint32_t)len) - buf));
	ring_put(slot, key, len);
}

static void put_uint(struct slot *slot, uint64_t v)
{
	uint8_t buf[TF_INT_MAX_LEN];

	ring_put(slot, buf, (size_t)(tf_put_uint(buf, v) - buf));
}

static void put_array(struct slot *slot, unsigned count)
{
	uint8_t buf[8];

	ring_put(slot, buf, (size_t)(tf_put_array(buf, count) - buf));
}

static void put_bytes(struct slot *slot, const void *bytes, size_t len)
{
	uint8_t buf[8];

	ring_put(slot, buf, (size_t)(tf_put_bin(buf, (uint32_t)len) - buf));
	ring_put(slot, bytes, len);
}

static void put_strings(struct slot *slot, char **v)
{
	unsigned n = 0;

	while (v[n])
		n++;
	put_array(slot, n);
	for (unsigned i = 0; i < n; i++)
		put_bytes(slot, v[i], dj_strlen(v[i]));
}

/* The executable's path, into path[len]: that of the mapping its headers lie in, whose file it still
 * names. The file's id in *file. Its length, or 0: not to be known so. */
static size_t mapped_exe(struct slot *slot, char *path, size_t room, uint32_t *file)
{
	const struct mapping *m = NULL;
	uint64_t headers = 0;
	struct stat st;

	for (const uint64_t *aux = RT->auxv; aux[0]; aux += 2) {
		if (aux[0] == AT_PHDR)
			headers = aux[1];
		if (aux[0] == AT_BASE && !aux[1])
			return 0; /* the linker is the executable */
	}
	while ((m = mappings_next(&RT->maps, m)))
		if (headers >= m->from && headers < m->to)
			break;
	if (!m || mapping_path(&RT->maps, m)[0] != '/' || m->path_len >= room)
		return 0;
	dj_copy(path, mapping_path(&RT->maps, m), m->path_len + 1);
	if (dj_raw(SYS_stat, path, &st) < 0 || st.st_ino != m->inode)
		return 0;
	*file = record_file_known(slot, -1, path, &st);
	return m->path_len;
}

/* The mappings, as they were before the runtime moved anything. File ids are asked for once per
 * file: its mappings follow each other. */
static void put_maps(struct slot *slot, const char *exe, uint32_t exe_file)
{
	struct mapping *m = RT->maps.of;
	const char *last = exe;
	uint32_t file = exe_file;

	put_array(slot, RT->maps.count);
	for (uint32_t i = 0; i < RT->maps.count; i++, m++) {
		const char *path = mapping_path(&RT->maps, m);
		bool of_file = m->inode && path[0] == '/';
		bool stored = of_file && !(m->flags & MAPPING_SHARED);

		if (stored && path != last && dj_compare(path, last, m->path_len + 1))
			file = record_file(slot, -1, path);
		if (stored)
			last = path;
		if ((m->flags & (MAPPING_EXEC | MAPPING_SHARED)) == MAPPING_EXEC && of_file) {
			record_oracles(file, m->from, m->to - m->from, m->offset,
				       m->flags & MAPPING_WRITE);
			m->file = file;
		}
		put_array(slot, 6);
		put_uint(slot, m->from);
		put_uint(slot, m->to);
		put_uint(slot, m->flags);
		put_uint(slot, m->offset);
		put_uint(slot, stored ? file
				      : dj_compare(path, "[vdso]", 7) ? 0 : RT->session->vdso_file);
		put_bytes(slot, path, m->path_len);
	}
}

/* The instructions that have been replaced in them, in that order: the replay makes room for each as
 * it was made here. */
static void put_oracles(struct slot *slot)
{
	const struct mapping *m = NULL;
	unsigned count = 0;

	while (RT->oracle_count && (m = mappings_next(&RT->maps, m)))
		if (m->file)
			count += record_oracles_count(m->file, m->from, m->to - m->from, m->offset);
	put_array(slot, 2 * count);
	while (count && (m = mappings_next(&RT->maps, m)))
		if (m->file)
			record_oracles_put(slot, m->file, m->from, m->to - m->from, m->offset);
}

#pragma weak _r_debug

/* What follows the public part of glibc's struct link_map, the same since 2.4. */
struct name_list {
	const char *name;
	struct name_list *next;
};
struct object_private {
	struct link_map public;
	void *real;
	long namespace;
	struct name_list *names;
};

enum { ALIAS_MAX = 16 };

/* Names by which an object was asked for that are not its file's: links to it were followed.
 * Fills alias[], returns how many. */
static unsigned find_aliases(const struct link_map *m, const char *alias[ALIAS_MAX])
{
	struct object_private object;
	struct name_list entry;
	const char *last = m->l_name;
	unsigned count = 0;

	for (const char *p = m->l_name; *p; p++)
		if (*p == '/')
			last = p + 1;
	if (!dj_fetch_user(&object, m, sizeof(object)) || object.real != m)
		return 0;
	for (struct name_list *l = object.names; l && count < ALIAS_MAX; l = entry.next) {
		size_t len;

		if (!dj_fetch_user(&entry, l, sizeof(entry)))
			break;
		len = dj_strlen_user(entry.name, 256);
		if (!len || dj_compare(entry.name, last, len) == 0)
			continue;
		for (size_t i = 0; len && i < len; i++)
			if (entry.name[i] == '/')
				len = 0;
		if (len)
			alias[count++] = entry.name;
	}
	return count;
}

static const struct link_map *linked_objects(void)
{
	return &_r_debug ? _r_debug.r_map : NULL;
}

/* The dynamic linker's objects by the names under which it found them, with the address of
 * the dynamic section, and their aliases. */
static void put_objects(struct slot *slot)
{
	const struct link_map *first = linked_objects();
	const char *alias[ALIAS_MAX];
	unsigned count = 0, aliases;

	for (const struct link_map *m = first; m; m = m->l_next)
		count += m->l_name && m->l_name[0];
	put_array(slot, count);
	for (const struct link_map *m = first; m; m = m->l_next) {
		if (!m->l_name || !m->l_name[0])
			continue;
		aliases = find_aliases(m, alias);
		put_array(slot, 2 + aliases);
		put_bytes(slot, m->l_name, dj_strlen(m->l_name));
		put_uint(slot, (uint64_t)m->l_ld);
		for (unsigned i = 0; i < aliases; i++)
			put_bytes(slot, alias[i], dj_strlen(alias[i]));
	}
}

/* What it has read beside them, where that is there. */
static void put_reads(struct slot *slot)
{
	static const char *const names[] = {"/etc/ld.so.cache", "/etc/ld.so.preload"};
	uint32_t file[2];
	unsigned count = 0;

	for (int i = 0; i < 2; i++) {
		file[i] = record_file(slot, -1, names[i]);
		count += file[i] != 0;
	}
	put_array(slot, count);
	for (int i = 0; i < 2; i++) {
		if (!file[i])
			continue;
		put_array(slot, 2);
		put_bytes(slot, names[i], dj_strlen(names[i]));
		put_uint(slot, file[i]);
	}
}

/* The directories of the program's own library paths: record_search_paths' names. */
static void put_directories(struct slot *slot, const char *names, unsigned count)
{
	put_array(slot, count);
	while (count--) {
		size_t len = (uint8_t)names[0] | (size_t)(uint8_t)names[1] << 8;

		put_bytes(slot, names + 2, len);
		names += 2 + len;
	}
}

/* Of the descriptors that the command was given these are looked at: which files may it write to? */
enum { INHERITED_MAX = 16 };

void boundary_start(struct thread *t)
{
	struct slot *slot = t->slot;
	struct rlimit limit = {0, 0};
	uint64_t random = 0;
	const char *execfn = "";
	char exe[4096], path[4096];
	uint8_t buf[32], *p = buf;
	uint32_t exe_file = 0;
	unsigned directory_count;
	uint64_t *aux;
	long n;

	t->roles = slot->fd_role;
	for (int fd = 0; fd < FD_ROLE_COUNT; fd++)
		if (slot->fd_role[fd] && dj_raw(SYS_fcntl, fd, F_GETFD) < 0)
			slot->fd_role[fd] = TF_ROLE_NONE; /* closed on exec */
	slot->pid = RT->pid;
	slot->passthrough = 0;
	__atomic_store_n(&slot->state, SLOT_RUNNING, __ATOMIC_SEQ_CST);
	for (aux = RT->auxv; aux[0]; aux += 2) {
		if (aux[0] == AT_RANDOM)
			random = aux[1];
		if (aux[0] == AT_EXECFN)
			execfn = (const char *)aux[1];
	}
	dj_raw(SYS_prlimit64, 0, RLIMIT_STACK, 0, &limit);

	n = (long)mapped_exe(slot, exe, sizeof(exe), &exe_file);
	if (!n) {
		n = dj_raw(SYS_readlink, "/proc/self/exe", exe, sizeof(exe) - 1);
		exe_file = record_file(slot, -1, "/proc/self/exe");
	}
	exe[n > 0 ? n : 0] = 0;
	directory_count = record_search_paths(linked_objects(), exe, path, sizeof(path));

	slot->last_tid = t->tid;
	p = tf_put_array(p, 3);
	p = tf_put_uint(p, TF_EV_IMAGE);
	p = tf_put_uint(p, (uint64_t)record_dt(slot, dj_now()));
	p = tf_put_map(p, directory_count ? 20 : 19);
	ring_put(slot, buf, (size_t)(p - buf));
	put_key(slot, "exe");
	put_bytes(slot, exe, dj_strlen(exe));
	put_key(slot, "execfn");
	put_bytes(slot, execfn, dj_strlen(execfn));
	put_key(slot, "argv");
	put_strings(slot, RT->argv);
	put_key(slot, "envp");
	put_strings(slot, RT->envp);
	put_key(slot, "auxv");
	put_bytes(slot, RT->auxv, (size_t)((char *)(aux + 2) - (char *)RT->auxv));
	put_key(slot, "sp");
	put_uint(slot, RT->start_sp);
	put_key(slot, "random");
	put_bytes(slot, (const void *)random, random ? 16 : 0);
	put_key(slot, "brk");
	put_uint(slot, (uint64_t)dj_raw(SYS_brk, 0));
	put_key(slot, "pid");
	put_uint(slot, (uint64_t)RT->pid);
	put_key(slot, "ppid");
	put_uint(slot, (uint64_t)dj_raw(SYS_getppid));
	put_key(slot, "tid");
	put_uint(slot, (uint64_t)t->tid);
	put_key(slot, "file");
	put_uint(slot, exe_file);
	RT->trap_tsc = RT->session->trap_tsc;
	put_key(slot, "trap_tsc");
	put_uint(slot, RT->trap_tsc);
	put_key(slot, "stack_limit");
	put_uint(slot, limit.rlim_cur);
	put_key(slot, "maps");
	put_maps(slot, exe, exe_file);
	put_key(slot, "oracles");
	put_oracles(slot);
	put_key(slot, "objects");
	put_objects(slot);
	put_key(slot, "reads");
	put_reads(slot);
	if (directory_count) {
		put_key(slot, "directories");
		put_directories(slot, path, directory_count);
	}
	put_key(slot, "cwd");
	n = dj_raw(SYS_getcwd, path, sizeof(path));
	put_bytes(slot, path, n > 0 ? (size_t)n - 1 : 0);
	ring_commit(slot);
	record_oracles_tell(slot);
	for (int fd = 0; slot->stream == 1 && fd < INHERITED_MAX; fd++) {
		long flags = dj_raw(SYS_fcntl, fd, F_GETFL);

		if (flags >= 0)
			record_shadow_opened(t, fd, (uint64_t)flags);
	}
}
