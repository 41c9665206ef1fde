/*
 * Libraries searched along paths of the program's own, RUNPATH and then LD_LIBRARY_PATH too, in
 * directories of which some are missing. Those that are there hold nothing that the program starts
 * with; what is loaded later is looked for in them all the same.
 */
/* LDLIBS: -ldl -Wl,--enable-new-dtags,-rpath,/nonexistent:/tmp:$ORIGIN/.. */
#include "victim.h"
#include <dlfcn.h>

static void load(const char *name)
{
	void *lib = dlopen(name, RTLD_NOW);

	printf("%s at %p\n", name, lib);
	if (!lib)
		printf("%s\n", dlerror());
}

int main(int argc, char **argv)
{
	char path[256];

	load("libutil.so.1");
	load("libresolv.so.2");
	load("libno-such-thing.so");
	printf("%lld\n", (long long)t_now_ns(CLOCK_REALTIME));
	fflush(stdout);
	if (argc > 1)
		return 0;
	T_CHECK(mkdir("libs", 0700) == 0 && mkdir("other", 0700) == 0);
	T_CHECK(getcwd(path, sizeof(path) - 32) != NULL);
	strcat(path, "/libs/:/nowhere:other;:$ORIGIN");
	T_CHECK(setenv("LD_LIBRARY_PATH", path, 1) == 0);
	execl("/proc/self/exe", argv[0], "again", NULL);
	return 1;
}
