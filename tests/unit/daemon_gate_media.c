/* The storage gate where the medium decides: encrypted, plain, scanned.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_machine.h"

static void an_encrypted_partition_opens_and_a_plain_stick_is_shut_again(void **state)
{
	(void)state;
	start_with(ENCRYPTED);
	plug("2-1", "1");
	hold("2-1", "sda", "crypto_LUKS");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "sda1 ");
	assert_false(medium("sda1")->read_only || medium("sda")->read_only);
	last_line_has("\"type\":\"storage-opened\"");
	plug("2-2", "2");
	hold("2-2", "sdb", "vfat");
	done[0] = '\0';
	bound("2-2");
	assert_string_equal(done, "let 2-2:1.0");
	told("sdb1", "2-2");
	assert_non_null(strstr(done, "shut 2-2:1.0"));
	assert_null(strstr(done, "open sdb"));
	last_line_has("\"why\":\"plain\"");
	/* Not let in once more by whatever happens next. */
	done[0] = '\0';
	bound("2-2");
	gate_look(gate);
	assert_null(strstr(done, "let 2-2"));
	assert_int_equal(lines(), 2);
}

static void what_udev_has_not_looked_at_is_not_judged(void **state)
{
	(void)state;
	start_with(ENCRYPTED);
	plug("2-1", "1");
	hold("2-1", "sda", "crypto_LUKS");
	medium("sda1")->told = false;
	bound("2-1");
	told("sda", "2-1");
	assert_string_equal(opened, "");
	assert_true(medium("sda1")->read_only);
	assert_int_equal(lines(), 0);
	shown_has("\"verdict\":\"judging\"");
	medium("sda1")->told = true;
	show_media();
	told("sda1", "2-1");
	assert_string_equal(opened, "sda1 ");
	assert_int_equal(lines(), 1);
}

static void what_udev_knew_of_another_disk_is_looked_at_again_once(void **state)
{
	(void)state;
	start_with(ENCRYPTED);
	plug("2-1", "1");
	hold("2-1", "sda", "crypto_LUKS");
	medium("sda1")->told = false;
	medium("sda1")->stale = true;
	bound("2-1");
	told("sda", "2-1");
	told("sda", "2-1");
	assert_non_null(strstr(done, "look sda1"));
	assert_null(strstr(strstr(done, "look sda1") + 1, "look"));
	assert_null(strstr(done, "open sda1"));
	shown_has("\"verdict\":\"judging\"");
	medium("sda1")->sequence++; /* another card in the same reader, as hastily */
	show_media();
	told("sda", "2-1");
	assert_non_null(strstr(strstr(done, "look sda1") + 1, "look sda1"));
	medium("sda1")->told = true;
	medium("sda1")->stale = false;
	show_media();
	told("sda1", "2-1");
	assert_string_equal(opened, "sda1 ");
}

static void a_null_cipher_is_plain(void **state)
{
	(void)state;
	start_with(ENCRYPTED);
	plug("2-1", "1");
	hold("2-1", "sda", "crypto_LUKS");
	medium("sda1")->null_cipher = true;
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "");
	last_line_has("\"why\":\"null-cipher\"");
}

static void a_plain_stick_may_be_read_where_the_policy_says_so(void **state)
{
	(void)state;
	start_with(ENCRYPTED "set plain read-only 8\n");
	plug("2-1", "1");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "sda1 ");
	assert_true(medium("sda1")->read_only);
	last_line_has("\"verdict\":\"read-only\",\"why\":\"plain\"");
}

static void what_cannot_be_made_read_only_is_not_opened_to_be_read(void **state)
{
	(void)state;
	start_with(READ_ONLY);
	plug("2-1", "1");
	hold("2-1", "sda", "vfat");
	fake_gate.never_read_only = "sda1";
	bound("2-1");
	told("sda1", "2-1");
	assert_null(strstr(opened, "sda1"));
	fake_gate.never_read_only = NULL; /* it answers at last */
	told("sda1", "2-1");
	assert_non_null(strstr(opened, "sda1"));
	assert_true(medium("sda1")->read_only);
}

#define FULL ENFORCE "set allow any 4\nset encrypted none 5\nset scan full 6\n"

static void a_scan_is_asked_for_and_its_answer_opens_or_shuts(void **state)
{
	(void)state;
	start_with(FULL);
	plug("2-1", "1");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "");
	assert_string_equal(scan_text("sda1", ".ask"), "caretaker-scan 1 vfat 30\n");
	assert_int_equal(lines(), 0);
	say_of("sda1", "scanning 1 2 3 4\n");
	assert_string_equal(opened, "");
	say_of("sda1", "clean 3 100\n");
	assert_string_equal(opened, "sda1 ");
	last_line_has("\"verdict\":\"open\"");
	unplug("2-1");
	opened[0] = '\0';
	plug_in("2-1", "1");
	told("sda1", "2-1");
	assert_string_equal(opened, ""); /* another plug, another scan */
	say_of("sda1", "infected Eicar\n");
	assert_string_equal(opened, "");
	last_line_has("\"why\":\"infected\"");
	assert_non_null(strstr(done, "shut 2-1:1.0"));
}

#define ON_OPEN ENFORCE "set allow any 4\nset encrypted none 5\nset scan on-open 6\n"

static void plug_on_open(const char *file_system)
{
	start_with(ON_OPEN);
	plug("2-1", "1");
	hold("2-1", "sda", file_system);
	bound("2-1");
	told("sda1", "2-1");
}

static void a_medium_opens_read_only_once_each_of_its_files_is_guarded(void **state)
{
	(void)state;
	plug_on_open("vfat");
	assert_string_equal(opened, "");
	assert_true(medium("sda1")->read_only);
	assert_string_equal(scan_text("sda1", ".guard"), "caretaker-scan 1 vfat 30\n");
	assert_null(scan_text("sda1", ".ask"));
	assert_int_equal(lines(), 0);
	say_of("sda1", "guarded -\n");
	assert_string_equal(opened, "sda1 ");
	assert_true(medium("sda1")->read_only);
	last_line_has("\"verdict\":\"read-only\",\"why\":\"allowed\"");
	assert_non_null(scan_text("sda1", ".guard"));
	/* The guard begins anew: nobody may have it mounted meanwhile. */
	say_of("sda1", "waiting\n");
	assert_string_equal(opened, "");
	say_of("sda1", "guarded -\n");
	assert_string_equal(opened, "sda1 ");
	assert_int_equal(lines(), 1);
	unplug("2-1");
	assert_null(scan_text("sda1", ".guard"));
}

static void a_disk_that_goes_before_its_device_does_is_guarded_no_more(void **state)
{
	(void)state;
	plug_on_open("vfat");
	say_of("sda1", "guarded -\n");
	behind_count = 0;
	show_media();
	told("sda1", "2-1");
	assert_null(fake_file_text(scan_path_of(1, "sda1", ".guard")));
	/* Of another disk in the same device, what was found of the first says nothing. */
	hold("2-1", "sda", "vfat");
	told("sda1", "2-1");
	assert_non_null(scan_text("sda1", ".guard"));
	unplug("2-1");
	assert_null(scan_text("sda1", ".guard"));
}

static void a_device_that_is_half_gone_is_guarded_no_more(void **state)
{
	(void)state;
	plug_on_open("vfat");
	say_of("sda1", "guarded -\n");
	devices[0].interface_count = 0; /* the first that goes of a stick */
	told("sda1", "2-1");
	assert_null(scan_text("sda1", ".guard"));
	unplug("2-1");
	assert_null(scan_text("sda1", ".guard"));
}

static void a_file_that_was_not_opened_is_one_event_and_the_medium_stays(void **state)
{
	(void)state;
	plug_on_open("vfat");
	say_of("sda1", "guarded -\n");
	say_of("sda1", "guarded file-too-large\n");
	assert_int_equal(lines(), 2);
	last_line_has("\"type\":\"storage-refused\"");
	last_line_has("\"verdict\":\"read-only\",\"why\":\"file-too-large\"");
	bound("2-1");
	gate_scan_changed(gate);
	assert_int_equal(lines(), 2);
	assert_string_equal(opened, "sda1 ");
	say_of("sda1", "guarded no-scanner\n");
	last_line_has("\"why\":\"no-scanner\"");
	gate_free(gate); /* it writes what it had counted */
	gate = NULL;
	assert_int_equal(lines(), 3);
}

static void an_infected_file_shuts_the_stick_after_unmounting_it(void **state)
{
	(void)state;
	plug_on_open("vfat");
	say_of("sda1", "guarded -\n");
	medium("sda1")->mounted = true;
	show_media();
	done[0] = '\0';
	say_of("sda1", "infected Eicar\n");
	assert_string_equal(opened, "");
	assert_string_equal(done, "unmount sda1, close sda1, shut 2-1:1.0");
	assert_null(scan_text("sda1", ".guard"));
	last_line_has("\"type\":\"storage-shut\"");
	last_line_has("\"why\":\"infected\"");
}

static void what_a_daemon_before_this_asked_for_is_taken_back_when_its_stick_is_gone(void **state)
{
	struct err err;

	(void)state;
	fake_dir_put(RUN "/scan");
	for (unsigned i = 0; i < 5; i++) {
		static const char *const left[] = {RUN "/scan/7-sdq.guard", RUN "/scan/8-sdr1.ask",
						   RUN "/scan/8-sdr1.state",
						   /* as they were called without a number */
						   RUN "/scan/sdq.guard", RUN "/scan/sdr1.ask"};

		assert_int_equal(
			plat_file_replace(left[i], "clean 1 1\n", 10, PLAT_FILE_PRIVATE, &err), 0);
	}
	plug_on_open("vfat");
	assert_null(fake_file_text(RUN "/scan/sdq.guard"));
	assert_null(fake_file_text(RUN "/scan/sdr1.ask"));
	assert_null(fake_file_text(RUN "/scan/7-sdq.guard"));
	assert_null(fake_file_text(RUN "/scan/8-sdr1.ask"));
	assert_non_null(fake_file_text(RUN "/scan/8-sdr1.state")); /* an answer asks for nothing */
	new_rules(ON_OPEN "set read_only yes 9\n");
	assert_non_null(scan_text("sda1", ".guard"));
}

static void plug_with_medium(const char *serial)
{
	plug_in("2-1", serial);
	hold("2-1", "sda", "vfat");
	told("sda", "2-1");
}

static void pull_out(void)
{
	behind_count = 0;
	unplug("2-1");
}

static void what_was_found_of_the_stick_before_it_is_not_said_of_the_next(void **state)
{
	static const struct {
		const char *rules, *request, *said;
	} cases[] = {
		{FULL, ".ask", "clean 3 100\n"},
		{ON_OPEN, ".guard", "guarded -\n"},
		{ON_OPEN, ".guard", "guarded file-too-large\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		start_with(cases[i].rules);
		plug_with_medium("1");
		assert_non_null(fake_file_text(scan_path_of(1, "sda1", cases[i].request)));
		pull_out();
		assert_null(fake_file_text(scan_path_of(1, "sda1", cases[i].request)));
		plug_with_medium("2");
		assert_int_equal(medium("sda1")->sequence, 2);
		say_of_number(1, "sda1", cases[i].said); /* its last file was with clamd */
		assert_string_equal(opened, "");
		shown_has("\"verdict\":\"judging\"");
		assert_non_null(scan_text("sda1", cases[i].request));
		say_of("sda1", cases[i].said);
		assert_string_equal(opened, "sda1 ");
		(void)tear_down(NULL);
		(void)set_up(NULL);
	}
}

static void an_answer_without_a_number_is_nobodys(void **state)
{
	static const char old[] = "clean 3 100\n";
	struct err err;

	(void)state;
	fake_dir_put(RUN "/scan");
	assert_int_equal(plat_file_replace(RUN "/scan/sda1.state", old, sizeof(old) - 1,
					   PLAT_FILE_PRIVATE, &err),
			 0);
	start_with(FULL);
	plug_with_medium("1");
	assert_string_equal(opened, "");
	assert_null(fake_file_text(RUN "/scan/sda1.state"));
	assert_int_equal(plat_file_replace(RUN "/scan/sda1.state", old, sizeof(old) - 1,
					   PLAT_FILE_PRIVATE, &err),
			 0);
	gate_scan_changed(gate);
	assert_string_equal(opened, "");
}

static void answers_about_sticks_that_are_gone_do_not_pile_up(void **state)
{
	(void)state;
	start_with(FULL);
	plug_with_medium("1");
	say_of("sda1", "clean 3 100\n");
	assert_string_equal(opened, "sda1 ");
	assert_works(plat_file_remove(scan_path_of(1, "sda1", ".ask"), &err)); /* as it does */
	pull_out();
	plug_with_medium("2");
	assert_null(fake_file_text(scan_path_of(1, "sda1", ".state")));
	assert_int_equal(fake_file_count(RUN "/scan"), 1);
}

static void a_medium_without_a_number_is_not_scanned_and_stays_shut(void **state)
{
	(void)state;
	start_with(FULL);
	plug_in("2-1", "1");
	hold("2-1", "sda", "vfat");
	medium("sda")->sequence = medium("sda1")->sequence = 0;
	show_media();
	told("sda", "2-1");
	assert_string_equal(opened, "");
	last_line_has("\"why\":\"not-scanned\"");
	say_of("sda1", "clean 3 100\n");
	assert_string_equal(opened, "");
}

static void what_another_file_system_can_lie_on_is_scanned_whole(void **state)
{
	(void)state;
	plug_on_open("ext4");
	assert_null(scan_text("sda1", ".guard"));
	assert_string_equal(scan_text("sda1", ".ask"), "caretaker-scan 1 ext4 30\n");
	say_of("sda1", "clean 3 100\n");
	assert_string_equal(opened, "sda1 ");
	assert_false(medium("sda1")->read_only);
}

static void what_is_mounted_is_taken_out_of_use_before_it_is_guarded(void **state)
{
	(void)state;
	start_with(ANY);
	plug("2-1", "1");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda1", "2-1");
	medium("sda1")->mounted = true;
	show_media();
	done[0] = '\0';
	new_rules(ON_OPEN);
	assert_memory_equal(done, "unmount sda1, ", 14);
	assert_string_equal(opened, "");
	say_of("sda1", "guarded -\n");
	assert_string_equal(opened, "sda1 ");
	/* And back: whoever mounted it guarded mounts it anew. */
	medium("sda1")->mounted = true;
	show_media();
	done[0] = '\0';
	new_rules(ANY);
	assert_non_null(strstr(done, "unmount sda1"));
	assert_null(scan_text("sda1", ".guard"));
	assert_false(medium("sda1")->read_only);
}

static void under_audit_nothing_is_guarded(void **state)
{
	(void)state;
	start_with("mode storage audit 3\nmode hardware audit 9\nset allow any 4\n"
		   "set encrypted none 5\nset scan on-open 6\n");
	plug("2-1", "1")->interfaces[0].authorized = true;
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(done, "");
	assert_null(scan_text("sda1", ".guard"));
	last_line_has("\"enforced\":false");
	last_line_has("\"verdict\":\"read-only\"");
}

static void a_card_without_usb_is_judged_by_its_disk(void **state)
{
	(void)state;
	start_with(BLOCK);
	hold("", "mmcblk0", "vfat");
	told("mmcblk0", "");
	assert_string_equal(done, "ro mmcblk0, close mmcblk0, ro mmcblk01, close mmcblk01");
	assert_int_equal(lines(), 1);
	last_line_has("\"why\":\"not-allowed\"");
	shown_has("\"disk\":\"mmcblk0\"");
}

static void what_is_gone_is_swept_once_and_nothing_else_is(void **state)
{
	(void)state;
	start_with(ANY);
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda", "2-1");
	fake_gate.swept = 0;
	told("sda", "2-1");
	assert_int_equal(fake_gate.swept, 0);
	behind_count = 0; /* the disk alone: it was pulled out of its reader */
	show_media();
	says("block", "disk", "remove", "sda", "2-1");
	assert_int_equal(fake_gate.swept, 1);
	unplug("2-1");
	assert_int_equal(fake_gate.swept, 2);
	fake_gate.swept = 0;
	gate_free(gate); /* what is in use stays open when the daemon ends */
	gate = NULL;
	assert_int_equal(fake_gate.swept, 0);
	start();
	assert_int_equal(fake_gate.swept, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_encrypted_partition_opens_and_a_plain_stick_is_shut_again),
		TEST(what_udev_has_not_looked_at_is_not_judged),
		TEST(what_udev_knew_of_another_disk_is_looked_at_again_once),
		TEST(a_null_cipher_is_plain),
		TEST(a_plain_stick_may_be_read_where_the_policy_says_so),
		TEST(what_cannot_be_made_read_only_is_not_opened_to_be_read),
		TEST(a_scan_is_asked_for_and_its_answer_opens_or_shuts),
		TEST(a_medium_opens_read_only_once_each_of_its_files_is_guarded),
		TEST(a_disk_that_goes_before_its_device_does_is_guarded_no_more),
		TEST(a_device_that_is_half_gone_is_guarded_no_more),
		TEST(a_file_that_was_not_opened_is_one_event_and_the_medium_stays),
		TEST(an_infected_file_shuts_the_stick_after_unmounting_it),
		TEST(what_a_daemon_before_this_asked_for_is_taken_back_when_its_stick_is_gone),
		TEST(what_was_found_of_the_stick_before_it_is_not_said_of_the_next),
		TEST(an_answer_without_a_number_is_nobodys),
		TEST(answers_about_sticks_that_are_gone_do_not_pile_up),
		TEST(a_medium_without_a_number_is_not_scanned_and_stays_shut),
		TEST(what_another_file_system_can_lie_on_is_scanned_whole),
		TEST(what_is_mounted_is_taken_out_of_use_before_it_is_guarded),
		TEST(under_audit_nothing_is_guarded),
		TEST(a_card_without_usb_is_judged_by_its_disk),
		TEST(what_is_gone_is_swept_once_and_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
