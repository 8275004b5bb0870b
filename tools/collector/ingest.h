/* From bytes to heartbeats that the writer may store, and from what it stored to an
 * acknowledgement.
 *
 * No sockets here and no store but to look up whose key it is: what it makes of hostile bytes can
 * be tested and fuzzed alone.  Order of work, a line: split, find the signer, verify, inflate,
 * decode. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_INGEST_H
#define CARETAKER_COLLECTOR_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/proto/documents.h"
#include "tools/collector/store.h"

struct identity;
struct keycache;
struct log_limit;

enum ingest_state {
	INGEST_GOOD,      /* for the writer; afterwards see 'placed' */
	INGEST_REFUSED,   /* its signature holds, its contents do not: 'why' */
	INGEST_MALFORMED, /* no JWS of ours */
	INGEST_UNKNOWN_KEY,
	INGEST_BAD_SIGNATURE,
};

struct ingest_item {
	enum ingest_state state;
	char why[160];
	struct store_key key;
	bool introduced; /* 'key' is one that a heartbeat before it in the request names as the next
			  */
	char hash[HASH_TEXT];
	const char *jws; /* in the batch's body */
	size_t jws_len;
	struct heartbeat heartbeat; /* decoded when GOOD */
	bool decoded;
	struct store_placed placed;
};

struct ingest_batch {
	char *body; /* owned */
	size_t body_len;
	int64_t received_at;
	int first; /* the item that says whose request this is; -1: no signature held */
	bool any;  /* the writer placed one or more */
	struct store_placed last; /* what is acknowledged */
	unsigned count;
	struct ingest_item items[]; /* a line each */
};

/* Why a whole request is refused. */
struct ingest_problem {
	int status;
	const char *name;
	const char *title;
	char detail[160];
};

/* Takes 'body' (heap) over, whatever comes of it.  'scratch' is for payloads.  -1: nothing of it
 * can be stored, '*out_problem' says what to tell. */
int ingest_read(char *body, size_t len, int64_t now, struct keycache *cache, struct store *store,
		struct buf *scratch, struct ingest_batch **out, struct ingest_problem *out_problem);
void ingest_free(struct ingest_batch *batch);

/* In the writer's transaction; may be run again after a roll-back. */
int ingest_store(struct ingest_batch *batch, struct store *store, struct err *err);

/* After the commit.  -1: the device is to be told a problem instead (it is revoked, it waits). */
int ingest_outcome(const struct ingest_batch *batch, struct ingest_problem *out_problem);

/* What goes into an acknowledgement from outside. */
struct ingest_context {
	const struct identity *identity;
	const char *epoch;
	struct store *store; /* to read documents */
	int64_t now;
	struct log_limit *complaints; /* of documents that cannot be sent */
};
/* Appends the signed acknowledgement; 'scratch' is emptied and used. */
int ingest_acknowledge(const struct ingest_batch *batch, const struct ingest_context *context,
		       struct buf *scratch, struct buf *out, struct err *err);

#endif
