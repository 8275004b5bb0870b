/* What the storage gate puts on record, and what it does not.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_machine.h"

static void a_hundred_times_the_same_is_two_lines(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	for (unsigned i = 0; i < 100; i++) {
		plug("2-1", "60A44C41");
		bound("2-1");
		bound("2-1");
		unplug("2-1");
	}
	assert_int_equal(lines(), 1);
	assert_int_equal(gate_wait_ms(gate), 60000);
	fake_advance(60);
	gate_tick(gate);
	assert_int_equal(lines(), 2);
	last_line_has("\"count\":99");
	assert_int_equal(gate_wait_ms(gate), -1);
}

static void a_flood_of_serials_is_bounded_and_counted(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	for (unsigned i = 0; i < 300; i++) {
		char serial[20];

		(void)snprintf(serial, sizeof(serial), "S%u", i);
		plug("2-1", serial);
		bound("2-1");
		unplug("2-1");
	}
	assert_int_equal(lines(), GATE_RECORD_BURST);
	fake_advance(GATE_RECORD_BURST_S + 1);
	plug("2-1", "after");
	bound("2-1");
	assert_int_equal(lines(), GATE_RECORD_BURST + 2);
	assert_non_null(strstr(fake_file_text(EVENTS), "\"type\":\"events-lost\",\"count\":260}"));
}

static void a_full_disk_loses_no_count(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	fake_fail_changes(0, ERR_FULL);
	plug("2-1", "60A44C41");
	bound("2-1");
	fake_fail_changes(0, ERR_NONE);
	plug("2-2", "other");
	bound("2-2");
	assert_int_equal(lines(), 2);
	assert_non_null(strstr(fake_file_text(EVENTS), "\"type\":\"events-lost\",\"count\":1}"));
}

static void a_phone_that_charges_is_counted_once_a_day(void **state)
{
	(void)state;
	put_rules(BLOCK);
	start();
	for (unsigned i = 0; i < 5; i++) {
		strcpy(plug_as("2-1", 0x4ee1, "PHONE", 6, "01ip01")->interfaces[0].text, "MTP");
		bound("2-1");
		unplug("2-1");
	}
	assert_int_equal(lines(), 1);
	last_line_has("\"type\":\"hardware-seen\",\"count\":1");
	fake_advance(86400);
	strcpy(plug_as("2-1", 0x4ee1, "PHONE", 6, "01ip01")->interfaces[0].text, "MTP");
	bound("2-1");
	assert_int_equal(lines(), 2);
	last_line_has("\"type\":\"hardware-seen\",\"count\":5");
}

static void a_reference_stays_with_its_device(void **state)
{
	char before[7];

	(void)state;
	put_rules(BLOCK);
	start();
	plug("2-1", "60A44C41");
	bound("2-1");
	memcpy(before, strstr(fake_file_text(SHOWN), "\"reference\":\"") + 13, 6);
	before[6] = '\0';
	unplug("2-1");
	gate_free(gate);
	gate = NULL;
	start();
	plug("2-2", "another");
	plug("2-3", "60A44C41");
	bound("2-3");
	shown_has(before);
	bound("2-2");
	assert_null(strstr(strstr(fake_file_text(SHOWN), before) + 6, before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hundred_times_the_same_is_two_lines),
		TEST(a_flood_of_serials_is_bounded_and_counted),
		TEST(a_full_disk_loses_no_count),
		TEST(a_phone_that_charges_is_counted_once_a_day),
		TEST(a_reference_stays_with_its_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
