/* See schedule.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/schedule.h"

#include <string.h>

#define FIRST_SPREAD_S 30

static int64_t part(uint32_t seconds, uint16_t spread)
{
	return (int64_t)seconds * 1000 * spread / 65536;
}

void schedule_init(struct schedule *s, const struct settings *settings, int64_t now_ms,
		   uint16_t spread)
{
	memset(s, 0, sizeof(*s));
	s->settings = *settings;
	s->due_ms = now_ms + 1000 + part(FIRST_SPREAD_S, spread);
}

void schedule_event(struct schedule *s, int64_t now_ms)
{
	int64_t at = now_ms + (int64_t)s->settings.settle_s * 1000;
	int64_t earliest = s->started_ms + (int64_t)s->settings.gap_s * 1000;

	if (s->event_ms)
		return; /* it is coming; a stream of events does not put it off */
	if (s->started_ms && at < earliest)
		at = earliest;
	s->event_ms = at;
}

void schedule_fast(struct schedule *s, int64_t now_ms)
{
	s->fast_until_ms = now_ms + SCHEDULE_FAST_SPAN_S * 1000;
}

void schedule_started(struct schedule *s, int64_t now_ms)
{
	s->running = true;
	s->started_ms = now_ms;
	s->event_ms = 0; /* what happens from now on asks for another */
}

void schedule_ended(struct schedule *s, int64_t now_ms, int64_t wanted_s, uint16_t spread)
{
	int64_t usual = now_ms + (int64_t)s->settings.interval_s * 1000 +
			part(s->settings.jitter_s, spread);
	int64_t wanted = now_ms + wanted_s * 1000;

	s->running = false;
	/* A retry may come sooner than the next check; later, the check still runs and only does
	 * not send. */
	s->due_ms = wanted_s > 0 && wanted < usual ? wanted : usual;
}

int64_t schedule_next(const struct schedule *s, int64_t now_ms, enum schedule_task *out)
{
	int64_t at = s->due_ms, poll;

	if (s->running)
		return -1;
	*out = SCHEDULE_CHECK;
	if (s->event_ms && s->event_ms < at)
		at = s->event_ms;
	poll = s->started_ms + SCHEDULE_FAST_S * 1000;
	if (now_ms < s->fast_until_ms && poll < at) {
		*out = SCHEDULE_POLL;
		at = poll;
	}
	return at > now_ms ? at - now_ms : 0;
}
