/* Everything one run of caretaker-check has in hand: loaded at the start, after a crash put in
 * order. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_AGENT_H
#define CARETAKER_CHECK_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/check/clock.h"
#include "agent/check/config.h"
#include "agent/check/hardware_events.h"
#include "agent/check/identity.h"
#include "agent/check/pending.h"
#include "agent/check/phone_codes.h"
#include "agent/check/places.h"
#include "agent/check/spool.h"
#include "agent/check/state.h"
#include "agent/check/trust.h"

struct err;
struct keystore;
struct plat_lock;

struct agent {
	struct places places;
	struct config config;
	struct plat_lock *lock;
	struct keystore *keys;
	struct identity identity;
	struct enrol_hardware hardware; /* of the machine we are on */
	struct state state;
	struct pending pending;
	struct spool spool;
	struct trust trust;
	struct hardware_seen hardware_seen; /* in this run */
	struct phone_codes codes;
	struct clock_reading clock;
	int64_t now; /* the best-known time */
};

/* Takes the lock (one run at a time), loads, and finishes what a killed run began.  'agent->places'
 * was set by the caller. */
int agent_open(struct agent *agent, struct err *err);
void agent_close(struct agent *agent);

bool agent_enrolled(const struct agent *agent); /* and past waiting */
/* Reads the clocks again. */
void agent_tick(struct agent *agent);
/* An event of our own: "data" as {"name":"value"}; both NULL: {}. */
void agent_event(struct agent *agent, const char *type, const char *name, const char *value);

/* An event id that was never used, however many were: by the best-known time. */
uint64_t agent_unused_id(const struct agent *agent);

/* In the order that loses nothing: pending, then state. */
int agent_save(struct agent *agent, struct err *err);

/* Forgets the enrolment, its key and its chain; what is said of it is the next pending events.
 * 'moved': the key came from another machine. */
int agent_forget(struct agent *agent, struct err *err);

#endif
