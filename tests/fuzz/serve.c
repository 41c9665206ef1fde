/*
 * The replayer's serving against a hostile stream: the runtime's own code (head, matching,
 * output, divergence), in an ordinary program, with system calls that do nothing. For every
 * call event of the stream a live call is made up whose scalars are the recorded ones, so that
 * they match, and whose memory has exactly the size that the live call states: a served byte
 * outside of it is seen by the sanitizer. The input: 64 bytes of choices for the live
 * side, then the stream.
 */
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/sockios.h>
#include "fuzz.h"
#include "replayer/image.h"
#include "preload/own_memory.h"
#include "preload/patch.h"
#include "replayer/replay.h"

enum { CHOICE_COUNT = 64, EVENT_MAX = 64, LIVE_MAX = 1 << 16, PIECE_MAX = 4096 };

static jmp_buf stopped;
static const uint8_t *choices;
static unsigned choice_at;
static void *pieces[PIECE_MAX];
static unsigned piece_count;
static struct session *session;
static struct thread thread;
static size_t exec_room_len;
static bool sends; /* a write: no other bytes than these may be written behind it */
static const struct k_iovec *sent;
static size_t sent_count;

/* --- what the runtime expects of its surroundings --- */

long dj_raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	volatile uint8_t sum = 0;

	switch (nr) {
	case SYS_futex:
		if ((b & 0x7f) == FUTEX_WAIT) /* diverged, or waits for another process */
			longjmp(stopped, 1);
		return 0;
	case SYS_exit_group:
		longjmp(stopped, 1);
	case SYS_write:
		for (long i = 0; i < c; i++)
			sum = (uint8_t)(sum + ((const uint8_t *)b)[i]);
		(void)sum;
		return c;
	case SYS_open:
	case SYS_execve:
		return -2;
	case SYS_mmap: /* the room for an image's strings, no more than asked for */
		exec_room_len = (size_t)b;
		return (long)mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, f);
	}
	return 0;
}

void *dj_copy(void *to, const void *from, size_t len)
{
	return len ? memcpy(to, from, len) : to;
}

void dj_zero(void *to, size_t len)
{
	memset(to, 0, len);
}

int dj_compare(const void *a, const void *b, size_t len)
{
	return len ? memcmp(a, b, len) : 0;
}

size_t dj_strlen(const char *s)
{
	return strlen(s);
}

bool dj_read_user(void *to, const void *from, size_t len)
{
	if ((uintptr_t)from < 4096)
		return false;
	dj_copy(to, from, len);
	return true;
}

bool dj_write_user(void *to, const void *from, size_t len)
{
	const uint8_t *bytes = from;

	if (!sends)
		dj_copy(to, from, len);
	/* the input's offset is nowhere in the memory that there is here */
	for (size_t i = 0; sends && len; i++) {
		size_t n = i < sent_count && sent[i].len < len ? sent[i].len : len;

		if (i >= sent_count || (n && (!sent[i].base || memcmp(bytes, sent[i].base, n))))
			abort();
		bytes += n;
		len -= n;
	}
	return !sends; /* it may be memory that the program may only read */
}

bool own_memory_holds(uint64_t from, uint64_t to)
{
	(void)from;
	(void)to;
	return false;
}

bool code_write(uint64_t at, const uint8_t *code, size_t len, bool writable)
{
	if (!sends)
		abort();
	return true;
}

char *dj_put_text(char *p, const char *end, const char *s)
{
	while (*s && p < end)
		*p++ = *s++;
	return p;
}

char *dj_put_dec(char *p, int64_t v)
{
	return p + sprintf(p, "%lld", (long long)v);
}

char *slot_env_put(char *text, const struct slot *slot)
{
	return text + sprintf(text, "%s%s:0000", SESSION_ENV_RT, RT->dir) + 1;
}

void preempt_look(struct thread *t)
{
}

void domains_leave(struct thread *t)
{
}

void threads_kill_apart(void)
{
}

/* Nobody else is here to whom a turn could go. */
void sched_give(struct thread *to)
{
	abort();
}

void sched_await(struct thread *t)
{
	abort();
}

void debug_diverged(struct thread *t)
{
}

/* --- the live call --- */

static unsigned choose(unsigned below)
{
	return choices[choice_at++ % CHOICE_COUNT] % below;
}

static void *piece(size_t len)
{
	void *p = calloc(1, len ? len : 1);

	if (!p || piece_count == PIECE_MAX)
		abort();
	if (!len) { /* not even the byte that it has */
		free(p);
		p = malloc(0);
	}
	return pieces[piece_count++] = p;
}

/* The next outbound item's bytes, so that the comparison may succeed; `in` moves on. */
static void fill(struct tf_in *in, void *to, size_t len)
{
	struct tf_in item = *in;
	const uint8_t *bytes;
	uint32_t n;

	tf_skip(in);
	bytes = tf_get_bytes(&item, &n);
	if (!item.bad)
		memcpy(to, bytes, n < len ? n : len);
}

static void make_iovec(struct k_iovec *iov, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		iov[i].len = choose(64);
		iov[i].base = piece(iov[i].len);
	}
}

static void make_msg(struct k_msghdr *msg)
{
	msg->namelen = (int32_t)choose(64) - 2;
	msg->name = choose(4) && msg->namelen > 0 ? piece((size_t)msg->namelen) : NULL;
	msg->iovlen = choose(4);
	msg->iov = piece(msg->iovlen * sizeof(*msg->iov));
	make_iovec(msg->iov, msg->iovlen);
	msg->controllen = choose(80);
	msg->control = choose(4) ? piece(msg->controllen) : NULL;
}

/* The length of a MEM argument's memory as the live call states it; LIVE_MAX: more than can
 * be had here, the call is not made. */
static size_t live_len(const struct tf_arg *a, const unsigned long args[6])
{
	unsigned long ref = a->ref ? args[a->ref - 1] : 0, len = LIVE_MAX;

	switch (a->rule) {
	case TF_FIXED:
		return a->unit;
	case TF_ARG:
	case TF_RESULT:
		return __builtin_mul_overflow(ref, a->unit, &len) ? LIVE_MAX : len;
	case TF_IOVEC:
		return ref <= 16 ? ref * sizeof(struct k_iovec) : LIVE_MAX;
	case TF_MMSG:
		return ref <= 8 ? ref * 64 : LIVE_MAX;
	case TF_MSG:
		return sizeof(struct k_msghdr);
	case TF_FDSET:
		return (int)ref <= 0 ? 0 : ref < LIVE_MAX ? (ref + 63) / 64 * 8 : LIVE_MAX;
	case TF_POLLFD:
		return ref < LIVE_MAX / 8 ? ref * 8 : LIVE_MAX;
	case TF_PAGES:
		return ref < LIVE_MAX ? (ref + 4095) / 4096 * a->unit : LIVE_MAX;
	case TF_MSGBUF:
		return ref < LIVE_MAX - 8 ? sizeof(long) + ref : LIVE_MAX;
	case TF_SELFLEN:
		if (a->dir == TF_RX)
			return ref < LIVE_MAX ? ref : LIVE_MAX;
		return a->unit + 4u + choose(64);
	}
	return 0;
}

static bool make_arg(const struct tf_arg *a, unsigned index, unsigned long args[6],
		     struct tf_in *items)
{
	size_t len = live_len(a, args);
	char **strings;
	uint8_t *mem;

	if (len >= LIVE_MAX)
		return false;
	args[index] = 0;
	if (!choose(16)) {
		tf_skip(items);
		if (a->dir == TF_RTX)
			tf_skip(items);
		return true;
	}
	switch (a->rule) {
	case TF_CSTR:
		len = choose(64);
		mem = piece(len + 1);
		fill(items, mem, len);
		break;
	case TF_STRV:
		len = choose(4);
		strings = piece((len + 1) * sizeof(*strings));
		for (size_t i = 0; i < len; i++)
			memset(strings[i] = piece(8), 'a', choose(8));
		mem = (uint8_t *)strings;
		tf_skip(items);
		break;
	case TF_LENPTR: /* its length word was made before */
		mem = piece(args[a->ref - 1] ? *(uint32_t *)args[a->ref - 1] : 0);
		break;
	default:
		mem = piece(len);
		if (a->rule == TF_IOVEC)
			make_iovec((struct k_iovec *)mem, args[a->ref - 1]);
		else if (a->rule == TF_MSG)
			make_msg((struct k_msghdr *)mem);
		else if (a->rule == TF_MMSG)
			for (size_t i = 0; i < len; i += 64)
				make_msg((struct k_msghdr *)(mem + i));
		else if (a->dir & TF_TX)
			fill(items, mem, len);
		if (a->rule == TF_SELFLEN && a->dir != TF_RX)
			*(uint32_t *)mem = (uint32_t)(len - a->unit);
		else if (a->rule == TF_FIXED && len == 4 && a->dir == TF_RTX)
			*(uint32_t *)mem = choose(200); /* may be a length word */
		break;
	}
	args[index] = (unsigned long)mem;
	return true;
}

/* The call of this event as a program might make it. False: it would need too much memory. */
static bool make_call(const struct tf_call *call, struct tf_in in, unsigned long args[6])
{
	struct tf_arg arg[6];
	int known;

	tf_get_int(&in);
	tf_get_int(&in);
	tf_get_int(&in);
	for (unsigned i = 0; i < 6; i++)
		args[i] = 0;
	for (unsigned i = 0; i < call->nargs; i++) {
		arg[i] = tf_arg_resolve(call, i, args, &known);
		if (arg[i].kind != TF_MEM)
			args[i] = (unsigned long)tf_get_int(&in);
	}
	/* length words first */
	for (int pass = 0; pass < 2; pass++) {
		struct tf_in items = in;

		for (unsigned i = 0; i < call->nargs; i++) {
			bool late = arg[i].kind == TF_MEM && arg[i].rule == TF_LENPTR;

			if (arg[i].kind != TF_MEM)
				continue;
			if (late == (pass == 1)) {
				if (!make_arg(&arg[i], i, args, &items))
					return false;
				continue;
			}
			tf_skip(&items);
			if (arg[i].dir == TF_RTX)
				tf_skip(&items);
		}
	}
	return true;
}

static void serve(struct thread *t)
{
	for (int i = 0; i < EVENT_MAX; i++) {
		struct event ev = head_peek(t);
		const struct tf_call *call = ev.id ? tf_call_by_id(ev.id) : NULL;
		struct memory_room room;
		struct k_iovec one;
		unsigned long args[6];
		struct image img;
		bool vector;
		long result;

		if (!ev.id || ev.id == TF_EV_END)
			stream_end(t, -1, NULL);
		if (!call) {
			if (ev.id == TF_EV_IMAGE && image_decode(&ev, &img)) {
				image_exec(t, &img, t->slot);
				munmap((void *)(DJ_PRIVATE + 0x800000000ul), exec_room_len);
			}
			head_take(t, &ev);
			continue;
		}
		if (!make_call(call, ev.in, args))
			return;
		if (call->nr == SYS_ioctl && args[1] == SIOCGIFCONF && args[2])
			*(void **)(args[2] + 8) = piece(*(int32_t *)args[2] > 0 ? (size_t)*(int32_t *)args[2] : 0);
		room = head_memory_room(call->nr, args);
		if (call->nr == SYS_semctl && room.addr) /* its size is what is known of the set */
			args[3] = (unsigned long)piece(room.len), room.addr = args[3];
		if (call->nr == SYS_ioctl && room.len && args[1] != SIOCGIFCONF) { /* an array behind the structure */
			if (room.len > LIVE_MAX)
				return;
			if (ioctl_is_untold(args))
				args[2] = (unsigned long)piece(room.len);
			else
				args[2] = (unsigned long)dj_copy(piece(room.len), (void *)room.addr,
								 args[1] == FIDEDUPERANGE ? 24 : 32);
			room.addr = args[2];
		}
		result = match_call(t, &ev, call, args);
		head_take(t, &ev);
		if (RT->pending_role)
			output_echo(t, call, args, result);
		if (result >= 0)
			semaphores_see(call->nr, args, result);
		one = (struct k_iovec){(void *)args[1], args[2]};
		vector = call->nr == SYS_writev || call->nr == SYS_pwritev || call->nr == SYS_pwritev2;
		sends = vector || call->nr == SYS_write || call->nr == SYS_pwrite64;
		sent = vector ? (const void *)args[1] : &one;
		sent_count = vector ? args[2] : 1;
		head_take_memory(t, call->nr, args, result, room);
		sends = false;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (mmap((void *)DJ_PRIVATE, RUNTIME_LEN, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1,
		 0) != (void *)DJ_PRIVATE)
		abort();
	session = calloc(1, SESSION_HEAD_LEN + SLOT_STRIDE);
	return session ? 0 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct stream_head head;
	uint8_t *stream;

	if (len < CHOICE_COUNT)
		return 0;
	choices = data;
	choice_at = 0;
	len -= CHOICE_COUNT;
	stream = fuzz_exact(data + CHOICE_COUNT, len);
	memset(&thread, 0, sizeof(thread));
	thread.slot = session_slot(session, 0);
	memset(thread.slot, 0, sizeof(*thread.slot));
	memset(session, 0, sizeof(*session));
	RT->session = session;
	RT->slot = thread.slot;
	memset(RT->dir, 'd', SESSION_DIR_LEN);
	head.total = head.ready = len;
	RT->stream = &head;
	RT->stream_total = len;
	RT->stream_pos = RT->frame_start = 0;
	RT->frame = stream;
	RT->frame_len = len;
	RT->event_no = 0;
	RT->peeked_pos = ~0ull;
	RT->pending_role = 0;
	RT->pending_seq = RT->pending_size = 0;
	RT->pending_file = RT->pending_shadow = RT->pending_stream = 0;
	sends = false;
	if (!setjmp(stopped))
		serve(&thread);
	for (unsigned i = 0; i < piece_count; i++)
		free(pieces[i]);
	piece_count = 0;
	free(stream);
	return 0;
}
