/* The inventory beside the heartbeat: cache/inventory.json, and its hash for the heartbeat.
 *
 * The body is not part of a heartbeat; it follows when a collector asks for it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_INVENTORY_FILE_H
#define CARETAKER_CHECK_INVENTORY_FILE_H

struct agent;
struct err;

/* Takes stock again: state.inventory is the hash of what is in the file. */
int inventory_file_refresh(struct agent *agent, struct err *err);

#endif
