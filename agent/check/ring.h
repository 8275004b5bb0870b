/* The ring of acknowledged heartbeats: how long they are kept, and sending them again.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_RING_H
#define CARETAKER_CHECK_RING_H

#include <stdbool.h>
#include <stdint.h>

struct ack;
struct agent;
struct err;

#define RING_KEEP_S (7 * 86400)

/* Dates what was acknowledged just now.  Ages go by the collector's time, never by a file's. */
void ring_mark(struct agent *agent);
/* Removes what is older than RING_KEEP_S, and the oldest over SPOOL_RING_MAX; never the heartbeat
 * in which the key before named ours. */
int ring_prune(struct agent *agent, struct err *err);
/* The disk is full: the ring is a courtesy and goes, what is in flight stays. */
int ring_make_room(struct agent *agent, struct err *err);
/* Is heartbeat 'seq' in the spool, with that hash? */
bool ring_holds(const struct agent *agent, int64_t seq, const char *hash);
/* The collector does not know our key.  Where the ring holds the heartbeat in which the key before
 * named ours, that collector may have been restored from a backup made before: all of the ring is
 * to be sent again, in its order, which brings each key in as it came in then.  False: it is not
 * so. */
bool ring_introduce(struct agent *agent);
/* 'ack' is of another epoch: the collector was restored.  What is newer than the heartbeat it names
 * is to be sent again. */
void ring_resend(struct agent *agent, const struct ack *ack);

#endif
