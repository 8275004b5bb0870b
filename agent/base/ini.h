/* INI files with true line numbers and exact errors, over inih (ini_inih.c).
 *
 * inih as Debian builds it splits lines over 200 bytes silently and cuts a value at " ;": both are
 * found before it is asked, and refused.  No multi-line values, no BOM, no NUL, UTF-8 only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_INI_H
#define CARETAKER_BASE_INI_H

#include <stddef.h>

struct err;

#define INI_MAX_BYTES (64 * 1024)
#define INI_MAX_LINE 190

/* Called for each "key = value", and once with key NULL for each "[section]".
 * -1 with 'err' set ends the parse; the caller's message gets "NAME:LINE: " in front. */
typedef int ini_handler(void *ctx, int line, const char *section, const char *key,
			const char *value, struct err *err);

/* 'name' appears in messages ("policy.ini:3").  The text may come from the network. */
int ini_parse_text(const char *name, const char *text, size_t len, ini_handler *handler, void *ctx,
		   struct err *err);

#endif
