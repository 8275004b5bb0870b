/* The storage gate and what is in an encrypted stick once somebody has unlocked it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_machine.h"

#define SCANNED ENFORCE "set allow any 4\nset encrypted luks,bitlocker 5\nset scan full 6\n"

static void plug_container(const char *rules, const char *file_system)
{
	start_with(rules);
	plug("2-1", "1");
	hold("2-1", "sda", file_system);
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "sda1 ");
	done[0] = '\0';
}

static void what_is_unlocked_stays_shut_until_it_was_scanned(void **state)
{
	static const char *const containers[] = {"crypto_LUKS", "BitLocker"};

	(void)state;
	for (size_t i = 0; i < COUNT(containers); i++) {
		plug_container(SCANNED, containers[i]);
		assert_int_equal(lines(), 1);
		unlock("sda1", "dm-0", "vfat");
		told("dm-0", "2-1");
		assert_string_equal(opened, "sda1 ");
		assert_true(medium("dm-0")->read_only);
		assert_false(medium("sda1")->read_only);
		assert_string_equal(scan_text("dm-0", ".ask"), "caretaker-scan 1 vfat 30\n");
		assert_null(scan_text("sda1", ".ask"));
		shown_has("\"name\":\"dm-0\"");
		say_of("dm-0", "clean 1 2\n");
		assert_string_equal(opened, "sda1 dm-0 ");
		assert_false(medium("dm-0")->read_only);
		assert_int_equal(lines(), 1);
		(void)tear_down(NULL);
		(void)set_up(NULL);
	}
}

static void an_infected_container_is_locked_and_the_stick_shut(void **state)
{
	(void)state;
	plug_container(SCANNED, "crypto_LUKS");
	unlock("sda1", "dm-0", "vfat");
	told("dm-0", "2-1");
	done[0] = '\0';
	say_of("dm-0", "infected Eicar\n");
	assert_non_null(strstr(done, "lock dm-0"));
	assert_non_null(strstr(done, "shut 2-1:1.0"));
	assert_true(strstr(done, "lock dm-0") < strstr(done, "shut 2-1:1.0"));
	last_line_has("\"type\":\"storage-shut\"");
	last_line_has("\"file_system\":\"vfat\",\"verdict\":\"refused\",\"why\":\"infected\"");
}

static void read_only_holds_for_what_is_unlocked(void **state)
{
	(void)state;
	plug_container(ENCRYPTED "set read_only yes 7\n", "crypto_LUKS");
	unlock("sda1", "dm-0", "vfat");
	told("dm-0", "2-1");
	assert_non_null(strstr(done, "ro dm-0, open dm-0"));
	assert_true(medium("sda1")->read_only);
}

static void without_a_scan_it_opens_at_once(void **state)
{
	(void)state;
	plug_container(ENCRYPTED, "crypto_LUKS");
	unlock("sda1", "dm-0", "ext4");
	told("dm-0", "2-1");
	assert_string_equal(opened, "sda1 dm-0 ");
	assert_false(medium("dm-0")->read_only);
}

static void its_end_unmounts_and_locks_it(void **state)
{
	(void)state;
	plug_container(ENCRYPTED, "crypto_LUKS");
	unlock("sda1", "dm-0", "vfat");
	told("dm-0", "2-1");
	medium("dm-0")->mounted = true;
	show_media();
	done[0] = '\0';
	new_rules(BLOCK);
	assert_non_null(strstr(done, "unmount dm-0, close dm-0, lock dm-0, "));
	assert_non_null(strstr(done, "shut 2-1:1.0"));
	assert_string_equal(opened, "");
}

static void locked_by_its_user_the_container_is_what_counts_again(void **state)
{
	(void)state;
	plug_container(SCANNED, "crypto_LUKS");
	unlock("sda1", "dm-0", "vfat");
	told("dm-0", "2-1");
	shown_has("\"verdict\":\"judging\"");
	lock_again("dm-0");
	says("block", "disk", "remove", "dm-0", "");
	assert_null(strstr(fake_file_text(SHOWN), "dm-0"));
	assert_null(strstr(fake_file_text(SHOWN), "judging"));
	assert_int_equal(lines(), 1);
	/* The next is another one, though it is called the same. */
	unlock("sda1", "dm-0", "vfat");
	told("dm-0", "2-1");
	assert_string_equal(opened, "sda1 ");
	say_of("dm-0", "clean 1 2\n");
	assert_string_equal(opened, "sda1 dm-0 ");
	lock_again("dm-0");
	unlock("sda1", "dm-0", "vfat");
	medium("dm-0")->sequence++;
	show_media();
	told("dm-0", "2-1");
	assert_true(medium("dm-0")->read_only);
}

static void of_a_plain_stick_nothing_is_made_that_it_is_not(void **state)
{
	(void)state;
	start_with(ENCRYPTED "set plain read-only 8\n");
	plug("2-1", "1");
	hold("2-1", "sda", "vfat");
	unlock("sda1", "dm-0", "ext4"); /* by hand: no header says how */
	bound("2-1");
	told("sda1", "2-1");
	assert_true(medium("dm-0")->read_only && medium("sda1")->read_only);
	last_line_has("\"why\":\"plain\"");
	done[0] = '\0';
	new_rules(ENCRYPTED);
	assert_non_null(strstr(done, "lock dm-0"));
	assert_string_equal(opened, "");
}

static void what_the_system_lies_on_is_never_locked(void **state)
{
	(void)state;
	plug("2-1", "1")->interfaces[0].authorized = true;
	hold("2-1", "sda", "crypto_LUKS");
	unlock("sda1", "dm-0", "ext4");
	medium("dm-0")->holds_system = medium("dm-0")->mounted = true;
	show_media();
	start_with(BLOCK);
	told("dm-0", "2-1");
	assert_null(strstr(done, "lock"));
	assert_null(strstr(done, "unmount"));
	assert_null(strstr(done, "close"));
	assert_null(strstr(done, "ro "));
	shown_has("\"why\":\"holds-system\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_unlocked_stays_shut_until_it_was_scanned),
		TEST(an_infected_container_is_locked_and_the_stick_shut),
		TEST(read_only_holds_for_what_is_unlocked),
		TEST(without_a_scan_it_opens_at_once),
		TEST(its_end_unmounts_and_locks_it),
		TEST(locked_by_its_user_the_container_is_what_counts_again),
		TEST(of_a_plain_stick_nothing_is_made_that_it_is_not),
		TEST(what_the_system_lies_on_is_never_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
