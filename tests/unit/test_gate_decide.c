/* Every stance of the five schools and the DfE: rules and a device in, the decision out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/gate/decide.h"
#include "agent/gate/hold.h"

#define NOW INT64_C(1795328400)
#define HEAD "caretaker-gate 1\npolicy p 1\nmode storage enforce 1\nmode hardware enforce 2\n"
#define APPROVED "set allow approved 14\n"
#define ANY "set allow any 14\n"
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

static void add(struct gate_device *device, unsigned class, unsigned subclass, unsigned protocol,
		const char *text)
{
	struct gate_interface *interface = &device->interfaces[device->interface_count++];

	interface->class = (uint8_t) class;
	interface->subclass = (uint8_t)subclass;
	interface->protocol = (uint8_t)protocol;
	snprintf(interface->text, sizeof(interface->text), "%s", text);
	gate_modalias(device, device->interface_count - 1, interface->modalias);
}

static struct gate_device make(enum what what)
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

struct decide_case {
	const char *rules;
	enum what what;
	struct gate_around around; /* 'now' 0 is NOW, known */
	enum gate_verb verb;
	const char *why;
	int line;
};

static struct gate_rules *rules_of(const char *more)
{
	struct gate_rules *rules = NULL;
	char text[1024];

	snprintf(text, sizeof(text), "%s%send\n", HEAD, more);
	assert_works(gate_rules_parse(text, strlen(text), &rules, &err));
	return rules;
}

static struct gate_decision decide(const char *rules_text, enum what what,
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

static void run(const struct decide_case *cases, size_t count)
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

#define SYSTEM \
	{ \
		.holds_system = true \
	}
#define ALICE \
	{ \
		.user = "alice" \
	}

static void block_refuses_storage_and_nothing_else(void **state)
{
	static const struct decide_case cases[] = {
		{"set allow none 14\n", KINGSTON, {0}, GATE_REFUSE, "not-allowed", 14},
		{"set allow none 14\n", KEYBOARD_AND_STICK, {0}, GATE_REFUSE, "not-allowed", 14},
		{"set allow none 14\n", PHONE, {0}, GATE_REFUSE, "not-allowed", 14},
		{"set allow none 14\n", CAMERA, {0}, GATE_REFUSE, "not-allowed", 14},
		{"set allow none 14\n", KEYBOARD, {0}, GATE_PASS, "free", 0},
		{"set allow none 14\n", NETWORK, {0}, GATE_PASS, "free", 0},
		{"set allow none 14\n", BRAILLE, {0}, GATE_PASS, "free", 0},
		/* What the policy lists approves nothing where nothing may be approved. */
		{"set allow none 14\n" STICK, KINGSTON, {0}, GATE_REFUSE, "not-allowed", 14},
		{"set allow none 14\nstick 0951:1666:60A44C413FAE 1795400000 any EX-1 0\n",
		 KINGSTON,
		 {0},
		 GATE_OPEN,
		 "approved-stick",
		 14},
	};

	(void)state;
	RUN(cases);
}

static void approved_sticks_and_people_open_until_their_end(void **state)
{
	static const struct decide_case cases[] = {
		{APPROVED, KINGSTON, {0}, GATE_REFUSE, "not-approved", 14},
		{APPROVED STICK, KINGSTON, {0}, GATE_OPEN, "approved-stick", 15},
		{APPROVED "stick 0951:1666:OTHER 0 any - 15\n",
		 KINGSTON,
		 {0},
		 GATE_REFUSE,
		 "not-approved",
		 14},
		{APPROVED "stick 0951:1666:60A4* 1795328401 any EX-1 0\n",
		 KINGSTON,
		 {0},
		 GATE_OPEN,
		 "approved-stick",
		 14},
		{APPROVED "stick 0951:1666:60A4* 1795328400 any EX-1 0\n",
		 KINGSTON,
		 {0},
		 GATE_REFUSE,
		 "approval-ended",
		 0},
		{APPROVED "person alice 0 any - 16\n", KINGSTON, ALICE, GATE_OPEN,
		 "approved-person", 16},
		{APPROVED "person alice 0 any - 16\n",
		 KINGSTON,
		 {.user = "bob"},
		 GATE_REFUSE,
		 "not-approved",
		 14},
		{APPROVED "person alice 0 any - 16\n",
		 KINGSTON,
		 {.user = ""},
		 GATE_REFUSE,
		 "not-approved",
		 14},
		{APPROVED "person alice 0 any - 16\n",
		 KINGSTON,
		 {0},
		 GATE_REFUSE,
		 "not-approved",
		 14},
		/* A second approval holds where the first has ended. */
		{APPROVED "stick 0951:1666:60A4* 1 any EX-1 0\nstick 0951:1666 0 any - 17\n",
		 KINGSTON,
		 {0},
		 GATE_OPEN,
		 "approved-stick",
		 17},
	};
	struct gate_decision got;

	(void)state;
	RUN(cases);
	got = decide(APPROVED "stick 0951:1666:60A4* 1795400000 any EX-1 0\n", KINGSTON,
		     (struct gate_around){0});
	assert_string_equal(got.exception, "EX-1");
	assert_int_equal(got.until, 1795400000);
	got = decide(APPROVED "stick 0951:1666:60A4* 1 any EX-1 0\n", KINGSTON,
		     (struct gate_around){0});
	assert_string_equal(got.exception, "EX-1");
}

static void of_two_approvals_the_wider_and_then_the_longer_counts(void **state)
{
	struct gate_decision got;

	(void)state;
	got = decide(APPROVED "stick 0951:1666 1795400000 encrypted EX-1 0\n"
			      "stick 0951:1666 1795330000 any EX-2 0\n"
			      "stick 0951:1666 1795340000 any EX-3 0\n",
		     KINGSTON, (struct gate_around){0});
	assert_int_equal(got.verb, GATE_OPEN);
	assert_string_equal(got.exception, "EX-3");
}

static void an_end_cannot_be_trusted_to_an_unknown_clock(void **state)
{
	static const struct decide_case cases[] = {
		{APPROVED "stick 0951:1666:60A4* 1795400000 any EX-1 0\n",
		 KINGSTON,
		 {.now = NOW, .now_known = false},
		 GATE_REFUSE,
		 "clock-unknown",
		 0},
		/* It is past its end even by the least that the time can be. */
		{APPROVED "stick 0951:1666:60A4* 1795328000 any EX-1 0\n",
		 KINGSTON,
		 {.now = NOW, .now_known = false},
		 GATE_REFUSE,
		 "approval-ended",
		 0},
		{APPROVED STICK,
		 KINGSTON,
		 {.now = NOW, .now_known = false},
		 GATE_OPEN,
		 "approved-stick",
		 15},
	};

	(void)state;
	RUN(cases);
}

static void a_serial_that_identifies_nothing_is_decided_by_the_policy(void **state)
{
#define REFUSE_WEAK APPROVED "set weak_serial refuse 9\n"
#define ASK_WEAK APPROVED "set weak_serial ask 9\n"
	static const struct decide_case cases[] = {
		{REFUSE_WEAK "stick 0951:1666: 0 any - 15\n",
		 NAMELESS,
		 {0},
		 GATE_REFUSE,
		 "weak-serial",
		 9},
		{REFUSE_WEAK "stick 0951:1666:60A4_ 0 any - 15\n",
		 GARBLED,
		 {0},
		 GATE_REFUSE,
		 "not-approved",
		 14},
		{REFUSE_WEAK "stick 0951:1666:60A4* 0 any - 15\n",
		 GARBLED,
		 {0},
		 GATE_REFUSE,
		 "weak-serial",
		 9},
		{REFUSE_WEAK "stick 0951:1666: 1795400000 any EX-1 0\n",
		 NAMELESS,
		 {0},
		 GATE_REFUSE,
		 "weak-serial",
		 9},
		{ASK_WEAK "stick 0951:1666: 0 any - 15\n",
		 NAMELESS,
		 {0},
		 GATE_REFUSE,
		 "weak-serial",
		 9},
		{ASK_WEAK "stick 0951:1666: 1795400000 any EX-1 0\n",
		 NAMELESS,
		 {0},
		 GATE_OPEN,
		 "approved-stick",
		 14},
		/* A whole model is approved: its serials are no matter. */
		{REFUSE_WEAK "stick 0951:1666 0 any - 15\n",
		 NAMELESS,
		 {0},
		 GATE_OPEN,
		 "approved-stick",
		 15},
		{REFUSE_WEAK "stick 0951:1666:* 0 any - 15\n",
		 NAMELESS,
		 {.twin = true},
		 GATE_OPEN,
		 "approved-stick",
		 15},
		{REFUSE_WEAK STICK, KINGSTON, {.twin = true}, GATE_REFUSE, "twin-serial", 9},
		{ASK_WEAK "stick 0951:1666:60A4* 1795400000 any EX-1 0\n",
		 KINGSTON,
		 {.twin = true},
		 GATE_OPEN,
		 "approved-stick",
		 14},
		{REFUSE_WEAK STICK, KINGSTON, {.changed = true}, GATE_REFUSE, "changed-device", 15},
		{ASK_WEAK "stick 0951:1666:60A4* 1795400000 any EX-1 0\n",
		 KINGSTON,
		 {.changed = true},
		 GATE_REFUSE,
		 "changed-device",
		 0},
		/* An approval of the person is none of the stick's. */
		{REFUSE_WEAK "person alice 0 any - 16\n", NAMELESS, ALICE, GATE_OPEN,
		 "approved-person", 16},
	};

	(void)state;
	RUN(cases);
}

static void conditions_are_judged_at_the_medium(void **state)
{
#define ENCRYPTED "set encrypted luks,bitlocker,hardware 15\n"
	static const struct {
		const char *rules;
		unsigned encrypted;
		enum gate_scan scan;
		bool read_only;
		enum gate_verb verb;
	} cases[] = {
		{ANY, 0, GATE_SCAN_NONE, false, GATE_OPEN},
		{ANY "set read_only yes 3\n", 0, GATE_SCAN_NONE, true, GATE_READ_ONLY},
		{ANY ENCRYPTED, 7, GATE_SCAN_NONE, false, GATE_JUDGE},
		{ANY "set scan full 3\n", 0, GATE_SCAN_FULL, false, GATE_JUDGE},
		{ANY ENCRYPTED "set scan on-open 3\nset read_only yes 4\n", 7, GATE_SCAN_ON_OPEN,
		 true, GATE_JUDGE},
		{APPROVED ENCRYPTED "set scan full 3\n" STICK, 7, GATE_SCAN_FULL, false,
		 GATE_JUDGE},
		{APPROVED "stick 0951:1666 0 encrypted - 3\n", 7, GATE_SCAN_NONE, false,
		 GATE_JUDGE},
		{APPROVED "set encrypted luks 15\nstick 0951:1666 0 encrypted - 3\n", 1,
		 GATE_SCAN_NONE, false, GATE_JUDGE},
		{APPROVED "stick 0951:1666 0 read-only - 3\n", 0, GATE_SCAN_NONE, true,
		 GATE_READ_ONLY},
		/* The policy's own approval is bound by the policy's conditions ... */
		{APPROVED ENCRYPTED "set read_only yes 4\nstick 0951:1666 0 any - 3\n", 7,
		 GATE_SCAN_NONE, true, GATE_JUDGE},
		/* ... an exception is made for what they would refuse, but never for the scan. */
		{APPROVED ENCRYPTED
		 "set read_only yes 4\nset scan full 5\nstick 0951:1666 1795400000 any EX-1 0\n",
		 0, GATE_SCAN_FULL, false, GATE_JUDGE},
		{APPROVED ENCRYPTED "stick 0951:1666 1795400000 read-only EX-1 0\n", 0,
		 GATE_SCAN_NONE, true, GATE_READ_ONLY},
		{APPROVED "stick 0951:1666 1795400000 encrypted EX-1 0\n", 7, GATE_SCAN_NONE, false,
		 GATE_JUDGE},
		/* An approval may ask for more than the rules do, never for less of a scan. */
		{APPROVED ENCRYPTED "stick 0951:1666 1795400000 read-only,scanned EX-1 0\n", 0,
		 GATE_SCAN_FULL, true, GATE_JUDGE},
		{APPROVED ENCRYPTED
		 "stick 0951:1666 1795400000 encrypted,read-only,scanned EX-1 0\n",
		 7, GATE_SCAN_FULL, true, GATE_JUDGE},
		{APPROVED "stick 0951:1666 1795400000 any,scanned EX-1 0\n", 0, GATE_SCAN_FULL,
		 false, GATE_JUDGE},
		{APPROVED "set scan on-open 3\nstick 0951:1666 1795400000 any,scanned EX-1 0\n", 0,
		 GATE_SCAN_ON_OPEN, false, GATE_JUDGE},
		{APPROVED "stick 0951:1666 0 any,scanned - 3\n", 0, GATE_SCAN_FULL, false,
		 GATE_JUDGE},
		/* Of two as wide, the one that asks for less. */
		{APPROVED "stick 0951:1666 1795400000 any,scanned EX-1 0\n"
			  "stick 0951:1666 1795330000 any EX-2 0\n",
		 0, GATE_SCAN_NONE, false, GATE_OPEN},
		{APPROVED "stick 0951:1666 1795400000 encrypted,read-only EX-1 0\n"
			  "stick 0951:1666 1795330000 encrypted,scanned EX-2 0\n",
		 7, GATE_SCAN_FULL, false, GATE_JUDGE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_decision got =
			decide(cases[i].rules, KINGSTON, (struct gate_around){0});

		if (got.verb != cases[i].verb || got.encrypted != cases[i].encrypted ||
		    got.scan != cases[i].scan || got.read_only != cases[i].read_only)
			fail_msg("case %zu: verb %d encrypted %u scan %d read-only %d", i,
				 (int)got.verb, got.encrypted, (int)got.scan, got.read_only);
	}
}

static void storage_belongs_in_the_ports_that_the_policy_names(void **state)
{
#define FRONT ANY "port front 1-3 21\nport front 1-4.* 21\n"
	static const struct {
		const char *rules, *port, *panel;
		bool builtin, known;
		enum what what;
		enum gate_verb verb;
		const char *why;
		int line;
	} cases[] = {
		{FRONT, "1-3", "", false, false, KINGSTON, GATE_OPEN, "allowed", 14},
		{FRONT, "1-3.2", "", false, false, KINGSTON, GATE_OPEN, "allowed", 14},
		{FRONT, "1-4.1", "", false, false, KINGSTON, GATE_OPEN, "allowed", 14},
		{FRONT, "1-4", "", false, false, KINGSTON, GATE_REFUSE, "wrong-port", 21},
		{FRONT, "2-1", "", false, false, KINGSTON, GATE_REFUSE, "wrong-port", 21},
		{FRONT, "2-1", "front", false, false, KINGSTON, GATE_OPEN, "allowed", 14},
		{FRONT, "2-1", "back", false, false, KINGSTON, GATE_REFUSE, "wrong-port", 21},
		{FRONT, "2-1", "", true, false, KINGSTON, GATE_OPEN, "allowed", 14},
		{FRONT, "2-1", "", false, false, KEYBOARD, GATE_PASS, "free", 0},
		{ANY "set max_depth 0 0\n", "1-3.1", "", false, false, KINGSTON, GATE_REFUSE,
		 "too-deep", 0},
		{ANY "set max_depth 0 0\n", "1-3", "", false, false, KINGSTON, GATE_OPEN, "allowed",
		 14},
		{ANY "port rear 2-* 22\n", "2-1", "", false, false, KINGSTON, GATE_REFUSE,
		 "rear-port", 22},
		{ANY "port rear 2-* 22\n", "2-1", "", false, true, KINGSTON, GATE_OPEN, "allowed",
		 14},
		{ANY "port rear 2-* 22\n", "1-1", "", false, false, KINGSTON, GATE_OPEN, "allowed",
		 14},
		{ANY "port rear 2-* 22\n", "2-1", "", false, false, NETWORK, GATE_PASS, "free", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_rules *rules = rules_of(cases[i].rules);
		struct gate_device device = make(cases[i].what);
		const struct gate_around around = {
			.now = NOW, .now_known = true, .known_since_enrolment = cases[i].known};
		struct gate_decision got;

		snprintf(device.port, sizeof(device.port), "%s", cases[i].port);
		snprintf(device.panel, sizeof(device.panel), "%s", cases[i].panel);
		device.depth = (unsigned)gate_port_depth(device.port);
		device.builtin = cases[i].builtin;
		gate_hold(&device, rules);
		gate_decide(rules, &device, &around, &got);
		if (got.verb != cases[i].verb || strcmp(got.why, cases[i].why) != 0 ||
		    got.line != cases[i].line)
			fail_msg("case %zu: verb %d '%s' line %d", i, (int)got.verb, got.why,
				 got.line);
		gate_rules_free(rules);
	}
}

static void class_sets_open_whatever_else_holds(void **state)
{
#define SET "class-set microbit 0d28:0204 67108864 12\n"
	static const struct decide_case cases[] = {
		{"set allow none 14\n" SET, MICROBIT, {0}, GATE_JUDGE, "class-set", 12},
		{"set allow none 14\n" ENCRYPTED SET,
		 MICROBIT,
		 {.twin = true},
		 GATE_JUDGE,
		 "class-set",
		 12},
		{"set allow none 14\n" SET, KINGSTON, {0}, GATE_REFUSE, "not-allowed", 14},
		{"set allow none 14\nclass-set p 18d1:1666 1000 12\n",
		 PHONE,
		 {0},
		 GATE_REFUSE,
		 "not-allowed",
		 14},
	};
	struct gate_decision got;

	(void)state;
	RUN(cases);
	got = decide("set allow none 14\n" ENCRYPTED SET, MICROBIT, (struct gate_around){0});
	assert_int_equal(got.max_bytes, 67108864);
	assert_int_equal(got.encrypted, 0);
	assert_int_equal(got.scan, GATE_SCAN_NONE);
	assert_true(got.quiet);
}

static void what_holds_the_system_is_never_refused(void **state)
{
	static const struct decide_case cases[] = {
		{"set allow none 14\n", KINGSTON, SYSTEM, GATE_OPEN, "holds-system", 0},
		{"set allow none 14\nrefuse model 0951:1666 8\n", KINGSTON, SYSTEM, GATE_OPEN,
		 "holds-system", 0},
		{"set allow none 14\nport front 2-1 8\nset shut_while_locked yes 9\n",
		 KINGSTON,
		 {.holds_system = true, .locked = true},
		 GATE_OPEN,
		 "holds-system",
		 0},
	};

	(void)state;
	RUN(cases);
}

static void hardware_refuses_what_it_names_and_never_what_people_need(void **state)
{
	static const struct decide_case cases[] = {
		{ANY "refuse class network 30\n", NETWORK, {0}, GATE_REFUSE, "refused-class", 30},
		{ANY "refuse model 0951:1666 31\n", NETWORK, {0}, GATE_REFUSE, "refused-model", 31},
		{ANY "refuse model 0951:1666 31\n", KEYBOARD, {0}, GATE_PASS, "free", 0},
		{ANY "refuse model 0951:1666 31\n",
		 KINGSTON,
		 {0},
		 GATE_REFUSE,
		 "refused-model",
		 31},
		{ANY "refuse class other 30\nassist 0904:* 0\n",
		 BRAILLE,
		 {0},
		 GATE_PASS,
		 "assistive",
		 0},
		{ANY "refuse model 0904:* 30\nassist 0904:* 0\n",
		 BRAILLE,
		 {0},
		 GATE_PASS,
		 "assistive",
		 0},
		{ANY "refuse class other 30\n", BRAILLE, {0}, GATE_REFUSE, "refused-class", 30},
		{ANY "refuse class other 30\npass model 0904:1666 31\n",
		 BRAILLE,
		 {0},
		 GATE_PASS,
		 "free",
		 0},
		/* Its storage is allowed, its network card is not: gate_may_open() tells. */
		{ANY "refuse class network 30\n",
		 KEYBOARD_AND_STICK,
		 {0},
		 GATE_OPEN,
		 "allowed",
		 14},
	};

	(void)state;
	RUN(cases);
	assert_true(
		decide(ANY "refuse class network 30\n", NETWORK, (struct gate_around){0}).hardware);
}

static void a_locked_screen_shuts_what_is_newly_plugged(void **state)
{
#define LOCKS ANY "set shut_while_locked yes 9\n"
	static const struct decide_case cases[] = {
		{LOCKS, KINGSTON, {.locked = true}, GATE_REFUSE, "screen-locked", 9},
		{LOCKS, KINGSTON, {0}, GATE_OPEN, "allowed", 14},
		{ANY, KINGSTON, {.locked = true}, GATE_OPEN, "allowed", 14},
		{LOCKS, KEYBOARD, {.locked = true}, GATE_PASS, "free", 0},
	};

	(void)state;
	RUN(cases);
}

static void phones_and_cameras_open_only_where_nothing_is_asked_of_a_disk(void **state)
{
	static const struct decide_case cases[] = {
		{ANY, PHONE, {0}, GATE_OPEN, "allowed", 14},
		{ANY ENCRYPTED, PHONE, {0}, GATE_REFUSE, "cannot-be-judged", 14},
		{ANY "set scan full 3\n", CAMERA, {0}, GATE_REFUSE, "cannot-be-judged", 14},
		{ANY "set read_only yes 3\n", CAMERA, {0}, GATE_REFUSE, "cannot-be-judged", 14},
		{"set kinds usb 3\n", PHONE, {0}, GATE_PASS, "kind-not-counted", 0},
		{"set kinds phone 3\n", CAMERA, {0}, GATE_PASS, "kind-not-counted", 0},
		{"set kinds camera 3\n", CAMERA, {0}, GATE_REFUSE, "not-allowed", 0},
		{"set kinds phone 3\n", KINGSTON, {0}, GATE_PASS, "kind-not-counted", 0},
	};

	(void)state;
	RUN(cases);
}

static void media_that_are_not_usb_follow_the_same_rules(void **state)
{
	struct gate_rules *rules =
		rules_of("set allow none 14\nset kinds usb,card 3\nport front 1-3 4\n");
	const struct gate_device device = {.port = ""};
	struct gate_around around = {.now = NOW, .now_known = true, .kind = GATE_KIND_CARD};
	struct gate_decision got;

	(void)state;
	gate_decide(rules, &device, &around, &got);
	assert_int_equal(got.verb, GATE_REFUSE);
	assert_string_equal(got.why, "not-allowed");
	around.kind = GATE_KIND_OPTICAL;
	gate_decide(rules, &device, &around, &got);
	assert_int_equal(got.verb, GATE_PASS);
	gate_rules_free(rules);
}

static void what_is_no_event_is_quiet_and_what_may_be_asked_for_is_said(void **state)
{
	struct gate_around around = {0};

	(void)state;
	assert_true(decide("", PHONE, around).quiet);
	assert_true(decide("", CAMERA, around).quiet);
	assert_true(decide("", PRINTER_WITH_DISC, around).quiet);
	assert_true(decide("", KEYBOARD, around).quiet);
	assert_false(decide("", KINGSTON, around).quiet);
	assert_false(decide("", KINGSTON, around).may_ask);
	assert_true(decide("set ask yes 3\n", KINGSTON, around).may_ask);
	assert_false(decide("set ask yes 3\n" ANY, KINGSTON, around).may_ask);
}

static void off_and_audit_are_said_with_the_decision(void **state)
{
	static const char text[] =
		"caretaker-gate 1\npolicy p 1\nmode storage %s 7\nmode hardware off 8\nend\n";
	static const struct {
		const char *mode;
		enum gate_mode want;
		enum gate_verb verb;
	} cases[] = {{"off", GATE_OFF, GATE_PASS},
		     {"audit", GATE_AUDIT, GATE_REFUSE},
		     {"enforce", GATE_ENFORCE, GATE_REFUSE}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_rules *rules = NULL;
		struct gate_device device = make(KINGSTON);
		const struct gate_around around = {.now = NOW, .now_known = true};
		struct gate_decision got;
		char filled[256];

		snprintf(filled, sizeof(filled), text, cases[i].mode);
		assert_works(gate_rules_parse(filled, strlen(filled), &rules, &err));
		gate_hold(&device, rules);
		gate_decide(rules, &device, &around, &got);
		assert_int_equal(got.mode, cases[i].want);
		assert_int_equal(got.verb, cases[i].verb);
		gate_rules_free(rules);
	}
}

static void each_interface_opens_by_itself(void **state)
{
	struct gate_rules *rules = rules_of(ENCRYPTED ANY "refuse class network 30\n");
	struct gate_device device = make(KEYBOARD_AND_STICK), phone = make(PHONE);
	const struct gate_around around = {.now = NOW, .now_known = true};
	struct gate_decision got;

	(void)state;
	gate_hold(&device, rules);
	gate_hold(&phone, rules);
	gate_decide(rules, &device, &around, &got);
	assert_int_equal(got.verb, GATE_JUDGE);
	assert_true(gate_may_open(rules, &got, &device.interfaces[0]));
	assert_true(gate_may_open(rules, &got, &device.interfaces[1]));
	assert_false(gate_may_open(rules, &got, &device.interfaces[2]));
	assert_false(gate_may_open(rules, &got, &phone.interfaces[0])); /* no disk to judge */
	got.verb = GATE_OPEN; /* of the storage: it says nothing of the network card */
	assert_true(gate_may_open(rules, &got, &device.interfaces[1]));
	assert_false(gate_may_open(rules, &got, &device.interfaces[2]));
	got.verb = GATE_REFUSE;
	assert_true(gate_may_open(rules, &got, &device.interfaces[0]));
	assert_false(gate_may_open(rules, &got, &device.interfaces[1]));
	gate_rules_free(rules);
	rules = rules_of("");
	rules->storage_mode = GATE_AUDIT; /* touches nothing */
	assert_true(gate_may_open(rules, &got, &device.interfaces[1]));
	gate_rules_free(rules);
}

static void a_refused_medium_names_the_line_that_refused_it(void **state)
{
	static const struct gate_medium plain = {.bytes = 1 << 24},
					clear = {.bytes = 1 << 24,
						 .file_system = "vfat",
						 .unlocked = true,
						 .scanned = GATE_INFECTED};
	struct gate_decision device = decide(ANY "set encrypted luks 15\nset scan full 16\n",
					     KINGSTON, (struct gate_around){0}),
			     got;

	(void)state;
	assert_int_equal(device.line, 14);
	gate_decide_medium(&device, &plain, &got);
	assert_int_equal(got.line, 15);
	gate_decide_medium(&device, &clear, &got);
	assert_string_equal(got.why, "infected");
	assert_int_equal(got.line, 16);
}

static void a_card_reader_is_quiet_by_its_name_or_its_driver(void **state)
{
	static const char *const names[] = {"USB2.0 Card Reader", "USB3.0-CRW", "Multi-Card",
					    "Generic SD/MMC"};
	struct gate_rules *rules = rules_of("set allow none 14\n");
	struct gate_around around = {.now = NOW, .now_known = true};
	struct gate_device device = make(KINGSTON);
	struct gate_decision got;

	(void)state;
	gate_hold(&device, rules);
	gate_decide(rules, &device, &around, &got);
	assert_false(got.quiet);
	for (size_t i = 0; i < COUNT(names); i++) {
		gate_device_says(&device, "1", "", names[i]);
		gate_decide(rules, &device, &around, &got);
		if (!got.quiet || got.verb != GATE_REFUSE)
			fail_msg("'%s'", names[i]);
	}
	gate_device_says(&device, "1", "", "Storage");
	strcpy(device.interfaces[0].drivers[0], "ums_realtek");
	gate_decide(rules, &device, &around, &got);
	assert_true(got.quiet);
	/* Where it may be used, its slot tells. */
	rules->allow = GATE_ALLOW_ANY;
	gate_decide(rules, &device, &around, &got);
	assert_int_equal(got.verb, GATE_OPEN);
	assert_false(got.quiet);
	gate_rules_free(rules);
}

static void each_partition_is_judged_by_itself(void **state)
{
	static const struct {
		struct gate_decision device;
		struct gate_medium medium;
		enum gate_verb verb;
		const char *why;
	} cases[] = {
#define JUDGED(...) {.verb = GATE_JUDGE, .why = "allowed", __VA_ARGS__}
#define DISK(...) \
	{ \
		.bytes = 1 << 24, __VA_ARGS__ \
	}
#define LUKS .file_system = "crypto_LUKS"
		{JUDGED(.encrypted = 7), DISK(LUKS), GATE_OPEN, "allowed"},
		{JUDGED(.encrypted = 7, .read_only = true), DISK(LUKS), GATE_READ_ONLY, "allowed"},
		{JUDGED(.encrypted = 7), DISK(.file_system = "BitLocker"), GATE_OPEN, "allowed"},
		{JUDGED(.encrypted = 1), DISK(.file_system = "BitLocker"), GATE_REFUSE, "plain"},
		{JUDGED(.encrypted = 2), DISK(LUKS), GATE_REFUSE, "plain"},
		{JUDGED(.encrypted = 7), DISK(LUKS, .null_cipher = true), GATE_REFUSE,
		 "null-cipher"},
		{JUDGED(.encrypted = 7), DISK(.file_system = "vfat"), GATE_REFUSE, "plain"},
		{JUDGED(.encrypted = 7), DISK(.file_system = ""), GATE_REFUSE, "plain"},
		{JUDGED(.encrypted = 7, .plain = GATE_PLAIN_READ_ONLY), DISK(.file_system = "vfat"),
		 GATE_READ_ONLY, "plain"},
		{JUDGED(.encrypted = 7, .plain = GATE_PLAIN_READ_ONLY, .scan = GATE_SCAN_FULL),
		 DISK(.file_system = "vfat"), GATE_REFUSE, "not-scanned"},
		{JUDGED(.encrypted = 7, .self_encrypting = true), DISK(.file_system = "vfat"),
		 GATE_OPEN, "allowed"},
		{JUDGED(.encrypted = 7, .self_encrypting = true), DISK(.optical = true),
		 GATE_READ_ONLY, "unlocker"},
		{JUDGED(.encrypted = 7), DISK(.optical = true), GATE_REFUSE, "plain"},
		{JUDGED(.encrypted = 7, .scan = GATE_SCAN_FULL), DISK(LUKS), GATE_OPEN, "allowed"},
		{JUDGED(.encrypted = 7, .scan = GATE_SCAN_FULL),
		 DISK(.file_system = "vfat", .unlocked = true), GATE_REFUSE, "not-scanned"},
		{JUDGED(.encrypted = 7, .scan = GATE_SCAN_FULL),
		 DISK(.file_system = "vfat", .unlocked = true, .scanned = GATE_CLEAN), GATE_OPEN,
		 "allowed"},
		{JUDGED(.scan = GATE_SCAN_FULL), DISK(.scanned = GATE_UNSCANNED), GATE_REFUSE,
		 "not-scanned"},
		{JUDGED(.scan = GATE_SCAN_ON_OPEN), DISK(.scanned = GATE_UNSCANNED), GATE_REFUSE,
		 "not-scanned"},
		{JUDGED(.scan = GATE_SCAN_ON_OPEN), DISK(.scanned = GATE_GUARDED), GATE_READ_ONLY,
		 "allowed"},
		{JUDGED(.scan = GATE_SCAN_ON_OPEN), DISK(.scanned = GATE_CLEAN), GATE_OPEN,
		 "allowed"},
		{JUDGED(.scan = GATE_SCAN_FULL), DISK(.scanned = GATE_GUARDED), GATE_REFUSE,
		 "not-scanned"},
		{JUDGED(.scan = GATE_SCAN_ON_OPEN), DISK(.scanned = GATE_INFECTED), GATE_REFUSE,
		 "infected"},
		{JUDGED(.scan = GATE_SCAN_FULL), DISK(.scanned = GATE_UNSCANNABLE), GATE_REFUSE,
		 "unscannable"},
		{JUDGED(.scan = GATE_SCAN_FULL), DISK(.scanned = GATE_CLEAN), GATE_OPEN, "allowed"},
		{JUDGED(.scan = GATE_SCAN_FULL, .read_only = true), DISK(.scanned = GATE_CLEAN),
		 GATE_READ_ONLY, "allowed"},
		{JUDGED(.max_bytes = 1 << 24), DISK(.scanned = GATE_UNSCANNED), GATE_OPEN,
		 "allowed"},
		{JUDGED(.max_bytes = (1 << 24) - 1), DISK(.scanned = GATE_UNSCANNED), GATE_REFUSE,
		 "too-large"},
		{JUDGED(.max_bytes = (1 << 24) - 1), DISK(.whole_disk = true), GATE_REFUSE,
		 "too-large"},
		{JUDGED(.max_bytes = 1 << 24), DISK(.device_bytes = 2 << 24), GATE_REFUSE,
		 "too-large"},
		{JUDGED(.encrypted = 7), DISK(.whole_disk = true), GATE_PASS, "parts-decide"},
		{JUDGED(.encrypted = 7), {.bytes = 0}, GATE_PASS, "no-medium"},
		{{.verb = GATE_OPEN, .why = "allowed"}, {.bytes = 0}, GATE_PASS, "no-medium"},
		{{.verb = GATE_REFUSE, .why = "not-approved"},
		 DISK(LUKS),
		 GATE_REFUSE,
		 "not-approved"},
		{{.verb = GATE_OPEN, .why = "allowed"},
		 DISK(.optical = false),
		 GATE_OPEN,
		 "allowed"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gate_decision got;

		gate_decide_medium(&cases[i].device, &cases[i].medium, &got);
		if (got.verb != cases[i].verb || strcmp(got.why, cases[i].why) != 0)
			fail_msg("case %zu: verb %d '%s'", i, (int)got.verb, got.why);
	}
}

static void a_model_that_encrypts_by_itself_counts_where_the_policy_says_hardware(void **state)
{
	static const char model[] = "model hardware-encrypted 0951:1666 3\n";
	char rules[256];

	(void)state;
	snprintf(rules, sizeof(rules), ANY ENCRYPTED "%s", model);
	assert_true(decide(rules, KINGSTON, (struct gate_around){0}).self_encrypting);
	snprintf(rules, sizeof(rules), ANY "set encrypted luks 3\n%s", model);
	assert_false(decide(rules, KINGSTON, (struct gate_around){0}).self_encrypting);
	assert_false(decide(ANY ENCRYPTED, KINGSTON, (struct gate_around){0}).self_encrypting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_refuses_storage_and_nothing_else),
		cmocka_unit_test(approved_sticks_and_people_open_until_their_end),
		cmocka_unit_test(of_two_approvals_the_wider_and_then_the_longer_counts),
		cmocka_unit_test(an_end_cannot_be_trusted_to_an_unknown_clock),
		cmocka_unit_test(a_serial_that_identifies_nothing_is_decided_by_the_policy),
		cmocka_unit_test(conditions_are_judged_at_the_medium),
		cmocka_unit_test(storage_belongs_in_the_ports_that_the_policy_names),
		cmocka_unit_test(class_sets_open_whatever_else_holds),
		cmocka_unit_test(a_refused_medium_names_the_line_that_refused_it),
		cmocka_unit_test(a_card_reader_is_quiet_by_its_name_or_its_driver),
		cmocka_unit_test(what_holds_the_system_is_never_refused),
		cmocka_unit_test(hardware_refuses_what_it_names_and_never_what_people_need),
		cmocka_unit_test(a_locked_screen_shuts_what_is_newly_plugged),
		cmocka_unit_test(phones_and_cameras_open_only_where_nothing_is_asked_of_a_disk),
		cmocka_unit_test(media_that_are_not_usb_follow_the_same_rules),
		cmocka_unit_test(what_is_no_event_is_quiet_and_what_may_be_asked_for_is_said),
		cmocka_unit_test(off_and_audit_are_said_with_the_decision),
		cmocka_unit_test(each_interface_opens_by_itself),
		cmocka_unit_test(each_partition_is_judged_by_itself),
		cmocka_unit_test(
			a_model_that_encrypts_by_itself_counts_where_the_policy_says_hardware),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
