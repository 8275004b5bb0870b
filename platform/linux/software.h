/* The parts of plat_software(), one for each place programs come from.  For platform/linux alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_SOFTWARE_H
#define CARETAKER_PLATFORM_LINUX_SOFTWARE_H

#include "platform/software.h"

/* Appends one; its texts are copied and cleaned.  -1 without memory; past the most there may be,
 * nothing is added and 'more' is set. */
int software_add(struct plat_software *software, enum plat_package_kind kind, const char *name,
		 const char *version, const char *licence, const char *origin,
		 enum plat_answer from_archive, struct err *err);
/* What could not be read; the first stays. */
void software_unread(struct plat_software *software, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

int software_dpkg(const char *cache_dir, struct plat_software *out, struct err *err);
int software_rpm(struct plat_software *out, struct err *err);
int software_flatpak(struct plat_software *out, struct err *err);
int software_snap(struct plat_software *out, struct err *err);
int software_homes(struct plat_software *out, struct err *err);

/* "rpm -qa" with our own format: name, version, licence and vendor, tabs between. */
int software_read_rpm(char *text, struct plat_software *out, struct err *err);
/* "rpm -q" for one package: ERR_NOTFOUND only when rpm could read its database and says so. */
int software_read_rpm_query(const char *name, int status, const char *said, const char *trouble,
			    char version[96], struct err *err);
/* What "dpkg --verify" and "rpm -V" say. */
void software_read_verify(char *text, void (*each)(void *ctx, const char *path), void *ctx);
/* "snap list": a table whose columns are Name Version Rev Tracking Publisher Notes. */
int software_read_snap(char *text, struct plat_software *out, struct err *err);

#endif
