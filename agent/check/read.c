/* See read.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/read.h"

#include "agent/base/json.h"
#include "agent/base/text.h"

int read_text(const struct json *object, const char *name, char *out, size_t size, struct err *err)
{
	const char *text;

	if (json_get_string(object, name, size - 1, &text, err) < 0)
		return -1;
	(void)text_copy(out, size, text); /* its length was checked */
	return 0;
}

int read_opt_text(const struct json *object, const char *name, char *out, size_t size,
		  struct err *err)
{
	const char *text = NULL;

	if (json_opt_string(object, name, size - 1, &text, err) < 0)
		return -1;
	if (text)
		(void)text_copy(out, size, text);
	return 0;
}
