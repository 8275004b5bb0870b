/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/guesses.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"

#define BUCKETS 1024 /* two addresses in one bucket are only held to more */

struct window {
	int64_t began_ms;
	unsigned count;
};

struct guesses {
	pthread_mutex_t lock;
	struct window all, buckets[BUCKETS];
};

int guesses_new(struct guesses **out, struct err *err)
{
	struct guesses *guesses = calloc(1, sizeof(*guesses));

	if (!guesses)
		return err_set(err, ERR_NOMEM, "no memory for counting wrong codes");
	pthread_mutex_init(&guesses->lock, NULL);
	*out = guesses;
	return 0;
}

void guesses_free(struct guesses *guesses)
{
	if (!guesses)
		return;
	pthread_mutex_destroy(&guesses->lock);
	free(guesses);
}

static struct window *bucket_of(struct guesses *guesses, const char *address)
{
	uint32_t hash = 2166136261u;

	for (; *address; address++)
		hash = (hash ^ (unsigned char)*address) * 16777619u;
	return &guesses->buckets[hash % BUCKETS];
}

static unsigned left(const struct window *window, unsigned max, int64_t now_ms)
{
	int64_t end = window->began_ms + (int64_t)GUESSES_WINDOW_S * 1000;

	if (window->count < max || now_ms >= end)
		return 0;
	return (unsigned)((end - now_ms) / 1000) + 1;
}

static void add(struct window *window, int64_t now_ms)
{
	if (!window->count || now_ms - window->began_ms >= (int64_t)GUESSES_WINDOW_S * 1000)
		*window = (struct window){.began_ms = now_ms};
	window->count++;
}

unsigned guesses_wait(struct guesses *guesses, const char *address, int64_t now_ms)
{
	unsigned own, all;

	pthread_mutex_lock(&guesses->lock);
	own = left(bucket_of(guesses, address), GUESSES_PER_ADDRESS, now_ms);
	all = left(&guesses->all, GUESSES_IN_ALL, now_ms);
	pthread_mutex_unlock(&guesses->lock);
	return own > all ? own : all;
}

void guesses_wrong(struct guesses *guesses, const char *address, int64_t now_ms)
{
	pthread_mutex_lock(&guesses->lock);
	add(bucket_of(guesses, address), now_ms);
	add(&guesses->all, now_ms);
	pthread_mutex_unlock(&guesses->lock);
}
