/* Media of which each file is scanned when it is opened ("scan = on-open").
 *
 * One process for all of them, from the first on; it does not end by itself, for a medium that
 * somebody still has mounted asks it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_SCAN_GUARD_H
#define CARETAKER_SCAN_GUARD_H

/* 'run' is where the requests lie (agent/gate/scan_ask.h); an exit code. */
int guard_serve(const char *run);

#endif
