/* The storage gate's part of the daemon: what rules, their lack and a locked screen do to what is
 * plugged in.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/fake/fake_machine.h"
#include "tests/unit/gate_machine.h"

/* --- block, allow, read-only --- */

static void a_stick_that_nothing_allows_stays_shut_and_is_recorded(void **state)
{
	(void)state;
	start_with(BLOCK);
	plug_in("2-1", "60A44C41");
	assert_string_equal(done, "");
	assert_int_equal(lines(), 1);
	last_line_has("\"type\":\"storage-refused\",\"count\":1,\"enforced\":true,\"reference\":");
	last_line_has("\"id\":\"0951:1666:60A44C41\",\"port\":\"2-1\",\"kind\":\"storage\","
		      "\"maker\":\"Kingston\",\"model\":\"Data\xef\xbf\xbd[2JTraveler\","
		      "\"interfaces\":[\"080650\"],\"verdict\":\"refused\","
		      "\"why\":\"not-allowed\",\"line\":4}");
	shown_has("\"verdict\":\"refused\",\"enforced\":true,\"why\":\"not-allowed\",\"line\":4");
	assert_int_equal(happened_count, 1);
}

static void a_keyboard_that_was_left_shut_is_let_through(void **state)
{
	(void)state;
	start_with(BLOCK);
	plug_as("1-1", 0x0001, "", 3, "01ip01");
	bound("1-1");
	assert_string_equal(done, "let 1-1:1.0");
	assert_int_equal(lines(), 0);
	shown_has("\"kind\":\"input\"");
}

static void what_is_allowed_is_let_in_and_its_media_are_opened(void **state)
{
	(void)state;
	start_with(ANY);
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda", "2-1");
	assert_string_equal(done, "let 2-1:1.0, open sda, open sda1");
	assert_string_equal(opened, "sda sda1 ");
	assert_int_equal(lines(), 1);
	last_line_has("\"type\":\"storage-opened\"");
	last_line_has("\"verdict\":\"open\",\"why\":\"allowed\",\"line\":4");
}

static void read_only_is_set_before_a_medium_opens(void **state)
{
	(void)state;
	start_with(READ_ONLY);
	plug_in("2-1", "60A44C41");
	assert_string_equal(done, "let 2-1:1.0");
	done[0] = '\0';
	hold("2-1", "sda", "vfat");
	told("sda", "2-1");
	assert_string_equal(done, "ro sda, open sda, ro sda1, open sda1");
	last_line_has("\"verdict\":\"read-only\"");
}

static void a_change_to_read_only_unmounts_what_can_be_written(void **state)
{
	(void)state;
	start_with(ANY);
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	medium("sda")->mounted = medium("sda1")->mounted = true;
	show_media();
	done[0] = '\0';
	new_rules(READ_ONLY);
	assert_string_equal(done,
			    "unmount sda, ro sda, open sda, unmount sda1, ro sda1, open sda1");
	last_line_has("\"verdict\":\"read-only\"");
	done[0] = '\0';
	new_rules(ANY); /* and back: what we made read-only is writable again */
	assert_string_equal(done, "rw sda, open sda, rw sda1, open sda1");
}

static void a_new_policy_shuts_what_is_plugged_after_unmounting_it(void **state)
{
	(void)state;
	start_with(ANY);
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	medium("sda1")->mounted = true;
	show_media();
	done[0] = '\0';
	new_rules(BLOCK);
	assert_string_equal(done, "close sda, unmount sda1, close sda1, shut 2-1:1.0");
	assert_string_equal(opened, "");
	last_line_has("\"type\":\"storage-shut\"");
	last_line_has("\"why\":\"not-allowed\"");
}

static void what_holds_the_system_is_never_touched(void **state)
{
	(void)state;
	plug("2-1", "60A44C41")->interfaces[0].authorized = true;
	hold("2-1", "sda", "ext4");
	medium("sda")->holds_system = medium("sda1")->holds_system = true;
	medium("sda1")->mounted = true;
	show_media();
	start_with(BLOCK);
	told("sda", "2-1");
	assert_string_equal(done, "open sda, open sda1, open sda, open sda1");
	shown_has("\"why\":\"holds-system\"");
}

static void a_system_on_a_stick_that_is_read_only_stays_so(void **state)
{
	(void)state;
	plug("2-1", "60A44C41")->interfaces[0].authorized = true;
	hold("2-1", "sda", "iso9660");
	medium("sda")->holds_system = medium("sda1")->holds_system = true;
	medium("sda")->read_only = medium("sda1")->read_only = true;
	show_media();
	start_with(ANY);
	assert_null(strstr(done, "rw sda"));
	assert_true(medium("sda1")->read_only);
}

static void what_somebody_else_shut_stays_shut_under_audit(void **state)
{
	(void)state;
	start_with("mode storage audit 3\nmode hardware audit 9\nset allow any 4\n"
		   "set encrypted none 5\nset scan none 6\n");
	plug_in("2-1", "60A44C41");
	assert_string_equal(done, "");
}

static void after_another_boot_a_clock_that_says_less_opens_nothing_with_an_end(void **state)
{
	char rules[512];
	struct err err;

	(void)state;
	(void)snprintf(rules, sizeof(rules),
		       "caretaker-gate 1\npolicy school 7\nclock %lld 5 another-boot\n" APPROVED
		       "stick 0951:1666:60A44C41 %lld any EX-12 0\nend\n",
		       (long long)FAKE_NOW, (long long)FAKE_NOW + 864000);
	assert_int_equal(plat_file_replace(RULES, rules, strlen(rules), PLAT_FILE_PRIVATE, &err),
			 0);
	fake_set_now(FAKE_NOW - 86400);
	start();
	plug_in("2-1", "60A44C41");
	assert_string_equal(done, "");
	last_line_has("\"why\":\"clock-unknown\"");
	fake_set_now(FAKE_NOW + 86400);
	gate_look(gate);
	assert_string_equal(done, "let 2-1:1.0");
}

static void media_begin_closed_while_storage_is_enforced(void **state)
{
	(void)state;
	start_with(BLOCK);
	assert_non_null(fake_file_text(STATE "/hardware/enforced"));
	gate_free(gate); /* and go on doing so without us */
	start();
	assert_non_null(fake_file_text(STATE "/hardware/enforced"));
	new_rules("mode storage audit 3\nmode hardware enforce 9\n");
	assert_null(fake_file_text(STATE "/hardware/enforced"));
}

/* --- audit, no rules, damaged rules --- */

static void audit_touches_nothing_and_records_the_same(void **state)
{
	(void)state;
	start_with("mode storage audit 3\nmode hardware audit 9\nset allow any 4\n"
		   "set encrypted luks 5\nset scan none 6\n");
	plug("2-1", "60A44C41")->interfaces[0].authorized = true;
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda", "2-1");
	assert_string_equal(done, "");
	assert_int_equal(lines(), 1);
	last_line_has("\"type\":\"storage-refused\",\"count\":1,\"enforced\":false");
	last_line_has("\"bytes\":15728640,\"file_system\":\"vfat\",\"verdict\":\"refused\","
		      "\"why\":\"plain\"");
}

static void without_rules_nothing_is_decided_touched_or_recorded(void **state)
{
	(void)state;
	start();
	plug_in("2-1", "60A44C41");
	assert_string_equal(done, "");
	assert_int_equal(lines(), 0);
	shown_has("\"rules\":\"none\"");
	shown_has("\"verdict\":\"passed\"");
}

static void damaged_rules_leave_the_last_good_ones_in_force(void **state)
{
	(void)state;
	start_with(BLOCK);
	assert_works(plat_file_replace(RULES, "caretaker-gate 1\n", 17, PLAT_FILE_PRIVATE, &err));
	gate_rules_changed(gate);
	shown_has("\"storage\":\"enforce\"");
	shown_has("\"rules\":\"damaged\"");
	plug("2-1", "60A44C41")->interfaces[0].authorized = true;
	bound("2-1");
	assert_string_equal(done, "shut 2-1:1.0");
}

static void damaged_rules_at_the_start_let_nothing_in(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(plat_file_replace(RULES, "x", 1, PLAT_FILE_PRIVATE, &err), 0);
	start();
	plug_in("2-1", "60A44C41");
	assert_string_equal(done, "");
	shown_has("\"verdict\":\"refused\",\"enforced\":false,\"why\":\"no-rules\"");
}

static void when_enforcement_ends_what_was_shut_is_let_through(void **state)
{
	(void)state;
	start_with(BLOCK);
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	assert_string_equal(done, "");
	new_rules("mode storage audit 3\nmode hardware audit 9\nset allow none 4\n");
	assert_string_equal(done, "let 2-1:1.0");
}

static void ending_opens_and_shuts_nothing(void **state)
{
	(void)state;
	start_with(ANY);
	plug("2-1", "1");
	plug("2-2", "60A44C41");
	bound("2-1");
	bound("2-2");
	new_rules(BLOCK);
	done[0] = '\0';
	gate_free(gate);
	gate = NULL;
	assert_string_equal(done, "");
}

/* --- the screen --- */

static void what_is_plugged_while_the_screen_is_locked_waits_for_it(void **state)
{
	(void)state;
	start_with(ANY "set shut_while_locked yes 12\n");
	plug_in("2-1", "1");
	fake_gate.locked = true;
	gate_seat_changed(gate);
	assert_string_equal(done, "let 2-1:1.0"); /* what was there stays */
	plug_in("2-2", "2");
	assert_string_equal(done, "let 2-1:1.0");
	last_line_has("\"why\":\"screen-locked\"");
	fake_gate.locked = false;
	gate_seat_changed(gate);
	assert_string_equal(done, "let 2-1:1.0, let 2-2:1.0");
	fake_gate.locked = true;
	gate_seat_changed(gate);
	assert_string_equal(done, "let 2-1:1.0, let 2-2:1.0");
}

static void a_restart_while_locked_does_not_take_what_was_open(void **state)
{
	(void)state;
	put_rules(ANY "set shut_while_locked yes 12\n");
	plug("2-1", "1")->interfaces[0].authorized = true;
	plug("2-2", "2");
	fake_gate.locked = true;
	start();
	assert_string_equal(done, "");
	shown_has("\"why\":\"allowed\"");
	shown_has("\"why\":\"screen-locked\"");
}

/* It is as the system has it: no disc of a kind that is not counted is shut. */
static void what_the_policy_does_not_count_is_left_as_it_is(void **state)
{
	(void)state;
	start_with(BLOCK "set kinds phone,card 8\n");
	plug_in("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	told("sda", "2-1");
	hold("", "sr0", "iso9660");
	medium("sr0")->optical = medium("sr01")->optical = true;
	show_media();
	told("sr0", "");
	assert_string_equal(done, "let 2-1:1.0, open sda, open sda1, open sr0, open sr01");
	assert_int_equal(lines(), 0);
	/* What was shut when it counted is given back. */
	new_rules(BLOCK);
	done[0] = '\0';
	new_rules(BLOCK "set kinds phone,card 8\n");
	assert_non_null(strstr(done, "let 2-1:1.0"));
	assert_non_null(strstr(done, "rw sr0, open sr0"));
}

/* As udev's rules and the helper do: somebody has to get in. */
static void the_word_on_the_command_line_opens_everything_for_a_boot(void **state)
{
	static const char *const words[] = {"quiet", "caretaker.usb=off", NULL};

	(void)state;
	fake_machine.boot_words = words;
	put_rules(BLOCK);
	plug("2-1", "60A44C41")->interfaces[0].authorized = true;
	hold("2-1", "sda", "vfat");
	medium("sda1")->mounted = true;
	show_media();
	start();
	told("sda", "2-1");
	assert_string_equal(done, "");
	last_line_has("\"enforced\":false");
	last_line_has("\"verdict\":\"refused\"");
	assert_non_null(fake_file_text(STATE "/hardware/enforced")); /* for the next boot */
	fake_machine.boot_words = NULL;
}

static void a_dead_device_is_no_matter(void **state)
{
	(void)state;
	start_with(BLOCK);
	bound("2-9");
	unplug("2-9");
	says("block", "disk", "add", "sdz", "2-9");
	assert_string_equal(done, "");
	assert_int_equal(lines(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_stick_that_nothing_allows_stays_shut_and_is_recorded),
		TEST(a_keyboard_that_was_left_shut_is_let_through),
		TEST(what_is_allowed_is_let_in_and_its_media_are_opened),
		TEST(read_only_is_set_before_a_medium_opens),
		TEST(a_change_to_read_only_unmounts_what_can_be_written),
		TEST(a_new_policy_shuts_what_is_plugged_after_unmounting_it),
		TEST(what_holds_the_system_is_never_touched),
		TEST(a_system_on_a_stick_that_is_read_only_stays_so),
		TEST(what_somebody_else_shut_stays_shut_under_audit),
		TEST(after_another_boot_a_clock_that_says_less_opens_nothing_with_an_end),
		TEST(media_begin_closed_while_storage_is_enforced),
		TEST(audit_touches_nothing_and_records_the_same),
		TEST(without_rules_nothing_is_decided_touched_or_recorded),
		TEST(damaged_rules_leave_the_last_good_ones_in_force),
		TEST(damaged_rules_at_the_start_let_nothing_in),
		TEST(when_enforcement_ends_what_was_shut_is_let_through),
		TEST(ending_opens_and_shuts_nothing),
		TEST(what_is_plugged_while_the_screen_is_locked_waits_for_it),
		TEST(a_restart_while_locked_does_not_take_what_was_open),
		TEST(what_the_policy_does_not_count_is_left_as_it_is),
		TEST(the_word_on_the_command_line_opens_everything_for_a_boot),
		TEST(a_dead_device_is_no_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
