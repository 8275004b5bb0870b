/* See policy_served.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/policy_served.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/proto/jws.h"
#include "tools/collector/identity.h"
#include "tools/collector/store.h"

/* The newest of our sets that holds the key: it may have been rotated since. */
static const struct keys *believed(const struct identity *identity, const char *chain,
				   const char *kid)
{
	const struct keys *found = NULL, *keys;

	for (unsigned i = 0; (keys = identity_set_at(identity, chain, i, NULL, NULL)); i++)
		if (keys_policy_key(keys, kid))
			found = keys;
	return found;
}

static int check(const struct identity *identity, const char *chain, int64_t serial,
		 const char *text, size_t len, struct err *err)
{
	struct policy_document *doc;
	const struct keys *keys;
	int64_t says;
	struct jws jws;

	if (jws_split(JWS_POLICY, text, len, &jws, err))
		return -1;
	keys = believed(identity, chain, jws.kid);
	if (!keys)
		return err_set(err, ERR_AUTH, "no policy key of ours signed it");
	if (policy_document_open(text, len, keys, &doc, err))
		return -1;
	says = doc->serial;
	policy_document_free(doc);
	if (says != serial)
		return err_set(err, ERR_AUTH, "the serial that was signed is %lld",
			       (long long)says);
	return 0;
}

int policy_served(struct store *store, const struct identity *identity, const char *chain,
		  int64_t serial, struct buf *out, struct err *err)
{
	struct buf text;
	int ret = -1;

	buf_init(&text, JWS_MAX + 1);
	if (store->live->policy_jws(store, chain, serial, &text, err))
		goto out;
	if (check(identity, chain, serial, buf_text(&text), text.len, err)) {
		err_wrap(err,
			 "the policy %lld in the store was changed, no device is given it; publish "
			 "it again and ask who wrote to the store",
			 (long long)serial);
		err->code = ERR_AUTH;
		goto out;
	}
	buf_add(out, text.data, text.len);
	ret = buf_check(out, err);
out:
	buf_clear(&text);
	return ret;
}
