/*
 * The header, the file index and IMAGE events: what is written is what is read; what is
 * damaged or newer is said to be so.
 */
#include <msgpack.h>
#include <sys/resource.h>

#include "t_recording.h"

static void same_strings(const char *const *a, const char *const *b, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		assert_string_equal(a[i], b[i]);
}

static void round_trip(void **state)
{
	static const char *const argv[] = {"prog", "", "a b\xff\xfe", "-x"};
	static const char *const notes[] = {"note one", "note two"};
	static const char *const warnings[] = {"child \xc3\xa9 is static"};
	static const uint64_t limits[][2] = {{1, 2}, {0, RLIM_INFINITY}};
	static const struct deja_process processes[] = {
	    {.stream = 1,
	     .pid = 42,
	     .ppid = 1,
	     .end_ns = 999,
	     .event_count = 7,
	     .byte_len = 1ull << 40,
	     .status_known = true,
	     .status = 256,
	     .complete = true,
	     .argc = 4,
	     .argv = argv,
	     .note_count = 2,
	     .notes = notes},
	    {.stream = 2, .parent = 1, .pid = 43, .ppid = 42, .start_ns = 5},
	};
	static const struct deja_external externals[] = {{44, "/bin/st", "static"}};
	struct deja_header h = {
	    .id = "0123456789abcdef0123456789abcdef",
	    .version = "0.1.0",
	    .argc = 4,
	    .argv = argv,
	    .exe = "/usr/bin/prog\xff",
	    .cwd = "/tmp",
	    .host = "h",
	    .kernel = "6",
	    .machine = "x86_64",
	    .cpu = "c",
	    .outbound = "full",
	    .doors = "patch",
	    .stacks = "every 5 of read",
	    .start_realtime_ns = 1700000000000000000ll,
	    .duration_ns = 12345,
	    .waited_ns = 678,
	    .complete = true,
	    .cause = "",
	    .status_known = true,
	    .status = -1,
	    .event_count = UINT64_MAX,
	    .byte_len = 3,
	    .process_count = 2,
	    .processes = processes,
	    .external_count = 1,
	    .externals = externals,
	    .warning_count = 1,
	    .warnings = warnings,
	    .limit_count = 2,
	    .limits = limits,
	};
	char *dir = t_dir();
	const struct deja_header *r;
	struct deja_error err;
	deja_recording *rec;
	struct stat st;

	assert_int_equal(tf_header_write(dir, &h, &err), 0);
	assert_int_equal(tf_header_write(dir, &h, &err), 0);
	assert_int_equal(stat(t_path(dir, "header"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	rec = deja_open(dir, &err);
	assert_non_null(rec);
	r = deja_header(rec);
	assert_int_equal(r->format, TF_FORMAT);
	assert_string_equal(r->id, h.id);
	assert_string_equal(r->version, h.version);
	assert_int_equal(r->argc, 4);
	same_strings(r->argv, argv, 4);
	assert_string_equal(r->exe, h.exe);
	assert_string_equal(r->cwd, h.cwd);
	assert_string_equal(r->host, h.host);
	assert_string_equal(r->kernel, h.kernel);
	assert_string_equal(r->machine, h.machine);
	assert_string_equal(r->cpu, h.cpu);
	assert_string_equal(r->outbound, h.outbound);
	assert_string_equal(r->doors, h.doors);
	assert_string_equal(r->stacks, h.stacks);
	assert_int_equal(r->start_realtime_ns, h.start_realtime_ns);
	assert_int_equal(r->duration_ns, h.duration_ns);
	assert_int_equal(r->waited_ns, h.waited_ns);
	assert_int_equal(r->page_size, sysconf(_SC_PAGESIZE));
	assert_true(r->complete && r->status_known);
	assert_string_equal(r->cause, "");
	assert_int_equal(r->status, -1);
	assert_true(r->event_count == UINT64_MAX);
	assert_int_equal(r->byte_len, 3);
	assert_int_equal(r->process_count, 2);
	assert_int_equal(r->processes[0].stream, 1);
	assert_int_equal(r->processes[0].pid, 42);
	assert_int_equal(r->processes[0].end_ns, 999);
	assert_int_equal(r->processes[0].event_count, 7);
	assert_true(r->processes[0].byte_len == 1ull << 40);
	assert_true(r->processes[0].status_known && r->processes[0].complete);
	assert_int_equal(r->processes[0].status, 256);
	assert_int_equal(r->processes[0].argc, 4);
	same_strings(r->processes[0].argv, argv, 4);
	assert_int_equal(r->processes[0].note_count, 2);
	same_strings(r->processes[0].notes, notes, 2);
	assert_int_equal(r->processes[1].parent, 1);
	assert_int_equal(r->processes[1].ppid, 42);
	assert_int_equal(r->processes[1].start_ns, 5);
	assert_false(r->processes[1].status_known || r->processes[1].complete);
	assert_int_equal(r->external_count, 1);
	assert_int_equal(r->externals[0].pid, 44);
	assert_string_equal(r->externals[0].path, "/bin/st");
	assert_string_equal(r->externals[0].reason, "static");
	assert_int_equal(r->warning_count, 1);
	same_strings(r->warnings, warnings, 1);
	assert_int_equal(r->limit_count, 2);
	assert_memory_equal(r->limits, limits, sizeof(limits));
	assert_int_equal(deja_file_count(rec), 0);
	assert_null(deja_file_at(rec, 0));
	deja_close(rec);
	t_remove(dir);
}

static void files(void **state)
{
	static const struct deja_file list[] = {
	    {1, "/lib/a\xff", "00000000000000000000000000000001", 5, 0100755, 1, 2, -3,
	     true},
	    {2, "", "00000000000000000000000000000002", UINT64_MAX, 0, 0, 0, 0, false},
	};
	char *dir = t_dir();
	const struct deja_file *f;
	struct deja_error err;
	deja_recording *rec;

	t_write_header(dir);
	assert_int_equal(tf_files_write(dir, list, 2, &err), 0);
	rec = deja_open(dir, &err);
	assert_non_null(rec);
	assert_int_equal(deja_file_count(rec), 2);
	f = deja_file_by_id(rec, 1);
	assert_ptr_equal(f, deja_file_at(rec, 0));
	assert_string_equal(f->path, list[0].path);
	assert_string_equal(f->hash, list[0].hash);
	assert_int_equal(f->size, 5);
	assert_int_equal(f->mode, 0100755);
	assert_int_equal(f->dev, 1);
	assert_int_equal(f->ino, 2);
	assert_int_equal(f->mtime_ns, -3);
	assert_true(f->exact);
	f = deja_file_by_id(rec, 2);
	assert_true(f->size == UINT64_MAX);
	assert_false(f->exact);
	assert_null(deja_file_by_id(rec, 0));
	assert_null(deja_file_by_id(rec, 3));
	deja_close(rec);
	t_remove(dir);
}

static void expect_error(const char *dir, enum deja_errno code)
{
	struct deja_error err = {0};

	assert_null(deja_open(dir, &err));
	if (err.code != code)
		fail_msg("error %d instead of %d: %s", err.code, code, err.message);
	assert_true(strlen(err.message) > 0);
	assert_null(strchr(err.message, '\n'));
}

static void not_recordings(void **state)
{
	char *dir = t_dir();
	struct deja_error err;
	deja_recording *rec;
	struct deja_header h = {.format = TF_FORMAT + 1};

	expect_error(t_path(dir, "none\nsuch"), DEJA_E_NOT_FOUND);
	expect_error(dir, DEJA_E_NOT_A_RECORDING);
	t_write_file(t_path(dir, "file"), "x", 1);
	expect_error(t_path(dir, "file"), DEJA_E_NOT_A_RECORDING);
	assert_int_equal(mkfifo(t_path(dir, "header"), 0600), 0);
	expect_error(dir, DEJA_E_NOT_A_RECORDING);
	assert_int_equal(unlink(t_path(dir, "header")), 0);
	t_write_file(t_path(dir, "header"), "", 0);
	expect_error(dir, DEJA_E_HEADER);
	t_write_file(t_path(dir, "header"), "\x80", 1);
	expect_error(dir, DEJA_E_HEADER);
	t_write_file(t_path(dir, "header"),
		     "\x81\xa6"
		     "format\xa1"
		     "1",
		     10);
	expect_error(dir, DEJA_E_HEADER);
	/* Numbers that do not fit; the same header with one that does is good. */
	t_write_file(t_path(dir, "header"), "\x82\xa6" "format\x01\xa9page_size\xcf\0\0\0\x01\0\0\0\0", 28);
	expect_error(dir, DEJA_E_HEADER);
	t_write_file(t_path(dir, "header"), "\x82\xa6" "format\x01\xa9page_size\xff", 20);
	expect_error(dir, DEJA_E_HEADER);
	t_write_file(t_path(dir, "header"), "\x82\xa6" "format\x01\xa9page_size\x01", 20);
	rec = deja_open(dir, &err);
	assert_non_null(rec);
	deja_close(rec);
	/* Counts that no memory could hold. */
	t_write_file(t_path(dir, "header"), "\xdf\xff\xff\xff\xff", 5);
	expect_error(dir, DEJA_E_HEADER);
	t_write_file(t_path(dir, "header"),
		     "\x81\xa4"
		     "argv\xdd\xff\xff\xff\xff",
		     11);
	expect_error(dir, DEJA_E_HEADER);
	assert_int_equal(tf_header_write(dir, &h, &err), 0);
	expect_error(dir, DEJA_E_VERSION);
	t_write_header(dir);
	t_write_file(t_path(dir, "files"), "\x91\x80", 2);
	expect_error(dir, DEJA_E_HEADER);
	/* The old one stays when a new one cannot be written. */
	assert_int_equal(tf_header_write(t_path(dir, "none"), &h, &err), -1);
	assert_int_equal(err.code, DEJA_E_SYSTEM);
	t_remove(dir);
}

/* A newer deja of the same format may add keys. */
static void unknown_keys(void **state)
{
	static const char bytes[] =
	    "\x84\xa3new\x81\xa1x\x93\xc0\xc3\xcb\0\0\0\0\0\0\0\0"
	    "\xa6"
	    "format\x01\x07\x08\xa4host\xa2me";
	char *dir = t_dir();
	struct deja_error err;
	deja_recording *rec;

	t_write_file(t_path(dir, "header"), bytes, sizeof(bytes) - 1);
	rec = deja_open(dir, &err);
	if (!rec)
		fail_msg("%s", err.message);
	assert_string_equal(deja_header(rec)->host, "me");
	assert_string_equal(deja_header(rec)->exe, "");
	deja_close(rec);
	t_remove(dir);
}

/* Every damaged byte is an error or a header, never a crash (run under sanitizers). */
static void damaged(void **state)
{
	static const char *const argv[] = {"prog", "arg"};
	static const struct deja_process process = {
	    .stream = 1, .argc = 2, .argv = argv};
	static const uint64_t limits[][2] = {{1, 2}};
	struct deja_header h = {.process_count = 1,
				.processes = &process,
				.limit_count = 1,
				.limits = limits};
	char *dir = t_dir();
	struct deja_error err;
	deja_recording *rec;
	size_t len, i;
	uint8_t *bytes;
	unsigned bit;

	assert_int_equal(tf_header_write(dir, &h, &err), 0);
	bytes = t_read_file(t_path(dir, "header"), &len);
	for (i = 0; i < len; i++) {
		t_write_file(t_path(dir, "header"), bytes, i);
		expect_error(dir, DEJA_E_HEADER);
		for (bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1 << bit);
			t_write_file(t_path(dir, "header"), bytes, len);
			rec = deja_open(dir, &err);
			deja_close(rec);
			bytes[i] ^= (uint8_t)(1 << bit);
		}
	}
	free(bytes);
	t_remove(dir);
}

static void pack_bin(msgpack_packer *pk, const char *s)
{
	msgpack_pack_bin(pk, strlen(s));
	msgpack_pack_bin_body(pk, s, strlen(s));
}

static void pack_key(msgpack_packer *pk, const char *s)
{
	msgpack_pack_str(pk, strlen(s));
	msgpack_pack_str_body(pk, s, strlen(s));
}

static void image(void **state)
{
	msgpack_sbuffer buf;
	msgpack_packer pk;
	struct tf_image img;
	struct tf_state st;
	size_t i;
	uint8_t *copy;

	msgpack_sbuffer_init(&buf);
	msgpack_packer_init(&pk, &buf, msgpack_sbuffer_write);
	msgpack_pack_array(&pk, 3);
	msgpack_pack_int(&pk, TF_EV_IMAGE);
	msgpack_pack_int(&pk, 77);
	msgpack_pack_map(&pk, 9);
	pack_key(&pk, "exe");
	pack_bin(&pk, "/bin/x");
	pack_key(&pk, "argv");
	msgpack_pack_array(&pk, 2);
	pack_bin(&pk, "x");
	pack_bin(&pk, "");
	pack_key(&pk, "envp");
	msgpack_pack_array(&pk, 1);
	pack_bin(&pk, "A=B");
	pack_key(&pk, "sp");
	msgpack_pack_uint64(&pk, 0x7ffffffde000);
	pack_key(&pk, "later");
	msgpack_pack_map(&pk, 1);
	msgpack_pack_nil(&pk);
	msgpack_pack_true(&pk);
	pack_key(&pk, "pid");
	msgpack_pack_int(&pk, 1234);
	pack_key(&pk, "tid");
	msgpack_pack_int(&pk, 1235);
	pack_key(&pk, "file");
	msgpack_pack_int(&pk, 3);
	pack_key(&pk, "maps");
	msgpack_pack_array(&pk, 1);
	msgpack_pack_array(&pk, 6);
	msgpack_pack_uint64(&pk, 0x400000);
	msgpack_pack_uint64(&pk, 0x401000);
	msgpack_pack_int(&pk, 5);
	msgpack_pack_int(&pk, 4096);
	msgpack_pack_int(&pk, 3);
	pack_bin(&pk, "/bin/x");

	assert_int_equal(tf_image_decode((uint8_t *)buf.data, buf.size, &img), 0);
	assert_int_equal(img.exe.len, 6);
	assert_memory_equal(img.exe.data, "/bin/x", 6);
	assert_int_equal(img.argc, 2);
	assert_int_equal(img.argv[1].len, 0);
	assert_int_equal(img.envc, 1);
	assert_memory_equal(img.envp[0].data, "A=B", 3);
	assert_int_equal(img.sp, 0x7ffffffde000);
	assert_int_equal(img.pid, 1234);
	assert_int_equal(img.tid, 1235);
	assert_int_equal(img.file, 3);
	assert_int_equal(img.map_count, 1);
	assert_int_equal(img.maps[0].start, 0x400000);
	assert_int_equal(img.maps[0].end, 0x401000);
	assert_int_equal(img.maps[0].prot, 5);
	assert_int_equal(img.maps[0].offset, 4096);
	assert_int_equal(img.maps[0].file, 3);
	assert_int_equal(img.maps[0].path.len, 6);
	tf_image_free(&img);

	tf_state_init(&st);
	assert_int_equal(tf_state_apply(&st, (uint8_t *)buf.data, buf.size), 0);
	assert_int_equal(st.time_ns, 77);
	assert_int_equal(st.tid, 1235);

	/* Copies of exact size, so that a sanitizer sees the end. */
	for (i = 0; i < buf.size; i++) {
		copy = malloc(i + 1);
		memcpy(copy, buf.data, i);
		assert_int_equal(tf_image_decode(copy, i, &img), -1);
		free(copy);
	}
	for (i = 0; i < buf.size * 8; i++) {
		copy = malloc(buf.size);
		memcpy(copy, buf.data, buf.size);
		copy[i / 8] ^= (uint8_t)(1 << i % 8);
		if (tf_image_decode(copy, buf.size, &img) == 0)
			tf_image_free(&img);
		free(copy);
	}
	msgpack_sbuffer_destroy(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),     cmocka_unit_test(files),
	    cmocka_unit_test(not_recordings), cmocka_unit_test(unknown_keys),
	    cmocka_unit_test(damaged),	      cmocka_unit_test(image),
	};

	return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
