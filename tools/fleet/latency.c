/* See latency.h: below 32 us a bucket a microsecond, above 32 buckets a power of two.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/fleet/latency.h"

static unsigned bucket_of(uint64_t us)
{
	unsigned power = 0;

	while (us >> (power + 1) >= 32)
		power++;
	if (us < 32)
		return (unsigned)us;
	return 32 * (power + 1) + (unsigned)((us >> power) - 32);
}

static uint64_t bucket_top(unsigned bucket)
{
	unsigned power;

	if (bucket < 64)
		return bucket;
	power = bucket / 32 - 1;
	return ((uint64_t)(bucket % 32 + 33) << power) - 1;
}

void latency_add(struct latency *latency, uint64_t us)
{
	unsigned bucket = bucket_of(us);

	latency->buckets[bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1]++;
	latency->count++;
	if (us > latency->max_us)
		latency->max_us = us;
}

void latency_merge(struct latency *into, const struct latency *from)
{
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->count += from->count;
	if (from->max_us > into->max_us)
		into->max_us = from->max_us;
}

uint64_t latency_percentile(const struct latency *latency, unsigned per_mille)
{
	uint64_t below = 0, wanted = (latency->count * per_mille + 999) / 1000;

	if (latency->count == 0)
		return 0;
	/* The last bucket holds all that is longer: it has no top. */
	for (unsigned i = 0; i < LATENCY_BUCKETS - 1; i++) {
		below += latency->buckets[i];
		if (below >= wanted)
			return bucket_top(i) < latency->max_us ? bucket_top(i) : latency->max_us;
	}
	return latency->max_us;
}
