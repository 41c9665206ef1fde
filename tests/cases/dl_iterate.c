/*
 * The list of loaded objects, by dl_iterate_phdr and the link map, names and addresses, program
 * headers and build IDs, as debuggers, profilers (heaptrack) and unwinders read it. Shows that it
 * is the recorded one, though recorder and replayer are two objects.
 */
#include "victim.h"
#include <dlfcn.h>
#include <link.h>

static int objects;

static int on_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size, (void)arg;
	objects++;
	printf("object %s at %lx\n", info->dlpi_name, (long)info->dlpi_addr);
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = info->dlpi_phdr + i;
		const unsigned char *note = (const unsigned char *)(info->dlpi_addr + p->p_vaddr);

		printf("  header %x %x: %lx at %lx, %lx of %lx, align %lx", p->p_type, p->p_flags, (long)p->p_offset,
		       (long)p->p_vaddr, (long)p->p_filesz, (long)p->p_memsz, (long)p->p_align);
		for (size_t at = 0; p->p_type == PT_NOTE && at < p->p_memsz; at++)
			printf("%s%02x", at ? "" : ": ", note[at]);
		printf("\n");
	}
	return 0;
}

int main(void)
{
	struct link_map *lm;

	T_CHECK(dl_iterate_phdr(on_object, NULL) == 0 && objects >= 3);
	for (lm = _r_debug.r_map; lm; lm = lm->l_next)
		printf("link map %s %lx\n", lm->l_name, (long)lm->l_addr);
	printf("pid %d\n", getpid());
	return 0;
}
