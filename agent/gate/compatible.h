/* What a device answers where Microsoft's systems ask it for its compatible IDs (Microsoft OS 1.0
 * Descriptors): a phone or a player whose interface is of a vendor's own class and has no string
 * says MTP there, and nowhere else.
 *
 * Answers are the device's own bytes: one that lies is the vendor's interface that it claims to be.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_GATE_COMPATIBLE_H
#define CARETAKER_GATE_COMPATIBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/gate/device.h"

struct gate_rules;

#define GATE_COMPATIBLE_MAX (16 + 24 * GATE_INTERFACES_MAX) /* a head, a section a function */

/* Whether it is worth asking 'device', as gate_hold() left it: some interface of a vendor's own
 * class would be let through, and phones are the rules' business.  What assists people and what the
 * policy passes is asked nothing; nor is anything where storage is not enforced, for then nothing
 * is touched.  Without rules: each such interface. */
bool gate_compatible_asks(const struct gate_device *device, const struct gate_rules *rules);

/* The answer, an extended compatible ID descriptor: bit i is set where MTP or PTP is said of
 * device->interfaces[i].  Lengths that lie tell of nothing more. */
uint32_t gate_compatible_media(const struct gate_device *device, const void *ids, size_t len);
/* Holds those of a vendor's own class that do not wait already. */
void gate_compatible_hold(struct gate_device *device, const struct gate_rules *rules,
			  uint32_t media);

#endif
