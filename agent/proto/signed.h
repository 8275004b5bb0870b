/* What all signed documents have in common: split, find the signer among the keys that may sign
 * this typ, verify, and only then parse.  Shared by documents_*.c. SPDX-License-Identifier:
 * Apache-2.0 */
#ifndef CARETAKER_PROTO_SIGNED_H
#define CARETAKER_PROTO_SIGNED_H

#include <stddef.h>

#include "agent/proto/documents.h"
#include "agent/proto/jws.h"

struct err;
struct json;

typedef const struct crypto_key *signed_finder(const struct keys *keys, const char *kid);

/* The payload as JSON, of version 1; 'role' is "policy" or "online", for messages. */
int signed_open(enum jws_typ typ, const char *jws, size_t len, const struct keys *keys,
		signed_finder *find, const char *role, struct json **out, struct err *err);
/* The same of a JWS whose signature the caller has verified, or will. */
int signed_payload(const struct jws *jws, struct json **out, struct err *err);

#endif
