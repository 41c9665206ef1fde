/*
 * See nspid.h. /proc says under which pids a process is known in its namespaces.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/record/nspid.h"

/* "NSpid:	1234	7	1": the pid here, then in every namespace further in; nested:
 * whether there are such. */
static bool is_known_as(const char *pid, int inner, bool nested)
{
	char path[300], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *last;

		if (strncmp(line, "NSpid:", 6))
			continue;
		last = strrchr(line, '\t');
		found = last && (last > line + 6) == nested && atoi(last) == inner;
		break;
	}
	if (f)
		fclose(f);
	return found;
}

/* When it began, in clock ticks since boot; 0: not known. */
static unsigned long long started(const char *pid)
{
	char path[300], text[1024];
	unsigned long long at = 0;
	const char *p = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	f = fopen(path, "re");
	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = 0;
		p = strrchr(text, ')'); /* the second field, which may hold anything */
		fclose(f);
	}
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p)
		at = strtoull(p, NULL, 10);
	return at;
}

/* No process of the tree is older than its supervisor. */
static bool is_older(const char *pid, bool dead)
{
	return !dead && started(pid) < started("self");
}

/* Of its threads any that lives tells; the first may have ended. */
static bool is_of_session(const char *pid, const char *session_dir)
{
	char path[600], line[4352];
	bool found = false, told = false;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	d = opendir(path);
	while (d && !told && (e = readdir(d))) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/task/%s/maps", pid, e->d_name);
		f = isdigit((unsigned char)e->d_name[0]) ? fopen(path, "re") : NULL;
		while (f && !found && fgets(line, sizeof(line), f)) {
			told = true;
			found = strstr(line, session_dir) != NULL;
		}
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return found;
}

bool nspid_is_of_session(pid_t pid, const char *session_dir)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", (int)pid);
	return is_of_session(name, session_dir);
}

pid_t nspid_outer(pid_t inner, const char *session_dir, bool dead, bool (*taken)(void *, pid_t),
		  void *arg, bool *possible)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;
	char own[16];

	*possible = false;
	while (d && !found && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]) ||
		    !is_known_as(e->d_name, (int)inner, true) || (taken && taken(arg, atoi(e->d_name))) ||
		    is_older(e->d_name, dead))
			continue;
		*possible = true;
		if (is_of_session(e->d_name, session_dir))
			found = atoi(e->d_name);
	}
	if (d)
		closedir(d);
	snprintf(own, sizeof(own), "%d", (int)inner);
	if (!found && is_known_as(own, (int)inner, false) && !(taken && taken(arg, inner)) &&
	    !is_older(own, dead)) {
		*possible = true;
		if (is_of_session(own, session_dir))
			found = inner;
	}
	return found;
}
