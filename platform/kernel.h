/* What caretaker-gate asks of the kernel's own files, beside platform/os.h and platform/gate.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_KERNEL_H
#define CARETAKER_PLATFORM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* Writes to a file of sysfs as it lies there (no new file is made).  ERR_NOTFOUND: gone. */
int plat_kernel_write(const char *path, const char *text, struct err *err);
/* Where 'path' leads, links followed. */
int plat_kernel_place(const char *path, char *out, size_t out_size, struct err *err);
/* "8:1" of the block device that 'path' is, or that holds the file 'path'. */
int plat_kernel_block(const char *path, char out[24], struct err *err);
/* "6.1.0-49-amd64" */
void plat_kernel_release(char out[80]);

#endif
