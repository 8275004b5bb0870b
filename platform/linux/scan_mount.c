/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/scan_mount.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/text.h"
#include "platform/linux/gate_parts.h"

/* What is mounted, and how, so that nothing is written: a journal is not replayed. */
static const struct {
	const char *name, *driver, *options;
} file_systems[] = {
	{"vfat", "vfat", ""},
	{"exfat", "exfat", ""},
	{"ntfs", "ntfs3", ""},
	{"iso9660", "iso9660", ""},
	{"udf", "udf", ""},
	{"ext2", "ext4", "noload"},
	{"ext3", "ext4", "noload"},
	{"ext4", "ext4", "noload"},
	{"hfsplus", "hfsplus", ""},
	{"xfs", "xfs", "norecovery"},
	{"btrfs", "btrfs", "rescue=nologreplay"},
};

bool scan_is_there(const char *medium, uint64_t sequence)
{
	const struct plat_gate here = {.sysfs = "/sys", .live = true};
	char path[96], of_part[96]; /* a partition has its disk's, in whose folder its own lies */
	uint64_t number;

	if (strchr(medium, '/'))
		return false;
	(void)snprintf(path, sizeof(path), "class/block/%.32s/diskseq", medium);
	(void)snprintf(of_part, sizeof(of_part), "class/block/%.32s/../diskseq", medium);
	return (gate_number(&here, path, 10, &number) ||
		gate_number(&here, of_part, 10, &number)) &&
	       number == sequence;
}

static int mount_there(const char *medium, uint64_t sequence, const char *folder,
		       const char *driver, const char *options, char why[128])
{
	const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME;
	char node[64];

	(void)snprintf(node, sizeof(node), "/dev/%s", medium);
	if (!scan_is_there(medium, sequence)) {
		(void)text_copy(why, 128, "another disk has its name");
		return -1;
	}
	if (mount(node, folder, driver, flags, options) < 0) {
		(void)snprintf(why, 128, "mount %s: %s", driver, strerror(errno));
		return -1;
	}
	/* Whose the name was before and is now, its it was meanwhile. */
	if (scan_is_there(medium, sequence))
		return 0;
	(void)umount2(folder, UMOUNT_NOFOLLOW | MNT_DETACH);
	(void)text_copy(why, 128, "another disk took its name");
	return -1;
}

int scan_mount(const char *medium, uint64_t sequence, const char *file_system, const char *folder,
	       const char *options, char why[128])
{
	char node[64];

	if (strchr(medium, '/') ||
	    snprintf(node, sizeof(node), "/dev/%s", medium) >= (int)sizeof(node)) {
		(void)text_copy(why, 128, "it has no device's name");
		return -1;
	}
	if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
		(void)snprintf(why, 128, "make '%s': %s", folder, strerror(errno));
		return -1;
	}
	for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]); i++) {
		if (strcmp(file_systems[i].name, file_system) != 0)
			continue;
		if (mount_there(medium, sequence, folder, file_systems[i].driver,
				options ? options : file_systems[i].options, why) == 0)
			return 0;
		(void)rmdir(folder);
		return -1;
	}
	(void)snprintf(why, 128, "file system '%.24s' is not one that is scanned", file_system);
	(void)rmdir(folder);
	return -1;
}

void scan_unmount(const char *folder)
{
	/* Lazily where a descriptor is still with clamd: nothing new can be opened through it. */
	if (umount2(folder, UMOUNT_NOFOLLOW) == 0 ||
	    umount2(folder, UMOUNT_NOFOLLOW | MNT_DETACH) == 0)
		(void)rmdir(folder);
}
