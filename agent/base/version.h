/* The version, given by the Makefile (SemVer).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_VERSION_H
#define CARETAKER_BASE_VERSION_H

#ifndef CARETAKER_VERSION
#error "CARETAKER_VERSION comes from the Makefile"
#endif

#endif
