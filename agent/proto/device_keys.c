/* See device_keys.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/device_keys.h"

#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/proto/jws.h"
#include "agent/proto/member.h"
#include "agent/proto/signed.h"

void device_keys_encode(const struct device_keys *keys, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "org", keys->org);
	jsonw_string(&w, "device", keys->device);
	member_write_time(&w, "at", keys->at);
	jsonw_array(&w, "keys");
	for (unsigned i = 0; i < keys->count; i++)
		crypto_point_write_jwk(keys->points[i], &w, NULL);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

static int read_keys(const struct json *root, struct device_keys *out, struct err *err)
{
	const struct json *array;

	if (json_get_array(root, "keys", DEVICE_KEYS_MAX, &array, err) < 0)
		return -1;
	for (const struct json *jwk = json_first(array); jwk; jwk = json_next(jwk)) {
		if (crypto_key_from_jwk(jwk, &out->keys[out->count], err) < 0)
			return err_wrap(err, "member 'keys', key %u", out->count + 1);
		out->count++;
	}
	if (!out->count)
		return err_set(err, ERR_INVALID, "member 'keys': expected at least one key");
	return 0;
}

int device_keys_open(const char *jws, size_t len, const struct keys *set, struct device_keys *out,
		     struct err *err)
{
	struct device_keys keys = {.count = 0};
	struct json *root;
	int ret = -1;

	if (signed_open(JWS_DEVICE_KEYS, jws, len, set, keys_online_key, "online", &root, err) < 0)
		return -1;
	if (member_uuid(root, "org", keys.org, err) == 0 &&
	    member_uuid(root, "device", keys.device, err) == 0 &&
	    member_time(root, "at", &keys.at, err) == 0 && read_keys(root, &keys, err) == 0)
		ret = strcmp(keys.org, set->org) == 0
			      ? 0
			      : err_set(err, ERR_AUTH,
					"for organisation '%s', the key set is of '%s'", keys.org,
					set->org);
	json_free(root);
	if (ret == 0)
		*out = keys;
	else
		device_keys_clear(&keys);
	return ret;
}

void device_keys_clear(struct device_keys *keys)
{
	for (unsigned i = 0; i < keys->count; i++) {
		crypto_key_free(keys->keys[i]);
		keys->keys[i] = NULL;
	}
	keys->count = 0;
}

const struct crypto_key *device_keys_find(const struct device_keys *keys, const char *kid)
{
	for (unsigned i = 0; i < keys->count; i++)
		if (strcmp(crypto_key_kid(keys->keys[i]), kid) == 0)
			return keys->keys[i];
	return NULL;
}
