/* Every file below a folder that is not ours, handed to one function by descriptor.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_SCAN_WALK_H
#define CARETAKER_PLATFORM_LINUX_SCAN_WALK_H

#include <stdint.h>

#define SCAN_FILES_MAX 2000000
#define SCAN_DEPTH_MAX 64

enum scan_walk_end {
	SCAN_WALK_DONE,
	SCAN_WALK_STOPPED, /* 'each' said so */
	SCAN_WALK_UNREADABLE,
	SCAN_WALK_TOO_MANY, /* files, or folders within folders */
};

/* Calls 'each' with every regular file that is not empty; nonzero from it ends the walk.  Links are
 * not followed (what they point to on the medium is met by its own name), other kinds of files hold
 * nothing to scan, and another file system mounted below is not entered.  Takes 'folder_fd' over.
 */
enum scan_walk_end scan_walk(int folder_fd, int (*each)(void *ctx, int fd, uint64_t size),
			     void *ctx);

#endif
