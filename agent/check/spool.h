/* Signed heartbeats: spool/SEQ.jws, one file each.
 *
 * What is here was signed and is never changed.  Files above state.acked_seq are in flight (one
 * batch at a time); the others are the ring, kept for a collector that was restored.  Writing
 * SEQ.jws is what makes a heartbeat exist: before, nothing was said; after, it will arrive.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_SPOOL_H
#define CARETAKER_CHECK_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "agent/proto/heartbeat.h"

struct buf;
struct crypto_key;
struct err;
struct places;

#define SPOOL_RING_MAX 1500 /* a heartbeat each quarter of an hour for 7 days is 672 */

struct spool {
	int64_t *seqs; /* ascending */
	size_t count;
};

int spool_open(const struct places *places, struct spool *out, struct err *err);
void spool_clear(struct spool *spool);

int spool_write(struct spool *spool, struct places *places, int64_t seq, const void *jws,
		size_t len, struct err *err);
int spool_read(const struct places *places, int64_t seq, struct buf *out, struct err *err);
int spool_remove(struct spool *spool, const struct places *places, int64_t seq, struct err *err);
/* Damaged or refused: kept aside for a person, one at a time, and out of the chain. */
int spool_set_aside(struct spool *spool, struct places *places, int64_t seq, const char *as,
		    struct err *err);
/* The first file above 'seq'; 0: none. */
int64_t spool_after(const struct spool *spool, int64_t seq);
int64_t spool_last(const struct spool *spool); /* 0: empty */

/* Parses what a file holds and checks it: the form, the signature by 'key', the seq.  On success
 * heartbeat_clear() is the caller's. */
int spool_check(const char *jws, size_t len, int64_t seq, const struct crypto_key *key,
		struct heartbeat *out, struct err *err);

#endif
