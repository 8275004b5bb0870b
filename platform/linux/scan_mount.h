/* Mounting a stranger's medium so that nothing is written and nobody else gets in.
 * For platform/linux/{scan,guard}*.c alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_SCAN_MOUNT_H
#define CARETAKER_PLATFORM_LINUX_SCAN_MOUNT_H

/* Mounts the block device 'medium' ("sda1") in 'folder', which is made for root alone: read-only,
 * no programs, devices or set-user-id.  'options' replaces those of the file system; NULL: none but
 * what keeps it from being written.  -1: 'why' says what stood in the way. */
int scan_mount(const char *medium, const char *file_system, const char *folder, const char *options,
	       char why[128]);
/* And the folder goes. */
void scan_unmount(const char *folder);

#endif
