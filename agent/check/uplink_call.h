/* Handing bytes to caretaker-uplink and taking what comes back.  Nothing that comes back is
 * believed for having come: callers verify signatures. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_UPLINK_CALL_H
#define CARETAKER_CHECK_UPLINK_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/proto/uplink.h"

struct config;
struct err;
struct places;

struct uplink_call {
	const char *host; /* "collector.school.example:8443" */
	const char *path; /* "/v1/heartbeats" */
	bool trust_system;
	const uint8_t (*pins)[32];
	unsigned pin_count;
	const char *body;
	size_t body_len;
};

/* -1 only when the uplink itself could not be asked; what the network did is in '*out', whose body
 * lies in 'frame' (initialised by the caller, who clears it). */
int uplink_call(const struct places *places, const struct config *config,
		const struct uplink_call *call, struct buf *frame, struct uplink_answer *out,
		struct err *err);

/* Does the answer say that it is the problem of that name ("unknown-device")?  Whoever carries it
 * may say so: no more than a hint. */
bool uplink_problem(const struct uplink_answer *answer, const char *name);

/* For people, why no signed answer came: "the collector answered 503", or the uplink's words. */
void uplink_explain(const struct uplink_answer *answer, char *out, size_t out_size);

#endif
