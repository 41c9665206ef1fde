/*
 * Shared by the unit tests of the format: temporary directories, small recordings, a
 * fixed pseudo-random sequence.
 */
#ifndef DEJA_TESTS_T_RECORDING_H
#define DEJA_TESTS_T_RECORDING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracefmt/calls.h"
#include "tracefmt/header.h"
#include "tracefmt/stream.h"

/* xorshift64: the same numbers in every run. */
static uint64_t t_seed = 88172645463325252ull;

static inline uint64_t t_random(uint64_t below)
{
	t_seed ^= t_seed << 13;
	t_seed ^= t_seed >> 7;
	t_seed ^= t_seed << 17;
	return t_seed % below;
}

/* A new directory under $TMPDIR. */
static inline char *t_dir(void)
{
	const char *base = getenv("TMPDIR");
	char *dir = malloc(4096);

	assert_non_null(dir);
	snprintf(dir, 4096, "%s/deja-test-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(dir));
	return dir;
}

/* Only what t_dir made. */
static inline void t_remove(char *dir)
{
	char command[4200];

	assert_non_null(strstr(dir, "/deja-test-"));
	snprintf(command, sizeof(command), "rm -rf -- '%s'", dir);
	assert_int_equal(system(command), 0);
	free(dir);
}

/* DIR/name; good for the next 63 calls. */
static inline char *t_path(const char *dir, const char *name)
{
	static char paths[64][4096];
	static unsigned next;
	char *path = paths[next++ % 64];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static inline void t_write_file(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline uint8_t *t_read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	uint8_t *bytes;
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	bytes = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(bytes);
	*len = fread(bytes, 1, (size_t)st.st_size, f);
	assert_int_equal(*len, st.st_size);
	fclose(f);
	return bytes;
}

static inline void t_write_header(const char *dir)
{
	static const char *const argv[] = {"cmd", "arg"};
	struct deja_header h = {
	    .id = "00112233445566778899aabbccddeeff",
	    .argc = 2,
	    .argv = argv,
	    .outbound = "full",
	    .doors = "dispatch",
	};
	struct deja_error err;

	assert_int_equal(tf_header_write(dir, &h, &err), 0);
}

/* Events. Each returns the end. */
enum { T_READ = 32, T_WRITE = 33, T_GETPID = 71 };

static inline uint8_t *t_put_getpid(uint8_t *p, int64_t dt, int64_t dur, int64_t result)
{
	p = tf_put_array(p, 4);
	p = tf_put_uint(p, T_GETPID);
	p = tf_put_int(p, dt);
	p = tf_put_int(p, dur);
	return tf_put_int(p, result);
}

static inline uint8_t *t_put_io(uint8_t *p, unsigned id, int64_t dt, int64_t dur,
				const void *bytes, uint32_t len)
{
	p = tf_put_array(p, 7);
	p = tf_put_uint(p, id);
	p = tf_put_int(p, dt);
	p = tf_put_int(p, dur);
	p = tf_put_int(p, len);
	p = tf_put_int(p, 5);
	p = tf_put_int(p, len);
	p = tf_put_bin(p, len);
	memcpy(p, bytes, len);
	return p + len;
}

static inline uint8_t *t_put_thread(uint8_t *p, int64_t tid)
{
	p = tf_put_array(p, 2);
	p = tf_put_uint(p, TF_EV_THREAD);
	return tf_put_int(p, tid);
}

static inline uint8_t *t_put_clock(uint8_t *p, unsigned which, int64_t delta)
{
	p = tf_put_array(p, 3);
	p = tf_put_uint(p, TF_EV_CLOCK);
	p = tf_put_uint(p, which);
	return tf_put_int(p, delta);
}

static inline uint8_t *t_put_child(uint8_t *p, int64_t dt, int pid)
{
	p = tf_put_array(p, 6);
	p = tf_put_uint(p, TF_EV_CHILD);
	p = tf_put_int(p, dt);
	p = tf_put_uint(p, 1);
	p = tf_put_int(p, pid);
	p = tf_put_int(p, 1);
	return tf_put_int(p, pid);
}

/* Writes bytes as one stream, cutting frames after flush_every bytes (0: never). */
static inline void t_write_stream(const char *path, const uint8_t *bytes, size_t len,
				  size_t flush_every)
{
	struct deja_error err;
	tf_writer *w = tf_writer_open(path, 1, &err);
	size_t at = 0;

	assert_non_null(w);
	while (at < len) {
		size_t n =
		    flush_every && flush_every < len - at ? flush_every : len - at;

		assert_int_equal(tf_writer_append(w, bytes + at, n, &err), 0);
		if (flush_every)
			assert_int_equal(tf_writer_flush(w, &err), 0);
		at += n;
	}
	assert_int_equal(tf_writer_close(w, &err), 0);
}

/* Closed by the caller. The test fails where there is none. */
static inline deja_recording *t_open_recording(const char *dir)
{
	struct deja_error err;
	deja_recording *rec = deja_open(dir, &err);

	if (!rec)
		fail_msg("%s", err.message);
	return rec;
}

static inline deja_cursor *t_open_cursor(deja_recording *rec, uint32_t stream)
{
	struct deja_error err;
	deja_cursor *cur = deja_cursor_open(rec, stream, &err);

	if (!cur)
		fail_msg("%s", err.message);
	return cur;
}

#endif
