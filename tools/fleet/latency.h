/* How long requests took: percentiles from logarithmic buckets, about 3 % wide.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_FLEET_LATENCY_H
#define CARETAKER_FLEET_LATENCY_H

#include <stdint.h>

#define LATENCY_BUCKETS 1024

struct latency {
	uint64_t count;
	uint64_t max_us;
	uint64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t us);
void latency_merge(struct latency *into, const struct latency *from);
/* 'per_mille' of 500 is the median; 0 when nothing was counted. */
uint64_t latency_percentile(const struct latency *latency, unsigned per_mille);

#endif
