/* See member.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/member.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"

int member_text(const struct json *object, const char *name, char *out, size_t size,
		struct err *err)
{
	const char *text;

	if (json_get_string(object, name, size - 1, &text, err) != 0)
		return -1;
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

int member_opt_text(const struct json *object, const char *name, char *out, size_t size,
		    struct err *err)
{
	return json_get(object, name) ? member_text(object, name, out, size, err) : 0;
}

static bool is_uuid(const char *text)
{
	if (strlen(text) != UUID_LEN)
		return false;
	for (int i = 0; i < UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
			return false;
	}
	return true;
}

int member_uuid(const struct json *object, const char *name, char out[UUID_LEN + 1],
		struct err *err)
{
	const struct json *member = json_get(object, name);
	const char *text = member ? json_string(member) : NULL;

	if (!text || !is_uuid(text))
		return err_set(err, ERR_INVALID,
			       "member '%s': %sexpected a UUID in lower-case letters", name,
			       member ? "" : "missing; ");
	memcpy(out, text, UUID_LEN + 1);
	return 0;
}

bool member_is_hash(const char *text)
{
	uint8_t hash[CRYPTO_HASH_SIZE];
	size_t len = strlen(text);

	return len == CRYPTO_HASH_B64_LEN &&
	       text_b64url_decode(text, len, hash, sizeof(hash), &len) == 0;
}

int member_hash(const struct json *object, const char *name, char out[HASH_TEXT], struct err *err)
{
	const struct json *member = json_get(object, name);
	const char *text = member ? json_string(member) : NULL;

	if (!text || !member_is_hash(text))
		return err_set(err, ERR_INVALID,
			       "member '%s': %sexpected a SHA-256 as base64url (%d characters)",
			       name, member ? "" : "missing; ", CRYPTO_HASH_B64_LEN);
	memcpy(out, text, HASH_TEXT);
	return 0;
}

int member_opt_hash(const struct json *object, const char *name, char out[HASH_TEXT],
		    struct err *err)
{
	return json_get(object, name) ? member_hash(object, name, out, err) : 0;
}

int member_time(const struct json *object, const char *name, int64_t *out, struct err *err)
{
	const struct json *member = json_get(object, name);
	const char *text = member ? json_string(member) : NULL;

	if (!text || strlen(text) > MEMBER_TIME_LEN || text_time_parse(text, out) != 0)
		return err_set(err, ERR_INVALID, "member '%s': %sexpected a time (RFC 3339)", name,
			       member ? "" : "missing; ");
	return 0;
}

int member_opt_time(const struct json *object, const char *name, int64_t *out, struct err *err)
{
	return json_get(object, name) ? member_time(object, name, out, err) : 0;
}

static bool is_token(const char *text)
{
	if (!strchr("abcdefghijklmnopqrstuvwxyz", text[0]) || !text[0])
		return false;
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

int member_token(const struct json *object, const char *name, char *out, size_t size,
		 struct err *err)
{
	const struct json *member = json_get(object, name);
	const char *text = member ? json_string(member) : NULL;

	if (!text || strlen(text) >= size || !is_token(text))
		return err_set(err, ERR_INVALID,
			       "member '%s': %sexpected at most %zu lower-case letters, digits or "
			       "'-'",
			       name, member ? "" : "missing; ", size - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

int member_opt_token(const struct json *object, const char *name, char *out, size_t size,
		     struct err *err)
{
	return json_get(object, name) ? member_token(object, name, out, size, err) : 0;
}

int member_opt_copy(const struct json *object, const char *name, size_t max, char **out,
		    struct err *err)
{
	const char *text = NULL;
	char *copy;

	if (json_opt_string(object, name, max, &text, err) != 0)
		return -1;
	copy = text ? malloc(strlen(text) + 1) : NULL;
	if (text && !copy)
		return err_set(err, ERR_NOMEM, "member '%s': no memory", name);
	*out = copy ? memcpy(copy, text, strlen(text) + 1) : NULL;
	return 0;
}

int member_version(const struct json *payload, struct err *err)
{
	int64_t version;

	if (!json_is_object(payload))
		return err_set(err, ERR_INVALID, "expected a JSON object");
	if (json_get_int(payload, "v", 1, MEMBER_INT_MAX, &version, err) != 0)
		return -1;
	if (version != 1)
		return err_set(err, ERR_UNSUPPORTED,
			       "version %lld of this message is newer than this program",
			       (long long)version);
	return 0;
}

void member_write_time(struct jsonw *w, const char *name, int64_t unix_s)
{
	char text[TEXT_TIME_SIZE];

	text_time(text, unix_s);
	jsonw_string(w, name, text);
}
