/*
 * Libraries loaded while running: dlopen of a system library and of a copy just made,
 * dlsym, dladdr, errors. Shows that code mapped after the start lies where it lay, and
 * that its files need not exist any more.
 */
/* LDLIBS: -ldl */
#include "victim.h"
#include <dlfcn.h>
#include <link.h>

static void copy_file(const char *from, const char *to)
{
	static char buf[1 << 16];
	int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0700);
	size_t n;

	T_CHECK(in >= 0 && out >= 0);
	while ((n = t_read_all(in, buf, sizeof(buf))) > 0)
		t_write_all(out, buf, n);
	T_CHECK(close(in) == 0 && close(out) == 0);
}

int main(void)
{
	struct link_map *lm = NULL;
	Dl_info info;
	Dl_serinfo size;

	void *z = dlopen("libz.so.1", RTLD_NOW);
	if (z) {
		unsigned long (*crc)(unsigned long, const char *, unsigned) = dlsym(z, "crc32");

		T_CHECK(crc && crc(0, "123456789", 9) == 0xcbf43926);
		printf("crc32 at %p\n", (void *)crc);
		T_CHECK(dladdr((void *)crc, &info) && info.dli_fbase);
	}
	void *m = dlopen("libm.so.6", RTLD_LAZY | RTLD_LOCAL);
	T_CHECK(m && dlinfo(m, RTLD_DI_LINKMAP, &lm) == 0);
	double (*cosine)(double) = dlsym(m, "cos");
	T_CHECK(cosine && cosine(0) == 1.0);
	printf("libm %s at %lx, cos %p\n", lm->l_name, (long)lm->l_addr, (void *)cosine);
	T_CHECK(dlinfo(m, RTLD_DI_SERINFOSIZE, &size) == 0);

	/* A library that exists only while this runs. */
	copy_file(lm->l_name, "libcopy.so");
	void *c = dlopen("./libcopy.so", RTLD_NOW);
	T_CHECK(c && c != m);
	double (*copied)(double) = dlsym(c, "cos");
	T_CHECK(copied && copied != cosine && copied(0) == 1.0);
	printf("copy at %p\n", (void *)copied);
	T_CHECK(unlink("libcopy.so") == 0 && copied(0) == 1.0);

	T_CHECK(!dlopen("libdoes-not-exist.so", RTLD_NOW));
	printf("%s\n", dlerror());
	t_make_file("libtext.so", "this is no library, though it is longer than an ELF header is "
				  "and so passes the first length check of the loader, surely");
	T_CHECK(!dlopen("./libtext.so", RTLD_NOW));
	printf("%s\n", dlerror());
	T_CHECK(!dlsym(m, "no_such_function") && dlerror());
	T_CHECK(dlsym(RTLD_DEFAULT, "getpid") != NULL);
	pid_t (*my_getpid)(void) = dlsym(RTLD_DEFAULT, "getpid");
	T_CHECK(my_getpid() == getpid());
	pid_t (*next_getppid)(void) = dlsym(RTLD_NEXT, "getppid");
	T_CHECK(next_getppid && next_getppid() == getppid());
	printf("getppid by RTLD_NEXT %d\n", next_getppid());

	T_CHECK(dlclose(c) == 0 && dlclose(m) == 0);
	c = dlopen("libm.so.6", RTLD_NOW);
	T_CHECK(c);
	printf("again %p\n", dlsym(c, "sin"));
	return 0;
}
