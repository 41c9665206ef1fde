/*
 * The loader's way from the kernel's entry to the dynamic linker's.
 */
#include <elf.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include "replayer/loader/loader.h"
#include "replayer/replay.h"

enum { SIGSTACK_LEN = 65536, PR_SUD = 59, LOADER_ROOM = 1 << 24 };

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
extern char loader_sigstack[] __attribute__((visibility("hidden")));

struct loader ld;
void loader_main(uint64_t *sp);

void loader_fail(const char *what, const char *name, size_t name_len)
{
	struct slot_divergence *d = &ld.slot->divergence;
	char *p = d->text, *end = d->text + sizeof(d->text) - 1;

	p = dj_put_text(p, end, what);
	for (size_t i = 0; i < name_len && p < end; i++)
		*p++ = name[i];
	*p = 0;
	d->kind = SLOT_CANNOT_RUN;
	d->live_pid = 0;
	d->nr = -1;
	__atomic_store_n(&d->set, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&ld.session->aborted, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&ld.session->doorbell, 1, __ATOMIC_SEQ_CST);
	dj_raw(SYS_futex, &ld.session->doorbell, FUTEX_WAKE, 1);
	for (;;)
		halt_if_over(ld.session);
}

/* The arena stays mapped at a place of its own: the runtime maps it anew. */
static bool attach(const char *value)
{
	char path[SESSION_DIR_LEN + sizeof(SESSION_ARENA_NAME)];
	unsigned slot = 0;
	long fd, r;

	if (dj_strlen(value) < SESSION_DIR_LEN + 2)
		return false;
	dj_copy(ld.dir, value, SESSION_DIR_LEN);
	dj_copy(path, value, SESSION_DIR_LEN);
	dj_copy(path + SESSION_DIR_LEN, SESSION_ARENA_NAME, sizeof(SESSION_ARENA_NAME));
	for (const char *p = value + SESSION_DIR_LEN + 1; *p >= '0' && *p <= '9'; p++)
		slot = slot * 10 + (unsigned)(*p - '0');
	fd = dj_raw(SYS_open, path, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0 || slot >= SLOT_COUNT)
		return false;
	r = dj_raw(SYS_mmap, DJ_LOADER_SESSION, SESSION_LEN, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0);
	dj_raw(SYS_close, fd);
	if (r != (long)DJ_LOADER_SESSION)
		return false;
	ld.session = (struct session *)r;
	ld.slot = session_slot(ld.session, slot);
	return ld.session->magic == SESSION_MAGIC && ld.session->version == SESSION_VERSION;
}

/* The stream's reader works in a runtime's state, which is a passing one here. */
static void find_image(void)
{
	static struct thread t;
	struct event ev;

	if (dj_raw(SYS_mmap, DJ_PRIVATE, RUNTIME_LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1,
		   0) != (long)DJ_PRIVATE)
		loader_fail("no memory", "", 0);
	RT->session = ld.session;
	RT->slot = t.slot = ld.slot;
	dj_copy(RT->dir, ld.dir, sizeof(ld.dir));
	RT->event_no = ld.slot->event_no;
	if (!head_open(ld.slot->stream, ld.slot->consumed))
		loader_fail("a process has no stream", "", 0);
	ev = head_peek(&t);
	if (!image_decode(&ev, &ld.img))
		loader_fail("the recording has no program image where one begins", "", 0);
	dj_raw(SYS_munmap, DJ_PRIVATE, RUNTIME_LEN);
}

/* What the kernel has mapped for us goes, but the loader itself. */
static void clear_space(void)
{
	uint64_t own = DJ_PRIVATE, end = DJ_END;

	dj_raw(SYS_munmap, 65536, own - 65536);
	dj_raw(SYS_munmap, end, 0x7ffffffff000 - end);
}

/* The recorded vDSO; where the data pages were lies memory that nobody reads. */
static void map_vdso(void)
{
	struct recorded_map m;

	EACH_RECORDED_MAP(m) {
		bool code = m.path_len >= 6 && !dj_compare(m.path, "[vdso]", 6);

		if (!code && !(m.path_len >= 5 && !dj_compare(m.path, "[vvar", 5)))
			continue;
		if (code && !m.file)
			loader_fail("the recording lacks its vDSO (it was made by an older deja)",
				    "", 0);
		if (code) {
			int fd = file_open(m.file);

			if (file_map(m.from, m.to - m.from, PROT_READ | PROT_EXEC,
				     MAP_PRIVATE | MAP_FIXED, fd, 0) != (long)m.from)
				loader_fail("the vDSO's place is taken", "", 0);
			dj_raw(SYS_close, fd);
		} else if (dj_raw(SYS_mmap, m.from, m.to - m.from, PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				  0) != (long)m.from) {
			loader_fail("the vDSO's place is taken", "", 0);
		}
		space_set(m.from, m.to, code ? PROT_READ | PROT_EXEC : PROT_READ, m.path,
			  m.path_len);
	}
}

/* The stack may grow as far as it could then. */
static void set_stack_limit(void)
{
	struct rlimit limit;

	if (dj_raw(SYS_prlimit64, 0, RLIMIT_STACK, 0, &limit))
		return;
	limit.rlim_cur = ld.img.stack_limit;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	dj_raw(SYS_prlimit64, 0, RLIMIT_STACK, &limit, 0);
}

/* What ps and debuggers ask the kernel for. Not permitted everywhere, and not needed. */
static void tell_kernel(void)
{
	const char *name = (const char *)ld.img.exe;
	struct prctl_mm_map map = {.exe_fd = (uint32_t)-1};
	char comm[16];
	size_t n = 0;

	for (uint32_t i = 0; i < ld.img.exe_len; i++)
		if (ld.img.exe[i] == '/')
			name = (const char *)ld.img.exe + i + 1;
	while (n < sizeof(comm) - 1 && name + n < (const char *)ld.img.exe + ld.img.exe_len) {
		comm[n] = name[n];
		n++;
	}
	comm[n] = 0;
	dj_raw(SYS_prctl, PR_SET_NAME, comm);
	map.start_code = map.start_data = ld.bias ? ld.bias : ld.entry;
	map.end_code = map.end_data = map.start_code + PAGE;
	map.start_brk = map.brk = ld.img.brk;
	map.start_stack = ld.img.sp;
	map.arg_start = map.arg_end = map.env_start = map.env_end = ld.img.sp;
	map.auxv = (void *)ld.img.auxv;
	map.auxv_size = ld.img.auxv_len;
	dj_raw(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
}

static void arm(void)
{
	struct k_sigaction act = {
		.handler = (uint64_t)serve_trap,
		/* SA_SIGINFO | SA_ONSTACK | SA_RESTORER | SA_NODEFER */
		.flags = 0x4 | 0x08000000 | 0x04000000 | 0x40000000,
		.restorer = (uint64_t)loader_restorer,
		.mask = ~SIGSYS_BIT,
	};
	struct k_stack stack = {.sp = (uint64_t)loader_sigstack, .size = SIGSTACK_LEN};
	uint64_t unblock = SIGSYS_BIT, text = (uint64_t)&__ehdr_start & ~(PAGE - 1ul);

	dj_raw(SYS_sigaltstack, &stack, 0);
	dj_raw(SYS_rt_sigaction, SIGSYS_NR, &act, 0, 8);
	dj_raw(SYS_rt_sigprocmask, 1 /* SIG_UNBLOCK */, &unblock, 0, 8);
	if (dj_raw(SYS_prctl, PR_SUD, 1 /* on */, text, LOADER_ROOM, 0))
		loader_fail("this kernel refuses system call dispatch", "", 0);
}

void loader_main(uint64_t *sp)
{
	char **env = (char **)(sp + sp[0] + 2);

	for (; *env; env++)
		if (dj_starts(*env, SESSION_ENV_RT))
			break;
	if (!*env || !attach(*env + sizeof(SESSION_ENV_RT) - 1)) {
		static const char text[] = "deja: this is a part of deja: use `deja replay`\n";

		dj_raw(SYS_write, 2, text, sizeof(text) - 1);
		for (;;)
			dj_raw(SYS_exit_group, 125);
	}
	ld.slot->live_pid = (int32_t)dj_raw(SYS_getpid);
	find_image();
	set_stack_limit();
	clear_space();
	map_vdso();
	elf_map_all();
	stack_build();
	tell_kernel();
	arm();
	loader_jump(ld.entry, ld.img.sp);
}
