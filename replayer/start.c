/*
 * The beginning of a program image on replay: it must have been laid out as recorded;
 * what the kernel chose anew (random bytes, ids) is put back.
 */
#include <sys/syscall.h>
#include <elf.h>
#include "replay.h"
#include "image.h"

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

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

#define VSYSCALL 0xffffffffff600000ul
enum { OUR_SPAN = 0x200000 }; /* both runtime objects' (entry.S, .span) */

/* One mapping of either list. */
struct map {
	uint64_t from, to;
	unsigned prot; /* as in the IMAGE event */
	const char *path;
	uint32_t path_len;
};

/* Our own object differs inside its span (what a kernel has joined to it is cut off); the
 * vDSO's data pages do in number and place. */
static bool map_matters(struct map *m)
{
	uint64_t base = (uint64_t)&__ehdr_start, end = base + OUR_SPAN;

	if (m->from < base && m->to > base)
		m->to = base;
	else if (m->from >= base && m->from < end)
		m->from = m->to > end ? end : m->to;
	return m->from < m->to && m->from < VSYSCALL &&
	       !(m->from >= DJ_PRIVATE && m->from < DJ_STREAM) &&
	       !(m->path_len >= 5 && !dj_compare(m->path, "[vvar", 5));
}

static bool next_live(const struct mapping **at, struct map *m)
{
	while ((*at = mappings_next(&RT->maps, *at))) {
		m->from = (*at)->from;
		m->to = (*at)->to;
		m->prot = (*at)->flags & 7;
		m->path = mapping_path(&RT->maps, *at);
		m->path_len = (*at)->path_len;
		if (map_matters(m))
			return true;
	}
	return false;
}

static bool next_recorded(struct tf_in *in, uint32_t *left, struct map *m)
{
	while (*left && !in->bad) {
		(*left)--;
		tf_get_array(in);
		m->from = (uint64_t)tf_get_int(in);
		m->to = (uint64_t)tf_get_int(in);
		m->prot = (unsigned)tf_get_int(in) & 7;
		tf_get_int(in);
		tf_get_int(in);
		m->path = (const char *)tf_get_bytes(in, &m->path_len);
		if (map_matters(m))
			return true;
	}
	return false;
}

static char *put_map(char *q, char *end, const struct map *m)
{
	q = dj_put_hex(q, m->from);
	*q++ = '-';
	q = dj_put_hex(q, m->to);
	*q++ = ' ';
	for (uint32_t k = 0; k < m->path_len && k < 80 && q < end; k++)
		*q++ = m->path[k];
	return q;
}

/* One after the other, those that touch and are alike as one: which of them a kernel keeps
 * apart is its own matter. */
struct map_list {
	struct tf_in in;     /* recorded */
	uint32_t left;
	bool live;	     /* as the process has it */
	const struct mapping *at;
	struct map next;
	bool has_next;
};

static bool take(struct map_list *l)
{
	l->has_next = l->live ? next_live(&l->at, &l->next)
			      : next_recorded(&l->in, &l->left, &l->next);
	return l->has_next;
}

static bool next_joined(struct map_list *l, struct map *m)
{
	if (!l->has_next)
		return false;
	*m = l->next;
	while (take(l) && l->next.from == m->to && l->next.prot == m->prot)
		m->to = l->next.to;
	return true;
}

static void check_maps(struct thread *t, const struct image *img)
{
	struct map_list was = {.in = img->maps, .left = img->map_count};
	struct map_list is = {.live = true};
	struct map recorded, live;

	take(&was);
	take(&is);
	for (;;) {
		bool more = next_joined(&was, &recorded);
		char text[256], *q = text;

		if (was.in.bad)
			diverge(t, DIVERGED_UNDECODABLE, 0, NULL, "the start-up maps");
		if (more != next_joined(&is, &live))
			diverge(t, DIVERGED_MAPS, -1, NULL, "more or fewer mappings");
		if (!more)
			return;
		if (recorded.from == live.from && recorded.to == live.to &&
		    recorded.prot == live.prot)
			continue;
		q = dj_put_text(q, text + 200, "recorded ");
		q = put_map(q, text + 200, &recorded);
		q = dj_put_text(q, text + 200, ", here ");
		q = put_map(q, text + 240, &live);
		*q = 0;
		diverge(t, DIVERGED_MAPS, -1, NULL, text);
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
		diverge(t, DIVERGED_END, 0, NULL, "this process has no stream");
	ev = head_peek(t);
	if (!image_decode(&ev, &img))
		diverge(t, DIVERGED_OTHER, 0, NULL,
			"a program image begins here, the recording has none");
	RT->trap_tsc = img.trap_tsc;
	RT->pid = img.pid;
	RT->brk = img.brk;
	t->tid = img.tid;
	RT->replay_tid = img.tid;
	/* libc keeps the id that the kernel gave it before we ran */
	if (t->clear_tid && *t->clear_tid == RT->live_pid)
		*t->clear_tid = img.tid;
	if (img.sp != RT->start_sp)
		diverge_arg(t, -1, NULL, 0, img.sp, RT->start_sp);
	check_maps(t, &img);
	restore_auxv(t, &img);
	oracles_plant(t, img.oracles, img.oracle_count, 0, ~0ull, false);
	head_take(t, &ev);
	debug_begin(t);
}
