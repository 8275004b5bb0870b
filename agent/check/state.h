/* What this device knows of itself between runs: state.json.
 *
 * Invariants, kept by the order in which files are written:
 *  - 'acked' is the last heartbeat that a signed acknowledgement named (or the true head the
 *    collector told a rewound device).  Every spool file with a higher seq is in flight: signed,
 *    immutable, to be sent again until it is acknowledged.
 *  - The next heartbeat is never given a seq that was used: it is one over the highest of acked,
 *    seq_floor and the spool.
 *  - Verdicts here are as of the last run; 'sent' says what acknowledged heartbeats told, so what
 *    differs is the next delta.
 * A lost or damaged state.json costs nothing but a full heartbeat: the spool is sent again, and the
 * acknowledgement says where the chain stands.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_STATE_H
#define CARETAKER_CHECK_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/check/clock.h"
#include "agent/proto/heartbeat.h"

struct err;
struct places;

#define STATE_FILE "state.json"
#define STATE_MAX (1024 * 1024)
#define STATE_REJECTED_MAX 8
#define STATE_SIGNERS_MAX 16
#define STATE_MARKS_MAX 16
#define STATE_ALLOWED_MAX 256

/* What a heartbeat told of a control: its standing, and the evidence beside it. */
struct state_told {
	char standing[HASH_TEXT]; /* "": nothing yet */
	char evidence[HASH_TEXT];
	int64_t at; /* when evidence last went */
};

struct state_control {
	bool known;
	enum mode mode;
	enum verdict verdict;
	char why[REASON_MAX];
	int64_t since, due_at, until;
	char *evidence; /* JSON object; the state's */
	struct state_told sent, flying;
};

struct state {
	int64_t acked_seq;
	char acked_hash[HASH_TEXT];
	int64_t seq_floor;
	char epoch[UUID_LEN + 1];
	struct clock clock;
	char boot[UUID_LEN + 1]; /* of the last run: a volatile machine begins anew at another */
	int64_t full_at;         /* when the last full heartbeat was acknowledged; 0: never */
	bool need_full;
	bool chain_begins;              /* volatile: the next heartbeat announces a new chain */
	int64_t flying_seq;             /* the heartbeat that 'flying' belongs to */
	unsigned dicts;                 /* bit n: the collector understands dictionary n */
	int64_t resend_next, resend_to; /* of the ring, after the collector was restored; 0: none */
	unsigned refused_row;           /* heartbeats refused one after the other */
	char rotated_kid[CRYPTO_KID_LEN + 1]; /* the successor was acknowledged: it takes over */
	int64_t rotated_seq;                  /* the heartbeat that named it stays; 0: none */

	/* Serials only rise, for each signer: a lower one was seen before, or is forged. */
	struct state_serial {
		char kid[CRYPTO_KID_LEN + 1];
		int64_t serial;
	} policy_serials[STATE_SIGNERS_MAX];
	unsigned policy_serial_count;
	int64_t exceptions_serial;
	struct heartbeat_rejected rejected[STATE_REJECTED_MAX];
	unsigned rejected_count;

	/* When each exception was first seen, the one asked for last at the end: a list that is
	 * signed again each day does not make it last longer than the policy allows. */
	struct state_allowed {
		char id[UUID_LEN + 1];
		int64_t at;
	} allowed[STATE_ALLOWED_MAX];
	unsigned allowed_count;

	/* Ring: heartbeats up to 'seq' had been acknowledged at 'at'. */
	struct state_mark {
		int64_t seq, at;
	} marks[STATE_MARKS_MAX];
	unsigned mark_count;

	/* Contact: for the backoff and for people. */
	unsigned failures;       /* in a row */
	int64_t retry_uptime_ms; /* not before that, in boot 'retry_boot' */
	char retry_boot[UUID_LEN + 1];
	int64_t contact_at; /* best-known time of the last good acknowledgement; 0: never */
	char trouble[256];  /* why the last try failed; "" when it did not */

	char inventory[HASH_TEXT]; /* of the last stock-taking; "": none yet */
	/* What a delta leaves out while it is as it was told; all zero: nothing was told yet. */
	struct state_facts {
		char policy[HASH_TEXT]; /* of its name, serial and hash */
		char inventory[HASH_TEXT];
		char boot[UUID_LEN + 1];
		char agent[32];
		int64_t exceptions;
	} sent_facts, flying_facts;

	struct state_control controls[CONTROL_COUNT];
};

/* A new chain, whose first heartbeat names 'root' as the one before. */
void state_init(struct state *state, const char *root);
void state_clear(struct state *state);
/* ERR_NOTFOUND: none yet.  ERR_INVALID: damaged; '*out' is untouched. */
int state_load(const struct places *places, struct state *out, struct err *err);
int state_save(const struct state *state, struct places *places, struct err *err);
/* The parser alone, for tests and fuzzing. */
int state_parse(const char *text, size_t len, struct state *out, struct err *err);

/* What a control says now, as a state_told would hold it. */
void state_tell(const struct state_control *control, struct state_told *out);

int64_t state_policy_serial(const struct state *state, const char *kid); /* 0: none seen */
void state_note_policy(struct state *state, const char *kid, int64_t serial);
/* When the exception 'id' was first seen: now, where it was not before. */
int64_t state_first_allowed(struct state *state, const char *id, int64_t now);
/* Reported in each heartbeat until something good of that kind comes. */
void state_reject(struct state *state, const char *what, int64_t serial, const char *why);
void state_accept(struct state *state, const char *what);

#endif
