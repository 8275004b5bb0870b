/* caretaker-check.ini: what this machine's technician decided, none of it from the network.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_CONFIG_H
#define CARETAKER_CHECK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/proto/enrol.h"
#include "agent/proto/uplink.h"

struct err;
struct places;

enum config_trust {
	CONFIG_TRUST_CODE, /* as the enrolment code says */
	CONFIG_TRUST_PINNED,
	CONFIG_TRUST_SYSTEM,
};

struct config {
	bool is_volatile;
	char name[64];                  /* "": the host name */
	char collector[ENROL_HOST_MAX]; /* "": as enrolled */
	char proxy[UPLINK_MAX_PROXY];   /* "": as the uplink's environment says */
	enum config_trust trust;
	uint32_t timeout_s;
};

/* No file: the defaults.  A bad one is an error that names file and line. */
int config_read(const struct places *places, struct config *out, struct err *err);

#endif
