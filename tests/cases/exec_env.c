/*
 * exec in all its forms, with an empty environment too, and by script. Shows that the next
 * image is recorded and replayed although nothing in its environment asks for it.
 */
#include "victim.h"
#include <sys/auxv.h>

extern char **environ;

/* The later image: prints itself. argv[1] says what must be true. */
static int later(int argc, char **argv)
{
	int count = 0;

	for (char **e = environ; *e; e++, count++)
		printf("  env %s\n", *e);
	printf("  image %s argc %d argv0 %s pid %d execfn %s at %ld\n", argv[1], argc, argv[0],
	       getpid(), (char *)getauxval(AT_EXECFN), (long)t_now_ns(CLOCK_REALTIME));
	if (strcmp(argv[1], "empty") == 0)
		T_CHECK(count == 0);
	if (strcmp(argv[1], "one") == 0)
		T_CHECK(count == 1 && strcmp(environ[0], "ONLY=this") == 0);
	if (strcmp(argv[1], "chain") == 0 && argv[2][0] > '0') {
		argv[2][0]--;
		fflush(NULL);
		execve("/proc/self/exe", argv, (char *[]){NULL});
		T_CHECK(!"exec returned");
	}
	return 20;
}

typedef void exec_fn(const char *self, char **argv);
static char *none[] = {NULL}, *one[] = {"ONLY=this", NULL};

static void by_execve_empty(const char *self, char **argv)
{
	execve(self, argv, none);
}
static void by_execve_null(const char *self, char **argv)
{
	syscall(SYS_execve, self, argv, NULL);
}
static void by_execve_one(const char *self, char **argv)
{
	execve(self, argv, one);
}
static void by_execv(const char *self, char **argv)
{
	T_CHECK(clearenv() == 0 && setenv("ONLY", "this", 1) == 0);
	execv(self, argv);
}
static void by_execl(const char *self, char **argv)
{
	execl(self, "any name", argv[1], (char *)NULL);
}
static void by_execle(const char *self, char **argv)
{
	execle(self, "le", argv[1], (char *)NULL, one);
}
static void by_execvp(const char *self, char **argv)
{
	T_CHECK(setenv("PATH", "/nonexistent:.", 1) == 0 && symlink(self, "linked") == 0);
	execvp("linked", argv);
}
static void by_execvpe(const char *self, char **argv)
{
	execvpe(self, argv, one);
}
static void by_fexecve(const char *self, char **argv)
{
	fexecve(open(self, O_RDONLY | O_CLOEXEC), argv, none);
}
static void by_execveat(const char *self, char **argv)
{
	int fd = open("/proc/self", O_PATH | O_DIRECTORY);

	T_CHECK(fd >= 0 && self);
	syscall(SYS_execveat, fd, "exe", argv, one, 0);
}
static void by_script(const char *self, char **argv)
{
	char text[600];

	snprintf(text, sizeof(text), "#!%s script\n", self);
	t_make_file("script", text);
	T_CHECK(chmod("script", 0755) == 0);
	execve("./script", argv, none);
}
static void by_shell_script(const char *self, char **argv)
{
	t_make_file("sh-script", "#!/bin/sh -e\nexec \"$1\" \"$2\"\n");
	T_CHECK(chmod("sh-script", 0755) == 0);
	execle("./sh-script", "ignored", self, argv[1], (char *)NULL, one);
}

static const struct {
	const char *name, *want;
	exec_fn *go;
} forms[] = {{"execve, nothing", "empty", by_execve_empty},
	     {"execve, NULL", "empty", by_execve_null},
	     {"execve, one", "one", by_execve_one},
	     {"execv", "one", by_execv},
	     {"execl", "any", by_execl},
	     {"execle", "one", by_execle},
	     {"execvp", "any", by_execvp},
	     {"execvpe", "one", by_execvpe},
	     {"fexecve", "empty", by_fexecve},
	     {"execveat", "one", by_execveat},
	     {"script", "any", by_script},
	     {"shell script", "any", by_shell_script}};

int main(int argc, char **argv)
{
	char self[4096] = {0};

	if (argc > 1)
		return later(argc, argv);
	T_CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		printf("%s\n", forms[i].name);
		pid_t pid = t_fork();
		if (pid == 0) {
			char *args[] = {"victim", (char *)forms[i].want, NULL};

			forms[i].go(self, args);
			T_CHECK(!"exec returned");
		}
		t_wait_exit(pid, 20);
	}
	/* Five images, one after another, in one process. */
	pid_t pid = t_fork();
	if (pid == 0)
		execl(self, "c", "chain", "4", (char *)NULL);
	t_wait_exit(pid, 20);

	/* The process itself becomes another program; a descriptor and the pid stay. */
	int fd = open("kept", O_CREAT | O_RDWR, 0600);
	char script[200];
	snprintf(script, sizeof(script), "echo kept %d is $$ >&%d; cat kept; exit 0", getpid(), fd);
	fflush(NULL);
	execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	return 1;
}
