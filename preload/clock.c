/*
 * The third door: the vDSO's functions never enter the kernel, so dispatch does not see
 * them. The original vDSO and its data pages are moved to DJ_VDSO, where the recorder
 * calls them at their own speed; in its place stands a copy whose functions jump to us,
 * so that libc's internal and IFUNC-resolved callers are caught as well.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <elf.h>
#include "clock.h"
#include "detach.h"
#include "runtime.h"

void dj_vdso_clock_gettime_entry(void);
void dj_vdso_gettimeofday_entry(void);
void dj_vdso_time_entry(void);
void dj_vdso_getcpu_entry(void);
void dj_vdso_clock_getres_entry(void);
void dj_vdso_none_entry(void);
long dj_vdso_clock_gettime(long clk, struct k_timespec *ts);
long dj_vdso_gettimeofday(int64_t *tv, void *tz);
long dj_vdso_time(int64_t *t);

long dj_vdso_clock_gettime(long clk, struct k_timespec *ts)
{
	int64_t ns;

	if ((unsigned)clk >= TF_CLOCK_GETTIMEOFDAY || !ts ||
	    !boundary_clock(dj_self(), (unsigned)clk, &ns))
		return SYS_clock_gettime;
	/* where it cannot be stored the call is made, which says EFAULT */
	return dj_clock_store(ts, ns / 1000000000, ns % 1000000000) ? 0 : SYS_clock_gettime;
}

long dj_vdso_gettimeofday(int64_t *tv, void *tz)
{
	int64_t ns;

	if (!tv || tz || !boundary_clock(dj_self(), TF_CLOCK_GETTIMEOFDAY, &ns))
		return SYS_gettimeofday;
	return dj_clock_store(tv, ns / 1000000000, ns % 1000000000 / 1000) ? 0
									    : SYS_gettimeofday;
}

long dj_vdso_time(int64_t *t)
{
	int64_t ns;

	if (!boundary_clock(dj_self(), TF_CLOCK_TIME, &ns))
		return -1;
	if (t)
		*t = ns / 1000000000;
	return ns / 1000000000;
}

int64_t dj_now_slow(void)
{
	struct k_timespec ts;
	long (*original)(long, struct k_timespec *) = (void *)RT->vdso_clock_gettime;

	if (!original || RT->session->trap_tsc || original(1, &ts))
		dj_raw(SYS_clock_gettime, 1, &ts);
	return ts.sec * 1000000000 + ts.nsec - RT->session->monotonic_base_ns;
}

static bool names(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* back: to the original function instead of ours. */
static void divert(uint64_t copy, uint64_t shift, const char *name, uint64_t value,
		   uint64_t size, bool back)
{
	static const struct {
		const char *name;
		void (*entry)(void);
		size_t original; /* where in struct runtime, 0: not kept */
	} diverted[] = {
		{"__vdso_clock_gettime", dj_vdso_clock_gettime_entry,
		 offsetof(struct runtime, vdso_clock_gettime)},
		{"__vdso_gettimeofday", dj_vdso_gettimeofday_entry,
		 offsetof(struct runtime, vdso_gettimeofday)},
		{"__vdso_time", dj_vdso_time_entry, offsetof(struct runtime, vdso_time)},
		{"__vdso_getcpu", dj_vdso_getcpu_entry, 0},
		{"__vdso_clock_getres", dj_vdso_clock_getres_entry, 0},
		{"__vdso_getrandom", dj_vdso_none_entry, 0},
		{"__vdso_sgx_enter_enclave", dj_vdso_none_entry, 0},
	};

	for (size_t i = 0; i < sizeof(diverted) / sizeof(diverted[0]); i++) {
		uint8_t *p = (uint8_t *)(copy + value);

		if (!names(name, diverted[i].name) || size < 12)
			continue;
		if (diverted[i].original && RT->session->mode == SESSION_RECORD)
			*(uint64_t *)((char *)RT + diverted[i].original) =
				copy + value + shift;
		*p++ = 0x48, *p++ = 0xb8; /* movabs $entry, %rax; jmp *%rax */
		*(uint64_t *)p = back ? copy + value + shift : (uint64_t)diverted[i].entry;
		p += 8;
		*p++ = 0xff, *p++ = 0xe0;
	}
}

static void divert_all(uint64_t vdso, uint64_t shift, bool back)
{
	const Elf64_Ehdr *eh = (void *)vdso;
	const Elf64_Phdr *ph = (void *)(vdso + eh->e_phoff);
	const Elf64_Dyn *dyn = NULL;
	const Elf64_Sym *sym = NULL;
	const char *str = NULL;
	const uint32_t *hash = NULL, *gnu = NULL;
	uint32_t count = 0;

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			dyn = (void *)(vdso + ph[i].p_vaddr);
	for (; dyn && dyn->d_tag; dyn++) {
		uint64_t at = vdso + dyn->d_un.d_ptr;

		if (dyn->d_tag == DT_SYMTAB)
			sym = (void *)at;
		else if (dyn->d_tag == DT_STRTAB)
			str = (void *)at;
		else if (dyn->d_tag == DT_HASH)
			hash = (void *)at;
		else if (dyn->d_tag == DT_GNU_HASH)
			gnu = (void *)at;
	}
	if (!sym || !str)
		return;
	if (hash) {
		count = hash[1];
	} else if (gnu) { /* the symbol table ends where the string table begins */
		count = (uint32_t)(((uint64_t)str - (uint64_t)sym) / sizeof(*sym));
	}
	for (uint32_t i = 1; i < count; i++)
		if (ELF64_ST_TYPE(sym[i].st_info) == STT_FUNC && sym[i].st_shndx)
			divert(vdso, shift, str + sym[i].st_name, sym[i].st_value,
			       sym[i].st_size, back);
}

void clock_undo(void)
{
	uint64_t len = RT->vdso_end - RT->vdso;

	if (!RT->vdso || dj_raw(SYS_mprotect, RT->vdso, len, PROT_READ | PROT_WRITE) < 0)
		return;
	divert_all(RT->vdso, RT->vdso_shift, true);
	dj_raw(SYS_mprotect, RT->vdso, len, PROT_READ | PROT_EXEC);
}

bool clock_is_moved(uint64_t rip)
{
	return RT->vdso && rip >= RT->vdso + RT->vdso_shift && rip < RT->vdso_end + RT->vdso_shift;
}

/*
 * The vDSO makes a system call where it cannot tell a clock by itself: an alarm's, a number that is
 * none, and every one where the kernel's time comes from a device (hpet, acpi_pm). That call is not
 * made (trap.c), and the function fails.
 */
void clock_try(void)
{
	long (*gettime)(long, struct k_timespec *) = (void *)RT->vdso_clock_gettime;
	long (*timeofday)(int64_t *, void *) = (void *)RT->vdso_gettimeofday;
	struct k_timespec ts;
	int64_t tv[2];

	if (gettime && gettime(1, &ts))
		RT->vdso_clock_gettime = 0;
	if (timeofday && timeofday(tv, NULL))
		RT->vdso_gettimeofday = 0;
}

/* Moves [vvar...] and [vdso], as they are at the process's start. */
void clock_start(void)
{
	uint64_t first = 0, vdso = 0, vdso_end = 0, shift;
	const struct mapping *m = NULL;

	while ((m = mappings_next(&RT->maps, m))) {
		const char *path = mapping_path(&RT->maps, m);

		if (dj_starts(path, "[vvar") && !first)
			first = m->from;
		if (dj_starts(path, "[vdso]")) {
			vdso = m->from;
			vdso_end = m->to;
		}
	}
	if (!vdso)
		return;
	if (!first || first > vdso)
		first = vdso;
	shift = DJ_VDSO - first;
	/* move the data pages mapping by mapping, then the code */
	while ((m = mappings_next(&RT->maps, m)))
		if (m->from >= first && m->to <= vdso_end)
			dj_raw(SYS_mremap, m->from, m->to - m->from, m->to - m->from,
			       MREMAP_MAYMOVE | MREMAP_FIXED, m->from + shift);
	if (dj_raw(SYS_mmap, first, vdso_end - first, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (long)first)
		dj_fatal("cannot replace the vDSO", (long)first);
	dj_copy((void *)vdso, (void *)(vdso + shift), vdso_end - vdso);
	divert_all(vdso, shift, false);
	RT->vdso = vdso;
	RT->vdso_end = vdso_end;
	RT->vdso_shift = shift;
	dj_raw(SYS_mprotect, vdso, vdso_end - vdso, PROT_READ | PROT_EXEC);
}
