/*
 * The stack at the program's entry: strings at its top, then what auxv points at, then
 * auxv, environment, arguments. The places of the first and the last are recorded; the strings lie
 * as the kernel packs them.
 */
#include <elf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "replayer/loader/loader.h"

static const char preload_name[] = SESSION_ENV_PRELOAD;

static void slot_name(char *p)
{
	unsigned n = (unsigned)(((char *)ld.slot - (char *)ld.session - SESSION_HEAD_LEN) /
				SLOT_STRIDE);

	p = dj_put_text(p, p + 16, SESSION_ENV_RT);
	p = dj_put_text(p, p + 64, ld.dir);
	*p++ = ':';
	for (unsigned unit = 1000; unit; unit /= 10)
		*p++ = (char)('0' + n / unit % 10);
	*p = 0;
}

/* The dynamic linker makes the stack executable for a library that asks for it, but from the page
 * of the stack pointer down: the strings above may lie in a mapping of their own then. */
static void map_stack(uint64_t *from, uint64_t *to)
{
	struct recorded_map m;
	bool found = false;

	EACH_RECORDED_MAP(m) {
		int prot = (int)(m.prot & 7);
		int grows = MAP_GROWSDOWN | MAP_STACK;

		if (!found) {
			if (ld.img.sp < m.from || ld.img.sp >= m.to)
				continue;
			found = true;
			*from = m.from;
		} else if (m.from == *to && !m.file && !m.path_len) {
			grows = 0;
		} else {
			break;
		}
		*to = m.to;
		if (m.to > 0x7ffffffff000 || m.to <= DJ_END ||
		    dj_raw(SYS_mmap, m.from, m.to - m.from, prot,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | grows, -1,
			   0) != (long)m.from)
			loader_fail("the stack cannot lie here where it lay", "", 0);
		if (grows)
			space_set(m.from, m.to, prot, "[stack]", 7);
		else
			space_set(m.from, m.to, prot, "", 0);
	}
	if (!found)
		loader_fail("the recording lacks its stack", "", 0);
}

/* The environment as it was before the runtime took its own entries out (session.h). Counts
 * its bytes, and writes strings at `text` and pointers at `pointer` unless those are 0. */
static uint64_t put_environment(char *text, uint64_t *pointer, unsigned *count)
{
	char own[2][SESSION_DIR_LEN + 64], rt[SESSION_DIR_LEN + 16], *p;
	uint64_t total = 0;
	bool own_preload = false;
	struct tf_in in = ld.img.envp;
	uint32_t len, n = 0;

	p = dj_put_text(rt, rt + sizeof(rt), ld.dir);
	p = dj_put_text(p, rt + sizeof(rt) - 1, SESSION_SO_NAME);
	*p = 0;
	for (uint32_t i = 0; i < ld.img.envc; i++) {
		const uint8_t *s = tf_get_bytes(&in, &len);

		if (len >= sizeof(preload_name) - 1 &&
		    !dj_compare(s, preload_name, sizeof(preload_name) - 1))
			own_preload = true;
	}
	slot_name(own[0]);
	p = dj_put_text(own[1], own[1] + 64, own_preload ? SESSION_ENV_PAD : preload_name);
	if (!own_preload)
		p = dj_put_text(p, own[1] + sizeof(own[1]) - 1, rt);
	*p = 0;
#define PUT(s, l)                                                                        \
	do {                                                                             \
		if (text)                                                                \
			dj_copy(text + total, s, l);                                     \
		total += (l);                                                            \
	} while (0)
	for (int i = 0; i < 2; i++) {
		if (pointer)
			pointer[n] = (uint64_t)text + total;
		n++;
		PUT(own[i], dj_strlen(own[i]) + 1);
	}
	in = ld.img.envp;
	for (uint32_t i = 0; i < ld.img.envc; i++) {
		const uint8_t *s = tf_get_bytes(&in, &len);
		uint32_t skip = 0;

		if (pointer)
			pointer[n] = (uint64_t)text + total;
		n++;
		if (len >= sizeof(preload_name) - 1 &&
		    !dj_compare(s, preload_name, sizeof(preload_name) - 1)) {
			skip = sizeof(preload_name) - 1;
			PUT(preload_name, skip);
			PUT(rt, dj_strlen(rt));
			PUT(":", 1);
		}
		PUT(s + skip, len - skip);
		PUT("", 1);
	}
#undef PUT
	*count = n;
	return total;
}

static uint64_t put_arguments(char *text, uint64_t *pointer)
{
	struct tf_in in = ld.img.argv;
	uint64_t total = 0;
	uint32_t len;

	for (uint32_t i = 0; i < ld.img.argc; i++) {
		const uint8_t *s = tf_get_bytes(&in, &len);

		if (text) {
			pointer[i] = (uint64_t)text + total;
			dj_copy(text + total, s, len);
			text[total + len] = 0;
		}
		total += len + 1;
	}
	return total;
}

void stack_build(void)
{
	static const char platform[] = "x86_64";
	uint64_t from = 0, to = 0, env_len, arg_len, execfn, env_text, arg_text, *sp, *auxv;
	unsigned envc;

	map_stack(&from, &to);
	env_len = put_environment(NULL, NULL, &envc);
	arg_len = put_arguments(NULL, NULL);
	execfn = to - 8 - (ld.img.execfn_len + 1);
	env_text = execfn - env_len;
	arg_text = env_text - arg_len;
	sp = (uint64_t *)ld.img.sp;
	auxv = sp + 1 + ld.img.argc + 1 + envc + 1;
	if (env_len + arg_len + ld.img.execfn_len > to - from ||
	    (uint64_t)(auxv + ld.img.auxv_len / 8) > arg_text || ld.img.sp & 15)
		loader_fail("the recorded stack is not as kernels lay it out", "", 0);
	dj_copy((void *)execfn, ld.img.execfn, ld.img.execfn_len);
	*sp = ld.img.argc;
	put_arguments((char *)arg_text, sp + 1);
	put_environment((char *)env_text, sp + 1 + ld.img.argc + 1, &envc);
	dj_copy(auxv, ld.img.auxv, ld.img.auxv_len);
	for (uint32_t i = 0; i + 16 <= ld.img.auxv_len; i += 16, auxv += 2) {
		uint64_t room = auxv[1] >= ld.img.sp && auxv[1] < arg_text ? arg_text - auxv[1]
									     : 0;

		if (auxv[0] == AT_EXECFN && auxv[1] != execfn)
			loader_fail("the recorded stack is not as kernels lay it out", "", 0);
		if (auxv[0] == AT_RANDOM && ld.img.random_len == 16 && room >= 16)
			dj_copy((void *)auxv[1], ld.img.random, 16);
		if (auxv[0] == AT_PLATFORM && room >= sizeof(platform))
			dj_copy((void *)auxv[1], platform, sizeof(platform));
	}
}
