/* What is decided of each medium of a device, and of each of its interfaces.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/decide_helpers.h"

static void conditions_are_judged_at_the_medium(void **state)
{
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
	/* An exception for the model: the network card opens, whatever becomes of the storage. */
	rules = rules_of("set allow none 14\nrefuse class network 30\n"
			 "pass model 0951:1666 1795328401 EX-5 0\n");
	gate_hold(&device, rules);
	gate_decide(rules, &device, &around, &got);
	assert_int_equal(got.verb, GATE_REFUSE);
	assert_int_equal(got.hardware_until, NOW + 1);
	assert_string_equal(got.exception, "");
	assert_false(gate_may_open(rules, &got, &device.interfaces[1]));
	assert_true(gate_may_open(rules, &got, &device.interfaces[2]));
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
		{JUDGED(.encrypted = 7, .self_encrypting = true, .unlocker = true),
		 DISK(.optical = true), GATE_READ_ONLY, "unlocker"},
		{JUDGED(.encrypted = 7, .self_encrypting = true), DISK(.optical = true),
		 GATE_REFUSE, "plain"},
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

static void a_cd_rom_unlocks_where_the_model_shows_one_and_encrypting_counts(void **state)
{
	static const struct {
		const char *rules;
		bool unlocker;
	} cases[] = {
		{"set encrypted hardware 3\nmodel hardware-encrypted 0951:1666 3\n"
		 "model unlocker 0951:1666 3\n",
		 true},
		{"set encrypted hardware 3\nmodel hardware-encrypted 0951:1666 3\n"
		 "model unlocker 0951:1667 3\n",
		 false},
		{"set encrypted luks 3\nmodel hardware-encrypted 0951:1666 3\n"
		 "model unlocker 0951:1666 3\n",
		 false},
		{"set encrypted hardware 3\nmodel unlocker 0951:1666 3\n", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char rules[256];

		snprintf(rules, sizeof(rules), ANY "%s", cases[i].rules);
		if (decide(rules, KINGSTON, (struct gate_around){0}).unlocker != cases[i].unlocker)
			fail_msg("case %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_are_judged_at_the_medium),
		cmocka_unit_test(each_interface_opens_by_itself),
		cmocka_unit_test(a_refused_medium_names_the_line_that_refused_it),
		cmocka_unit_test(each_partition_is_judged_by_itself),
		cmocka_unit_test(
			a_model_that_encrypts_by_itself_counts_where_the_policy_says_hardware),
		cmocka_unit_test(a_cd_rom_unlocks_where_the_model_shows_one_and_encrypting_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
