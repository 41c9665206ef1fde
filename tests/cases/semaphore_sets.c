/*
 * semctl(GETALL) of sets whose size a replay knows and of others: made here, opened by a number that is
 * less than theirs, asked for, more than it remembers, of a parent, and of another namespace, in which
 * the first id is given again to a larger set.
 */
#include "victim.h"
#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>

enum { MANY = 80, LARGEST = 300 };
union semun {
	int val;
	unsigned short *array;
	struct semid_ds *buf;
};

static int make(int key, int count, int flags, int first)
{
	int id = semget(key, count, flags | 0600);
	unsigned short values[LARGEST];

	T_CHECK(id >= 0);
	for (int i = 0; i < count; i++)
		values[i] = (unsigned short)(first + i);
	T_CHECK(semctl(id, 0, SETALL, (union semun){.array = values}) == 0);
	return id;
}

static void show(const char *what, int id, int count)
{
	unsigned short values[LARGEST + 1];

	memset(values, 0x5a, sizeof(values));
	T_CHECK(semctl(id, 0, GETALL, (union semun){.array = values}) == 0);
	T_CHECK(values[count] == 0x5a5a);
	printf("%s: %d ... %d\n", what, values[0], values[count - 1]);
	fflush(stdout);
}

static void in_child(void (*run)(int, int), int a, int b)
{
	int status;
	pid_t pid = fork();

	T_CHECK(pid >= 0);
	if (!pid) {
		run(a, b);
		_exit(0);
	}
	T_CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void inherited(int made, int opened)
{
	show("made by the parent", made, 3);
	show("opened by it", opened, 7);
}

static void elsewhere(int a, int b)
{
	if (unshare(CLONE_NEWIPC) < 0)
		return;
	show("elsewhere", make(IPC_PRIVATE, 3, 0, 5), 3);
	T_CHECK(unshare(CLONE_NEWIPC) == 0);
	show("elsewhere again", make(IPC_PRIVATE, LARGEST, 0, 3), LARGEST);
}

int main(void)
{
	int key = getpid() | 0x5d000000, made, opened, many[MANY];
	struct semid_ds ds;

	in_child(elsewhere, 0, 0);
	made = make(IPC_PRIVATE, 3, 0, getpid() % 1000);
	show("made", made, 3);
	opened = make(key, 7, IPC_CREAT, (int)(t_now_ns(CLOCK_REALTIME) % 1000));
	T_CHECK(semget(key, 1, 0) == opened); /* no more are asked for */
	show("opened", opened, 7);
	T_CHECK(semctl(opened, 0, IPC_STAT, (union semun){.buf = &ds}) == 0 && ds.sem_nsems == 7);
	show("asked for", opened, 7);
	in_child(inherited, made, opened);
	for (int i = 0; i < MANY; i++)
		many[i] = make(IPC_PRIVATE, 1 + i, 0, i);
	show("one of many", many[0], 1);
	show("the last of many", many[MANY - 1], MANY);
	show("made long ago", made, 3);
	for (int i = 0; i < MANY; i++)
		T_CHECK(semctl(many[i], 0, IPC_RMID) == 0);
	T_CHECK(semctl(made, 0, IPC_RMID) == 0 && semctl(opened, 0, IPC_RMID) == 0);
	return 0;
}
