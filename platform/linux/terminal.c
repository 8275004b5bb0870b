/* platform/terminal.h on Linux.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool plat_stdout_colours(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}
