/* What the storage gate puts on record, and what it does not.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_machine.h"

static void a_hundred_times_the_same_is_two_lines(void **state)
{
	(void)state;
	start_with(BLOCK);
	for (unsigned i = 0; i < 100; i++) {
		plug_in("2-1", "60A44C41");
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

static void what_is_shown_already_is_not_written_again(void **state)
{
	(void)state;
	start_with(BLOCK);
	plug_in("2-1", "60A44C41");
	shown_has("\"verdict\":\"refused\"");
	fake_file_put(SHOWN, "as it was");
	fake_advance(60);
	bound("2-1");
	gate_look(gate);
	assert_string_equal(fake_file_text(SHOWN), "as it was");
	new_rules(ANY);
	shown_has("\"verdict\":\"open\"");
	fake_file_put(SHOWN, "as it was");
	unplug("2-1");
	shown_has("\"devices\":[]");
	/* What could not be written is written once it can be. */
	fake_fail_changes(0, ERR_FULL);
	plug_in("2-1", "60A44C41");
	shown_has("\"devices\":[]");
	fake_fail_changes(0, ERR_NONE);
	bound("2-1");
	shown_has("\"verdict\":\"open\"");
}

static void a_flood_of_serials_is_bounded_and_counted(void **state)
{
	(void)state;
	start_with(BLOCK);
	for (unsigned i = 0; i < 300; i++) {
		char serial[20];

		(void)snprintf(serial, sizeof(serial), "S%u", i);
		plug_in("2-1", serial);
		unplug("2-1");
	}
	assert_int_equal(lines(), GATE_RECORD_BURST);
	fake_advance(GATE_RECORD_BURST_S + 1);
	plug_in("2-1", "after");
	assert_int_equal(lines(), GATE_RECORD_BURST + 2);
	assert_non_null(strstr(fake_file_text(EVENTS), "\"type\":\"events-lost\",\"count\":260}"));
}

static void a_full_disk_loses_no_count(void **state)
{
	(void)state;
	start_with(BLOCK);
	fake_fail_changes(0, ERR_FULL);
	plug_in("2-1", "60A44C41");
	fake_fail_changes(0, ERR_NONE);
	plug_in("2-2", "other");
	assert_int_equal(lines(), 2);
	assert_non_null(strstr(fake_file_text(EVENTS), "\"type\":\"events-lost\",\"count\":1}"));
}

static struct plat_port_device *plug_phone(const char *port, unsigned number)
{
	struct plat_port_device *device = plug_as(port, 0x4ee1, "PHONE", 6, "01ip01");

	strcpy(device->interfaces[0].text, "MTP");
	device->number = number;
	return device;
}

static void a_phone_that_charges_is_counted_once_a_day(void **state)
{
	(void)state;
	start_with(BLOCK);
	for (unsigned i = 0; i < 5; i++) {
		plug_phone("2-1", 0);
		bound("2-1");
		unplug("2-1");
	}
	assert_int_equal(lines(), 1);
	last_line_has("\"type\":\"hardware-seen\",\"count\":1");
	fake_advance(86400);
	plug_phone("2-1", 0);
	bound("2-1");
	assert_int_equal(lines(), 2);
	last_line_has("\"type\":\"hardware-seen\",\"count\":5");
}

/* A slow machine: the events of what was there are heard when the next is there already. */
static void what_is_seen_before_its_events_come_is_counted_once(void **state)
{
	struct plat_port_device *device;

	(void)state;
	start_with(BLOCK);
	device = plug_phone("2-1", 5);
	bound("2-1");
	assert_int_equal(lines(), 1);
	device->number = 6; /* out and in again, and half there */
	device->interface_count = 0;
	says("block", "partition", "remove", "sda1", "2-1");
	device->interface_count = 1;
	says("block", "disk", "remove", "sda", "2-1");
	says_of(5, "usb", "usb_device", "remove", "2-1", "2-1");
	shown_has("PHONE");
	bound("2-1");
	unplug("2-1");
	fake_advance(86400);
	plug_phone("2-1", 7);
	bound("2-1");
	assert_int_equal(lines(), 2);
	last_line_has("\"type\":\"hardware-seen\",\"count\":2,");
}

/* And the other way round: each of two that no event parted is one. */
static void what_came_again_unheard_is_counted_too(void **state)
{
	struct plat_port_device *device;

	(void)state;
	start_with(BLOCK);
	device = plug_phone("2-1", 5);
	bound("2-1");
	device->number = 6;
	bound("2-1");
	fake_advance(86400);
	device->number = 7;
	bound("2-1");
	assert_int_equal(lines(), 2);
	last_line_has("\"type\":\"hardware-seen\",\"count\":2,");
}

static void a_reference_stays_with_its_device(void **state)
{
	char before[7];

	(void)state;
	start_with(BLOCK);
	plug_in("2-1", "60A44C41");
	memcpy(before, strstr(fake_file_text(SHOWN), "\"reference\":\"") + 13, 6);
	before[6] = '\0';
	unplug("2-1");
	restart();
	plug("2-2", "another");
	plug_in("2-3", "60A44C41");
	shown_has(before);
	bound("2-2");
	assert_null(strstr(strstr(fake_file_text(SHOWN), before) + 6, before));
}

/* An upgrade is no attempt. */
static void what_is_on_record_is_not_told_of_again_by_a_daemon_that_starts_anew(void **state)
{
	(void)state;
	start_with(APPROVED "stick 0951:1666:OPEN-1 0 any EX-1 0\n");
	plug("2-1", "SHUT-1")->number = 5;
	bound("2-1");
	plug("2-2", "OPEN-1")->number = 6;
	hold("2-2", "sda", "vfat");
	bound("2-2");
	told("sda", "2-2");
	assert_int_equal(lines(), 2);
	restart();
	restart();
	assert_int_equal(lines(), 2);
	shown_has("\"why\":\"not-approved\"");
	shown_has("\"why\":\"approved-stick\"");
	/* Another answer is new, and so is another plugging that no daemon saw. */
	new_rules(APPROVED);
	assert_int_equal(lines(), 3);
	last_line_has("\"type\":\"storage-shut\"");
	devices[0].number = 7;
	restart();
	assert_int_equal(lines(), 4);
	last_line_has("SHUT-1");
	/* And what nobody can read is no reason to be silent. */
	fake_file_put(RUN "/hardware.recorded", "2-1 7 0 refused\n2-2 x 0 refused - -\n\n");
	restart();
	assert_int_equal(lines(), 6);
}

static void the_end_of_an_enrolment_forgets_what_was_seen(void **state)
{
	char before[sizeof("0951:1666:60A44C41 234567")];

	(void)state;
	start_with(BLOCK);
	plug_in("2-1", "60A44C41");
	assert_memory_equal(fake_file_text(STATE "/hardware/seen"), "0951:1666:60A44C41 ", 19);
	(void)snprintf(before, sizeof(before), "%s", fake_file_text(STATE "/hardware/seen"));
	unplug("2-1");
	assert_works(plat_file_remove(RULES, &err)); /* generalise */
	gate_rules_changed(gate);
	assert_string_equal(fake_file_text(STATE "/hardware/seen"), "");
	new_rules(BLOCK);
	plug_in("2-1", "60A44C41");
	assert_null(strstr(fake_file_text(STATE "/hardware/seen"), before));
}

/* A card reader's slot: a disk without a medium, until a card comes. */
static struct plat_medium *slot(const char *port)
{
	struct plat_medium *disk = &behind[behind_count];

	hold(port, "sda", "");
	behind_count--; /* no partition */
	disk->bytes = 0;
	disk->has_parts = false;
	show_media();
	return disk;
}

static void an_empty_reader_is_a_line_a_day_and_its_card_an_event(void **state)
{
	static const char *const all[] = {ANY, ENCRYPTED};

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		struct plat_medium *disk = NULL;

		set_up(state);
		start_with(all[i]);
		for (unsigned k = 0; k < 3; k++) {
			plug("2-1", "60A44C41");
			behind_count = 0;
			disk = slot("2-1");
			bound("2-1");
			told("sda", "2-1");
			assert_int_equal(lines(), 1);
			last_line_has("\"type\":\"hardware-seen\",\"count\":1");
			last_line_has("\"why\":\"no-medium\"");
			if (k < 2)
				unplug("2-1");
		}
		disk->bytes = 1 << 20;
		strcpy(disk->file_system, "BitLocker");
		show_media();
		told("sda", "2-1");
		assert_int_equal(lines(), 2);
		last_line_has("\"type\":\"storage-opened\"");
		last_line_has("\"bytes\":1048576,\"file_system\":\"BitLocker\"");
		tear_down(state);
	}
	set_up(state);
}

static void what_is_shut_before_anything_was_seen_in_it_was_open(void **state)
{
	(void)state;
	start_with(ANY);
	plug("2-1", "60A44C41");
	hold("2-1", "sda", "vfat");
	bound("2-1");
	assert_int_equal(lines(), 0);
	new_rules(BLOCK);
	assert_int_equal(lines(), 1);
	last_line_has("\"type\":\"storage-shut\"");
}

static struct plat_port_device *plug_keyboard(const char *port, const char *serial)
{
	struct plat_port_device *device = plug_as(port, 0x1666, serial, 3, "01ip01");

	device->interfaces[0].authorized = true;
	return device;
}

static void a_stick_that_comes_back_as_a_keyboard_types_and_is_told_of(void **state)
{
	(void)state;
	start_with(BLOCK);
	plug_keyboard("2-2", "OTHER"); /* was never anything else */
	bound("2-2");
	plug_in("2-1", "60A44C41");
	unplug("2-1");
	assert_int_equal(lines(), 1);
	plug_keyboard("2-1", "60A44C41");
	bound("2-1");
	bound("2-1");
	assert_string_equal(done, "");
	assert_int_equal(lines(), 2);
	last_line_has("\"type\":\"hardware-changed\",\"count\":1,\"enforced\":false");
	last_line_has("\"verdict\":\"passed\",\"why\":\"was-storage\"");
	shown_has("\"why\":\"was-storage\"");
	/* A new daemon knows it from its file. */
	restart();
	assert_int_equal(lines(), 3);
}

static void a_keyboard_with_storage_was_so_from_the_first(void **state)
{
	(void)state;
	start_with(BLOCK);
	for (unsigned i = 0; i < 2; i++) {
		struct plat_port_device *device = plug("2-1", "60A44C41");

		device->interface_count = 2;
		strcpy(device->interfaces[1].name, "2-1:1.1");
		strcpy(device->interfaces[1].modalias,
		       "usb:v0951p1666d0110dc00dsc00dp00ic03isc01ip01in01");
		device->interfaces[1].number = 1;
		bound("2-1");
		unplug("2-1");
	}
	assert_null(strstr(fake_file_text(EVENTS), "hardware-changed"));
}

static void a_vendor_s_own_interface_is_asked_once_whether_it_is_mtp(void **state)
{
	/* A head and one section: interface 0 is MTP. */
	static const unsigned char ids[40] = {40, 0, 0, 0, 0, 1, 4, 0,   1,   0,  0,
					      0,  0, 0, 0, 0, 0, 1, 'M', 'T', 'P'};

	(void)state;
	put_rules(BLOCK);
	fake_gate.compatible = ids;
	fake_gate.compatible_len = sizeof(ids);
	start();
	plug_as("2-1", 0x1666, "60A44C41", 0xff, "00ip00")->number = 3;
	bound("2-1");
	bound("2-1");
	assert_int_equal(fake_gate.asked, 1);
	assert_string_equal(done, "");
	shown_has("\"kind\":\"media\"");
	shown_has("\"why\":\"not-allowed\"");
	devices[0].number++; /* it was plugged in again, and no event said so */
	bound("2-1");
	assert_int_equal(fake_gate.asked, 2);
	new_rules(ANY);
	assert_string_equal(done, "let 2-1:1.0");
	/* Under audit nothing is touched: it is asked nothing. */
	devices[0].number++;
	new_rules("mode storage audit 3\nmode hardware audit 9\nset allow none 4\n");
	assert_int_equal(fake_gate.asked, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hundred_times_the_same_is_two_lines),
		TEST(what_is_shown_already_is_not_written_again),
		TEST(a_flood_of_serials_is_bounded_and_counted),
		TEST(a_full_disk_loses_no_count),
		TEST(a_phone_that_charges_is_counted_once_a_day),
		TEST(what_is_seen_before_its_events_come_is_counted_once),
		TEST(what_came_again_unheard_is_counted_too),
		TEST(a_reference_stays_with_its_device),
		TEST(what_is_on_record_is_not_told_of_again_by_a_daemon_that_starts_anew),
		TEST(the_end_of_an_enrolment_forgets_what_was_seen),
		TEST(an_empty_reader_is_a_line_a_day_and_its_card_an_event),
		TEST(what_is_shut_before_anything_was_seen_in_it_was_open),
		TEST(a_stick_that_comes_back_as_a_keyboard_types_and_is_told_of),
		TEST(a_keyboard_with_storage_was_so_from_the_first),
		TEST(a_vendor_s_own_interface_is_asked_once_whether_it_is_mtp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
