/* Facts about disks, hardware and services, read from trees as a machine would have them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/luks_header.h"
#include "tests/unit/tree.h"

#include "platform/disks.h"
#include "platform/hardware.h"
#include "platform/os.h"
#include "platform/services.h"

/* --- disks --- */

static void put_block(const char *name, const char *numbers, const char *path)
{
	char link[128], target[128];

	(void)snprintf(link, sizeof(link), "/sys/class/block/%s", name);
	(void)snprintf(target, sizeof(target), "/sys/devices/%s", path);
	put_link(link, target);
	(void)snprintf(link, sizeof(link), "/sys/dev/block/%s", numbers);
	put_link(link, target);
	(void)snprintf(target, sizeof(target), "/sys/devices/%s/dev", path);
	put(target, numbers);
}

static const struct plat_volume *volume_at(const struct plat_disks *disks, const char *place)
{
	size_t i;

	for (i = 0; i < disks->count; i++)
		if (!strcmp(disks->volumes[i].place, place))
			return &disks->volumes[i];
	fail_msg("no volume at %s", place);
	return NULL;
}

static void put_luks(const char *device, int version, const char *cipher)
{
	static unsigned char header[LUKS2_SIZE];
	char json[512];

	(void)snprintf(json, sizeof(json), LUKS2_SEGMENT("%s"), cipher);
	if (version == 1)
		luks1_put(header, cipher);
	else
		luks2_put(header, 0, sizeof(header), json, strlen(json));
	put_bytes(device, (const char *)header, sizeof(header));
}

/* LVM on LUKS on a partition, as Debian's installer makes it. */
static void put_lvm_on_luks(const char *uuid)
{
	put("/proc/1/mountinfo", "25 1 254:1 / / rw - ext4 /dev/mapper/vg-root rw\n"
				 "26 25 8:1 / /boot rw - ext4 /dev/sda1 rw\n"
				 "27 25 0:5 / /proc rw - proc proc rw\n"
				 "28 25 0:30 / /run rw - tmpfs tmpfs rw\n"
				 "29 25 0:50 / /srv/share rw - nfs4 server:/x rw\n");
	put("/proc/swaps", "Filename Type Size Used Priority\n/dev/dm-2 partition 100 0 -2\n"
			   "/dev/zram0 partition 100 0 100\n");
	put_block("sda", "8:0", "ata1/block/sda");
	put_block("sda1", "8:1", "ata1/block/sda/sda1");
	put("/sys/devices/ata1/block/sda/sda1/partition", "1");
	put_block("sda2", "8:2", "ata1/block/sda/sda2");
	put("/sys/devices/ata1/block/sda/sda2/partition", "2");
	put_block("dm-0", "254:0", "virtual/block/dm-0");
	put("/sys/devices/virtual/block/dm-0/dm/uuid", uuid);
	put("/sys/devices/virtual/block/dm-0/dm/name", "sda2_crypt");
	put_link("/sys/devices/virtual/block/dm-0/slaves/sda2", "/sys/devices/ata1/block/sda/sda2");
	put_block("dm-1", "254:1", "virtual/block/dm-1");
	put("/sys/devices/virtual/block/dm-1/dm/uuid", "LVM-abc");
	put("/sys/devices/virtual/block/dm-1/dm/name", "vg-root");
	put_link("/sys/devices/virtual/block/dm-1/slaves/dm-0", "/sys/devices/virtual/block/dm-0");
	put_block("dm-2", "254:2", "virtual/block/dm-2");
	put("/sys/devices/virtual/block/dm-2/dm/uuid", "LVM-def");
	put_link("/sys/devices/virtual/block/dm-2/slaves/dm-0", "/sys/devices/virtual/block/dm-0");
	put_block("zram0", "252:0", "virtual/block/zram0");
}

static void follows_lvm_to_luks_below_it(void **state)
{
	struct plat_disks disks;
	const struct plat_volume *volume;

	(void)state;
	put_lvm_on_luks("CRYPT-LUKS2-0123-sda2_crypt");
	put_luks("/dev/sda2", 2, "aes-xts-plain64");
	assert_works(plat_disks(&disks, &err));
	assert_int_equal(disks.count, 3); /* no proc, tmpfs, nfs4, and no swap in memory */
	volume = volume_at(&disks, "/");
	assert_int_equal(volume->encryption, PLAT_ENCRYPTED);
	assert_string_equal(volume->how, "luks2");
	assert_string_equal(volume->device, "dm-1");
	assert_int_equal(volume_at(&disks, "swap")->encryption, PLAT_ENCRYPTED);
	volume = volume_at(&disks, "/boot");
	assert_int_equal(volume->encryption, PLAT_PLAIN);
	assert_int_equal(volume->role, PLAT_VOLUME_BOOT);
	plat_disks_clear(&disks);
}

static void finds_the_cipher_that_does_nothing(void **state)
{
	static const struct {
		int version;
		const char *cipher;
		enum plat_encryption want;
	} cases[] = {{1, "cipher_null", PLAT_NULL_CIPHER},
		     {2, "cipher_null-ecb", PLAT_NULL_CIPHER},
		     {1, "aes", PLAT_ENCRYPTED}};
	struct plat_disks disks;
	size_t i;

	(void)state;
	put_lvm_on_luks("CRYPT-LUKS1-0123-sda2_crypt");
	for (i = 0; i < COUNT(cases); i++) {
		put_luks("/dev/sda2", cases[i].version, cases[i].cipher);
		assert_works(plat_disks(&disks, &err));
		assert_int_equal(volume_at(&disks, "/")->encryption, cases[i].want);
		plat_disks_clear(&disks);
	}
}

static void cannot_tell_a_cipher_it_cannot_read(void **state)
{
	struct plat_disks disks;

	(void)state;
	put_lvm_on_luks("CRYPT-LUKS2-0123-sda2_crypt");
	assert_works(plat_disks(&disks, &err));
	assert_int_equal(volume_at(&disks, "/")->encryption, PLAT_ENCRYPTION_UNKNOWN);
	assert_string_equal(volume_at(&disks, "/")->note, "its cipher could not be read");
	plat_disks_clear(&disks);
}

static void integrity_is_not_encryption(void **state)
{
	struct plat_disks disks;

	(void)state;
	put_lvm_on_luks("CRYPT-INTEGRITY-sda2_crypt");
	assert_works(plat_disks(&disks, &err));
	assert_int_equal(volume_at(&disks, "/")->encryption, PLAT_PLAIN);
	plat_disks_clear(&disks);
}

static void an_overlay_and_peoples_folders_are_told_as_they_may(void **state)
{
	struct plat_disks disks;

	(void)state;
	put("/proc/1/mountinfo",
	    "25 1 0:40 / / rw - overlay overlay rw,lowerdir=/x\n"
	    "26 25 8:17 / /media/alice/Alice\\040Smith rw - vfat /dev/sdb1 rw\n"
	    "27 25 8:33 / /home/alice/private rw - ext4 /dev/sdc1 rw\n");
	put_block("sdb", "8:16", "pci0/usb2/2-1/block/sdb");
	put_block("sdb1", "8:17", "pci0/usb2/2-1/block/sdb/sdb1");
	put("/sys/devices/pci0/usb2/2-1/block/sdb/sdb1/partition", "1");
	put_block("sdc1", "8:33", "ata1/block/sdc1");
	assert_works(plat_disks(&disks, &err));
	assert_int_equal(volume_at(&disks, "/")->encryption, PLAT_ENCRYPTION_UNKNOWN);
	assert_true(volume_at(&disks, "media")->removable);
	assert_false(volume_at(&disks, "~")->removable);
	plat_disks_clear(&disks);
}

static void without_a_list_of_mounts_it_cannot_tell(void **state)
{
	struct plat_disks disks;

	(void)state;
	assert_fails(plat_disks(&disks, &err), ERR_UNSUPPORTED,
		     "no list of mounts: /proc/1/mountinfo is empty");
}

/* --- hardware, services --- */

static void reads_what_the_machine_is(void **state)
{
	struct plat_hardware hardware;
	char name[32];
	bool found;

	(void)state;
	assert_fails(plat_hardware(&hardware, &err), ERR_UNSUPPORTED,
		     "this machine's firmware says nothing about it (/sys/class/dmi/id is empty)");
	put("/sys/class/dmi/id/product_serial", " PF2ABCDE \n");
	put("/sys/class/dmi/id/sys_vendor", "LENOVO\n");
	put("/sys/class/dmi/id/product_name", "20X\n");
	put("/sys/class/dmi/id/chassis_type", "10\n");
	put("/proc/meminfo", "MemTotal:        8000000 kB\n");
	put("/proc/cpuinfo",
	    "processor : 0\nmodel name\t: Some CPU\n\nprocessor : 1\nmodel name\t: Some CPU\n");
	put("/sys/block/nvme0n1/size", "1000000\n");
	put("/sys/block/nvme0n1/device/model", "Fast disk\n");
	put("/sys/block/loop0/size", "8\n");
	put("/sys/bus/usb/devices/1-2/idVendor", "046d\n");
	put("/sys/bus/usb/devices/1-2/idProduct", "c31c\n");
	put("/sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "03\n");
	put("/sys/bus/usb/devices/1-2:1.0/bInterfaceProtocol", "01\n");
	put("/sys/bus/usb/devices/1-3/idVendor", "0951\n");
	put("/sys/bus/usb/devices/1-3/idProduct", "1666\n");
	put("/sys/bus/usb/devices/1-3:1.0/bInterfaceClass", "03\n");
	put("/sys/bus/usb/devices/1-3:1.1/bInterfaceClass", "08\n");
	put("/sys/class/power_supply/BAT0/type", "Battery\n");
	put("/sys/class/power_supply/BAT0/energy_full", "30\n");
	put("/sys/class/power_supply/BAT0/energy_full_design", "40\n");
	put("/proc/cmdline", "quiet caretaker.usb=off-not\n");
	assert_works(plat_hardware(&hardware, &err));
	assert_string_equal(hardware.identity.serial, "PF2ABCDE");
	assert_string_equal(hardware.form, "laptop");
	assert_int_equal(hardware.cpu_count, 2);
	assert_int_equal(hardware.drive_count, 1);
	assert_string_equal(hardware.drives[0].bus, "nvme");
	assert_int_equal(hardware.usb_count, 2);
	assert_string_equal(hardware.usb[0].kind, "keyboard");
	assert_string_equal(hardware.usb[1].kind, "storage");
	assert_int_equal(hardware.battery.health_percent, 75);
	plat_hardware_clear(&hardware);
	assert_int_equal(plat_machine(name, sizeof(name)), PLAT_MACHINE_REAL);
	assert_works(plat_boot_word("caretaker.usb=off", &found, &err));
	assert_false(found);
	put("/.dockerenv", "");
	assert_int_equal(plat_machine(name, sizeof(name)), PLAT_MACHINE_CONTAINER);
	assert_fails(plat_hardware(&hardware, &err), ERR_UNSUPPORTED,
		     "a container (docker) has no hardware of its own");
}

static void reads_services_from_units_and_control_groups(void **state)
{
	struct plat_service service;

	(void)state;
	assert_works(plat_service("ufw", &service, &err));
	assert_int_equal(service.run, PLAT_SERVICE_ABSENT);
	put("/lib/systemd/system/ufw.service", "[Service]\n");
	assert_works(plat_service("ufw", &service, &err));
	assert_int_equal(service.run, PLAT_SERVICE_UNKNOWN); /* nobody in charge */
	put("/run/systemd/system/x", "");
	assert_works(plat_service("ufw", &service, &err));
	assert_int_equal(service.run, PLAT_SERVICE_STOPPED);
	assert_false(service.at_boot);
	put_link("/etc/systemd/system/multi-user.target.wants/ufw.service",
		 "/lib/systemd/system/ufw.service");
	put("/sys/fs/cgroup/system.slice/ufw.service/cgroup.procs", "12\n");
	assert_works(plat_service("ufw", &service, &err));
	assert_int_equal(service.run, PLAT_SERVICE_RUNNING);
	assert_true(service.at_boot);
	put_link("/etc/systemd/system/ufw.service", "/dev/null");
	assert_works(plat_service("ufw", &service, &err));
	assert_true(service.masked);
	assert_false(service.at_boot);
	assert_fails(plat_service("../x", &service, &err), ERR_INVALID,
		     "'../x' is not a service's name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(follows_lvm_to_luks_below_it),
		TEST(finds_the_cipher_that_does_nothing),
		TEST(cannot_tell_a_cipher_it_cannot_read),
		TEST(integrity_is_not_encryption),
		TEST(an_overlay_and_peoples_folders_are_told_as_they_may),
		TEST(without_a_list_of_mounts_it_cannot_tell),
		TEST(reads_what_the_machine_is),
		TEST(reads_services_from_units_and_control_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
