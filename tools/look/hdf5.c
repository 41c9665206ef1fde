/*
 * Events as columns in HDF5: group `events`, a dataset per column, all of one length; group
 * `streams`, the I/O streams. Written in pieces, so that memory does not grow.
 */
#include <hdf5.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "tools/look/look.h"
#include "tracefmt/parts.h"

enum { ROWS = 1 << 14, COLUMNS_MAX = 16, WHAT_LEN = 96 };

struct column {
	const char *name;
	size_t offset, size; /* in a row */
	hid_t type;
};

struct table {
	const struct column *column;
	size_t row_len;
	hid_t group, set[COLUMNS_MAX];
	char *row; /* ROWS of them */
	size_t count;
	hsize_t written;
	bool failed;
};

struct event_row {
	double time, duration;
	uint64_t event, bytes_in, bytes_out;
	int64_t result;
	uint32_t stream, io;
	int32_t pid, tid, fd;
	char call[24], error[16];
};

struct stream_row {
	double opened, closed;
	uint64_t bytes_in, bytes_out, errors;
	uint32_t id;
	int32_t pid, fd;
	char kind[12], what[WHAT_LEN];
};

/* Fixed-length text, padded with NUL, which readers take as bytes. */
static hid_t text_type(size_t len)
{
	hid_t type = H5Tcopy(H5T_C_S1);

	H5Tset_size(type, len);
	H5Tset_strpad(type, H5T_STR_NULLPAD);
	return type;
}

static bool table_open(struct table *t, hid_t file, const char *name,
		       const struct column *column, size_t row_len)
{
	hsize_t none = 0, limit = H5S_UNLIMITED, chunk = ROWS;
	hid_t space = H5Screate_simple(1, &none, &limit), how = H5Pcreate(H5P_DATASET_CREATE);

	*t = (struct table){.column = column, .row_len = row_len,
			    .row = calloc(ROWS, row_len),
			    .group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT,
						H5P_DEFAULT)};
	H5Pset_chunk(how, 1, &chunk);
	H5Pset_shuffle(how);
	H5Pset_deflate(how, 1);
	t->failed = !t->row || t->group < 0;
	for (size_t i = 0; !t->failed && column[i].name; i++) {
		t->set[i] = H5Dcreate2(t->group, column[i].name, column[i].type, space,
				       H5P_DEFAULT, how, H5P_DEFAULT);
		t->failed = t->set[i] < 0;
	}
	H5Pclose(how);
	H5Sclose(space);
	return !t->failed;
}

static void table_flush(struct table *t)
{
	hsize_t total = t->written + t->count, count = t->count;
	char *packed = malloc(ROWS * (size_t)WHAT_LEN);

	t->failed |= !packed;
	for (size_t i = 0; count && !t->failed && t->column[i].name; i++) {
		const struct column *c = &t->column[i];
		hid_t memory, space;

		for (size_t k = 0; k < count; k++)
			memcpy(packed + k * c->size, t->row + k * t->row_len + c->offset, c->size);
		t->failed |= H5Dset_extent(t->set[i], &total) < 0;
		memory = H5Screate_simple(1, &count, NULL);
		space = H5Dget_space(t->set[i]);
		t->failed |= H5Sselect_hyperslab(space, H5S_SELECT_SET, &t->written, NULL, &count,
						 NULL) < 0 ||
			     H5Dwrite(t->set[i], c->type, memory, space, H5P_DEFAULT, packed) < 0;
		H5Sclose(space);
		H5Sclose(memory);
	}
	free(packed);
	t->written = total;
	t->count = 0;
}

/* Room for one more row, zeroed. */
static void *table_row(struct table *t)
{
	void *row;

	if (t->count == ROWS)
		table_flush(t);
	row = t->row + t->count++ * t->row_len;
	memset(row, 0, t->row_len);
	return row;
}

static bool table_close(struct table *t)
{
	if (!t->failed)
		table_flush(t);
	for (size_t i = 0; i < COLUMNS_MAX && t->column[i].name; i++)
		if (t->set[i] > 0)
			H5Dclose(t->set[i]);
	if (t->group > 0)
		H5Gclose(t->group);
	free(t->row);
	return !t->failed;
}

static void put_text(char *to, size_t len, const char *text)
{
	memcpy(to, text, strnlen(text, len));
}

static void add_event(struct table *t, const struct deja_event *ev,
		      const struct deja_sight *sight)
{
	struct event_row *row = table_row(t);
	const char *call = deja_call_name(ev->id), *failure = NULL;

	if (call && deja_event_failed(ev))
		failure = tf_errno_name((int)-ev->result);
	row->time = (double)ev->time_ns / 1e9;
	row->duration = (double)ev->dur_ns / 1e9;
	row->event = ev->number;
	row->result = call ? ev->result : 0;
	row->stream = ev->stream;
	row->io = sight->io ? sight->io->id : 0;
	row->pid = ev->pid;
	row->tid = ev->tid;
	row->fd = sight->fd;
	for (size_t i = 0; i < sight->leg_count; i++)
		*(sight->leg[i].inbound ? &row->bytes_in : &row->bytes_out) += sight->leg[i].len;
	put_text(row->call, sizeof(row->call), call ? call : tf_event_kind(ev->id));
	if (failure)
		put_text(row->error, sizeof(row->error), failure);
}

static void add_stream(void *arg, const struct deja_io *io)
{
	struct stream_row *row = table_row(arg);
	char text[4400];

	row->opened = (double)io->open_ns / 1e9;
	row->closed = io->close_ns < 0 ? -1 : (double)io->close_ns / 1e9;
	row->bytes_in = io->in_len;
	row->bytes_out = io->out_len;
	row->errors = io->error_count;
	row->id = io->id;
	row->pid = io->pid;
	row->fd = io->fd;
	put_text(row->kind, sizeof(row->kind), deja_io_kind_name(io->kind));
	put_text(row->what, sizeof(row->what), deja_io_text(io, text, sizeof(text)));
}

#define COLUMN(row, field, name, type) {name, offsetof(struct row, field), \
					sizeof(((struct row *)0)->field), type}

static int write_file(struct export *e, hid_t file)
{
	const struct column events[] = {
	    COLUMN(event_row, time, "time", H5T_NATIVE_DOUBLE),
	    COLUMN(event_row, stream, "stream", H5T_NATIVE_UINT32),
	    COLUMN(event_row, event, "event", H5T_NATIVE_UINT64),
	    COLUMN(event_row, pid, "pid", H5T_NATIVE_INT32),
	    COLUMN(event_row, tid, "tid", H5T_NATIVE_INT32),
	    COLUMN(event_row, call, "call", text_type(24)),
	    COLUMN(event_row, result, "result", H5T_NATIVE_INT64),
	    COLUMN(event_row, error, "errno", text_type(16)),
	    COLUMN(event_row, duration, "duration", H5T_NATIVE_DOUBLE),
	    COLUMN(event_row, fd, "fd", H5T_NATIVE_INT32),
	    COLUMN(event_row, io, "io", H5T_NATIVE_UINT32),
	    COLUMN(event_row, bytes_in, "bytes_in", H5T_NATIVE_UINT64),
	    COLUMN(event_row, bytes_out, "bytes_out", H5T_NATIVE_UINT64),
	    {0}};
	const struct column streams[] = {
	    COLUMN(stream_row, id, "id", H5T_NATIVE_UINT32),
	    COLUMN(stream_row, kind, "kind", text_type(12)),
	    COLUMN(stream_row, what, "what", text_type(WHAT_LEN)),
	    COLUMN(stream_row, opened, "opened", H5T_NATIVE_DOUBLE),
	    COLUMN(stream_row, closed, "closed", H5T_NATIVE_DOUBLE),
	    COLUMN(stream_row, pid, "pid", H5T_NATIVE_INT32),
	    COLUMN(stream_row, fd, "fd", H5T_NATIVE_INT32),
	    COLUMN(stream_row, bytes_in, "bytes_in", H5T_NATIVE_UINT64),
	    COLUMN(stream_row, bytes_out, "bytes_out", H5T_NATIVE_UINT64),
	    COLUMN(stream_row, errors, "errors", H5T_NATIVE_UINT64),
	    {0}};
	struct table event_table, stream_table;
	struct reading r;
	struct deja_event ev;
	struct deja_sight sight;
	bool good;
	int status;

	good = table_open(&event_table, file, "events", events, sizeof(struct event_row));
	good &= table_open(&stream_table, file, "streams", streams, sizeof(struct stream_row));
	if (!good || !reading_begin(&r, e->rec, e->filter, DEJA_LOOK_TRACK, "exported")) {
		table_close(&event_table);
		table_close(&stream_table);
		return good ? CMD_UNREADABLE : CMD_FAILED;
	}
	if (r.look)
		deja_tracker_on_close(deja_look_tracker(r.look), add_stream, &stream_table);
	while (!event_table.failed && !stream_table.failed && reading_next(&r, &ev, &sight))
		add_event(&event_table, &ev, &sight);
	if (r.look)
		deja_tracker_each_open(deja_look_tracker(r.look), add_stream, &stream_table);
	status = reading_end(&r);
	good = table_close(&event_table);
	good &= table_close(&stream_table);
	return good ? status : CMD_FAILED;
}

int export_hdf5(struct export *e)
{
	hid_t file;
	int status;

	H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* it is we who say what is wrong */
	file = H5Fcreate(e->path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	status = file < 0 ? CMD_FAILED : write_file(e, file);
	if (file >= 0 && H5Fclose(file) < 0)
		status = CMD_FAILED;
	if (status == CMD_FAILED)
		cmd_error("cannot write %s", e->path);
	return status;
}
