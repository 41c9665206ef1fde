/*
 * `deja export`: opens what the exporters write to, and the simplest of them, JSON lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "tools/look/look.h"
#include "tracefmt/print.h"

static int export_jsonl(struct export *e)
{
	struct reading r;
	struct deja_event ev;
	struct deja_sight sight;

	if (!reading_begin(&r, e->rec, e->filter, DEJA_LOOK_TRACK, "exported"))
		return CMD_UNREADABLE;
	while (!ferror(e->out) && reading_next(&r, &ev, &sight))
		tf_json_event(e->out, &ev, &sight);
	return reading_end(&r);
}

static const struct {
	const char *name;
	int (*write)(struct export *e);
} formats[] = {{"jsonl", export_jsonl},
	       {"csv", export_csv},
	       {"pcap", export_pcap},
	       {"perfetto", export_perfetto},
	       {"hdf5", export_hdf5}};

static int write_to(struct export *e, int (*write)(struct export *e), const char *path)
{
	bool file = path && strcmp(path, "-");
	int fd = -1, status;

	if (write == export_hdf5 && !file) {
		cmd_error("export: hdf5 needs a file: -o FILE");
		return CMD_FAILED;
	}
	if (file) {
		/* What is there is kept. */
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0) {
			cmd_error("cannot create %s: %s", path, strerror(errno));
			return CMD_FAILED;
		}
	}
	if (file && write == export_hdf5) {
		close(fd); /* the library opens it by its name */
		e->path = path;
	} else if (file) {
		e->out = fdopen(fd, "w");
		if (!e->out) {
			cmd_error("%s: %s", path, strerror(errno));
			close(fd);
			unlink(path);
			return CMD_FAILED;
		}
	} else {
		if (isatty(1) && write == export_pcap) {
			cmd_error("export: pcap is not for a terminal: -o FILE, or a pipe");
			return CMD_FAILED;
		}
		e->out = stdout;
	}
	status = write(e);
	if (file && e->out && (ferror(e->out) | fclose(e->out))) {
		cmd_error("cannot write %s: %s", path, strerror(errno));
		status = CMD_FAILED;
	}
	/* A damaged recording's export holds what there was; one that could not be written goes. */
	if (file && status == CMD_FAILED)
		unlink(path);
	return status;
}

int look_export(int argc, char **argv)
{
	struct selection selection = {0};
	struct export e = {0};
	int (*write)(struct export *e) = NULL;
	const char *path = NULL;
	int key, status;
	deja_filter *filter;

	while ((key = select_getopt(&selection, argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if (key == 'o') {
			path = optarg;
			continue;
		}
		for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
			if (!strcmp(optarg, formats[i].name))
				write = formats[i].write;
		if (!write) {
			cmd_error("export: no format '%s'; there are jsonl, csv, pcap, perfetto, hdf5",
				  optarg);
			return CMD_FAILED;
		}
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (!write) {
		cmd_error("export: say what to write: --format jsonl, csv, pcap, perfetto or hdf5");
		return CMD_FAILED;
	}
	e.rec = select_open(&selection, argv[0], argv[optind], &filter, &status);
	if (!e.rec)
		return status;
	e.filter = filter;
	cmd_stdout_begin();
	status = write_to(&e, write, path);
	deja_filter_free(filter);
	deja_close(e.rec);
	return cmd_stdout_end(status);
}
