/* Inside the storing of one heartbeat: what store_sqlite_ingest.c and its parts (the chain, the
 * controls, the events) hand each other.  All of it is inside the writer's transaction.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_STORE_SQLITE_INGEST_H
#define CARETAKER_COLLECTOR_STORE_SQLITE_INGEST_H

#include "tools/collector/lineage.h"
#include "tools/collector/standing.h"
#include "tools/collector/store_sqlite.h"

/* What the device's row says before this heartbeat. */
struct sq_before {
	enum store_status status;
	enum store_key_role role;
	struct sq_place place;
	int64_t last_seen, skew_s, forked_at, next_change;
	int64_t has_policy, has_exceptions, has_keys; /* as it said */
	int64_t group_policy, exceptions_serial;      /* as it should */
	int64_t presence, standing;                   /* as counted; -1: not */
	int not_seen_days;
	unsigned branches;
	unsigned state_branch; /* and its head: what its row in 'branch' lags behind */
	int64_t state_seq;
	uint8_t state_hash[CRYPTO_HASH_SIZE];
	char boot[UUID_LEN + 1], boot_before[UUID_LEN + 1];
};

struct sq_beat {
	struct sq *sq;
	const struct store_heartbeat *in;
	struct sq_before before;
	struct lineage lineage;
	struct lineage_heartbeat heartbeat;
	struct lineage_step step;
	int64_t key_since;
	bool only_branch; /* see sq_only_branch() */
	/* what the controls come to */
	enum standing worst;
	int64_t next;
};

/* --- store_sqlite_chain.c --- */
bool sq_only_branch(struct sq_beat *w);
int sq_load_lineage(struct sq_beat *w, struct err *err);
/* 1: the store has a heartbeat of this device with that number and hash; its branch in '*out'. */
int sq_have_heartbeat(struct sq_beat *w, int64_t seq, const uint8_t *hash, unsigned *out_branch,
		      struct err *err);
/* The heartbeat's row and what it does to the branches. */
int sq_put_chain(struct sq_beat *w, struct err *err);
/* The first heartbeat by the successor that its predecessor named. */
int sq_succeed(struct sq_beat *w, struct err *err);
/* The successor that this one names. */
int sq_name_next(struct sq_beat *w, struct err *err);

/* --- store_sqlite_controls.c --- */
/* Moves a count; -1 stands for "was not" and "is no longer". */
int sq_recount(struct sq_beat *w, int control, int before, int after, struct err *err);
/* Sets 'worst' and 'next'. */
int sq_put_controls(struct sq_beat *w, struct err *err);

/* --- store_sqlite_events.c --- */
int sq_put_events(struct sq_beat *w, struct err *err);
/* What the collector itself sees; sets '*out_forked_at' when two machines were said to be one. */
int sq_put_observations(struct sq_beat *w, int64_t *out_forked_at, struct err *err);

#endif
