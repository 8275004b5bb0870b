/* See compatible.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate/compatible.h"

#include <string.h>

#include "agent/gate/hold.h"
#include "agent/gate/rules.h"

/* Extended Compat ID OS Feature Descriptor: a head, and a section for each function. */
enum { HEAD_SIZE = 16, SECTION_SIZE = 24, ID_SIZE = 8 };
enum { HEAD_INDEX = 6, HEAD_COUNT = 8, SECTION_ID = 2 };
enum { INDEX_COMPATIBLE = 4, CLASS_VENDOR = 0xff };

bool gate_compatible_asks(const struct gate_device *device, const struct gate_rules *rules)
{
	char id[GATE_ID];

	if (rules) {
		if (rules->storage_mode != GATE_ENFORCE || !(rules->kinds & GATE_KIND_PHONE))
			return false;
		gate_device_id(device, id);
		for (size_t i = 0; i < rules->rule_count; i++)
			if ((rules->rules[i].kind == GATE_RULE_ASSIST ||
			     (rules->rules[i].kind == GATE_RULE_PASS_MODEL &&
			      gate_rule_lasts(&rules->rules[i]))) &&
			    gate_id_matches(rules->rules[i].what, id))
				return false;
	}
	for (unsigned i = 0; i < device->interface_count; i++)
		if (device->interfaces[i].class == CLASS_VENDOR &&
		    !gate_waits(&device->interfaces[i], rules))
			return true;
	return false;
}

static bool is_media(const unsigned char *id)
{
	static const char mtp[ID_SIZE] = "MTP", ptp[ID_SIZE] = "PTP";

	return memcmp(id, mtp, ID_SIZE) == 0 || memcmp(id, ptp, ID_SIZE) == 0;
}

uint32_t gate_compatible_media(const struct gate_device *device, const void *ids, size_t len)
{
	const unsigned char *at = ids;
	uint32_t media = 0;
	unsigned count;

	if (len < HEAD_SIZE || (at[HEAD_INDEX] | at[HEAD_INDEX + 1] << 8) != INDEX_COMPATIBLE)
		return 0;
	count = at[HEAD_COUNT];
	at += HEAD_SIZE;
	len -= HEAD_SIZE;
	for (; count > 0 && len >= SECTION_SIZE; count--, at += SECTION_SIZE, len -= SECTION_SIZE)
		for (unsigned i = 0; is_media(at + SECTION_ID) && i < device->interface_count; i++)
			if (device->interfaces[i].number == at[0])
				media |= UINT32_C(1) << i;
	return media;
}

void gate_compatible_hold(struct gate_device *device, const struct gate_rules *rules,
			  uint32_t media)
{
	for (unsigned i = 0; i < device->interface_count; i++) {
		struct gate_interface *interface = &device->interfaces[i];

		if ((media >> i & 1) && interface->class == CLASS_VENDOR &&
		    !gate_waits(interface, rules))
			interface->held = GATE_HELD_MTP;
	}
}
