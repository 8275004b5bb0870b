/* The whole fleet: its schools and computers, kept in one folder between runs.
 *
 * fleet.json names the schools with their codes and key sets; devices.jsonl holds a computer a
 * line. Both are replaced in one piece. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_FLEET_FLEET_H
#define CARETAKER_FLEET_FLEET_H

#include "tools/fleet/device.h"
#include "tools/fleet/school.h"

struct err;

#define FLEET_MAX_SCHOOLS 200
#define FLEET_MAX_DEVICES 200000

struct fleet {
	char dir[512];
	struct school *schools;
	unsigned school_count;
	struct device **devices;
	unsigned device_count;
};

/* Codes: a school a line, "NAME<TAB>CT1-...".  Computers are spread evenly over the schools. */
int fleet_new(const char *dir, const char *codes_path, unsigned device_count, struct fleet *out,
	      struct err *err);
int fleet_load(const char *dir, struct fleet *out, struct err *err);
int fleet_save(const struct fleet *fleet, struct err *err);
void fleet_clear(struct fleet *fleet);

#endif
