/*
 * libdeja: opening recordings, the one place where that is done (deja.h). malloc; handles
 * are not shared by threads. Events are read by cursor.c.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "error.h"
#include "header.h"
#include "recording.h"

static int compare_streams(const void *a, const void *b)
{
	const struct tf_stream *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	/* The one that the header describes first: it is the one that is kept. */
	return !x->process - !y->process;
}

const struct tf_stream *tf_recording_stream(const deja_recording *rec, uint32_t number)
{
	size_t lo = 0, hi = rec->stream_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (rec->streams[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < rec->stream_count && rec->streams[lo].number == number
		   ? &rec->streams[lo]
		   : NULL;
}

/* p<N>.zst: N in decimal without leading zeros. 0 when it is no stream's name. */
static uint32_t stream_number(const char *name)
{
	uint64_t n = 0;

	if (strcmp(name, "x1.zst") == 0)
		return DEJA_STREAM_EXTERNAL;
	if (name[0] != 'p' || name[1] == '0')
		return 0;
	for (name++; *name >= '0' && *name <= '9' && n < UINT32_MAX; name++)
		n = n * 10 + (uint64_t)(*name - '0');
	return n < DEJA_STREAM_EXTERNAL && strcmp(name, ".zst") == 0 ? (uint32_t)n : 0;
}

static int add_stream(deja_recording *rec, size_t *cap, uint32_t number,
		      const struct deja_process *process)
{
	if (rec->stream_count == *cap) {
		size_t more = *cap ? 2 * *cap : 16;
		struct tf_stream *streams = realloc(rec->streams, more * sizeof(*streams));

		if (!streams)
			return -1;
		rec->streams = streams;
		*cap = more;
	}
	rec->streams[rec->stream_count].number = number;
	rec->streams[rec->stream_count].process = process;
	rec->stream_count++;
	return 0;
}

/* The header's processes, and the files that are there: while recording the header
 * knows none yet. */
static int list_streams(deja_recording *rec, struct deja_error *err)
{
	size_t cap = 0, i, kept = 0;
	struct dirent *entry;
	DIR *dir;

	for (i = 0; i < rec->header.process_count; i++) {
		const struct deja_process *p = &rec->header.processes[i];

		if (p->stream == 0 || p->stream == DEJA_STREAM_EXTERNAL)
			return tf_fail(err, DEJA_E_HEADER,
				       "%s: the header is damaged (a stream's number)",
				       rec->path);
		if (add_stream(rec, &cap, p->stream, p) < 0)
			return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
	}
	dir = opendir(rec->path);
	if (!dir)
		return tf_fail_errno(err, "cannot read %s", rec->path);
	while ((entry = readdir(dir))) {
		uint32_t number = stream_number(entry->d_name);

		if (number && add_stream(rec, &cap, number, NULL) < 0) {
			closedir(dir);
			return tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		}
	}
	closedir(dir);
	if (rec->stream_count)
		qsort(rec->streams, rec->stream_count, sizeof(*rec->streams),
		      compare_streams);
	for (i = 0; i < rec->stream_count; i++)
		if (i == 0 || rec->streams[i].number != rec->streams[kept - 1].number)
			rec->streams[kept++] = rec->streams[i];
	rec->stream_count = kept;
	return 0;
}

deja_recording *deja_open(const char *path, struct deja_error *err)
{
	deja_recording *rec = calloc(1, sizeof(*rec));

	if (!rec || !msgpack_zone_init(&rec->zone, MSGPACK_ZONE_CHUNK_SIZE)) {
		free(rec);
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	rec->path = strdup(path);
	rec->pieces = tf_pieces_open(path);
	if (!rec->path || !rec->pieces) {
		tf_fail(err, DEJA_E_NO_MEMORY, "out of memory");
		goto fail;
	}
	if (tf_header_read(path, &rec->zone, &rec->header, err) < 0 ||
	    tf_files_read(path, &rec->zone, &rec->files, &rec->file_count, err) < 0 ||
	    list_streams(rec, err) < 0)
		goto fail;
	if (!rec->header.complete && rec->header.cause &&
	    !strcmp(rec->header.cause, TF_CAUSE_SEALED)) {
		tf_fail(err, DEJA_E_NOT_A_RECORDING, "%s: %s", path, TF_CAUSE_SEALED);
		goto fail;
	}
	return rec;
fail:
	deja_close(rec);
	return NULL;
}

void tf_recording_set_seal(deja_recording *rec, const struct tf_seal *seal)
{
	rec->seal = seal;
}

void deja_close(deja_recording *rec)
{
	if (!rec)
		return;
	msgpack_zone_destroy(&rec->zone);
	tf_pieces_close(rec->pieces);
	free(rec->streams);
	free(rec->path);
	free(rec);
}

const struct deja_header *deja_header(const deja_recording *rec)
{
	return &rec->header;
}

size_t deja_stream_count(const deja_recording *rec)
{
	return rec->stream_count;
}

uint32_t deja_stream_at(const deja_recording *rec, size_t index)
{
	return index < rec->stream_count ? rec->streams[index].number : 0;
}

size_t deja_file_count(const deja_recording *rec)
{
	return rec->file_count;
}

const struct deja_file *deja_file_at(const deja_recording *rec, size_t index)
{
	return index < rec->file_count ? &rec->files[index] : NULL;
}

const struct deja_file *deja_file_by_id(const deja_recording *rec, uint32_t id)
{
	size_t i;

	/* Ids are given in order; a file that says otherwise is searched. */
	if (id && id - 1 < rec->file_count && rec->files[id - 1].id == id)
		return &rec->files[id - 1];
	for (i = 0; id && i < rec->file_count; i++)
		if (rec->files[i].id == id)
			return &rec->files[i];
	return NULL;
}

const char *deja_call_name(unsigned id)
{
	const struct tf_call *call = tf_call_by_id(id);

	return call ? call->name : NULL;
}
