/*
 * See readme.h. Called where headers are written, and by packing.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/readme.h"
#include "tracefmt/header.h"

static const char *const limit_names[] = {
    "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile",
    "memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime",
};

char *readme_text(const struct deja_header *h)
{
	char *text = NULL, date[32], status[64];
	time_t at = (time_t)(h->start_realtime_ns / 1000000000);
	struct tm tm;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	if (!gmtime_r(&at, &tm) || !strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm))
		strcpy(date, "-");
	fprintf(out, "This is a recording of a program, made by deja %s.\n\n    ",
		h->version && *h->version ? h->version : "?");
	cmd_print_argv(out, h->argc, h->argv);
	fprintf(out, "\n\nrun on %s, ", date);
	if (h->cause && !strcmp(h->cause, TF_CAUSE_RUNNING))
		fputs("not ended when this was written", out);
	else
		fprintf(out, "ended with %s",
			cmd_status_text(h->status_known, h->status, status, sizeof(status)));
	fputs(". It holds everything that the program\n"
	      "got from outside, and the program itself with its libraries: it can be run again, as\n"
	      "it ran then, on any x86-64 Linux that has deja. Nothing outside is touched.\n\n"
	      "    deja replay REC           run it again\n"
	      "    deja info REC             what it is\n"
	      "    deja cat REC              every event, one a line\n"
	      "    deja gdb REC              look into it as it runs\n"
	      "    deja verify --env REC     whether it can be replayed here, and why not\n\n"
	      "REC is the directory that holds this file, or the NAME.deja that it came in: a tar in\n"
	      "zstd (tar --zstd -xf NAME.deja), whose MANIFEST lists the members with their SHA-256.\n"
	      "`header` and p*.zst are the recording (zstd -d reads them); f/ holds the files that\n"
	      "were mapped, by content, and `files` says which is which; `settings` tells versions,\n"
	      "processor and limits.\n\n"
	      "It holds secrets: whatever the program read and wrote, keys, passwords and the\n"
	      "environment among it, in clear. Treat it like a core dump.\n",
	      out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

static void setting(FILE *out, const char *key, const char *value)
{
	fprintf(out, "%s: ", key);
	cmd_print_text(out, value ? value : "");
	fputc('\n', out);
}

char *settings_text(const struct deja_header *h)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	setting(out, "deja", h->version);
	fprintf(out, "format: %u\n", h->format);
	setting(out, "machine", h->machine);
	setting(out, "cpu", h->cpu);
	setting(out, "kernel", h->kernel);
	fprintf(out, "page_size: %u\n", h->page_size);
	setting(out, "outbound", h->outbound);
	setting(out, "stacks", h->stacks && *h->stacks ? h->stacks : "none");
	setting(out, "doors", h->doors);
	for (size_t i = 0; i < h->limit_count; i++) {
		if (i < sizeof(limit_names) / sizeof(limit_names[0]))
			fprintf(out, "limit %s:", limit_names[i]);
		else
			fprintf(out, "limit %zu:", i);
		for (int k = 0; k < 2; k++)
			if (h->limits[i][k] == (uint64_t)RLIM_INFINITY)
				fputs(" unlimited", out);
			else
				fprintf(out, " %llu", (unsigned long long)h->limits[i][k]);
		fputc('\n', out);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* Takes the text over. */
static bool put_file(const char *dir, const char *name, char *text)
{
	char path[PATH_MAX], work[PATH_MAX + 16];
	bool ok = false;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(work, sizeof(work), "%s/.%s", dir, name);
	fd = text ? open(work, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
	if (fd >= 0) {
		ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
		ok = close(fd) == 0 && ok && rename(work, path) == 0;
	}
	if (!ok) {
		cmd_error("%s: %s", path, text ? strerror(errno) : "out of memory");
		unlink(work);
	}
	free(text);
	return ok;
}

bool readme_write(const char *dir, const struct deja_header *h)
{
	return put_file(dir, "README.txt", readme_text(h)) &&
	       put_file(dir, "settings", settings_text(h));
}

char *note_read(const char *note)
{
	enum { NOTE_MAX_LEN = 1 << 20 };
	size_t len = 0;
	char *text;
	FILE *f = fopen(note, "re");

	if (!f)
		return asprintf(&text, "%s\n", note) < 0 ? NULL : text;
	text = malloc(NOTE_MAX_LEN + 1);
	if (text)
		len = fread(text, 1, NOTE_MAX_LEN, f);
	if (text && (ferror(f) || (len == NOTE_MAX_LEN && fgetc(f) != EOF) || memchr(text, 0, len))) {
		cmd_error("%s: a note is a text of at most 1 MiB", note);
		free(text);
		text = NULL;
	}
	if (text)
		text[len] = 0;
	fclose(f);
	return text;
}

bool note_write(const char *dir, char *text)
{
	return put_file(dir, "note.txt", text);
}
