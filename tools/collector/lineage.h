/* Where a heartbeat belongs in its device's chain: goes on from a head, repeats, or opens a branch.
 *
 * Pure: it is told what the store holds and says what to do, the same for every store.  A device's
 * chain has one end, unless it was restored from a snapshot (rewind), copied (two machines, one
 * key), lost something (gap) or is put back at each boot (volatile).  Nothing of it is refused but
 * a contradiction and a ninth branch: all of it is reported. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_LINEAGE_H
#define CARETAKER_COLLECTOR_LINEAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/crypto.h"

#define LINEAGE_MAX 8
#define LINEAGE_STALE_S (30 * 86400) /* a branch that rested so long makes room for a new one */

enum lineage_kind {
	LINEAGE_TRUNK,    /* from the enrolment */
	LINEAGE_REWIND,   /* from a heartbeat that we have and that was not the end */
	LINEAGE_GAP,      /* from one that never came */
	LINEAGE_VOLATILE, /* announced: the machine starts anew at each boot */
};

struct lineage_branch {
	unsigned n; /* its number; never used again for this device while it stands */
	enum lineage_kind kind;
	int64_t from_seq; /* what its first heartbeat names as the one before */
	uint8_t from_hash[CRYPTO_HASH_SIZE];
	int64_t seq; /* the head */
	uint8_t hash[CRYPTO_HASH_SIZE];
	int64_t advanced_at;
};

struct lineage {
	struct lineage_branch branches[LINEAGE_MAX];
	unsigned count;
	/* the heartbeat that the device's control rows stand for */
	unsigned state_branch;
	int64_t state_seq;
	uint8_t state_hash[CRYPTO_HASH_SIZE];
	bool state_partial;
};

struct lineage_heartbeat {
	int64_t seq;
	uint8_t hash[CRYPTO_HASH_SIZE], prev[CRYPTO_HASH_SIZE];
	bool full;
	bool is_volatile;
	bool rewound;    /* it says so: goes on from the trunk that an acknowledgement named */
	bool prev_known; /* the store has the one before it, head or not */
	int64_t now;
};

enum lineage_step_kind {
	LINEAGE_ADVANCE, /* branches[at] moves on */
	LINEAGE_OPEN,    /* a new branch at branches[at], maybe in an evicted one's place */
	LINEAGE_REFUSE,
};
struct lineage_step {
	enum lineage_step_kind kind;
	unsigned at;
	struct lineage_branch branch; /* branches[at] afterwards */
	unsigned drop[LINEAGE_MAX]; /* numbers of branches that end: joined, left behind, evicted */
	unsigned drop_count;
	bool apply;        /* its controls are the device's state now */
	bool partial;      /* ... but stand on a base that we do not have: ask for a full one */
	const char *event; /* the collector's observation: "chain-gap" ...; NULL: none */
	char why[160];     /* of a refusal */
};

/* Looks at the heads alone; true when 'heartbeat' goes on from one of them, so that the store need
 * not be asked for 'prev_known'. */
bool lineage_goes_on(const struct lineage *lineage, const struct lineage_heartbeat *heartbeat);

void lineage_place(const struct lineage *lineage, const struct lineage_heartbeat *heartbeat,
		   struct lineage_step *out);

/* Carries the step out in memory. */
void lineage_apply(struct lineage *lineage, const struct lineage_heartbeat *heartbeat,
		   const struct lineage_step *step);

/* The branch to tell a device of that stands on branch number 'n': another one further ahead, which
 * it does not know of.  NULL: none. */
const struct lineage_branch *lineage_trunk(const struct lineage *lineage, unsigned n);

#endif
