/* The inventory's body on the wire: POST /v1/inventory, a JWS of typ "inventory" by the device key.
 *
 * A heartbeat names its hash; the body follows when an acknowledgement asks (need_inventory).
 * Payload: {"v":1,"device":UUID,"at":TIME,"sha256":HASH,"inventory":{…}}, the inventory last, whose
 * bytes have that hash.  Sending it twice is sending it once.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_INVENTORY_H
#define CARETAKER_PROTO_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/heartbeat.h"

struct buf;
struct err;

#define INVENTORY_MAX_TEXT 255 /* bytes of a name, a version, a licence, an origin */

struct inventory {
	char device[UUID_LEN + 1];
	int64_t at;
	char sha256[HASH_TEXT];
	/* {"v":1,"software":{KIND:[[name,version,licence,origin],…],…}|null,"more"?:{KIND:count},
	 * "hardware"?:{…}|null}; 'more' were cut to fit, without 'hardware' the policy wants none.
	 * Decoded, it points into the text that was read. */
	const char *body;
	size_t body_len;
};

/* Whether such a body, encoded and packed, is within what a JWS of its typ may hold. */
bool inventory_fits(const char *body, size_t len);

/* 'inventory->body' must be JSON; its hash is taken here. */
void inventory_encode(const struct inventory *inventory, struct buf *out);
/* The payload of a JWS whose signature holds.  Refuses a body of another hash or shape. */
int inventory_decode(const char *text, size_t len, struct inventory *out, struct err *err);

#endif
