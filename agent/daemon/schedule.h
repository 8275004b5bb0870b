/* When the next check is due: arithmetic alone, no clock and no loop, so that tests need neither.
 * Times are milliseconds of a clock that never goes back.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_DAEMON_SCHEDULE_H
#define CARETAKER_DAEMON_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/daemon/settings.h"

#define SCHEDULE_FAST_S 5        /* between polls while somebody waits for an approval */
#define SCHEDULE_FAST_SPAN_S 600 /* how long that goes on */

struct schedule {
	struct settings settings;
	int64_t due_ms;        /* the regular check */
	int64_t event_ms;      /* the check that something asked for; 0: nothing did */
	int64_t started_ms;    /* when the last one began; 0: none yet */
	int64_t fast_until_ms; /* polls until then; 0: no */
	bool running;
};

enum schedule_task {
	SCHEDULE_CHECK, /* run all controls */
	SCHEDULE_POLL,  /* only ask the collector */
};

/* The first check comes after a short 'spread' (0 to 65535), not all machines at once. */
void schedule_init(struct schedule *s, const struct settings *settings, int64_t now_ms,
		   uint16_t spread);
/* Something happened that may change a verdict.  What follows soon is one check. */
void schedule_event(struct schedule *s, int64_t now_ms);
/* Somebody waits: polls for ten minutes from now. */
void schedule_fast(struct schedule *s, int64_t now_ms);
void schedule_started(struct schedule *s, int64_t now_ms);
/* 'wanted_s': when the check itself wants the next one (a retry); 0: at the usual pace. */
void schedule_ended(struct schedule *s, int64_t now_ms, int64_t wanted_s, uint16_t spread);

/* Milliseconds until something is to be started, and what; -1 while a check runs. */
int64_t schedule_next(const struct schedule *s, int64_t now_ms, enum schedule_task *out);

#endif
