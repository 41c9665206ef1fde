/*
 * The first door: libc's functions of hooks.def, exported under their own names. A hook
 * makes the crossing itself when that is all libc's function would do; it leaves the call
 * to whom it interposes when
 *   - no session is attached to this process,
 *   - the process has more than one thread: then libc's functions are cancellation
 *     points, and its own (patched) system call crosses the boundary,
 *   - somebody else than libc defines the next function of that name: a library that the
 *     program preloads itself, a sanitizer.
 * Called by anybody from anywhere: other constructors, signal handlers, vfork children.
 * Who is next is looked up at the first call, the same way in both modes, without dlsym:
 * it may allocate, lock, or return the oldest version.
 */
#undef _FORTIFY_SOURCE
#define _FORTIFY_SOURCE 0
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/single_threaded.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "hooks.h"
#include "runtime.h"

#define DOOR __attribute__((section(".doors"), visibility("default"), noinline))

/* entry.S */
long dj_syscall(long nr, long a, long b, long c, long d, long e, long f);

/* Weak, so that the object needs no other by name and changes nobody's load order. */
#pragma weak _r_debug
#pragma weak __errno_location
#pragma weak __libc_single_threaded

static const char names[HOOK_COUNT][20] = {
#define PLAIN(type, name, params, args, nr) #name,
#define HOOK(type, name, params, args, when, nr, ...) #name,
#define MODE(name, params, last, args, nr, ...) #name,
#include "hooks.def"
#undef PLAIN
#undef HOOK
#undef MODE
};

/* --- who is next --- */

/* What of a loaded object's dynamic section the look-up needs. */
struct object {
	uint64_t base;
	const ElfW(Sym) *sym;
	const char *str;
	const uint32_t *gnu_hash, *sysv_hash;
	const uint16_t *versym;
	const char *soname;
};

static void object_open(struct object *o, const struct link_map *map)
{
	uint64_t soname = 0;

	dj_zero(o, sizeof(*o));
	o->base = map->l_addr;
	for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag; d++) {
		/* the dynamic linker has made addresses of these, but for the vDSO's */
		uint64_t at = d->d_un.d_ptr < o->base ? d->d_un.d_ptr + o->base
						      : d->d_un.d_ptr;

		switch (d->d_tag) {
		case DT_SYMTAB:
			o->sym = (const void *)at;
			break;
		case DT_STRTAB:
			o->str = (const void *)at;
			break;
		case DT_GNU_HASH:
			o->gnu_hash = (const void *)at;
			break;
		case DT_HASH:
			o->sysv_hash = (const void *)at;
			break;
		case DT_VERSYM:
			o->versym = (const void *)at;
			break;
		case DT_SONAME:
			soname = d->d_un.d_val;
			break;
		}
	}
	o->soname = o->str && soname ? o->str + soname : "";
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* A definition of the name's default version. */
static bool defines(const struct object *o, uint32_t i, const char *name)
{
	const ElfW(Sym) *s = &o->sym[i];
	unsigned type = ELF64_ST_TYPE(s->st_info), bind = ELF64_ST_BIND(s->st_info);

	return s->st_shndx != SHN_UNDEF && s->st_value &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) &&
	       (bind == STB_GLOBAL || bind == STB_WEAK) &&
	       !(o->versym && ((o->versym[i] & 0x8000) || !o->versym[i])) &&
	       same(o->str + s->st_name, name);
}

static uint32_t find_by_gnu_hash(const struct object *o, const char *name)
{
	const uint32_t *h = o->gnu_hash, buckets = h[0], first = h[1], words = h[2];
	const uint64_t *bloom = (const uint64_t *)(h + 4);
	const uint32_t *bucket = (const uint32_t *)(bloom + words);
	const uint32_t *chain = bucket + buckets;
	uint32_t hash = 5381, i;
	uint64_t word;

	for (const char *p = name; *p; p++)
		hash = hash * 33 + (uint8_t)*p;
	word = bloom[hash / 64 % words];
	if (!buckets || !(word >> (hash % 64) & word >> ((hash >> h[3]) % 64) & 1))
		return 0;
	i = bucket[hash % buckets];
	if (i < first)
		return 0;
	for (;; i++) {
		uint32_t c = chain[i - first];

		if ((c | 1) == (hash | 1) && defines(o, i, name))
			return i;
		if (c & 1)
			return 0;
	}
}

static uint32_t find_by_sysv_hash(const struct object *o, const char *name)
{
	for (uint32_t i = 1; i < o->sysv_hash[1]; i++)
		if (defines(o, i, name))
			return i;
	return 0;
}

static uint32_t find(const struct object *o, const char *name)
{
	if (!o->sym || !o->str)
		return 0;
	if (o->gnu_hash)
		return find_by_gnu_hash(o, name);
	return o->sysv_hash ? find_by_sysv_hash(o, name) : 0;
}

static long nobody(void)
{
	errno = ENOSYS;
	return -1;
}

/* Who came behind our own object before view_objects() moved it. */
static const struct link_map *behind_us;

/*
 * Who asks for the first library means the program's own: AddressSanitizer's runtime refuses to
 * start behind another. Symbols are looked up in another list, which stays as it is.
 */
void view_objects(void)
{
	struct link_map *own = &_r_debug ? _r_debug.r_map : NULL, *last;

	while (own && own->l_ld != _DYNAMIC)
		own = own->l_next;
	if (!own || !own->l_next || !own->l_prev)
		return;
	behind_us = own->l_next;
	for (last = own; last->l_next; last = last->l_next)
		;
	own->l_prev->l_next = own->l_next;
	own->l_next->l_prev = own->l_prev;
	last->l_next = own;
	own->l_prev = last;
	own->l_next = NULL;
}

/* `arg`: the hook. The first definition behind our own object, in load order. */
static long look_up(void *arg)
{
	struct hook *h = arg;
	const char *name = names[h - dj_hooks];
	const struct link_map *map = &_r_debug ? _r_debug.r_map : NULL;
	void *next = (void *)nobody;
	struct object o;
	uint32_t i;

	while (map && map->l_ld != _DYNAMIC)
		map = map->l_next;
	for (map = behind_us ? behind_us : map ? map->l_next : NULL; map; map = map->l_next) {
		object_open(&o, map);
		i = find(&o, name);
		if (!i)
			continue;
		next = (void *)(o.base + o.sym[i].st_value);
		if (ELF64_ST_TYPE(o.sym[i].st_info) == STT_GNU_IFUNC)
			next = ((void *(*)(void))next)();
		else
			h->direct = same(o.soname, "libc.so.6");
		break;
	}
	__atomic_store_n(&h->next, next, __ATOMIC_RELEASE);
	return 0;
}

/* On the private stack, so that nothing of the search is left on the program's. */
static __attribute__((section(".doors"), noinline)) void hook_resolve(struct hook *h)
{
	if (dj_active)
		dj_on_stack(dj_self(), look_up, h);
	else
		look_up(h);
}

/* --- the hooks --- */

static inline bool hook_is_direct(struct hook *h)
{
	if (!__atomic_load_n(&h->next, __ATOMIC_ACQUIRE))
		hook_resolve(h);
	return h->direct && dj_active && &__libc_single_threaded &&
	       __libc_single_threaded;
}

static inline long hook_result(long r)
{
	if (!DJ_IS_ERR(r))
		return r;
	errno = (int)-r;
	return -1;
}

#define CROSS(nr, ...) CROSS6(nr, __VA_ARGS__ __VA_OPT__(,) 0, 0, 0, 0, 0, 0)
#define CROSS6(nr, a, b, c, d, e, f, ...)                                                \
	hook_result(dj_syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
			       (long)(f)))
#define NEXT(name) ((__typeof__(&name))dj_hooks[HOOK_##name].next)
#define BARE(...) __VA_ARGS__

/* Where libc's headers declare the function, this must agree with them; the forms of
 * _FORTIFY_SOURCE are compared by tests/unit/test_hooks.c. */
#define HOOK(type, name, params, args, when, nr, ...)                                    \
	type name params;                                                                \
	DOOR type name params                                                            \
	{                                                                                \
		if (hook_is_direct(&dj_hooks[HOOK_##name]) && (when))                    \
			return (type)CROSS(nr, __VA_ARGS__);                             \
		return NEXT(name) args;                                                  \
	}
#define PLAIN(type, name, params, args, nr) HOOK(type, name, params, args, 1, nr, BARE args)
#define MODE(name, params, last, args, nr, ...)                                          \
	DOOR int name params                                                             \
	{                                                                                \
		mode_t mode = 0;                                                         \
		va_list ap;                                                              \
                                                                                         \
		if (__OPEN_NEEDS_MODE(last)) {                                           \
			va_start(ap, last);                                              \
			mode = va_arg(ap, mode_t);                                       \
			va_end(ap);                                                      \
		}                                                                        \
		if (hook_is_direct(&dj_hooks[HOOK_##name]))                              \
			return (int)CROSS(nr, __VA_ARGS__);                              \
		return NEXT(name) args;                                                  \
	}
#include "hooks.def"
