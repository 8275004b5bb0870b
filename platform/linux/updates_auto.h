/* Whether security fixes install themselves, and when that last worked.  For platform/linux alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_UPDATES_AUTO_H
#define CARETAKER_PLATFORM_LINUX_UPDATES_AUTO_H

struct plat_updates;

/* Fill the 'automatic' members. */
void updates_auto_apt(struct plat_updates *out);
void updates_auto_rpm(struct plat_updates *out);

#endif
