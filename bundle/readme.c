/*
 * What a bundle says to somebody who has never heard of deja: README.txt and `settings`.
 * The same recording gives the same bytes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include "bundle/readme.h"
#include "tools/cmd.h"

static const char *const limit_names[] = {
    "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile",
    "memlock", "as", "locks", "sigpending", "msgqueue", "nice", "rtprio", "rttime",
};

char *readme_text(const deja_recording *rec)
{
	const struct deja_header *h = deja_header(rec);
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
	fprintf(out, "\n\nrun on %s, ended with %s. It holds everything that the program got from\n"
		     "outside, and the program itself with its libraries: it can be run again, as it\n"
		     "ran then, on any x86-64 Linux that has deja. Nothing outside is touched.\n\n",
		date, cmd_status_text(h->status_known, h->status, status, sizeof(status)));
	fputs("    deja replay FILE.deja     run it again\n"
	      "    deja info FILE.deja       what it is\n"
	      "    deja cat FILE.deja        every event, one a line\n"
	      "    deja verify --env FILE.deja   whether it can be replayed here, and why not\n\n"
	      "FILE.deja is a tar in zstd (tar --zstd -xf FILE.deja); MANIFEST lists its members\n"
	      "with their SHA-256. f/ holds the files that were mapped, by content; `files` says\n"
	      "which is which.\n\n"
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

char *settings_text(const deja_recording *rec)
{
	const struct deja_header *h = deja_header(rec);
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
