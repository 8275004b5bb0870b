/* Successor key sets: what changes in every chain, signed at once or carried to the policy key.
 *
 * A set is accepted because a policy key of the set before signed it (TUF's root rule), so a new
 * policy key comes in by a set that the old one signs and holds, and the old one goes out by a set
 * that the new one signs.  Where the policy key is offline, the unsigned sets travel to it as a
 * draft: one JSON object a line, {"chain":NAME,"payload":base64url}, and come back with "jws".
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_SUCCESSION_H
#define CARETAKER_COLLECTOR_SUCCESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/collector/identity.h"

struct buf;
struct err;

/* A copy of the newest set with the next serial, above 'floor' too: it borrows the keys, so free
 * nothing of it. */
void succession_next(const struct keys *before, int64_t floor, int64_t now, struct keys *out);
int succession_add_online(struct keys *keys, const struct crypto_key *key, struct err *err);
int succession_add_policy(struct keys *keys, const struct crypto_key *key, struct err *err);
int succession_add_ca(struct keys *keys, const uint8_t ca[CRYPTO_HASH_SIZE], struct err *err);
void succession_only_online(struct keys *keys, const char *kid); /* drops all others */
void succession_only_policy(struct keys *keys, const char *kid);

/* Appends one line of a draft. */
int succession_draft(const char *chain, const struct keys *keys, struct buf *out, struct err *err);
/* Signs every line of a draft into 'out'; each payload must be a key set. */
int succession_sign(const char *draft, const struct crypto_signer *policy, struct buf *out,
		    struct err *err);
/* Appends every signed set to its chain; '*out_count' says how many. */
int succession_take(const char *dir, const char *text, unsigned *out_count, struct err *err);

#endif
