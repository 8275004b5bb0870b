/* dpkg's own status file: what is installed, read without running dpkg.
 *
 * For platform/linux alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_DPKG_H
#define CARETAKER_PLATFORM_LINUX_DPKG_H

#include <stdbool.h>
#include <stddef.h>

struct err;

struct dpkg_package {
	char name[128];
	char architecture[24];
	char version[96];
	bool held;
	bool installed; /* also when half of it is; not when only its configuration is left */
};

/* False: this system is not dpkg's. */
bool dpkg_present(void);
/* -1 and why, while packages or apt's lists are being changed, and after a dpkg that was
 * interrupted: what is read then is neither what was nor what will be. */
int dpkg_quiet(struct err *err);
/* Every entry in the file's order; -1 from 'each' ends it with -1. */
int dpkg_each(int (*each)(void *ctx, const struct dpkg_package *package, struct err *err),
	      void *ctx, struct err *err);
/* An installed package by "name" or "name:architecture"; ERR_NOTFOUND. */
int dpkg_find(const char *name, struct dpkg_package *out, struct err *err);

#endif
