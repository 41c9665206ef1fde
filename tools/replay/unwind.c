/*
 * See unwind.h. Called by stacks.c.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libunwind.h>
#include "tools/elf.h"
#include "tools/replay/unwind.h"

/* libunwind's own, for those who find the table by themselves. */
#define search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
extern int search_unwind_table(unw_addr_space_t as, unw_word_t ip, unw_dyn_info_t *di,
			       unw_proc_info_t *pi, int need_unwind_info, void *arg);

enum { NAME_CACHE_LEN = 4096 };

/* A stored file, opened when it is first needed. */
struct object {
	struct elf_file elf;
	bool tried;
};

struct unwinder {
	deja_recording *rec;
	const char *rec_path, *runtime_path;
	struct object *object; /* by file id; 0: runtime_path */
	size_t object_count;
	unw_addr_space_t space;
	struct {
		const struct object *object;
		uint64_t addr, offset;
		const char *function;
	} name[NAME_CACHE_LEN];
	/* of the stack being unwound */
	const struct space *maps;
	const uint64_t *reg;
	const uint8_t *bytes;
	size_t len;
};

static struct object *object_of(struct unwinder *u, const struct space_map *m)
{
	uint32_t id = m->runtime && u->runtime_path ? 0 : m->file;
	const struct deja_file *f = id ? deja_file_by_id(u->rec, id) : NULL;
	struct object *o;
	char path[PATH_MAX];

	if (id >= u->object_count || (id && !f) || (!id && !u->runtime_path))
		return NULL;
	o = &u->object[id];
	if (!o->tried) {
		o->tried = true;
		if (f)
			snprintf(path, sizeof(path), "%s/f/%s", u->rec_path, f->hash);
		elf_open(&o->elf, f ? path : u->runtime_path);
	}
	return o->elf.data ? o : NULL;
}

/* The object at an address, and what is to be taken from it to have the file's address. */
static struct object *object_at(struct unwinder *u, uint64_t addr, uint64_t *bias)
{
	const struct space_map *m = space_find(u->maps, addr);
	struct object *o = m ? object_of(u, m) : NULL;
	uint64_t in_file;

	if (!o || !elf_segment(&o->elf, m->offset + (addr - m->start), &in_file))
		return NULL;
	*bias = addr - in_file;
	return o;
}

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi,
			  int need, void *arg)
{
	struct unwinder *u = arg;
	uint64_t bias, index, index_len;
	struct object *o = object_at(u, ip, &bias);
	unw_dyn_info_t di = {0};
	const uint8_t *head;
	uint32_t count;
	size_t len;

	if (!o || !elf_frame_index(&o->elf, &index, &index_len) ||
	    !(head = elf_bytes(&o->elf, index, &len)) || len < 12 || index_len > len)
		return -UNW_ENOINFO;
	/* version 1; a pointer of 4 bytes; a 4-byte count; a table of pairs relative to here */
	if (head[0] != 1 || (head[1] & 0x0f) != 0x0b || head[2] != 0x03 || head[3] != 0x3b)
		return -UNW_ENOINFO;
	memcpy(&count, head + 8, sizeof(count));
	if (count > (index_len - 12) / 8)
		return -UNW_ENOINFO;
	di.format = UNW_INFO_FORMAT_REMOTE_TABLE;
	di.start_ip = bias;
	di.end_ip = UINT64_MAX;
	di.u.rti.segbase = index + bias;
	di.u.rti.table_data = index + bias + 12;
	di.u.rti.table_len = (unw_word_t)count * 8 / sizeof(unw_word_t);
	return search_unwind_table(as, ip, &di, pi, need, arg);
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *pi, void *arg)
{
}

static int no_list(unw_addr_space_t as, unw_word_t *addr, void *arg)
{
	return -UNW_ENOINFO;
}

static int access_mem(unw_addr_space_t as, unw_word_t addr, unw_word_t *value, int write,
		      void *arg)
{
	struct unwinder *u = arg;
	uint64_t into = addr - u->reg[1], bias;
	const uint8_t *bytes;
	struct object *o;
	size_t len;

	if (write)
		return -UNW_EINVAL;
	if (into < u->len && u->len - into >= sizeof(*value)) {
		memcpy(value, u->bytes + into, sizeof(*value));
		return 0;
	}
	o = object_at(u, addr, &bias);
	bytes = o ? elf_bytes(&o->elf, addr - bias, &len) : NULL;
	if (!bytes)
		return -UNW_EINVAL;
	*value = 0; /* the last of a section may be read with what lies behind it */
	memcpy(value, bytes, len < sizeof(*value) ? len : sizeof(*value));
	return 0;
}

static int access_reg(unw_addr_space_t as, unw_regnum_t reg, unw_word_t *value, int write,
		      void *arg)
{
	static const unw_regnum_t order[8] = {
		UNW_X86_64_RIP, UNW_X86_64_RSP, UNW_X86_64_RBP, UNW_X86_64_RBX,
		UNW_X86_64_R12, UNW_X86_64_R13, UNW_X86_64_R14, UNW_X86_64_R15};
	struct unwinder *u = arg;

	if (write)
		return -UNW_EREADONLYREG;
	*value = 0; /* the others are lost in a call anyway */
	for (int i = 0; i < 8; i++)
		if (reg == order[i])
			*value = u->reg[i];
	return 0;
}

static int access_fpreg(unw_addr_space_t as, unw_regnum_t reg, unw_fpreg_t *value, int write,
			void *arg)
{
	return -UNW_EBADREG;
}

static int resume(unw_addr_space_t as, unw_cursor_t *cur, void *arg)
{
	return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t as, unw_word_t addr, char *name, size_t len,
		   unw_word_t *offset, void *arg)
{
	return -UNW_ENOINFO;
}

struct unwinder *unwinder_open(deja_recording *rec, const char *rec_path,
			       const char *runtime_path)
{
	static unw_accessors_t accessors = {
		.find_proc_info = find_proc_info,
		.put_unwind_info = put_unwind_info,
		.get_dyn_info_list_addr = no_list,
		.access_mem = access_mem,
		.access_reg = access_reg,
		.access_fpreg = access_fpreg,
		.resume = resume,
		.get_proc_name = no_name,
	};
	struct unwinder *u = calloc(1, sizeof(*u));
	uint32_t last = 0;

	if (!u)
		return NULL;
	for (size_t i = 0; i < deja_file_count(rec); i++)
		if (deja_file_at(rec, i)->id > last && deja_file_at(rec, i)->id < 1u << 24)
			last = deja_file_at(rec, i)->id;
	u->rec = rec;
	u->rec_path = rec_path;
	u->runtime_path = runtime_path;
	u->object_count = (size_t)last + 1;
	u->object = calloc(u->object_count, sizeof(*u->object));
	u->space = unw_create_addr_space(&accessors, 0);
	if (u->object && u->space)
		return u;
	unwinder_close(u);
	return NULL;
}

void unwinder_close(struct unwinder *u)
{
	for (size_t i = 0; u->object && i < u->object_count; i++)
		elf_close(&u->object[i].elf);
	if (u->space)
		unw_destroy_addr_space(u->space);
	free(u->object);
	free(u);
}

/* The function at an address of the file; many stacks have the same frames. */
static const char *function_name(struct unwinder *u, const struct object *o, uint64_t addr,
				 uint64_t *offset)
{
	size_t i = (addr ^ (uintptr_t)o >> 4) % NAME_CACHE_LEN;

	if (u->name[i].object != o || u->name[i].addr != addr) {
		u->name[i].object = o;
		u->name[i].addr = addr;
		u->name[i].function = elf_function(&o->elf, addr, &u->name[i].offset);
	}
	*offset = u->name[i].offset;
	return u->name[i].function;
}

static struct unwind_frame frame_at(struct unwinder *u, uint64_t ip, bool innermost)
{
	const struct space_map *m = space_find(u->maps, ip);
	const struct deja_file *f = m && m->file ? deja_file_by_id(u->rec, m->file) : NULL;
	struct unwind_frame frame = {.ip = ip};
	uint64_t bias;
	struct object *o = object_at(u, ip, &bias);

	if (f) {
		const char *slash = strrchr(f->path, '/');

		frame.object = slash ? slash + 1 : f->path;
		frame.offset = ip - m->start + m->offset;
	}
	if (o) { /* a call may be its function's last instruction */
		uint64_t offset;

		frame.function = function_name(u, o, ip - bias - !innermost, &offset);
		if (frame.function)
			frame.offset = offset + !innermost;
	}
	return frame;
}

size_t unwind(struct unwinder *u, const struct space *space, const uint64_t reg[8],
	      const uint8_t *bytes, size_t len, struct unwind_frame frame[UNWIND_FRAME_MAX])
{
	unw_cursor_t cur;
	size_t count = 0;

	u->maps = space;
	u->reg = reg;
	u->bytes = bytes;
	u->len = len;
	if (unw_init_remote(&cur, u->space, u) < 0)
		return 0;
	/* the bound on rounds: a damaged stack may circle in frames that are left out */
	for (unsigned round = 0; round < 2 * UNWIND_FRAME_MAX && count < UNWIND_FRAME_MAX;
	     round++) {
		const struct space_map *m;
		unw_word_t ip = 0;

		if (unw_get_reg(&cur, UNW_REG_IP, &ip) < 0 || !ip)
			break;
		m = space_find(space, ip);
		if (!m || !m->runtime)
			frame[count++] = frame_at(u, ip, round == 0);
		if (unw_step(&cur) <= 0)
			break;
	}
	return count;
}
