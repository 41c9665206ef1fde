/*
 * One process stream being read, event by event: what cursors are made of (cursor.c).
 */
#ifndef DEJA_TRACEFMT_SOURCE_H
#define DEJA_TRACEFMT_SOURCE_H

#include "recording.h"
#include "stream.h"

struct tf_source {
	const deja_recording *rec;
	struct tf_stream stream;
	tf_reader *reader; /* NULL: not opened yet */
	size_t frame;	   /* the next to load */
	const uint8_t *p, *end;
	struct tf_state state;
	int have_state; /* state is that of the bytes before p */
	int ended;	/* by an error, or truncation has been told */
	int32_t pid;
	struct deja_event ev; /* merged: the head */
	int64_t key_ns;	      /* merged: time of the head, or a bound below it */
};

/* Opens what s->rec and s->stream name, before its first event. 0, or -1 with *err. */
int tf_source_open(struct tf_source *s, struct deja_error *err);
/* Gives back the reader; the source can be opened again. */
void tf_source_close(struct tf_source *s);
/* As deja_next, deja_seek_event and deja_seek_time. */
int tf_source_next(struct tf_source *s, struct deja_event *ev, struct deja_error *err);
int tf_source_seek_event(struct tf_source *s, uint64_t number, struct deja_error *err);
int tf_source_seek_time(struct tf_source *s, int64_t time_ns, struct deja_error *err);

/* decode.c: the fields of a call; `in` is behind the result, `left` elements follow. On bytes
 * that do not decode in->bad is set. */
void tf_decode_call(struct tf_in *in, uint32_t left, struct deja_event *ev);
/* The pid that an IMAGE or CHILD event states, or 0. */
int32_t tf_decode_pid(unsigned id, const uint8_t *raw, size_t len);

#endif
