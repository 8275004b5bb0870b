/* Every stance of the five schools and the DfE: rules and a device in, the decision out.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/decide_helpers.h"

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
		{ANY "refuse class other 30\npass model 0904:1666 0 - 31\n",
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
	around.kind = GATE_KIND_ESATA;
	gate_decide(rules, &device, &around, &got);
	assert_string_equal(got.why, "kind-not-counted");
	gate_rules_free(rules);
	rules = rules_of("set allow none 14\nset kinds esata 3\n");
	gate_decide(rules, &device, &around, &got);
	assert_int_equal(got.verb, GATE_REFUSE);
	assert_string_equal(got.why, "not-allowed");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_refuses_storage_and_nothing_else),
		cmocka_unit_test(approved_sticks_and_people_open_until_their_end),
		cmocka_unit_test(of_two_approvals_the_wider_and_then_the_longer_counts),
		cmocka_unit_test(an_end_cannot_be_trusted_to_an_unknown_clock),
		cmocka_unit_test(a_serial_that_identifies_nothing_is_decided_by_the_policy),
		cmocka_unit_test(storage_belongs_in_the_ports_that_the_policy_names),
		cmocka_unit_test(class_sets_open_whatever_else_holds),
		cmocka_unit_test(a_card_reader_is_quiet_by_its_name_or_its_driver),
		cmocka_unit_test(what_holds_the_system_is_never_refused),
		cmocka_unit_test(hardware_refuses_what_it_names_and_never_what_people_need),
		cmocka_unit_test(a_locked_screen_shuts_what_is_newly_plugged),
		cmocka_unit_test(phones_and_cameras_open_only_where_nothing_is_asked_of_a_disk),
		cmocka_unit_test(media_that_are_not_usb_follow_the_same_rules),
		cmocka_unit_test(what_is_no_event_is_quiet_and_what_may_be_asked_for_is_said),
		cmocka_unit_test(off_and_audit_are_said_with_the_decision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
