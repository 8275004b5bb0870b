/* The terminal a person looks at.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_TERMINAL_H
#define CARETAKER_PLATFORM_TERMINAL_H

#include <stdbool.h>

/* Standard output is a terminal that shows colours, and NO_COLOR (no-color.org) is not set. */
bool plat_stdout_colours(void);

#endif
