/*
 * Calls that change this process's own memory or threads are made in the replay as well:
 * protection keys, sealed memory, barriers, the thread's name; and memory of kinds that
 * only newer kernels know.
 */
#include "victim.h"
#include <sys/mman.h>
#include <sys/prctl.h>

enum { LEN = 8192, NR_MSEAL = 462, DROPPABLE = 8 };

static void keys(char *p)
{
	int key = pkey_alloc(0, 0);

	if (key < 0) {
		printf("no protection keys (errno %d)\n", errno);
		return;
	}
	T_CHECK(pkey_mprotect(p, LEN, PROT_READ | PROT_WRITE, key) == 0);
	p[0] = 1;
	T_CHECK(pkey_mprotect(p, LEN, PROT_READ | PROT_WRITE, -1) == 0);
	T_CHECK(pkey_free(key) == 0);
	printf("key %d\n", key);
}

/* It fails where pages are missing, and has written about those before them. */
static void ask_for_pages(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char there[4] = {9, 9, 9, 9};

	T_CHECK(p != MAP_FAILED && munmap(p + 2 * page, page) == 0);
	*p = 1;
	T_FAILS(ENOMEM, mincore(p, 4 * page, there));
	T_CHECK((there[0] & 1) && there[1] != 9 && there[2] == 9 && there[3] == 9);
	printf("pages %d %d %d %d\n", there[0], there[1], there[2], there[3]);
}

int main(void)
{
	char *p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *q, name[16] = "";
	struct timespec same = {0, 1000};

	T_CHECK(p != MAP_FAILED);
	keys(p);
	printf("barrier %ld\n", syscall(SYS_membarrier, 0, 0, 0));
	T_CHECK(prctl(PR_SET_NAME, "victim") == 0 && prctl(PR_GET_NAME, name) == 0);
	T_CHECK(!strcmp(name, "victim"));
	T_CHECK(nanosleep(&same, &same) == 0);
	q = mmap(NULL, LEN, PROT_READ | PROT_WRITE, DROPPABLE | MAP_ANONYMOUS, -1, 0);
	if (q != MAP_FAILED)
		q[0] = 1;
	p[1] = 2;
	printf("%016lx droppable %p, sealed %ld, mprotect %d\n", t_seed(),
	       q == MAP_FAILED ? NULL : (void *)q, syscall(NR_MSEAL, p, LEN, 0),
	       mprotect(p, LEN, PROT_READ));
	T_CHECK(p[1] == 2);
	ask_for_pages();
	return 0;
}
