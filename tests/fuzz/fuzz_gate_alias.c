/* agent/gate/hold.c: patterns of modules.alias, held against the C library's fnmatch(), which is
 * what kmod asks.  A line is the pattern, a newline, the text.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/gate/hold.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What fnmatch() knows beyond what Linux writes into the file: classes, escapes, other locales'
 * characters, and a bracket that never closes (an error to us, a plain character to it). */
static bool is_ours(const char *pattern)
{
	static const char signs[] = "usb:vpdcin0123456789ABCDEF*?[]-";
	bool inside = false;

	if (strspn(pattern, signs) != strlen(pattern) || strstr(pattern, "[:") ||
	    strstr(pattern, "[]") || strstr(pattern, "--"))
		return false;
	for (const char *at = pattern; *at; at++) {
		if (*at == '[' && inside)
			return false;
		if (*at == '-' && inside && (at[-1] == '[' || at[1] == ']' || at[-1] > at[1]))
			return false;
		if (*at == '-' && inside && at[1] && at[2] == '-')
			return false;
		inside = *at == '[' || (inside && *at != ']');
	}
	return !inside;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct gate_interface interface = {.name = ""};
	char pattern[512], text[GATE_MODALIAS];
	const uint8_t *line = len ? memchr(data, '\n', len) : NULL;
	size_t pattern_len = line ? (size_t)(line - data) : len, text_len;

	if (pattern_len >= sizeof(pattern) || memchr(data, '\0', len))
		return 0;
	memcpy(pattern, data, pattern_len);
	pattern[pattern_len] = '\0';
	text_len = line ? len - pattern_len - 1 : 0;
	if (text_len >= sizeof(text))
		return 0;
	memcpy(text, line ? line + 1 : data, text_len);
	text[text_len] = '\0';
	memcpy(interface.modalias, text, text_len + 1);
	gate_alias_line(&interface, (const char *)data, len);
	gate_alias_builtin(&interface, (const char *)data, len);
	if (is_ours(pattern) &&
	    gate_alias_matches(pattern, pattern_len, text) != (fnmatch(pattern, text, 0) == 0))
		abort();
	return 0;
}
