/* What the platform read at a port, as the gate's own code takes it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_GATE_DEVICE_H
#define CARETAKER_CHECK_GATE_DEVICE_H

#include "agent/gate/device.h"
#include "platform/gate.h"

/* The gate of this machine, or of the tree that facts are read from. */
int gate_device_open(struct plat_gate **out, struct err *err);
/* Parsed and cleaned, with the storage drivers that would bind; not yet judged (gate_hold()). */
int gate_device_from(struct plat_gate *gate, const struct plat_port_device *port,
		     struct gate_device *out, struct err *err);

#endif
