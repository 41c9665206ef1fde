/*
 * Processes that know themselves by another pid than we do: in a pid namespace of their own.
 */
#ifndef DEJA_TOOLS_NSPID_H
#define DEJA_TOOLS_NSPID_H

#include <stdbool.h>
#include <sys/types.h>

/* The pid here of a process of this session that knows itself as `inner`, in a namespace of its own
 * or in ours; 0: none is seen, which may be for the moment, as in the middle of an exec. *possible: a
 * process is there that may be it. taken(arg, pid): that one is known to be another; NULL: none is. dead: the caller is
 * not the session's supervisor, which is gone. */
pid_t nspid_outer(pid_t inner, const char *session_dir, bool dead, bool (*taken)(void *, pid_t),
		  void *arg, bool *possible);

/* Whether the process maps the session, as far as it can be read. */
bool nspid_is_of_session(pid_t pid, const char *session_dir);

#endif
