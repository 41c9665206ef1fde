/*
 * Mapping the program and its dynamic linker as the kernel's ELF loader does.
 */
#include <elf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "replayer/loader/loader.h"

enum { PHDR_MAX = 64 };

struct elf {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[PHDR_MAX];
	int fd;
};

static void elf_open(struct elf *e, uint32_t file)
{
	e->fd = file_open(file);
	if (dj_raw(SYS_pread64, e->fd, &e->eh, sizeof(e->eh), 0) != sizeof(e->eh) ||
	    dj_compare(e->eh.e_ident, ELFMAG, SELFMAG) || e->eh.e_machine != EM_X86_64 ||
	    e->eh.e_phentsize != sizeof(Elf64_Phdr) || e->eh.e_phnum > PHDR_MAX ||
	    dj_raw(SYS_pread64, e->fd, e->ph, e->eh.e_phnum * sizeof(Elf64_Phdr),
		   e->eh.e_phoff) != (long)(e->eh.e_phnum * sizeof(Elf64_Phdr)))
		loader_fail("a stored program is none", "", 0);
}

static uint64_t up(uint64_t v)
{
	return (v + PAGE - 1) & ~(PAGE - 1ul);
}

/* Addresses of the program's own; everything else is ours or the kernel's. */
static bool is_possible(uint64_t from, uint64_t to)
{
	return from >= PAGE && to > from && to <= 0x7ffffffff000 &&
	       (to <= DJ_PRIVATE || from >= DJ_END);
}

static void map_segment(const struct elf *e, const Elf64_Phdr *ph, uint64_t bias,
			const char *name, size_t name_len)
{
	uint64_t at = bias + ph->p_vaddr, from = at & ~(PAGE - 1ul);
	uint64_t file_end = at + ph->p_filesz, mem_end = at + ph->p_memsz;
	int prot = (ph->p_flags & PF_R ? PROT_READ : 0) | (ph->p_flags & PF_W ? PROT_WRITE : 0) |
		   (ph->p_flags & PF_X ? PROT_EXEC : 0);

	if (!ph->p_memsz)
		return;
	if (ph->p_filesz > ph->p_memsz || !is_possible(from, up(mem_end)))
		loader_fail("a stored program has impossible segments", "", 0);
	if (ph->p_filesz) {
		if (file_map(from, file_end - from, prot, MAP_PRIVATE | MAP_FIXED, e->fd,
			     ph->p_offset - (at - from)) != (long)from)
			loader_fail("cannot map the program at its place", "", 0);
		space_set(from, up(file_end), prot, name, name_len);
		from = up(file_end);
	}
	if (mem_end > file_end && (prot & PROT_WRITE) && from > file_end)
		dj_zero((void *)file_end, from - file_end);
	if (up(mem_end) > from) {
		if (dj_raw(SYS_mmap, from, up(mem_end) - from, prot,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (long)from)
			loader_fail("cannot map the program at its place", "", 0);
		space_set(from, up(mem_end), prot, "", 0);
	}
}

/* Returns the end of the highest segment. */
static uint64_t map_all(const struct elf *e, uint64_t bias, const char *name, size_t name_len)
{
	uint64_t end = 0;

	for (int i = 0; i < e->eh.e_phnum; i++) {
		if (e->ph[i].p_type != PT_LOAD)
			continue;
		map_segment(e, &e->ph[i], bias, name, name_len);
		if (up(bias + e->ph[i].p_vaddr + e->ph[i].p_memsz) > end)
			end = up(bias + e->ph[i].p_vaddr + e->ph[i].p_memsz);
	}
	return end;
}

static uint64_t aux(uint64_t type)
{
	for (uint32_t i = 0; i + 16 <= ld.img.auxv_len; i += 16) {
		uint64_t pair[2];

		dj_copy(pair, ld.img.auxv + i, sizeof(pair));
		if (pair[0] == type)
			return pair[1];
	}
	return 0;
}

void elf_map_all(void)
{
	static struct elf exe, interp;
	struct recorded_map m;
	uint64_t end;

	if (!ld.img.file)
		loader_fail("the recording does not hold its executable ",
			    (const char *)ld.img.exe, ld.img.exe_len);
	elf_open(&exe, ld.img.file);
	ld.base = aux(AT_BASE);
	ld.bias = exe.eh.e_type == ET_DYN ? aux(AT_PHDR) - exe.eh.e_phoff : 0;
	ld.entry = aux(AT_ENTRY);
	/* AT_PHDR is where the headers lie in memory: behind the first segment's address */
	for (int i = 0; i < exe.eh.e_phnum && ld.bias; i++)
		if (exe.ph[i].p_type == PT_LOAD && exe.ph[i].p_offset <= exe.eh.e_phoff &&
		    exe.eh.e_phoff < exe.ph[i].p_offset + exe.ph[i].p_filesz) {
			ld.bias = aux(AT_PHDR) - (exe.eh.e_phoff - exe.ph[i].p_offset) -
				  exe.ph[i].p_vaddr;
			break;
		}
	end = map_all(&exe, ld.bias, (const char *)ld.img.exe, ld.img.exe_len);
	dj_raw(SYS_close, exe.fd);
	ld.mmap_start = ld.bias;
	if (ld.base) {
		uint32_t file = 0;
		const char *name = "";
		uint32_t name_len = 0;

		EACH_RECORDED_MAP(m) {
			if (m.from != ld.base)
				continue;
			file = m.file, name = m.path, name_len = m.path_len;
		}
		if (!file)
			loader_fail("the recording does not hold its dynamic linker ", name,
				    name_len);
		elf_open(&interp, file);
		end = map_all(&interp, ld.base, name, name_len);
		dj_raw(SYS_close, interp.fd);
		ld.entry = ld.base + interp.eh.e_entry;
		ld.mmap_start = ld.base;
	}
	/* it was the first thing that the kernel placed */
	ld.mmap_end = end;
	EACH_RECORDED_MAP(m)
		if (m.path_len >= 6 && !dj_compare(m.path, "[vdso]", 6))
			ld.bottom_up = m.from > ld.mmap_start; /* the second */
}
