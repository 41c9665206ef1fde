/*
 * What the fuzz targets share. A target is a file of this directory with one function,
 * LLVMFuzzerTestOneInput: built by clang with libFuzzer (`make fuzz`), and with main.c, which
 * runs it over files (`make check`: the regression files and the seeds).
 */
#ifndef DEJA_TESTS_FUZZ_H
#define DEJA_TESTS_FUZZ_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
/* What the target needs once, before the first input; the runners call it. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Where printers print: formatted, then forgotten. */
static inline FILE *fuzz_sink(void)
{
	static FILE *sink;

	if (!sink) {
		sink = fopen("/dev/null", "w");
		if (!sink)
			abort();
		setvbuf(sink, NULL, _IOFBF, 1 << 16);
	}
	return sink;
}

/* A directory of this process's own in FUZZ_TMP, or in memory where there is /dev/shm. */
static inline const char *fuzz_dir(void)
{
	static char dir[256];

	if (!dir[0]) {
		const char *tmp = getenv("FUZZ_TMP");

		if (!tmp || strlen(tmp) > 200)
			tmp = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
		snprintf(dir, sizeof(dir), "%s/deja-fuzz-XXXXXX", tmp);
		if (!mkdtemp(dir))
			abort();
	}
	return dir;
}

/* DIR/name with these bytes; good until the next call of the same name. */
static inline const char *fuzz_file(const char *name, const uint8_t *data, size_t len)
{
	static char path[320];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	close(fd);
	return path;
}

/* Bytes in a piece of memory of exactly their size, so that a sanitizer sees what is read
 * beyond. */
static inline uint8_t *fuzz_exact(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	return copy;
}

#endif
