/*
 * See playback_start.h: the stored files under the names by which the runtime asks for them,
 * and the recorded command, by the loader or, without dispatch, by the live one.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/descendants.h"
#include "tools/installed.h"
#include "tools/replay/playback_start.h"
#include "tools/store.h"
#include "tracefmt/header.h"
#include "tracefmt/wire.h"

enum {
	NAME_MAX_LEN = 200, /* of one path component made up for exec */
	TASK_MIN = 16,	    /* processes and threads that any replay may have */
	TASK_BYTES = 24,    /* of its streams, at least, for each */
	TASK_MAX = 8192,
};

/* The processes find it there by both numbers. False: there is no such shadow, or it is another file's. */
static bool name_shadow(struct session *s, uint32_t shadow, uint32_t file)
{
	uint32_t *bucket = session_shadow_bucket(s, 0, file);
	struct shadow_entry *e;

	if (shadow > SHADOW_COUNT)
		return false;
	e = session_shadow(s, shadow - 1);
	if (e->file)
		return false;
	*e = (struct shadow_entry){.id = shadow, .file = file, .next = *bucket};
	*bucket = shadow;
	if (s->shadow_count < shadow)
		s->shadow_count = shadow;
	return true;
}

int start_link_files(struct playback *r)
{
	struct file_identity none = {0};
	char path[PATH_MAX], target[PATH_MAX + 64];
	uint32_t written = 0;
	bool ok;
	FILE *index;

	snprintf(path, sizeof(path), "%s" SESSION_INDEX_NAME, r->session.dir);
	index = fopen(path, "wxe");
	ok = index && fwrite(&none, sizeof(none), 1, index) == 1;
	for (size_t i = 0; ok && i < deja_file_count(r->rec); i++) {
		const struct deja_file *f = deja_file_at(r->rec, i);
		const struct file_identity id = {.dev = f->dev,
						 .ino = f->ino,
						 .size = f->size,
						 .mtime_ns = (uint64_t)f->mtime_ns};

		snprintf(path, sizeof(path), "%s/f%u", r->session.dir, f->id);
		snprintf(target, sizeof(target), "%s/f/%s", r->path, f->hash);
		if (f->id != ++written) {
			cmd_error("%s: its list of files is damaged", r->path);
			fclose(index);
			return CMD_UNREADABLE;
		}
		if (f->shadow && !name_shadow(r->session.shared, f->shadow, f->id)) {
			cmd_error("%s: its list of files is damaged", r->path);
			fclose(index);
			return CMD_UNREADABLE;
		}
		ok = symlink(target, path) == 0 && fwrite(&id, sizeof(id), 1, index) == 1;
	}
	if (index && fclose(index))
		ok = false;
	if (!ok)
		session_cannot_hold(path, errno);
	return ok ? 0 : CMD_CANNOT_RUN;
}

/* A path of exactly `len` characters, relative to a new directory in *cwd, that leads to
 * stored file `id` (why: replayer/image.c). False with errno. len: 1 to PATH_MAX - 1. */
static bool path_of_length(struct playback *r, uint32_t id, size_t len, char *cwd, char *path)
{
	char target[64];
	char *p = path;

	sprintf(cwd, "%s/x%u", r->session.dir, id);
	sprintf(target, "%s/f%u", r->session.dir, id);
	if (mkdir(cwd, 0700) < 0 && errno != EEXIST)
		return false;
	for (; len > NAME_MAX_LEN; len -= 2)
		*p++ = '.', *p++ = '/';
	memset(p, 'x', len);
	p[len] = 0;
	{
		char link[2 * PATH_MAX];

		snprintf(link, sizeof(link), "%s/%s", cwd, p);
		return symlink(target, link) == 0 || errno == EEXIST;
	}
}

static char **strings(const struct deja_bytes *v, size_t count)
{
	char **out = calloc(count + 1, sizeof(*out));

	for (size_t i = 0; out && i < count; i++)
		out[i] = strndup((const char *)v[i].data, v[i].len);
	return out;
}

/* A changed library at its old place would be loaded by the live linker: said before the
 * first event. */
static bool same_content(const char *path, const struct deja_file *f, const struct stat *st)
{
	char hash[STORE_HASH_LEN + 1];

	if ((uint64_t)st->st_size != f->size)
		return false;
	if (st->st_dev == f->dev && st->st_ino == f->ino &&
	    st->st_mtim.tv_sec * 1000000000ll + st->st_mtim.tv_nsec == f->mtime_ns)
		return true;
	return store_hash(path, hash) && !strcmp(hash, f->hash);
}

static bool check_libraries(struct playback *r, const struct tf_image *img)
{
	for (size_t i = 0; i < img->map_count; i++) {
		const struct tf_image_map *m = &img->maps[i];
		const struct deja_file *f = m->file ? deja_file_by_id(r->rec, m->file) : NULL;
		char path[PATH_MAX];
		struct stat st;

		if (!f || f->path[0] != '/' || m->file == img->file || m->path.len >= sizeof(path) ||
		    installed_is_runtime(f->path, strlen(f->path)))
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)m->path.len,
			 (const char *)m->path.data);
		if (stat(path, &st) < 0) {
			cmd_error("cannot replay here: %s: %s (the recording needs it as it "
				  "was)",
				  path, strerror(errno));
			return false;
		}
		if (!same_content(path, f, &st)) {
			cmd_error("cannot replay here: %s is not the file that was recorded: "
				  "its content differs",
				  path);
			return false;
		}
	}
	return true;
}

/* A recording may be anybody's. */
static bool confine(struct playback *r)
{
	char lib[PATH_MAX], text[256];
	uint64_t task_max = TASK_MIN, bytes = 0;

	if (!installed_dir(lib, sizeof(lib)))
		return false;
	for (size_t i = 0; i < r->stream_count; i++)
		bytes += r->streams[i].len;
	/* whoever was recorded has left something in a stream */
	task_max += bytes / TASK_BYTES;
	if (task_max > TASK_MAX)
		task_max = TASK_MAX;
	r->sandboxed = true;
	if (!sandbox_open(&r->sandbox, r->session.dir, r->path, lib,
			  r->session.shared->no_dispatch, task_max))
		return false;
	if (r->verbose)
		cmd_error("sandbox: %s", sandbox_layers(&r->sandbox, text, sizeof(text)));
	else if (!r->sandbox.landlock)
		cmd_error("warning: this kernel has no Landlock: a hostile recording could read and "
			  "write your files");
	return true;
}

static void free_strings(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

/* Starts the command of this image. Returns 0, or the exit status to give. */
static int launch_image(struct playback *r, struct tf_image *img)
{
	struct launch launch = {.in_null = true};
	char *loader_argv[] = {(char *)"deja-loader", NULL};
	char cwd[PATH_MAX], path[PATH_MAX], **argv = NULL, **envp = NULL;
	int exec_errno;

	session_root_slot(&r->session);
	if (!r->session.shared->no_dispatch) {
		snprintf(path, sizeof(path), "%s" SESSION_LOADER_NAME, r->session.dir);
		launch.path = path;
		launch.argv = loader_argv;
		launch.envp = loader_argv + 1;
	} else if (!check_libraries(r, img)) {
		return CMD_CANNOT_RUN;
	}
	if (!r->no_sandbox && !confine(r))
		return CMD_CANNOT_RUN;
	if (!launch.path) {
		bool stored = img->file && img->execfn.len && img->execfn.len < PATH_MAX;

		if (stored && !path_of_length(r, img->file, img->execfn.len, cwd, path)) {
			session_cannot_hold(cwd, errno);
			return CMD_CANNOT_RUN;
		}
		launch.argv = argv = strings(img->argv, img->argc);
		launch.envp = envp = strings(img->envp, img->envc);
		launch.stack_limit = img->stack_limit;
		if (stored)
			launch.cwd = cwd;
		else
			snprintf(path, sizeof(path), "%.*s", (int)img->exe.len,
				 (const char *)img->exe.data);
		launch.path = path;
	}
	launch.sandbox = r->sandboxed ? &r->sandbox : NULL;
	launch.out_fd[0] = r->terminal.out_fd[1];
	launch.out_fd[1] = r->terminal.out_fd[2];
	descendants_adopt();
	r->root = session_launch(&r->session, &launch, &exec_errno);
	free_strings(argv);
	free_strings(envp);
	if (r->root >= 0)
		return 0;
	if (exec_errno)
		cmd_error("cannot replay here: the recorded executable: %s", strerror(exec_errno));
	return CMD_CANNOT_RUN;
}

int start_root(struct playback *r)
{
	struct deja_error err = {0};
	struct deja_event ev;
	struct tf_image img;
	deja_cursor *cur = deja_cursor_open(r->rec, 1, &err);
	int status = cur ? deja_next(cur, &ev, &err) : -1;

	while (status == 1 && (ev.id == TF_EV_NOTE || ev.id == TF_EV_THREAD))
		status = deja_next(cur, &ev, &err);
	if (status < 0) {
		cmd_error("%s: its first stream cannot be read: %s", r->path, err.message);
		status = CMD_UNREADABLE;
	} else if (!status || ev.id != TF_EV_IMAGE ||
		   tf_image_decode(ev.raw.data, ev.raw.len, &img) < 0) {
		cmd_error("%s: the recording does not begin with a program image", r->path);
		status = CMD_UNREADABLE;
	} else {
		status = launch_image(r, &img);
		tf_image_free(&img);
	}
	deja_cursor_close(cur);
	return status;
}
