/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/keycache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/base/err.h"

struct slot {
	struct keycache_entry entry;
	uint64_t generation;
	struct slot *next; /* in its bucket */
	TAILQ_ENTRY(slot) used;
};

struct keycache {
	struct slot **buckets;
	unsigned bucket_count; /* a power of two */
	unsigned count, max;
	uint64_t generation;
	TAILQ_HEAD(slot_list, slot) used; /* longest unused first */
};

int keycache_new(unsigned max, struct keycache **out, struct err *err)
{
	struct keycache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return err_set(err, ERR_NOMEM, "no memory for keys");
	TAILQ_INIT(&cache->used);
	cache->max = max;
	for (cache->bucket_count = 64; cache->bucket_count < max;)
		cache->bucket_count *= 2;
	cache->buckets = calloc(cache->bucket_count, sizeof(struct slot *));
	if (!cache->buckets) {
		free(cache);
		return err_set(err, ERR_NOMEM, "no memory for keys");
	}
	*out = cache;
	return 0;
}

/* A thumbprint is a hash already, though who attacks may choose it: a long bucket costs them a key
 * enrolled for each entry. */
static struct slot **bucket_of(struct keycache *cache, const char *kid)
{
	uint32_t hash;

	memcpy(&hash, kid, sizeof(hash));
	hash ^= (uint32_t)(unsigned char)kid[4] << 13 ^ (uint32_t)(unsigned char)kid[5] << 5;
	hash *= 2654435761u;
	return &cache->buckets[(hash >> 8) & (cache->bucket_count - 1)];
}

static void drop(struct keycache *cache, struct slot *slot)
{
	struct slot **at = bucket_of(cache, slot->entry.key.kid);

	while (*at != slot)
		at = &(*at)->next;
	*at = slot->next;
	TAILQ_REMOVE(&cache->used, slot, used);
	crypto_key_free(slot->entry.parsed);
	free(slot);
	cache->count--;
}

void keycache_free(struct keycache *cache)
{
	if (!cache)
		return;
	while (!TAILQ_EMPTY(&cache->used))
		drop(cache, TAILQ_FIRST(&cache->used));
	free(cache->buckets);
	free(cache);
}

void keycache_set_generation(struct keycache *cache, uint64_t generation)
{
	cache->generation = generation;
}

static int add(struct keycache *cache, const struct store_key *key, struct slot **out,
	       struct err *err)
{
	struct slot **bucket = bucket_of(cache, key->kid);
	struct slot *slot = calloc(1, sizeof(*slot));

	if (!slot)
		return err_set(err, ERR_NOMEM, "no memory for keys");
	if (crypto_key_new(key->point, &slot->entry.parsed, err) < 0) {
		free(slot);
		return -1;
	}
	if (cache->count >= cache->max)
		drop(cache, TAILQ_FIRST(&cache->used));
	slot->entry.key = *key;
	slot->next = *bucket;
	*bucket = slot;
	cache->count++;
	TAILQ_INSERT_TAIL(&cache->used, slot, used);
	*out = slot;
	return 0;
}

int keycache_find(struct keycache *cache, struct store *store, const char *kid,
		  const struct keycache_entry **out, struct err *err)
{
	struct slot *slot = *bucket_of(cache, kid);
	struct store_key key;

	while (slot && strcmp(slot->entry.key.kid, kid) != 0)
		slot = slot->next;
	if (slot && slot->generation == cache->generation) {
		TAILQ_REMOVE(&cache->used, slot, used);
		TAILQ_INSERT_TAIL(&cache->used, slot, used);
		*out = &slot->entry;
		return 0;
	}
	if (store->live->find_key(store, kid, &key, err) < 0) {
		if (slot)
			drop(cache, slot);
		return -1;
	}
	if (slot) {
		slot->entry.key = key; /* the thumbprint is of the point: it is the same key */
		TAILQ_REMOVE(&cache->used, slot, used);
		TAILQ_INSERT_TAIL(&cache->used, slot, used);
	} else if (add(cache, &key, &slot, err) < 0) {
		return -1;
	}
	slot->generation = cache->generation;
	*out = &slot->entry;
	return 0;
}
