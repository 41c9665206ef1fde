/*
 * See seal.h. In deja and in deja-share.
 */
#include <errno.h>
#include <fcntl.h>
#include <nettle/chacha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include "tools/cmd.h"
#include "tools/record/seal.h"
#include "tracefmt/bytes.h"

enum { PIECE_LEN = 1 << 16, NONCE_LEN = 8 };
#define SEAL_FILE (1ull << 63)

static void put_le64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void apply(void *arg, uint64_t nonce, uint64_t at, void *bytes, size_t len)
{
	const struct seal *s = arg;
	struct chacha_ctx ctx;
	uint8_t word[8], block[CHACHA_BLOCK_SIZE] = {0};
	uint8_t *p = bytes;
	size_t skip = at % CHACHA_BLOCK_SIZE, n = CHACHA_BLOCK_SIZE - skip;

	chacha_set_key(&ctx, s->key);
	put_le64(word, nonce);
	chacha_set_nonce(&ctx, word);
	put_le64(word, at / CHACHA_BLOCK_SIZE);
	chacha_set_counter(&ctx, word);
	if (skip) {
		if (n > len)
			n = len;
		memcpy(block + skip, p, n);
		chacha_crypt(&ctx, sizeof(block), block, block);
		memcpy(p, block + skip, n);
		p += n;
		len -= n;
	}
	chacha_crypt(&ctx, len, p, p);
	explicit_bzero(&ctx, sizeof(ctx));
}

bool seal_begin(struct seal *s)
{
	s->tf = (struct tf_seal){apply, s};
	mlock(s->key, sizeof(s->key)); /* where it may: not to the swap space */
	if (getrandom(s->key, sizeof(s->key), 0) == sizeof(s->key))
		return true;
	cmd_error("no random numbers: %s", strerror(errno));
	return false;
}

bool seal_take(struct seal *s, int fd)
{
	s->tf = (struct tf_seal){apply, s};
	mlock(s->key, sizeof(s->key));
	if (pread(fd, s->key, sizeof(s->key), 0) == sizeof(s->key)) {
		close(fd);
		return true;
	}
	cmd_error("the key of what is sealed: %s", strerror(errno));
	return false;
}

int seal_pass(const struct seal *s)
{
	int fd = memfd_create("key", 0);

	if (fd >= 0 && write(fd, s->key, sizeof(s->key)) == sizeof(s->key))
		return fd;
	cmd_error("the key of what is sealed: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

void seal_forget(struct seal *s)
{
	explicit_bzero(s->key, sizeof(s->key));
}

static bool write_at(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

/* All of `from`, sealed, and behind it the nonce. */
static bool copy(const struct seal *s, int from, int to, char hash[33], uint64_t *size)
{
	uint8_t *buf = malloc(PIECE_LEN), word[NONCE_LEN];
	XXH3_state_t *state = XXH3_createState();
	XXH128_canonical_t canonical;
	bool ok = buf && state && getrandom(word, sizeof(word), 0) == sizeof(word);
	uint64_t nonce = tf_le(word, 8) | SEAL_FILE, at = 0;

	if (ok)
		XXH3_128bits_reset(state);
	while (ok) {
		ssize_t n = pread(from, buf, PIECE_LEN, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		ok = n >= 0;
		if (n <= 0)
			break;
		XXH3_128bits_update(state, buf, (size_t)n);
		apply((void *)s, nonce, at, buf, (size_t)n);
		ok = write_at(to, buf, (size_t)n, at);
		at += (uint64_t)n;
	}
	put_le64(word, nonce);
	ok = ok && write_at(to, word, sizeof(word), at);
	if (ok) {
		XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
		for (unsigned i = 0; i < sizeof(canonical.digest); i++)
			snprintf(hash + 2 * i, 3, "%02x", canonical.digest[i]);
		*size = at;
	}
	XXH3_freeState(state);
	free(buf);
	return ok;
}

int seal_copy(const struct seal *s, int from, int dir, char hash[33], uint64_t *size)
{
	static const char temp[] = ".tmp" SEAL_SUFFIX; /* the directory is ours alone */
	char name[64];
	int to = openat(dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), saved;

	if (to < 0)
		return -1;
	if (copy(s, from, to, hash, size)) {
		close(to);
		snprintf(name, sizeof(name), "%s" SEAL_SUFFIX, hash);
		return renameat(dir, temp, dir, name);
	}
	saved = errno;
	close(to);
	unlinkat(dir, temp, 0);
	errno = saved;
	return -1;
}

uint8_t *seal_read(const struct seal *s, const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *bytes = NULL;
	struct stat st;
	size_t done = 0;

	errno = EIO;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size >= NONCE_LEN)
		bytes = malloc((size_t)st.st_size);
	while (bytes && done < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes + done, (size_t)st.st_size - done, (off_t)done);

		if (n <= 0) {
			free(bytes);
			bytes = NULL;
			break;
		}
		done += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	if (!bytes)
		return NULL;
	*len = done - NONCE_LEN;
	apply((void *)s, tf_le(bytes + *len, 8), 0, bytes, *len);
	return bytes;
}
