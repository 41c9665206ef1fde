/*
 * deja-sources: the program behind `deja sources` and `deja record --sources`.
 *
 *	deja-sources list RECORDING text|json
 *	deja-sources add RECORDING quiet|said [DIR]
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/sources/sources.h"
#include "tools/cmd.h"
#include "tools/json.h"

static const char *state_name(enum source_state state)
{
	static const char *const names[] = {
		[SOURCE_STORED] = "stored", [SOURCE_FOUND] = "found", [SOURCE_MISSING] = "missing"};

	return names[state];
}

static const char *debug_name(const struct program *p)
{
	return p->within ? "within" : p->debug_stored ? "stored" : p->debug ? "found" : "none";
}

static size_t count_state(const struct sources *s, enum source_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < s->source_count; i++)
		n += s->sources[i].state == state;
	return n;
}

static void print_text(const struct sources *s)
{
	static const char *const words[] = {
		"within", "debug info in it", "stored", "debug info stored beside it",
		"found", "debug info found here:", "none", "no debug info"};

	for (size_t i = 0; i < s->program_count; i++) {
		const struct program *p = &s->programs[i];
		const char *name = debug_name(p);

		cmd_print_text(stdout, p->file->path);
		for (size_t k = 0; k < 8; k += 2)
			if (!strcmp(words[k], name))
				printf(": %s", words[k + 1]);
		if (!strcmp(name, "found")) {
			putchar(' ');
			cmd_print_text(stdout, p->debug);
		}
		putchar('\n');
	}
	for (size_t i = 0; i < s->source_count; i++) {
		const struct source *source = &s->sources[i];

		printf("  %-8s ", state_name(source->state));
		cmd_print_text(stdout, source->path);
		puts(source->newer ? "  (changed after the program was built)" : "");
	}
	printf("%zu source%s: %zu stored, %zu found here, %zu missing\n", s->source_count,
	       s->source_count == 1 ? "" : "s", count_state(s, SOURCE_STORED),
	       count_state(s, SOURCE_FOUND), count_state(s, SOURCE_MISSING));
}

static void print_json(const struct sources *s)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_open(&j, "programs", '[');
	for (size_t i = 0; i < s->program_count; i++) {
		const struct program *p = &s->programs[i];

		json_open(&j, NULL, '{');
		json_text(&j, "path", p->file->path);
		json_text(&j, "build_id", p->build_id);
		json_text(&j, "debug", debug_name(p));
		json_text(&j, "debug_file", p->debug);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_open(&j, "sources", '[');
	for (size_t i = 0; i < s->source_count; i++) {
		const struct source *source = &s->sources[i];

		json_open(&j, NULL, '{');
		json_text(&j, "path", source->path);
		json_text(&j, "state", state_name(source->state));
		json_text(&j, "file", source->where);
		json_bool(&j, "newer", source->newer);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
}

static bool add_debug(struct sources *s, const char *path, size_t *count)
{
	if (!path || keep_find(&s->kept_debug, path))
		return true;
	++*count;
	return keep_add(&s->kept_debug, path, path);
}

/* Stores all that was found. */
static int add(struct sources *s, bool quiet)
{
	size_t source_count = 0, debug_count = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < s->source_count; i++) {
		const struct source *source = &s->sources[i];

		if (source->state != SOURCE_FOUND)
			continue;
		ok = keep_add(&s->kept_sources, source->path, source->where);
		source_count++;
	}
	for (size_t i = 0; ok && i < s->program_count; i++)
		if (!s->programs[i].debug_stored)
			ok = add_debug(s, s->programs[i].debug, &debug_count) &&
			     add_debug(s, s->programs[i].debug_alt, &debug_count);
	if (!ok || !keep_commit(&s->kept_sources) || !keep_commit(&s->kept_debug))
		return CMD_FAILED;
	if (!quiet)
		printf("%s: %zu source%s and %zu file%s of debug info added; %zu source%s missing\n",
		       s->rec_path, source_count, source_count == 1 ? "" : "s", debug_count,
		       debug_count == 1 ? "" : "s", count_state(s, SOURCE_MISSING),
		       count_state(s, SOURCE_MISSING) == 1 ? " is" : "s are");
	return fflush(stdout) ? CMD_FAILED : 0;
}

int main(int argc, char **argv)
{
	bool adds = argc >= 4 && !strcmp(argv[1], "add");
	struct sources s = {0};
	int status = CMD_UNREADABLE;

	if (!adds && (argc != 4 || strcmp(argv[1], "list"))) {
		cmd_error("this is a part of deja: use `deja sources`");
		return CMD_FAILED;
	}
	s.rec_path = argv[2];
	s.rec = cmd_open(argv[2], &status);
	if (!s.rec)
		return status;
	if (!keep_open(&s.kept_sources, s.rec_path, "sources") ||
	    !keep_open(&s.kept_debug, s.rec_path, "debug"))
		return CMD_UNREADABLE;
	if (!debuginfo_read(&s)) {
		cmd_error("out of memory");
		return CMD_FAILED;
	}
	find_sources(&s, adds && argc > 4 ? argv[4] : NULL);
	if (adds)
		return add(&s, !strcmp(argv[3], "quiet"));
	cmd_stdout_begin();
	if (!strcmp(argv[3], "json"))
		print_json(&s);
	else
		print_text(&s);
	return cmd_stdout_end(0);
}
