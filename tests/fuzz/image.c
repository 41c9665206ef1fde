/*
 * The IMAGE event: the tools' decoder; and the watcher of a recording, which reads events
 * while they are written.
 */
#include "fuzz.h"
#include "tracefmt/header.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static uint64_t sum(struct deja_bytes b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b.len; i++)
		n += b.data[i];
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy = fuzz_exact(data, len);
	struct tf_image img;
	volatile uint64_t n = 0;

	if (tf_image_decode(copy, len, &img) == 0) {
		n += sum(img.exe) + sum(img.execfn) + sum(img.auxv) + sum(img.random) + sum(img.cwd);
		for (size_t i = 0; i < img.argc; i++)
			n += sum(img.argv[i]);
		for (size_t i = 0; i < img.envc; i++)
			n += sum(img.envp[i]);
		for (size_t i = 0; i < img.map_count; i++)
			n += sum(img.maps[i].path);
		tf_image_free(&img);
	}
	(void)n;
	free(copy);
	return 0;
}
