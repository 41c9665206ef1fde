/*
 * See member.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/share/member.h"
#include "tools/cmd.h"
#include "tools/record/seal.h"

static struct seal key;

bool member_unseal(int key_fd)
{
	return seal_take(&key, key_fd);
}

const struct tf_seal *member_seal(void)
{
	return key.tf.apply ? &key.tf : NULL;
}

static bool sealed_path(const char *path, char *sealed, size_t len)
{
	return key.tf.apply && access(path, F_OK) < 0 &&
	       (size_t)snprintf(sealed, len, "%s" SEAL_SUFFIX, path) < len;
}

bool member_exists(const char *path)
{
	char sealed[PATH_MAX];

	return access(path, F_OK) == 0 ||
	       (sealed_path(path, sealed, sizeof(sealed)) && access(sealed, F_OK) == 0);
}

bool member_read(const char *path, struct member *m)
{
	char sealed[PATH_MAX];
	struct stat st;
	int fd;

	*m = (struct member){0};
	if (sealed_path(path, sealed, sizeof(sealed))) {
		m->bytes = seal_read(&key, sealed, &m->len);
		if (!m->bytes)
			cmd_error("%s: %s", sealed, strerror(errno));
		return m->bytes != NULL;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		cmd_error("%s: cannot be read", path);
		if (fd >= 0)
			close(fd);
		return false;
	}
	m->len = (size_t)st.st_size;
	if (m->len) {
		m->bytes = mmap(NULL, m->len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		m->mapped = m->bytes != MAP_FAILED;
		if (!m->mapped)
			cmd_error("%s: %s", path, strerror(errno));
	}
	close(fd);
	return m->mapped || !m->len;
}

void member_free(struct member *m)
{
	if (m->mapped)
		munmap(m->bytes, m->len);
	else
		free(m->bytes);
	*m = (struct member){0};
}
