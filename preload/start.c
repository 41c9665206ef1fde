/*
 * Start-up of the runtime in a program image: the constructor, run before every other
 * library's (-z initfirst). Finds the session, scrubs the environment, brings up arena,
 * clock and trap, then hands over to boundary_start on the private stack. In a process
 * without a session (somebody preloaded us by hand) it does nothing at all.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <elf.h>
#include "hooks.h"
#include "preempt.h"
#include "runtime.h"

enum { WIPE_LEN = 16 * 1024 };

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

/* All between the first and the last executable segment: what lies between them is ours
 * as well. */
static void find_text(void)
{
	const Elf64_Ehdr *eh = &__ehdr_start;
	const Elf64_Phdr *ph = (const void *)((const char *)eh + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X)) {
			uint64_t from = (uint64_t)eh + ph[i].p_vaddr;

			if (!RT->text_start)
				RT->text_start = from;
			RT->text_end = from + ph[i].p_memsz;
		}
}

/* On replay the loader knows. */
static void read_maps(void)
{
	const struct handover *h = (const struct handover *)DJ_HANDOVER;

	if (RT->session->mode == SESSION_REPLAY && !RT->session->no_dispatch) {
		RT->maps.count = h->maps.count;
		RT->maps.text_len = h->maps.text_len;
		dj_copy(RT->maps.of, h->maps.of, h->maps.count * sizeof(h->maps.of[0]));
		dj_copy(RT->maps.text, h->maps.text, h->maps.text_len);
		dj_raw(SYS_munmap, DJ_HANDOVER, sizeof(*h));
		return;
	}
	maps_read();
}

/* glibc has registered rseq before us; its cpu number would change under the program. */
static void rseq_off(void)
{
	extern const ptrdiff_t __rseq_offset __attribute__((weak));
	extern const unsigned int __rseq_size __attribute__((weak));
	uint64_t tp;
	int32_t *area;

	if (!&__rseq_offset || !&__rseq_size || !__rseq_size)
		return;
	__asm__("mov %%fs:0, %0" : "=r"(tp));
	area = (int32_t *)(tp + (uint64_t)__rseq_offset);
	dj_raw(SYS_rseq, area, 32, 1 /* RSEQ_FLAG_UNREGISTER */, 0x53053053);
	area[0] = 0;
	area[1] = -2; /* RSEQ_CPU_ID_REGISTRATION_FAILED */
}

static long start_on_private_stack(void *arg)
{
	struct thread *t = dj_self();
	uint64_t robust_len;

	read_maps();
	view_environment(RT->envp);
	view_session_name();
	preempt_start();
	clock_start();
	rseq_off();
	trap_start();
	oracles_start(t);
	/* the end of the first thread, too, is ours to tell its joiner */
	if (dj_raw(SYS_prctl, 40 /* PR_GET_TID_ADDRESS */, &t->clear_tid) < 0)
		t->clear_tid = NULL;
	else
		dj_raw(SYS_set_tid_address, &t->alive);
	t->alive = 1;
	dj_raw(SYS_get_robust_list, 0, &t->robust_list, &robust_len);
	sched_reset(t);
	boundary_start(t);
	view_objects();
	tsc_start();
	dj_active = 1;
	return 0;
}

static bool attach(const char *value)
{
	char path[SESSION_DIR_LEN + sizeof(SESSION_ARENA_NAME)];
	struct session *s;
	struct thread *t;
	unsigned slot = 0;
	long fd, r;

	for (size_t i = 0; i < SESSION_DIR_LEN; i++) {
		if (!value[i])
			return false;
		path[i] = value[i];
	}
	for (size_t i = 0; i < sizeof(SESSION_ARENA_NAME); i++)
		path[SESSION_DIR_LEN + i] = SESSION_ARENA_NAME[i];
	if (value[SESSION_DIR_LEN] != ':')
		return false;
	for (const char *p = value + SESSION_DIR_LEN + 1; *p >= '0' && *p <= '9'; p++)
		slot = slot * 10 + (unsigned)(*p - '0');
	if (slot >= SLOT_COUNT)
		return false;
	fd = dj_raw(SYS_open, path, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	r = dj_raw(SYS_mmap, DJ_SESSION, SESSION_LEN, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0);
	dj_raw(SYS_close, fd);
	if (r != (long)DJ_SESSION)
		return false;
	s = (struct session *)DJ_SESSION;
	if (s->magic != SESSION_MAGIC || s->version != SESSION_VERSION)
		return false;
	r = dj_raw(SYS_mmap, DJ_PRIVATE, RUNTIME_LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
	if (r != (long)DJ_PRIVATE)
		return false;
	RT->session = s;
	RT->slot_index = slot;
	RT->slot = session_slot(s, slot);
	dj_copy(RT->dir, path, SESSION_DIR_LEN);
	RT->live_pid = (int32_t)dj_raw(SYS_getpid);
	RT->pid = RT->live_pid;
	find_text();
	t = thread_alloc();
	if (!t)
		return false;
	t->tid = t->live_tid = RT->live_pid;
	thread_activate(t);
	return true;
}

/*
 * What the dynamic linker and we have left below the stack pointer (our random directory's
 * name among it) would be found by a program that reads uninitialised memory.
 */
static void wipe_stack(void)
{
	uint64_t to;

	__asm__ volatile("mov %%rsp, %0" : "=r"(to));
	to -= 256; /* our own frame's red zone, and the call below */
	dj_zero((void *)(to - WIPE_LEN), WIPE_LEN);
}

__attribute__((constructor)) static void start(int argc, char **argv, char **envp)
{
	for (char **e = envp; *e; e++) {
		if (!dj_starts(*e, SESSION_ENV_RT))
			continue;
		/* the loader of a replay serves calls until here */
		dj_raw(SYS_prctl, 59 /* PR_SET_SYSCALL_USER_DISPATCH */, 0, 0, 0, 0);
		if (!attach(*e + sizeof(SESSION_ENV_RT) - 1))
			return;
		RT->argc = argc;
		RT->argv = argv;
		RT->envp = envp;
		RT->start_sp = (uint64_t)(argv - 1);
		dj_on_stack(dj_self(), start_on_private_stack, NULL);
		wipe_stack();
		return;
	}
}
