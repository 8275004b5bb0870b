/* Mounting a stranger's medium so that nothing is written and nobody else gets in.
 * For platform/linux/{scan,guard}*.c alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_SCAN_MOUNT_H
#define CARETAKER_PLATFORM_LINUX_SCAN_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the block device 'medium' lies on the disk that has this number of its own (diskseq).  A
 * name is the next disk's when its own has gone, a number never is. */
bool scan_is_there(const char *medium, uint64_t sequence);
/* Mounts the block device 'medium' ("sda1") in 'folder', which is made for root alone: read-only,
 * no programs, devices or set-user-id.  Nothing but the disk of this number stays mounted.
 * 'options' replaces those of the file system; NULL: none but what keeps it from being written. -1:
 * 'why' says what stood in the way. */
int scan_mount(const char *medium, uint64_t sequence, const char *file_system, const char *folder,
	       const char *options, char why[128]);
/* And the folder goes. */
void scan_unmount(const char *folder);

#endif
