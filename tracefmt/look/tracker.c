/*
 * Follows processes, threads and their descriptors through the merged events of a recording
 * (deja_look.h). What calls do is in descriptors.c and transfer.c; here is whose table it is.
 *
 * A vfork child runs in its parent's stream under a thread id that no clone gave: it has a
 * table of its own until the vfork call completes. A forked child gets a copy of its parent's
 * table as it is at the SPAWN event, just before the call: its own first event may be merged
 * before the parent's call completes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "tracefmt/error.h"
#include "tracefmt/look/look.h"
#include "tracefmt/recording.h"
#include "tracefmt/wire.h"

enum { TABLES_MAX = 1 << 16 }; /* that wait for their owners */

/* --- processes --- */

static size_t process_bound(const deja_tracker *t, uint32_t stream)
{
	size_t lo = 0, hi = t->process_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->processes[mid]->stream < stream)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct look_process *process_find(deja_tracker *t, uint32_t stream)
{
	size_t i;

	if (t->latest && t->latest->stream == stream)
		return t->latest;
	i = process_bound(t, stream);
	return i < t->process_count && t->processes[i]->stream == stream ? t->processes[i] : NULL;
}

static struct look_process *process_add(deja_tracker *t, uint32_t stream)
{
	size_t i = process_bound(t, stream);
	struct look_process *p = calloc(1, sizeof(*p));

	if (p && t->process_count == t->process_cap) {
		size_t cap = t->process_cap ? 2 * t->process_cap : 16;
		struct look_process **grown = realloc(t->processes, cap * sizeof(*grown));

		if (!grown) {
			free(p);
			p = NULL;
		} else {
			t->processes = grown;
			t->process_cap = cap;
		}
	}
	if (!p) {
		t->no_memory = true;
		return NULL;
	}
	p->stream = stream;
	memmove(&t->processes[i + 1], &t->processes[i],
		(t->process_count - i) * sizeof(struct look_process *));
	t->processes[i] = p;
	t->process_count++;
	return p;
}

static void process_end(deja_tracker *t, struct look_process *p, const struct deja_event *ev)
{
	size_t i = process_bound(t, p->stream);

	if (i < t->process_count && t->processes[i] == p) {
		t->process_count--;
		memmove(&t->processes[i], &t->processes[i + 1],
			(t->process_count - i) * sizeof(struct look_process *));
	}
	if (t->latest == p)
		t->latest = NULL;
	look_table_drop(&t->ios, &p->table, ev);
	free(p->tids);
	free(p);
}

/* --- threads of a process --- */

static size_t tid_bound(const struct look_process *p, int64_t tid)
{
	size_t lo = 0, hi = p->tid_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->tids[mid] < tid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool tid_known(const struct look_process *p, int64_t tid)
{
	size_t i = tid_bound(p, tid);

	return i < p->tid_count && p->tids[i] == tid;
}

static void tid_add(deja_tracker *t, struct look_process *p, int64_t tid)
{
	size_t i = tid_bound(p, tid);

	if (tid <= 0 || tid > INT32_MAX || (i < p->tid_count && p->tids[i] == tid))
		return;
	if (p->tid_count == p->tid_cap) {
		size_t cap = p->tid_cap ? 2 * p->tid_cap : 8;
		int32_t *tids = realloc(p->tids, cap * sizeof(*tids));

		if (!tids) {
			t->no_memory = true;
			return;
		}
		p->tids = tids;
		p->tid_cap = cap;
	}
	memmove(&p->tids[i + 1], &p->tids[i], (p->tid_count - i) * sizeof(*p->tids));
	p->tids[i] = (int32_t)tid;
	p->tid_count++;
}

static void tid_remove(struct look_process *p, int64_t tid)
{
	size_t i = tid_bound(p, tid);

	if (i >= p->tid_count || p->tids[i] != tid)
		return;
	p->tid_count--;
	memmove(&p->tids[i], &p->tids[i + 1], (p->tid_count - i) * sizeof(*p->tids));
}

/* --- tables that wait --- */

static struct look_waiting *waiting_find(deja_tracker *t, uint32_t stream, int64_t tid)
{
	for (size_t i = 0; i < t->waiting_count; i++)
		if (t->waiting[i].stream == stream && t->waiting[i].tid == tid)
			return &t->waiting[i];
	return NULL;
}

static void waiting_remove(deja_tracker *t, struct look_waiting *w, const struct deja_event *ev)
{
	struct look_table table = w->table;

	*w = t->waiting[--t->waiting_count];
	look_table_drop(&t->ios, &table, ev);
}

static void waiting_add(deja_tracker *t, const struct look_waiting *what,
			const struct look_table *from, const struct deja_event *ev)
{
	struct look_waiting *w = waiting_find(t, what->stream, what->tid);

	if (w)
		waiting_remove(t, w, ev);
	if (t->waiting_count == t->waiting_cap) {
		size_t cap = t->waiting_cap ? 2 * t->waiting_cap : 8;
		struct look_waiting *grown =
		    cap <= TABLES_MAX ? realloc(t->waiting, cap * sizeof(*grown)) : NULL;

		if (!grown) {
			t->ios.lost++;
			return;
		}
		t->waiting = grown;
		t->waiting_cap = cap;
	}
	w = &t->waiting[t->waiting_count++];
	*w = *what;
	look_table_copy(&t->ios, &w->table, from);
}

struct look_table *look_table_of(deja_tracker *t, const struct deja_event *ev)
{
	struct look_waiting *w =
	    t->waiting_count ? waiting_find(t, ev->stream, ev->tid) : NULL;

	return w && w->tid ? &w->table : &t->latest->table;
}

/* --- events that are not calls --- */

static void see_image(deja_tracker *t, struct look_process *p, const struct deja_event *ev,
		      struct tf_in *in)
{
	struct look_waiting *w = waiting_find(t, ev->stream, 0);
	bool first = p->event == 0;
	uint32_t len;

	if (w) {
		look_table_drop(&t->ios, &p->table, ev);
		p->table = w->table;
		*w = t->waiting[--t->waiting_count];
	} else if (first && ev->stream == 1) {
		/* What a command is started with. One that is not there says EBADF. */
		for (int fd = 0; fd <= 2; fd++) {
			struct look_io *io = look_io_new(&t->ios, DEJA_IO_UNKNOWN, ev, fd);

			if (!io)
				continue;
			io->pub.inherited = true;
			io->pub.open_event = 0;
			io->pub.open_ns = 0;
			io->pub.is_standard_input = fd == 0;
			look_table_set(&t->ios, &p->table, fd, io, false, ev);
		}
	}
	look_table_close_on_exec(&t->ios, &p->table, ev);
	p->tid_count = 0;
	tid_add(t, p, ev->tid);
	tf_get_int(in); /* dt */
	for (uint32_t count = tf_get_map(in); count && !in->bad; count--) {
		const uint8_t *key = tf_get_bytes(in, &len);

		if (!in->bad && len == 3 && !memcmp(key, "cwd", 3)) {
			const uint8_t *cwd = tf_get_bytes(in, &len);
			char *copy = in->bad ? NULL : strndup((const char *)cwd, len);

			if (copy) {
				free(p->table.cwd);
				p->table.cwd = copy;
			}
		} else {
			tf_skip(in);
		}
	}
}

static void see_child(deja_tracker *t, struct look_process *p, const struct deja_event *ev,
		      struct tf_in *in)
{
	struct look_waiting *w = waiting_find(t, ev->stream, 0);
	struct look_process *parent;

	if (w) {
		look_table_drop(&t->ios, &p->table, ev);
		p->table = w->table;
		*w = t->waiting[--t->waiting_count];
	} else {
		tf_get_int(in); /* dt */
		parent = process_find(t, (uint32_t)tf_get_int(in));
		if (!in->bad && parent && parent != p) {
			look_table_drop(&t->ios, &p->table, ev);
			look_table_copy(&t->ios, &p->table, &parent->table);
		}
	}
	tid_add(t, p, ev->tid);
}

/* A thread that no clone made is what vfork made. */
static void see_thread(deja_tracker *t, struct look_process *p, const struct deja_event *ev)
{
	struct look_waiting w = {.stream = ev->stream, .tid = ev->tid};

	if (!p->tid_count || tid_known(p, ev->tid) || ev->tid <= 0 ||
	    waiting_find(t, ev->stream, ev->tid)) {
		if (!p->tid_count)
			tid_add(t, p, ev->tid);
		return;
	}
	waiting_add(t, &w, &p->table, ev);
}

static void see_exec(deja_tracker *t, const struct deja_event *ev, struct tf_in *in)
{
	struct look_waiting w = {.from_stream = ev->stream, .from_tid = ev->tid};
	struct look_table *from = look_table_of(t, ev);
	struct look_table copy;
	int64_t external, stream;

	tf_get_int(in); /* dt */
	tf_skip(in);
	external = tf_get_int(in);
	stream = tf_get_int(in);
	if (in->bad || external || stream < 1 || stream > UINT32_MAX || stream == ev->stream)
		return;
	w.stream = (uint32_t)stream;
	/* waiting_add moves the vector that `from` may lie in. */
	look_table_copy(&t->ios, &copy, from);
	waiting_add(t, &w, &copy, ev);
	look_table_drop(&t->ios, &copy, ev);
}

static void see_address(struct look_process *p, struct tf_in *in)
{
	const uint8_t *bytes;
	uint32_t len;

	tf_get_int(in); /* the descriptor: the call tells it, too */
	p->address_of_peer = tf_get_int(in) == 1;
	bytes = tf_get_bytes(in, &len);
	if (in->bad || !look_address_text(bytes, len, p->address, sizeof(p->address)))
		p->address[0] = 0;
}

static void see_event(deja_tracker *t, struct look_process *p, const struct deja_event *ev)
{
	struct tf_in in = {ev->raw.data, ev->raw.data + ev->raw.len, 0};
	struct look_waiting w = {0};
	int64_t n;

	tf_get_array(&in);
	tf_get_int(&in);
	switch (ev->id) {
	case TF_EV_ADDRESS:
		see_address(p, &in);
		break;
	case TF_EV_IMAGE:
		see_image(t, p, ev, &in);
		break;
	case TF_EV_CHILD:
		see_child(t, p, ev, &in);
		break;
	case TF_EV_THREAD:
		see_thread(t, p, ev);
		break;
	case TF_EV_EXEC:
		see_exec(t, ev, &in);
		break;
	case TF_EV_SPAWN:
		n = tf_get_int(&in);
		if (in.bad || n < 1 || n > UINT32_MAX || n == ev->stream)
			break;
		w.stream = (uint32_t)n;
		waiting_add(t, &w, &p->table, ev);
		break;
	case TF_EV_OUTPUT:
		tf_get_int(&in);
		n = tf_get_int(&in);
		p->role = !in.bad && (n == 1 || n == 2) ? (int)n : 0;
		break;
	}
}

/* --- calls that make and end threads and processes --- */

static void drop_exec_of(deja_tracker *t, const struct deja_event *ev)
{
	for (size_t i = t->waiting_count; i-- > 0;)
		if (!t->waiting[i].tid && t->waiting[i].from_stream == ev->stream &&
		    t->waiting[i].from_tid == ev->tid)
			waiting_remove(t, &t->waiting[i], ev);
}

static void see_call(deja_tracker *t, struct look_process *p, const struct deja_event *ev, int nr)
{
	struct look_waiting *child;

	switch (nr) {
	case SYS_clone:
	case SYS_vfork:
		child = ev->result > 0 ? waiting_find(t, ev->stream, ev->result) : NULL;
		if (child && child->tid)
			waiting_remove(t, child, ev);
		else if (nr == SYS_clone && ev->result > 0 && (ev->args[0] & 0x10000))
			tid_add(t, p, ev->result); /* CLONE_THREAD */
		break;
	case SYS_execve:
	case SYS_execveat:
		if (ev->result < 0)
			drop_exec_of(t, ev);
		break;
	case SYS_exit:
	case SYS_exit_group:
		child = waiting_find(t, ev->stream, ev->tid);
		if (child && child->tid) {
			waiting_remove(t, child, ev);
			break;
		}
		tid_remove(p, ev->tid);
		if (nr == SYS_exit_group || !p->tid_count)
			process_end(t, p, ev);
		break;
	}
}

/* --- the tracker --- */

static int by_end(const void *a, const void *b)
{
	const struct look_end *x = a, *y = b;

	return x->end_ns < y->end_ns ? -1 : x->end_ns > y->end_ns;
}

deja_tracker *deja_tracker_new(deja_recording *rec, struct deja_error *err)
{
	deja_tracker *t = calloc(1, sizeof(*t));
	const struct deja_header *h = &rec->header;

	if (t)
		t->ends = calloc(h->process_count + 1, sizeof(*t->ends));
	if (!t || !t->ends) {
		free(t);
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	t->rec = rec;
	for (size_t i = 0; i < h->process_count; i++)
		if (h->processes[i].end_ns > 0)
			t->ends[t->end_count++] =
			    (struct look_end){h->processes[i].end_ns, h->processes[i].stream};
	qsort(t->ends, t->end_count, sizeof(*t->ends), by_end);
	return t;
}

void deja_tracker_free(deja_tracker *t)
{
	if (!t)
		return;
	while (t->process_count)
		process_end(t, t->processes[t->process_count - 1], NULL);
	while (t->waiting_count)
		waiting_remove(t, &t->waiting[t->waiting_count - 1], NULL);
	while (t->rights_count)
		look_io_unref(&t->ios, t->rights[--t->rights_count].io, NULL);
	look_ios_free(&t->ios);
	free(t->processes);
	free(t->waiting);
	free(t->ends);
	free(t);
}

/* Processes that were killed: their end is in the header alone. */
static void end_processes(deja_tracker *t, const struct deja_event *ev)
{
	while (t->end_next < t->end_count && t->ends[t->end_next].end_ns < ev->time_ns) {
		const struct look_end *end = &t->ends[t->end_next++];
		struct deja_event at = {.time_ns = end->end_ns, .stream = end->stream};
		struct look_process *p = process_find(t, end->stream);

		if (p)
			process_end(t, p, &at);
	}
}

int deja_tracker_feed(deja_tracker *t, const struct deja_event *ev, struct deja_sight *sight,
		      struct deja_error *err)
{
	struct look_process *p;
	int nr;

	look_io_bury(&t->ios);
	t->turn_count += t->turn_new;
	t->turn_new = 0;
	t->turn_leg = NULL;
	memset(sight, 0, offsetof(struct deja_sight, leg));
	sight->fd = -1;
	sight->classes = deja_event_classes(ev->id);
	end_processes(t, ev);
	p = process_find(t, ev->stream);
	if (!p)
		p = process_add(t, ev->stream);
	if (!p)
		return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	t->latest = p;
	p->pid = ev->pid;
	p->tid = ev->tid;
	if (ev->id < TF_ID_FIRST) {
		if (ev->id == TF_EV_MOVED)
			look_apply_moved(t, look_table_of(t, ev), ev, sight);
		else
			see_event(t, p, ev);
		p->event = ev->number;
	} else {
		p->event = ev->number;
		nr = look_nr(ev);
		if (sight->classes & (DEJA_CLASS_DESC | DEJA_CLASS_FILE | DEJA_CLASS_NET)) {
			struct look_table *table = look_table_of(t, ev);

			look_apply_call(t, table, ev, sight);
			look_apply_transfer(t, table, ev, sight);
			if (sight->leg_count)
				look_apply_turns(t, ev, sight);
		}
		p->role = 0;
		p->moved = 0;
		p->address[0] = 0;
		if (sight->classes & DEJA_CLASS_PROCESS)
			see_call(t, p, ev, nr);
	}
	if (t->no_memory)
		return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	return 0;
}

void deja_tracker_on_close(deja_tracker *t, deja_io_watch *watch, void *arg)
{
	t->ios.watch = watch;
	t->ios.watch_arg = arg;
}

void deja_tracker_each_open(deja_tracker *t, deja_io_watch *watch, void *arg)
{
	for (struct look_io *io = t->ios.first; io; io = io->next)
		watch(arg, &io->pub);
}

uint64_t deja_tracker_lost(const deja_tracker *t)
{
	return t->ios.lost;
}

const struct deja_process_view *deja_tracker_process(deja_tracker *t, size_t index)
{
	const struct look_process *p;

	if (index >= t->process_count)
		return NULL;
	p = t->processes[index];
	t->view = (struct deja_process_view){.stream = p->stream, .pid = p->pid, .tid = p->tid,
					     .cwd = p->table.cwd, .event = p->event,
					     .fd_count = p->table.count};
	return &t->view;
}

bool deja_tracker_fd(deja_tracker *t, uint32_t stream, size_t index, struct deja_fd_view *fd)
{
	const struct look_process *p = process_find(t, stream);

	if (!p || index >= p->table.count)
		return false;
	*fd = (struct deja_fd_view){p->table.slots[index].fd, p->table.slots[index].cloexec,
				    &p->table.slots[index].io->pub};
	return true;
}
