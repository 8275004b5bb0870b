/* The policy that a device is given: out of the store, once its signature was checked.
 *
 * Whoever can write to the store cannot sign, but a device that was sent a forgery reports its
 * serial as refused, and the real policy with that serial would not be sent to it again.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_POLICY_SERVED_H
#define CARETAKER_COLLECTOR_POLICY_SERVED_H

#include <stdint.h>

struct buf;
struct err;
struct identity;
struct store;

/* Appends the JWS with that serial.  'chain' names the key sets one of whose policy keys must have
 * signed it (identity.h).  ERR_AUTH: none did, or it is another serial's. */
int policy_served(struct store *store, const struct identity *identity, const char *chain,
		  int64_t serial, struct buf *out, struct err *err);

#endif
