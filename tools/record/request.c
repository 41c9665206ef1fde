/*
 * What recorded processes ask of the supervisor through their slots: a file to be stored, the
 * session's files to be opened to another user, a look at memory shared with others, output of
 * unrecorded children to be passed on first. The process waits until it is answered.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/record/oracles.h"
#include "tools/record/outside.h"
#include "tools/record/recover.h"
#include "tools/record/track.h"

/* Before an event can name it, a stored file is noted where recover.c finds it: the index itself
 * is written now and then only. fd: the file itself. */
static void note_files(struct supervisor *sv, int fd)
{
	const struct deja_file *files = store_files(sv->store);

	for (; sv->files_noted < store_count(sv->store); sv->files_noted++) {
		recover_note_file(sv->dir, &files[sv->files_noted]);
		oracles_publish(sv, &files[sv->files_noted], fd);
	}
}

/* Whether that is the file that the process asked for: names are another's where the process has
 * namespaces of its own. */
static bool is_asked_for(int fd, const struct file_identity *id)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == id->dev && st.st_ino == id->ino &&
	       (uint64_t)st.st_size == id->size;
}

/* Nothing more can be written where the recording is. */
static bool is_full(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG || error == EROFS;
}

/* False: a file could not be stored for lack of room. Without it the replay would take another way from
 * here on, so the recording ends before this; until then the process waits. */
static bool answer_file_request(struct supervisor *sv, struct slot *slot, int pid)
{
	struct session *shared = sv->session->shared;
	struct deja_error err;
	char path[64], target[4096] = "";
	ssize_t n;
	int fd;
	uint32_t id = 0;

	if (slot->request_fd >= 0) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid,
			 slot->request_fd);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = 0;
	} else {
		/* through the process's own root */
		char *p = slot->request_path;

		p[sizeof(slot->request_path) - 1] = 0;
		if (!strcmp(p, "/proc/self/exe"))
			snprintf(target, sizeof(target), "/proc/%d/exe", pid);
		else
			snprintf(target, sizeof(target), "/proc/%d/root%s",
				 pid, p);
		fd = open(target, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fd = open(p, O_RDONLY | O_CLOEXEC);
		if (!strcmp(p, "/proc/self/exe")) {
			char link[64];

			snprintf(link, sizeof(link), "/proc/%d/exe", pid);
			n = readlink(link, target, sizeof(target) - 1);
			target[n > 0 ? n : 0] = 0;
		} else {
			snprintf(target, sizeof(target), "%s", p);
		}
	}
	if (fd >= 0 && !is_asked_for(fd, &slot->request_identity)) {
		char text[4224];

		close(fd);
		fd = -1;
		snprintf(text, sizeof(text),
			 "a file of process %d, which it has as %s, was not found from outside: a "
			 "replay will lack it",
			 slot->pid, slot->request_fd < 0 ? slot->request_path : target);
		supervisor_warn(sv, text);
	}
	if (fd >= 0) {
		errno = 0;
		id = store_add(sv->store, fd, target, &err);
		if (!id && is_full(errno)) {
			close(fd);
			supervisor_end(sv, &err);
			return false;
		}
		note_files(sv, fd);
		close(fd);
	}
	if (id) {
		uint64_t h = file_cache_index(&slot->request_identity);

		for (unsigned i = 0; i < FILE_CACHE_COUNT / 2;
		     i++, h = (h + 1) & (FILE_CACHE_COUNT - 1)) {
			struct file_cache_entry *e = &shared->files[h];

			if (e->file_id)
				continue;
			e->identity = slot->request_identity;
			__atomic_store_n(&e->file_id, id, __ATOMIC_RELEASE);
			break;
		}
	}
	slot->file_id = id;
	return true;
}

void request_answer(struct supervisor *sv, struct track *t, struct slot *slot)
{
	bool possible;

	switch (slot->request) {
	case REQUEST_FILE:
		/* who asks may be a vfork child */
		if (!answer_file_request(sv, slot,
					 sv->session->shared->pid_namespaces
					     ? track_live_pid(t, slot, &possible)
					     : slot->request_pid))
			return;
		break;
	case REQUEST_ACCESS:
		session_let_in(sv->session, (uid_t)slot->request_fd);
		break;
	case REQUEST_SHARED:
		outside_look(sv);
		break;
	case REQUEST_DRAIN:
		while (external_look(sv))
			;
		break;
	}
	__atomic_store_n(&slot->request, REQUEST_NONE, __ATOMIC_SEQ_CST);
	session_wake(&slot->request);
}
