/* The storage gate and memory cards in slots of their own.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/text.h"
#include "tests/unit/gate_machine.h"

#define SLOT "mmc0:aaaa"

static void put_in(const char *slot, const char *serial)
{
	struct plat_port_device *card = plug(slot, serial);

	card->card = true;
	card->vendor = 0x0003;
	card->product = 0x5344;
	card->descriptors_len = 0;
	strcpy(card->model, "SU08G");
	strcpy(card->interfaces[0].name, slot);
	card->interfaces[0].modalias[0] = '\0';
}

static void says_card(const char *action)
{
	says("mmc", "", action, SLOT, SLOT);
}

static void a_refused_card_never_gets_its_driver(void **state)
{
	(void)state;
	start_with(BLOCK);
	put_in(SLOT, "1a2b3c4d");
	hold(SLOT, "mmcblk0", "vfat");
	says_card("add");
	assert_string_equal(done, "");
	last_line_has("\"type\":\"storage-refused\"");
	last_line_has("\"id\":\"0003:5344:1a2b3c4d\"");
	shown_has("\"port\":\"mmc0:aaaa\",\"kind\":\"storage\"");
	new_rules(ANY);
	assert_string_equal(done, "let mmc0:aaaa");
	told("mmcblk0", SLOT);
	assert_non_null(strstr(opened, "mmcblk01 "));
}

static void a_card_that_was_there_before_us_loses_its_driver(void **state)
{
	(void)state;
	put_rules(BLOCK);
	put_in(SLOT, "1a2b3c4d");
	devices[0].interfaces[0].authorized = devices[0].interfaces[0].bound = true;
	hold(SLOT, "mmcblk0", "vfat");
	medium("mmcblk01")->mounted = true;
	show_media();
	start();
	assert_non_null(strstr(done, "unmount mmcblk01"));
	assert_non_null(strstr(done, "shut mmc0:aaaa"));
}

static void one_card_is_approved_and_no_other(void **state)
{
	(void)state;
	start_with(APPROVED "stick 0003:5344:1a2b3c4d 0 any EX-1 0\n");
	put_in(SLOT, "99999999");
	says_card("add");
	assert_string_equal(done, "");
	last_line_has("\"why\":\"not-approved\"");
	devices[0].serial[0] = '\0';
	strcpy(devices[0].serial, "1a2b3c4d");
	says_card("remove");
	says_card("add");
	assert_string_equal(done, "let mmc0:aaaa");
}

static void ports_are_no_matter_of_cards_and_kinds_are(void **state)
{
	(void)state;
	start_with(ANY "port front 1-3 7\n");
	put_in(SLOT, "1a2b3c4d");
	says_card("add");
	assert_string_equal(done, "let mmc0:aaaa");
	says_card("remove");
	devices[0].interfaces[0].authorized = false;
	done[0] = '\0';
	new_rules(BLOCK "set kinds usb 8\n");
	says_card("add");
	assert_string_equal(done, "let mmc0:aaaa");
	shown_has("\"why\":\"kind-not-counted\"");
}

static void the_card_that_holds_the_system_is_never_touched(void **state)
{
	(void)state;
	put_rules(BLOCK);
	put_in(SLOT, "1a2b3c4d");
	devices[0].interfaces[0].authorized = devices[0].interfaces[0].bound = true;
	hold(SLOT, "mmcblk0", "ext4");
	medium("mmcblk01")->holds_system = medium("mmcblk01")->mounted = true;
	show_media();
	start();
	assert_null(strstr(done, "shut"));
	assert_null(strstr(done, "unmount"));
	assert_null(strstr(done, "ro "));
}

static void a_disk_by_thunderbolt_counts_as_one_by_usb(void **state)
{
	(void)state;
	start_with(BLOCK "set kinds card 8\n");
	hold("", "nvme1n1", "ext4");
	(void)text_copy(medium("nvme1n1")->bus, 12, "thunderbolt");
	(void)text_copy(medium("nvme1n11")->bus, 12, "thunderbolt");
	show_media();
	told("nvme1n1", "");
	shown_has("\"why\":\"kind-not-counted\"");
	new_rules(BLOCK "set kinds usb 8\n");
	last_line_has("\"why\":\"not-allowed\"");
	assert_non_null(strstr(done, "close nvme1n1"));
}

static void drive_in_a_bay(const char *bus)
{
	hold("", "sdx", "ext4");
	(void)text_copy(medium("sdx")->bus, 12, bus);
	(void)text_copy(medium("sdx1")->bus, 12, bus);
	show_media();
	told("sdx", "");
}

/* udev's rule has closed it, whatever counts. */
static void an_esata_drive_that_does_not_count_opens_and_is_written(void **state)
{
	(void)state;
	start_with(BLOCK "set kinds usb,card,optical,phone,camera 8\n");
	drive_in_a_bay("ata");
	shown_has("\"why\":\"kind-not-counted\"");
	assert_string_equal(opened, "sdx sdx1 ");
	assert_false(medium("sdx")->read_only || medium("sdx1")->read_only);
	new_rules(BLOCK "set kinds esata 8\n");
	last_line_has("\"why\":\"not-allowed\"");
	assert_non_null(strstr(done, "close sdx1"));
}

static void a_drive_on_another_scsi_bus_counts_as_esata(void **state)
{
	(void)state;
	start_with(BLOCK "set kinds esata 8\n");
	drive_in_a_bay("scsi");
	last_line_has("\"why\":\"not-allowed\"");
	assert_string_equal(opened, "");
	new_rules(ANY "set kinds esata 8\n");
	assert_string_equal(opened, "sdx sdx1 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_refused_card_never_gets_its_driver),
		TEST(a_card_that_was_there_before_us_loses_its_driver),
		TEST(one_card_is_approved_and_no_other),
		TEST(ports_are_no_matter_of_cards_and_kinds_are),
		TEST(the_card_that_holds_the_system_is_never_touched),
		TEST(a_disk_by_thunderbolt_counts_as_one_by_usb),
		TEST(an_esata_drive_that_does_not_count_opens_and_is_written),
		TEST(a_drive_on_another_scsi_bus_counts_as_esata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
