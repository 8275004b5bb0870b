/* The inventory's hash: what software and hardware there is goes by its own way, when asked for.
 *
 * Controls leave their part as cache/inventory-NAME.json; the hash is over all of them, by name.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_INVENTORY_H
#define CARETAKER_CHECK_INVENTORY_H

#include "agent/proto/heartbeat.h"

struct places;

/* "" when no control has left one. */
void inventory_hash(const struct places *places, char out[HASH_TEXT]);

#endif
