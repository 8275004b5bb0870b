/* What the files of the fake OS share among themselves; tests want fake_os.h.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_FAKE_PARTS_H
#define CARETAKER_PLATFORM_FAKE_PARTS_H

#include <stdbool.h>

#include "agent/base/err.h"

/* What a test asked for and cannot have is the test's bug. */
void fake_must(bool ok, const char *what);
/* "WHAT 'PATH': REASON", as the real ones say it; -1. */
int fake_why(struct err *err, enum err_code code, const char *what, const char *path);

void fake_files_reset(void);
void fake_files_boot(void); /* nothing is held any more */
void fake_processes_reset(void);
void fake_wait(unsigned ms); /* somebody waited: the uptime alone moves */

#endif
