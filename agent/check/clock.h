/* What time is it, when the clock on the wall may say 1970 or 2099?
 *
 * The collector's time, last acknowledged, plus the time since boot measured since then.  Across a
 * reboot that sum is only a lower bound; the wall clock is taken when it lies above the bound by a
 * span a laptop may spend in a cupboard.  Within a boot it goes back only when the collector says
 * so. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_CLOCK_H
#define CARETAKER_CHECK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* What the machine says now. */
struct clock_reading {
	int64_t wall; /* unix seconds */
	int64_t uptime_ms;
	char boot[37]; /* "": cannot be told, and no two readings are of one boot */
};

/* What is remembered, in state.json. */
struct clock {
	int64_t acked_time; /* 0: the collector was never heard */
	int64_t acked_uptime_ms;
	char acked_boot[37];
	int64_t best; /* the best-known time when it was last asked for, and when that was */
	int64_t best_uptime_ms;
	char best_boot[37];
};

#define CLOCK_CUPBOARD_S (3LL * 366 * 86400)

void clock_read(struct clock_reading *out);
/* The best-known time; remembered in 'clock'. */
int64_t clock_best(struct clock *clock, const struct clock_reading *reading);
/* A signed acknowledgement said 'time' just now. */
void clock_acked(struct clock *clock, const struct clock_reading *reading, int64_t time);
/* Seconds measured since that; -1 when the machine was started again since. */
int64_t clock_since_acked(const struct clock *clock, const struct clock_reading *reading);

/* Whether the best-known time is one, for what has an end: not when the machine was started again
 * since it was told the time and its own clock says less than that (the gate asks alike). */
bool clock_known(const struct clock *clock, const struct clock_reading *reading);

#endif
