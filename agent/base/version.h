/* The version, given by the Makefile (SemVer), and when it was made.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_VERSION_H
#define CARETAKER_BASE_VERSION_H

#include <stdint.h>

#ifndef CARETAKER_VERSION
#error "CARETAKER_VERSION comes from the Makefile"
#endif

/* A clock that shows less is wrong: this version was not made yet.  Goes up with the version. */
#define CARETAKER_MADE INT64_C(1793491200) /* 2026-11-01T00:00:00Z */

#endif
