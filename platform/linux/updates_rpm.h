/* Pending fixes by dnf or zypper, from what they have cached.  For platform/linux alone; read from
 * documented output, untried on a real machine.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_UPDATES_RPM_H
#define CARETAKER_PLATFORM_LINUX_UPDATES_RPM_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct plat_updates;

bool updates_rpm_present(void);
int updates_rpm(int64_t now, struct plat_updates *out, struct err *err);

/* "FEDORA-2026-1a2b Important/Sec. openssl-1:3.2.2-9.fc41.x86_64 [2026-11-02 01:02:03]" */
int updates_read_dnf(char *text, struct plat_updates *out, struct err *err);
/* "Repository | Name | Category | Severity | Interactive | Status | [Since |] Summary" */
int updates_read_zypper(char *text, struct plat_updates *out, struct err *err);

#endif
