/*
 * Decoding of IMAGE events (FORMAT.md 4.2). Called by the replay tools. malloc.
 */
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "wire.h"

static struct deja_bytes get_bytes(struct tf_in *in)
{
	struct deja_bytes b;
	uint32_t len;

	b.data = tf_get_bytes(in, &len);
	b.len = len;
	return b;
}

static int32_t get_i32(struct tf_in *in)
{
	int64_t v = tf_get_int(in);

	if (v < INT32_MIN || v > INT32_MAX)
		in->bad = 1;
	return (int32_t)v;
}

static uint32_t get_u32(struct tf_in *in)
{
	int64_t v = tf_get_int(in);

	if (v < 0 || v > UINT32_MAX)
		in->bad = 1;
	return (uint32_t)v;
}

/* Room for an array's elements, each at least min_len bytes on the wire: no more is
 * allocated than the bytes at hand can fill. A second array of the same name is an
 * error
 * (*array is set). */
static void *get_list(struct tf_in *in, void *array, size_t size, size_t min_len,
		      size_t *count)
{
	uint32_t n = tf_get_array(in);
	void *list;

	if (in->bad || array || n > (size_t)(in->end - in->p) / min_len) {
		in->bad = 1;
		return array;
	}
	list = calloc((size_t)n + 1, size);
	if (!list)
		in->bad = 1;
	else
		*count = n;
	return list;
}

static struct deja_bytes *get_strings(struct tf_in *in, struct deja_bytes *old,
				      size_t *count)
{
	struct deja_bytes *list = get_list(in, old, sizeof(*list), 1, count);
	size_t i;

	for (i = 0; !in->bad && i < *count; i++)
		list[i] = get_bytes(in);
	return list;
}

static void get_maps(struct tf_in *in, struct tf_image *img)
{
	size_t i;

	img->maps = get_list(in, img->maps, sizeof(*img->maps), 7, &img->map_count);
	for (i = 0; !in->bad && i < img->map_count; i++) {
		struct tf_image_map *m = &img->maps[i];
		uint32_t count = tf_get_array(in);

		if (count < 6) {
			in->bad = 1;
			return;
		}
		m->start = (uint64_t)tf_get_int(in);
		m->end = (uint64_t)tf_get_int(in);
		m->prot = get_u32(in);
		m->offset = (uint64_t)tf_get_int(in);
		m->file = get_u32(in);
		m->path = get_bytes(in);
		if (m->end < m->start)
			in->bad = 1;
		while (count-- > 6 && !in->bad)
			tf_skip(in);
	}
}

int tf_image_decode(const uint8_t *raw, size_t len, struct tf_image *img)
{
	struct tf_in in = {raw, raw + len, 0};
	uint32_t count, key_len;

	memset(img, 0, sizeof(*img));
	count = tf_get_array(&in);
	if (tf_get_int(&in) != TF_EV_IMAGE || count < 3)
		return -1;
	tf_get_int(&in); /* dt */
	count = tf_get_map(&in);
	while (count-- && !in.bad) {
		const char *key = (const char *)tf_get_bytes(&in, &key_len);

#define KEY(name) (key_len == sizeof(name) - 1 && memcmp(key, name, key_len) == 0)
		if (in.bad)
			break;
		else if (KEY("exe"))
			img->exe = get_bytes(&in);
		else if (KEY("execfn"))
			img->execfn = get_bytes(&in);
		else if (KEY("argv"))
			img->argv = get_strings(&in, img->argv, &img->argc);
		else if (KEY("envp"))
			img->envp = get_strings(&in, img->envp, &img->envc);
		else if (KEY("auxv"))
			img->auxv = get_bytes(&in);
		else if (KEY("random"))
			img->random = get_bytes(&in);
		else if (KEY("cwd"))
			img->cwd = get_bytes(&in);
		else if (KEY("sp"))
			img->sp = (uint64_t)tf_get_int(&in);
		else if (KEY("brk"))
			img->brk = (uint64_t)tf_get_int(&in);
		else if (KEY("stack_limit"))
			img->stack_limit = (uint64_t)tf_get_int(&in);
		else if (KEY("pid"))
			img->pid = get_i32(&in);
		else if (KEY("ppid"))
			img->ppid = get_i32(&in);
		else if (KEY("tid"))
			img->tid = get_i32(&in);
		else if (KEY("file"))
			img->file = get_u32(&in);
		else if (KEY("oracles")) {
			img->has_oracles = true;
			tf_skip(&in);
		} else if (KEY("maps"))
			get_maps(&in, img);
		else
			tf_skip(&in);
#undef KEY
	}
	if (in.bad) {
		tf_image_free(img);
		return -1;
	}
	return 0;
}

void tf_image_free(struct tf_image *img)
{
	free(img->argv);
	free(img->envp);
	free(img->maps);
	memset(img, 0, sizeof(*img));
}
