/*
 * See nspid.h. /proc says under which pids a process is known in its namespaces.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/nspid.h"

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

static bool is_of_session(const char *pid, const char *session_dir)
{
	char path[300], line[4352];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, session_dir) != NULL;
	if (f)
		fclose(f);
	return found;
}

pid_t nspid_outer(pid_t inner, const char *session_dir, bool (*taken)(void *, pid_t), void *arg,
		  bool *possible)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;
	char own[16];

	*possible = false;
	while (d && !found && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]) ||
		    !is_known_as(e->d_name, (int)inner, true) || taken(arg, atoi(e->d_name)))
			continue;
		*possible = true;
		if (is_of_session(e->d_name, session_dir))
			found = atoi(e->d_name);
	}
	if (d)
		closedir(d);
	snprintf(own, sizeof(own), "%d", (int)inner);
	if (!found && is_known_as(own, (int)inner, false) && !taken(arg, inner)) {
		*possible = true;
		if (is_of_session(own, session_dir))
			found = inner;
	}
	return found;
}
