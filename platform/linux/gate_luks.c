/* Is what a LUKS header promises really encryption?  cipher_null copies its input, and libblkid
 * calls that crypto_LUKS as well.
 *
 * The header is whoever's made the stick: read within bounds, and what cannot be understood counts
 * as not encrypted.  (LUKS1 On-Disk Format Specification 1.2.3; LUKS2 1.1.1.)
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/gate_parts.h"

#include <string.h>

#define LUKS2_JSON 4096 /* after a binary header of that size */

static bool names_none(const char *cipher, size_t len)
{
	static const char none[] = "null";

	for (size_t i = 0; i + sizeof(none) - 1 <= len; i++)
		if (memcmp(cipher + i, none, sizeof(none) - 1) == 0)
			return true;
	return len == 0;
}

/* --- LUKS2: a little of JSON, enough to find a member of an object --- */

struct json_at {
	const char *at, *end;
};

static void skip_blanks(struct json_at *j)
{
	while (j->at < j->end && strchr(" \t\r\n", *j->at) && *j->at)
		j->at++;
}

/* The string that begins at '"'; false when it does not end or holds an escape but that of '/':
 * a name could be spelt in two ways, and cryptsetup writes none. */
static bool take_string(struct json_at *j, const char **out, size_t *len)
{
	const char *from;

	skip_blanks(j);
	if (j->at == j->end || *j->at != '"')
		return false;
	from = ++j->at;
	while (j->at < j->end && *j->at != '"' && *j->at) {
		if (*j->at == '\\' && (j->at + 1 == j->end || *++j->at != '/'))
			return false;
		j->at++;
	}
	if (j->at == j->end || *j->at != '"')
		return false;
	*out = from;
	*len = (size_t)(j->at++ - from);
	return true;
}

/* Past one value of any kind: brackets are counted, strings passed over. */
static bool skip_value(struct json_at *j)
{
	const char *text;
	unsigned depth = 0;
	size_t len;

	skip_blanks(j);
	do {
		if (j->at == j->end || !*j->at)
			return false;
		if (*j->at == '"') {
			if (!take_string(j, &text, &len))
				return false;
		} else if (*j->at == '{' || *j->at == '[') {
			depth++;
			j->at++;
		} else if (*j->at == '}' || *j->at == ']') {
			if (!depth)
				return true; /* the end of whatever it lies in */
			depth--;
			j->at++;
		} else if (*j->at == ',' && !depth) {
			return true;
		} else {
			j->at++;
		}
		skip_blanks(j);
	} while (depth || (j->at < j->end && *j->at != ',' && *j->at != '}' && *j->at != ']'));
	return true;
}

static bool take(struct json_at *j, char wanted)
{
	skip_blanks(j);
	if (j->at == j->end || *j->at != wanted)
		return false;
	j->at++;
	return true;
}

/* Calls 'each' at the value of every member; it leaves the cursor after it. */
typedef bool member(void *ctx, const char *name, size_t len, struct json_at *j);

static bool each_member(struct json_at *j, member *each, void *ctx)
{
	const char *name;
	size_t len;

	if (!take(j, '{'))
		return false;
	if (take(j, '}'))
		return true;
	do {
		if (!take_string(j, &name, &len) || !take(j, ':') || !each(ctx, name, len, j))
			return false;
	} while (take(j, ','));
	return take(j, '}');
}

struct ciphers {
	unsigned segments, encrypted;
	bool seen_segments, seen_cipher;
};

static bool is(const char *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

static bool one_of_segment(void *ctx, const char *name, size_t len, struct json_at *j)
{
	struct ciphers *ciphers = ctx;
	const char *cipher;
	size_t size;

	if (!is(name, len, "encryption"))
		return skip_value(j);
	if (ciphers->seen_cipher || !take_string(j, &cipher, &size))
		return false; /* said twice: who reads which? */
	ciphers->seen_cipher = true;
	ciphers->encrypted += !names_none(cipher, size);
	return true;
}

static bool one_segment(void *ctx, const char *name, size_t len, struct json_at *j)
{
	struct ciphers *ciphers = ctx;

	(void)name;
	(void)len;
	ciphers->segments++;
	ciphers->seen_cipher = false;
	return each_member(j, one_of_segment, ciphers);
}

static bool one_of_root(void *ctx, const char *name, size_t len, struct json_at *j)
{
	struct ciphers *ciphers = ctx;

	if (!is(name, len, "segments"))
		return skip_value(j);
	if (ciphers->seen_segments)
		return false;
	ciphers->seen_segments = true;
	return each_member(j, one_segment, ciphers);
}

/* Every segment of the data must be encrypted. */
static bool luks2_is_null(const char *json, size_t len)
{
	struct json_at j = {json, json + len};
	struct ciphers ciphers = {0};

	return !each_member(&j, one_of_root, &ciphers) || !ciphers.segments ||
	       ciphers.encrypted != ciphers.segments;
}

bool gate_luks_is_null(const unsigned char *header, size_t len)
{
	const char *text = (const char *)header;

	if (len < 592 || memcmp(header, "LUKS\xba\xbe", 6) != 0 || header[6] != 0)
		return true;
	if (header[7] == 1) /* the cipher's name in 32 bytes at 8 */
		return names_none(text + 8, strnlen(text + 8, 32));
	if (header[7] != 2 || len <= LUKS2_JSON)
		return true;
	return luks2_is_null(text + LUKS2_JSON, strnlen(text + LUKS2_JSON, len - LUKS2_JSON));
}
