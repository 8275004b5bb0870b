/* What the collector counts of itself, for /metrics and /healthz; every thread adds, anyone reads.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_STATS_H
#define CARETAKER_COLLECTOR_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/* name, help: a Prometheus counter "caretaker_NAME_total" each. */
#define STATS_COUNTERS(X) \
	X(connections, "connections accepted") \
	X(connections_evicted, "idle connections closed to make room") \
	X(connections_late, "connections closed at a request's deadline") \
	X(requests, "requests answered") \
	X(requests_refused, "requests answered with a problem") \
	X(requests_busy, "requests sent away for now: queue or disk full") \
	X(heartbeats_stored, "heartbeats stored") \
	X(heartbeats_repeated, "heartbeats that were here already") \
	X(heartbeats_refused, "heartbeats refused") \
	X(enrolments, "devices enrolled") \
	X(enrolments_refused, "enrolments refused") \
	X(commits, "transactions committed") \
	X(store_errors, "transactions that failed")

struct stats {
#define STATS_FIELD(name, help) atomic_uint_fast64_t name;
	STATS_COUNTERS(STATS_FIELD)
#undef STATS_FIELD
	/* gauges */
	atomic_uint_fast64_t open_connections, queued, free_bytes, last_commit_at, started_at;
	atomic_bool store_full, store_failing;
};

#define stats_add(stats, name) atomic_fetch_add_explicit(&(stats)->name, 1, memory_order_relaxed)

#endif
