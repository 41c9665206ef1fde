/*
 * See elf.h.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/elf.h"

static const void *at(const struct elf_file *elf, uint64_t offset, uint64_t len)
{
	return offset <= elf->len && len <= elf->len - offset ? elf->data + offset : NULL;
}

bool elf_open(struct elf_file *elf, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const Elf64_Ehdr *head;
	struct stat st;
	void *map;

	*elf = (struct elf_file){0};
	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(*head)) {
		close(fd);
		return false;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return false;
	elf->data = map;
	elf->len = (size_t)st.st_size;
	head = map;
	if (!memcmp(head->e_ident, ELFMAG, SELFMAG) && head->e_ident[EI_CLASS] == ELFCLASS64 &&
	    head->e_machine == EM_X86_64 && head->e_phentsize == sizeof(Elf64_Phdr))
		return true;
	elf_close(elf);
	return false;
}

void elf_close(struct elf_file *elf)
{
	if (elf->data)
		munmap((void *)elf->data, elf->len);
	*elf = (struct elf_file){0};
}

/* Program header number i, or NULL. */
static const Elf64_Phdr *segment(const struct elf_file *elf, unsigned i)
{
	const Elf64_Ehdr *head = (const void *)elf->data;

	if (i >= head->e_phnum || head->e_phoff % 8)
		return NULL;
	return at(elf, head->e_phoff + i * sizeof(Elf64_Phdr), sizeof(Elf64_Phdr));
}

const char *elf_build_id(const struct elf_file *elf, char *buf)
{
	const Elf64_Phdr *ph;

	buf[0] = 0;
	for (unsigned i = 0; (ph = segment(elf, i)); i++) {
		uint64_t offset = ph->p_offset, end = ph->p_offset + ph->p_filesz;
		const Elf64_Nhdr *note;

		while (ph->p_type == PT_NOTE && offset % 4 == 0 && offset < end &&
		       (note = at(elf, offset, sizeof(*note)))) {
			uint64_t name_len = ((uint64_t)note->n_namesz + 3) & ~3ull;
			const uint8_t *id = at(elf, offset + sizeof(*note) + name_len, note->n_descsz);
			const char *name = at(elf, offset + sizeof(*note), note->n_namesz);

			if (note->n_type == NT_GNU_BUILD_ID && name && id && note->n_namesz == 4 &&
			    !memcmp(name, "GNU", 4) && note->n_descsz <= 64) {
				for (unsigned k = 0; k < note->n_descsz; k++)
					sprintf(buf + 2 * k, "%02x", id[k]);
				return buf;
			}
			offset += sizeof(*note) + name_len + (((uint64_t)note->n_descsz + 3) & ~3ull);
		}
	}
	return buf;
}

bool elf_segment(const struct elf_file *elf, uint64_t file_offset, uint64_t *addr)
{
	const Elf64_Phdr *ph;

	for (unsigned i = 0; (ph = segment(elf, i)); i++)
		if (ph->p_type == PT_LOAD && file_offset >= (ph->p_offset & ~4095ull) &&
		    file_offset < ph->p_offset + ph->p_filesz) {
			*addr = ph->p_vaddr - ph->p_offset + file_offset;
			return true;
		}
	return false;
}

const uint8_t *elf_bytes(const struct elf_file *elf, uint64_t addr, size_t *len)
{
	const Elf64_Phdr *ph;

	for (unsigned i = 0; (ph = segment(elf, i)); i++) {
		uint64_t into = addr - ph->p_vaddr;

		if (ph->p_type != PT_LOAD || addr < ph->p_vaddr || into >= ph->p_filesz)
			continue;
		*len = ph->p_filesz - into;
		return at(elf, ph->p_offset + into, *len);
	}
	return NULL;
}

bool elf_code(const struct elf_file *elf, unsigned n, const uint8_t **code, size_t *len)
{
	const Elf64_Ehdr *head = (const void *)elf->data;
	bool sections = head->e_shnum && head->e_shentsize == sizeof(Elf64_Shdr) &&
			head->e_shoff % 8 == 0;
	const Elf64_Phdr *ph;

	for (unsigned i = 0; sections && i < head->e_shnum; i++) {
		const Elf64_Shdr *sh = at(elf, head->e_shoff + i * sizeof(*sh), sizeof(*sh));

		if (!sh)
			return false;
		if (sh->sh_type != SHT_PROGBITS || !(sh->sh_flags & SHF_EXECINSTR) || n--)
			continue;
		*code = at(elf, sh->sh_offset, sh->sh_size);
		*len = sh->sh_size;
		return *code;
	}
	for (unsigned i = 0; !sections && (ph = segment(elf, i)); i++) {
		if (ph->p_type != PT_LOAD || !(ph->p_flags & PF_X) || n--)
			continue;
		*code = at(elf, ph->p_offset, ph->p_filesz);
		*len = ph->p_filesz;
		return *code;
	}
	return false;
}

bool elf_frame_index(const struct elf_file *elf, uint64_t *addr, uint64_t *len)
{
	const Elf64_Phdr *ph;

	for (unsigned i = 0; (ph = segment(elf, i)); i++)
		if (ph->p_type == PT_GNU_EH_FRAME) {
			*addr = ph->p_vaddr;
			*len = ph->p_memsz;
			return true;
		}
	return false;
}

/* A string within [start, start + len) of the file. */
static const char *string_at(const struct elf_file *elf, uint64_t start, uint64_t len,
			     uint64_t offset)
{
	const char *s = at(elf, start, len);

	return s && offset < len && memchr(s + offset, 0, len - offset) ? s + offset : NULL;
}

const uint8_t *elf_section(const struct elf_file *elf, const char *name, size_t *len)
{
	const Elf64_Ehdr *head = (const void *)elf->data;
	const Elf64_Shdr *names, *sh;

	if (head->e_shentsize != sizeof(*sh) || head->e_shoff % 8)
		return NULL;
	names = at(elf, head->e_shoff + head->e_shstrndx * sizeof(*sh), sizeof(*sh));
	for (unsigned i = 0; names && i < head->e_shnum; i++) {
		const char *its;

		sh = at(elf, head->e_shoff + i * sizeof(*sh), sizeof(*sh));
		its = sh ? string_at(elf, names->sh_offset, names->sh_size, sh->sh_name) : NULL;
		if (!its || strcmp(its, name))
			continue;
		*len = sh->sh_size;
		return sh->sh_type == SHT_PROGBITS ? at(elf, sh->sh_offset, sh->sh_size) : NULL;
	}
	return NULL;
}

const char *elf_soname(const struct elf_file *elf)
{
	const Elf64_Phdr *ph;
	uint64_t strings = 0, strings_len = 0, name = 0;
	const uint8_t *bytes;
	size_t len;
	bool named = false;

	for (unsigned i = 0; (ph = segment(elf, i)); i++) {
		const Elf64_Dyn *dyn;

		if (ph->p_type != PT_DYNAMIC || ph->p_offset % 8)
			continue;
		dyn = at(elf, ph->p_offset, ph->p_filesz);
		for (size_t n = 0; dyn && n < ph->p_filesz / sizeof(*dyn); n++) {
			if (dyn[n].d_tag == DT_STRTAB)
				strings = dyn[n].d_un.d_ptr;
			else if (dyn[n].d_tag == DT_STRSZ)
				strings_len = dyn[n].d_un.d_val;
			else if (dyn[n].d_tag == DT_SONAME)
				name = dyn[n].d_un.d_val, named = true;
		}
	}
	if (!named || !(bytes = elf_bytes(elf, strings, &len)))
		return NULL;
	if (strings_len > len)
		strings_len = len;
	return string_at(elf, (uint64_t)(bytes - elf->data), strings_len, name);
}

const char *elf_function(const struct elf_file *elf, uint64_t addr, uint64_t *offset)
{
	const Elf64_Ehdr *head = (const void *)elf->data;
	const char *found = NULL;
	uint64_t best = 0;

	if (head->e_shentsize != sizeof(Elf64_Shdr) || head->e_shoff % 8)
		return NULL;
	for (unsigned i = 0; i < head->e_shnum; i++) {
		const Elf64_Shdr *sh =
			at(elf, head->e_shoff + i * sizeof(*sh), sizeof(*sh)), *strings;
		const Elf64_Sym *sym;

		if (!sh || (sh->sh_type != SHT_SYMTAB && sh->sh_type != SHT_DYNSYM) ||
		    sh->sh_offset % 8)
			continue;
		strings = at(elf, head->e_shoff + sh->sh_link * sizeof(*sh), sizeof(*sh));
		sym = at(elf, sh->sh_offset, sh->sh_size);
		for (size_t n = 0; sym && strings && n < sh->sh_size / sizeof(*sym); n++) {
			unsigned type = ELF64_ST_TYPE(sym[n].st_info);
			const char *name;

			if ((type != STT_FUNC && type != STT_GNU_IFUNC) || !sym[n].st_shndx ||
			    addr < sym[n].st_value || sym[n].st_value < best ||
			    (sym[n].st_size ? addr - sym[n].st_value >= sym[n].st_size
					    : addr - sym[n].st_value > 4096))
				continue;
			name = string_at(elf, strings->sh_offset, strings->sh_size,
					 sym[n].st_name);
			/* of several names for one place the first, or the plainer */
			if (found && sym[n].st_value == best &&
			    !(name && *found == '_' && *name != '_'))
				continue;
			if (name && *name) {
				found = name;
				best = sym[n].st_value;
			}
		}
	}
	*offset = addr - best;
	return found;
}

static int by_begin(const void *a, const void *b)
{
	const struct elf_span *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

size_t elf_functions(const struct elf_file *elf, struct elf_span **list)
{
	const Elf64_Ehdr *head = (const void *)elf->data;
	size_t count = 0;

	*list = NULL;
	if (head->e_shentsize != sizeof(Elf64_Shdr) || head->e_shoff % 8)
		return 0;
	for (unsigned i = 0; i < head->e_shnum; i++) {
		const Elf64_Shdr *sh = at(elf, head->e_shoff + i * sizeof(*sh), sizeof(*sh));
		const Elf64_Sym *sym;
		struct elf_span *grown;
		size_t n;

		if (!sh || (sh->sh_type != SHT_SYMTAB && sh->sh_type != SHT_DYNSYM) ||
		    sh->sh_offset % 8 || !(sym = at(elf, sh->sh_offset, sh->sh_size)))
			continue;
		n = sh->sh_size / sizeof(*sym);
		grown = realloc(*list, (count + n + 1) * sizeof(**list));
		if (!grown)
			break;
		*list = grown;
		for (; n--; sym++)
			if ((ELF64_ST_TYPE(sym->st_info) == STT_FUNC ||
			     ELF64_ST_TYPE(sym->st_info) == STT_GNU_IFUNC) &&
			    sym->st_shndx && sym->st_size)
				grown[count++] = (struct elf_span){sym->st_value, sym->st_size};
	}
	if (count)
		qsort(*list, count, sizeof(**list), by_begin);
	return count;
}
