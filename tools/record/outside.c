/*
 * See outside.h. Called by the supervisor of a recording when something is shared that may
 * have been there before, and at the end.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/record/outside.h"

enum { ANCESTORS = 4 };

static bool is_recorded(const struct supervisor *sv, int pid)
{
	const struct session *s = sv->session->shared;

	for (unsigned i = 0; i < s->slots_used && i < SLOT_COUNT; i++) {
		const struct slot *slot = session_slot(sv->session->shared, i);

		if (slot->state != SLOT_FREE && !slot->passthrough &&
		    (slot->pid == pid || slot->claimer_pid == pid))
			return true;
	}
	return pid == getpid();
}

static int parent_of(int pid)
{
	char path[64], line[512], *p;
	int parent = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f) && (p = strrchr(line, ')')))
		sscanf(p + 1, " %*c %d", &parent);
	if (f)
		fclose(f);
	return parent;
}

/* A child that has just been born may be known by its parent alone. */
static bool in_tree(const struct supervisor *sv, int pid)
{
	for (int i = 0; i < ANCESTORS && pid > 1; i++, pid = parent_of(pid))
		if (is_recorded(sv, pid))
			return true;
	return false;
}

/* When the file that this process maps there was born, ns since 1970, to tell it from another that was
 * given the same inode number once it was removed. 0: not known. `path`: its name there, a line's end. */
static uint64_t birth_of(int pid, unsigned long from, unsigned long to, const char *path, uint64_t dev, uint64_t ino)
{
	char names[2][4700];
	struct statx st;

	snprintf(names[0], sizeof(names[0]), "/proc/%d/map_files/%lx-%lx", pid, from, to);
	snprintf(names[1], sizeof(names[1]), "/proc/%d/root%.*s", pid, (int)strcspn(path, "\n"), path);
	for (int i = 0; i < 2; i++)
		if (!statx(AT_FDCWD, names[i], AT_NO_AUTOMOUNT, STATX_INO | STATX_BTIME, &st) && (st.stx_mask & STATX_BTIME) &&
		    st.stx_ino == ino && ((uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor) == dev)
			return (uint64_t)st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec;
	return 0;
}

/* The shadow that a line of this process's /proc/PID/maps is a writable mapping of, or -1; *path: its name. */
static int shadow_of(struct session *s, int pid, const char *line, const char **path)
{
	unsigned long from, to;
	unsigned major, minor;
	const struct shadow_entry *e;
	uint64_t ino, dev, birth_ns = 0;
	char perms[8];
	bool segment;
	uint32_t n;
	int at = 0;

	if (sscanf(line, "%lx-%lx %7s %*x %x:%x %" SCNu64 " %n", &from, &to, perms, &major, &minor, &ino,
		   &at) < 6 || perms[3] != 's' || perms[1] != 'w' || !at)
		return -1;
	*path = line + at;
	segment = !strncmp(*path, "/SYSV", 5);
	dev = segment ? SEGMENT_DEV : (uint64_t)major << 32 | minor;
	for (n = *session_shadow_bucket(s, dev, ino); n && n <= SHADOW_COUNT; n = e->next) {
		e = session_shadow(s, n - 1);
		if (!e->domain || e->ino != ino || e->dev != dev)
			continue;
		if (!birth_ns && !segment)
			birth_ns = birth_of(pid, from, to, *path, dev, ino);
		if (segment || !birth_ns || !e->birth_ns || birth_ns == e->birth_ns)
			return (int)n - 1;
	}
	return -1;
}

static void look_at(struct supervisor *sv, int pid)
{
	char name[64], line[4600], comm[64] = "?", text[4800];
	const char *path = "";
	FILE *f, *c;
	int i;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	f = fopen(name, "re");
	while (f && fgets(line, sizeof(line), f)) {
		i = shadow_of(sv->session->shared, pid, line, &path);
		if (i < 0 || sv->told_outside[i] || in_tree(sv, pid))
			continue;
		sv->told_outside[i] = true;
		snprintf(name, sizeof(name), "/proc/%d/comm", pid);
		c = fopen(name, "re");
		if (c && fgets(comm, sizeof(comm), c))
			comm[strcspn(comm, "\n")] = 0;
		if (c)
			fclose(c);
		line[strcspn(line, "\n")] = 0;
		snprintf(text, sizeof(text),
			 "memory is shared with a process outside of the recording: %s with %s "
			 "(process %d); what that writes is not recorded, and a replay may "
			 "diverge", *path ? path : "a segment", comm, pid);
		supervisor_warn(sv, text);
	}
	if (f)
		fclose(f);
}

void outside_look(struct supervisor *sv)
{
	struct dirent *e;
	DIR *d = opendir("/proc");

	while (d && (e = readdir(d)))
		if (isdigit((unsigned char)e->d_name[0]))
			look_at(sv, atoi(e->d_name));
	if (d)
		closedir(d);
}
