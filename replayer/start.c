/*
 * The beginning of a program image on replay: it must have been laid out as recorded;
 * what the kernel chose anew (random bytes, ids) is put back.
 */
#include <sys/syscall.h>
#include <elf.h>
#include "replay.h"
#include "image.h"

static void ignore_signal(int signo)
{
	struct k_sigaction act = {.handler = 1, .flags = 0x04000000,
				  .restorer = (uint64_t)dj_restorer};

	dj_raw(SYS_rt_sigaction, signo, &act, 0, 8);
}

/* The random bytes of the recording: in the auxiliary vector, and where the dynamic
 * linker has already taken its stack and pointer guards from them. */
static void restore_random(const struct image *img, uint64_t at)
{
	uint64_t canary, guard;

	if (img->random_len != 16 || !at)
		return;
	dj_copy((void *)at, img->random, 16);
	canary = *(const uint64_t *)at & ~0xffull;
	guard = ((const uint64_t *)at)[1];
	__asm__ volatile("mov %0, %%fs:0x28" : : "r"(canary));
	__asm__ volatile("mov %0, %%fs:0x30" : : "r"(guard));
}

static void restore_auxv(struct thread *t, const struct image *img)
{
	const uint64_t *recorded = (const uint64_t *)img->auxv;
	uint64_t *live = RT->auxv;

	for (uint32_t i = 0; i + 16 <= img->auxv_len && live[0];
	     i += 16, recorded += 2, live += 2) {
		uint64_t want[2];

		dj_copy(want, recorded, sizeof(want));
		if (want[0] != live[0])
			diverge(t, DIVERGED_MAPS, 0, NULL,
				"the kernel gives another auxiliary vector");
		switch (live[0]) {
		case AT_RANDOM:
			restore_random(img, live[1]);
			break;
		case AT_EXECFN:
			if (dj_strlen((const char *)live[1]) == img->execfn_len)
				dj_copy((void *)live[1], img->execfn, img->execfn_len);
			break;
		case AT_UID:
		case AT_EUID:
		case AT_GID:
		case AT_EGID:
			live[1] = want[1];
			break;
		}
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

static char *put_hex(char *p, uint64_t v)
{
	int shift = 60;

	while (shift && !(v >> shift & 15))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[v >> shift & 15];
	return p;
}

/* Our own object's path, and the data pages' number and place, may differ. */
static bool map_matters(const uint8_t *path, uint32_t len)
{
	return !(len >= 5 && !dj_compare(path, "[vvar", 5));
}

static void check_maps(struct thread *t, const struct image *img)
{
	const char *p = RT->maps, *end = RT->maps + RT->maps_len;
	struct tf_in in = img->maps;

	for (uint32_t i = 0; i < img->map_count; i++) {
		uint64_t from, to, live_from, live_to;
		const uint8_t *path;
		uint32_t len;
		char text[200], *q = text;

		tf_get_array(&in);
		from = (uint64_t)tf_get_int(&in);
		to = (uint64_t)tf_get_int(&in);
		tf_get_int(&in);
		tf_get_int(&in);
		tf_get_int(&in);
		path = tf_get_bytes(&in, &len);
		if (in.bad)
			diverge(t, DIVERGED_UNDECODABLE, 0, NULL, "the start-up maps");
		live_from = live_to = 0;
		if (p < end) {
			live_from = parse_hex(&p);
			p++;
			live_to = parse_hex(&p);
			while (p < end && *p != '\n')
				p++;
			p++;
		}
		if ((from == live_from && to == live_to) || !map_matters(path, len))
			continue;
		q = dj_put_text(q, text + 180, "recorded ");
		q = put_hex(q, from);
		*q++ = '-';
		q = put_hex(q, to);
		*q++ = ' ';
		for (uint32_t k = 0; k < len && k < 80; k++)
			*q++ = (char)path[k];
		q = dj_put_text(q, text + 180, ", here ");
		q = put_hex(q, live_from);
		*q++ = '-';
		q = put_hex(q, live_to);
		*q = 0;
		diverge(t, DIVERGED_MAPS, 0, NULL, text);
	}
}

void boundary_start(struct thread *t)
{
	struct slot *slot = t->slot;
	struct image img;
	struct event ev;

	slot->live_pid = RT->live_pid;
	__atomic_store_n(&slot->state, SLOT_RUNNING, __ATOMIC_SEQ_CST);
	t->roles = slot->fd_role;
	RT->event_no = slot->event_no;
	ignore_signal(17); /* SIGCHLD: the children of a replay reap themselves */
	ignore_signal(13); /* SIGPIPE: who reads the echo is not the program's concern */
	if (!head_open(slot->stream, slot->consumed))
		diverge(t, DIVERGED_STREAM_END, 0, NULL, "this process has no stream");
	ev = head_peek(t);
	if (!image_decode(&ev, &img))
		diverge(t, DIVERGED_OTHER, 0, NULL,
			"a program image begins here, the recording has none");
	RT->pid = img.pid;
	t->tid = img.tid;
	if (img.sp != RT->start_sp)
		diverge_arg(t, -1, NULL, 0, img.sp, RT->start_sp);
	check_maps(t, &img);
	restore_auxv(t, &img);
	head_take(t, &ev);
}
