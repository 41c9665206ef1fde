/*
 * What `deja report` puts into its page: the events of a recording as JSON columns. Collected by
 * report_data.c, written by report.c, read by report.js, which names the columns.
 */
#ifndef DEJA_LOOK_REPORT_H
#define DEJA_LOOK_REPORT_H

#include "tools/read/notes.h"
#include "tools/select.h"
#include "tracefmt/text.h"

enum {
	REPORT_EVENT_MAX = 1000000,
	REPORT_TEXT_LEN = 2000,		   /* bytes of an event's line */
	REPORT_PAYLOAD_LEN = 256,	   /* default: bytes of a payload */
	REPORT_PAYLOAD_LEN_MAX = 1 << 20,
	REPORT_PAYLOAD_ALL = 32 << 20,	   /* bytes of all payloads together */
	REPORT_ID_MAX = 4096,		   /* event ids and error numbers lie below */
};

/* A thread that made an event. */
struct report_thread {
	uint32_t stream;
	int32_t pid, tid;
};

/* Each column is the inside of a JSON array. */
struct report_data {
	uint64_t count;		/* events in the columns */
	uint64_t left_out;	/* events behind REPORT_EVENT_MAX */
	uint64_t payload_len;	/* bytes in `payload`, before base64 */
	uint64_t payload_left_out; /* payloads behind REPORT_PAYLOAD_ALL */
	uint64_t payload_max;	/* bytes shown of each */
	int64_t last_ns;
	struct tf_text number;	/* within its process stream */
	struct tf_text thread;	/* index into threads */
	struct tf_text end;	/* ns since the event before */
	struct tf_text dur;	/* ns */
	struct tf_text id, error, classes, io, in, out;
	struct tf_text line;	/* as deja cat shows the call */
	/* 0, or per piece: what (0 in, 1 out, 2 + 2 * argument + inbound), bytes in `payload`,
	 * bytes there were */
	struct tf_text pieces;
	struct tf_text payload; /* base64, each piece padded */
	struct tf_text turns, ios;
	struct report_thread *threads;
	size_t thread_count;
	bool id_seen[REPORT_ID_MAX], error_seen[REPORT_ID_MAX];
	bool no_memory;
};

/* Reads all events of the reading. payload_max and nothing else is set before. */
void report_collect(struct report_data *d, struct reading *r);
void report_data_free(struct report_data *d);

/* The page's own parts: report.html, report.css, and report*.js one after the other. */
extern const char report_html[], report_css[], report_js[];
extern const size_t report_html_len, report_css_len, report_js_len;

#endif
