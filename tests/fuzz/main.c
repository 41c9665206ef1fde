/*
 * Runs a fuzz target without libFuzzer: over the files named, or those in the directories
 * named. Prints how many; a sanitizer or abort() ends it on the input that went wrong, whose
 * name was printed before.
 */
#include <dirent.h>
#include "fuzz.h"

static unsigned long run_count;

static void run_file(const char *path)
{
	struct stat st;
	uint8_t *data;
	FILE *f = fopen(path, "r");

	if (!f || fstat(fileno(f), &st) < 0) {
		perror(path);
		exit(1);
	}
	data = malloc((size_t)st.st_size + 1);
	if (!data || fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		abort();
	fclose(f);
	fprintf(stderr, "running %s\n", path);
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	free(data);
	run_count++;
}

int main(int argc, char **argv)
{
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;

		if (!d) {
			run_file(argv[i]);
			continue;
		}
		while ((e = readdir(d))) {
			char path[4096];

			snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
			if (e->d_name[0] != '.')
				run_file(path);
		}
		closedir(d);
	}
	printf("%lu inputs\n", run_count);
	return 0;
}
