/* The storage gate and approvals: whom and what they open, and how they end.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_machine.h"

static void only_the_stick_that_was_approved_opens(void **state)
{
	(void)state;
	start_with(APPROVED "stick 0951:1666:60A44C41 0 any EX-12 0\n");
	plug_in("2-1", "60A44C42");
	assert_string_equal(done, "");
	last_line_has("\"why\":\"not-approved\"");
	plug("2-2", "60A44C41");
	hold("2-2", "sda", "vfat");
	bound("2-2");
	assert_string_equal(done, "let 2-2:1.0");
	assert_int_equal(lines(), 1); /* nothing is seen in it yet */
	told("sda", "2-2");
	last_line_has("\"why\":\"approved-stick\",\"line\":4,\"exception\":\"EX-12\"");
}

static void an_approval_opens_what_is_plugged_without_replugging(void **state)
{
	(void)state;
	start_with(APPROVED);
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	assert_string_equal(done, "");
	new_rules(APPROVED "stick 0951:1666:60A44C41 0 any EX-12 0\n");
	assert_string_equal(done, "let 2-1:1.0");
	told("sda", "2-1");
	last_line_has("\"type\":\"storage-opened\"");
}

static void an_approval_s_end_shuts_what_is_plugged(void **state)
{
	char rules[512];

	(void)state;
	(void)snprintf(rules, sizeof(rules), "%sstick 0951:1666:60A44C41 %lld any EX-12 0\n",
		       APPROVED, (long long)FAKE_NOW + 90);
	start_with(rules);
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	medium("sda1")->mounted = true;
	show_media();
	assert_int_equal(gate_wait_ms(gate), 60000); /* a sleep may come between */
	fake_advance(60);
	gate_tick(gate);
	assert_int_equal(gate_wait_ms(gate), 30200);
	done[0] = '\0';
	fake_advance(31);
	gate_tick(gate);
	assert_string_equal(done, "close sda, unmount sda1, close sda1, shut 2-1:1.0");
	last_line_has("\"type\":\"storage-shut\"");
	last_line_has("\"why\":\"approval-ended\"");
	last_line_has("\"exception\":\"EX-12\"");
	assert_int_equal(gate_wait_ms(gate), -1);
}

static void a_clock_that_is_set_back_prolongs_no_approval(void **state)
{
	char rules[512], boot[37];
	struct err err;

	(void)state;
	assert_int_equal(plat_boot_id(boot, &err), 0);
	(void)snprintf(rules, sizeof(rules),
		       "caretaker-gate 1\npolicy school 7\nclock %lld %lld %s\n" APPROVED
		       "stick 0951:1666:60A44C41 %lld any EX-12 0\nend\n",
		       (long long)FAKE_NOW, (long long)plat_uptime_ms() / 1000, boot,
		       (long long)FAKE_NOW + 50);
	assert_int_equal(plat_file_replace(RULES, rules, strlen(rules), PLAT_FILE_PRIVATE, &err),
			 0);
	start();
	plug_in("2-1", "60A44C41");
	assert_string_equal(done, "let 2-1:1.0");
	fake_advance(51);
	fake_set_now(FAKE_NOW - 86400);
	gate_tick(gate);
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0");
}

static void a_person_s_approval_ends_when_somebody_else_sits_there(void **state)
{
	(void)state;
	put_rules(APPROVED "person ann 0 any - 5\n");
	fake_gate.user = "ann";
	start();
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	assert_string_equal(done, "let 2-1:1.0");
	told("sda", "2-1");
	last_line_has("\"user\":\"ann\"");
	done[0] = '\0';
	fake_gate.user = "bob";
	gate_seat_changed(gate);
	assert_string_equal(done, "close sda, close sda1, shut 2-1:1.0");
	done[0] = '\0';
	fake_gate.user = "ann";
	gate_seat_changed(gate);
	assert_string_equal(done, "let 2-1:1.0");
}

static void two_sticks_with_one_serial_are_both_refused(void **state)
{
	(void)state;
	start_with(APPROVED "stick 0951:1666:60A44C41 0 any - 5\n");
	plug_in("2-1", "60A44C41");
	plug_in("2-2", "60A44C41");
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0");
	last_line_has("\"why\":\"twin-serial\"");
	unplug("2-2");
	assert_string_equal(done, "let 2-1:1.0, shut 2-1:1.0, let 2-1:1.0");
}

static void two_sticks_with_one_serial_are_refused_at_the_start_too(void **state)
{
	(void)state;
	put_rules(APPROVED "stick 0951:1666:60A44C41 0 any - 5\n");
	plug("2-1", "60A44C41");
	plug("2-2", "60A44C41");
	start();
	assert_string_equal(done, "");
	assert_int_equal(lines(), 1); /* of both: the same attempt, twice */
	last_line_has("\"why\":\"twin-serial\"");
}

static void what_comes_in_a_twin_s_place_leaves_the_other_alone(void **state)
{
	struct plat_port_device *device;

	(void)state;
	start_with(APPROVED "stick 0951:1666:60A44C41 0 any - 5\n");
	/* Whatever says the same of itself: a keyboard here. */
	device = plug_as("2-1", 0x1666, "60A44C41", 3, "01ip01");
	device->number = 5;
	bound("2-1");
	plug("2-2", "60A44C41")->number = 6;
	bound("2-2");
	done[0] = '\0';
	/* Another in the first one's place, seen before any event says so. */
	strcpy(device->serial, "OTHER");
	device->number = 7;
	says("block", "disk", "remove", "sda", "2-1");
	assert_string_equal(done, "let 2-2:1.0");
	says_of(5, "usb", "usb_device", "remove", "2-1", "2-1");
	bound("2-1");
	assert_string_equal(done, "let 2-2:1.0");
}

static void approved_stick_comes_back_changed(void)
{
	plug_in("2-1", "60A44C41");
	unplug("2-1");
	strcpy(plug("2-1", "60A44C41")->model, "Rubber Ducky");
	done[0] = '\0';
	bound("2-1");
	assert_string_equal(done, "");
	last_line_has("\"why\":\"changed-device\"");
}

static void an_approved_stick_that_looks_different_is_said_so(void **state)
{
	(void)state;
	start_with(APPROVED "stick 0951:1666:60A44C41 0 any EX-1 0\n");
	approved_stick_comes_back_changed();
	/* Where the policy asks nobody about such, it stays so, whoever approves it ... */
	new_rules(APPROVED "stick 0951:1666:60A44C41 0 any EX-2 0\n");
	assert_string_equal(done, "");
	/* ... until what it was approved as is taken back. */
	new_rules(APPROVED);
	last_line_has("\"why\":\"not-approved\"");
	new_rules(APPROVED "stick 0951:1666:60A44C41 0 any EX-3 0\n");
	assert_string_equal(done, "let 2-1:1.0");
}

static void whoever_approves_a_changed_stick_where_the_policy_asks_knows_it_as_it_is(void **state)
{
	(void)state;
	start_with(APPROVED "set weak_serial ask 5\nstick 0951:1666:60A44C41 0 any EX-1 0\n");
	approved_stick_comes_back_changed();
	new_rules(APPROVED "set weak_serial ask 5\nstick 0951:1666:60A44C41 0 any EX-2 0\n");
	assert_string_equal(done, "let 2-1:1.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_the_stick_that_was_approved_opens),
		TEST(an_approval_opens_what_is_plugged_without_replugging),
		TEST(an_approval_s_end_shuts_what_is_plugged),
		TEST(a_clock_that_is_set_back_prolongs_no_approval),
		TEST(a_person_s_approval_ends_when_somebody_else_sits_there),
		TEST(two_sticks_with_one_serial_are_both_refused),
		TEST(two_sticks_with_one_serial_are_refused_at_the_start_too),
		TEST(what_comes_in_a_twin_s_place_leaves_the_other_alone),
		TEST(an_approved_stick_that_looks_different_is_said_so),
		TEST(whoever_approves_a_changed_stick_where_the_policy_asks_knows_it_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
