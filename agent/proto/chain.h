/* Checking a chain of heartbeats offline: caretaker verify, export, tests.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_CHAIN_H
#define CARETAKER_PROTO_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/heartbeat.h"

struct err;

enum chain_finding_kind {
	CHAIN_BAD_SIGNATURE,
	CHAIN_BAD_FORM,
	CHAIN_OTHER_DEVICE,
	CHAIN_GAP,         /* a seq is missing */
	CHAIN_FORK,        /* two heartbeats name the same one before */
	CHAIN_REPEAT,      /* the same one twice: harmless, said */
	CHAIN_BODY_ERASED, /* an exported row keeps seq, hash and prev only */
};
struct chain_finding {
	enum chain_finding_kind kind;
	size_t line;
	int64_t seq;
	char text[200];
};
struct chain_report {
	char device[UUID_LEN + 1];
	char kid[CRYPTO_KID_LEN + 1]; /* that signed the first heartbeat of those that are good */
	bool signatures_checked;      /* false: no key was given */
	size_t checked, good;
	int64_t first_seq, last_seq, first_at, last_at;
	char head[HASH_TEXT];
	size_t finding_count; /* all; the first 100 are kept */
	struct chain_finding findings[100];
};

#define CHAIN_KEYS_MAX 16

struct chain {
	const char
		*text; /* one JWS (or one erased row {"seq","hash","prev"}) a line, in any order */
	size_t len;
	size_t line; /* the number that findings give the first line: 1, or what stands above it */
	/* The device's keys; none: they are not known, signatures are not checked and the report
	 * says so.  A key that a good heartbeat names as its successor is taken with them. */
	const struct crypto_key *const *keys;
	size_t key_count;
};
/* -1 only for what is no file of heartbeats at all. */
int chain_check(const struct chain *chain, struct chain_report *out, struct err *err);

#endif
