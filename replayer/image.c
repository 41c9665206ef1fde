/*
 * Program images on replay: executing what the recording executed. The loader (replayer/loader/)
 * lays out the image from the stream alone.
 *
 * Without system call dispatch the loader cannot serve the dynamic linker: the recorded file
 * itself is executed then, with this machine's libraries. The kernel copies the path given to exec
 * to the top of the stack. So that every string below it lands where it did, exec is given a path
 * of the recorded length: a link in the session's directory to the stored executable. The text is
 * put right at start-up.
 */
#include <sys/syscall.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <fcntl.h>
#include <elf.h>
#include "replay.h"
#include "image.h"

#define EXEC_ROOM (DJ_PRIVATE + 0x800000000ul)

enum { PATH_ROOM = 4096, NAME_MAX_LEN = 200 };

static bool key_is(const uint8_t *key, uint32_t len, const char *name)
{
	return dj_strlen(name) == len && !dj_compare(key, name, len);
}

/* An array: its first element; `in` moves behind it. */
static struct tf_in list(struct tf_in *in, uint32_t *count)
{
	struct tf_in first;

	*count = tf_get_array(in);
	first = *in;
	for (uint32_t i = 0; i < *count && !in->bad; i++)
		tf_skip(in);
	return first;
}

bool image_decode(const struct event *ev, struct image *img)
{
	struct tf_in in = ev->in;
	uint32_t keys, len;

	dj_zero(img, sizeof(*img));
	tf_get_int(&in); /* dt */
	keys = tf_get_map(&in);
	for (uint32_t i = 0; i < keys && !in.bad; i++) {
		const uint8_t *key = tf_get_bytes(&in, &len);

		if (key_is(key, len, "execfn")) {
			img->execfn = tf_get_bytes(&in, &img->execfn_len);
		} else if (key_is(key, len, "exe")) {
			img->exe = tf_get_bytes(&in, &img->exe_len);
		} else if (key_is(key, len, "argv")) {
			img->argv = list(&in, &img->argc);
		} else if (key_is(key, len, "envp")) {
			img->envp = list(&in, &img->envc);
		} else if (key_is(key, len, "maps")) {
			img->maps = list(&in, &img->map_count);
		} else if (key_is(key, len, "objects")) {
			img->objects = list(&in, &img->object_count);
		} else if (key_is(key, len, "reads")) {
			img->reads = list(&in, &img->read_count);
		} else if (key_is(key, len, "directories")) {
			img->directories = list(&in, &img->directory_count);
		} else if (key_is(key, len, "oracles")) {
			img->oracles = list(&in, &img->oracle_count);
		} else if (key_is(key, len, "cwd")) {
			img->cwd = tf_get_bytes(&in, &img->cwd_len);
		} else if (key_is(key, len, "auxv")) {
			img->auxv = tf_get_bytes(&in, &img->auxv_len);
		} else if (key_is(key, len, "random")) {
			img->random = tf_get_bytes(&in, &img->random_len);
		} else if (key_is(key, len, "sp")) {
			img->sp = (uint64_t)tf_get_int(&in);
		} else if (key_is(key, len, "brk")) {
			img->brk = (uint64_t)tf_get_int(&in);
		} else if (key_is(key, len, "pid")) {
			img->pid = (int32_t)tf_get_int(&in);
		} else if (key_is(key, len, "tid")) {
			img->tid = (int32_t)tf_get_int(&in);
		} else if (key_is(key, len, "file")) {
			img->file = (uint32_t)tf_get_int(&in);
		} else if (key_is(key, len, "trap_tsc")) {
			img->trap_tsc = (uint32_t)tf_get_int(&in);
		} else if (key_is(key, len, "stack_limit")) {
			img->stack_limit = (uint64_t)tf_get_int(&in);
		} else {
			tf_skip(&in);
		}
	}
	return !in.bad && ev->id == TF_EV_IMAGE;
}

/* A path of exactly `len` characters that leads to stored file `id`; the working directory
 * is moved, which the program does not see. */
static bool path_of_length(uint32_t id, uint32_t len, char *path)
{
	char dir[SESSION_DIR_LEN + 16], target[SESSION_DIR_LEN + 16], *p;

	dj_copy(dir, RT->dir, SESSION_DIR_LEN);
	dj_copy(target, RT->dir, SESSION_DIR_LEN);
	p = target + SESSION_DIR_LEN;
	*p++ = '/', *p++ = 'f';
	*dj_put_dec(p, id) = 0;
	p = dir + SESSION_DIR_LEN;
	*p++ = '/', *p++ = 'x';
	*dj_put_dec(p, id) = 0;
	dj_raw(SYS_mkdir, dir, 0700);
	if (dj_raw(SYS_chdir, dir) < 0 || !len || len >= PATH_ROOM)
		return false;
	p = path;
	while (len > NAME_MAX_LEN) {
		*p++ = '.', *p++ = '/';
		len -= 2;
	}
	for (uint32_t i = 0; i < len; i++)
		p[i] = 'x';
	p[len] = 0;
	dj_raw(SYS_symlink, target, p);
	return true;
}

/* The loader takes everything from the stream. */
static long exec_loader(const struct slot *slot)
{
	char path[SESSION_DIR_LEN + 16], name[] = "deja-loader", env[128];
	char *argv[] = {name, NULL}, *envp[] = {env, NULL};

	dj_copy(path, RT->dir, SESSION_DIR_LEN);
	dj_copy(path + SESSION_DIR_LEN, SESSION_LOADER_NAME, sizeof(SESSION_LOADER_NAME));
	slot_env_put(env, slot);
	return dj_raw(SYS_execve, path, argv, envp);
}

long image_exec(struct thread *t, const struct image *img, const struct slot *slot)
{
	static const char preload[] = SESSION_ENV_PRELOAD;
	struct tf_in in;
	size_t room = ((size_t)img->argc + img->envc + 16) * sizeof(char *) + 8192;
	char **argv, **envp, *text, path[PATH_ROOM];
	bool own_preload = false;
	struct rlimit limit;
	uint32_t len;

	if (!RT->session->no_dispatch)
		return exec_loader(slot);
	in = img->argv;
	for (uint32_t i = 0; i < img->argc + img->envc; i++) {
		if (i == img->argc)
			in = img->envp;
		tf_get_bytes(&in, &len);
		room += len + 128;
	}
	room = (room + 4095) & ~4095ul;
	if (dj_raw(SYS_mmap, EXEC_ROOM, room, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (long)EXEC_ROOM)
		return -12;
	argv = (char **)EXEC_ROOM;
	envp = argv + img->argc + 1;
	text = (char *)(envp + img->envc + 8);
	in = img->argv;
	for (uint32_t i = 0; i < img->argc; i++) {
		const uint8_t *s = tf_get_bytes(&in, &len);

		argv[i] = text;
		dj_copy(text, s, len);
		text += len;
		*text++ = 0;
	}
	argv[img->argc] = NULL;
	in = img->envp;
	for (uint32_t i = 0; i < img->envc; i++) {
		const uint8_t *s = tf_get_bytes(&in, &len);

		if (len >= sizeof(preload) - 1 && !dj_compare(s, preload, sizeof(preload) - 1))
			own_preload = true;
	}
	*envp++ = text;
	text = slot_env_put(text, slot);
	*envp++ = text;
	text = dj_put_text(text, text + 64, own_preload ? SESSION_ENV_PAD : preload);
	if (!own_preload) {
		text = dj_put_text(text, text + 64, RT->dir);
		text = dj_put_text(text, text + 64, SESSION_SO_NAME);
	}
	*text++ = 0;
	in = img->envp;
	for (uint32_t i = 0; i < img->envc; i++) {
		const uint8_t *s = tf_get_bytes(&in, &len);
		size_t skip = 0;

		*envp++ = text;
		if (len >= sizeof(preload) - 1 &&
		    !dj_compare(s, preload, sizeof(preload) - 1)) {
			text = dj_put_text(text, text + 64, preload);
			text = dj_put_text(text, text + 64, RT->dir);
			text = dj_put_text(text, text + 64, SESSION_SO_NAME);
			*text++ = ':';
			skip = sizeof(preload) - 1;
		}
		dj_copy(text, s + skip, len - skip);
		text += len - skip;
		*text++ = 0;
	}
	*envp = NULL;
	if (!dj_raw(SYS_prlimit64, 0, RLIMIT_STACK, 0, &limit)) {
		limit.rlim_cur = img->stack_limit;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		dj_raw(SYS_prlimit64, 0, RLIMIT_STACK, &limit, 0);
	}
	if (!img->file || !path_of_length(img->file, img->execfn_len, path)) {
		if (img->exe_len >= sizeof(path))
			return -36;
		dj_copy(path, img->exe, img->exe_len);
		path[img->exe_len] = 0;
	}
	return dj_raw(SYS_execve, path, argv, (char **)EXEC_ROOM + img->argc + 1);
}
