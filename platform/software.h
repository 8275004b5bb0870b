/* What is installed: packages of every manager, and programs people put in their homes.
 *
 * Names of programs only: whose home one lies in is not said (paths start with "~").
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_SOFTWARE_H
#define CARETAKER_PLATFORM_SOFTWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/answer.h"

struct err;

enum plat_package_kind {
	PLAT_DPKG,
	PLAT_RPM,
	PLAT_FLATPAK,
	PLAT_SNAP,
	PLAT_PIP,      /* in a home, by "pip install --user" */
	PLAT_APPIMAGE, /* a file in a home */
};
#define PLAT_PACKAGE_KINDS 6
const char *plat_package_kind_name(enum plat_package_kind kind); /* "dpkg" */

#define PLAT_SOFTWARE_MAX 20000

struct plat_package {
	enum plat_package_kind kind;
	char *name;    /* never NULL */
	char *version; /* "" when not known */
	char *licence; /* short names, "GPL-2+, MIT"; "" when not known */
	char *origin;  /* who offers it: an archive's Origin ("Debian"), "flathub", "snap", "home";
			* "" nobody that this system is set up to use */
	enum plat_answer from_archive; /* whether somebody the system is set up to use offers it */
};

struct plat_software {
	struct plat_package *packages; /* sorted by kind, then name */
	size_t count;
	bool more;        /* there were over PLAT_SOFTWARE_MAX */
	unsigned kinds;   /* bit n: a manager of kind n was found and read */
	char detail[160]; /* what could not be read, and why; "" when all was */
};

/* 'cache_dir' keeps licences and archive answers until packages change; NULL: read each time. */
int plat_software(const char *cache_dir, struct plat_software *out, struct err *err);
void plat_software_clear(struct plat_software *software);

/* One package by name of any manager of the system (not of homes); ERR_NOTFOUND when it is not
 * installed.  'version' holds 96 bytes. */
int plat_package_find(const char *name, char version[96], struct err *err);

/* Calls 'each' with every file of a package that is missing or not as the package manager has it;
 * settings and documentation are left out.  ERR_NOTFOUND: no package manager here has the package.
 * ERR_UNSUPPORTED: it is just being installed. */
int plat_package_verify(const char *package, void (*each)(void *ctx, const char *path), void *ctx,
			struct err *err);

#endif
