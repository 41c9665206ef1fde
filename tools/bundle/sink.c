/*
 * Writes and hashes in a thread of its own what unpacking has decompressed: the two take about as
 * long as each other. Called by unpack.c.
 */
#include <errno.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tools/bundle/bundle.h"

enum {
	BUFFER_COUNT = 4,
	WRITE_LEN = 8 << 10, /* larger ones have the page cache look for large free pieces */
};

struct sink {
	pthread_t thread;
	bool threaded; /* else everything is done by the caller */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint8_t *buffer[BUFFER_COUNT];
	size_t len[BUFFER_COUNT];
	unsigned filled, emptied; /* counts; what is between waits for the thread */
	bool ending;
	/* of the member; the thread's while buffers wait */
	int fd, error;
	struct sha256_ctx sha;
};

static void write_out(struct sink *s, const uint8_t *bytes, size_t len)
{
	if (s->error)
		return;
	sha256_update(&s->sha, len, bytes);
	while (len && !s->error) {
		ssize_t n = write(s->fd, bytes, len < WRITE_LEN ? len : WRITE_LEN);

		if (n <= 0) {
			s->error = n < 0 ? errno : EIO;
		} else {
			bytes += n;
			len -= (size_t)n;
		}
	}
}

static void *run(void *arg)
{
	struct sink *s = arg;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		unsigned at = s->emptied % BUFFER_COUNT;

		if (s->filled == s->emptied) {
			if (s->ending)
				break;
			pthread_cond_wait(&s->moved, &s->lock);
			continue;
		}
		pthread_mutex_unlock(&s->lock);
		write_out(s, s->buffer[at], s->len[at]);
		pthread_mutex_lock(&s->lock);
		s->emptied++;
		pthread_cond_broadcast(&s->moved);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct sink *sink_open(void)
{
	struct sink *s = calloc(1, sizeof(*s));
	bool ok = s != NULL;

	for (unsigned i = 0; ok && i < BUFFER_COUNT; i++)
		ok = (s->buffer[i] = malloc(BUNDLE_BUFFER_LEN)) != NULL;
	if (!ok) {
		sink_close(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->moved, NULL);
	s->threaded = pthread_create(&s->thread, NULL, run, s) == 0;
	return s;
}

void sink_begin(struct sink *s, int fd)
{
	s->fd = fd;
	s->error = 0;
	sha256_init(&s->sha);
}

uint8_t *sink_buffer(struct sink *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->filled - s->emptied == BUFFER_COUNT)
		pthread_cond_wait(&s->moved, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return s->buffer[s->filled % BUFFER_COUNT];
}

void sink_put(struct sink *s, size_t len)
{
	unsigned at = s->filled % BUFFER_COUNT;

	/* a short one is done sooner than told */
	if (!s->threaded || (len < BUNDLE_BUFFER_LEN / 8 && s->filled == s->emptied)) {
		write_out(s, s->buffer[at], len);
		return;
	}
	pthread_mutex_lock(&s->lock);
	s->len[at] = len;
	s->filled++;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

int sink_end(struct sink *s, uint8_t *hash)
{
	pthread_mutex_lock(&s->lock);
	while (s->filled != s->emptied)
		pthread_cond_wait(&s->moved, &s->lock);
	pthread_mutex_unlock(&s->lock);
	sha256_digest(&s->sha, BUNDLE_HASH_LEN, hash);
	return s->error;
}

void sink_close(struct sink *s)
{
	if (!s)
		return;
	if (s->threaded) {
		pthread_mutex_lock(&s->lock);
		s->ending = true;
		pthread_cond_broadcast(&s->moved);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	}
	for (unsigned i = 0; i < BUFFER_COUNT; i++)
		free(s->buffer[i]);
	free(s);
}
