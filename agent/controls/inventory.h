/* The inventory: every package and program, and what the machine is, as one JSON body.
 *
 * Not part of a heartbeat: its hash is, and the body follows when the collector asks.  The same
 * machine gives the same bytes, so that an unchanged inventory has an unchanged hash: no times.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CONTROLS_INVENTORY_H
#define CARETAKER_CONTROLS_INVENTORY_H

struct buf;
struct err;

/* {"v":1,"software":{"dpkg":[[name,version,licence,origin],...],...},"hardware":{...}}.  What
 * cannot be read is null. */
int inventory_write(const char *cache_dir, struct buf *out, struct err *err);

#endif
