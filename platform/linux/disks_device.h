/* Is what lies on a block device encrypted?  For disks.c alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_DISKS_DEVICE_H
#define CARETAKER_PLATFORM_LINUX_DISKS_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "platform/disks.h"
#include "platform/linux/luks.h"

#define DEVICE_NAME_MAX 64 /* "dm-0", as below /sys/class/block */

/* The kernel's name of a device, from "major:minor" or, where that says nothing (btrfs), from the
 * path that was mounted.  False: it is no block device. */
bool device_find(const char *numbers, const char *source, char out[DEVICE_NAME_MAX]);
/* Follows partitions, dm, md and multi-device btrfs down to what holds the bytes.  Fills
 * encryption, how, note and removable. */
void device_judge(const char *name, struct plat_volume *out);
/* The file behind a loop device; false when it is none. */
bool device_loop_file(const char *name, char *out, size_t size);

/* disks_crypt.c: what the cipher of a dm-crypt device does, asked of the kernel, else read from the
 * LUKS header on 'lower'. */
enum luks_says crypt_says(const char *name, const char *lower);

/* disks_blkid.c: what a device's first bytes say it holds ("crypto_LUKS", "swap"); version "" where
 * the format has none. */
bool probe_device(const char *name, char *type, size_t type_size, char *version,
		  size_t version_size);

#endif
