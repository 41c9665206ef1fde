/*
 * Replacing system call instructions by jumps to the common entry.
 */
#ifndef DEJA_PRELOAD_PATCH_H
#define DEJA_PRELOAD_PATCH_H

#include "runtime.h"

/* trap.c. The entry of a syscall instruction's address, made when it is new. NULL when the
 * table is full. */
struct site *trap_site(uint64_t addr);

/* --- patch.c --- */
/* Writes code; `writable`: where writing is allowed as it is. */
bool code_write(uint64_t at, const uint8_t *code, size_t len, bool writable);
/* Around many of these by one thread, in one call: what they write through stays open. */
void code_open(void);
void code_close(void);
/* Room for len bytes of code that a jump at addr reaches; *entry: where a call from there comes to
 * dj_oracle_entry. 0: there is none. Taken by patch_room_take. */
uint64_t patch_room(uint64_t addr, size_t len, uint64_t *entry);
void patch_room_take(uint64_t at, size_t len);
/* Whether a jump near by may lead to one of the instructions behind start: bit n of inside, one
 * begins at start + n. Says so too often rather than too rarely. */
bool patch_is_jumped_into(uint64_t start, uint32_t inside);
void patch_start(void);
/* Where stubs lie beside the runtime object: room 1 to STUB_POOL_MAX - 1; nowhere: 0, 0. */
void patch_pool_range(unsigned pool, uint64_t *from, uint64_t *to);
/* A site that has just trapped with this call number: patched if its shape allows. */
void patch_site(struct site *s, long nr);
/* Without dispatch: all sites that can be told, in everything mapped at start; the others
 * are counted in the session. */
void patch_all(void);
/* The same for code mapped from a file later. */
void patch_mapped(uint64_t addr, uint64_t len, int prot);

#endif
