/* A written scenario: what the simulated computers report, reproducibly from a seed.
 *
 * conf/fleet.ini is the built-in one and explains the form.  A scenario says what a healthy
 * computer reports for each control, and faults: which share of the computers has one, from which
 * heartbeat to which.  The same seed gives the same computers the same faults.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_FLEET_SCENARIO_H
#define CARETAKER_FLEET_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

#include "agent/proto/reason.h"
#include "agent/proto/verdict.h"

struct err;

#define SCENARIO_MAX_FAULTS 64
#define SCENARIO_MAX_EVIDENCE 192

struct scenario_state {
	enum control_id control;
	enum verdict verdict;
	char why[REASON_MAX];
	char evidence[SCENARIO_MAX_EVIDENCE]; /* one JSON object */
	int64_t due_days;                     /* from now; 0: none; may be past */
};

struct scenario_fault {
	char name[48];
	struct scenario_state state;
	unsigned share_percent;
	int64_t from_beat, until_beat; /* first and last heartbeat that has it; until 0: for ever */
	char event[32];                /* sent once when the fault begins; "": none */
};

struct scenario {
	char name[48];
	uint64_t seed;
	unsigned healthy_count, fault_count;
	struct scenario_state healthy[CONTROL_COUNT];
	struct scenario_fault faults[SCENARIO_MAX_FAULTS];
};

/* 'name' appears in messages.  On success the caller frees '*out' with free(). */
int scenario_parse(const char *name, const char *text, size_t len, struct scenario **out,
		   struct err *err);
int scenario_default(struct scenario **out, struct err *err);

/* What computer 'device' reports for the n-th healthy control in its heartbeat 'beat' (from 1).
 * '*out_event' is the event that begins with it, or NULL. */
const struct scenario_state *scenario_state(const struct scenario *scenario, uint32_t device,
					    int64_t beat, unsigned n, const char **out_event);

/* A number that depends on nothing but its arguments (splitmix64). */
uint64_t scenario_random(uint64_t seed, uint64_t a, uint64_t b);

#endif
