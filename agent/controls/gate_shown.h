/* The gate's own word of what is plugged in, as controls read it: RUN/hardware.json, which
 * caretakerd writes (agent/daemon/gate_record.h has its form).  For controls alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CONTROLS_GATE_SHOWN_H
#define CARETAKER_CONTROLS_GATE_SHOWN_H

#include <stdbool.h>

struct control_input;
struct err;
struct json;

/* ERR_NOTFOUND: the daemon does not run.  The caller frees '*out' by json_free(); '*out_devices' is
 * its array. */
int gate_shown_read(const struct control_input *input, struct json **out,
		    const struct json **out_devices, struct err *err);
/* The device at that port, or NULL; 'devices' may be NULL. */
const struct json *gate_shown_at(const struct json *devices, const char *port);
const char *gate_shown_text(const struct json *device, const char *name); /* "": not there */
/* Refused, and not only in audit. */
bool gate_shown_shut(const struct json *device);

#endif
