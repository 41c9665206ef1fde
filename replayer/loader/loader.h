/*
 * The loader: what a replay executes in place of the recorded program. It lays out the
 * address space as the recording says (program, dynamic linker, stack, vDSO, all from the
 * recording's files) and serves the system calls of the dynamic linker until the runtime's
 * constructor runs: which libraries it finds, and where they lie, is the recording's
 * matter, not this machine's.
 *
 * A program of its own, static, without libc, linked at a far address (Makefile); general
 * registers only. It stays mapped, unused, when the runtime has taken over.
 */
#ifndef DEJA_LOADER_H
#define DEJA_LOADER_H

#include "preload/runtime.h"
#include "replayer/image.h"

enum { PAGE = 4096 };

struct loader {
	struct session *session;
	struct slot *slot;
	char dir[SESSION_DIR_LEN + 1];
	struct image img;
	uint64_t base;	   /* of the dynamic linker, 0: the program is one itself */
	uint64_t bias;	   /* what is added to the program's addresses */
	uint64_t entry;	   /* where execution begins */
	uint64_t mmap_end; /* the kernel placed mappings below this ... */
	uint64_t mmap_start;
	bool bottom_up; /* ... or above this */
};

#pragma GCC visibility push(hidden)
extern struct loader ld;

/* Why the recording cannot be replayed here: the supervisor says it. */
void loader_fail(const char *what, const char *name, size_t name_len)
	__attribute__((noreturn));

/* --- elf.c --- */
/* Maps the program and its dynamic linker as the kernel did. */
void elf_map_all(void);

/* --- stack.c --- */
/* Makes the stack as it was at the program's entry. */
void stack_build(void);

/* --- files.c --- */
/* Opens stored file `id`, or fails. */
int file_open(uint32_t id);
/* The stored file that the dynamic linker found under this name, opened (*id: its number; 0
 * for the runtime object). -ENOENT: there was none. */
long file_find(const char *path, uint32_t *id);
/* Whether the recording knows of this directory, or of something below it. */
bool file_is_directory(const char *path);
/* A stored file's status as it was when recorded, over what the kernel says of its copy. */
struct stat;
bool file_status(uint32_t id, struct stat *st);
/* Maps a piece of a file, by copying where this file system forbids programs. */
long file_map(uint64_t at, uint64_t len, int prot, int flags, int fd, uint64_t offset);

/* --- space.c: what lies where --- */
/* [from, to) has this protection and name now; name NULL: as it was. */
void space_set(uint64_t from, uint64_t to, int prot, const char *name, size_t name_len);
void space_clear(uint64_t from, uint64_t to);
/* Where the recording's kernel would have put a mapping of this length. 0: nowhere. */
uint64_t space_place(uint64_t len);
/* The highest free place of this length (whole pages) in [from, to). 0: there is none. */
uint64_t space_place_in(uint64_t from, uint64_t to, uint64_t len);
bool space_is_free(uint64_t from, uint64_t to);
/* Leaves the list to the runtime, as text. */
void space_hand_over(void);

/* A recorded mapping, by number. False when there are no more. */
struct recorded_map {
	uint64_t from, to, offset;
	unsigned prot;
	uint32_t file;
	const char *path;
	uint32_t path_len;
};
bool recorded_map_next(struct tf_in *in, uint32_t *left, struct recorded_map *m);
struct recorded_maps {
	struct tf_in in;
	uint32_t left;
};
#define EACH_RECORDED_MAP(m)                                                             \
	for (struct recorded_maps each_ = {ld.img.maps, ld.img.map_count};               \
	     recorded_map_next(&each_.in, &each_.left, &(m));)

/* --- serve.c --- */
/* The handler of SIGSYS: serves a call of the dynamic linker, until the runtime takes over. */
void serve_trap(int signo, struct k_siginfo *info, struct k_ucontext *uc);

/* --- entry.S --- */
/* Begins the program: these two registers, all others 0. */
void loader_jump(uint64_t rip, uint64_t rsp) __attribute__((noreturn));
extern char loader_restorer[], loader_text_start[], loader_text_end[];

#pragma GCC visibility pop

#endif
