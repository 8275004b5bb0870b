/* See signed.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/signed.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/proto/member.h"

int signed_payload(const struct jws *jws, struct json **out, struct err *err)
{
	struct json *root = NULL;
	struct buf payload;
	int ret = -1;

	buf_init(&payload, 0);
	if (jws_payload(jws, &payload, err) == 0 &&
	    json_parse(buf_text(&payload), payload.len, &root, err) == 0)
		ret = member_version(root, err);
	buf_clear(&payload);
	if (ret == 0)
		*out = root;
	else
		json_free(root);
	return ret;
}

int signed_open(enum jws_typ typ, const char *jws, size_t len, const struct keys *keys,
		signed_finder *find, const char *role, struct json **out, struct err *err)
{
	const struct crypto_key *key;
	struct jws parts;

	if (jws_split(typ, jws, len, &parts, err) != 0)
		return -1;
	key = find(keys, parts.kid);
	if (!key)
		return err_set(err, ERR_AUTH,
			       "signed by key '%s', which is no %s key of the pinned key set",
			       parts.kid, role);
	if (!jws_verify(&parts, key))
		return err_set(err, ERR_AUTH, "the signature does not hold");
	return signed_payload(&parts, out, err);
}
