/* See api_query.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/api_query.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/text.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes at most 'out_size' - 1 bytes of a component; false when malformed, too long or not UTF-8.
 */
static bool decode(const char *text, size_t len, char *out, size_t out_size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];
		if (c == '+')
			c = ' ';
		if (c == '%') {
			int high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
			int low = len - i > 2 ? hex_digit(text[i + 2]) : -1;
			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return false;
			c = high * 16 + low;
			i += 2;
		}
		if (n + 1 >= out_size)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return text_utf8_valid(out, n);
}

enum api_found api_query_get(const char *query, const char *name, char *out, size_t out_size)
{
	size_t name_len = strlen(name);

	while (*query) {
		size_t len = strcspn(query, "&");
		if (len > name_len && !strncmp(query, name, name_len) && query[name_len] == '=')
			return decode(query + name_len + 1, len - name_len - 1, out, out_size)
				       ? API_FOUND
				       : API_MALFORMED;
		query += len + (query[len] == '&');
	}
	return API_ABSENT;
}

/* A misspelt filter would otherwise show everything, looking like an answer. */
bool api_query_known(const char *query, const char *const names[], struct api_answer *answer)
{
	char name[64], detail[160];

	while (*query) {
		size_t len = strcspn(query, "&"), at = 0;
		size_t eq = strcspn(query, "=&");
		snprintf(name, sizeof(name), "%.*s", (int)eq, query);
		while (names[at] && strcmp(names[at], name) != 0)
			at++;
		if (len && !names[at]) {
			const char *near = text_nearest(name, names);
			snprintf(detail, sizeof(detail), "There is no parameter '%.40s'%s%s%s.",
				 name, near ? "; did you mean '" : "", near ? near : "",
				 near ? "'?" : "");
			api_problem(answer, 400, "parameter", "Unknown parameter", detail);
			return false;
		}
		query += len + (query[len] == '&');
	}
	return true;
}

bool api_query_bad(struct api_answer *answer, const char *name, const char *expected)
{
	char detail[200];

	snprintf(detail, sizeof(detail), "Parameter '%s': expected %s.", name, expected);
	api_problem(answer, 400, "parameter", "Bad parameter", detail);
	return false;
}

bool api_query_word(const struct api_request *request, struct api_answer *answer, const char *name,
		    int (*parse)(const char *, int *), const char *expected, int *out)
{
	char word[40];
	enum api_found given = api_query_get(request->query, name, word, sizeof(word));

	if (given == API_ABSENT || (given == API_FOUND && !parse(word, out)))
		return true;
	return api_query_bad(answer, name, expected);
}

bool api_query_number(const struct api_request *request, struct api_answer *answer,
		      const char *name, int64_t min, int64_t max, int64_t *out)
{
	char word[24], expected[80];
	enum api_found given = api_query_get(request->query, name, word, sizeof(word));

	if (given == API_ABSENT || (given == API_FOUND && !text_int(word, min, max, out)))
		return true;
	snprintf(expected, sizeof(expected), "a number from %lld to %lld", (long long)min,
		 (long long)max);
	return api_query_bad(answer, name, expected);
}
