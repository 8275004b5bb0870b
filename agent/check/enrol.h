/* Enrolling this machine, once and for all, with a code from the technician.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_ENROL_H
#define CARETAKER_CHECK_ENROL_H

#include <stdbool.h>

struct agent;
struct err;

#define ENROL_FILE "enrol.json"

enum enrol_result {
	ENROL_DONE,
	ENROL_WAITING, /* registered; a technician has to say yes */
	ENROL_LATER, /* the collector was not reached: state.trouble says why; tried again by run */
};

/* The request is written before it is sent (enrol.json), so a try that is repeated, or killed at
 * any moment, is the same enrolment.  device.json is written last. */
int enrol(struct agent *agent, const char *code, enum enrol_result *out, struct err *err);
/* An enrolment is under way: goes on with it. */
bool enrol_pending(const struct agent *agent);
int enrol_again(struct agent *agent, enum enrol_result *out, struct err *err);

#endif
