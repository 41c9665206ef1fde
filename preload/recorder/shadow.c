/*
 * The recorder: files that the program both maps and changes. A replay maps a copy of such
 * a file, its shadow, shared between all mappings and processes; the SHADOW event before a
 * call that changes the file has the replay change the shadow alike. System V segments
 * are shadows, too.
 *
 * A file that is mapped through a descriptor which cannot change it has an entry that is not live.
 * When somebody opens it for writing it becomes live; of its earlier mappings the list of stored files
 * says so in the end. Whether it is open for writing when it is mapped is told by a bit for each file
 * that was: two files may have the same, and one that is not changed any more is a shadow for nothing.
 */
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/shm.h>
#include <sys/vfs.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <fcntl.h>
#include <errno.h>
#include "record.h"

enum {
	TMPFS = 0x01021994,	/* statfs' f_type */
	HUGETLBFS = 0x958458f6,
};
/* fallocate's way before fallocate (linux/falloc.h has them for the kernel alone) */
#define IOC_UNRESVSP   0x40305829ul
#define IOC_UNRESVSP64 0x4030582bul
#define IOC_ZERO_RANGE 0x40305839ul

static bool shadow_key(int fd, const char *path, struct shadow_entry *key, uint64_t *size)
{
	struct statx st;

	if (dj_raw(SYS_statx, fd, path ? path : "", path ? 0 : AT_EMPTY_PATH,
		   STATX_BASIC_STATS | STATX_BTIME, &st) < 0 ||
	    !S_ISREG(st.stx_mode))
		return false;
	key->dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	key->ino = st.stx_ino;
	/* inode numbers are used again */
	key->birth_ns = st.stx_mask & STATX_BTIME
				? (uint64_t)st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec
				: 0;
	*size = st.stx_size;
	return true;
}

/* Of several, which processes have added at once, the first. */
static struct shadow_entry *find(const struct shadow_entry *key)
{
	struct session *s = RT->session;
	struct shadow_entry *found = NULL;
	uint32_t n = __atomic_load_n(session_shadow_bucket(s, key->dev, key->ino), __ATOMIC_ACQUIRE);

	while (n) {
		struct shadow_entry *e = session_shadow(s, n - 1);

		if (e->ino == key->ino && e->dev == key->dev && e->birth_ns == key->birth_ns)
			found = e;
		n = e->next;
	}
	return found;
}

/* NULL: the recording does without, and says so. */
static struct shadow_entry *add(struct thread *t, const struct shadow_entry *key, uint32_t file, bool live)
{
	struct session *s = RT->session;
	uint32_t i = __atomic_fetch_add(&s->shadow_count, 1, __ATOMIC_SEQ_CST);
	uint32_t *bucket = session_shadow_bucket(s, key->dev, key->ino);
	struct shadow_entry *e = session_shadow(s, i);
	uintptr_t page = (uintptr_t)e & ~4095ul;

	if (i >= SHADOW_COUNT)
		s->shadow_count = SHADOW_COUNT;
	if (i >= SHADOW_COUNT || !slot_memory((void *)page, (uintptr_t)(e + 1) - page)) {
		if (live && !__atomic_exchange_n(&s->shadows_missed, 1, __ATOMIC_SEQ_CST))
			record_note(t->slot, "there was no room to keep account of one more file that is mapped and "
					     "changed: what is written there is missing in a replay");
		return NULL;
	}
	e->dev = key->dev;
	e->ino = key->ino;
	e->birth_ns = key->birth_ns;
	e->file = file;
	e->domain = e->live = e->mapper = 0;
	e->id = i + 1;
	e->next = __atomic_load_n(bucket, __ATOMIC_ACQUIRE);
	while (!__atomic_compare_exchange_n(bucket, &e->next, i + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	return find(key);
}

static void enliven(struct thread *t, struct shadow_entry *e)
{
	struct session *s = RT->session;

	if (__atomic_exchange_n(&e->live, 1, __ATOMIC_SEQ_CST))
		return;
	__atomic_fetch_add(&s->shadows_live, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; e->mapper && e->mapper != t->slot->stream && i < s->slots_used; i++)
		if (session_slot(s, i)->stream == e->mapper && session_slot(s, i)->state == SLOT_RUNNING) {
			record_note(t->slot, "remark: it opened for writing a file that another process has mapped to "
					     "read: a replay keeps to when that one sees the changes only where they wait "
					     "for each other by calls");
			return;
		}
}

/* The bit of a file that was opened for writing. */
static uint64_t *written_word(const struct shadow_entry *key, uint64_t *bit)
{
	uint64_t n = (key->ino ^ key->dev) * 0x9e3779b97f4a7c15ull >> 40 & (WRITTEN_BIT_COUNT - 1);

	*bit = 1ull << n % 64;
	return &RT->session->written[n / 64];
}

static bool was_written(const struct shadow_entry *key)
{
	uint64_t bit, *word = written_word(key, &bit);

	return __atomic_load_n(word, __ATOMIC_RELAXED) & bit;
}

void record_shadow_opened(struct thread *t, int fd, uint64_t flags)
{
	struct shadow_entry key, *e;
	uint64_t size, bit, *word;

	if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) || !shadow_key(fd, NULL, &key, &size))
		return;
	word = written_word(&key, &bit);
	if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
		__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	e = find(&key);
	if (e)
		enliven(t, e);
}

/* Whoever maps this, too, runs in turns with us from now on. `foreign`: the tree may not be
 * the only one. */
static void share(struct thread *t, struct shadow_entry *e, bool foreign)
{
	uint32_t none = 0;

	if (!e->domain &&
	    __atomic_compare_exchange_n(&e->domain, &none, record_domain_choose() + 1, false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) &&
	    foreign)
		record_shared(t->slot);
	record_domain_join(t, e->domain - 1);
}

/* Memory, that is, rather than a file: nobody maps it but to share it. */
static bool is_memory(int fd)
{
	struct statfs fs;

	return !dj_raw(SYS_fstatfs, fd, &fs) && (fs.f_type == TMPFS || fs.f_type == HUGETLBFS);
}

/* It was there before the recording, or has no name and was received. */
static bool may_be_foreign(int fd, const struct shadow_entry *key)
{
	struct stat st;

	return key->birth_ns < (uint64_t)RT->session->realtime_ns ||
	       (!dj_raw(SYS_fstat, fd, &st) && !st.st_nlink);
}

uint32_t record_shadow_map(struct thread *t, int fd, bool shared, uint32_t *file)
{
	struct shadow_entry key, *e;
	uint64_t size;
	bool changes;
	long mode;

	*file = 0;
	if (!shadow_key(fd, NULL, &key, &size))
		return 0;
	e = find(&key);
	mode = dj_raw(SYS_fcntl, fd, F_GETFL);
	changes = mode >= 0 && (mode & O_ACCMODE) != O_RDONLY;
	shared |= changes; /* a page that was not written to yet shows what others write */
	if (!e || !e->live) {
		*file = record_file(t->slot, fd, NULL);
		if (!*file)
			return 0;
		changes |= (shared && is_memory(fd)) || was_written(&key);
		if (!e)
			e = add(t, &key, *file, changes);
		if (!e)
			return 0;
		changes |= was_written(&key); /* by one who did not find the entry yet */
		if (!changes) { /* through this descriptor nobody does */
			e->file = *file;
			e->mapper = t->slot->stream;
			return 0;
		}
		enliven(t, e);
	}
	*file = e->file;
	if (shared && (changes || e->domain))
		share(t, e, may_be_foreign(fd, &key));
	return e->id;
}

/* Requests by which the kernel gives a file other contents itself. */
static bool changes_file(unsigned long request)
{
	switch (request) {
	case FICLONE:
	case FICLONERANGE:
	case IOC_UNRESVSP:
	case IOC_UNRESVSP64:
	case IOC_ZERO_RANGE:
		return true;
	}
	return false;
}

/* The file that this call is going to change, as a descriptor or a path. */
static bool target_of(long nr, const unsigned long a[6], int *fd, const char **path)
{
	*path = NULL;
	*fd = AT_FDCWD;
	switch (nr) {
	case SYS_write:
	case SYS_writev:
	case SYS_pwrite64:
	case SYS_pwritev:
	case SYS_pwritev2:
	case SYS_ftruncate:
	case SYS_fallocate:
	case SYS_sendfile:
		*fd = (int)a[0];
		return true;
	case SYS_splice:
	case SYS_copy_file_range:
		*fd = (int)a[2];
		return true;
	case SYS_truncate:
	case SYS_creat:
		*path = (const char *)a[0];
		return true;
	case SYS_open:
		*path = (const char *)a[0];
		return a[1] & O_TRUNC;
	case SYS_openat:
		*path = (const char *)a[1];
		*fd = (int)a[0];
		return a[2] & O_TRUNC;
	case SYS_openat2:
		*path = (const char *)a[1];
		*fd = (int)a[0];
		return record_open_flags(nr, a) & O_TRUNC;
	case SYS_ioctl:
		*fd = (int)a[0];
		return changes_file(a[1]);
	}
	return false;
}

uint64_t record_open_flags(long nr, const unsigned long args[6])
{
	uint64_t flags = 0;

	switch (nr) {
	case SYS_creat:
		return O_WRONLY | O_TRUNC;
	case SYS_open:
		return args[1];
	case SYS_openat:
		return args[2];
	case SYS_openat2: /* struct open_how begins with them */
		dj_read_user(&flags, (const void *)args[2], sizeof(flags));
		return flags;
	}
	return flags;
}

uint32_t record_shadow_of(struct thread *t, long nr, const unsigned long args[6])
{
	struct shadow_entry key, *e;
	const char *path;
	uint64_t size;
	int fd;

	/* by a descriptor only what has been opened for writing can be changed, and is live */
	if (!RT->session->shadow_count || !target_of(nr, args, &fd, &path) ||
	    !(path || RT->session->shadows_live) || !shadow_key(fd, path, &key, &size))
		return 0;
	e = find(&key);
	if (e && path) /* no descriptor that could change it was needed */
		enliven(t, e);
	return e && e->live ? e->id : 0;
}

long record_shadow_change(struct thread *t, const struct tf_call *call,
			  const unsigned long args[6], uint32_t shadow)
{
	int64_t t0 = dj_now(), t1, offset = -1;
	struct shadow_entry key;
	uint32_t domain;
	uint64_t size = 0;
	const char *path = NULL;
	int fd = -1;
	long ret;

	switch (call->nr) {
	case SYS_sendfile:
	case SYS_splice:
	case SYS_copy_file_range:
		/* the bytes would not pass through memory: let it fall back */
		return record_answer(t, call, args, -EINVAL);
	case SYS_ioctl:
		return record_answer(t, call, args, -EOPNOTSUPP);
	}
	domain = session_shadow(RT->session, shadow - 1)->domain;
	if (domain) { /* in our turn: others see the change */
		record_domain_join(t, domain - 1);
		ret = dj_raw_wait(call->nr, args);
	} else {
		ret = record_wait(t, call->nr, args);
	}
	t1 = dj_now();
	target_of(call->nr, args, &fd, &path);
	if (!DJ_IS_ERR(ret) && shadow_key(fd, path, &key, &size)) {
		switch (call->nr) {
		case SYS_pwrite64:
		case SYS_pwritev:
		case SYS_pwritev2:
			offset = (int64_t)args[3];
			if (offset != -1 && !(dj_raw(SYS_fcntl, fd, F_GETFL) & O_APPEND))
				break;
			/* fall through */
		case SYS_write:
		case SYS_writev:
			offset = dj_raw(SYS_lseek, fd, 0, SEEK_CUR) - ret;
			break;
		}
		record_thread_switch(t);
		record_emit_ints(t->slot, TF_EV_SHADOW, 3, shadow, offset, (int64_t)size);
	}
	record_emit_call(t, call, args, ret, t0, t1, NULL);
	return ret;
}

long record_shmat(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	struct shadow_entry key = {.dev = SEGMENT_DEV, .ino = args[0]}, *e;
	struct shmid_ds ds = {0};
	int64_t t0 = dj_now();
	bool new = false, fresh;
	long ret;

	/* Nothing but zeros is in a segment that nobody attached yet, and to look for more gives
	 * memory to each of its pages. */
	fresh = !dj_raw(SYS_shmctl, args[0], IPC_STAT, &ds) && !ds.shm_atime;
	ret = dj_raw(SYS_shmat, args[0], args[1], args[2]);
	if (!DJ_IS_ERR(ret) && !dj_raw(SYS_shmctl, args[0], IPC_STAT, &ds)) {
		key.birth_ns = (uint64_t)ds.shm_perm.__seq;
		record_shared_range((uint64_t)ret, ds.shm_segsz);
		e = find(&key);
		if (!e) {
			e = add(t, &key, 0, true);
			new = true;
		}
		if (e)
			share(t, e, ds.shm_ctime <= RT->session->realtime_ns / 1000000000);
		record_thread_switch(t);
		record_emit_ints(t->slot, TF_EV_SHADOW, 3, e ? e->id : 0, -1,
				 (int64_t)ds.shm_segsz);
	}
	record_emit_call(t, call, args, ret, t0, dj_now(), NULL);
	if (new && !fresh && ds.shm_segsz) {
		const uint64_t *words = (const uint64_t *)ret;
		size_t n = (ds.shm_segsz + 7) / 8; /* pages: there is room */

		while (n && !words[n - 1])
			n--;
		if (n)
			record_memory(t->slot, words, n * 8);
	}
	return ret;
}
