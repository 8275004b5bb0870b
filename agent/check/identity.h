/* Who this device is to its collector: device.json, written once an enrolment was answered.
 *
 * An enrolment under way is enrol.json: the code and the very request that was signed, so that a
 * repeated try is the same enrolment.  device.json is written last of an enrolment and removed
 * first when a machine is made ready for cloning. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_IDENTITY_H
#define CARETAKER_CHECK_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/proto/enrol.h"

struct err;
struct places;

#define IDENTITY_FILE "device.json"

struct identity {
	char device[UUID_LEN + 1]; /* "": not enrolled */
	bool waiting;              /* registered, waiting for a technician's yes */
	char org[UUID_LEN + 1];
	char host[ENROL_HOST_MAX];
	bool trust_system;
	char school[64], group[64];
	int64_t enrolled_at, audit_until;
	char root[HASH_TEXT]; /* hash of the enrolment's request: the chain begins there */
	struct enrol_hardware hardware; /* as it was then */
};

/* None: '*out' is empty.  A damaged one is an error: a person must enrol again. */
int identity_load(const struct places *places, struct identity *out, struct err *err);
int identity_save(const struct identity *identity, struct places *places, struct err *err);

/* What the firmware says now; placeholders and what cannot be told are "". */
void identity_hardware(struct enrol_hardware *out);
/* The key is on another machine than it was made for: serial and UUID are both known, then and
 * now, and both differ. */
bool identity_moved(const struct identity *identity, const struct enrol_hardware *now);

#endif
