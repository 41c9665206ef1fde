/*
 * The list of loaded objects, by dl_iterate_phdr and the link map, names and addresses, as
 * debuggers, profilers and unwinders read it. Shows that it is the recorded one, though
 * recorder and replayer are two objects.
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
