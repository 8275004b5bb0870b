/* One device as people see it: who it is, what it said, how its chain stands.  JSON for the API and
 * --json; text for a terminal.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_REPORT_H
#define CARETAKER_COLLECTOR_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/jsonw.h"
#include "tools/collector/store_desk.h"

struct buf;
struct err;

#define REPORT_EVENTS 100

/* "seen", "not seen", "never seen", "waiting" ...: in JSON with '_' for the blank. */
const char *report_presence(int presence);
const char *report_presence_key(int presence); /* NULL: none of them */
int report_presence_parse(const char *key, int *out);
int report_standing_parse(const char *key, int *out);
int report_status_parse(const char *key, int *out);

/* The members of a device in a list; the caller opened the object and ends it. */
void report_device_members(struct jsonw *w, const struct store_device *device);
/* A whole device with controls, chain, keys, what it refused, and its newest events. */
int report_device_json(struct store *store, const struct store_device *device, bool indent,
		       struct buf *out, struct err *err);
int report_device_text(struct store *store, const struct store_device *device, int64_t now,
		       struct buf *out, struct err *err);

#endif
