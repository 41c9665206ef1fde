/*
 * `deja ls`: the recordings in the default directory, oldest first.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tools/json.h"

struct entry {
	char *name;
	char *path;
	int64_t start_ns;
	uint64_t disk_len;
	deja_recording *rec; /* NULL: error says why */
	struct deja_error error;
};

struct list {
	struct entry *entry;
	size_t count, room;
};

static bool is_recording(const char *path)
{
	char header[4096 + 8];
	struct stat st;

	if (lstat(path, &st) || !S_ISDIR(st.st_mode)) /* `latest` is a link */
		return false;
	snprintf(header, sizeof(header), "%s/header", path);
	return stat(header, &st) == 0;
}

static bool list_add(struct list *list, const char *dir, const char *name)
{
	struct entry *entry;
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return false;
	if (!is_recording(path)) {
		free(path);
		return true;
	}
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct entry *grown = reallocarray(list->entry, room, sizeof(*grown));

		if (!grown) {
			free(path);
			return false;
		}
		list->entry = grown;
		list->room = room;
	}
	entry = &list->entry[list->count];
	*entry = (struct entry){.name = strdup(name), .path = path};
	if (!entry->name) {
		free(path);
		return false;
	}
	list->count++;
	entry->disk_len = cmd_disk_len(path);
	entry->rec = deja_open(path, &entry->error);
	if (entry->rec)
		entry->start_ns = deja_header(entry->rec)->start_realtime_ns;
	return true;
}

static void list_free(struct list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->entry[i].rec)
			deja_close(list->entry[i].rec);
		free(list->entry[i].name);
		free(list->entry[i].path);
	}
	free(list->entry);
}

static int by_start(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Why an entry cannot be read, without its path, which the row has. */
static const char *unreadable_reason(const struct entry *entry)
{
	size_t len = strlen(entry->path);

	if (!strncmp(entry->error.message, entry->path, len) &&
	    !strncmp(entry->error.message + len, ": ", 2))
		return entry->error.message + len + 2;
	return entry->error.message;
}

static void print_table(const struct list *list)
{
	int width = 4;
	char date[32], duration[32], size[32], status[64];

	for (size_t i = 0; i < list->count; i++)
		if ((int)strlen(list->entry[i].name) > width)
			width = (int)strlen(list->entry[i].name);
	if (width > 60)
		width = 60;
	if (list->count)
		printf("%-*s  %-19s  %11s  %9s  %10s  %-19s  %s\n", width, "NAME",
		       "DATE", "DURATION", "EVENTS", "SIZE", "STATUS", "COMMAND");
	for (size_t i = 0; i < list->count; i++) {
		const struct entry *entry = &list->entry[i];
		const struct deja_header *h =
		    entry->rec ? deja_header(entry->rec) : NULL;

		cmd_print_text(stdout, entry->name);
		printf("%*s  ",
		       width - (int)strlen(entry->name) > 0
			   ? width - (int)strlen(entry->name)
			   : 0,
		       "");
		cmd_size_text(entry->disk_len, size, sizeof(size));
		if (!h) {
			printf("%-19s  %11s  %9s  %10s  unreadable: ", "-", "-", "-",
			       size);
			cmd_print_text(stdout, unreadable_reason(entry));
			putchar('\n');
			continue;
		}
		if (h->complete)
			cmd_status_text(h->status_known, h->status, status,
					sizeof(status));
		else
			strcpy(status, "incomplete");
		printf("%-19s  %11s  %9" PRIu64 "  %10s  %-19s  ",
		       cmd_date_text(h->start_realtime_ns, date, sizeof(date)),
		       h->duration_ns ? cmd_duration_text(h->duration_ns, duration,
							  sizeof(duration))
				      : "-",
		       h->event_count, size, status);
		cmd_print_argv(stdout, h->argc, h->argv);
		putchar('\n');
	}
}

static void print_json(const struct list *list, const char *latest)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '[');
	for (size_t i = 0; i < list->count; i++) {
		const struct entry *entry = &list->entry[i];
		const struct deja_header *h =
		    entry->rec ? deja_header(entry->rec) : NULL;

		json_open(&j, NULL, '{');
		json_text(&j, "name", entry->name);
		json_text(&j, "path", entry->path);
		json_bool(&j, "latest", latest && !strcmp(latest, entry->name));
		json_uint(&j, "disk_bytes", entry->disk_len);
		if (h) {
			json_int(&j, "start_ns", h->start_realtime_ns);
			json_int(&j, "duration_ns", h->duration_ns);
			json_uint(&j, "events", h->event_count);
			json_uint(&j, "bytes", h->byte_len);
			json_bool(&j, "complete", h->complete);
			json_status(&j, h->status_known, h->status);
			json_texts(&j, "argv", h->argc, h->argv);
		} else {
			json_text(&j, "error", unreadable_reason(entry));
		}
		json_close(&j, '}');
	}
	json_close(&j, ']');
}

/* What `latest` in dir points to, or NULL. */
static const char *latest_name(const char *dir, char *buf, size_t size)
{
	char path[4096];
	ssize_t len;
	char *slash;

	snprintf(path, sizeof(path), "%s/latest", dir);
	len = readlink(path, buf, size - 1);
	if (len < 0)
		return NULL;
	buf[len] = '\0';
	slash = strrchr(buf, '/');
	return slash ? slash + 1 : buf;
}

static int list_dir(const char *dir, bool json)
{
	struct list list = {0};
	struct dirent *d;
	char latest[4096];
	DIR *stream = opendir(dir);

	if (!stream && errno != ENOENT) {
		cmd_error("%s: cannot be listed: %s", dir, strerror(errno));
		return CMD_FAILED;
	}
	while (stream && (d = readdir(stream)))
		if (d->d_name[0] != '.' && !list_add(&list, dir, d->d_name)) {
			cmd_error("out of memory");
			closedir(stream);
			list_free(&list);
			return CMD_FAILED;
		}
	if (stream)
		closedir(stream);
	if (list.count)
		qsort(list.entry, list.count, sizeof(*list.entry), by_start);
	cmd_stdout_begin();
	if (json)
		print_json(&list, latest_name(dir, latest, sizeof(latest)));
	else if (list.count)
		print_table(&list);
	else
		cmd_error("no recording yet in %s; make one with `deja record -- CMD`",
			  dir);
	list_free(&list);
	return cmd_stdout_end(0);
}

int cmd_ls(int argc, char **argv)
{
	bool json = false;
	int key, status;
	char *dir;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		json = true;
	}
	if (!cmd_operands(argc, argv, 0))
		return CMD_FAILED;
	dir = cmd_default_dir();
	if (!dir) {
		cmd_error("neither DEJA_DIR nor HOME is set; set one to say where "
			  "recordings are");
		return CMD_FAILED;
	}
	status = list_dir(dir, json);
	free(dir);
	return status;
}
