/* Many computers reporting at once: threads, a pace, and what came of it.
 *
 * Each thread has one connection and its own computers, so a computer is never in two places.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_FLEET_LOAD_H
#define CARETAKER_FLEET_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/fleet/fleet.h"
#include "tools/fleet/latency.h"

struct load_options {
	unsigned threads;
	bool reconnect;
	unsigned full_percent; /* of heartbeats that are full without need */
	int64_t beats;         /* of each computer; 0: until stopped */
	int64_t seconds;       /* 0: no limit */
	double rate; /* heartbeats a second over the whole fleet; 0: as fast as answers come */
	void (*progress)(uint64_t done, uint64_t failed,
			 double seconds); /* each second; may be NULL */
};

struct load_result {
	uint64_t sent, acknowledged, refused, failed, bytes;
	uint64_t enrolled, waiting;
	double seconds;
	struct latency latency;
	char first_error[256];
};

/* Ask a running load to end soon; safe from a signal handler. */
void load_stop(void);

int load_enrol(struct fleet *fleet, const struct load_options *options, struct load_result *out,
	       struct err *err);
int load_run(struct fleet *fleet, const struct scenario *scenario,
	     const struct load_options *options, struct load_result *out, struct err *err);

#endif
