/* platform/linux/gate_*.c over a sysfs of our own: what is read from devices, what is written; and
 * who sits there.  What is in devices is linux_gate_media.c's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_tree.h"

#include "platform/linux/gate_parts.h"

/* --- ports --- */

static void what_is_no_device_is_asked_nothing(void **state)
{
	static struct plat_port_device device;
	unsigned char ids[64];
	size_t len = 7;

	(void)state;
	assert_fails(plat_gate_compatible(gate, "2-1", ids, sizeof(ids), &len, &err), ERR_NOTFOUND,
		     "no device is at port '2-1'");
	put(STICK "/busnum", "2\n");
	put(STICK "/devnum", "17\n");
	assert_works(plat_gate_device(gate, "2-1", &device, &err));
	assert_int_equal(device.number, 17);
	assert_fails(plat_gate_compatible(gate, "2-1", ids, sizeof(ids), &len, &err), ERR_NOTFOUND,
		     "no device is at port '2-1'");
	put("/dev/bus/usb/002/017", "a file");
	assert_fails(plat_gate_compatible(gate, "2-1", ids, sizeof(ids), &len, &err), ERR_NOTFOUND,
		     "what stands for port '2-1' in /dev is no device");
	assert_fails(plat_gate_compatible(gate, "../2-1", ids, sizeof(ids), &len, &err),
		     ERR_INVALID, "'../2-1' is no USB port");
	assert_int_equal(len, 7);
}

static void a_device_is_what_sysfs_has_of_it(void **state)
{
	static struct plat_port_device device;

	(void)state;
	assert_works(plat_gate_device(gate, "2-1", &device, &err));
	assert_string_equal(device.port, "2-1");
	assert_int_equal(device.descriptors_len, 12);
	assert_string_equal(device.serial, "60A44C41");
	assert_string_equal(device.maker, "Kingston");
	assert_string_equal(device.model, "DataTraveler");
	assert_string_equal(device.panel, "front");
	assert_int_equal(device.configuration, 1);
	assert_false(device.builtin);
	assert_int_equal(device.interface_count, 2);
	assert_string_equal(device.interfaces[0].name, "2-1:1.0");
	assert_string_equal(device.interfaces[0].modalias,
			    "usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in00");
	assert_false(device.interfaces[0].authorized || device.interfaces[0].bound);
	assert_int_equal(device.interfaces[1].number, 10);
	assert_string_equal(device.interfaces[1].text, "MTP");
	assert_true(device.interfaces[1].authorized && device.interfaces[1].bound);
}

static void a_name_that_is_no_port_is_never_a_path(void **state)
{
	static const char *const names[] = {"",       "usb2",     "2-",      "2-1.",   "2-1..1",
					    "../2-1", "2-1/../x", "2-1:1.0", "2-1.4 ", "-1"};
	static struct plat_port_device device;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char want[80];

		(void)snprintf(want, sizeof(want), "'%s' is no USB port", names[i]);
		assert_fails(plat_gate_device(gate, names[i], &device, &err), ERR_INVALID, want);
	}
	assert_fails(plat_gate_let(gate, "2-1", &err), ERR_INVALID, "'2-1' is no USB interface");
	assert_fails(plat_gate_shut(gate, "2-1:1.0/../x", &err), ERR_INVALID,
		     "'2-1:1.0/../x' is no USB interface");
	assert_fails(plat_gate_release(gate, &(struct plat_medium){.name = "../sda"}, true, &err),
		     ERR_INVALID, "'../sda' is no disk");
	assert_fails(plat_gate_look_again(gate, "../sda", &err), ERR_INVALID,
		     "'../sda' is no disk");
}

static void a_port_without_a_device_is_not_found(void **state)
{
	static struct plat_port_device device;

	(void)state;
	assert_fails(plat_gate_device(gate, "9-1", &device, &err), ERR_NOTFOUND,
		     "no device is at port '9-1'");
}

static int name_it(void *ctx, const struct plat_port_device *device)
{
	strcat(strcat(ctx, device->port), device->builtin ? "! " : " ");
	return 0;
}

static void every_device_but_root_hubs_is_walked(void **state)
{
	char names[64] = "";

	(void)state;
	assert_works(plat_gate_devices(gate, name_it, names, &err));
	assert_string_equal(names, "2-1 2-2.4! mmc1:aaaa "); /* eMMC is built in */
}

static void hostile_strings_are_cut_and_stay_bytes(void **state)
{
	static struct plat_port_device device;
	char long_one[1001];

	(void)state;
	memset(long_one, 'A', 1000);
	long_one[1000] = '\0';
	put(STICK "/serial", long_one);
	put_bytes(STICK "/product", "a\0b\x1b[2J\xff\n", 9);
	assert_works(plat_gate_device(gate, "2-1", &device, &err));
	assert_int_equal(strlen(device.serial), sizeof(device.serial) - 1);
	assert_string_equal(device.model, "a");
	put(STICK "/serial", "60A44C41\n");
	put(STICK "/product", "DataTraveler\n");
}

static void letting_through_authorises_and_looks_for_a_driver(void **state)
{
	char want[256];

	(void)state;
	assert_works(plat_gate_let(gate, "2-1:1.0", &err));
	assert_string_equal(get(STICK "/2-1:1.0/authorized"), "1\n");
	assert_string_equal(get("/sys/bus/usb/drivers_probe"), "2-1:1.0");
	assert_works(plat_gate_shut(gate, "2-1:1.0", &err));
	assert_string_equal(get(STICK "/2-1:1.0/authorized"), "0\n");
	(void)snprintf(want, sizeof(want), "'%s/sys/bus/usb/devices/7-1:1.0/authorized' is gone",
		       tree);
	assert_fails(plat_gate_let(gate, "7-1:1.0", &err), ERR_NOTFOUND, want);
}

static void what_comes_next_waits_when_every_controller_and_the_next_say_so(void **state)
{
	(void)state;
	put("/sys/module/usbcore/parameters/authorized_default", "0\n");
	put("/sys/bus/usb/devices/usb1/interface_authorized_default", "0\n");
	put("/sys/bus/usb/devices/usb2/interface_authorized_default", "0\n");
	assert_true(plat_gate_begins_shut(gate));
	put("/sys/bus/mmc/drivers_autoprobe", "1\n");
	assert_false(plat_gate_begins_shut(gate));
	put("/sys/bus/mmc/drivers_autoprobe", "0\n");
	put("/sys/bus/usb/devices/usb2/interface_authorized_default", "1\n");
	assert_false(plat_gate_begins_shut(gate));
	put("/sys/bus/usb/devices/usb2/interface_authorized_default", "0\n");
	put("/sys/module/usbcore/parameters/authorized_default", "-1\n");
	assert_false(plat_gate_begins_shut(gate));
}

static void gather(void *ctx, bool builtin, const char *entry, size_t len)
{
	char *out = ctx;

	assert_int_equal(strlen(entry), len);
	sprintf(out + strlen(out), "%s%s|", builtin ? "+" : "", entry);
}

static void drivers_are_read_from_modules_and_from_what_is_built_in(void **state)
{
	char all[600] = "", line[1200] = "alias usb:";

	(void)state;
	memset(line + 10, 'v', 1000);
	strcpy(line + 1010, "\nalias usb:v1* uas\nalias pci:v1* e1000\n# x\n");
	put("/lib/modules.alias", line);
	put_bytes("/lib/modules.builtin.modinfo", "ext4.alias=fs\0usbhid.alias=usb:v*ic03*\0", 39);
	assert_works(plat_gate_aliases(gate, gather, all, &err));
	assert_string_equal(all, "alias usb:v1* uas|+usbhid.alias=usb:v*ic03*|");
}

static void a_card_is_a_device_that_its_driver_lets_in(void **state)
{
	static struct plat_port_device device;

	(void)state;
	assert_works(plat_gate_device(gate, "mmc1:aaaa", &device, &err));
	assert_true(device.card && device.interfaces[0].authorized);
	assert_int_equal(device.vendor, 0x0003);
	assert_int_equal(device.product, 0x5344);
	assert_string_equal(device.serial, "1a2b3c4d");
	assert_string_equal(device.model, "SU08G");
	assert_int_equal(device.interface_count, 1);
	assert_works(plat_gate_shut(gate, "mmc1:aaaa", &err));
	assert_string_equal(get("/sys/bus/mmc/drivers/mmcblk/unbind"), "mmc1:aaaa");
	assert_works(plat_gate_let(gate, "mmc1:aaaa", &err));
	assert_string_equal(get("/sys/bus/mmc/drivers_probe"), "mmc1:aaaa");
	put(CARD "/type", "SDIO\n"); /* Wi-Fi */
	assert_fails(plat_gate_device(gate, "mmc1:aaaa", &device, &err), ERR_NOTFOUND,
		     "no card is at 'mmc1:aaaa'");
	put(CARD "/type", "SD\n");
	assert_fails(plat_gate_device(gate, "mmc0:0001", &device, &err), ERR_NOTFOUND,
		     "no card is at 'mmc0:0001'");
	assert_fails(plat_gate_device(gate, "mmc0:../x", &device, &err), ERR_INVALID,
		     "'mmc0:../x' is no USB port");
}

static void a_place_is_where_links_lead_whatever_they_are_like(void **state)
{
	static const char *const paths[] = {
		"class/block/sda",         /* as sysfs writes them */
		"class/block/nvme0n1p2",   /* by way of another */
		"dev/block/253:0",         /* to another */
		"bus/usb/devices/2-2.4",   /* likewise */
		"class/block/sda/../sda",  /* not there itself */
		"class/block/x",           /* out of sysfs's folder for devices */
		"devices/pci0000:00/usb2", /* no link */
		"dev/block/y",             /* out of fewer folders than it lies in */
	};

	(void)state;
	shell("cd %s/sys && ln -s ../../devices/../class/block/sda class/block/x && "
	      "ln -s ../devices/virtual dev/block/y",
	      tree);
	for (size_t i = 0; i < COUNT(paths); i++) {
		char whole[600], place[GATE_PATH] = "(none)", *want;

		(void)snprintf(whole, sizeof(whole), "%s/sys/%s", tree, paths[i]);
		want = realpath(whole, NULL);
		assert_int_equal(gate_place(gate, paths[i], place, sizeof(place)), want != NULL);
		assert_string_equal(place, want ? want : "(none)");
		free(want);
	}
	assert_false(gate_place(gate, "class/block/sdz", (char[64]){""}, 64));
	assert_false(gate_place(gate, "class/block/sda", (char[8]){""}, 8));
	shell("cd %s/sys && rm class/block/x dev/block/y", tree);
}

/* --- the seat --- */

static void who_sits_there_is_who_logind_says(void **state)
{
	struct plat_seat seat;

	(void)state;
	assert_works(plat_gate_seat(gate, &seat, &err));
	assert_string_equal(seat.user, "");
	assert_true(seat.lock_known && !seat.locked);
	put("/run/systemd/seats/seat0", "# private\nIS_SEAT0=1\nACTIVE=c2\nACTIVE_UID=1001\n");
	put("/run/systemd/sessions/c2", "UID=1001\nUSER=ann\nCLASS=user\n");
	assert_works(plat_gate_seat(gate, &seat, &err));
	assert_string_equal(seat.user, "ann");
	assert_false(seat.lock_known || seat.locked);
	put("/run/systemd/sessions/c2", "USER=ann\nCLASS=user\nLOCKED_HINT=1\n");
	assert_works(plat_gate_seat(gate, &seat, &err));
	assert_true(seat.lock_known && seat.locked);
	put("/run/systemd/sessions/c2", "USER=ann\nCLASS=user\nLOCKED_HINT=0\n");
	assert_works(plat_gate_seat(gate, &seat, &err));
	assert_true(seat.lock_known && !seat.locked);
	put("/run/systemd/sessions/c2", "USER=gdm\nCLASS=greeter\n");
	assert_works(plat_gate_seat(gate, &seat, &err));
	assert_string_equal(seat.user, "");
}

static void files_go_over_bluetooth_where_anybody_may_run_what_sends_them(void **state)
{
	static const char obexd[] = "/usr/libexec/bluetooth/obexd";
	char program[64];

	(void)state;
	put(obexd, "");
	shell("chmod 755 '%s%s'", tree, obexd);
	assert_false(plat_gate_sends_files(gate, program)); /* no adapter */
	put("/sys/class/bluetooth/hci0/type", "BR/EDR\n");
	assert_true(plat_gate_sends_files(gate, program));
	assert_string_equal(program, obexd);
	shell("chmod 700 '%s%s'", tree, obexd);
	assert_false(plat_gate_sends_files(gate, program));
	shell("rm -r '%s/sys/class/bluetooth' '%s/usr/libexec'", tree, tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_device_is_asked_nothing),
		cmocka_unit_test(a_device_is_what_sysfs_has_of_it),
		cmocka_unit_test(a_name_that_is_no_port_is_never_a_path),
		cmocka_unit_test(a_port_without_a_device_is_not_found),
		cmocka_unit_test(every_device_but_root_hubs_is_walked),
		cmocka_unit_test(hostile_strings_are_cut_and_stay_bytes),
		cmocka_unit_test(letting_through_authorises_and_looks_for_a_driver),
		cmocka_unit_test(what_comes_next_waits_when_every_controller_and_the_next_say_so),
		cmocka_unit_test(drivers_are_read_from_modules_and_from_what_is_built_in),
		cmocka_unit_test(a_card_is_a_device_that_its_driver_lets_in),
		cmocka_unit_test(a_place_is_where_links_lead_whatever_they_are_like),
		cmocka_unit_test(who_sits_there_is_who_logind_says),
		cmocka_unit_test(files_go_over_bluetooth_where_anybody_may_run_what_sends_them),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
