/*
 * `deja extract`: the exact bytes of one I/O stream.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/select.h"

struct wanted {
	uint32_t id;
	bool in, out;
};

/* ID, ID:in, ID:out. */
static bool parse_stream(const char *text, struct wanted *w)
{
	char *end;
	unsigned long id;

	errno = 0;
	id = strtoul(text, &end, 10);
	if (errno || end == text || *text == '-' || !id || id > UINT32_MAX)
		return false;
	w->id = (uint32_t)id;
	w->in = !*end || !strcmp(end, ":in");
	w->out = !*end || !strcmp(end, ":out");
	return w->in || w->out;
}

/* Writes the bytes of all its legs. *len: how many. *gap: not stored. False when writing
 * failed. */
static bool write_stream(struct reading *r, const struct wanted *w, FILE *out, uint64_t *len,
			 uint64_t *gap, bool *seen)
{
	struct deja_event ev;
	struct deja_sight sight;
	struct deja_payload p;
	struct deja_bytes piece;

	while (reading_next(r, &ev, &sight)) {
		*seen = true;
		for (size_t i = 0; i < sight.leg_count; i++) {
			const struct deja_leg *leg = &sight.leg[i];

			if (leg->io->id != w->id || !(leg->inbound ? w->in : w->out))
				continue;
			if (!leg->stored)
				*gap += leg->len;
			deja_payload_begin(&p, &ev, leg);
			while (deja_payload_next(&p, &piece)) {
				if (fwrite(piece.data, 1, piece.len, out) != piece.len)
					return false;
				*len += piece.len;
			}
		}
	}
	return fflush(out) == 0;
}

static int extract(deja_recording *rec, const struct wanted *w, const char *path)
{
	char id[16];
	uint64_t len = 0, gap = 0;
	bool seen = false, written;
	deja_filter *filter = deja_filter_new(rec);
	struct reading r;
	FILE *out = stdout;
	int fd, status, error;

	snprintf(id, sizeof(id), "%" PRIu32, w->id);
	if (!filter || deja_filter_add(filter, "io", id, NULL) < 0) {
		cmd_error("out of memory");
		return CMD_FAILED;
	}
	if (strcmp(path, "-")) {
		/* What is there is kept. */
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		out = fd < 0 ? NULL : fdopen(fd, "w");
		if (!out) {
			cmd_error("cannot create %s: %s", path, strerror(errno));
			deja_filter_free(filter);
			return CMD_FAILED;
		}
	}
	if (!reading_begin(&r, rec, filter, DEJA_LOOK_TRACK, "extracted")) {
		status = CMD_UNREADABLE;
		goto out;
	}
	errno = 0;
	written = write_stream(&r, w, out, &len, &gap, &seen);
	error = errno;
	if (!written && out == stdout)
		cmd_stdout_failed(); /* the end says why */
	else if (!written)
		cmd_error("cannot write %s: %s", path, strerror(error));
	status = reading_end(&r);
	if (!written)
		status = error == EPIPE ? 0 : CMD_FAILED;
	else if (!seen && !status) {
		cmd_error("extract: no stream %" PRIu32 "; `deja streams` lists them", w->id);
		status = CMD_FAILED;
	} else if (gap && !status) {
		cmd_error("extract: %" PRIu64 " bytes of stream %" PRIu32
			  " are not in the recording (digests only, or the kernel moved them: "
			  "sendfile, splice)",
			  gap, w->id);
		status = CMD_FAILED;
	}
out:
	deja_filter_free(filter);
	if (out != stdout) {
		fclose(out);
		if (status)
			unlink(path);
	}
	return status;
}

int cmd_extract(int argc, char **argv)
{
	struct wanted w = {0};
	const char *path = NULL;
	int key, status;
	deja_recording *rec;

	while ((key = cmd_getopt(argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if (key == 'o')
			path = optarg;
		if (key == CMD_OPT_STREAM && !parse_stream(optarg, &w)) {
			cmd_error("extract: '%s' is no stream; as in --stream 7, 7:in or 7:out",
				  optarg);
			return CMD_FAILED;
		}
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (!w.id || !path) {
		cmd_error("extract: say which stream and where to: --stream ID[:in|:out] -o FILE");
		return CMD_FAILED;
	}
	rec = cmd_open(argv[optind], &status);
	if (!rec)
		return status;
	cmd_stdout_begin();
	status = extract(rec, &w, path);
	deja_close(rec);
	return cmd_stdout_end(status);
}
