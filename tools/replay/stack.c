/*
 * See stack.h. Called by the divergence report.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tools/installed.h"
#include "tools/space.h"
#include "tools/replay/stack.h"
#include "tools/replay/stacks.h"
#include "tools/replay/unwind.h"

enum { STACK_LEN = 1 << 20 };

/* A stored file is mapped by its content's name. 0: it is none. */
static uint32_t stored_file(deja_recording *rec, const char *path)
{
	const char *name = strrchr(path, '/');

	for (size_t i = 0; name && i < deja_file_count(rec); i++)
		if (!strcmp(name + 1, deja_file_at(rec, i)->hash))
			return deja_file_at(rec, i)->id;
	return 0;
}

/* What the live process has mapped of stored files and of ours. */
static bool read_space(struct space *s, int32_t tid, deja_recording *rec)
{
	char name[64], line[PATH_MAX + 128];
	bool ok = true;
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", (int)tid);
	maps = fopen(name, "re");
	while (maps && ok && fgets(line, sizeof(line), maps)) {
		struct space_map m = {0};
		int path = 0;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n", &m.start,
			   &m.end, &m.offset, &path) < 3 || !path)
			continue;
		line[strcspn(line, "\n")] = 0;
		m.file = stored_file(rec, line + path);
		m.runtime = installed_is_runtime(line + path, strlen(line + path));
		if (m.file || m.runtime)
			ok = space_add(s, m);
	}
	if (maps)
		fclose(maps);
	return maps && ok;
}

/* Bytes from sp on, as far as the stack goes. */
static size_t read_stack(int32_t tid, uint64_t sp, uint8_t *bytes)
{
	char name[64];
	ssize_t n = -1;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/mem", (int)tid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = pread(fd, bytes, STACK_LEN, (off_t)sp);
		close(fd);
	}
	return n < 0 ? 0 : (size_t)n;
}

static void print_frames(FILE *out, int32_t tid, const struct stack_regs *r, deja_recording *rec,
			 const char *rec_path)
{
	const uint64_t reg[8] = {r->rip, r->rsp, r->rbp, r->rbx, r->r12, r->r13, r->r14, r->r15};
	static struct unwind_frame frame[UNWIND_FRAME_MAX];
	char runtime[PATH_MAX];
	struct space space = {0};
	uint8_t *bytes = malloc(STACK_LEN);
	struct unwinder *u =
		unwinder_open(rec, rec_path,
			      installed_part(SESSION_REPLAY_OBJECT, runtime, sizeof(runtime)) ? runtime
											   : NULL);
	size_t count = 0;

	if (bytes && u && read_space(&space, tid, rec))
		count = unwind(u, &space, reg, bytes, read_stack(tid, r->rsp, bytes), frame);
	if (count)
		stacks_print(out, frame, count);
	else
		fprintf(out, "    no frame could be found\n");
	if (u)
		unwinder_close(u);
	space_free(&space);
	free(bytes);
}

/* Waits until the thread is stopped, at most a second. Its exit is left to whoever
 * waits for it. */
static bool wait_stopped(int32_t tid)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	for (int i = 0; i < 200; i++) {
		siginfo_t info = {0};

		if (waitid(P_PID, (id_t)tid, &info, WSTOPPED | WNOHANG | __WALL))
			return false;
		if (info.si_pid == tid)
			return true;
		nanosleep(&pause, NULL);
	}
	errno = ETIMEDOUT;
	return false;
}

static void print_live(FILE *out, int32_t tid, deja_recording *rec, const char *rec_path)
{
	struct user_regs_struct user;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
		fprintf(out, "    not available: process %d may not be traced: %s\n",
			(int)tid, strerror(errno));
		return;
	}
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) || !wait_stopped(tid) ||
	    ptrace(PTRACE_GETREGS, tid, NULL, &user))
		fprintf(out, "    not available: process %d does not stop: %s\n",
			(int)tid, strerror(errno));
	else
		print_frames(out, tid,
			     &(struct stack_regs){user.rip, user.rsp, user.rbp, user.rbx, user.r12,
						  user.r13, user.r14, user.r15},
			     rec, rec_path);
	ptrace(PTRACE_DETACH, tid, NULL, NULL);
}

void stack_print(FILE *out, int32_t tid, const struct stack_regs *regs, deja_recording *rec,
		 const char *rec_path)
{
	if (tid <= 0 || !rec)
		fprintf(out, "    not available: the process is gone\n");
	else if (regs->rip)
		print_frames(out, tid, regs, rec, rec_path);
	else
		print_live(out, tid, rec, rec_path);
}
