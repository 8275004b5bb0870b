/* Making one heartbeat: what changed since the last acknowledged one, and the events that wait.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_BEAT_H
#define CARETAKER_CHECK_BEAT_H

#include <stdbool.h>

struct agent;
struct err;

/* Signs the next heartbeat into the spool.  Only called with nothing in flight: one batch at a
 * time.
 *
 * Order of writes: state.json (what the heartbeat will tell, as 'flying'), spool/SEQ.jws (now it
 * exists), pending.json (without its events).  Killed after the first: nothing was said, the next
 * run says it.  Killed after the second: agent_open() takes the events out. */
int beat_sign(struct agent *agent, bool full, struct err *err);

#endif
