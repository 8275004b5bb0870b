/* File systems that hold data, and whether what they lie on is encrypted.
 *
 * Virtual and network file systems are not listed: nothing of theirs lies on this machine's disks.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_DISKS_H
#define CARETAKER_PLATFORM_DISKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum plat_encryption {
	PLAT_PLAIN,
	PLAT_ENCRYPTED,
	PLAT_NULL_CIPHER,        /* set up as encrypted, with a cipher that does nothing */
	PLAT_ENCRYPTION_UNKNOWN, /* 'note' says why */
};

enum plat_volume_role {
	PLAT_VOLUME_SYSTEM, /* the root file system */
	PLAT_VOLUME_DATA,
	PLAT_VOLUME_SWAP,
	PLAT_VOLUME_BOOT, /* boot loader, kernel, EFI */
};

struct plat_volume {
	char place[64]; /* "/", "/srv", "swap"; below a person's folder "~", below /media "media" */
	char type[24];  /* "ext4" */
	char device[48]; /* "nvme0n1p3", "zram0" */
	enum plat_volume_role role;
	bool removable; /* on a disk that is plugged in: the removable-storage control's */
	enum plat_encryption encryption;
	char how[24];   /* "luks2", "zfs", "fscrypt"; "" when plain */
	char note[120]; /* why it cannot be told, or what was noted; "" */
};

struct plat_disks {
	struct plat_volume *volumes;
	size_t count;
};

/* ERR_UNSUPPORTED where the list of mounts cannot be had at all.  A volume that is not understood
 * (a container's overlay) is listed as PLAT_ENCRYPTION_UNKNOWN. */
int plat_disks(struct plat_disks *out, struct err *err);
void plat_disks_clear(struct plat_disks *disks);

#endif
