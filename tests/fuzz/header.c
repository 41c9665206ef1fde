/*
 * The header and the index of stored files: the same bytes are tried as both.
 */
#include <msgpack.h>
#include "fuzz.h"
#include "tracefmt/header.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static size_t lengths(size_t count, const char *const *texts)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += strlen(texts[i]);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct deja_header h;
	struct deja_error err;
	const struct deja_file *files;
	volatile size_t n = 0;
	size_t count;
	msgpack_zone zone;

	fuzz_file("header", data, len);
	msgpack_zone_init(&zone, 4096);
	if (tf_header_read(fuzz_dir(), &zone, &h, &err) == 0) {
		n += lengths(h.argc, h.argv) + lengths(h.warning_count, h.warnings);
		for (size_t i = 0; i < h.process_count; i++)
			n += lengths(h.processes[i].argc, h.processes[i].argv) +
			     lengths(h.processes[i].note_count, h.processes[i].notes);
		for (size_t i = 0; i < h.external_count; i++)
			n += strlen(h.externals[i].path) + strlen(h.externals[i].reason);
		n += strlen(h.exe) + strlen(h.cause) + strlen(h.outbound) + strlen(h.doors);
	}
	fuzz_file("files", data, len);
	if (tf_files_read(fuzz_dir(), &zone, &files, &count, &err) == 0)
		for (size_t i = 0; i < count; i++)
			n += strlen(files[i].path) + strlen(files[i].hash);
	(void)n;
	msgpack_zone_destroy(&zone);
	return 0;
}
