/*
 * The content-addressed store (store.h). Called by the supervisor; malloc, blocking
 * I/O, one mutex.
 *
 * The shared store is a directory of files named by their hash, and a directory `id` of
 * symbolic links from an identity to the hash of what had that identity. Everything
 * appears in it complete, by link(2) or symlink(2), and nothing is ever changed in it:
 * recorders need no lock among each other.
 *
 * The user's own file is never hard-linked: it may be modified in place later.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "content.h"
#include "store.h"
#include "text_file.h"
#include "tracefmt/error.h"

enum {
	HASH_LEN = STORE_HASH_LEN,
	STORED_MODE = 0500, /* replays map them executable; nobody else reads them */
	SETTLED_MS = 100, /* a file older than this cannot change unseen: more than the
			     coarsest clock tick that file times are made of */
};

struct identity {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};

struct store {
	pthread_mutex_t lock;
	int rec_fd;    /* REC/f */
	int shared_fd; /* the shared store, or -1 */
	int id_fd;     /* its id/, or -1 */
	struct deja_file *files;
	struct identity *identities; /* by id - 1 */
	uint8_t *settled; /* by id - 1: the identity vouches for the content */
	size_t count, cap;
	uint8_t *buf;
	unsigned temp_count;
	const struct seal *seal; /* texts are stored sealed; or NULL */
};

static int64_t timespec_ns(const struct timespec *t)
{
	return t->tv_sec * 1000000000ll + t->tv_nsec;
}

static struct identity identity_of(const struct stat *st)
{
	struct identity id = {
	    .dev = st->st_dev,
	    .ino = st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .mtime_ns = timespec_ns(&st->st_mtim),
	    .ctime_ns = timespec_ns(&st->st_ctim),
	};
	return id;
}

static int same_identity(const struct identity *a, const struct identity *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/* Could the file change once more without a change of its times? */
static int is_settled(const struct identity *id)
{
	int64_t newest = id->mtime_ns > id->ctime_ns ? id->mtime_ns : id->ctime_ns;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return timespec_ns(&now) - newest > SETTLED_MS * 1000000ll;
}

static void identity_name(const struct identity *id, char *name, size_t len)
{
	snprintf(name, len, "%llx-%llx-%llx-%llx-%llx", (unsigned long long)id->dev,
		 (unsigned long long)id->ino, (unsigned long long)id->size,
		 (unsigned long long)id->mtime_ns, (unsigned long long)id->ctime_ns);
}

/* --- opening --- */

static int open_dir_at(int at, const char *name)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -1;
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The default shared store, malloc'd, or NULL. Its directory is made if missing, as the
 * recordings' own is. */
static char *default_shared_dir(void)
{
	const char *dir = getenv("DEJA_DIR");
	const char *home = getenv("HOME");
	char *path = NULL;
	int len = -1;

	if (dir && *dir)
		len = asprintf(&path, "%s/.store", dir);
	else if (home && *home)
		len = asprintf(&path, "%s/.local/share/deja/.store", home);
	return len < 0 ? NULL : path;
}

/* Uses the shared store if hard links from it can reach the recording. */
static void open_shared(struct store *s, const char *shared_dir)
{
	char *fallback = shared_dir ? NULL : default_shared_dir();
	const char *dir = shared_dir ? shared_dir : fallback;
	struct stat rec, shared;

	if (!dir)
		return;
	s->shared_fd = open_dir_at(AT_FDCWD, dir);
	free(fallback);
	if (s->shared_fd < 0)
		return;
	/* Another's store could give us another's bytes. */
	if (fstat(s->shared_fd, &shared) == 0 && fstat(s->rec_fd, &rec) == 0 &&
	    shared.st_dev == rec.st_dev && shared.st_uid == geteuid() &&
	    !(shared.st_mode & 022)) {
		s->id_fd = open_dir_at(s->shared_fd, "id");
		if (s->id_fd >= 0)
			return;
	}
	close(s->shared_fd);
	s->shared_fd = -1;
}

struct store *store_open(const char *recording_dir, const char *shared_dir,
			 struct deja_error *err)
{
	struct store *s = calloc(1, sizeof(*s));
	char *path = NULL;

	if (!s) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->rec_fd = s->shared_fd = s->id_fd = -1;
	s->buf = malloc(CONTENT_BUF_LEN);
	if (!s->buf || asprintf(&path, "%s/f", recording_dir) < 0) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		store_close(s);
		return NULL;
	}
	s->rec_fd = open_dir_at(AT_FDCWD, path);
	if (s->rec_fd < 0) {
		tf_fail_errno(err, "cannot create %s", path);
		free(path);
		store_close(s);
		return NULL;
	}
	free(path);
	open_shared(s, shared_dir);
	return s;
}

void store_set_seal(struct store *s, const struct seal *seal)
{
	s->seal = seal;
}

void store_close(struct store *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->count; i++) {
		free((char *)s->files[i].path);
		free((char *)s->files[i].hash);
	}
	if (s->rec_fd >= 0)
		close(s->rec_fd);
	if (s->shared_fd >= 0)
		close(s->shared_fd);
	if (s->id_fd >= 0)
		close(s->id_fd);
	free(s->files);
	free(s->identities);
	free(s->settled);
	free(s->buf);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

size_t store_count(struct store *s)
{
	size_t count;

	pthread_mutex_lock(&s->lock);
	count = s->count;
	pthread_mutex_unlock(&s->lock);
	return count;
}

struct deja_file *store_files(struct store *s)
{
	return s->files;
}

/* --- storing --- */

/* A new file in dir for writing. temp: at least 64 bytes, receives its name. */
static int create_temp(struct store *s, int dir, char *temp)
{
	for (;;) {
		int fd;

		snprintf(temp, 64, ".tmp.%ld.%u.%p", (long)getpid(), s->temp_count++,
			 (void *)s);
		fd = openat(dir, temp,
			    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
}

bool store_hash(const char *path, char hash[STORE_HASH_LEN + 1])
{
	uint8_t *buf = malloc(CONTENT_BUF_LEN);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t size;
	bool ok = buf && fd >= 0 && content_hash(buf, fd, hash, &size) == 0;

	if (fd >= 0)
		close(fd);
	free(buf);
	return ok;
}

/* Is there a stored file of that name and size? What a crash left short is not one. */
static int is_stored(int dir, const char *hash, uint64_t size)
{
	struct stat st;

	return fstatat(dir, hash, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

/* Gives temp its name. One that is there and good stays; one that is not is replaced.
 */
static int publish(int dir, const char *temp, const char *hash, uint64_t size)
{
	if (linkat(dir, temp, dir, hash, 0) == 0 ||
	    (errno == EEXIST && is_stored(dir, hash, size))) {
		unlinkat(dir, temp, 0);
		return 0;
	}
	/* Broken, or a file system without hard links. */
	if (renameat(dir, temp, dir, hash) == 0)
		return 0;
	return -1;
}

/*
 * Copies fd into dir under its hash. The hash is taken from the copy: what is stored is
 * what is named, whatever happened to the original meanwhile.
 */
static int store_copy(struct store *s, int fd, int dir, char hash[HASH_LEN + 1],
		      uint64_t *size)
{
	char temp[64];
	int to = create_temp(s, dir, temp), saved;

	if (to < 0)
		return -1;
	if (content_copy(s->buf, fd, to) == 0 && content_hash(s->buf, to, hash, size) == 0 &&
	    fchmod(to, STORED_MODE) == 0 && publish(dir, temp, hash, *size) == 0) {
		close(to);
		return 0;
	}
	saved = errno;
	unlinkat(dir, temp, 0);
	close(to);
	errno = saved;
	return -1;
}

/* Brings SHARED/hash into the recording: a link, or a copy where links are used up. */
static int take_shared(struct store *s, const char *hash, uint64_t size)
{
	char copied[HASH_LEN + 1];
	uint64_t copied_size;
	int fd, rc;

	if (!is_stored(s->shared_fd, hash, size)) {
		errno = ENOENT;
		return -1;
	}
	if (linkat(s->shared_fd, hash, s->rec_fd, hash, 0) == 0 ||
	    (errno == EEXIST && is_stored(s->rec_fd, hash, size)))
		return 0;
	fd = openat(s->shared_fd, hash, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	rc = store_copy(s, fd, s->rec_fd, copied, &copied_size);
	close(fd);
	if (rc == 0 && strcmp(copied, hash) != 0) {
		/* The store is damaged there. The copy is named by what it holds, so
		 * nothing refers to it. */
		unlinkat(s->rec_fd, copied, 0);
		unlinkat(s->shared_fd, hash, 0);
		errno = ENOENT;
		return -1;
	}
	return rc;
}

/* The hash that the shared store knows for an identity. */
static int known_hash(struct store *s, const struct identity *id,
		      char hash[HASH_LEN + 1])
{
	char name[128];
	ssize_t len;

	if (s->id_fd < 0)
		return 0;
	identity_name(id, name, sizeof(name));
	len = readlinkat(s->id_fd, name, hash, HASH_LEN + 1);
	if (len != HASH_LEN)
		return 0;
	hash[HASH_LEN] = '\0';
	return strspn(hash, "0123456789abcdef") == HASH_LEN;
}

static void remember_hash(struct store *s, const struct identity *id, const char *hash)
{
	char name[128];

	if (s->id_fd < 0)
		return;
	identity_name(id, name, sizeof(name));
	if (symlinkat(hash, s->id_fd, name) < 0 && errno == EEXIST) {
		/* It named something that is no longer there or no longer true. */
		unlinkat(s->id_fd, name, 0);
		if (symlinkat(hash, s->id_fd, name) < 0)
			return; /* another recorder was quicker */
	}
}

static bool is_text(struct store *s, int fd)
{
	ssize_t n = pread(fd, s->buf, TEXT_FILE_LOOK_LEN, 0);

	return n >= 0 && is_text_file(s->buf, (size_t)n);
}

/* Copies the file in, by way of the shared store if there is one. */
static int store_content(struct store *s, int fd, char hash[HASH_LEN + 1],
			 uint64_t *size)
{
	if (s->shared_fd >= 0 && store_copy(s, fd, s->shared_fd, hash, size) == 0 &&
	    take_shared(s, hash, *size) == 0)
		return 0;
	return store_copy(s, fd, s->rec_fd, hash, size);
}

/* --- the index --- */

static int add_entry(struct store *s, const struct identity *id, uint8_t settled,
		     const struct deja_file *file)
{
	if (s->count == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 32;
		struct deja_file *files = realloc(s->files, cap * sizeof(*files));
		struct identity *identities;
		uint8_t *flags;

		if (!files)
			return -1;
		s->files = files;
		identities = realloc(s->identities, cap * sizeof(*identities));
		if (!identities)
			return -1;
		s->identities = identities;
		flags = realloc(s->settled, cap);
		if (!flags)
			return -1;
		s->settled = flags;
		s->cap = cap;
	}
	s->files[s->count] = *file;
	s->identities[s->count] = *id;
	s->settled[s->count] = settled;
	s->count++;
	return 0;
}

/* The newest entry of an identity, as an id, or 0. */
static uint32_t find_identity(const struct store *s, const struct identity *id)
{
	size_t i;

	for (i = s->count; i > 0; i--)
		if (same_identity(&s->identities[i - 1], id))
			return (uint32_t)i;
	return 0;
}

static uint32_t add_locked(struct store *s, int fd, const char *path,
			   struct deja_error *err)
{
	char hash[HASH_LEN + 1];
	struct deja_file file = {.exact = true};
	struct identity id, after;
	struct stat st;
	uint32_t known;
	uint8_t settled;
	bool sealed;
	int rc = -1;

	if (fstat(fd, &st) < 0) {
		tf_fail_errno(err, "cannot read %s", path);
		return 0;
	}
	if (!S_ISREG(st.st_mode)) {
		tf_fail(err, DEJA_E_FILE, "%s: not a regular file", path);
		return 0;
	}
	id = identity_of(&st);
	known = find_identity(s, &id);
	if (known && s->settled[known - 1])
		return known;
	/* Asked before the reading: a change after this moment changes the times. */
	settled = (uint8_t)is_settled(&id);
	file.size = id.size;
	sealed = s->seal && is_text(s, fd);
	if (!sealed && settled && known_hash(s, &id, hash))
		rc = take_shared(s, hash, id.size);
	if (rc < 0) {
		rc = sealed ? seal_copy(s->seal, fd, s->rec_fd, hash, &file.size)
			    : store_content(s, fd, hash, &file.size);
		if (rc < 0) {
			tf_fail_errno(err, "cannot store %s", path);
			return 0;
		}
		if (fstat(fd, &st) < 0) {
			tf_fail_errno(err, "cannot read %s", path);
			return 0;
		}
		after = identity_of(&st);
		/* ctime alone changes with a link or a rename too. */
		file.exact = after.size == id.size && after.mtime_ns == id.mtime_ns &&
			     file.size == id.size;
		settled = settled && same_identity(&id, &after);
		if (settled && !sealed)
			remember_hash(s, &id, hash);
	}
	if (known && file.exact && strcmp(s->files[known - 1].hash, hash) == 0) {
		s->settled[known - 1] = settled;
		return known;
	}
	file.id = (uint32_t)s->count + 1;
	file.path = strdup(path);
	file.hash = strdup(hash);
	file.mode = st.st_mode;
	file.dev = id.dev;
	file.ino = id.ino;
	file.mtime_ns = id.mtime_ns;
	if (!file.path || !file.hash || add_entry(s, &id, settled, &file) < 0) {
		free((char *)file.path);
		free((char *)file.hash);
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		return 0;
	}
	return file.id;
}

uint32_t store_add(struct store *s, int fd, const char *path, struct deja_error *err)
{
	uint32_t id;

	pthread_mutex_lock(&s->lock);
	id = add_locked(s, fd, path, err);
	pthread_mutex_unlock(&s->lock);
	return id;
}

uint32_t store_add_vdso(struct store *s)
{
	const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
	struct deja_error err;
	char line[512];
	unsigned long from, to = 0;
	FILE *maps = vdso ? fopen("/proc/self/maps", "re") : NULL;
	uint32_t id = 0;
	int fd;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && from == (unsigned long)vdso)
			break;
		else
			to = 0;
	if (maps)
		fclose(maps);
	fd = to ? memfd_create("vdso", MFD_CLOEXEC) : -1;
	if (fd >= 0 && write(fd, vdso, to - from) == (ssize_t)(to - from))
		id = store_add(s, fd, "[vdso]", &err);
	if (fd >= 0)
		close(fd);
	return id;
}
