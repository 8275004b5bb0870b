/* The inventory beside the heartbeat: cache/inventory.json, and its hash for the heartbeat.
 *
 * The body is not part of a heartbeat; it follows when a collector asks for it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_INVENTORY_FILE_H
#define CARETAKER_CHECK_INVENTORY_FILE_H

#include <stdbool.h>

struct agent;
struct err;

/* Sends it where the collector asked for it, in this run ('asked') or in one whose sending came to
 * nothing.  A collector that does not take it is no error: it asks again with the next full
 * heartbeat at the latest. */
void inventory_file_follow(struct agent *agent, bool asked);

/* Takes stock again: state.inventory is the hash of what is in the file. */
int inventory_file_refresh(struct agent *agent, struct err *err);

#endif
