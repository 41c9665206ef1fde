/*
 * `deja report`: one page (HTML) that shows a recording, needs nothing beside itself and asks no
 * network. The page's own text is report.html, report.css and report.js; the data stands between
 * them as JSON, in which no byte of the recording can end its element: `<` is written \u003c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "tools/look/look.h"
#include "tools/look/report.h"
#include "tools/json.h"
#include "tracefmt/parts.h"

static void write_safe(FILE *out, const char *text, size_t len)
{
	while (len) {
		const char *open = memchr(text, '<', len);
		size_t n = open ? (size_t)(open - text) : len;

		fwrite(text, 1, n, out);
		if (open) {
			fputs("\\u003c", out);
			n++;
		}
		text += n;
		len -= n;
	}
}

static void put_processes(struct json *j, const struct deja_header *h)
{
	char status[64];

	json_open(j, "processes", '[');
	for (size_t i = 0; i < h->process_count; i++) {
		const struct deja_process *p = &h->processes[i];

		json_open(j, NULL, '{');
		json_uint(j, "stream", p->stream);
		json_uint(j, "parent", p->parent);
		json_int(j, "pid", p->pid);
		json_int(j, "start", p->start_ns);
		json_int(j, "end", p->end_ns);
		json_uint(j, "events", p->event_count);
		json_text(j, "status", cmd_status_text(p->status_known, p->status, status, sizeof(status)));
		json_bool(j, "complete", p->complete);
		json_texts(j, "argv", p->argc, p->argv);
		json_texts(j, "notes", p->note_count, p->notes);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_names(struct json *j, const struct report_data *d)
{
	char key[16];

	json_open(j, "names", '{');
	for (unsigned i = 0; i < REPORT_ID_MAX; i++)
		if (d->id_seen[i]) {
			snprintf(key, sizeof(key), "%u", i);
			json_text(j, key, deja_call_name(i) ? deja_call_name(i) : tf_event_kind(i));
		}
	json_close(j, '}');
	json_open(j, "calls", '[');
	for (unsigned i = 0; i < REPORT_ID_MAX; i++)
		if (d->id_seen[i] && deja_call_name(i))
			json_uint(j, NULL, i);
	json_close(j, ']');
	json_open(j, "errors", '{');
	for (int i = 1; i < REPORT_ID_MAX; i++)
		if (d->error_seen[i]) {
			snprintf(key, sizeof(key), "%d", i);
			json_text(j, key, tf_errno_name(i) ? tf_errno_name(i) : key);
		}
	json_close(j, '}');
	json_open(j, "classes", '[');
	for (unsigned bit = 1; deja_class_name(bit); bit <<= 1)
		json_text(j, NULL, deja_class_name(bit));
	json_close(j, ']');
}

static void put_limits(struct json *j, const struct report_data *d)
{
	json_uint(j, "count", d->count);
	json_uint(j, "left_out", d->left_out);
	json_uint(j, "payload_max", d->payload_max);
	json_uint(j, "payload_len", d->payload_len);
	json_uint(j, "payload_left_out", d->payload_left_out);
}

static void put_summary(struct json *j, deja_recording *rec, const char *arg,
			const struct report_data *d, const struct reading *r)
{
	const struct deja_header *h = deja_header(rec);
	char text[64];

	json_text(j, "rec", arg);
	json_text(j, "id", h->id);
	json_text(j, "version", h->version);
	json_texts(j, "argv", h->argc, h->argv);
	json_text(j, "exe", h->exe);
	json_text(j, "cwd", h->cwd);
	json_text(j, "host", h->host);
	json_text(j, "kernel", h->kernel);
	json_text(j, "cpu", h->cpu);
	json_text(j, "date", cmd_date_text(h->start_realtime_ns, text, sizeof(text)));
	json_int(j, "duration", h->duration_ns > d->last_ns ? h->duration_ns : d->last_ns);
	json_text(j, "status", cmd_status_text(h->status_known, h->status, text, sizeof(text)));
	json_bool(j, "complete", h->complete && !r->truncated && !r->failed);
	json_text(j, "cause", r->failed || r->truncated ? r->err.message : h->cause);
	json_text(j, "partial", h->partial);
	json_uint(j, "events", h->event_count);
	json_texts(j, "warnings", h->warning_count, h->warnings);
	json_externals(j, h);
	put_limits(j, d);
}

static void put_threads(FILE *out, const struct report_data *d)
{
	fputs(",\n\"threads\":[", out);
	for (size_t i = 0; i < d->thread_count; i++)
		fprintf(out, "%s[%" PRIu32 ",%d,%d]", i ? "," : "", d->threads[i].stream,
			(int)d->threads[i].pid, (int)d->threads[i].tid);
	fputs("]", out);
}

static void put_columns(FILE *out, const struct report_data *d)
{
	const struct {
		const char *name;
		const struct tf_text *text;
	} columns[] = {
	    {"number", &d->number},   {"thread", &d->thread}, {"end", &d->end},
	    {"dur", &d->dur},	      {"id", &d->id},	      {"error", &d->error},
	    {"class", &d->classes},   {"io", &d->io},	      {"in", &d->in},
	    {"out", &d->out},	      {"pieces", &d->pieces}, {"turns", &d->turns},
	    {"ios", &d->ios},	      {"line", &d->line},
	};

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		const struct tf_text *t = columns[i].text;

		fprintf(out, ",\n\"%s\":[", columns[i].name);
		write_safe(out, t->begin, (size_t)(t->at - t->begin));
		fputs("]", out);
	}
}

/* The summary, without the bracket that ends it. False without memory. */
static bool put_head(FILE *out, deja_recording *rec, const char *arg, const deja_notes *notes,
		     const struct report_data *d, const struct reading *r)
{
	char *text = NULL;
	size_t len = 0;
	FILE *mem = open_memstream(&text, &len);
	struct json j = {.out = mem};
	bool whole;

	if (!mem)
		return false;
	json_open(&j, NULL, '{');
	put_summary(&j, rec, arg, d, r);
	put_processes(&j, deja_header(rec));
	put_names(&j, d);
	notes_json_all(&j, notes);
	json_close(&j, '}');
	whole = !ferror(mem);
	whole &= !fclose(mem);
	while (whole && len && text[len - 1] != '}')
		len--;
	if (whole && len)
		write_safe(out, text, len - 1);
	free(text);
	return whole && len;
}

/* Only what carries this word may run in the page, and nothing may be fetched. */
static void put_policy(FILE *out, const char *word)
{
	fprintf(out,
		"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"script-src 'nonce-%s'; style-src 'nonce-%s'; base-uri 'none'; "
		"form-action 'none'\">\n<style nonce=\"%s\">\n",
		word, word, word);
}

static bool write_page(FILE *out, deja_recording *rec, const char *arg, const deja_notes *notes,
		       const struct report_data *d, const struct reading *r)
{
	uint8_t random[16];
	char word[33];
	bool whole;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return false;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(word + 2 * i, 3, "%02x", random[i]);
	put_policy(out, word);
	fwrite(report_css, 1, report_css_len, out);
	fputs("</style>\n", out);
	fwrite(report_html, 1, report_html_len, out);
	fputs("<script type=\"application/json\" id=\"data\">\n", out);
	whole = put_head(out, rec, arg, notes, d, r);
	put_threads(out, d);
	put_columns(out, d);
	fputs("}\n</script>\n<script type=\"text/plain\" id=\"payload\">", out);
	fwrite(d->payload.begin, 1, (size_t)(d->payload.at - d->payload.begin), out);
	fprintf(out, "</script>\n<script nonce=\"%s\">\n", word);
	fwrite(report_js, 1, report_js_len, out);
	fputs("</script>\n", out);
	return whole;
}

static FILE *open_output(const char *path)
{
	int fd;
	FILE *out;

	if (!strcmp(path, "-")) {
		if (!isatty(1))
			return stdout;
		cmd_error("report: a page is not for a terminal: -o FILE, or a pipe");
		return NULL;
	}
	/* What is there is kept. */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		cmd_error("cannot create %s: %s", path, strerror(errno));
	return out;
}

static void say_limits(const struct report_data *d)
{
	if (d->left_out)
		cmd_error("report: the page holds the first %" PRIu64 " of %" PRIu64
			  " events; select others with --range, --call ...",
			  d->count, d->count + d->left_out);
	if (d->payload_left_out)
		cmd_error("report: %" PRIu64 " payloads did not fit into the page; make it of a "
			  "part with --range, or with a smaller --payload",
			  d->payload_left_out);
}

static int report(deja_recording *rec, const deja_filter *filter, const char *arg,
		  const char *path, struct report_data *d)
{
	struct reading r;
	deja_notes *notes = notes_open(arg);
	FILE *out = NULL;
	bool whole;
	int status = CMD_FAILED;

	if (!notes)
		return CMD_UNREADABLE;
	out = open_output(path);
	if (!out)
		goto out;
	status = CMD_UNREADABLE;
	if (!reading_begin(&r, rec, filter, DEJA_LOOK_TRACK, "reported"))
		goto out;
	report_collect(d, &r);
	errno = 0;
	whole = write_page(out, rec, arg, notes, d, &r);
	status = reading_end(&r);
	if (d->no_memory || !whole) {
		cmd_error("report: out of memory; select a part, as with --range");
		status = CMD_FAILED;
	}
	say_limits(d);
out:
	if (out && out != stdout) {
		if (ferror(out) | fclose(out)) {
			cmd_error("cannot write %s: %s", path, strerror(errno));
			status = CMD_FAILED;
		}
		/* A damaged recording's report shows what there was; another failure leaves none. */
		if (status == CMD_FAILED || (status && !d->count))
			unlink(path);
	}
	deja_notes_close(notes);
	return status;
}

static bool parse_payload(const char *text, uint64_t *max)
{
	unsigned long long len;

	if (cmd_size_parse(text, &len) && len <= REPORT_PAYLOAD_LEN_MAX) {
		*max = len;
		return true;
	}
	cmd_error("report: --payload '%s' is no size up to 1M", text);
	return false;
}

int look_report(int argc, char **argv)
{
	struct selection selection = {0};
	struct report_data data = {.payload_max = REPORT_PAYLOAD_LEN};
	const char *path = NULL;
	int key, status;
	deja_recording *rec;
	deja_filter *filter;

	while ((key = select_getopt(&selection, argc, argv, &status)) != -1) {
		if (key == CMD_OPT_EXIT)
			return status;
		if (key == 'o')
			path = optarg;
		if (key == CMD_OPT_PAYLOAD && !parse_payload(optarg, &data.payload_max))
			return CMD_FAILED;
	}
	if (!cmd_operands(argc, argv, 1))
		return CMD_FAILED;
	if (!path) {
		cmd_error("report: say where to: -o FILE.html");
		return CMD_FAILED;
	}
	rec = select_open(&selection, argv[0], argv[optind], &filter, &status);
	if (!rec)
		return status;
	cmd_stdout_begin();
	status = report(rec, filter, argv[optind], path, &data);
	report_data_free(&data);
	deja_filter_free(filter);
	deja_close(rec);
	return cmd_stdout_end(status);
}
