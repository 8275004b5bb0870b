/* What the gate put on record (agent/daemon/gate_record.h), taken into the events that wait for the
 * next heartbeat.
 *
 * Each line is taken once.  pending.json tells, in the same write as the events, how far the file
 * was read; only then its lines go.  Killed before that write, nothing was taken; killed after it,
 * the next run finds the lines there and passes over them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_HARDWARE_EVENTS_H
#define CARETAKER_CHECK_HARDWARE_EVENTS_H

#include <stddef.h>

struct agent;
struct err;

/* What came of storage since the run before, for the control that judges it. */
struct hardware_seen {
	unsigned would_refuse; /* connections that audit let by */
	unsigned refused;
};

/* Takes what is there and saves pending.json.  No daemon, no file: nothing to take.  'out' is added
 * to. */
int hardware_events_take(struct agent *agent, struct hardware_seen *out, struct err *err);

/* One line for tests and fuzzing: 0 when it was taken, -1 when it is none and counts as lost. */
int hardware_events_line(struct agent *agent, const char *line, size_t len,
			 struct hardware_seen *out);

#endif
