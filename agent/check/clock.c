/* See clock.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/clock.h"

#include "agent/base/err.h"
#include "platform/os.h"

#include <string.h>

void clock_read(struct clock_reading *out)
{
	struct err err;

	out->wall = plat_now();
	out->uptime_ms = plat_uptime_ms();
	if (plat_boot_id(out->boot, &err) < 0)
		out->boot[0] = '\0'; /* every reading counts as a boot of its own: cautious */
}

static int same_boot(const char *boot, const struct clock_reading *reading)
{
	return boot[0] && strcmp(boot, reading->boot) == 0;
}

int64_t clock_best(struct clock *clock, const struct clock_reading *reading)
{
	int64_t best;

	if (same_boot(clock->best_boot, reading)) {
		/* Whatever was done to the wall clock since: uptime cannot be set. */
		best = clock->best + (reading->uptime_ms - clock->best_uptime_ms) / 1000;
	} else if (!clock->best) {
		best = reading->wall; /* nothing better was ever heard */
	} else {
		best = clock->best + reading->uptime_ms / 1000;
		if (reading->wall > best && reading->wall - best <= CLOCK_CUPBOARD_S)
			best = reading->wall;
	}
	/* Whole seconds are taken from a mark that stays, or each asking would lose a fraction. */
	if (!same_boot(clock->best_boot, reading)) {
		clock->best = best;
		clock->best_uptime_ms = reading->uptime_ms;
		memcpy(clock->best_boot, reading->boot, sizeof(clock->best_boot));
	}
	return best;
}

void clock_acked(struct clock *clock, const struct clock_reading *reading, int64_t time)
{
	clock->acked_time = time;
	clock->acked_uptime_ms = reading->uptime_ms;
	memcpy(clock->acked_boot, reading->boot, sizeof(clock->acked_boot));
	/* The collector's word replaces a guess, also downwards: a machine that believed 2099 comes
	 * back. */
	clock->best = time;
	clock->best_uptime_ms = reading->uptime_ms;
	memcpy(clock->best_boot, reading->boot, sizeof(clock->best_boot));
}

int64_t clock_since_acked(const struct clock *clock, const struct clock_reading *reading)
{
	if (!clock->acked_time || !same_boot(clock->acked_boot, reading))
		return -1;
	return (reading->uptime_ms - clock->acked_uptime_ms) / 1000;
}

bool clock_known(const struct clock *clock, const struct clock_reading *reading)
{
	return !clock->acked_time || same_boot(clock->acked_boot, reading) ||
	       reading->wall >= clock->acked_time + reading->uptime_ms / 1000;
}
