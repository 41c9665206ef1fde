/*
 * The report of a divergence: what a process of a hostile replay wrote into its slot (nothing of
 * it is trusted), over a recording whose events are hostile, too. The input: struct
 * divergence, then the events of stream 1.
 */
#include "fuzz.h"
#include "tools/replay/report.h"
#include "tracefmt/header.h"
#include "tracefmt/stream.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const args[] = {"cmd"};
	struct deja_header h = {.id = "00", .argc = 1, .argv = args, .outbound = "full"};
	struct deja_error err;

	if (tf_header_write(fuzz_dir(), &h, &err) < 0)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct divergence d;
	struct deja_error err;
	char path[320];
	tf_writer *w;

	if (len < sizeof(d))
		return 0;
	memcpy(&d, data, sizeof(d));
	d.live_pid = 0; /* nobody is attached to */
	d.text[sizeof(d.text) - 1] = 0; /* its reader sees to that */
	d.stream = d.stream % 3;
	snprintf(path, sizeof(path), "%s/p1.zst", fuzz_dir());
	unlink(path);
	w = tf_writer_open(path, 1, &err);
	if (!w)
		abort();
	tf_writer_append(w, data + sizeof(d), len - sizeof(d), &err);
	tf_writer_close(w, &err);
	report_divergence(fuzz_sink(), NULL, fuzz_dir(), &d);
	return 0;
}
