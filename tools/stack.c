/*
 * See stack.h. Called by the divergence report.
 */
#include <errno.h>
#include <inttypes.h>
#include <libunwind-ptrace.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include "tools/cmd.h"
#include "tools/elf.h"
#include "tools/stack.h"

/* The mapped object an address is in. */
struct object {
	uint64_t start, end, offset;
	char path[256]; /* its name; what is mapped is `file` */
	char file[256];
};

/* Whose stored files are mapped. One report at a time. */
static const deja_recording *names_from;

void stack_names(const deja_recording *rec)
{
	names_from = rec;
}

/* A stored file is called by its content: its name is what the recording says. */
static void name_stored(struct object *object)
{
	const char *name = strrchr(object->path, '/');

	for (size_t i = 0; name && names_from && i < deja_file_count(names_from); i++) {
		const struct deja_file *f = deja_file_at(names_from, i);

		if (strcmp(name + 1, f->hash))
			continue;
		snprintf(object->path, sizeof(object->path), "%s", f->path);
		return;
	}
}

static bool find_object(int32_t tid, uint64_t ip, struct object *object)
{
	char name[64], line[4096];
	bool found = false;
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", (int)tid);
	maps = fopen(name, "re");
	while (maps && !found && fgets(line, sizeof(line), maps)) {
		object->path[0] = '\0';
		if (sscanf(line,
			   "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %255[^\n]",
			   &object->start, &object->end, &object->offset,
			   object->path) < 3)
			continue;
		found = ip >= object->start && ip < object->end;
	}
	if (maps)
		fclose(maps);
	memcpy(object->file, object->path, sizeof(object->file));
	if (found)
		name_stored(object);
	return found;
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

static void print_frame(FILE *out, unsigned number, uint64_t ip, const char *symbol,
			uint64_t offset, const struct object *object)
{
	fprintf(out, "    #%-2u 0x%012" PRIx64, number, ip);
	if (*symbol) {
		fputs(" ", out);
		cmd_print_text(out, symbol);
		fprintf(out, "+0x%" PRIx64, offset);
	}
	if (object && object->path[0]) {
		const char *name = strrchr(object->path, '/');

		fputs(" in ", out);
		cmd_print_text(out, name ? name + 1 : object->path);
		if (!*symbol)
			fprintf(out, "+0x%" PRIx64,
				ip - object->start + object->offset);
	}
	fputc('\n', out);
}

/* The function there by the object's own tables, which know where functions end. False: the
 * object cannot be read. A call may be its function's last instruction. */
static bool own_name(const struct object *object, uint64_t ip, bool innermost, char *symbol,
		     size_t len, unw_word_t *offset)
{
	uint64_t addr, into;
	struct elf_file elf;
	const char *name;

	if (!elf_open(&elf, object->file))
		return false;
	symbol[0] = '\0';
	if (elf_segment(&elf, ip - object->start + object->offset, &addr) &&
	    (name = elf_function(&elf, addr - !innermost, &into))) {
		snprintf(symbol, len, "%s", name);
		*offset = into + !innermost;
	}
	elf_close(&elf);
	return true;
}

static void print_frames(FILE *out, int32_t tid, unw_cursor_t *cur)
{
	unsigned printed = 0;

	/* The bound on rounds keeps a damaged stack from circling in left-out frames.
	 */
	for (unsigned round = 0; round < 4 * STACK_FRAME_MAX; round++) {
		struct object object;
		unw_word_t ip = 0, offset = 0;
		char symbol[256] = "";
		bool known;

		if (printed == STACK_FRAME_MAX) {
			fprintf(out, "    ... (more)\n");
			return;
		}
		if (unw_get_reg(cur, UNW_REG_IP, &ip) < 0 || !ip)
			break;
		known = find_object(tid, ip, &object);
		if (!(known && own_name(&object, ip, !round, symbol, sizeof(symbol), &offset)) &&
		    unw_get_proc_name(cur, symbol, sizeof(symbol), &offset) < 0)
			symbol[0] = '\0';
		if (!known || !strstr(object.path, "/libdeja-"))
			print_frame(out, printed++, ip, symbol, offset,
				    known ? &object : NULL);
		if (unw_step(cur) <= 0)
			break;
	}
	if (!printed)
		fprintf(out, "    no frame could be found\n");
}

/* libunwind reads all registers once, at the start: it is given the program's. One report
 * at a time, so one set of them. */
static const struct stack_regs *program_regs;

static int access_reg(unw_addr_space_t space, unw_regnum_t reg, unw_word_t *value, int write,
		      void *info)
{
	const struct stack_regs *r = program_regs;

	if (write || !r || !r->rip)
		return _UPT_access_reg(space, reg, value, write, info);
	switch (reg) {
	case UNW_X86_64_RIP:
		*value = r->rip;
		return 0;
	case UNW_X86_64_RSP:
		*value = r->rsp;
		return 0;
	case UNW_X86_64_RBP:
		*value = r->rbp;
		return 0;
	case UNW_X86_64_RBX:
		*value = r->rbx;
		return 0;
	case UNW_X86_64_R12:
		*value = r->r12;
		return 0;
	case UNW_X86_64_R13:
		*value = r->r13;
		return 0;
	case UNW_X86_64_R14:
		*value = r->r14;
		return 0;
	case UNW_X86_64_R15:
		*value = r->r15;
		return 0;
	}
	return _UPT_access_reg(space, reg, value, write, info);
}

static void unwind(FILE *out, int32_t tid)
{
	unw_accessors_t accessors = _UPT_accessors;
	unw_addr_space_t space;
	void *info = _UPT_create(tid);
	unw_cursor_t cur;

	accessors.access_reg = access_reg;
	space = unw_create_addr_space(&accessors, 0);
	if (!space || !info || unw_init_remote(&cur, space, info) < 0)
		fprintf(out, "    not available: its registers cannot be read\n");
	else
		print_frames(out, tid, &cur);
	if (info)
		_UPT_destroy(info);
	if (space)
		unw_destroy_addr_space(space);
}

void stack_print(FILE *out, int32_t tid, const struct stack_regs *regs)
{
	program_regs = regs;
	if (tid <= 0) {
		fprintf(out, "    not available: the process is gone\n");
		return;
	}
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
		fprintf(out, "    not available: process %d may not be traced: %s\n",
			(int)tid, strerror(errno));
		return;
	}
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) || !wait_stopped(tid))
		fprintf(out, "    not available: process %d does not stop: %s\n",
			(int)tid, strerror(errno));
	else
		unwind(out, tid);
	ptrace(PTRACE_DETACH, tid, NULL, NULL);
}
