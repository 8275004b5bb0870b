/* platform/linux/gate_mapped.c over a sysfs of our own: whose a disk is that was made of others.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_sysfs.h"

#define USB "/sys/devices/pci0000:00/usb2/"

static void disk(const char *place, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s/size", place, name);
	put(path, "1000\n");
	(void)snprintf(path, sizeof(path), "%s/%s/removable", place, name);
	put(path, "1\n");
	shell("mkdir -p %s/sys/class/block && ln -s ../..%s/%s %s/sys/class/block/%s", tree,
	      place + 4, name, tree, name);
}

/* A disk of device mapper's, or md's, made of others. */
static void made_of(const char *name, const char *uuid, const char *below)
{
	char path[128], text[64];

	disk("/sys/devices/virtual/block", name);
	shell("cd %s/sys/devices/virtual/block/%s && for i in %s; do mkdir -p slaves/$i; done",
	      tree, name, below);
	(void)snprintf(path, sizeof(path), "/sys/devices/virtual/block/%s/diskseq", name);
	put(path, "77\n");
	(void)snprintf(path, sizeof(path), "/sys/devices/virtual/block/%s/uevent", name);
	put(path, "");
	if (!uuid)
		return;
	(void)snprintf(path, sizeof(path), "/sys/devices/virtual/block/%s/dm/uuid", name);
	put(path, uuid);
	(void)snprintf(path, sizeof(path), "/sys/devices/virtual/block/%s/dm/name", name);
	(void)snprintf(text, sizeof(text), "%s-name\n", name);
	put(path, text);
}

static int make_tree(void **state)
{
	(void)state;
	begin_tree();
	disk(USB "2-1/2-1:1.0/host6/block", "sda");
	disk(USB "2-1/2-1:1.0/host6/block/sda", "sda1");
	put(USB "2-1/2-1:1.0/host6/block/sda/sda1/partition", "1\n");
	put(USB "2-1/2-1:1.0/host6/block/sda/diskseq", "12\n");
	disk(USB "2-2/2-2:1.0/host7/block", "sdb");
	disk("/sys/devices/pci0000:00/nvme/nvme0", "nvme0n1");
	put("/sys/devices/pci0000:00/nvme/nvme0/nvme0n1/removable", "0\n");
	disk("/sys/devices/pci0000:00/ata9/host9/block", "sdc");
	made_of("dm-0", "CRYPT-LUKS2-aaaa-root", "nvme0n1");
	made_of("dm-1", "CRYPT-LUKS2-bbbb-stick", "sda1");
	made_of("dm-2", "LVM-cccc", "dm-1");
	made_of("dm-3", "LVM-dddd", "sdb nvme0n1");
	made_of("dm-4", "LVM-eeee", "sdb sda1");
	made_of("dm-5", "CRYPT-BITLK-ffff", "sdc");
	made_of("md0", NULL, "sdb");
	disk("/sys/devices/virtual/block/md0", "md0p1");
	put("/sys/devices/virtual/block/md0/md0p1/partition", "1\n");
	made_of("dm-6", "CRYPT-LUKS1-home", "sdb");
	shell("mkdir -p %s/sys/dev/block && ln -s ../../class/block/dm-6 %s/sys/dev/block/253:6 && "
	      "ln -s ../../class/block/dm-0 %s/sys/dev/block/253:0",
	      tree, tree, tree);
	put("/proc/1/mountinfo", "22 1 253:0 / / rw - ext4 /dev/mapper/root rw\n"
				 "23 22 253:6 / /home rw - ext4 /dev/mapper/home rw\n");
	open_gate();
	return 0;
}

static const struct plat_medium *of(const struct seen *seen, const char *name)
{
	for (unsigned i = 0; i < seen->count; i++)
		if (strcmp(seen->media[i].name, name) == 0)
			return &seen->media[i];
	fail_msg("no medium '%s'", name);
	return NULL;
}

static void what_was_unlocked_hangs_where_its_container_does(void **state)
{
	struct seen seen = {.count = 0};

	(void)state;
	assert_works(plat_gate_media(gate, "2-1", keep, &seen, &err));
	assert_int_equal(seen.count, 4);
	assert_string_equal(of(&seen, "dm-1")->parent, "sda1");
	assert_string_equal(of(&seen, "dm-1")->disk, "sda");
	assert_string_equal(of(&seen, "dm-1")->bus, "usb");
	assert_string_equal(of(&seen, "dm-1")->port, "2-1");
	assert_true(of(&seen, "dm-1")->unlocked && of(&seen, "dm-1")->mapped);
	assert_int_equal(of(&seen, "dm-1")->sequence, 77);
	assert_true(of(&seen, "dm-1")->removable);
	/* LVM in LUKS: what it shows was unlocked on the way. */
	assert_string_equal(of(&seen, "dm-2")->parent, "dm-1");
	assert_true(of(&seen, "dm-2")->unlocked);
	assert_false(of(&seen, "sda1")->mapped || of(&seen, "sda1")->unlocked);
	assert_int_equal(of(&seen, "sda1")->sequence, 12);
}

static void raid_of_a_stick_is_its_medium_and_not_unlocked(void **state)
{
	struct seen seen = {.count = 0};

	(void)state;
	assert_works(plat_gate_media(gate, "2-2", keep, &seen, &err));
	assert_true(of(&seen, "md0")->mapped);
	assert_false(of(&seen, "md0")->unlocked);
	assert_true(of(&seen, "dm-6")->holds_system);
	assert_true(of(&seen, "md0p1")->mapped);
	assert_int_equal(seen.count, 4); /* neither dm-3 nor dm-4: of two devices */
}

static void what_is_unlocked_of_a_disk_without_usb_is_found_by_its_disk(void **state)
{
	struct seen seen = {.count = 0};

	(void)state;
	assert_works(plat_gate_media(gate, "", keep, &seen, &err));
	assert_string_equal(of(&seen, "dm-5")->disk, "sdc");
	assert_string_equal(of(&seen, "dm-5")->bus, "ata");
}

static void only_what_is_made_of_media_alone_and_no_system_is_closed(void **state)
{
	static const struct {
		const char *name;
		bool plugged;
	} cases[] = {{"dm-0", false}, {"dm-1", true},  {"dm-2", true},  {"dm-3", false},
		     {"dm-4", true},  {"md0", true},   {"md0p1", true}, {"dm-6", false},
		     {"dm-5", true},  {"dm-9", false}, {"../x", false}, {"", false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (plat_gate_is_plugged(gate, cases[i].name) != cases[i].plugged)
			fail_msg("%s: want %d", cases[i].name, cases[i].plugged);
}

static void only_a_mediums_own_is_locked(void **state)
{
	(void)state;
	assert_works(plat_gate_lock(gate, "dm-1", &err));
	assert_string_equal(get("/sys/class/block/dm-1/uevent"), "dm-1-name");
	assert_fails(plat_gate_lock(gate, "dm-0", &err), ERR_DENIED, "'dm-0' is the machine's own");
	assert_fails(plat_gate_lock(gate, "dm-3", &err), ERR_DENIED, "'dm-3' is the machine's own");
	assert_fails(plat_gate_lock(gate, "dm-6", &err), ERR_DENIED, "'dm-6' is the machine's own");
	assert_fails(plat_gate_lock(gate, "sda1", &err), ERR_NOTFOUND, "'sda1' is gone");
	assert_fails(plat_gate_lock(gate, "../dm-1", &err), ERR_INVALID, "'../dm-1' is no disk");
}

#define SATA "/sys/devices/pci0000:00/0000:00:1f.2"
#define BAY SATA "/ata7/host6/target6:0:0/6:0:0:0"

static unsigned judged(const char *name)
{
	struct seen seen = {.count = 0};
	unsigned found = 0;

	assert_works(plat_gate_media(gate, "", keep, &seen, &err));
	for (unsigned i = 0; i < seen.count; i++)
		found += strcmp(seen.media[i].disk, name) == 0;
	return found;
}

/* caretakerd judges what udev's rule asks caretaker-gate of, and the other way about. */
static void what_is_external_by_sata_is_judged_and_closed_alike(void **state)
{
	static const struct {
		const char *port, *controller, *removable;
		bool external;
	} cases[] = {
		{"0", "0", "1", true}, /* before Linux 6.10 */
		{"20c017", "c734ff25", "0", true},
		{"20c017", "c734ff05", "0", false}, /* that controller has no such ports */
		{"4c017", "c734ff25", "0", false},  /* hot-plugged, in the case */
		{"c017", "c734ff25", "0", false},
		{"junk", "c734ff25", "0", false},
	};

	(void)state;
	disk(BAY "/block", "sdf");
	disk(BAY "/block/sdf", "sdf1");
	put(BAY "/block/sdf/sdf1/partition", "1\n");
	shell("rm %s" BAY "/block/sdf/sdf1/removable", tree); /* a partition has none */
	put(BAY "/scsi_generic/sg3/dev", "21:3\n");
	shell("cd %s/sys && mkdir -p class/scsi_generic && "
	      "ln -s ../../.." BAY "/scsi_generic/sg3 class/scsi_generic && "
	      "ln -s ../.. %s" BAY "/scsi_generic/sg3/device",
	      tree, tree);
	for (size_t i = 0; i < COUNT(cases); i++) {
		put("/sys/class/scsi_host/host6/ahci_port_cmd", cases[i].port);
		put("/sys/class/scsi_host/host6/ahci_host_caps", cases[i].controller);
		put(BAY "/block/sdf/removable", cases[i].removable);
		put(BAY "/inquiry", *cases[i].removable == '1' ? "\001\200" : "\001\177");
		if (judged("sdf") != (cases[i].external ? 2 : 0) ||
		    plat_gate_is_plugged(gate, "sdf") != cases[i].external ||
		    plat_gate_is_plugged(gate, "sdf1") != cases[i].external ||
		    plat_gate_is_plugged(gate, "sg3") != cases[i].external)
			fail_msg("case %zu: %u media", i, judged("sdf"));
	}
	assert_false(plat_gate_is_plugged(gate, "sg4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_unlocked_hangs_where_its_container_does),
		cmocka_unit_test(raid_of_a_stick_is_its_medium_and_not_unlocked),
		cmocka_unit_test(what_is_unlocked_of_a_disk_without_usb_is_found_by_its_disk),
		cmocka_unit_test(only_what_is_made_of_media_alone_and_no_system_is_closed),
		cmocka_unit_test(only_a_mediums_own_is_locked),
		cmocka_unit_test(what_is_external_by_sata_is_judged_and_closed_alike),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
