/*
 * What /proc/self says about memory agrees with the pointers the program has: maps, exe,
 * auxv, stat, dl_iterate_phdr. Shows that what is read by a call and what is true by
 * construction fit together, also when replaying.
 */
#include "victim.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

static struct {
	unsigned long start, end;
	char perms[5], path[256];
} maps[512];
static int count, objects;

static int map_of(const void *p)
{
	for (int i = 0; i < count; i++)
		if ((uintptr_t)p >= maps[i].start && (uintptr_t)p < maps[i].end)
			return i;
	return -1;
}

static void read_maps(void)
{
	char line[1024];
	FILE *f = fopen("/proc/self/maps", "r");

	T_CHECK(f);
	count = 0;
	while (fgets(line, sizeof(line), f) && count < 512) {
		maps[count].path[0] = 0;
		T_CHECK(sscanf(line, "%lx-%lx %4s %*x %*s %*u %255[^\n]", &maps[count].start,
			       &maps[count].end, maps[count].perms, maps[count].path) >= 3);
		count++;
		printf("%s", line);
	}
	fclose(f);
}

static int on_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size, (void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && ph->p_filesz)
			T_CHECK(map_of((void *)(info->dlpi_addr + ph->p_vaddr)) >= 0);
	}
	objects++;
	return 0;
}

int main(int argc, char **argv)
{
	static int data = 1;
	char here, exe[4096] = {0}, buf[4096];
	void *heap = malloc(100);

	(void)argc;
	read_maps();
	int at = map_of(&here);
	T_CHECK(at >= 0 && strcmp(maps[at].path, "[stack]") == 0);
	at = map_of(heap);
	T_CHECK(at >= 0 && strcmp(maps[at].path, "[heap]") == 0);
	T_CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	at = map_of((void *)main);
	T_CHECK(at >= 0 && strcmp(maps[at].path, exe) == 0 && maps[at].perms[2] == 'x');
	at = map_of(&data);
	T_CHECK(at >= 0 && maps[at].perms[1] == 'w');
	at = map_of((void *)getauxval(AT_SYSINFO_EHDR));
	/* A recorder may have moved the one that the kernel labels. */
	T_CHECK(at >= 0 && memcmp((void *)getauxval(AT_SYSINFO_EHDR), "\177ELF", 4) == 0);
	at = map_of((void *)getauxval(AT_PHDR));
	T_CHECK(at >= 0 && strcmp(maps[at].path, exe) == 0);
	T_CHECK(map_of((void *)getauxval(AT_BASE)) >= 0 && map_of((void *)getauxval(AT_ENTRY)) >= 0);
	T_CHECK(dl_iterate_phdr(on_object, NULL) == 0 && objects >= 3);
	printf("%d maps, %d objects, heap %p\n", count, objects, heap);

	/* The auxiliary vector in the file is the one in memory. */
	int fd = open("/proc/self/auxv", O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf));
	T_CHECK(n > 0 && n % (ssize_t)sizeof(Elf64_auxv_t) == 0);
	for (Elf64_auxv_t *a = (void *)buf; (char *)a < buf + n && a->a_type; a++)
		/* libc keeps its own idea of AT_HWCAP */
		T_CHECK(a->a_type == AT_HWCAP || getauxval(a->a_type) == a->a_un.a_val);
	close(fd);

	/* Start of stack, arguments and environment by stat. */
	FILE *f = fopen("/proc/self/stat", "r");
	unsigned long start_stack, arg_start;
	T_CHECK(f && fgets(buf, sizeof(buf), f));
	fclose(f);
	char *p = strrchr(buf, ')') + 2;
	for (int i = 3; i < 28; i++)
		p = strchr(p, ' ') + 1;
	start_stack = strtoul(p, NULL, 10);
	for (int i = 28; i < 48; i++)
		p = strchr(p, ' ') + 1;
	arg_start = strtoul(p, NULL, 10);
	T_CHECK(arg_start == 0 || arg_start == (uintptr_t)argv[0]);
	T_CHECK(start_stack == 0 || start_stack < (uintptr_t)argv[0]);
	printf("stat %s", buf);
	f = fopen("/proc/self/status", "r");
	while (fgets(buf, sizeof(buf), f))
		printf("%s", buf);
	fclose(f);
	/* A new mapping appears. */
	char *big = malloc(1 << 20);
	T_CHECK(big);
	read_maps();
	T_CHECK(map_of(big) >= 0);
	return 0;
}
