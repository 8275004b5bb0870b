/* See text.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/text.h"

#include "agent/base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* --- base64url and hex --- */

static const char b64url_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void text_b64url_into(char *out, const void *data, size_t len)
{
	const unsigned char *in = data;
	size_t i;

	for (i = 0; i + 3 <= len; i += 3) {
		uint32_t bits = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];

		*out++ = b64url_alphabet[bits >> 18];
		*out++ = b64url_alphabet[bits >> 12 & 63];
		*out++ = b64url_alphabet[bits >> 6 & 63];
		*out++ = b64url_alphabet[bits & 63];
	}
	if (len - i == 1) {
		*out++ = b64url_alphabet[in[i] >> 2];
		*out++ = b64url_alphabet[(in[i] & 3) << 4];
	} else if (len - i == 2) {
		*out++ = b64url_alphabet[in[i] >> 2];
		*out++ = b64url_alphabet[(in[i] & 3) << 4 | in[i + 1] >> 4];
		*out++ = b64url_alphabet[(in[i + 1] & 15) << 2];
	}
	*out = '\0';
}

void text_b64url(struct buf *out, const void *data, size_t len)
{
	char *at = buf_grow(out, B64URL_LEN(len));

	if (at) /* the NUL falls on the buffer's own */
		text_b64url_into(at, data, len);
}

/* The value of each character, 64 for one that is not in the alphabet. */
static const unsigned char b64url_value[256] = {
#define N 64
#define N8 N, N, N, N, N, N, N, N
#define N16 N8, N8
	/* clang-format off */
	N16, N16,
	/* 0x20 */ N8, N, N, N, N, N, 62, N, N,
	/* 0x30 */ 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, N, N, N, N, N, N,
	/* 0x40 */ N, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	/* 0x50 */ 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, N, N, N, N, 63,
	/* 0x60 */ N, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	/* 0x70 */ 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, N, N, N, N, N,
	N16, N16, N16, N16, N16, N16, N16, N16,
/* clang-format on */
#undef N16
#undef N8
#undef N
};

/* The last two or three characters; their unused bits must be zero. */
static int b64url_decode_rest(const unsigned char *in, size_t rest, unsigned char *out)
{
	unsigned a, b, c;

	if (rest == 0)
		return 0;
	if (rest == 1)
		return -1;
	a = b64url_value[in[0]];
	b = b64url_value[in[1]];
	c = rest == 3 ? b64url_value[in[2]] : 0;
	if ((a | b | c) & 64)
		return -1;
	out[0] = (unsigned char)(a << 2 | b >> 4);
	if (rest == 2)
		return b & 15 ? -1 : 0;
	out[1] = (unsigned char)(b << 4 | c >> 2);
	return c & 3 ? -1 : 0;
}

int text_b64url_decode(const char *text, size_t len, void *out, size_t out_size, size_t *out_len)
{
	const unsigned char *in = (const unsigned char *)text;
	unsigned char *to = out;
	size_t whole = len / 4, rest = len % 4, size;

	size = whole * 3 + (rest ? rest - 1 : 0);
	if (size > out_size)
		return -1;
	for (size_t i = 0; i < whole; i++, in += 4, to += 3) {
		unsigned a = b64url_value[in[0]], b = b64url_value[in[1]];
		unsigned c = b64url_value[in[2]], d = b64url_value[in[3]];

		if ((a | b | c | d) & 64)
			return -1;
		to[0] = (unsigned char)(a << 2 | b >> 4);
		to[1] = (unsigned char)(b << 4 | c >> 2);
		to[2] = (unsigned char)(c << 6 | d);
	}
	if (b64url_decode_rest(in, rest, to))
		return -1;
	*out_len = size;
	return 0;
}

void text_hex(char *out, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = data;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[in[i] >> 4];
		*out++ = digits[in[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int text_hex_decode(const char *text, void *out, size_t out_len)
{
	unsigned char *to = out;

	if (strlen(text) != out_len * 2)
		return -1;
	for (size_t i = 0; i < out_len; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		to[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

/* --- times --- */

#define DAY 86400
#define TIME_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define TIME_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Days since 1970-01-01 of a proleptic Gregorian date.  The year begins in March here, which puts
 * the leap day last and makes the months' lengths a formula. */
static int64_t days_from_date(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400, of_era = y % 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void text_time(char out[TEXT_TIME_SIZE], int64_t unix_s)
{
	int64_t t = unix_s < TIME_MIN ? TIME_MIN : unix_s > TIME_MAX ? TIME_MAX : unix_s;
	int64_t days = t / DAY - (t % DAY < 0), shifted = days + 719468;
	int64_t era = shifted / 146097, of_era = shifted % 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted_month = (5 * of_year + 2) / 153;
	unsigned day = (unsigned)(of_year - (153 * shifted_month + 2) / 5 + 1);
	unsigned month = (unsigned)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
	unsigned year = (unsigned)(year_of_era + era * 400 + (month <= 2));
	unsigned second = (unsigned)(t - days * DAY);
	char text[64]; /* larger than can be, which compilers cannot see */

	snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month, day,
		 second / 3600, second / 60 % 60, second % 60);
	memcpy(out, text, TEXT_TIME_SIZE - 1);
	out[TEXT_TIME_SIZE - 1] = '\0';
}

/* Exactly 'count' digits at '*at', which moves past them; -1 when they are not there. */
static int digits(const char **at, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool skip(const char **at, const char *one_of)
{
	if (!**at || !strchr(one_of, **at))
		return false;
	(*at)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* "Z", "+01:00"; seconds east of UTC. */
static int offset_parse(const char **at, int *out)
{
	int sign, hours, minutes;

	if (skip(at, "Zz")) {
		*out = 0;
		return 0;
	}
	sign = **at == '-' ? -1 : 1;
	if (!skip(at, "+-"))
		return -1;
	hours = digits(at, 2);
	if (hours < 0 || hours > 23 || !skip(at, ":"))
		return -1;
	minutes = digits(at, 2);
	if (minutes < 0 || minutes > 59)
		return -1;
	*out = sign * (hours * 3600 + minutes * 60);
	return 0;
}

int text_time_parse(const char *text, int64_t *out)
{
	int year, month, day, hour, minute, second, offset;
	int64_t t;

	year = digits(&text, 4);
	if (year < 1 || !skip(&text, "-"))
		return -1;
	month = digits(&text, 2);
	if (month < 1 || month > 12 || !skip(&text, "-"))
		return -1;
	day = digits(&text, 2);
	if (day < 1 || day > days_in_month(year, month) || !skip(&text, "Tt "))
		return -1;
	hour = digits(&text, 2);
	if (hour < 0 || hour > 23 || !skip(&text, ":"))
		return -1;
	minute = digits(&text, 2);
	if (minute < 0 || minute > 59 || !skip(&text, ":"))
		return -1;
	second = digits(&text, 2); /* 60 is a leap second: the next one, as POSIX counts */
	if (second < 0 || second > 60)
		return -1;
	if (skip(&text, ".")) {
		if (digits(&text, 1) < 0)
			return -1;
		while (*text >= '0' && *text <= '9')
			text++;
	}
	if (offset_parse(&text, &offset) || *text)
		return -1;
	t = days_from_date(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
	if (t < TIME_MIN || t > TIME_MAX)
		return -1;
	*out = t;
	return 0;
}

void text_duration(char *out, size_t out_size, int64_t seconds)
{
	static const struct {
		int64_t size;
		const char *name;
	} units[] = {{DAY, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	size_t i = 0;
	int64_t count;

	if (seconds < 0)
		seconds = seconds == INT64_MIN ? INT64_MAX : -seconds;
	while (i < 3 && seconds < units[i].size)
		i++;
	count = seconds / units[i].size;
	snprintf(out, out_size, "%lld %s%s", (long long)count, units[i].name,
		 count == 1 ? "" : "s");
}

/* --- numbers --- */

int text_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
	bool negative = min < 0 && *text == '-';
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	uint64_t value = 0;
	int64_t result;

	if (negative)
		text++;
	if (!*text)
		return -1;
	for (; *text; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (digit > 9 || value > (limit - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	if (negative)
		result = value ? -(int64_t)(value - 1) - 1 : 0;
	else
		result = (int64_t)value;
	if (result < min || result > max)
		return -1;
	*out = result;
	return 0;
}

/* --- UTF-8 --- */

size_t text_utf8_next(const char *text, size_t len, uint32_t *out)
{
	const unsigned char *in = (const unsigned char *)text;
	uint32_t c, least;
	size_t size;

	if (len == 0)
		return 0;
	if (in[0] < 0x80) {
		*out = in[0];
		return 1;
	}
	if (in[0] >= 0xc2 && in[0] <= 0xdf) {
		size = 2, c = in[0] & 0x1f, least = 0x80;
	} else if (in[0] >= 0xe0 && in[0] <= 0xef) {
		size = 3, c = in[0] & 0x0f, least = 0x800;
	} else if (in[0] >= 0xf0 && in[0] <= 0xf4) {
		size = 4, c = in[0] & 0x07, least = 0x10000;
	} else {
		return 0;
	}
	if (size > len)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((in[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (in[i] & 0x3f);
	}
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return size;
}

bool text_utf8_valid(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		uint64_t eight;
		uint32_t c;
		size_t size;

		/* Nearly all of what we see is ASCII: eight bytes at a time. */
		while (len - i >= sizeof(eight)) {
			memcpy(&eight, text + i, sizeof(eight));
			if (eight & UINT64_C(0x8080808080808080))
				break;
			i += sizeof(eight);
		}
		if (i == len)
			break;
		size = text_utf8_next(text + i, len - i, &c);
		if (size == 0)
			return false;
		i += size;
	}
	return true;
}

bool text_unfit(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void text_clean(char *out, size_t out_size, const char *text, size_t len)
{
	static const char replacement[] = TEXT_REPLACEMENT;
	size_t used = 0;

	assert(out_size > 0);
	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t size = text_utf8_next(text + i, len - i, &c);
		bool bad = size == 0 || text_unfit(c);
		size_t add = bad ? sizeof(replacement) - 1 : size;

		if (add >= out_size - used)
			break;
		memcpy(out + used, bad ? replacement : text + i, add);
		used += add;
		i += size ? size : 1;
	}
	out[used] = '\0';
}

void text_clean_lines(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t size = text_utf8_next(text + i, len - i, &c);

		if (size == 0 || (text_unfit(c) && c != '\n' && c != '\t'))
			buf_adds(out, TEXT_REPLACEMENT);
		else
			buf_add(out, text + i, size);
		i += size ? size : 1;
	}
}

bool text_copy(char *out, size_t out_size, const char *text)
{
	size_t len = strlen(text);
	bool fits = len < out_size;

	assert(out_size > 0);
	if (!fits)
		len = out_size - 1;
	memcpy(out, text, len);
	out[len] = '\0';
	return fits;
}

/* --- words --- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

#define WORD_MAX 40

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Letters added, left out, changed, or swapped with their neighbour. */
static unsigned edits(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (unsigned j = 0; j <= b_len; j++)
		above[j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *spare = before;

		row[0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			char x = lower(a[i - 1]), y = lower(b[j - 1]);

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b_len];
}

const char *text_nearest(const char *word, const char *const words[])
{
	size_t len = strlen(word);
	const char *best = NULL;
	unsigned best_edits = 0;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; words[i]; i++) {
		size_t other_len = strlen(words[i]);
		unsigned n;

		if (other_len > WORD_MAX)
			continue;
		n = edits(word, len, words[i], other_len);
		if (n * 3 <= (len > other_len ? len : other_len) && (!best || n < best_edits)) {
			best = words[i];
			best_edits = n;
		}
	}
	return best;
}

static const char *next_character(const char *text)
{
	do {
		text++;
	} while ((*text & 0xc0) == 0x80);
	return text;
}

bool text_match(const char *pattern, const char *text)
{
	/* Where to go on from when what follows the last '*' does not fit: one character later. */
	const char *after_star = NULL, *retry = NULL;

	while (*text) {
		if (*pattern == '*') {
			after_star = ++pattern;
			retry = text;
		} else if (*pattern == '?') {
			pattern++;
			text = next_character(text);
		} else if (*pattern && lower(*pattern) == lower(*text)) {
			pattern++;
			text++;
		} else if (after_star) {
			pattern = after_star;
			retry = next_character(retry);
			text = retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
