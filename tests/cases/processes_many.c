/*
 * Seven hundred processes at once that share memory, each with its own stream and its turns: more than a
 * recorder with a table of 512 has room for. Those beyond ran unrecorded, and what they wrote to the
 * shared memory was missing in the replay.
 */
#include "victim.h"
#include <sys/mman.h>

enum { COUNT = 700 };

struct shared {
	uint32_t count;
	uint64_t sum;
	int64_t seen[COUNT]; /* by child */
};

static void child(struct shared *s, int i, int gate)
{
	char byte;

	T_CHECK(read(gate, &byte, 1) == 0); /* closed: everybody is there */
	s->seen[i] = __atomic_add_fetch(&s->count, 1, __ATOMIC_SEQ_CST) + (t_now_ns(CLOCK_REALTIME) & 0xfff);
	__atomic_add_fetch(&s->sum, (uint64_t)s->seen[i] * (uint64_t)(i + 1), __ATOMIC_SEQ_CST);
	_exit(i & 0x3f);
}

int main(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	static pid_t pid[COUNT];
	int gate[2];

	T_CHECK(s != MAP_FAILED && pipe(gate) == 0);
	for (int i = 0; i < COUNT; i++) {
		pid[i] = t_fork();
		if (!pid[i]) {
			close(gate[1]);
			child(s, i, gate[0]);
		}
	}
	T_CHECK(close(gate[1]) == 0);
	for (int i = 0; i < COUNT; i++)
		t_wait_exit(pid[i], i & 0x3f);
	T_CHECK(s->count == COUNT);
	printf("sum %016lx, seen %016lx\n", s->sum, t_hash(s->seen, sizeof(s->seen)));
	return 0;
}
