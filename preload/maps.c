/*
 * What lies where in this process (mappings.h), asked for once at its start, on the private stack; and of
 * one address later. The kernel is asked mapping by mapping where it can be (Linux 6.11): a file's name, which it
 * takes longest to make, once for all its mappings. Mappings above the process's own addresses
 * ([vsyscall]) are missing then.
 */
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include "runtime.h"

struct map_query { /* linux/fs.h: struct procmap_query */
	uint64_t size, flags, addr, from, to, vma_flags, page_size, offset, inode;
	uint32_t dev_major, dev_minor, name_size, build_id_size;
	uint64_t name, build_id;
};
enum {
	QUERY_NEXT = 0x10, /* the mapping at this address, or the next one */
	NAME_LEN = 4096,
	LINE_LEN = NAME_LEN + 128, /* of /proc/self/maps */
};
#define MAP_QUERY 0xc0686611 /* PROCMAP_QUERY */

/* The mapping at addr or the next one; name: NULL, or room for its name. */
static long query(long fd, struct map_query *q, uint64_t addr, char *name)
{
	q->flags = QUERY_NEXT;
	q->addr = addr;
	q->name = (uint64_t)name;
	q->name_size = name ? NAME_LEN : 0;
	return dj_raw(SYS_ioctl, fd, MAP_QUERY, q);
}

/* False: the kernel cannot, or a name has what would need to be written otherwise. */
static bool ask(long fd)
{
	char name[NAME_LEN];
	struct map_query q = {.size = sizeof(q)}, last = {0};
	uint32_t name_len = 0;

	for (;; last = q) {
		/* mappings of one file follow each other: its name is there already */
		bool named = !last.inode;
		long r = query(fd, &q, last.to, named ? name : NULL);
		struct mapping m;

		if (r == -ENOENT)
			return RT->maps.count != 0;
		if (!r && !named &&
		    (q.inode != last.inode || q.dev_major != last.dev_major ||
		     q.dev_minor != last.dev_minor)) {
			named = true;
			r = query(fd, &q, q.from, name);
		}
		if (r < 0)
			return false;
		if (named)
			name_len = q.name_size ? q.name_size - 1 : 0; /* with its NUL */
		for (uint32_t i = 0; named && i < name_len; i++)
			if (name[i] == '\n')
				return false;
		m = (struct mapping){.from = q.from, .to = q.to, .offset = q.offset,
				     .inode = q.inode, .flags = (uint32_t)q.vma_flags & 15};
		if (!mappings_add(&RT->maps, &m, name, name_len))
			return true;
	}
}

static uint64_t parse_hex(const char **p)
{
	uint64_t v = 0;

	for (;; (*p)++) {
		char c = **p;

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return v;
	}
}

/* One line of /proc/self/maps, whose newline is at end. */
static bool add_line(const char *p, const char *end)
{
	static const char kinds[] = "rwxs";
	struct mapping m = {0};

	m.from = parse_hex(&p);
	p++;
	m.to = parse_hex(&p);
	p++;
	for (uint32_t i = 0; i < 4; i++, p++)
		m.flags |= (uint32_t)(*p == kinds[i]) << i;
	p++;
	m.offset = parse_hex(&p);
	p++;
	while (p < end && *p != ' ') /* the device */
		p++;
	for (p++; *p >= '0' && *p <= '9'; p++)
		m.inode = m.inode * 10 + (uint64_t)(*p - '0');
	while (p < end && *p == ' ')
		p++;
	return mappings_add(&RT->maps, &m, p, (uint32_t)(end - p));
}

static void read_text(long fd)
{
	char text[2 * LINE_LEN];
	size_t len = 0;
	long n;

	while ((n = dj_raw(SYS_read, fd, text + len, sizeof(text) - len)) > 0) {
		size_t start = 0;

		len += (size_t)n;
		for (size_t i = 0; i < len; i++) {
			if (text[i] != '\n')
				continue;
			if (!add_line(text + start, text + i))
				return;
			start = i + 1;
		}
		len -= start;
		dj_copy(text, text + start, len);
	}
}

void maps_read(void)
{
	long fd = dj_raw(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return;
	/* a filter that a parent has installed was not tried on ioctl (recorder/seccomp.c) */
	if (dj_raw(SYS_prctl, PR_GET_SECCOMP) || !ask(fd)) {
		RT->maps.count = RT->maps.text_len = 0;
		read_text(fd);
	}
	dj_raw(SYS_close, fd);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* By the text, in little memory: names may be long. */
static void walk_text(long fd, bool (*visit)(void *arg, const struct mapping *m), void *arg)
{
	enum { FROM, TO, FLAGS, OFFSET, DEVICE, INODE, NAME };
	static const char kinds[] = "rwxs";
	unsigned field = FROM, at = 0;
	struct mapping m = {0};
	char text[512];
	long n;

	while ((n = dj_raw(SYS_read, fd, text, sizeof(text))) > 0)
		for (long i = 0; i < n; i++) {
			char c = text[i];

			if (c == '\n') {
				if (!visit(arg, &m))
					return;
				m = (struct mapping){0};
				field = FROM;
				at = 0;
			} else if (field != NAME && (c == ' ' || (c == '-' && field == FROM))) {
				field++;
				at = 0;
			} else if (field == FROM) {
				m.from = m.from << 4 | (uint64_t)hex_digit(c);
			} else if (field == TO) {
				m.to = m.to << 4 | (uint64_t)hex_digit(c);
			} else if (field == FLAGS && at < 4) {
				m.flags |= (uint32_t)(c == kinds[at]) << at;
				at++;
			} else if (field == INODE) {
				m.inode = m.inode * 10 + (uint64_t)(c - '0');
			}
		}
}

/* Later than at the start: a filter may forbid it. */
static long open_maps(void)
{
	return RT->sandboxed ? -EACCES : dj_raw(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
}

bool maps_walk(bool (*visit)(void *arg, const struct mapping *m), void *arg)
{
	long fd = open_maps();

	if (fd < 0)
		return false;
	walk_text(fd, visit, arg);
	dj_raw(SYS_close, fd);
	return true;
}

struct search {
	uint64_t addr;
	struct mapping found; /* to 0: none */
};

static bool look_for(void *arg, const struct mapping *m)
{
	struct search *s = arg;

	if (s->addr >= m->from && s->addr < m->to)
		s->found = *m;
	return !s->found.to;
}

bool maps_is_text(uint64_t addr)
{
	long fd = open_maps();
	struct map_query q = {.size = sizeof(q)};
	struct search s = {.addr = addr};
	struct mapping m;

	if (fd < 0)
		return false;
	if (!dj_raw(SYS_prctl, PR_GET_SECCOMP) && !query(fd, &q, addr, NULL)) {
		m = (struct mapping){
		    .from = q.from, .to = q.to, .inode = q.inode, .flags = (uint32_t)q.vma_flags & 15};
		look_for(&s, &m);
	} else {
		walk_text(fd, look_for, &s);
	}
	dj_raw(SYS_close, fd);
	return s.found.inode && s.found.flags == (MAPPING_READ | MAPPING_EXEC);
}
