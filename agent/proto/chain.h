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
	char kid[CRYPTO_KID_LEN + 1];
	bool signatures_checked; /* false: no key was given */
	size_t checked, good;
	int64_t first_seq, last_seq, first_at, last_at;
	char head[HASH_TEXT];
	size_t finding_count; /* all; the first 100 are kept */
	struct chain_finding findings[100];
};
/* 'text' holds one JWS (or one erased row {"seq","hash","prev"}) a line.  'key' NULL: the key is
 * not known, signatures are not checked and the report says so.  A key that a good heartbeat names
 * as its successor is taken for those after it.  -1 only for what is no file of heartbeats at all.
 */
int chain_check(const char *text, size_t len, const struct crypto_key *key,
		struct chain_report *out, struct err *err);

#endif
