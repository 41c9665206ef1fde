/*
 * A tracer that asks for its child's registers: the kernel writes them where a vector in memory leads, and
 * says there how many bytes they are. A vector that is nowhere is an error, in a replay, too.
 */
#include "victim.h"
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

int main(void)
{
	struct user_regs_struct regs[2] = {{0}};
	struct iovec room = {regs, sizeof(regs)};
	int to_child[2], to_us[2], status;
	char byte = 0;
	pid_t pid;

	T_CHECK(pipe(to_child) == 0 && pipe(to_us) == 0);
	pid = fork();
	if (pid == 0)
		_exit(write(to_us[1], &byte, 1) == 1 && read(to_child[0], &byte, 1) == 1 ? 7 : 1);
	T_CHECK(pid > 0 && read(to_us[0], &byte, 1) == 1);
	T_CHECK(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0 && ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0);
	T_CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	T_CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &room) == 0);
	T_CHECK(room.iov_len == sizeof(regs[0]) && regs[0].rsp && regs[0].rip && !regs[1].rsp);
	printf("registers %016lx\n", t_hash(regs, sizeof(regs)));
	room.iov_len = 16;
	memset(regs, 0, sizeof(regs));
	T_CHECK(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &room) == 0 && room.iov_len == 16);
	printf("two of them %016lx\n", t_hash(regs, sizeof(regs)));
	T_FAILS(EFAULT, ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8));
	T_CHECK(ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0 && write(to_child[1], &byte, 1) == 1);
	T_CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	return 0;
}
