/* See word.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate/word.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"

#include <inttypes.h>
#include <string.h>

#define POLICY_LINE_MAX 1000000

int gate_word_decode(char *word)
{
	char *to = word;

	if (strcmp(word, "-") == 0) {
		*word = '\0';
		return 0;
	}
	for (const char *at = word; *at; at++) {
		unsigned char byte = (unsigned char)*at;

		if (byte <= ' ' || byte > '~')
			return -1;
		if (byte == '%') {
			const char digits[3] = {at[1], at[1] ? at[2] : '\0', '\0'};

			if (text_hex_decode(digits, &byte, 1) || byte == 0)
				return -1;
			at += 2;
		}
		*to++ = (char)byte;
	}
	*to = '\0';
	return 0;
}

void gate_word_print(struct buf *out, const char *word)
{
	if (!*word) {
		buf_addc(out, '-');
	} else if (strcmp(word, "-") == 0) {
		buf_adds(out, "%2D");
	} else {
		for (; *word; word++) {
			if (*word <= ' ' || *word > '~' || *word == '%')
				buf_addf(out, "%%%02X", (unsigned char)*word);
			else
				buf_addc(out, *word);
		}
	}
}

int gate_word_name(const char *const names[], const char *word, unsigned *out, struct err *err)
{
	for (unsigned i = 0; names[i]; i++) {
		if (strcmp(names[i], word) == 0) {
			*out = i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "'%.40s' is no value here", word);
}

int gate_word_bits(const char *const names[], char *word, unsigned *out, struct err *err)
{
	unsigned bits = 0, bit;

	if (strcmp(word, "none") == 0) {
		*out = 0;
		return 0;
	}
	for (char *comma; word; word = comma ? comma + 1 : NULL) {
		comma = strchr(word, ',');
		if (comma)
			*comma = '\0';
		if (gate_word_name(names, word, &bit, err))
			return -1;
		bits |= 1u << bit;
	}
	*out = bits;
	return 0;
}

int gate_word_number(const char *word, int64_t max, int64_t *out, struct err *err)
{
	if (text_int(word, 0, max, out))
		return err_set(err, ERR_INVALID, "'%.40s' is no number from 0 to %" PRId64, word,
			       max);
	return 0;
}

int gate_word_line(const char *word, int *out, struct err *err)
{
	int64_t value;

	if (gate_word_number(word, POLICY_LINE_MAX, &value, err))
		return -1;
	*out = (int)value;
	return 0;
}

void gate_word_print_bits(struct buf *out, const char *const names[], unsigned bits)
{
	const char *comma = "";

	if (bits == 0)
		buf_adds(out, "none");
	for (unsigned i = 0; names[i]; i++) {
		if (bits & 1u << i) {
			buf_addf(out, "%s%s", comma, names[i]);
			comma = ",";
		}
	}
}
