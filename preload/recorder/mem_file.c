/*
 * The recorder: what a program writes to memory by way of a call: its own through /proc/self/mem and
 * process_vm_writev, another process's by either. A replay writes to the program's own as the recording
 * did. Source and target may overlap: what is recorded as sent is a copy that was taken before. Called
 * with the token, which is kept.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "record.h"
#include "preload/beside.h"
#include "preload/own_memory.h"

enum { VECTOR_MAX = 1024 /* UIO_MAXIOV */, SENT_MAX_LEN = 0x7ffff000 /* MAX_RW_COUNT */ };

/* The call's arguments with what it sends in memory of ours. */
struct sent {
	unsigned long args[6];
	uint8_t *bytes;
	size_t len;	/* of bytes */
	size_t map_len; /* 0: there is none, and args are the program's own */
};

static size_t vector_len(const struct k_iovec *iov, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		if (iov[i].len > SENT_MAX_LEN - len)
			return 0;
		len += iov[i].len;
	}
	return len;
}

static void release(struct sent *s)
{
	if (s->map_len)
		dj_raw(SYS_munmap, s->bytes, s->map_len);
	s->map_len = 0;
}

/* The map's beginning has the bytes, its end the vector. False: some of it cannot be read, or there is no room
 * for a copy. */
static bool take_copy(struct sent *s, const unsigned long args[6], bool vector)
{
	size_t count = vector ? args[2] : 1, at = 0;
	struct k_iovec one = {(void *)args[1], args[2]}, *iov;
	uintptr_t known = 1;
	long map;

	dj_copy(s->args, args, sizeof(s->args));
	s->map_len = 0;
	if (vector && (count > VECTOR_MAX || !dj_readable((void *)args[1], count * sizeof(*iov), &known)))
		return false;
	s->len = vector_len(vector ? (void *)args[1] : &one, count);
	if (!s->len)
		return false;
	s->map_len = s->len + 16 + count * sizeof(*iov);
	map = dj_raw(SYS_mmap, 0, s->map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (DJ_IS_ERR(map)) {
		s->map_len = 0;
		return false;
	}
	s->bytes = (uint8_t *)map;
	iov = (struct k_iovec *)(s->bytes + ((s->len + 15) & ~15ul));
	dj_copy(iov, vector ? (void *)args[1] : &one, count * sizeof(*iov));
	for (size_t i = 0; i < count; i++) {
		if (iov[i].len && !dj_read_user(s->bytes + at, iov[i].base, iov[i].len)) {
			release(s);
			return false;
		}
		iov[i].base = s->bytes + at;
		at += iov[i].len;
	}
	s->args[1] = vector ? (unsigned long)iov : (unsigned long)map;
	return true;
}

static void note_memory(struct thread *t, const char *text)
{
	if (RT->memory_told)
		return;
	RT->memory_told = 1;
	record_note(t->slot, text);
}

long record_memory_write(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	struct file_write w;
	int64_t t0 = dj_now();
	struct sent sent;
	uint64_t at;
	long ret;

	if (!file_write_of(call->nr, args, &w))
		return record_generic(t, call, args);
	if (view_process((int)args[0]) != dj_own_pid()) {
		ret = record_generic(t, call, args);
		if (ret > 0)
			note_memory(t, "it wrote to another process's memory (/proc/PID/mem): a replay does not");
		return ret;
	}
	at = w.placed ? args[3] : (uint64_t)dj_raw(SYS_lseek, args[0], 0, SEEK_CUR);
	if (!take_copy(&sent, args, w.vector)) {
		ret = record_generic(t, call, args);
		if (ret > 0)
			note_memory(t, "it wrote to its own memory (/proc/self/mem) what could not be recorded: a replay "
				       "does not");
		return ret;
	}
	ret = own_memory_holds(at, at + sent.len) ? -EIO : dj_raw_wait(call->nr, sent.args);
	record_emit_call(t, call, sent.args, ret, t0, dj_now(), NULL);
	if (ret > 0)
		record_memory_at(t->slot, at, sent.bytes, (size_t)ret);
	release(&sent);
	return ret;
}

long record_vm_write(struct thread *t, const struct tf_call *call, const unsigned long args[6])
{
	int64_t t0 = dj_now();
	struct sent sent;
	long ret;

	if (!thread_is_ours((int32_t)args[0]) || !take_copy(&sent, args, true)) {
		ret = record_generic(t, call, args);
		if (ret > 0 && !thread_is_ours((int32_t)args[0]))
			record_note(t->slot, "it wrote to another process's memory: a replay does not");
		return ret;
	}
	ret = dj_raw_wait(call->nr, args); /* page by page, as in a replay */
	record_emit_call(t, call, sent.args, ret, t0, dj_now(), NULL);
	release(&sent);
	return ret;
}
