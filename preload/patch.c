/*
 * Replacing system call instructions by jumps. Called by the trap for a site whose address
 * is known to be an instruction, and without dispatch at start (and for libraries mapped
 * later) with all signals as they are; no libc, any thread.
 *
 * The shapes, none of which needs a disassembler:
 *   A: `syscall; cmp $-4095|-4096, %rax|%eax`: the jump covers both, the stub runs the
 *      displaced cmp last; not where another path may jump to the cmp;
 *   B: `mov $nr, %eax; syscall`: the jump covers the mov alone and the stub resumes
 *      behind the syscall; whoever jumps to the syscall itself still traps.
 * When searching through code, the bytes themselves must tell that they are a system call.
 * Eight fixed bytes do for A, and a small number for B. In libc and the dynamic linker,
 * where most system calls of a program are, more is patched:
 *   C: `syscall` behind a recognisable load of %eax: the jump covers the instructions that
 *      follow, if they are of a few well-known kinds and no near jump leads between them;
 *   D: `mov %reg, %eax; syscall; jmp`, the loop around exit: the jump covers all three;
 *   R: `mov $15, %rax; syscall`, what signal handlers return to.
 */
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include "detach.h"
#include "patch.h"

enum {
	STUB_LEN = 48,
	POOL_LEN = 64 * 1024,
	POOL_STEP = 1024 * 1024,
	POOL_TRIES = 64,
	THUNK_LEN = 16,
	NEAR_LEN = 4096,  /* bytes around a site in which jumps to it are looked for */
	LOAD_BEFORE = 24,  /* bytes before a syscall where its number is loaded */
	NR_MAX = 512,
};

struct code {
	uint64_t from, to; /* readable */
	bool libc;	   /* libc's own or the dynamic linker's */
};

/* A recognised site: the jump covers [start, start + len). */
struct shape {
	uint64_t start;
	size_t len;
	uint8_t before[8], after[32]; /* what the stub runs before and after the call */
	size_t before_len, after_len;
	const uint8_t *after_from; /* where `after` was, to be moved; NULL: as it is */
	uint64_t resume;	   /* where the stub ends: the program's next instruction */
	bool flags;		   /* the call must preserve the flags */
};

/* `move`: how far the code will run from where it is written now. */
static uint8_t *put_rel32(uint8_t *p, int64_t move, uint64_t target)
{
	int32_t rel = (int32_t)(target - ((uint64_t)p + (uint64_t)move + 4));

	dj_copy(p, &rel, 4);
	return p + 4;
}

static int32_t get_i32(const uint8_t *p)
{
	int32_t v;

	dj_copy(&v, p, 4);
	return v;
}

static bool in_reach(uint64_t from, uint64_t to)
{
	int64_t d = (int64_t)(to - from);

	return d > -0x7fff0000ll && d < 0x7fff0000ll;
}

static long set_writable(uint64_t addr, size_t len, bool on)
{
	uint64_t start = addr & ~4095ull, end = (addr + len + 4095) & ~4095ull;

	return dj_raw(SYS_mprotect, start, end - start,
		      on ? PROT_READ | PROT_WRITE | PROT_EXEC : PROT_READ | PROT_EXEC);
}

static long open_memory(void)
{
	return RT->sandboxed ? -EACCES : dj_raw(SYS_open, "/proc/self/mem", O_RDWR | O_CLOEXEC, 0);
}

void code_open(void)
{
	long fd = open_memory();

	RT->code_fd = fd < 0 ? 0 : (int)fd + 1;
}

void code_close(void)
{
	if (RT->code_fd)
		dj_raw(SYS_close, RT->code_fd - 1);
	RT->code_fd = 0;
}

/* Within one page. */
static bool code_write_page(uint64_t at, const uint8_t *code, size_t len)
{
	long fd, n = -1;

	if (RT->code_fd && dj_raw(SYS_pwrite64, RT->code_fd - 1, code, len, at) == (long)len)
		return true;
	if (dj_write_user((void *)at, code, len)) /* where a program makes its code itself */
		return true;
	fd = open_memory();
	if (fd >= 0) {
		n = dj_raw(SYS_pwrite64, fd, code, len, at);
		dj_raw(SYS_close, fd);
	}
	if (n == (long)len)
		return true;
	if (set_writable(at, len, true) < 0)
		return false;
	dj_copy((void *)at, code, len);
	set_writable(at, len, false);
	return true;
}

/*
 * Writes code, most of it where only reading and executing is allowed. Through /proc/self/mem
 * then: the kernel copies the page as it does for a debugger's breakpoint, and the mapping stays
 * one, as debuggers and unwinders expect; opening and closing it by mprotect, where there is no
 * /proc or a sandbox forbids it, leaves it split for good. Memory that the program may write
 * stays so. writable: all of it is.
 */
bool code_write(uint64_t at, const uint8_t *code, size_t len, bool writable)
{
	size_t here = 4096 - (at & 4095);

	if (writable) {
		dj_copy((void *)at, code, len);
		return true;
	}
	if (here > len)
		here = len;
	return code_write_page(at, code, here) &&
	       (here == len || code_write_page(at + here, code + here, len - here));
}

/* --- room for stubs --- */

void patch_start(void)
{
	RT->pools[0] = (struct stub_pool){
		.next = (uint64_t)dj_stubs,
		.end = (uint64_t)dj_stubs_end,
		.entry = (uint64_t)dj_tramp_entry,
		.entry_flags = (uint64_t)dj_tramp_entry_flags,
		.entry_oracle = (uint64_t)dj_oracle_entry,
	};
}

void patch_pool_range(unsigned pool, uint64_t *from, uint64_t *to)
{
	*to = RT->pools[pool].end;
	*from = *to ? *to - POOL_LEN : 0;
}

static uint64_t thunk_put(uint64_t at, uint64_t target)
{
	uint8_t *p = (uint8_t *)at;

	*p++ = 0xff, *p++ = 0x25, *p++ = 0, *p++ = 0, *p++ = 0, *p++ = 0; /* jmp *0(%rip) */
	dj_copy(p, &target, 8);
	return at;
}

/* A new pool below addr: a program's heap grows above it. The same place in both modes,
 * since both have the same mappings. */
static bool pool_make(struct stub_pool *pool, uint64_t addr)
{
	uint64_t base = addr & ~(uint64_t)(POOL_STEP - 1);

	for (unsigned i = 1; i <= POOL_TRIES; i++) {
		uint64_t at = base - (uint64_t)i * POOL_STEP;

		if (at > base || at < POOL_STEP)
			break;
		if (dj_raw(SYS_mmap, at, POOL_LEN, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			   0) != (long)at)
			continue;
		pool->entry = thunk_put(at, (uint64_t)dj_tramp_entry);
		pool->entry_flags = thunk_put(at + THUNK_LEN, (uint64_t)dj_tramp_entry_flags);
		pool->next = at + 2 * THUNK_LEN;
		pool->end = at + POOL_LEN;
		set_writable(at, POOL_LEN, false);
		return true;
	}
	return false;
}

/* A pool with room for one more stub of len bytes within a jump's reach of addr. */
static struct stub_pool *pool_for(uint64_t addr, size_t len)
{
	for (unsigned i = 0; i < STUB_POOL_MAX; i++) {
		struct stub_pool *pool = &RT->pools[i];

		if (!pool->end && !pool_make(pool, addr))
			return NULL;
		if (pool->next + len <= pool->end && in_reach(addr, pool->next) &&
		    in_reach(addr, pool->end))
			return pool;
	}
	return NULL;
}

uint64_t patch_room(uint64_t addr, size_t len, uint64_t *entry)
{
	struct stub_pool *pool = pool_for(addr, len + THUNK_LEN);
	uint8_t thunk[THUNK_LEN] = {0xff, 0x25}; /* jmp *0(%rip) */
	uint64_t target = (uint64_t)dj_oracle_entry;

	if (!pool)
		return 0;
	if (!pool->entry_oracle) {
		dj_copy(thunk + 6, &target, 8);
		if (!code_write(pool->next, thunk, sizeof(thunk), false))
			return 0;
		pool->entry_oracle = pool->next;
		pool->next += THUNK_LEN;
	}
	*entry = pool->entry_oracle;
	return pool->next;
}

void patch_room_take(uint64_t at, size_t len)
{
	for (unsigned i = 0; i < STUB_POOL_MAX; i++)
		if (RT->pools[i].next == at)
			RT->pools[i].next = (at + len + 15) & ~15ull;
}

static bool pool_open(struct stub_pool *pool)
{
	if (!pool->open)
		pool->open = set_writable(pool->next, pool->end - pool->next, true) == 0;
	return pool->open;
}

static void pools_close(void)
{
	for (unsigned i = 0; i < STUB_POOL_MAX; i++) {
		struct stub_pool *pool = &RT->pools[i];
		uint64_t base = (pool->end - POOL_LEN) & ~4095ull;

		if (pool->open)
			set_writable(base, pool->end - base, false);
		pool->open = 0;
	}
}

/* --- the stub --- */

/* How long the instruction at p is if it is one of the kinds that shape C may cover, 0: it
 * is not. *rip: where its %rip-relative displacement is, 0: it has none. *jump: it is one,
 * conditional or not, with a 32-bit displacement there. */
static size_t simple_instruction(const uint8_t *p, size_t *rip)
{
	size_t n = 0, imm = 0;
	uint8_t op, modrm, mod, rm;

	*rip = 0;
	if ((p[n] & 0xf0) == 0x40)
		n++;
	op = p[n++];
	if (op >= 0xb8 && op <= 0xbf && n == 1) /* mov $imm32, %reg */
		return 5;
	if (op == 0x0f && n == 1 && (p[1] & 0xf0) == 0x80) { /* jcc rel32 */
		*rip = 2;
		return 6;
	}
	switch (op) {
	case 0x80: /* cmpb $imm8, ... */
	case 0x83: /* cmp $imm8, ... */
		imm = 1;
		break;
	case 0x31: /* xor */
	case 0x85: /* test */
	case 0x89: /* mov */
	case 0x8b:
	case 0x8d: /* lea */
		break;
	default:
		return 0;
	}
	modrm = p[n++];
	mod = modrm >> 6;
	rm = modrm & 7;
	if (mod != 3 && rm == 4) { /* SIB */
		if (mod == 0 && (p[n] & 7) == 5)
			return 0;
		n++;
	}
	if (mod == 0 && rm == 5) {
		*rip = n;
		n += 4;
	} else if (mod == 1) {
		n++;
	} else if (mod == 2) {
		n += 4;
	}
	return n + imm;
}

/* Moves the instructions at from to `to`: displacements follow. */
static bool move_instructions(uint8_t *to, int64_t move, const uint8_t *from, size_t len)
{
	for (size_t n = 0; n < len;) {
		size_t rip, one = simple_instruction(from + n, &rip);

		dj_copy(to + n, from + n, one);
		if (rip) {
			int64_t d = get_i32(from + n + rip) +
				    ((int64_t)(uint64_t)from - (int64_t)(uint64_t)to - move);

			if (d != (int32_t)d)
				return false;
			dj_copy(to + n + rip, &d, 4);
		}
		n += one;
	}
	return true;
}

/* Writes stub and jump. `many`: the site's memory is writable already, and the pools are
 * closed later. */
static bool shape_patch(struct site *s, const struct shape *shape, bool many)
{
	struct stub_pool *pool = pool_for(shape->start, STUB_LEN);
	uint8_t code[STUB_LEN], *p = code;
	uint64_t stub, tail;
	int64_t move;

	if (!pool || (many && !pool_open(pool)))
		return false;
	stub = pool->next;
	move = (int64_t)(stub - (uint64_t)code);
	/* lea -136(%rsp), %rsp: the red zone, and a word so that the entry finds the stack
	 * as the trap's handler leaves it */
	*p++ = 0x48, *p++ = 0x8d, *p++ = 0xa4, *p++ = 0x24;
	dj_copy(p, &(int32_t){-136}, 4);
	p += 4;
	dj_copy(p, shape->before, shape->before_len);
	p += shape->before_len;
	/* lea site+2(%rip), %rcx */
	*p++ = 0x48, *p++ = 0x8d, *p++ = 0x0d;
	p = put_rel32(p, move, s->addr + 2);
	/* call the entry */
	*p++ = 0xe8;
	p = put_rel32(p, move, shape->flags ? pool->entry_flags : pool->entry);
	/* lea 136(%rsp), %rsp */
	*p++ = 0x48, *p++ = 0x8d, *p++ = 0xa4, *p++ = 0x24;
	dj_copy(p, &(int32_t){136}, 4);
	p += 4;
	tail = (uint64_t)p + (uint64_t)move;
	if (!shape->after_from)
		dj_copy(p, shape->after, shape->after_len);
	else if (!move_instructions(p, move, shape->after_from, shape->after_len))
		return false;
	p += shape->after_len;
	*p++ = 0xe9;
	p = put_rel32(p, move, shape->resume);
	if (!code_write(stub, code, (size_t)(p - code), many))
		return false;
	pool->next = ((uint64_t)p + (uint64_t)move + 15) & ~15ull;

	p = code;
	move = (int64_t)(shape->start - (uint64_t)code);
	*p++ = 0xe9;
	p = put_rel32(p, move, stub);
	while (p < code + shape->len)
		*p++ = 0x90;
	s->original_len = shape->len <= SITE_CODE_MAX ? (uint32_t)shape->len : 0;
	dj_copy(s->original, (const void *)shape->start, s->original_len);
	if (!code_write(shape->start, code, shape->len, many))
		return false;
	s->start = shape->start;
	s->tail = tail;
	return true;
}

/* --- recognising --- */

/*
 * Whether what may be a jump near by leads to one of the instructions that a jump written
 * at start would cover; bit n of inside: one begins at start + n. Bytes that only look like
 * such a jump make this true as well.
 */
static bool is_jumped_into(const struct code *c, uint64_t start, uint32_t inside)
{
	uint64_t from = start - c->from > NEAR_LEN ? start - NEAR_LEN : c->from;
	uint64_t to = c->to - start > NEAR_LEN ? start + NEAR_LEN : c->to;

	for (uint64_t at = from; at + 6 <= to; at++) {
		const uint8_t *p = (const uint8_t *)at;
		uint64_t target;

		if ((p[0] & 0xf0) == 0x70 || p[0] == 0xeb)
			target = at + 2 + (uint64_t)(int64_t)(int8_t)p[1];
		else if (p[0] == 0xe9)
			target = at + 5 + (uint64_t)(int64_t)get_i32(p + 1);
		else if (p[0] == 0x0f && (p[1] & 0xf0) == 0x80)
			target = at + 6 + (uint64_t)(int64_t)get_i32(p + 2);
		else
			continue;
		if (target - start < 32 && (inside >> (target - start) & 1))
			return true;
	}
	return false;
}

/* Compilers let two paths share the cmp; libc's do not. */
static bool shape_a(const struct code *c, const uint8_t *code, struct shape *shape)
{
	size_t cmp;

	if (code[2] == 0x48 && code[3] == 0x3d && (code[4] & 0xfe) == 0 &&
	    code[5] == 0xf0 && code[6] == 0xff && code[7] == 0xff)
		cmp = 6;
	else if (code[2] == 0x3d && (code[3] & 0xfe) == 0 && code[4] == 0xf0 &&
		 code[5] == 0xff && code[6] == 0xff)
		cmp = 5;
	else
		return false;
	if (!c->libc && is_jumped_into(c, (uint64_t)code, 1u << 2))
		return false;
	*shape = (struct shape){.start = (uint64_t)code,
				.len = 2 + cmp,
				.after_len = cmp,
				.resume = (uint64_t)code + 2 + cmp};
	dj_copy(shape->after, code + 2, cmp);
	return true;
}

static bool shape_b(const uint8_t *code, struct shape *shape)
{
	if (code[-5] != 0xb8 || (uint32_t)get_i32(code - 4) >= NR_MAX)
		return false;
	*shape = (struct shape){.start = (uint64_t)code - 5,
				.len = 5,
				.before_len = 5,
				.resume = (uint64_t)code + 2,
				.flags = true};
	dj_copy(shape->before, code - 5, 5);
	return true;
}

/* `mov %reg, %eax` right before code: its length, else 0. */
static size_t move_to_eax(const uint8_t *code)
{
	if (code[-2] != 0x89 || (code[-1] & 0xc7) != 0xc0)
		return 0;
	return code[-3] == 0x44 ? 3 : 2;
}

static bool loads_number(const uint8_t *code)
{
	if (move_to_eax(code))
		return true;
	if (code[-2] == 0x8b && !(code[-1] & 0xf8) && (code[-1] & 7) != 4 &&
	    (code[-1] & 7) != 5) /* mov (%reg), %eax */
		return true;
	for (unsigned n = 5; n <= LOAD_BEFORE; n++)
		if (code[-(int)n] == 0xb8 && (uint32_t)get_i32(code - n + 1) < NR_MAX)
			return true;
	return false;
}

static bool shape_c(const struct code *c, const uint8_t *code, struct shape *shape)
{
	uint32_t inside = 0;
	size_t len = 0, rip;

	if (!loads_number(code))
		return false;
	while (len < 3) {
		size_t one = simple_instruction(code + 2 + len, &rip);

		if (!one)
			return false;
		inside |= 1u << (2 + len);
		len += one;
	}
	if (is_jumped_into(c, (uint64_t)code, inside))
		return false;
	*shape = (struct shape){.start = (uint64_t)code,
				.len = 2 + len,
				.after_len = len,
				.after_from = code + 2,
				.resume = (uint64_t)code + 2 + len,
				.flags = true};
	return true;
}

static bool shape_d(const struct code *c, const uint8_t *code, struct shape *shape)
{
	size_t mov = move_to_eax(code);

	if (!mov || code[2] != 0xeb ||
	    is_jumped_into(c, (uint64_t)code - mov, 1u << mov | 1u << (mov + 2)))
		return false;
	*shape = (struct shape){.start = (uint64_t)code - mov,
				.len = mov + 4,
				.before_len = mov,
				.resume = (uint64_t)code + 4 +
					  (uint64_t)(int64_t)(int8_t)code[3],
				.flags = true};
	dj_copy(shape->before, code - mov, mov);
	return true;
}

/* Shape R needs no stub. */
static bool patch_sigreturn(uint8_t *code)
{
	static const uint8_t mov[7] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0};
	uint8_t *p = code - sizeof(mov);

	if (dj_compare(p, mov, sizeof(mov)) ||
	    !in_reach((uint64_t)p, (uint64_t)dj_sigreturn_entry))
		return false;
	*p++ = 0xe9;
	put_rel32(p, 0, (uint64_t)dj_sigreturn_entry);
	return true;
}

/* By file name, of old and new releases. */
static bool is_libc(const char *path, const char *end)
{
	static const char *const names[] = {"libc.so", "libc-2.", "ld-linux", "ld-2.",
					    "libpthread.so", "libpthread-2."};
	const char *name = path;

	for (const char *p = path; p < end; p++)
		if (*p == '/')
			name = p + 1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (dj_starts(name, names[i]))
			return true;
	return false;
}

/* The executable mapping of a file behind *at, which becomes it. */
static bool next_code(const struct mapping **at, struct code *c, int *prot)
{
	const struct mapping *m = *at;
	const char *path;

	while ((m = mappings_next(&RT->maps, m))) {
		path = mapping_path(&RT->maps, m);
		if ((m->flags & (MAPPING_READ | MAPPING_EXEC | MAPPING_SHARED)) !=
			    (MAPPING_READ | MAPPING_EXEC) ||
		    path[0] != '/')
			continue;
		c->from = m->from;
		c->to = m->to;
		c->libc = is_libc(path, path + m->path_len);
		*prot = PROT_READ | PROT_EXEC | (m->flags & MAPPING_WRITE ? PROT_WRITE : 0);
		*at = m;
		return true;
	}
	return false;
}

/* What is known of the code around addr: its mapping, or only that its page is there. */
static struct code code_around(uint64_t addr)
{
	const struct mapping *at = NULL;
	struct code c;
	int prot;

	while (next_code(&at, &c, &prot))
		if (addr >= c.from && addr < c.to)
			return c;
	c.from = addr & ~4095ull;
	c.to = c.from + 4096;
	c.libc = false;
	return c;
}

bool patch_is_jumped_into(uint64_t start, uint32_t inside)
{
	struct code c = code_around(start);

	return is_jumped_into(&c, start, inside);
}

void patch_site(struct site *s, long nr)
{
	const uint8_t *code = (const uint8_t *)s->addr;
	struct shape shape;
	struct code c;

	s->tail = 1; /* tried */
	if ((s->addr & 4095) < 16 || (s->addr & 4095) > 4096 - 16)
		return; /* the neighbouring page may not be there */
	c = code_around(s->addr);
	if (shape_a(&c, code, &shape) || (shape_b(code, &shape) && get_i32(code - 4) == nr))
		shape_patch(s, &shape, false);
}

/* The stubs stay: somebody may be in one of them. */
void patch_undo(void)
{
	for (size_t i = 0; i < SITE_MAX; i++) {
		struct site *s = &RT->sites[i];

		if (s->addr && s->start && s->original_len)
			code_write(s->start, s->original, s->original_len, false);
	}
}

/* --- without dispatch --- */

/* Patches what it can in writable code; returns how many candidates it had to leave. */
static uint64_t patch_code(const struct code *c)
{
	uint64_t missed = 0, last = c->to - 32;

	if (c->to - c->from < 64)
		return 0;
	for (uint64_t at = c->from + 32; at < last; at++) {
		uint8_t *code = (uint8_t *)at;
		struct shape shape;
		struct site *s;

		if (__builtin_expect(code[0] != 0x0f, 1) || code[1] != 0x05)
			continue;
		if (patch_sigreturn(code))
			continue;
		if (shape_a(c, code, &shape) || shape_b(code, &shape) ||
		    (c->libc && (shape_d(c, code, &shape) || shape_c(c, code, &shape)))) {
			s = trap_site(at);
			if (s && (s->tail > 1 || shape_patch(s, &shape, true)))
				continue;
		}
		missed++;
	}
	return missed;
}

static void patch_range(const struct code *c, int prot)
{
	struct session *session = RT->session;
	uint64_t missed;

	if (dj_raw(SYS_mprotect, c->from, c->to - c->from,
		   PROT_READ | PROT_WRITE | PROT_EXEC))
		return;
	missed = patch_code(c);
	pools_close();
	dj_raw(SYS_mprotect, c->from, c->to - c->from, prot);
	RT->missed_sites += missed;
	/* of the image that has most of them */
	if (RT->missed_sites > session->missed_sites)
		session->missed_sites = RT->missed_sites;
}

void patch_all(void)
{
	const struct mapping *at = NULL;
	struct code c;
	int prot;

	while (next_code(&at, &c, &prot))
		if (c.from >= RT->text_end || c.to <= RT->text_start) /* not ours */
			patch_range(&c, prot);
}

void patch_mapped(uint64_t addr, uint64_t len, int prot)
{
	struct code c = {.from = addr, .to = addr + ((len + 4095) & ~4095ull)};
	uint8_t byte;

	/* pages behind the file's end cannot be read */
	while (c.to > c.from && !dj_read_user(&byte, (const void *)(c.to - 1), 1))
		c.to -= 4096;
	if (c.to > c.from && (prot & PROT_READ))
		patch_range(&c, prot);
}
