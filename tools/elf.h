/*
 * Stored ELF files, as far as debuggers and unwinders need them: names and symbols. Trusts
 * nothing in the file: what lies outside of it is not there.
 */
#ifndef DEJA_TOOLS_ELF_H
#define DEJA_TOOLS_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file {
	const uint8_t *data; /* the whole file, mapped */
	size_t len;	     /* bytes */
};

/* Maps the file. False when it cannot be read or is no ELF file for x86-64. */
bool elf_open(struct elf_file *elf, const char *path);
void elf_close(struct elf_file *elf);
/* Its build id in hexadecimal; empty when it has none. buf of 129 bytes. */
const char *elf_build_id(const struct elf_file *elf, char *buf);
/* Its DT_SONAME, or NULL. Valid until elf_close. */
const char *elf_soname(const struct elf_file *elf);
/* The function that the file's address (st_value's) lies in, or NULL. */
const char *elf_function(const struct elf_file *elf, uint64_t addr, uint64_t *offset);
/* The functions that have a length, in the order of their addresses. *list: malloc'd, the
 * caller's; returns how many. */
struct elf_span {
	uint64_t begin, len;
};
size_t elf_functions(const struct elf_file *elf, struct elf_span **list);
/* The segment that holds this offset of the file: the difference between addresses and offsets
 * in it. */
bool elf_segment(const struct elf_file *elf, uint64_t file_offset, uint64_t *addr);
/* The bytes at an address of the file, at most as far as its segment goes; NULL: none. */
const uint8_t *elf_bytes(const struct elf_file *elf, uint64_t addr, size_t *len);
/* The n-th piece of machine code; sections where there are any, else segments. False: no
 * more. */
bool elf_code(const struct elf_file *elf, unsigned n, const uint8_t **code, size_t *len);
/* A section's bytes; NULL: none of this name is in the file. */
const uint8_t *elf_section(const struct elf_file *elf, const char *name, size_t *len);
/* PT_GNU_EH_FRAME. */
bool elf_frame_index(const struct elf_file *elf, uint64_t *addr, uint64_t *len);

#endif
