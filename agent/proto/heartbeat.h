/* A heartbeat's payload: encode, decode, bounds (DESIGN.md "The heartbeat").
 *
 * Decoding is for bytes whose signature holds; they are still the words of a device that may be in
 * a pupil's hands, so every member is typed, bounded and named in its refusal.  Unknown members are
 * let pass: an agent one version newer is understood.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_HEARTBEAT_H
#define CARETAKER_PROTO_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/proto/crypto.h"
#include "agent/proto/reason.h"
#include "agent/proto/verdict.h"

struct buf;
struct err;
struct json;

#define UUID_LEN 36
#define HEARTBEAT_MAX_CONTROLS 64
#define HEARTBEAT_MAX_EVENTS 1000
#define HEARTBEAT_MAX_EVIDENCE 16384 /* bytes of JSON, one control */
#define HEARTBEAT_MAX_EVENT 4096     /* bytes of JSON, one event's data */
#define HEARTBEAT_MAX_BATCH 64       /* JWS a POST */
#define HEARTBEAT_MAX_BODY (1024 * 1024)
#define HASH_TEXT (CRYPTO_HASH_B64_LEN + 1)

/* A delta leaves out what its base said too; in the structs that is "" for text and -1 for a
 * serial, each marked "delta:" below.  Only the heartbeat that the base is can fill it in: whoever
 * does not have that one knows nothing of it and asks for a full heartbeat.  In a full one all is
 * said. */
#define HEARTBEAT_AS_BASE (-1)

struct heartbeat_control {
	char id[32]; /* as on the wire: may be newer than we are */
	/* delta: mode, verdict, why, since, due_at and until are as its base said, only the
	 * evidence is new; the members hold nothing. */
	bool as_base;
	enum mode mode;
	enum verdict verdict;
	char why[REASON_MAX];
	int64_t since;
	int64_t due_at;       /* 0: none */
	int64_t until;        /* end of the exception; 0: none */
	const char *evidence; /* JSON object text */
	size_t evidence_len;
};

struct heartbeat_event {
	uint64_t id; /* counts up on the device, never reused */
	int64_t at;
	char type[32];    /* "virus-found", "storage-refused", "rewound" ... */
	uint32_t count;   /* coalesced: how many it stands for */
	const char *data; /* JSON object text */
	size_t data_len;
};

struct heartbeat_rejected {
	int64_t serial;
	char what[16]; /* "policy", "exceptions", "keys" */
	char why[200];
};

struct heartbeat {
	char device[UUID_LEN + 1]; /* delta: "", the key that signed it names the device */
	int64_t seq;
	char prev[HASH_TEXT];
	int64_t at;
	char boot[UUID_LEN + 1]; /* delta: "" */
	/* clock */
	int64_t uptime_s;      /* since boot */
	int64_t acked_time;    /* the collector's time last acknowledged; 0: never; delta: 0, it is
				* that of the base's acknowledgement */
	int64_t since_acked_s; /* measured since then, boots apart: -1 when it cannot be told or, in
				* a delta, follows from the base's uptime in the same boot */
	char agent[32];        /* delta: "" */
	/* base: the last acknowledged; 0: none yet.  On the wire a delta leaves it out when it is
	 * the heartbeat just before, as it nearly always is: decoding fills it in. */
	int64_t base_seq;
	char base_hash[HASH_TEXT];
	/* policy in force; the three go together */
	char policy_name[64];
	int64_t policy_serial; /* delta: HEARTBEAT_AS_BASE */
	char policy_sha256[HASH_TEXT];
	int64_t exceptions_serial; /* delta: HEARTBEAT_AS_BASE */
	int64_t keys_serial; /* always told: by it the collector picks the key to answer with */
	struct heartbeat_rejected rejected[8];
	unsigned rejected_count;
	bool full;
	bool volatile_chain; /* a reboot-to-restore machine starts anew */
	struct heartbeat_control *controls;
	unsigned control_count;
	struct heartbeat_event *events;
	unsigned event_count;
	uint64_t events_lost;                /* counted, when the pending file was full */
	char inventory[HASH_TEXT];           /* "": none yet; delta: "" */
	char next_kid[CRYPTO_KID_LEN + 1];   /* key rotation: the successor's thumbprint ... */
	uint8_t next_key[CRYPTO_POINT_SIZE]; /* ... and point; "" when no rotation */
};

/* Appends the JSON.  The caller filled every field; evidence and data must be well formed. */
void heartbeat_encode(const struct heartbeat *heartbeat, struct buf *out);

/* Decodes 'len' bytes.  Pointers in '*out' lie in one block that heartbeat_clear() frees. */
int heartbeat_decode(const char *text, size_t len, struct heartbeat *out, struct err *err);
void heartbeat_clear(struct heartbeat *heartbeat);

#endif
