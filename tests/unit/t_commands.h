/*
 * Shared by the unit tests of the commands: a synthetic recording, and commands run in a child of
 * their own with their output caught, as a shell would run them.
 */
#ifndef DEJA_TESTS_T_COMMANDS_H
#define DEJA_TESTS_T_COMMANDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tools/cmd.h"
#include "tracefmt/calls.h"
#include "tracefmt/header.h"
#include "tracefmt/stream.h"

/* --- fixture: a default directory with one recording of two processes --- */

static char t_dir[64], t_rec[96];
static char t_out[1 << 20], t_err[1 << 16];

static inline void t_write_file(const char *dir, const char *name, const void *bytes,
			 size_t len)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

/* Encodes [id, dt, dur, result, scalars..., and room for items]. */
static inline uint8_t *t_call(uint8_t *p, const char *name, int64_t result,
		       unsigned item_count, unsigned scalar_count, const long *scalars)
{
	const struct tf_call *call = tf_call_by_name(name);

	assert_non_null(call);
	p = tf_put_array(p, 4 + scalar_count + item_count);
	p = tf_put_uint(p, call->id);
	p = tf_put_uint(p, 1000);
	p = tf_put_uint(p, 500);
	p = tf_put_int(p, result);
	for (unsigned i = 0; i < scalar_count; i++)
		p = tf_put_int(p, scalars[i]);
	return p;
}

static inline uint8_t *t_bin(uint8_t *p, const void *bytes, size_t len)
{
	p = tf_put_bin(p, (uint32_t)len);
	memcpy(p, bytes, len);
	return p + len;
}

/* Events 1..6 of stream 1. */
static inline size_t t_stream1(uint8_t *buf)
{
	uint8_t *p = buf;

	p = t_call(p, "openat", 3, 1, 3, (long[]){AT_FDCWD, O_RDONLY, 0});
	p = t_bin(p, "/etc/hostname", 14);
	p = t_call(p, "read", 6, 1, 2, (long[]){3, 4096});
	p = t_bin(p, "hello\n", 6);
	p = tf_put_array(p, 3);
	p = tf_put_uint(p, TF_EV_CLOCK);
	p = tf_put_uint(p, 0);
	p = tf_put_uint(p, 123456789);
	p = t_call(p, "getpid", 4711, 0, 0, NULL);
	p = t_call(p, "write", 6, 1, 2, (long[]){1, 6});
	p = t_bin(p, "hello\n", 6);
	p = t_call(p, "close", 0, 0, 1, (long[]){3});
	return (size_t)(p - buf);
}

static inline size_t t_stream2(uint8_t *buf)
{
	uint8_t *p = buf;

	p = tf_put_array(p, 6);
	p = tf_put_uint(p, TF_EV_CHILD);
	p = tf_put_uint(p, 5000);
	p = tf_put_uint(p, 1);
	p = tf_put_uint(p, 4712);
	p = tf_put_uint(p, 4711);
	p = tf_put_uint(p, 4712);
	p = t_call(p, "getpid", 4712, 0, 0, NULL);
	return (size_t)(p - buf);
}

static inline void t_write_stream(const char *rec, unsigned stream, const uint8_t *bytes,
			   size_t len)
{
	struct deja_error err = {0};
	char path[256];
	tf_writer *w;

	snprintf(path, sizeof(path), "%s/p%u.zst", rec, stream);
	w = tf_writer_open(path, 1, &err);
	assert_non_null(w);
	assert_int_equal(tf_writer_append(w, bytes, len, &err), 0);
	assert_int_equal(tf_writer_close(w, &err), 0);
}

static inline void t_make_recording(const char *rec, uint32_t parent_of_first)
{
	static const char *const argv1[] = {"sh", "-c", "echo 'a b'; \033[31m"};
	static const char *const argv2[] = {"date", "+%N"};
	static const char *const note[] = {"a remark"}, *const warning[] = {"beware"};
	const struct deja_process processes[] = {
	    {.stream = 1,
	     .parent = parent_of_first,
	     .pid = 4711,
	     .ppid = 4000,
	     .end_ns = 2000000,
	     .event_count = 6,
	     .byte_len = 100,
	     .status_known = true,
	     .status = 3 << 8,
	     .complete = true,
	     .argc = 3,
	     .argv = argv1,
	     .note_count = 1,
	     .notes = note},
	    {.stream = 2,
	     .parent = 1,
	     .pid = 4712,
	     .ppid = 4711,
	     .start_ns = 5000,
	     .event_count = 2,
	     .byte_len = 20,
	     .status_known = true,
	     .status = 11,
	     .complete = true,
	     .argc = 2,
	     .argv = argv2},
	};
	const struct deja_external external = {4713, "/usr/bin/sudo",
					       "it is set-user-ID"};
	const struct deja_header h = {.format = 1,
				      .id = "00112233445566778899aabbccddeeff",
				      .version = "0.1.0",
				      .argc = 3,
				      .argv = argv1,
				      .exe = "/bin/sh",
				      .cwd = "/tmp",
				      .host = "host",
				      .kernel = "1.2.3 #1",
				      .machine = "x86_64",
				      .cpu = "A CPU",
				      .outbound = "full",
				      .doors = "dispatch",
				      .start_realtime_ns = 1700000000000000000,
				      .duration_ns = 2000000,
				      .complete = true,
				      .cause = "",
				      .status_known = true,
				      .status = 3 << 8,
				      .event_count = 8,
				      .byte_len = 120,
				      .process_count = 2,
				      .processes = processes,
				      .external_count = 1,
				      .externals = &external,
				      .warning_count = 1,
				      .warnings = warning};
	const struct deja_file file = {.id = 1,
				       .path = "/bin/sh",
				       .hash = "00112233445566778899aabbccddeeff",
				       .size = 4096,
				       .mode = 0755,
				       .exact = false};
	struct deja_error err = {0};
	uint8_t buf[1024];

	assert_int_equal(mkdir(rec, 0700), 0);
	t_write_stream(rec, 1, buf, t_stream1(buf));
	t_write_stream(rec, 2, buf, t_stream2(buf));
	assert_int_equal(tf_header_write(rec, &h, &err), 0);
	assert_int_equal(tf_files_write(rec, &file, 1, &err), 0);
}

static inline int t_setup(void **state)
{
	char latest[128];

	strcpy(t_dir, "/tmp/deja-test-tools-XXXXXX");
	assert_non_null(mkdtemp(t_dir));
	snprintf(t_rec, sizeof(t_rec), "%s/sh-1", t_dir);
	t_make_recording(t_rec, 0);
	snprintf(latest, sizeof(latest), "%s/latest", t_dir);
	assert_int_equal(symlink("sh-1", latest), 0);
	setenv("DEJA_DIR", t_dir, 1);
	setenv("TZ", "UTC", 1);
	return 0;
}

static inline int t_teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", t_dir);
	return system(command);
}

/* --- running a command --- */

static inline void t_slurp(int fd, char *buf, size_t size)
{
	ssize_t len = pread(fd, buf, size - 1, 0);

	assert_true(len >= 0);
	buf[len] = '\0';
	close(fd);
}

/* Runs a command as `deja` would; its output is in t_out and t_err after. */
static inline int t_run(int (*command)(int, char **), const char *line)
{
	int out = memfd_create("out", 0), err = memfd_create("err", 0), status,
	    argc = 0;
	char copy[512], *argv[16], *rest = copy;
	pid_t pid;

	snprintf(copy, sizeof(copy), "%s", line);
	while (argc < 15 && (argv[argc] = strsep(&rest, " ")))
		argc++;
	argv[argc] = NULL;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(out, 1);
		dup2(err, 2);
		_exit(command(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	t_slurp(out, t_out, sizeof(t_out));
	t_slurp(err, t_err, sizeof(t_err));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static inline void t_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' not found in:\n%s", part, text);
}

static inline void t_has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' found in:\n%s", part, text);
}

static inline size_t t_line_count(const char *text)
{
	size_t count = 0;

	while (*text)
		count += *text++ == '\n';
	return count;
}

/* t_out is one JSON value (python3 is there wherever the tests run). */
static inline void t_is_json(void)
{
	FILE *check = popen("python3 -c 'import json,sys; json.load(sys.stdin)'", "w");

	assert_non_null(check);
	fputs(t_out, check);
	if (pclose(check))
		fail_msg("not JSON:\n%s", t_out);
}

#endif
