/* What the collector said and this device believes: key set, policy, exceptions.
 *
 * keys.jws is one JWS.  policy.jws and exceptions.jws hold two lines: the JWS, and the key set it
 * was believed by, because a signer may leave the key set while what it signed stays in force.
 * Each is replaced atomically, and only after everything about the new one was checked: the last
 * good one stays in force.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_TRUST_H
#define CARETAKER_CHECK_TRUST_H

#include <stdbool.h>

#include "agent/proto/documents.h"

struct err;
struct places;
struct policy;
struct state;

#define TRUST_KEYS "keys.jws"
#define TRUST_POLICY "policy.jws"
#define TRUST_EXCEPTIONS "exceptions.jws"

struct trust {
	struct keys *keys;                /* NULL: not enrolled */
	struct policy *policy;            /* in force; the built-in default where none came */
	struct policy_document *document; /* NULL: the default is in force */
	char policy_sha256[HASH_TEXT];    /* of its INI text; "" for the default */
	struct exceptions *exceptions;    /* NULL: none */
};

/* Reads what is in force.  What is damaged is set aside and rejected in 'state'. */
int trust_load(struct places *places, const char *device, struct state *state, struct trust *out,
	       struct err *err);
void trust_clear(struct trust *trust);

/* What came from the collector: JWS texts, NULL: did not come.  The serials are those that its
 * signed answer gave as current, for what is refused before its own can be read; 0: not said. */
struct trust_news {
	const char *keys, *policy, *exceptions;
	int64_t keys_serial, policy_serial, exceptions_serial;
	/* Has the last word on a policy that is otherwise good: -1 refuses it.  NULL: none. */
	int (*judge)(void *ctx, const struct policy *policy, struct err *err);
	void *judge_ctx;
};

/* Takes it in the order keys, policy, exceptions.
 * What is refused is noted in 'state' and stays out.  '*out_changed': policy or exceptions are
 * others now.  -1: could not be kept (the disk). */
int trust_apply(struct trust *trust, struct places *places, struct state *state, const char *device,
		const struct trust_news *news, bool *out_changed, struct err *err);

/* The key set of an enrolment, already checked against the code. */
int trust_begin(struct trust *trust, struct places *places, const char *keys_jws, struct keys *keys,
		struct err *err);

#endif
