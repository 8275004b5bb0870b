/* What a machine tells the hardware control: what is plugged into it, and its gate's word on that.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_PLUGGED_IN_H
#define CARETAKER_TESTS_PLUGGED_IN_H

#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_os.h"
#include "tests/unit/unit.h"

/* The first 'count' of these; 'usb' stays the caller's.  The machine has a serial number. */
static inline void has_plugged(struct plat_usb *usb, size_t count)
{
	struct plat_hardware *facts = &fake_machine.hardware.facts;

	fake_machine.hardware.err.code = ERR_NONE;
	(void)strcpy(facts->identity.serial, "PF2ABCDE");
	facts->usb = usb;
	facts->usb_count = count;
}

/* The gate's word on one device, as caretakerd shows it. */
static inline void gate_says(const struct plat_usb *usb, const char *verdict, bool enforced,
			     const char *why)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "{\"v\":1,\"devices\":[{\"port\":\"%s\",\"kind\":\"%s\",\"verdict\":\"%s\","
		       "\"enforced\":%s,\"why\":\"%s\"}]}",
		       usb->port, usb->kind, verdict, enforced ? "true" : "false", why);
	fake_file_put("/run/caretaker/hardware.json", text);
}

#endif
