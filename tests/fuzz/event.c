/*
 * Events one after the other: framing, state, decoding, every printer.
 */
#include "fuzz.h"
#include "tracefmt/print.h"
#include "tracefmt/source.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct tf_print_opts long_excerpts = {.excerpt_len = 4096,
							   .show_stream = true};
	struct tf_source s = {.stream = {.number = 1}};
	struct deja_recording rec = {.path = (char *)"fuzz"};
	struct deja_error err;
	struct deja_event ev;
	uint8_t *copy = fuzz_exact(data, len);

	tf_state_init(&s.state);
	s.rec = &rec;
	s.p = copy;
	s.end = copy + len;
	while (s.p < s.end && tf_source_next(&s, &ev, &err) == 1) {
		tf_print_event(fuzz_sink(), &ev, NULL);
		tf_print_event(fuzz_sink(), &ev, &long_excerpts);
		tf_json_event(fuzz_sink(), &ev, NULL);
		if (ev.id >= 32)
			tf_print_call(fuzz_sink(), &ev, NULL);
	}
	free(copy);
	return 0;
}
