/*
 * Shell pipelines with background children, run by system, popen and exec of sh. Shows
 * that several processes with pipes between them are replayed together.
 */
#include "victim.h"

static void run(const char *script, int expected)
{
	printf("$ %s\n", script);
	fflush(NULL);
	int status = system(script);
	T_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == expected);
}

int main(void)
{
	char line[256];

	run("echo $$; exit 3", 3);
	run("seq 1 20000 | sort -r | head -n 3 | tr '\\n' ' '; echo", 0);
	run("cat /proc/sys/kernel/random/uuid | tee copy | wc -c; cat copy", 0);
	run("for i in 1 2 3; do (echo background $i $(date +%N); exit $i) & done; wait", 0);
	run("sleep 0.02 & p=$!; echo child $p; kill $p; wait $p", 143);
	run("trap 'echo trapped; exit 6' USR1; kill -USR1 $$; sleep 5", 6);
	run("trap 'echo bye $$' EXIT; exit 2", 2);
	run("yes | head -n 100000 | cksum", 0);
	run("mkfifo f; (echo through the fifo $$ >f) & cat <f; wait", 0);
	run("cat <<EOF\nhere $$ $(date +%s%N)\nEOF", 0);
	run("false | true", 0);
	run("ls /nonexistent 2>/dev/null; [ $? = 2 ] && echo two", 0);
	run("exec 5<>both; echo both $$ >&5; cat both; cat <&5", 0);
	run("x=$(echo $(echo $(sh -c 'echo $$ $PPID'))); echo nested $x", 0);
	run("(sleep 0.01; date +%N > late) & wait; cat late", 0);
	FILE *f = popen("for i in 1 2 3; do echo line $i of $$; done | tac", "r");
	T_CHECK(f);
	while (fgets(line, sizeof(line), f))
		printf("popen: %s", line);
	T_CHECK(pclose(f) == 0);
	fflush(NULL);
	execl("/bin/sh", "sh", "-c", "printf '%s\\n' a b c | while read x; do echo $x $$; done",
	      (char *)NULL);
	return 1;
}
