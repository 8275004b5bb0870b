/* Rules and devices for tests of decisions: a device of each kind, and what is decided of it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_DECIDE_HELPERS_H
#define CARETAKER_TESTS_DECIDE_HELPERS_H

#include "agent/gate/decide.h"
#include "agent/gate/hold.h"
#include "tests/unit/unit.h"

#define NOW INT64_C(1795328400)
#define HEAD "caretaker-gate 1\npolicy p 1\nmode storage enforce 1\nmode hardware enforce 2\n"
#define APPROVED "set allow approved 14\n"
#define ANY "set allow any 14\n"
#define ENCRYPTED "set encrypted luks,bitlocker,hardware 15\n"
#define STICK "stick 0951:1666:60A4* 0 any - 15\n"

enum what {
	KINGSTON, /* 0951:1666 with a serial */
	NAMELESS, /* the same without */
	GARBLED,  /* with one that is no text */
	MICROBIT, /* storage, HID, serial, all with one serial */
	PHONE,    /* MTP */
	CAMERA,   /* PTP */
	KEYBOARD,
	KEYBOARD_AND_STICK,
	NETWORK,
	PRINTER_WITH_DISC,
	BRAILLE, /* a vendor's own class */
};

static inline void add(struct gate_device *device, unsigned class, unsigned subclass,
		       unsigned protocol, const char *text)
{
	struct gate_interface *interface = &device->interfaces[device->interface_count++];

	interface->class = (uint8_t) class;
	interface->subclass = (uint8_t)subclass;
	interface->protocol = (uint8_t)protocol;
	snprintf(interface->text, sizeof(interface->text), "%s", text);
	gate_modalias(device, device->interface_count - 1, interface->modalias);
}

static inline struct gate_device make(enum what what)
{
	struct gate_device device = {.port = "1-3", .vendor = 0x0951, .product = 0x1666};
	const char *serial = "60A44C413FAE";

	switch (what) {
	case NAMELESS:
	case GARBLED:
	case KINGSTON:
		serial = what == NAMELESS ? "" : what == GARBLED ? "60A4\x01" : serial;
		add(&device, 0x08, 6, 0x50, "");
		break;
	case MICROBIT:
		device.vendor = 0x0d28;
		device.product = 0x0204;
		add(&device, 0x08, 6, 0x50, "");
		add(&device, 0x02, 2, 1, "");
		add(&device, 0x03, 0, 0, "");
		break;
	case PHONE:
		device.vendor = 0x18d1;
		add(&device, 0xff, 0xff, 0, "MTP");
		break;
	case CAMERA: add(&device, 0x06, 1, 1, ""); break;
	case KEYBOARD: add(&device, 0x03, 1, 1, ""); break;
	case KEYBOARD_AND_STICK:
		add(&device, 0x03, 1, 1, "");
		add(&device, 0x08, 6, 0x50, "");
		add(&device, 0x02, 6, 0, "");
		break;
	case NETWORK: add(&device, 0x02, 6, 0, ""); break;
	case PRINTER_WITH_DISC:
		add(&device, 0x07, 1, 2, "");
		add(&device, 0x08, 6, 0x50, "");
		break;
	case BRAILLE:
		device.vendor = 0x0904;
		add(&device, 0xff, 0, 0, "");
		break;
	}
	gate_device_says(&device, serial, "", "");
	return device;
}

static inline struct gate_rules *rules_of(const char *more)
{
	struct gate_rules *rules = NULL;
	char text[1024];

	snprintf(text, sizeof(text), "%s%send\n", HEAD, more);
	assert_works(gate_rules_parse(text, strlen(text), &rules, &err));
	return rules;
}

static inline struct gate_decision decide(const char *rules_text, enum what what,
					  struct gate_around around)
{
	struct gate_rules *rules = rules_of(rules_text);
	struct gate_device device = make(what);
	struct gate_decision decision;

	if (around.now == 0) {
		around.now = NOW;
		around.now_known = true;
	}
	gate_hold(&device, rules);
	gate_decide(rules, &device, &around, &decision);
	gate_rules_free(rules);
	return decision;
}

/* --- tables of them --- */

struct decide_case {
	const char *rules;
	enum what what;
	struct gate_around around; /* 'now' 0 is NOW, known */
	enum gate_verb verb;
	const char *why;
	int line;
};

static inline void run(const struct decide_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct gate_decision got = decide(cases[i].rules, cases[i].what, cases[i].around);

		if (got.verb != cases[i].verb || strcmp(got.why, cases[i].why) != 0 ||
		    got.line != cases[i].line)
			fail_msg("case %zu: verb %d '%s' line %d, not %d '%s' line %d", i,
				 (int)got.verb, got.why, got.line, (int)cases[i].verb, cases[i].why,
				 cases[i].line);
	}
}
#define RUN(cases) run(cases, COUNT(cases))

#endif
