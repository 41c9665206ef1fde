/*
 * See environment.h. A recording brings its program, libraries and vDSO along; what is left to
 * this machine: its kernel's system call dispatch, its processor, shared memory, and a runtime
 * that lies as the recorder's did.
 */
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/elf.h"
#include "tools/replay/environment.h"
#include "tools/installed.h"
#include "tools/session.h"

enum { FEATURES_LEN = 4096, NAME_LEN = 32, FIGURE_MAX = 8 };

/* --- the processor --- */

/* Flags of /proc/cpuinfo by which programs and libraries choose their code. */
static bool is_instruction_set(const char *name)
{
	static const char *const prefixes[] = {"sse", "ssse", "avx", "amx", "vaes", "vpclmul",
					       "bmi", "sha"};
	static const char *const names[] = {
	    "pni",  "fma",   "f16c",   "movbe",  "popcnt", "abm",    "aes",	"pclmulqdq",
	    "erms", "fsrm",  "gfni",   "adx",	 "rdrand", "rdseed", "xsave",	"xsaveopt",
	    "rtm",  "xsavec", "lahf_lm", "cx16", "rdtscp", "fsgsbase", "clflushopt", "clwb",
	    "movdiri", "movdir64b", "rdpid", "pku", "serialize", "waitpkg", "fma4", "xop", "tbm"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

const char *environment_cpu_features(void)
{
	static char features[FEATURES_LEN];
	char *line = NULL, *save = NULL, *at = features;
	size_t room = 0;
	FILE *f;

	if (*features)
		return features;
	f = fopen("/proc/cpuinfo", "re");
	while (f && getline(&line, &room, f) > 0) {
		if (strncmp(line, "flags", 5) || !strchr(line, ':'))
			continue;
		for (char *word = strtok_r(strchr(line, ':') + 1, " \n", &save); word;
		     word = strtok_r(NULL, " \n", &save))
			if (is_instruction_set(word) && strlen(word) < NAME_LEN &&
			    at + NAME_LEN + 2 < features + sizeof(features))
				at += sprintf(at, "%s%s", at > features ? " " : "", word);
		break;
	}
	free(line);
	if (f)
		fclose(f);
	return features;
}

static bool has_word(const char *words, const char *word, size_t len)
{
	for (const char *p = words; (p = strstr(p, word)); p += len)
		if ((p == words || p[-1] == ' ') && (!p[len] || p[len] == ' '))
			return true;
	return false;
}

/* Words of a that b lacks, into text. */
static void missing_words(const char *a, const char *b, char *text, size_t len)
{
	size_t done = 0;

	text[0] = 0;
	while (*a) {
		size_t n = strcspn(a, " ");
		char word[NAME_LEN + 1];

		snprintf(word, sizeof(word), "%.*s", (int)n, a);
		if (n && n <= NAME_LEN && !has_word(b, word, n) && done + n + 2 < len)
			done += (size_t)snprintf(text + done, len - done, "%s%s", done ? " " : "",
						 word);
		a += n;
		a += strspn(a, " ");
	}
}

/* --- the runtime --- */

/* The dynamic symbols of one of our objects. */
static const Elf64_Sym *symbols(const struct elf_file *elf, size_t *count, const char **strings,
				size_t *strings_len)
{
	const Elf64_Ehdr *eh = (const void *)elf->data;
	const Elf64_Shdr *sh;

	if (elf->len < sizeof(*eh) || eh->e_shoff > elf->len || eh->e_shoff & 7 ||
	    eh->e_shnum > (elf->len - eh->e_shoff) / sizeof(*sh))
		return NULL;
	sh = (const void *)(elf->data + eh->e_shoff);
	for (unsigned i = 0; i < eh->e_shnum; i++) {
		const Elf64_Shdr *str = &sh[sh[i].sh_link < eh->e_shnum ? sh[i].sh_link : 0];

		if (sh[i].sh_type != SHT_DYNSYM || sh[i].sh_offset > elf->len ||
		    sh[i].sh_size > elf->len - sh[i].sh_offset || sh[i].sh_offset & 7 ||
		    str->sh_offset > elf->len || !str->sh_size ||
		    str->sh_size > elf->len - str->sh_offset)
			continue;
		*strings = (const char *)elf->data + str->sh_offset;
		*strings_len = str->sh_size;
		if ((*strings)[str->sh_size - 1])
			continue;
		*count = sh[i].sh_size / sizeof(Elf64_Sym);
		return (const void *)(elf->data + sh[i].sh_offset);
	}
	return NULL;
}

/* The recorded program holds addresses in the recorder's object: the replayer's has the same
 * functions at the same places. */
static bool same_doors(const char *recorded, const char *here)
{
	struct elf_file a, b;
	size_t a_count = 0, b_count = 0, a_len = 0, b_len = 0;
	const char *a_str = NULL, *b_str = NULL;
	const Elf64_Sym *x, *y;
	bool same = false;

	if (!elf_open(&a, recorded))
		return false;
	if (!elf_open(&b, here)) {
		elf_close(&a);
		return false;
	}
	x = symbols(&a, &a_count, &a_str, &a_len);
	y = symbols(&b, &b_count, &b_str, &b_len);
	same = x && y;
	for (size_t i = 0; same && i < a_count; i++) {
		bool found = false;

		if (!x[i].st_value || x[i].st_name >= a_len)
			continue;
		for (size_t k = 0; !found && k < b_count; k++)
			found = y[k].st_value == x[i].st_value && y[k].st_size == x[i].st_size &&
				y[k].st_name < b_len &&
				!strcmp(a_str + x[i].st_name, b_str + y[k].st_name);
		same = found;
	}
	elf_close(&a);
	elf_close(&b);
	return same;
}

/* --- all matters --- */

enum verdict { FINE, RISK, IMPOSSIBLE };

struct matter {
	const char *name;
	enum verdict verdict;
	char text[1024];
};

static void say(struct matter *m, const char *name, enum verdict verdict, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void say(struct matter *m, const char *name, enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	m->name = name;
	m->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(m->text, sizeof(m->text), fmt, ap);
	va_end(ap);
}

static void look_at_kernel(struct matter *m, const struct deja_header *h)
{
	struct utsname here;

	if (uname(&here) < 0)
		memset(&here, 0, sizeof(here));
	if (strcmp(here.machine, "x86_64") || (*h->machine && strcmp(h->machine, here.machine)))
		say(m, "machine", IMPOSSIBLE, "recorded on %s, this is %s", h->machine,
		    here.machine);
	else if (h->page_size && h->page_size != (uint32_t)sysconf(_SC_PAGESIZE))
		say(m, "machine", IMPOSSIBLE, "recorded with pages of %u bytes", h->page_size);
	else if (strcmp(h->doors, "patch") && !session_can_dispatch())
		say(m, "kernel", IMPOSSIBLE,
		    "it was recorded with system call dispatch, which this kernel lacks or refuses "
		    "(Linux 5.11 has it)");
	else
		say(m, "kernel", FINE, "Linux %s; recorded on %s", here.release, h->kernel);
}

static void look_at_cpu(struct matter *m, const struct deja_header *h)
{
	const char *here = environment_cpu_features();
	char lacks[400], more[400];

	if (!h->cpu_features || !*h->cpu_features || !*here) {
		say(m, "processor", FINE, "recorded on %s; what it can is not known",
		    *h->cpu ? h->cpu : "an unknown one");
		return;
	}
	missing_words(h->cpu_features, here, lacks, sizeof(lacks));
	missing_words(here, h->cpu_features, more, sizeof(more));
	if (!*lacks && !*more)
		say(m, "processor", FINE, "as recorded (%s)", h->cpu);
	else
		say(m, "processor", RISK,
		    "another one than %s, so libraries may choose other code and the replay may "
		    "diverge:%s%s%s%s",
		    *h->cpu ? h->cpu : "when recorded", *lacks ? " this lacks " : "", lacks,
		    *more ? " this has " : "", more);
}

static void look_at_files(struct matter *m, const deja_recording *rec, const char *path)
{
	char name[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < deja_file_count(rec); i++) {
		const struct deja_file *f = deja_file_at(rec, i);

		snprintf(name, sizeof(name), "%s/f/%s", path, f->hash);
		if (stat(name, &st) < 0 || (uint64_t)st.st_size != f->size) {
			say(m, "files", IMPOSSIBLE, "%s is missing from the recording (f/%s)",
			    f->path, f->hash);
			return;
		}
	}
	say(m, "files", FINE, "%zu, all in the recording", deja_file_count(rec));
}

static void look_at_runtime(struct matter *m, const deja_recording *rec, const char *path)
{
	const struct deja_header *h = deja_header(rec);
	char lib[PATH_MAX], here[PATH_MAX + 32], recorded[PATH_MAX];

	if (!installed_dir(lib, sizeof(lib))) {
		say(m, "deja", IMPOSSIBLE, "it is not installed completely");
		return;
	}
	snprintf(here, sizeof(here), "%s/deja-loader", lib);
	if (access(here, X_OK) < 0) {
		say(m, "deja", IMPOSSIBLE, "%s: %s", here, strerror(errno));
		return;
	}
	snprintf(here, sizeof(here), "%s/" SESSION_REPLAY_OBJECT, lib);
	for (size_t i = 0; i < deja_file_count(rec); i++) {
		const struct deja_file *f = deja_file_at(rec, i);

		if (!installed_is_runtime(f->path, strlen(f->path)))
			continue;
		snprintf(recorded, sizeof(recorded), "%s/f/%s", path, f->hash);
		if (same_doors(recorded, here))
			break;
		say(m, "deja", IMPOSSIBLE,
		    "recorded by a deja (%s) whose runtime lies in memory in another way than "
		    "this one's (%s): replay it with that version, or a build of the same compiler",
		    h->version, DEJA_VERSION);
		return;
	}
	say(m, "deja", FINE, "%s; recorded by %s", DEJA_VERSION, h->version);
}

static void look_at_memory(struct matter *m)
{
	if (access("/dev/shm", W_OK | X_OK) < 0)
		say(m, "/dev/shm", IMPOSSIBLE, "%s; a replay needs it", strerror(errno));
	else
		say(m, "/dev/shm", FINE, "writable");
}

static void look_at_sandbox(struct matter *m)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	if (abi < 1)
		say(m, "sandbox", RISK, "no Landlock here: files are not confined");
	else
		say(m, "sandbox", FINE, "seccomp, Landlock %ld", abi);
}

static size_t look(struct matter m[FIGURE_MAX], const deja_recording *rec, const char *path)
{
	const struct deja_header *h = deja_header(rec);
	size_t n = 0;

	look_at_kernel(&m[n++], h);
	look_at_cpu(&m[n++], h);
	look_at_memory(&m[n++]);
	look_at_runtime(&m[n++], rec, path);
	look_at_files(&m[n++], rec, path);
	look_at_sandbox(&m[n++]);
	return n;
}

int environment_print(const deja_recording *rec, const char *path)
{
	static const char *const words[] = {"ok", "risk", "no"};
	struct matter m[FIGURE_MAX];
	size_t n = look(m, rec, path);
	enum verdict worst = FINE;

	cmd_stdout_begin();
	for (size_t i = 0; i < n; i++) {
		printf("%-5s%-10s ", words[m[i].verdict], m[i].name);
		cmd_print_text(stdout, m[i].text);
		putchar('\n');
		if (m[i].verdict > worst)
			worst = m[i].verdict;
	}
	puts(worst == IMPOSSIBLE ? "It cannot be replayed here."
	     : worst == RISK	 ? "It can be replayed here, with the risk named."
				 : "It can be replayed here.");
	return cmd_stdout_end(worst == IMPOSSIBLE ? CMD_CANNOT_RUN : 0);
}

int environment_tell(const deja_recording *rec, const char *path)
{
	struct matter m[FIGURE_MAX];
	size_t n = look(m, rec, path);

	for (size_t i = 0; i < n; i++) {
		if (m[i].verdict == IMPOSSIBLE) {
			cmd_error("%s: cannot be replayed here: %s", path, m[i].text);
			return CMD_CANNOT_RUN;
		}
		if (m[i].verdict == RISK && !strcmp(m[i].name, "processor"))
			cmd_error("warning: %s", m[i].text);
	}
	return 0;
}
