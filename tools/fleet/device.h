/* One simulated computer: a real key, a real chain, heartbeats as a scenario says.
 *
 * It keeps what a real agent keeps (chain head, last acknowledged, serials) and believes
 * acknowledgements only as a real agent does; it has no spool: one heartbeat is in flight at a time
 * and sent again, the same bytes, until it is acknowledged.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_FLEET_DEVICE_H
#define CARETAKER_FLEET_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/proto/documents.h"
#include "agent/proto/enrol.h"
#include "tools/fleet/scenario.h"

struct buf;
struct err;
struct json;
struct school;

struct device {
	uint32_t number; /* over the whole fleet, from 0: what the scenario's faults go by */
	uint32_t in_school;
	struct school *school;
	struct crypto_signer *signer;
	char uuid[UUID_LEN + 1]; /* "": not enrolled */
	int64_t seq;
	char head[HASH_TEXT];
	int64_t base_seq;
	char base_hash[HASH_TEXT];
	int64_t acked_time;
	uint64_t events;
	int64_t policy_serial, exceptions_serial;
	int64_t told_policy, told_exceptions; /* by the last heartbeat: a delta leaves them out */
	bool full_next;
	char *in_flight; /* signed, not acknowledged; NULL: none */
	size_t in_flight_len;
	int64_t since[CONTROL_COUNT];
	const struct scenario_state *sent[CONTROL_COUNT]; /* NULL: never */
};

struct device *device_new(struct school *school, uint32_t number, uint32_t in_school,
			  struct err *err);
void device_free(struct device *device);

/* The enrolment's request, signed; '*out_hash' is what the answer must name. */
int device_enrol_request(struct device *device, const struct enrol_code *code, int64_t now,
			 struct buf *out, char out_hash[HASH_TEXT], struct err *err);
/* Takes the answer; '*out_waiting': a technician has to say yes first. */
int device_enrolled(struct device *device, const struct enrol_code *code, const char *hash,
		    const char *jws, size_t len, bool *out_waiting, struct err *err);

/* The next heartbeat into 'in_flight', or the one that still is. */
int device_beat(struct device *device, const struct scenario *scenario, bool full, int64_t now,
		struct err *err);
/* Takes an acknowledgement, verified as an agent does. */
int device_acknowledged(struct device *device, const char *jws, size_t len, struct err *err);

/* One line of the fleet's state file, and back. */
int device_write(const struct device *device, struct buf *out, struct err *err);
int device_read(struct device *device, const struct json *line, struct err *err);

#endif
