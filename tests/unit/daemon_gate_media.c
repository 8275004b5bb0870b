/* The storage gate where the medium decides: encrypted, plain, scanned.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_machine.h"

static void an_encrypted_partition_opens_and_a_plain_stick_is_shut_again(void **state)
{
	(void)state;
	put_rules(ENCRYPTED);
	start();
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
	put_rules(ENCRYPTED);
	start();
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

static void a_null_cipher_is_plain(void **state)
{
	(void)state;
	put_rules(ENCRYPTED);
	start();
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
	put_rules(ENCRYPTED "set plain read-only 8\n");
	start();
	plug("2-1", "1");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "sda1 ");
	assert_true(medium("sda1")->read_only);
	last_line_has("\"verdict\":\"read-only\",\"why\":\"plain\"");
}

static void a_scan_is_asked_for_and_its_answer_opens_or_shuts(void **state)
{
	struct err err;

	(void)state;
	put_rules(ENFORCE "set allow any 4\nset encrypted none 5\nset scan full 6\n");
	start();
	plug("2-1", "1");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, "");
	assert_string_equal(fake_file_text(RUN "/scan/sda1.ask"), "caretaker-scan 1 vfat 30\n");
	assert_int_equal(lines(), 0);
	assert_int_equal(plat_file_replace(RUN "/scan/sda1.state", "scanning 1 2 3 4\n", 17,
					   PLAT_FILE_PRIVATE, &err),
			 0);
	gate_scan_changed(gate);
	assert_string_equal(opened, "");
	assert_int_equal(plat_file_replace(RUN "/scan/sda1.state", "clean 3 100\n", 12,
					   PLAT_FILE_PRIVATE, &err),
			 0);
	gate_scan_changed(gate);
	assert_string_equal(opened, "sda1 ");
	last_line_has("\"verdict\":\"open\"");
	unplug("2-1");
	opened[0] = '\0';
	plug("2-1", "1");
	bound("2-1");
	told("sda1", "2-1");
	assert_string_equal(opened, ""); /* another plug, another scan */
	assert_int_equal(plat_file_replace(RUN "/scan/sda1.state", "infected Eicar\n", 15,
					   PLAT_FILE_PRIVATE, &err),
			 0);
	gate_scan_changed(gate);
	assert_string_equal(opened, "");
	last_line_has("\"why\":\"infected\"");
	assert_non_null(strstr(done, "shut 2-1:1.0"));
}

static void a_card_without_usb_is_judged_by_its_disk(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	hold("", "mmcblk0", "vfat");
	told("mmcblk0", "");
	assert_string_equal(done, "ro mmcblk0, close mmcblk0, ro mmcblk01, close mmcblk01");
	assert_int_equal(lines(), 1);
	last_line_has("\"why\":\"not-allowed\"");
	shown_has("\"disk\":\"mmcblk0\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_encrypted_partition_opens_and_a_plain_stick_is_shut_again),
		TEST(what_udev_has_not_looked_at_is_not_judged),
		TEST(a_null_cipher_is_plain),
		TEST(a_plain_stick_may_be_read_where_the_policy_says_so),
		TEST(a_scan_is_asked_for_and_its_answer_opens_or_shuts),
		TEST(a_card_without_usb_is_judged_by_its_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
