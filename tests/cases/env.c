/*
 * The environment: set, cleared, handed to env(1). Shows that a recorded program and its
 * children see exactly the program's own environment, even when that names LD_PRELOAD.
 */
#include "victim.h"

extern char **environ;

/* env's output when run with this environment must be exactly this text. */
static void run_env(char *const env[], const char *expected)
{
	char got[1000];
	int p[2];

	T_CHECK(pipe(p) == 0);
	pid_t pid = t_fork();
	if (pid == 0) {
		T_CHECK(dup2(p[1], 1) == 1);
		close(p[0]), close(p[1]);
		if (env)
			execve("/usr/bin/env", (char *[]){"env", NULL}, env);
		else
			execl("/usr/bin/env", "env", (char *)NULL);
		_exit(1);
	}
	close(p[1]);
	size_t n = t_read_all(p[0], got, sizeof(got) - 1);
	got[n] = 0;
	close(p[0]);
	t_wait_exit(pid, 0);
	if (strcmp(got, expected) != 0) {
		fprintf(stderr, "expected:\n%s\ngot:\n%s\n", expected, got);
		T_CHECK(!"the environment is the program's own");
	}
	printf("%d saw:\n%s", pid, got);
}

int main(void)
{
	for (char **e = environ; *e; e++)
		T_CHECK(strncmp(*e, "DEJA_", 5) != 0 && strncmp(*e, "LD_PRELOAD=", 11) != 0);
	T_CHECK(setenv("VICTIM", "1", 1) == 0 && setenv("VICTIM", "2", 0) == 0);
	T_CHECK(strcmp(getenv("VICTIM"), "1") == 0 && unsetenv("VICTIM") == 0);
	T_CHECK(!getenv("VICTIM") && clearenv() == 0 && !getenv("PATH"));
	run_env(NULL, "");
	T_CHECK(setenv("A", "1", 1) == 0 && putenv("B=two words") == 0);
	run_env(NULL, "A=1\nB=two words\n");
	run_env((char *[]){NULL}, "");
	run_env((char *[]){"Z=last", "A=first", "Z=again", NULL}, "Z=last\nA=first\nZ=again\n");
	run_env((char *[]){"LD_PRELOAD=libm.so.6", "X=1", NULL}, "LD_PRELOAD=libm.so.6\nX=1\n");
	run_env((char *[]){"DEJA_DIR=/somewhere", NULL}, "DEJA_DIR=/somewhere\n");
	char *own[] = {"OWN=array", NULL};
	environ = own;
	run_env(NULL, "OWN=array\n");
	environ = NULL;
	T_CHECK(!getenv("OWN"));
	pid_t pid = t_fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "echo \"$LD_PRELOAD|$DEJA_DIR|$OWN|$$\"", (char *)NULL);
		_exit(1);
	}
	t_wait_exit(pid, 0);
	return 0;
}
