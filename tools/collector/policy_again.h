/* Signs what groups run once more with another key or for another org: after a rotation of the
 * policy key, and when a school moved here. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_POLICY_AGAIN_H
#define CARETAKER_COLLECTOR_POLICY_AGAIN_H

#include <stdint.h>

struct crypto_signer;
struct err;
struct identity;
struct store;

/* 'school' 0: all.  Groups without a policy are left without. */
int policy_again(struct store *store, const struct identity *identity, int64_t school,
		 const struct crypto_signer *signer, const char *who, int64_t now,
		 unsigned *out_count, struct err *err);

#endif
