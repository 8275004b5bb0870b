/* platform/linux/gate_*.c over a sysfs of our own: what is in devices, whose it is, and
 * when it is opened.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gate_tree.h"
#include "tests/unit/luks_header.h"

#include "platform/linux/gate_parts.h"

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
	shell("rm -r %s%s/block/mmcblk1/mmcblk1p12", tree, CARD);
	seen.count = 0;
	assert_works(plat_gate_media(gate, "mmc1:aaaa", keep, &seen, &err));
	assert_false(seen.media[0].has_parts);
	seen.count = 0;
	/* Of what only files are behind there may be more than there is room for. */
	shell("cd %s/sys/class/block && touch $(seq -f loop%%g 5000)", tree);
	assert_works(plat_gate_media(gate, "mmc1:aaaa", keep, &seen, &err));
	assert_int_equal(seen.count, 1);
	shell("rm %s/sys/class/block/loop*", tree);
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
	      tree);
	put("/sys/devices/pci0000:00/0000:04:00.0/removable", "fixed\n");
	assert_works(plat_gate_media(gate, "", keep, &seen, &err));
	assert_int_equal(seen.count, 0);
	put("/sys/devices/pci0000:00/0000:04:00.0/removable", "removable\n");
	assert_works(plat_gate_media(gate, "", keep, &seen, &err));
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.media[0].name, "nvme1n1");
	assert_string_equal(seen.media[0].bus, "thunderbolt");
	shell("rm -r %s/sys/devices/pci0000:00/0000:04:00.0 %s/sys/class/block/nvme1n1", tree,
	      tree);
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
	shell("mkdir -p %s/dev/disk/by-label && ln -s ../../sda1 %s/dev/disk/by-label/KEYS", tree,
	      tree);
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
	shell("mv %s/proc/1/mountinfo %s/proc/x", tree, tree);
	look_at_stick(&seen);
	assert_true(seen.media[0].holds_system && seen.media[1].holds_system);
	assert_fails(plat_gate_unmount(gate, "sda", 10, &err), ERR_DENIED,
		     "'sda' holds the running system");
	shell("mv %s/proc/x %s/proc/1/mountinfo", tree, tree);
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
	shell("rm %s/run/udev-disk/sda1", tree);
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
	shell("rm -r %s/run/caretaker/gate/open", tree);
	plat_gate_sweep(gate); /* nothing was ever open */
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
	shell("rm %s/dev/sda1", tree);
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
	shell("mkfifo %s/dev/sda1", tree);
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
	shell("rm %s/dev/sda1", tree);
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
	shell("mv %s%s/diskseq %s/x", tree, BLOCK, tree); /* a kernel before 5.15 */
	look_at_stick(&seen);
	assert_int_equal(seen.media[1].sequence, 0);
	assert_true(seen.media[0].told && seen.media[1].told);
	shell("mv %s/x %s%s/diskseq && rm -r %s/run/udev-disk %s/run/udev-says", tree, tree, BLOCK,
	      tree, tree);
	put(BLOCK "/diskseq", "12\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_hangs_on_a_port_is_found_the_disk_first),
		cmocka_unit_test(a_card_holds_its_disk_and_what_is_built_in_is_none),
		cmocka_unit_test(what_comes_by_thunderbolt_was_put_in_by_somebody),
		cmocka_unit_test(what_holds_the_system_is_told_through_mounts_swap_and_keys),
		cmocka_unit_test(without_a_list_of_mounts_everything_may_hold_the_system),
		cmocka_unit_test(a_medium_is_opened_by_a_file_that_its_disk_alone_can_have),
		cmocka_unit_test(what_was_open_and_is_gone_leaves_nothing),
		cmocka_unit_test(a_luks_partition_s_own_header_is_read),
		cmocka_unit_test(a_medium_that_does_not_answer_is_not_believed_and_holds_nobody_up),
		cmocka_unit_test(what_udev_knows_of_a_disk_is_not_the_next_one_s),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
