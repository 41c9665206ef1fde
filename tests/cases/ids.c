/*
 * Identity: pids, users, groups, host, directory, limits of the machine. Shows that the
 * recorded ones are given, whatever the replaying process has.
 */
#include "victim.h"
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

int main(void)
{
	uid_t r, e, s;
	gid_t groups[NGROUPS_MAX];
	struct utsname un;
	struct sysinfo si;
	char buf[PATH_MAX], name[17] = {0};
	cpu_set_t cpus;

	printf("pid %d ppid %d tid %d pgid %d sid %d\n", getpid(), getppid(), gettid(),
	       getpgrp(), getsid(0));
	T_CHECK(getpid() == gettid() && syscall(SYS_getpid) == getpid());
	T_CHECK(getpgid(0) == getpgrp() && kill(getpid(), 0) == 0);
	T_CHECK(getresuid(&r, &e, &s) == 0 && r == getuid() && e == geteuid());
	printf("uid %d %d %d ", r, e, s);
	T_CHECK(getresgid(&r, &e, &s) == 0 && r == getgid() && e == getegid());
	printf("gid %d %d %d fs %d %d\n", r, e, s, setfsuid((uid_t)-1), setfsgid((gid_t)-1));
	int n = getgroups(0, NULL);
	T_CHECK(n >= 0 && getgroups(NGROUPS_MAX, groups) == n);
	printf("groups %d %016lx\n", n, t_hash(groups, (size_t)n * sizeof(gid_t)));
	T_CHECK(uname(&un) == 0 && gethostname(buf, sizeof(buf)) == 0);
	T_CHECK(strcmp(buf, un.nodename) == 0);
	printf("%s %s %s %s %s\n", un.sysname, un.nodename, un.release, un.version, un.machine);
	T_CHECK(getdomainname(buf, sizeof(buf)) == 0);
	T_CHECK(getcwd(buf, sizeof(buf)) == buf && buf[0] == '/');
	printf("cwd %s\n", buf);
	T_CHECK(getcwd(buf, 2) == NULL && errno == ERANGE);
	char *cwd = get_current_dir_name();
	T_CHECK(cwd);
	free(cwd);
	mode_t old = umask(077);
	T_CHECK(umask(old) == 077);
	printf("umask %03o nice %d\n", old, getpriority(PRIO_PROCESS, 0));
	T_CHECK(sysinfo(&si) == 0);
	printf("uptime %ld load %lu free %lu procs %d\n", si.uptime, si.loads[0], si.freeram,
	       si.procs);
	T_CHECK(sched_getaffinity(0, sizeof(cpus), &cpus) == 0);
	printf("cpus %d online %ld pages %ld of %ld\n", CPU_COUNT(&cpus),
	       sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_AVPHYS_PAGES), sysconf(_SC_PAGESIZE));
	printf("policy %d min %d\n", sched_getscheduler(0), sched_get_priority_min(SCHED_FIFO));
	T_CHECK(prctl(PR_GET_NAME, name) == 0);
	printf("name %s\n", name);
	T_CHECK(prctl(PR_SET_NAME, "renamed") == 0 && prctl(PR_GET_NAME, name) == 0);
	T_CHECK(strcmp(name, "renamed") == 0 && prctl(PR_GET_DUMPABLE) >= 0);
	T_CHECK(prctl(PR_SET_PDEATHSIG, 0) == 0);
	T_FAILS(EINVAL, prctl(12345, 0, 0, 0, 0));
	T_FAILS(ESRCH, getpgid(0x3ffffff));
	T_FAILS(ESRCH, kill(0x3ffffff, 0));
	double load[3];
	T_CHECK(getloadavg(load, 3) == 3);
	printf("load %.2f\n", load[0]);
	pid_t pid = t_fork();
	if (pid == 0) {
		printf("child %d of %d\n", getpid(), getppid());
		T_CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
		T_CHECK(setsid() == -1 && errno == EPERM);
		exit(0);
	}
	t_wait_exit(pid, 0);
	return 0;
}
