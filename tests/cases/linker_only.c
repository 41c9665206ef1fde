/*
 * Images of which only the dynamic linker runs: ldd's way of asking, --help and --verify of
 * the linker itself, a library that is missing. Shows that an image in which no
 * constructor ever runs ends as it does natively and holds nothing up.
 */
#include "victim.h"

static void run(const char *command, int expected)
{
	char line[512];
	int lines = 0;

	fflush(NULL);
	FILE *f = popen(command, "r");
	T_CHECK(f);
	while (fgets(line, sizeof(line), f))
		lines++;
	int status = pclose(f);
	T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == expected);
	T_CHECK(lines > 0);
	printf("%s: %d lines, then %d\n", command, lines, WEXITSTATUS(status));
}

int main(void)
{
	printf("pid %d\n", getpid());
	run("LD_TRACE_LOADED_OBJECTS=1 /bin/true", 0);
	run("/lib64/ld-linux-x86-64.so.2 --version", 0);
	run("/lib64/ld-linux-x86-64.so.2 --verify /bin/true && echo good", 0);
	run("LD_BIND_NOW=1 /lib64/ld-linux-x86-64.so.2 /bin/echo through the linker $$", 0);
	run("/lib64/ld-linux-x86-64.so.2 ./none 2>&1", 127);
	printf("still %d\n", getpid());
	return 0;
}
