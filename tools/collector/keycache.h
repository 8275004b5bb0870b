/* Device keys as parsed once and kept, of one worker: at most a bound, the longest unused goes.
 *
 * What the store says of a key may change under us (another process revokes, moves, rotates):
 * entries belong to a generation and are looked up anew in the next.  Whether a device may still
 * send is decided by the writer, in the transaction; here only whose signature it is.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_KEYCACHE_H
#define CARETAKER_COLLECTOR_KEYCACHE_H

#include <stdint.h>

#include "tools/collector/store.h"

struct keycache;

struct keycache_entry {
	struct store_key key;
	struct crypto_key *parsed;
};

int keycache_new(unsigned max, struct keycache **out, struct err *err);
void keycache_free(struct keycache *cache);

/* Entries of earlier generations are looked up anew; their parsed keys stay when the point does. */
void keycache_set_generation(struct keycache *cache, uint64_t generation);

/* ERR_NOTFOUND when no device has the key.  '*out' holds until the next call. */
int keycache_find(struct keycache *cache, struct store *store, const char *kid,
		  const struct keycache_entry **out, struct err *err);

#endif
