/* Getting heartbeats to the collector and acting on its signed acknowledgements.
 *
 * Nothing is forgotten before an acknowledgement whose signature holds names our own hash. Whatever
 * is not signed (a proxy's page, a 503, a portal) only changes when to try again, within the hour.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_SHIP_H
#define CARETAKER_CHECK_SHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ack;
struct agent;
struct err;

#define SHIP_RETRY_FIRST_S 60
#define SHIP_RETRY_MAX_S 3600

struct ship_request {
	bool full; /* somebody asked for a full heartbeat */
	bool now;  /* somebody is waiting: also before the time to try again */
};

struct ship_outcome {
	bool delivered;      /* an acknowledgement came, and nothing is in flight */
	bool skipped;        /* it is not yet time to try again */
	bool policy_changed; /* policy or exceptions: check again and ship that */
	bool need_inventory; /* the collector asks for the body that a heartbeat named */
	int64_t poll_s;      /* the collector wants to hear soon; 0: no */
	bool somebody_waits; /* the caller's: a person asked for an approval */
};

/* Sends what is in flight, then one new heartbeat, then what the acknowledgement asked for.  -1:
 * this machine could not do its part (the disk); a collector that is away is no error. */
int ship(struct agent *agent, const struct ship_request *request, struct ship_outcome *out,
	 struct err *err);

/* When to try again after 'failures' in a row: doubles up to an hour, and 'spread' (0 to 255) keeps
 * a school's machines apart.  'retry_after_s' 0: the server did not say. */
int64_t ship_retry_s(unsigned failures, uint32_t retry_after_s, uint8_t spread);
/* Notes a failed try in the state; 'why' is for people. */
void ship_failed(struct agent *agent, const char *why, uint32_t retry_after_s);
bool ship_must_wait(const struct agent *agent);

#endif
