/* platform/linux/gate_*.c over a sysfs of our own: what is read from devices, what is written.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/luks_header.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "agent/base/buf.h"
#include "platform/gate.h"
#include "platform/linux/gate_parts.h"
#include "platform/os.h"

static char root[] = "/tmp/caretaker-gate-XXXXXX";
static struct plat_gate *gate;

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void shell(const char *fmt, ...)
{
	char command[1200];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static void put_bytes(const char *path, const void *data, size_t len)
{
	char whole[512];
	FILE *file;

	shell("mkdir -p \"$(dirname '%s%s')\"", root, path);
	(void)snprintf(whole, sizeof(whole), "%s%s", root, path);
	file = fopen(whole, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static const char *get(const char *path)
{
	static struct buf text;
	char whole[512];
	struct err err;

	buf_clear(&text);
	buf_init(&text, 4096);
	(void)snprintf(whole, sizeof(whole), "%s%s", root, path);
	if (plat_file_read(whole, 4096, &text, &err) < 0)
		return "(none)";
	return buf_text(&text);
}

#define HUB "/sys/devices/pci0000:00/usb2"
#define STICK HUB "/2-1"
#define EMMC "/sys/devices/pci0000:00/mmc_host/mmc0/mmc0:0001"
#define CARD "/sys/devices/pci0000:00/mmc_host/mmc1/mmc1:aaaa"
#define BLOCK STICK "/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sda"

/* A stick in port 2-1 with a partition, a keyboard behind a hub in 2-2, a system disk with LUKS. */
static int make_tree(void **state)
{
	struct err err;

	(void)state;
	assert_non_null(mkdtemp(root));
	put_bytes(STICK "/descriptors", "\x12\x01\x00\x02\0\0\0\x40\x51\x09\x66\x16", 12);
	put(STICK "/serial", "60A44C41\n");
	put(STICK "/manufacturer", "Kingston\n");
	put(STICK "/product", "DataTraveler\n");
	put(STICK "/removable", "removable\n");
	put(STICK "/bConfigurationValue", "1\n");
	put(STICK "/port/physical_location/panel", "front\n");
	put(STICK "/2-1:1.0/bInterfaceNumber", "00\n");
	put(STICK "/2-1:1.0/modalias", "usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in00\n");
	put(STICK "/2-1:1.0/authorized", "0\n");
	put(STICK "/2-1:1.1/bInterfaceNumber", "0a\n");
	put(STICK "/2-1:1.1/interface", "MTP\n");
	put(STICK "/2-1:1.1/authorized", "1\n");
	put(STICK "/2-1:1.1/driver/x", "");
	put(HUB "/2-2/2-2.4/descriptors", "\x12\x01");
	put(HUB "/2-2/2-2.4/removable", "fixed\n");
	shell("mkdir -p %s/sys/bus/usb/devices && cd %s/sys/bus/usb/devices && "
	      "ln -s ../../../devices/pci0000:00/usb2 usb2 && ln -s usb2/2-1 2-1 && "
	      "ln -s usb2/2-1/2-1:1.0 2-1:1.0 && ln -s usb2/2-1/2-1:1.1 2-1:1.1 && "
	      "ln -s usb2/2-2/2-2.4 2-2.4",
	      root, root);
	put("/sys/bus/usb/drivers_probe", "");
	put(BLOCK "/size", "32768\n");
	put(BLOCK "/removable", "1\n");
	put(BLOCK "/ro", "0\n");
	put(BLOCK "/diskseq", "12\n");
	put(BLOCK "/uevent", "");
	put(BLOCK "/sda1/size", "30000\n");
	put(BLOCK "/sda1/partition", "1\n");
	put(BLOCK "/sda1/ro", "1\n");
	put(BLOCK "/sda1/uevent", "");
	put("/sys/devices/pci0000:00/nvme/nvme0/nvme0n1/size", "1000\n");
	put("/sys/devices/pci0000:00/nvme/nvme0/nvme0n1/nvme0n1p2/partition", "2\n");
	put("/sys/devices/pci0000:00/nvme/nvme0/nvme0n1/nvme0n1p2/size", "900\n");
	put("/sys/devices/virtual/block/dm-0/size", "900\n");
	shell("mkdir -p %s/sys/devices/virtual/block/dm-0/slaves/nvme0n1p2", root);
	put(EMMC "/block/mmcblk0/size", "64\n");
	put(EMMC "/type", "MMC\n");
	put(CARD "/block/mmcblk1/size", "64\n");
	put(CARD "/type", "SD\n");
	put(CARD "/manfid", "0x000003\n");
	put(CARD "/oemid", "0x5344\n");
	put(CARD "/serial", "0x1a2b3c4d\n");
	put(CARD "/name", "SU08G\n");
	put(CARD "/driver/x", "");
	shell("mkdir -p %s/sys/bus/mmc/devices %s/sys/bus/mmc/drivers/mmcblk && "
	      "cd %s/sys/bus/mmc/devices && ln -s ../../..%s mmc0:0001 && ln -s ../../..%s "
	      "mmc1:aaaa",
	      root, root, root, EMMC + 4, CARD + 4);
	put("/sys/bus/mmc/drivers_probe", "");
	put("/sys/bus/mmc/drivers_autoprobe", "0\n");
	put("/sys/bus/mmc/drivers/mmcblk/unbind", "");
	shell("mkdir -p %s/sys/class/block %s/sys/dev/block && cd %s/sys/class/block && "
	      "ln -s ../..%s sda && ln -s ../..%s/sda1 sda1 && "
	      "ln -s ../../devices/pci0000:00/nvme/nvme0/nvme0n1 nvme0n1 && "
	      "ln -s nvme0n1/nvme0n1p2 nvme0n1p2 && ln -s ../../devices/virtual/block/dm-0 dm-0 && "
	      "ln -s ../..%s/block/mmcblk0 mmcblk0 && ln -s ../..%s/block/mmcblk1 mmcblk1 && "
	      "cd ../../dev/block && ln -s ../../class/block/dm-0 253:0 && "
	      "ln -s ../../class/block/sda1 8:1 && ln -s ../../class/block/sda 8:0",
	      root, root, root, BLOCK + 4, BLOCK + 4, EMMC + 4, CARD + 4);
	put("/proc/1/mountinfo", "22 1 253:0 / / rw - ext4 /dev/mapper/root rw\n"
				 "23 22 0:21 / /proc rw - proc proc rw\n");
	put("/lib/modules.alias", "");
	{
		char sysfs[256], modules[256];

		(void)snprintf(sysfs, sizeof(sysfs), "%s/sys", root);
		(void)snprintf(modules, sizeof(modules), "%s/lib", root);
		assert_int_equal(plat_gate_open(&gate, sysfs, modules, &err), 0);
	}
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	plat_gate_close(gate);
	shell("rm -rf %s", root);
	(void)get("/none"); /* frees what it held */
	return 0;
}

/* --- USB --- */

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
		       root);
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

/* --- disks --- */

struct seen {
	struct plat_medium media[8];
	unsigned count;
};

static int keep(void *ctx, const struct plat_medium *medium)
{
	struct seen *seen = ctx;

	seen->media[seen->count++] = *medium;
	return 0;
}

static void what_hangs_on_a_port_is_found_the_disk_first(void **state)
{
	struct seen seen = {.count = 0};

	(void)state;
	assert_works(plat_gate_media(gate, "2-1", keep, &seen, &err));
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.media[0].name, "sda");
	assert_string_equal(seen.media[0].parent, "");
	assert_true(seen.media[0].has_parts && seen.media[0].removable);
	assert_int_equal(seen.media[0].bytes, 32768 * 512);
	assert_string_equal(seen.media[0].bus, "usb");
	assert_string_equal(seen.media[1].name, "sda1");
	assert_string_equal(seen.media[1].parent, "sda");
	assert_string_equal(seen.media[1].port, "2-1");
	assert_true(seen.media[1].read_only && seen.media[1].removable);
	assert_false(seen.media[1].holds_system || seen.media[1].mounted);
}

static void a_card_holds_its_disk_and_what_is_built_in_is_none(void **state)
{
	struct seen seen = {.count = 0};

	(void)state;
	assert_works(plat_gate_media(gate, "mmc1:aaaa", keep, &seen, &err));
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.media[0].name, "mmcblk1");
	assert_string_equal(seen.media[0].bus, "mmc");
	assert_false(seen.media[0].has_parts);
	put(CARD "/block/mmcblk1/mmcblk1p12/partition", "12\n");
	put(CARD "/block/mmcblk1/mmcblk1p/partition", "1\n");
	seen.count = 0;
	assert_works(plat_gate_media(gate, "mmc1:aaaa", keep, &seen, &err));
	assert_true(seen.media[0].has_parts);
	shell("rm -r %s%s/block/mmcblk1/mmcblk1p12", root, CARD);
	seen.count = 0;
	assert_works(plat_gate_media(gate, "mmc1:aaaa", keep, &seen, &err));
	assert_false(seen.media[0].has_parts);
	seen.count = 0;
	/* Of what only files are behind there may be more than there is room for. */
	shell("cd %s/sys/class/block && touch $(seq -f loop%%g 5000)", root);
	assert_works(plat_gate_media(gate, "mmc1:aaaa", keep, &seen, &err));
	assert_int_equal(seen.count, 1);
	shell("rm %s/sys/class/block/loop*", root);
	seen.count = 0;
	assert_works(plat_gate_media(gate, "", keep, &seen, &err));
	assert_works(plat_gate_media(gate, "mmc0:0001", keep, &seen, &err));
	assert_int_equal(seen.count, 0);
}

static void what_comes_by_thunderbolt_was_put_in_by_somebody(void **state)
{
	struct seen seen = {.count = 0};

	(void)state;
	put("/sys/devices/pci0000:00/0000:04:00.0/nvme/nvme1/nvme1n1/size", "1000\n");
	put("/sys/devices/pci0000:00/0000:04:00.0/nvme/nvme1/nvme1n1/removable", "0\n");
	shell("ln -s ../../devices/pci0000:00/0000:04:00.0/nvme/nvme1/nvme1n1 %s/sys/class/block",
	      root);
	put("/sys/devices/pci0000:00/0000:04:00.0/removable", "fixed\n");
	assert_works(plat_gate_media(gate, "", keep, &seen, &err));
	assert_int_equal(seen.count, 0);
	put("/sys/devices/pci0000:00/0000:04:00.0/removable", "removable\n");
	assert_works(plat_gate_media(gate, "", keep, &seen, &err));
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.media[0].name, "nvme1n1");
	assert_string_equal(seen.media[0].bus, "thunderbolt");
	shell("rm -r %s/sys/devices/pci0000:00/0000:04:00.0 %s/sys/class/block/nvme1n1", root,
	      root);
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

static void look_at_stick(struct seen *seen)
{
	memset(seen, 0, sizeof(*seen));
	assert_works(plat_gate_media(gate, "2-1", keep, seen, &err));
	assert_int_equal(seen->count, 2);
}

static void what_holds_the_system_is_told_through_mounts_swap_and_keys(void **state)
{
	static const char plain[] = "22 1 253:0 / / rw - ext4 /dev/mapper/root rw\n";
	static const struct {
		const char *mounts, *swaps, *crypttab;
		bool system, mounted;
	} cases[] = {
		{"", "", "", false, false},
		{"40 22 8:1 / /media/ann/a\\040b rw - vfat /dev/sda1 rw\n", "", "", false, true},
		/* caretaker-scan's own: taken out of use, it would never be scanned to its end */
		{"40 22 8:1 / /run/caretaker/media/sda1 ro - vfat /dev/sda1 ro\n", "", "", false,
		 false},
		{"40 22 8:1 / /home rw shared:1 - ext4 /dev/sda1 rw\n", "", "", true, true},
		{"40 22 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n", "", "", true, true},
		{"40 22 0:99 / /home rw - btrfs /dev/sda1 rw\n", "", "", true, true},
		{"40 22 8:1 / /run/live/medium ro - iso9660 /dev/sda1 ro\n", "", "", true, true},
		{"", "Filename Type\n/dev/sda1 partition 1\n", "", true, true},
		{"", "", "root UUID=1 /key:LABEL=KEYS luks\n", true, true},
		{"", "", "root UUID=1 /dev/disk/by-label/KEYS:/k luks\n", true, true},
		{"", "", "#root UUID=1 LABEL=KEYS luks\n", false, false},
		{"", "", "root UUID=1 none luks\n", false, false},
	};

	(void)state;
	put("/dev/sda1", "");
	shell("mkdir -p %s/dev/disk/by-label && ln -s ../../sda1 %s/dev/disk/by-label/KEYS", root,
	      root);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct seen seen;
		char mounts[400];

		(void)snprintf(mounts, sizeof(mounts), "%s%s", plain, cases[i].mounts);
		put("/proc/1/mountinfo", mounts);
		put("/proc/swaps", cases[i].swaps);
		put("/etc/crypttab", cases[i].crypttab);
		look_at_stick(&seen);
		if (seen.media[1].holds_system != cases[i].system ||
		    seen.media[0].holds_system != cases[i].system ||
		    seen.media[1].mounted != cases[i].mounted)
			fail_msg("case %zu: system %d and %d, want %d; mounted %d", i,
				 seen.media[0].holds_system, seen.media[1].holds_system,
				 cases[i].system, seen.media[1].mounted);
	}
	put("/proc/1/mountinfo", plain);
	put("/proc/swaps", "");
	put("/etc/crypttab", "");
}

static void without_a_list_of_mounts_everything_may_hold_the_system(void **state)
{
	struct seen seen;

	(void)state;
	shell("mv %s/proc/1/mountinfo %s/proc/x", root, root);
	look_at_stick(&seen);
	assert_true(seen.media[0].holds_system && seen.media[1].holds_system);
	assert_fails(plat_gate_unmount(gate, "sda", 10, &err), ERR_DENIED,
		     "'sda' holds the running system");
	shell("mv %s/proc/x %s/proc/1/mountinfo", root, root);
	look_at_stick(&seen);
	assert_false(seen.media[0].holds_system);
}

static void a_medium_is_opened_by_a_file_that_its_disk_alone_can_have(void **state)
{
	struct plat_medium sda1 = {.name = "sda1", .sequence = 12}, sdz = {.name = "sdz"};

	(void)state;
	assert_works(plat_gate_release(gate, &sda1, true, &err));
	assert_string_equal(get("/run/caretaker/gate/open/12-sda1"), "");
	assert_string_equal(get(BLOCK "/sda1/uevent"), "change");
	put(BLOCK "/sda1/uevent", "");
	assert_works(plat_gate_release(gate, &sda1, true, &err));
	assert_string_equal(get(BLOCK "/sda1/uevent"), ""); /* one event, not one a call */
	assert_works(plat_gate_release(gate, &sda1, false, &err));
	assert_string_equal(get("/run/caretaker/gate/open/12-sda1"), "(none)");
	assert_string_equal(get(BLOCK "/sda1/uevent"), "change");
	put(BLOCK "/sda1/uevent", "");
	assert_works(plat_gate_release(gate, &sda1, false, &err)); /* the rule is newer than it */
	assert_string_equal(get(BLOCK "/sda1/uevent"), "change");
	put(BLOCK "/sda1/uevent", "");
	put("/run/udev-closed/sda1", "");
	assert_works(plat_gate_release(gate, &sda1, false, &err));
	assert_string_equal(get(BLOCK "/sda1/uevent"), "");
	put("/run/udev-disk/sda1", "11"); /* what closed was another's */
	assert_works(plat_gate_release(gate, &sda1, false, &err));
	assert_string_equal(get(BLOCK "/sda1/uevent"), "change");
	shell("rm %s/run/udev-disk/sda1", root);
	sda1.sequence = 11; /* judged, and gone since */
	assert_works(plat_gate_release(gate, &sda1, true, &err));
	assert_string_equal(get("/run/caretaker/gate/open/12-sda1"), "(none)");
	sda1.sequence = 0;
	assert_fails(plat_gate_release(gate, &sda1, true, &err), ERR_UNSUPPORTED,
		     "this kernel gives 'sda1' no number of its own (diskseq, Linux 5.15): it "
		     "stays closed");
	assert_fails(plat_gate_release(gate, &sdz, true, &err), ERR_NOTFOUND,
		     "the disk 'sdz' is gone");
}

static void what_was_open_and_is_gone_leaves_nothing(void **state)
{
	static const char *const gone[] = {"11-sda1", "12-sdz1", "7-sda", "0-sdz", "sda1"};
	struct plat_medium sda1 = {.name = "sda1", .sequence = 12};
	char path[64];

	(void)state;
	assert_works(plat_gate_release(gate, &sda1, true, &err));
	put("/run/caretaker/gate/open/12-sda", "");
	for (size_t i = 0; i < COUNT(gone); i++) {
		(void)snprintf(path, sizeof(path), "/run/caretaker/gate/open/%s", gone[i]);
		put(path, "");
	}
	plat_gate_sweep(gate);
	assert_string_equal(get("/run/caretaker/gate/open/12-sda1"), "");
	assert_string_equal(get("/run/caretaker/gate/open/12-sda"), "");
	for (size_t i = 0; i < COUNT(gone); i++) {
		(void)snprintf(path, sizeof(path), "/run/caretaker/gate/open/%s", gone[i]);
		if (strcmp(get(path), "(none)") != 0)
			fail_msg("%s is still there", gone[i]);
	}
	shell("rm -r %s/run/caretaker/gate/open", root);
	plat_gate_sweep(gate); /* nothing was ever open */
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
	      root);
	for (size_t i = 0; i < COUNT(paths); i++) {
		char whole[600], place[GATE_PATH] = "(none)", *want;

		(void)snprintf(whole, sizeof(whole), "%s/sys/%s", root, paths[i]);
		want = realpath(whole, NULL);
		assert_int_equal(gate_place(gate, paths[i], place, sizeof(place)), want != NULL);
		assert_string_equal(place, want ? want : "(none)");
		free(want);
	}
	assert_false(gate_place(gate, "class/block/sdz", (char[64]){""}, 64));
	assert_false(gate_place(gate, "class/block/sda", (char[8]){""}, 8));
	shell("cd %s/sys && rm class/block/x dev/block/y", root);
}

/* --- LUKS --- */

#define AES LUKS2_SEGMENT("aes-xts-plain64")

static void a_luks_partition_s_own_header_is_read(void **state)
{
	static unsigned char header[LUKS2_SIZE];
	struct seen seen;

	(void)state;
	put("/run/udev-says/sda1", "crypto_LUKS");
	luks2_put(header, 0, sizeof(header), AES, strlen(AES));
	put_bytes("/dev/sda1", header, sizeof(header));
	look_at_stick(&seen);
	assert_true(seen.media[1].told);
	assert_string_equal(seen.media[1].file_system, "crypto_LUKS");
	assert_false(seen.media[1].null_cipher);
	header[600] ^= 1; /* whoever forged it did not sum it up */
	put_bytes("/dev/sda1", header, sizeof(header));
	look_at_stick(&seen);
	assert_true(seen.media[1].null_cipher);
	luks1_put(header, "cipher_null");
	put_bytes("/dev/sda1", header, sizeof(header));
	look_at_stick(&seen);
	assert_true(seen.media[1].null_cipher);
	shell("rm %s/dev/sda1", root);
	look_at_stick(&seen);
	assert_true(seen.media[1].null_cipher); /* cannot be read: is not believed */
}

/* Opening a pipe waits for who writes to it, as opening or reading a disk waits for its answer. */
static void a_medium_that_does_not_answer_is_not_believed_and_holds_nobody_up(void **state)
{
	static unsigned char header[LUKS2_SIZE];
	struct seen seen;
	int64_t began;

	(void)state;
	assert_int_equal(gate->luks_patience_ms, 5000);
	gate->luks_patience_ms = 100;
	put("/run/udev-says/sda1", "crypto_LUKS");
	shell("mkfifo %s/dev/sda1", root);
	began = plat_uptime_ms();
	look_at_stick(&seen);
	assert_in_range(plat_uptime_ms() - began, 100, 4999);
	assert_true(seen.media[1].null_cipher);
	gate->switch_patience_ms = 100;
	put("/dev/sda2", "");
	assert_fails(plat_gate_read_only(gate, "sda2", true, &err), ERR_IO,
		     "make 'sda2' read-only: Inappropriate ioctl for device");
	assert_fails(plat_gate_read_only(gate, "sdz", true, &err), ERR_NOTFOUND,
		     "the disk 'sdz' is gone");
	/* What was found is not kept. */
	luks2_put(header, 0, sizeof(header), AES, strlen(AES));
	shell("rm %s/dev/sda1", root);
	put_bytes("/dev/sda1", header, sizeof(header));
	gate->luks_patience_ms = 5000;
	look_at_stick(&seen);
	assert_false(seen.media[1].null_cipher);
}

static void what_udev_knows_of_a_disk_is_not_the_next_one_s(void **state)
{
	static const struct {
		const char *disk;
		uint64_t sequence;
		bool another;
	} cases[] = {
		{"12", 12, false},
		{"11", 12, true},
		{"13", 12, true},
		{"121", 12, true},
		{"1", 12, true},
		{"x", 12, true},
		{NULL, 12, false}, /* the rule came after udev had looked */
		{"", 12, false},
		{"12", 0, false}, /* a kernel before 5.15 */
		{"18446744073709551615", UINT64_MAX, false},
	};
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (gate_udev_is_of_another(cases[i].disk, cases[i].sequence) != cases[i].another)
			fail_msg("case %zu: want %d", i, cases[i].another);
	put("/run/udev-says/sda", "");
	put("/run/udev-says/sda1", "crypto_LUKS");
	put("/run/udev-disk/sda", "12");
	put("/run/udev-disk/sda1", "12");
	put("/run/udev-closed/sda1", "");
	look_at_stick(&seen);
	assert_true(seen.media[0].told && seen.media[1].told);
	assert_true(!seen.media[0].closed && seen.media[1].closed);
	assert_string_equal(seen.media[1].file_system, "crypto_LUKS");
	/* Pulled out, and another is there before udev has heard of either. */
	put(BLOCK "/diskseq", "13\n");
	look_at_stick(&seen);
	assert_int_equal(seen.media[1].sequence, 13);
	assert_string_equal(seen.media[1].file_system, "");
	assert_false(seen.media[0].told || seen.media[1].told || seen.media[1].null_cipher);
	assert_false(seen.media[1].closed);
	assert_true(seen.media[0].stale && seen.media[1].stale);
	put("/run/udev-says/sda1", "vfat"); /* it has looked */
	put("/run/udev-disk/sda1", "13");
	look_at_stick(&seen);
	assert_true(seen.media[1].told && !seen.media[1].stale && !seen.media[0].told);
	assert_string_equal(seen.media[1].file_system, "vfat");
	shell("mv %s%s/diskseq %s/x", root, BLOCK, root); /* a kernel before 5.15 */
	look_at_stick(&seen);
	assert_int_equal(seen.media[1].sequence, 0);
	assert_true(seen.media[0].told && seen.media[1].told);
	shell("mv %s/x %s%s/diskseq && rm -r %s/run/udev-disk %s/run/udev-says", root, root, BLOCK,
	      root, root);
	put(BLOCK "/diskseq", "12\n");
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
	shell("chmod 755 '%s%s'", root, obexd);
	assert_false(plat_gate_sends_files(gate, program)); /* no adapter */
	put("/sys/class/bluetooth/hci0/type", "BR/EDR\n");
	assert_true(plat_gate_sends_files(gate, program));
	assert_string_equal(program, obexd);
	shell("chmod 700 '%s%s'", root, obexd);
	assert_false(plat_gate_sends_files(gate, program));
	shell("rm -r '%s/sys/class/bluetooth' '%s/usr/libexec'", root, root);
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
		cmocka_unit_test(what_hangs_on_a_port_is_found_the_disk_first),
		cmocka_unit_test(a_card_holds_its_disk_and_what_is_built_in_is_none),
		cmocka_unit_test(what_comes_by_thunderbolt_was_put_in_by_somebody),
		cmocka_unit_test(a_card_is_a_device_that_its_driver_lets_in),
		cmocka_unit_test(what_holds_the_system_is_told_through_mounts_swap_and_keys),
		cmocka_unit_test(without_a_list_of_mounts_everything_may_hold_the_system),
		cmocka_unit_test(a_medium_is_opened_by_a_file_that_its_disk_alone_can_have),
		cmocka_unit_test(what_was_open_and_is_gone_leaves_nothing),
		cmocka_unit_test(a_place_is_where_links_lead_whatever_they_are_like),
		cmocka_unit_test(a_luks_partition_s_own_header_is_read),
		cmocka_unit_test(a_medium_that_does_not_answer_is_not_believed_and_holds_nobody_up),
		cmocka_unit_test(what_udev_knows_of_a_disk_is_not_the_next_one_s),
		cmocka_unit_test(who_sits_there_is_who_logind_says),
		cmocka_unit_test(files_go_over_bluetooth_where_anybody_may_run_what_sends_them),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
