/* The licences' names in /usr/share/doc/PACKAGE/copyright.  For platform/linux alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_LICENCE_H
#define CARETAKER_PLATFORM_LINUX_LICENCE_H

#include <stddef.h>

/* Short names from a copyright file's text, joined by ", ": those of a machine-readable one's
 * "License:" fields, else the common licences it points to.  "" when neither is there. */
void licence_read(char *text, char *out, size_t size);
/* The same for a package of this system. */
void licence_of_package(const char *package, char *out, size_t size);

#endif
