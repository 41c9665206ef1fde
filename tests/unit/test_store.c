/*
 * The store of mapped files: contents by hash, shared between recordings, never tied to
 * the user's own file.
 */
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <xxhash.h>

#include "t_recording.h"
#include "tools/store.h"

static struct store *open_store(const char *rec, const char *shared)
{
	struct deja_error err;
	struct store *s;

	mkdir(rec, 0700);
	s = store_open(rec, shared, &err);
	if (!s)
		fail_msg("%s", err.message);
	return s;
}

static uint32_t add_path(struct store *s, const char *path)
{
	struct deja_error err;
	int fd = open(path, O_RDONLY);
	uint32_t id;

	assert_true(fd >= 0);
	id = store_add(s, fd, path, &err);
	if (!id)
		fail_msg("%s", err.message);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	close(fd);
	return id;
}

/* Until the file's times vouch for its content. */
static void settle(void)
{
	struct timespec t = {0, 150000000};

	nanosleep(&t, NULL);
}

static void stat_stored(const char *rec, const char *hash, struct stat *st)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/f/%s", rec, hash);
	assert_int_equal(stat(path, st), 0);
}

static void contents(void **state)
{
	char *dir = t_dir(), expected[33], stored[4096];
	const char *file = t_path(dir, "lib.so");
	static uint8_t bytes[700001];
	const struct deja_file *f;
	struct stat st, own;
	struct store *s;
	uint8_t *copy;
	size_t len, i;
	XXH128_canonical_t canonical;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)t_random(256);
	t_write_file(file, bytes, sizeof(bytes));
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, sizeof(bytes)));
	for (i = 0; i < 16; i++)
		snprintf(expected + 2 * i, 3, "%02x", canonical.digest[i]);
	assert_int_equal(stat(file, &own), 0);

	s = open_store(t_path(dir, "r1"), t_path(dir, "shared"));
	assert_int_equal(add_path(s, file), 1);
	assert_int_equal(add_path(s, file), 1);
	assert_int_equal(store_count(s), 1);
	f = store_files(s);
	assert_int_equal(f->id, 1);
	assert_string_equal(f->hash, expected);
	assert_string_equal(f->path, file);
	assert_int_equal(f->size, sizeof(bytes));
	assert_int_equal(f->ino, own.st_ino);
	assert_int_equal(f->mode, own.st_mode);
	assert_true(f->exact);
	stat_stored(t_path(dir, "r1"), expected, &st);
	assert_int_equal(st.st_mode & 07777, 0500);
	assert_int_not_equal(st.st_ino, own.st_ino);
	assert_int_equal(st.st_nlink, 2); /* the shared store's and the recording's */
	snprintf(stored, sizeof(stored), "%s/r1/f/%s", dir, expected);
	copy = t_read_file(stored, &len);
	assert_int_equal(len, sizeof(bytes));
	assert_memory_equal(copy, bytes, len);
	free(copy);
	store_close(s);
	t_remove(dir);
}

/* What is a hole is one in the copy, and not read. */
static void holes(void **state)
{
	enum { SIZE = 100 << 20, AT = (40 << 20) + 12345 };
	char *dir = t_dir(), expected[33];
	const char *file = t_path(dir, "sparse");
	uint8_t *bytes = calloc(1, SIZE);
	int fd = open(file, O_CREAT | O_RDWR, 0600);
	struct stat st;
	struct store *s = open_store(t_path(dir, "r1"), t_path(dir, "shared"));

	(void)state;
	memset(bytes + AT, 'x', 70000);
	bytes[SIZE - 1] = 'y';
	for (int round = 0; round < 3; round++) { /* a hole alone; data within; data at the end */
		if (round == 0)
			assert_int_equal(ftruncate(fd, SIZE), 0);
		else if (round == 1)
			assert_int_equal(pwrite(fd, bytes + AT, 70000, AT), 70000);
		else
			assert_int_equal(pwrite(fd, "y", 1, SIZE - 1), 1);
		settle();
		assert_int_equal(add_path(s, file), round + 1);
		stat_stored(t_path(dir, "r1"), store_files(s)[round].hash, &st);
		assert_int_equal(st.st_size, SIZE);
		assert_true(st.st_blocks < 1 << 11);
	}
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, SIZE));
	for (int i = 0; i < 16; i++)
		snprintf(expected + 2 * i, 3, "%02x", canonical.digest[i]);
	assert_string_equal(store_files(s)[2].hash, expected);
	store_close(s);
	close(fd);
	free(bytes);
	t_remove(dir);
}

/* The second recording takes an unchanged file by its identity: it is not read. The
 * test proves it with a wrong hash behind the identity. */
static void not_read_again(void **state)
{
	char *dir = t_dir(), first[33], command[9000];
	const char *file = t_path(dir, "lib.so");
	struct stat st;
	struct store *s;

	t_write_file(file, "library", 7);
	settle();
	s = open_store(t_path(dir, "r1"), t_path(dir, "shared"));
	add_path(s, file);
	strcpy(first, store_files(s)->hash);
	store_close(s);

	s = open_store(t_path(dir, "r2"), t_path(dir, "shared"));
	add_path(s, file);
	assert_string_equal(store_files(s)->hash, first);
	store_close(s);
	stat_stored(t_path(dir, "r2"), first, &st);
	assert_int_equal(st.st_nlink, 3);

	snprintf(command, sizeof(command),
		 "cd '%s/shared' && cp %s 00000000000000000000000000000000 && cd id && "
		 "for i in *; do ln -sfn 00000000000000000000000000000000 $i; done",
		 dir, first);
	assert_int_equal(system(command), 0);
	s = open_store(t_path(dir, "r3"), t_path(dir, "shared"));
	add_path(s, file);
	assert_string_equal(store_files(s)->hash, "00000000000000000000000000000000");
	store_close(s);

	/* A link to what is gone, or has another size, is not followed. */
	snprintf(command, sizeof(command),
		 "cd '%s/shared' && chmod 600 00000000000000000000000000000000 && "
		 ": > 00000000000000000000000000000000",
		 dir);
	assert_int_equal(system(command), 0);
	s = open_store(t_path(dir, "r4"), t_path(dir, "shared"));
	add_path(s, file);
	assert_string_equal(store_files(s)->hash, first);
	store_close(s);
	/* ... and was put right. */
	s = open_store(t_path(dir, "r5"), t_path(dir, "shared"));
	add_path(s, file);
	assert_string_equal(store_files(s)->hash, first);
	store_close(s);
	t_remove(dir);
}

/* A file rewritten in place at once, within a tick of the clock that stamps files, is
 * another file. */
static void changed_at_once(void **state)
{
	char *dir = t_dir(), name[64];
	const char *file = t_path(dir, "jit.so");
	struct store *s = open_store(t_path(dir, "r1"), t_path(dir, "shared"));
	unsigned i;

	for (i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "content %02u", i);
		t_write_file(file, name, strlen(name));
		assert_int_equal(add_path(s, file), i + 1);
		assert_int_equal(add_path(s, file), i + 1);
	}
	for (i = 1; i < 50; i++)
		assert_string_not_equal(store_files(s)[i].hash,
					store_files(s)[i - 1].hash);
	store_close(s);
	t_remove(dir);
}

/* Two names of one content: two entries, one stored file. Deleted files are kept. */
static void names(void **state)
{
	char *dir = t_dir();
	struct deja_error err;
	struct store *s;
	struct stat st;
	int fd, pipes[2];

	t_write_file(t_path(dir, "a"), "same", 4);
	t_write_file(t_path(dir, "b"), "same", 4);
	t_write_file(t_path(dir, "empty"), "", 0);
	s = open_store(t_path(dir, "r1"), t_path(dir, "shared"));
	assert_int_equal(add_path(s, t_path(dir, "a")), 1);
	assert_int_equal(add_path(s, t_path(dir, "b")), 2);
	assert_string_equal(store_files(s)[0].hash, store_files(s)[1].hash);
	fd = open(t_path(dir, "empty"), O_RDONLY);
	assert_int_equal(unlink(t_path(dir, "empty")), 0);
	assert_int_equal(store_add(s, fd, "empty (deleted)", &err), 3);
	close(fd);
	stat_stored(t_path(dir, "r1"), store_files(s)[2].hash, &st);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(store_add(s, pipes[0], "pipe", &err), 0);
	assert_int_equal(err.code, DEJA_E_FILE);
	close(pipes[0]);
	close(pipes[1]);
	assert_int_equal(store_add(s, -1, "none", &err), 0);
	assert_int_equal(err.code, DEJA_E_SYSTEM);
	/* A file of /proc has size 0 and content. */
	fd = open("/proc/self/status", O_RDONLY);
	assert_int_equal(store_add(s, fd, "/proc/self/status", &err), 4);
	assert_false(store_files(s)[3].exact);
	assert_true(store_files(s)[3].size > 0);
	close(fd);
	store_close(s);
	t_remove(dir);
}

/* Without a shared store, or with one on another file system, all is in the recording.
 */
static void unshared(void **state)
{
	char *dir = t_dir();
	struct deja_error err;
	struct store *s;
	struct stat st;

	t_write_file(t_path(dir, "a"), "alone", 5);
	s = open_store(t_path(dir, "r1"), t_path(dir, "no/such/place"));
	assert_int_equal(add_path(s, t_path(dir, "a")), 1);
	stat_stored(t_path(dir, "r1"), store_files(s)->hash, &st);
	assert_int_equal(st.st_nlink, 1);
	store_close(s);
	s = open_store(t_path(dir, "r2"), "/dev/shm/deja-test-store");
	assert_int_equal(add_path(s, t_path(dir, "a")), 1);
	store_close(s);
	rmdir("/dev/shm/deja-test-store");
	assert_int_equal(setenv("DEJA_DIR", dir, 1), 0);
	s = open_store(t_path(dir, "r3"), NULL);
	assert_int_equal(add_path(s, t_path(dir, "a")), 1);
	stat_stored(t_path(dir, "r3"), store_files(s)->hash, &st);
	assert_int_equal(st.st_nlink, 2);
	store_close(s);
	assert_null(store_open(t_path(dir, "none"), NULL, &err));
	assert_int_equal(err.code, DEJA_E_SYSTEM);
	t_remove(dir);
}

static void *add_many(void *arg)
{
	void **args = arg;
	const char *dir = args[1];
	char path[4096];
	unsigned i;

	for (i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "%s/lib%u", dir, i % 10);
		if (!add_path(args[0], path))
			return args;
	}
	return NULL;
}

/* Threads of one recorder and several recorders at once. */
static void concurrent(void **state)
{
	char *dir = t_dir(), path[4096], rec[4096];
	pid_t pids[4];
	unsigned i, k;
	int status;

	for (i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "%s/lib%u", dir, i);
		t_write_file(path, path, strlen(path));
	}
	for (i = 0; i < 4; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			struct store *s;
			pthread_t threads[3];
			void *result, *args[2];

			snprintf(rec, sizeof(rec), "%s/r%u", dir, i);
			s = open_store(rec, t_path(dir, "shared"));
			args[0] = s;
			args[1] = dir;
			for (k = 0; k < 3; k++)
				if (pthread_create(&threads[k], NULL, add_many, args))
					_exit(1);
			for (k = 0; k < 3; k++)
				if (pthread_join(threads[k], &result) || result)
					_exit(2);
			if (store_count(s) != 10)
				_exit(3);
			store_close(s);
			_exit(0);
		}
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	/* 10 contents, `id`, no temporary names left. */
	snprintf(path, sizeof(path), "test $(ls -A '%s/shared' | wc -l) = 11", dir);
	assert_int_equal(system(path), 0);
	t_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(contents),	     cmocka_unit_test(holes),
	    cmocka_unit_test(not_read_again), cmocka_unit_test(changed_at_once),
	    cmocka_unit_test(names),	     cmocka_unit_test(unshared),
	    cmocka_unit_test(concurrent),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
