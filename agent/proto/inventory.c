/* See inventory.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/inventory.h"

#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/proto/deflate.h"
#include "agent/proto/jws.h"
#include "agent/proto/member.h"

/* What is around a body: the other members, a JWS's header and signature; some 200 and 250 bytes.
 */
#define AROUND 1024

bool inventory_fits(const char *body, size_t len)
{
	struct buf packed;
	struct err err;
	bool fits;

	if (B64URL_LEN(len) + AROUND * 2 <= JWS_MAX) /* DEFLATE adds 5 bytes per 16 KiB at most */
		return true;
	if (len + AROUND > JWS_MAX_PAYLOAD)
		return false;
	buf_init(&packed, 0);
	fits = deflate_pack(body, len, DEFLATE_DICT_NONE, &packed, &err) == 0 &&
	       B64URL_LEN(packed.len) + AROUND <= JWS_MAX;
	buf_clear(&packed);
	return fits;
}

void inventory_encode(const struct inventory *inventory, struct buf *out)
{
	char hash[HASH_TEXT];
	struct jsonw w;

	crypto_sha256_b64(inventory->body, inventory->body_len, hash);
	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "device", inventory->device);
	member_write_time(&w, "at", inventory->at);
	jsonw_string(&w, "sha256", hash);
	jsonw_raw(&w, "inventory", inventory->body, inventory->body_len);
	jsonw_object_end(&w);
}

/* --- reading --- */

/* [name, version, licence, origin] */
static int check_package(const struct json *package, struct err *err)
{
	const struct json *text;
	unsigned count = 0;

	if (!json_is_array(package))
		return err_set(err, ERR_INVALID, "expected an array of four strings");
	for (text = json_first(package); text; text = json_next(text), count++) {
		if (!json_is_string(text) || strlen(json_string(text)) > INVENTORY_MAX_TEXT)
			return err_set(err, ERR_INVALID, "expected strings of at most %d bytes",
				       INVENTORY_MAX_TEXT);
	}
	if (count != 4)
		return err_set(err, ERR_INVALID, "expected four strings, got %u", count);
	return 0;
}

static int check_software(const struct json *body, struct err *err)
{
	const struct json *software = json_get(body, "software"), *kind, *package;
	unsigned n;

	if (!software)
		return err_set(err, ERR_INVALID, "member 'software': missing");
	if (!json_is_object(software))
		return 0; /* null: could not be read there */
	for (kind = json_first(software); kind; kind = json_next(kind)) {
		if (!json_is_array(kind) || strlen(json_name(kind)) > 32)
			return err_set(err, ERR_INVALID,
				       "member 'software': expected arrays by short names");
		n = 0;
		for (package = json_first(kind); package; package = json_next(package), n++)
			if (check_package(package, err) < 0)
				return err_wrap(err, "'%.32s', entry %u", json_name(kind), n + 1);
	}
	return 0;
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && strchr(" \t\r\n", *at))
		at++;
	return at;
}

/* The bytes of the member 'inventory', which must be the last.  What stands before it holds no text
 * of the sender's choice, so its name is where it is found first. */
static int find_body(const char *text, size_t len, struct inventory *out, struct err *err)
{
	static const char name[] = "\"inventory\"";
	const char *end = text + len, *at = text;

	while (at + sizeof(name) < end && memcmp(at, name, sizeof(name) - 1) != 0)
		at++;
	at = at + sizeof(name) < end ? skip_blanks(at + sizeof(name) - 1, end) : end;
	if (at == end || *at != ':')
		return err_set(err, ERR_INVALID, "member 'inventory': missing");
	at = skip_blanks(at + 1, end);
	while (end > at && strchr(" \t\r\n", end[-1]))
		end--;
	end--; /* the root's brace: it is the last member */
	while (end > at && strchr(" \t\r\n", end[-1]))
		end--;
	out->body = at;
	out->body_len = (size_t)(end - at);
	return 0;
}

static int read_members(const struct json *root, struct inventory *out, const struct json **body,
			struct err *err)
{
	static const char *const names[] = {"v", "device", "at", "sha256", "inventory", NULL};
	const struct json *last = json_first(root);

	if (member_version(root, err) < 0 || json_only(root, names, err) < 0 ||
	    member_uuid(root, "device", out->device, err) < 0 ||
	    member_time(root, "at", &out->at, err) < 0 ||
	    member_hash(root, "sha256", out->sha256, err) < 0 ||
	    json_get_object(root, "inventory", body, err) < 0)
		return -1;
	while (json_next(last))
		last = json_next(last);
	if (last != *body)
		return err_set(err, ERR_INVALID, "member 'inventory': expected to be the last");
	if (member_version(*body, err) < 0 || check_software(*body, err) < 0)
		return err_wrap(err, "inventory");
	return 0;
}

int inventory_decode(const char *text, size_t len, struct inventory *out, struct err *err)
{
	struct inventory inventory = {.body = NULL};
	const struct json *body;
	char hash[HASH_TEXT];
	struct json *root;
	int ret = -1;

	if (json_parse(text, len, &root, err) < 0)
		return -1;
	if (!json_is_object(root)) {
		err_set(err, ERR_INVALID, "expected an object");
		goto out;
	}
	if (read_members(root, &inventory, &body, err) < 0 ||
	    find_body(text, len, &inventory, err) < 0)
		goto out;
	crypto_sha256_b64(inventory.body, inventory.body_len, hash);
	if (strcmp(hash, inventory.sha256) != 0) {
		err_set(err, ERR_INVALID, "member 'sha256': the inventory's bytes have another");
		goto out;
	}
	*out = inventory;
	ret = 0;
out:
	json_free(root);
	return ret;
}
