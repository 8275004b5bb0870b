/* What the platform reads of a device, made into what the gate judges; and which drivers this
 * kernel would bind, kept as the few lines of modules.alias that concern storage.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_DAEMON_GATE_FACTS_H
#define CARETAKER_DAEMON_GATE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/gate/device.h"

struct plat_gate;
struct plat_port_device;
struct gate_rules;

struct gate_aliases {
	char *text; /* lines, each with a NUL; those of what is built in begin with '+' */
	size_t len;
	bool unread; /* the kernel's list cannot be had: more waits */
};
void gate_aliases_load(struct gate_aliases *aliases, struct plat_gate *gate);
void gate_aliases_clear(struct gate_aliases *aliases);

/* Every field of '*out', each interface judged by the rules (NULL: none yet).  A device whose
 * descriptors lie is one whose every interface is GATE_HELD_UNREADABLE. */
void gate_facts(const struct plat_port_device *raw, const struct gate_aliases *aliases,
		const struct gate_rules *rules, struct gate_device *out);

/* What stays the same of one and the same device whatever port and speed it runs at. */
uint64_t gate_facts_print(const struct gate_device *device);

/* "storage", "media" (phones and cameras), a class that a policy may refuse, "input", "audio" ...
 */
const char *gate_facts_kind(const struct gate_device *device);

#endif
