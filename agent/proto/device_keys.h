/* Which keys belong to which device: the collector's word, signed by its online key.
 *
 * Goes with an exported chain ('caretaker-collector export --evidence'), so that whoever verifies
 * it offline knows whom to hold to it.  Payload: {"v":1,"org":UUID,"device":UUID,"at":TIME,
 * "keys":[JWK,…]}, the oldest key first.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_DEVICE_KEYS_H
#define CARETAKER_PROTO_DEVICE_KEYS_H

#include "agent/proto/documents.h"

#define DEVICE_KEYS_MAX 16

struct device_keys {
	char org[UUID_LEN + 1];
	char device[UUID_LEN + 1];
	int64_t at;
	unsigned count;
	uint8_t points[DEVICE_KEYS_MAX][CRYPTO_POINT_SIZE]; /* to be written */
	struct crypto_key *keys[DEVICE_KEYS_MAX];           /* as read */
};

void device_keys_encode(const struct device_keys *keys, struct buf *out);
/* Signed by an online key of 'set', for its organisation.  device_keys_clear() frees the keys. */
int device_keys_open(const char *jws, size_t len, const struct keys *set, struct device_keys *out,
		     struct err *err);
void device_keys_clear(struct device_keys *keys);
/* NULL: it is none of them. */
const struct crypto_key *device_keys_find(const struct device_keys *keys, const char *kid);

#endif
