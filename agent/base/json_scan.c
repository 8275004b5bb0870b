/* See json_scan.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/json_scan.h"

#include <stdbool.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"

#define SAFE_INTEGER_DIGITS "9007199254740991" /* 2^53 - 1 (RFC 7493 section 2.2) */
#define NUMBER_MAX_CHARACTERS 40               /* cJSON cuts at 63 */

struct scan {
	const char *start, *at, *end;
	struct json_size size;
	unsigned depth;
	struct err *err;
};

static int refuse(const struct scan *scan, const char *at, const char *what)
{
	return err_set(scan->err, ERR_INVALID, "byte %zu: %s", (size_t)(at - scan->start), what);
}

static void skip_blanks(struct scan *scan)
{
	while (scan->at < scan->end &&
	       (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
		scan->at++;
}

/* The four digits of a \u escape; -1 when they are not. */
static int unit(const struct scan *scan, const char *at)
{
	int value = 0;

	if (scan->end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = at[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return value;
}

/* At the backslash; leaves 'at' after the escape. */
static int scan_escape(struct scan *scan)
{
	const char *at = scan->at;
	int high, low;

	if (scan->end - at < 2)
		return refuse(scan, at, "the text ends within a string");
	scan->at += 2;
	if (at[1] != 'u')
		return at[1] && strchr("\"\\/bfnrt", at[1]) ? 0
							    : refuse(scan, at, "unknown escape");
	high = unit(scan, at + 2);
	if (high < 0)
		return refuse(scan, at, "expected four hexadecimal digits after '\\u'");
	if (high == 0)
		return refuse(scan, at, "U+0000 is not taken");
	scan->at += 4;
	if (high < 0xd800 || high > 0xdfff)
		return 0;
	low = high < 0xdc00 && scan->end - scan->at >= 2 && scan->at[0] == '\\' &&
			      scan->at[1] == 'u'
		      ? unit(scan, scan->at + 2)
		      : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return refuse(scan, at, "half of a surrogate pair");
	scan->at += 6;
	return 0;
}

/* The characters that end a run of plain ones in a string. */
static bool ends_run(char c)
{
	return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

static int scan_string(struct scan *scan)
{
	const char *begin = scan->at++;

	for (;;) {
		while (scan->at < scan->end && !ends_run(*scan->at))
			scan->at++;
		if (scan->at == scan->end)
			return refuse(scan, begin, "a string that does not end");
		if (*scan->at == '"')
			break;
		if (*scan->at != '\\')
			return refuse(scan, scan->at, "a control character in a string");
		if (scan_escape(scan))
			return -1;
	}
	scan->at++;
	scan->size.strings++;
	scan->size.string_bytes += (size_t)(scan->at - begin);
	return 0;
}

static size_t scan_digits(struct scan *scan)
{
	const char *begin = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return (size_t)(scan->at - begin);
}

static bool next_is(const struct scan *scan, char a, char b)
{
	return scan->at < scan->end && (*scan->at == a || *scan->at == b);
}

static int scan_number(struct scan *scan)
{
	const char *begin = scan->at, *first;
	const size_t safe_len = sizeof(SAFE_INTEGER_DIGITS) - 1;
	bool integer = true;
	size_t count;

	if (*scan->at == '-')
		scan->at++;
	first = scan->at;
	count = scan_digits(scan);
	if (count == 0 || (count > 1 && *first == '0'))
		return refuse(scan, begin, "not a number");
	if (next_is(scan, '.', '.')) {
		integer = false;
		scan->at++;
		if (scan_digits(scan) == 0)
			return refuse(scan, begin, "a number without digits after its point");
	}
	if (next_is(scan, 'e', 'E')) {
		integer = false;
		scan->at++;
		if (next_is(scan, '+', '-'))
			scan->at++;
		if (scan_digits(scan) == 0)
			return refuse(scan, begin, "a number without digits in its exponent");
	}
	if (scan->at - begin > NUMBER_MAX_CHARACTERS)
		return refuse(scan, begin, "a number of more than 40 characters");
	if (integer && (count > safe_len ||
			(count == safe_len && memcmp(first, SAFE_INTEGER_DIGITS, safe_len) > 0)))
		return refuse(scan, begin, "an integer past 2^53 - 1, which is not exact");
	return 0;
}

static int scan_word(struct scan *scan, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
		return refuse(scan, scan->at, "expected a value");
	scan->at += len;
	return 0;
}

static int scan_value(struct scan *scan);

static int scan_name(struct scan *scan)
{
	if (!next_is(scan, '"', '"'))
		return refuse(scan, scan->at, "expected a member's name in quotes");
	if (scan_string(scan))
		return -1;
	skip_blanks(scan);
	if (!next_is(scan, ':', ':'))
		return refuse(scan, scan->at, "expected ':'");
	scan->at++;
	return 0;
}

/* At the opening bracket of an object or an array. */
static int scan_children(struct scan *scan)
{
	bool object = *scan->at == '{';
	char close = object ? '}' : ']';

	if (++scan->depth > JSON_MAX_DEPTH)
		return refuse(scan, scan->at, "nested too deeply");
	scan->at++;
	skip_blanks(scan);
	if (!next_is(scan, close, close)) {
		for (;;) {
			skip_blanks(scan);
			if ((object && scan_name(scan)) || scan_value(scan))
				return -1;
			if (!next_is(scan, ',', ','))
				break;
			scan->at++;
		}
		if (!next_is(scan, close, close))
			return refuse(scan, scan->at,
				      object ? "expected ',' or '}'" : "expected ',' or ']'");
	}
	scan->at++;
	scan->depth--;
	return 0;
}

/* With the blanks around it.  Calls itself through scan_children(), JSON_MAX_DEPTH deep at most. */
static int scan_value(struct scan *scan)
{
	int ret;

	if (++scan->size.values > JSON_MAX_VALUES)
		return refuse(scan, scan->at, "too many values");
	skip_blanks(scan);
	if (scan->at == scan->end)
		return refuse(scan, scan->at, "the text ends where a value is expected");
	switch (*scan->at) {
	case '{':
	case '[': ret = scan_children(scan); break;
	case '"': ret = scan_string(scan); break;
	case 't': ret = scan_word(scan, "true"); break;
	case 'f': ret = scan_word(scan, "false"); break;
	case 'n': ret = scan_word(scan, "null"); break;
	default:
		ret = *scan->at == '-' || (*scan->at >= '0' && *scan->at <= '9')
			      ? scan_number(scan)
			      : refuse(scan, scan->at, "expected a value");
		break;
	}
	skip_blanks(scan);
	return ret;
}

int json_scan(const char *text, size_t len, struct json_size *out, struct err *err)
{
	struct scan scan = {.start = text, .at = text, .end = text + len, .err = err};

	if (!text_utf8_valid(text, len))
		return err_set(err, ERR_INVALID, "not valid UTF-8");
	if (scan_value(&scan))
		return -1;
	if (scan.at != scan.end)
		return refuse(&scan, scan.at, "more after the value");
	*out = scan.size;
	return 0;
}
