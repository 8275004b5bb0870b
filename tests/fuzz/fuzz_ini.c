/* agent/base/ini_inih.c: what the handler is told must lie in the text, on the line it names.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/err.h"
#include "agent/base/ini.h"
#include "agent/base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct text {
	const char *at;
	size_t len;
	int last_line;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* Whether 'part' occurs in the given line of the text. */
static bool line_holds(const struct text *text, int line, const char *part)
{
	const char *at = text->at, *end = text->at + text->len, *stop;
	size_t part_len = strlen(part);

	for (int i = 1; i < line; i++) {
		at = memchr(at, '\n', (size_t)(end - at));
		must(at != NULL);
		at++;
	}
	stop = memchr(at, '\n', (size_t)(end - at));
	for (stop = stop ? stop : end; (size_t)(stop - at) >= part_len; at++) {
		if (memcmp(at, part, part_len) == 0)
			return true;
	}
	return false;
}

static int check(void *ctx, int line, const char *section, const char *key, const char *value,
		 struct err *err)
{
	struct text *text = ctx;

	(void)err;
	must(line > text->last_line);
	text->last_line = line;
	must(text_utf8_valid(section, strlen(section)));
	if (!key) {
		must(section[0] && line_holds(text, line, section));
		return 0;
	}
	must(key[0] && line_holds(text, line, key) && line_holds(text, line, value));
	must(text_utf8_valid(key, strlen(key)) && text_utf8_valid(value, strlen(value)));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct text text = {(const char *)data, len, 0};
	struct err err = {ERR_NONE, ""};

	if (ini_parse_text("f", text.at, len, check, &text, &err))
		must(err.code == ERR_INVALID && strncmp(err.msg, "f:", 2) == 0);
	return 0;
}
