/*
 * What lies where in this process, as the text of /proc/self/maps, read once at its start into
 * RT->maps. Called by start.c on the private stack. The kernel is asked mapping by mapping where
 * it can be (Linux 6.11): a file's name, which it takes longest to make, once for all its
 * mappings. Mappings above the process's own addresses ([vsyscall]) are missing then.
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
	LINE_MAX_LEN = 128, /* of a line but for its name */
};
#define MAP_QUERY 0xc0686611 /* PROCMAP_QUERY */

static char *put_hex(char *p, uint64_t v)
{
	unsigned digits = 1;

	while (digits < 16 && v >> (4 * digits))
		digits++;
	while (digits--)
		*p++ = "0123456789abcdef"[v >> (4 * digits) & 15];
	return p;
}

static char *put_mapping(char *p, const struct map_query *q)
{
	p = put_hex(p, q->from);
	*p++ = '-';
	p = put_hex(p, q->to);
	*p++ = ' ';
	*p++ = q->vma_flags & 1 ? 'r' : '-';
	*p++ = q->vma_flags & 2 ? 'w' : '-';
	*p++ = q->vma_flags & 4 ? 'x' : '-';
	*p++ = q->vma_flags & 8 ? 's' : 'p';
	*p++ = ' ';
	p = put_hex(p, q->offset);
	*p++ = ' ';
	p = put_hex(p, q->dev_major);
	*p++ = ':';
	p = put_hex(p, q->dev_minor);
	*p++ = ' ';
	p = dj_put_dec(p, (int64_t)q->inode);
	*p++ = ' ';
	return p;
}

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
	char name[NAME_LEN], *p = RT->maps, *end = RT->maps + sizeof(RT->maps);
	struct map_query q = {.size = sizeof(q)}, last = {0};
	size_t name_len = 0;

	for (;; last = q) {
		/* mappings of one file follow each other: its name is there already */
		bool named = !last.inode;
		long r = query(fd, &q, last.to, named ? name : NULL);

		if (r == -ENOENT)
			break;
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
		for (size_t i = 0; named && i < name_len; i++)
			if (name[i] == '\n')
				return false;
		if ((size_t)(end - p) < LINE_MAX_LEN + name_len)
			return false;
		p = put_mapping(p, &q);
		dj_copy(p, name, name_len);
		p += name_len;
		*p++ = '\n';
	}
	RT->maps_len = (uint32_t)(p - RT->maps);
	return RT->maps_len != 0;
}

void maps_read(void)
{
	long fd = dj_raw(SYS_open, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0), n;

	if (fd < 0)
		return;
	/* a filter that a parent has installed was not tried on ioctl (record_seccomp.c) */
	if (dj_raw(SYS_prctl, PR_GET_SECCOMP) || !ask(fd)) {
		RT->maps_len = 0;
		do {
			n = dj_raw(SYS_read, fd, RT->maps + RT->maps_len,
				   sizeof(RT->maps) - RT->maps_len);
			if (n > 0)
				RT->maps_len += (uint32_t)n;
		} while (n > 0);
	}
	dj_raw(SYS_close, fd);
}
