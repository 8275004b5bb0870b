/* The inventory: every package and program, and what the machine is, as one JSON body.
 *
 * Not part of a heartbeat: its hash is, and the body follows when the collector asks.  The same
 * machine gives the same bytes, so that an unchanged inventory has an unchanged hash: no times.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CONTROLS_INVENTORY_H
#define CARETAKER_CONTROLS_INVENTORY_H

struct buf;
struct err;
struct policy;

/* {"v":1,"software":{"dpkg":[[name,version,licence,origin],...],...},"hardware":{...}}.  What
 * cannot be read is null; 'hardware' is left out when the policy wants none of it in a register.
 * A list too long to be sent (inventory_fits()) is cut, the longest kind first, and how many of
 * each kind are not in it is told: "more":{"dpkg":1200}.  '*out' is empty. */
int inventory_write(const struct policy *policy, const char *cache_dir, struct buf *out,
		    struct err *err);

#endif
