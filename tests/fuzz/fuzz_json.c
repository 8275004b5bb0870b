/* agent/base/json_cjson.c: whatever is taken is walked whole, and held to what json.h promises.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"

#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_text(const char *text)
{
	if (!text)
		abort();
	must(text_utf8_valid(text, strlen(text)));
}

static void walk(const struct json *value, unsigned depth)
{
	must(depth <= JSON_MAX_DEPTH + 1);
	if (json_is_string(value))
		check_text(json_string(value));
	for (const struct json *child = json_first(value); child; child = json_next(child)) {
		if (json_is_object(value)) {
			check_text(json_name(child));
			must(json_get(value, json_name(child)) == child); /* no name twice */
		}
		walk(child, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct json *root = NULL;
	struct err err = {ERR_NONE, ""};

	if (json_parse((const char *)data, len, &root, &err)) {
		must(root == NULL && err.code != ERR_NONE && err.msg[0]);
		return 0;
	}
	walk(root, 1);
	json_free(root);
	return 0;
}
