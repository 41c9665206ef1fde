/*
 * The recorder's way out: the slot's ring, notes, and requests to the supervisor.
 * The ring's head is published at commits only, except that an event larger than the
 * free room is published piece by piece while the writer waits: the reader drops an
 * event that was never completed.
 */
#include <sys/syscall.h>
#include <sys/stat.h>
#include <linux/futex.h>
#include <errno.h>
#include "record.h"

enum {
	GROW_LEN = 32 * 1024,		/* of a new ring's memory at a time */
	WAIT_STEP_NS = 20 * 1000 * 1000, /* then look whether it still lives */
};
static const int64_t BEAT_MAX_NS = 10000000000; /* may be stopped for a while */

static bool beats(const struct session *s)
{
	int64_t now = dj_now();

	if (!RT->beat_since_ns || RT->beat != s->beat) {
		RT->beat = s->beat;
		RT->beat_since_ns = now;
	}
	return now - RT->beat_since_ns < BEAT_MAX_NS;
}

bool record_supervisor_gone(void)
{
	struct session *s = RT->session;

	if (s->closed)
		return true;
	if (dj_raw(SYS_kill, s->supervisor_pid, 0) != -ESRCH)
		return false;
	if (s->pid_namespaces && beats(s)) /* its pid means nothing here */
		return false;
	s->closed = 1;
	return true;
}

static bool go_on_alone(struct slot *slot)
{
	RT->passthrough = 1;
	__atomic_store_n(&slot->passthrough, 1, __ATOMIC_SEQ_CST);
	sched_open();
	return false;
}

static void doorbell(void)
{
	struct session *s = RT->session;

	__atomic_fetch_add(&s->doorbell, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&s->supervisor_sleeps, __ATOMIC_SEQ_CST))
		dj_raw(SYS_futex, &s->doorbell, FUTEX_WAKE, 1);
}

/* Waits until the ring has room. False: recording has ended, or the supervisor is gone. */
static bool wait_for_room(struct slot *slot)
{
	struct k_timespec step = {0, WAIT_STEP_NS};
	int64_t start = dj_now();

	slot->piece = slot->pos;
	if (!RT->session->closed)
		__atomic_store_n(&slot->head, slot->pos, __ATOMIC_RELEASE);
	slot->writer_waits = 1;
	for (;;) {
		uint32_t seq = __atomic_load_n(&slot->tail_seq, __ATOMIC_SEQ_CST);

		if (RT->session->closed)
			return go_on_alone(slot);
		if (slot->pos - __atomic_load_n(&slot->tail, __ATOMIC_ACQUIRE) < RING_LEN)
			break;
		doorbell();
		dj_raw(SYS_futex, &slot->tail_seq, FUTEX_WAIT, seq, &step);
		if (slot->pos - __atomic_load_n(&slot->tail, __ATOMIC_ACQUIRE) < RING_LEN)
			break;
		if (record_supervisor_gone())
			return go_on_alone(slot);
	}
	slot->writer_waits = 0;
	__atomic_fetch_add(&RT->session->waited_ns, (uint64_t)(dj_now() - start),
			   __ATOMIC_RELAXED);
	return true;
}

/* Makes sure of the ring's memory up to `end`. */
static bool ring_grow(struct slot *slot, size_t end)
{
	size_t ready = (end + GROW_LEN - 1) & ~(size_t)(GROW_LEN - 1);

	if (slot_memory(slot_ring(slot) + slot->ready, ready - slot->ready)) {
		slot->ready = (uint32_t)ready;
		return true;
	}
	slot->no_memory = 1;
	return go_on_alone(slot);
}

void ring_put(struct slot *slot, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	uint8_t *ring = slot_ring(slot);

	while (len) {
		uint64_t used = slot->pos - __atomic_load_n(&slot->tail, __ATOMIC_ACQUIRE);
		uint64_t free_len = used < RING_LEN ? RING_LEN - used : 0;
		size_t at = slot->pos & (RING_LEN - 1), n = len;

		if (RT->passthrough)
			return;
		if (!free_len) {
			if (!wait_for_room(slot))
				return;
			continue;
		}
		if (n > free_len)
			n = free_len;
		if (n > RING_LEN - at)
			n = RING_LEN - at;
		if (at + n > slot->ready && !ring_grow(slot, at + n))
			return;
		dj_copy(ring + at, from, n);
		slot->pos += n;
		from += n;
		len -= n;
	}
}

void boundary_holder_killed(const struct thread *holder)
{
	struct slot *slot = RT->slot;
	bool half = slot->piece && slot->piece == slot->head;

	slot->pos = slot->head;
	slot->last_tid = 0; /* its telling may be lost */
	RT->clocks_unsure = 1;
	/* an event that has no end, so that no next can begin; or it was killed while it computed, and nothing
	 * would tell a replay where its turn ended (one that has not taken the turn did not compute) */
	if (half || !(holder->crossing || holder->faulted || __atomic_load_n(&holder->turn, __ATOMIC_ACQUIRE))) {
		if (!half && holder->process)
			record_note(slot, "a process in this one's memory was killed while it computed: the recording "
					  "ends here, and the program goes on");
		slot->passthrough = 1;
		RT->passthrough = 1;
	}
}

struct thread *boundary_heir(struct thread *t)
{
	return t;
}

void ring_kick(struct slot *slot)
{
	slot->kicked = __atomic_load_n(&slot->head, __ATOMIC_RELAXED);
	doorbell();
}

void record_note(struct slot *slot, const char *text)
{
	uint8_t buf[320], *p = buf;
	size_t len = dj_strlen(text);

	if (len > 200)
		len = 200;
	p = tf_put_array(p, 2);
	p = tf_put_uint(p, TF_EV_NOTE);
	p = tf_put_str(p, (uint32_t)len);
	dj_copy(p, text, len);
	ring_put(slot, buf, (size_t)(p - buf) + len);
	ring_commit(slot);
}

static uint32_t file_cached(const struct file_identity *id)
{
	struct session *s = RT->session;
	uint64_t h = file_cache_index(id);

	for (unsigned n = 0; n < FILE_CACHE_COUNT; n++, h = (h + 1) & (FILE_CACHE_COUNT - 1)) {
		const struct file_cache_entry *e = &s->files[h];
		uint32_t file_id = __atomic_load_n(&e->file_id, __ATOMIC_ACQUIRE);

		if (!file_id)
			return 0;
		if (!dj_compare(&e->identity, id, sizeof(*id)))
			return file_id;
	}
	return 0;
}

/* False: the supervisor is gone. */
static bool request(struct slot *slot, enum slot_request kind)
{
	struct k_timespec step = {0, WAIT_STEP_NS};

	__atomic_store_n(&slot->request, kind, __ATOMIC_SEQ_CST);
	doorbell();
	while (__atomic_load_n(&slot->request, __ATOMIC_SEQ_CST)) {
		dj_raw(SYS_futex, &slot->request, FUTEX_WAIT, kind, &step);
		if (slot->request && record_supervisor_gone())
			return false;
	}
	return true;
}

uint32_t record_file(struct slot *slot, int fd, const char *path)
{
	struct stat st;
	long r = fd >= 0 ? dj_raw(SYS_fstat, fd, &st) : dj_raw(SYS_stat, path, &st);

	return r < 0 ? 0 : record_file_known(slot, fd, path, &st);
}

uint32_t record_file_known(struct slot *slot, int fd, const char *path, const struct stat *st)
{
	struct file_identity id = {
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = (uint64_t)st->st_mtim.tv_sec * 1000000000 +
			    (uint64_t)st->st_mtim.tv_nsec,
		.ctime_ns = (uint64_t)st->st_ctim.tv_sec * 1000000000 +
			    (uint64_t)st->st_ctim.tv_nsec,
	};
	uint32_t file_id = file_cached(&id);

	if (file_id)
		return file_id;
	slot->request_identity = id;
	slot->request_fd = fd;
	slot->request_pid = dj_own_pid();
	if (fd < 0) {
		size_t len = dj_strlen(path);

		if (len >= sizeof(slot->request_path))
			return 0;
		dj_copy(slot->request_path, path, len + 1);
	}
	return request(slot, REQUEST_FILE) ? slot->file_id : 0;
}

void record_let_in(struct slot *slot, int uid)
{
	slot->request_fd = uid;
	request(slot, REQUEST_ACCESS);
}

void record_drain_externals(struct slot *slot)
{
	request(slot, REQUEST_DRAIN);
}

void record_shared(struct slot *slot)
{
	request(slot, REQUEST_SHARED);
}
