/*
 * Events as comma-separated values (RFC 4180), a header line first.
 */
#include <inttypes.h>
#include <string.h>
#include "tools/look/look.h"
#include "tracefmt/parts.h"

static void put_text(FILE *out, const char *text)
{
	if (!text)
		return;
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

static void put_row(FILE *out, const struct deja_event *ev, const struct deja_sight *sight)
{
	const char *call = deja_call_name(ev->id), *failure = NULL;
	uint64_t in = 0, bytes_out = 0;
	char text[4400];

	for (size_t i = 0; i < sight->leg_count; i++)
		*(sight->leg[i].inbound ? &in : &bytes_out) += sight->leg[i].len;
	if (call && deja_event_failed(ev))
		failure = tf_errno_name((int)-ev->result);
	fprintf(out, "%" PRId64 ".%09" PRId64 ",%" PRIu32 ",%" PRIu64 ",%d,%d,%s,",
		ev->time_ns / 1000000000, ev->time_ns % 1000000000, ev->stream, ev->number,
		(int)ev->pid, (int)ev->tid, call ? call : tf_event_kind(ev->id));
	if (call)
		fprintf(out, "%" PRId64 ",%s,%" PRId64 ".%09" PRId64, ev->result,
			failure ? failure : "", ev->dur_ns / 1000000000, ev->dur_ns % 1000000000);
	else
		fputs(",,", out);
	fputs(",", out);
	if (sight->fd >= 0)
		fprintf(out, "%d", sight->fd);
	fputs(",", out);
	if (sight->io)
		fprintf(out, "%" PRIu32, sight->io->id);
	fprintf(out, ",%" PRIu64 ",%" PRIu64 ",", in, bytes_out);
	put_text(out, sight->io ? deja_io_text(sight->io, text, sizeof(text)) : NULL);
	fputs("\r\n", out);
}

int export_csv(struct export *e)
{
	struct reading r;
	struct deja_event ev;
	struct deja_sight sight;

	if (!reading_begin(&r, e->rec, e->filter, DEJA_LOOK_TRACK, "exported"))
		return CMD_UNREADABLE;
	fputs("time,stream,event,pid,tid,call,result,errno,duration,fd,io,bytes_in,bytes_out,what\r\n",
	      e->out);
	while (!ferror(e->out) && reading_next(&r, &ev, &sight))
		put_row(e->out, &ev, &sight);
	return reading_end(&r);
}
