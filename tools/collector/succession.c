/* See succession.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/succession.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/proto/jws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 65536

void succession_next(const struct keys *before, int64_t floor, int64_t now, struct keys *out)
{
	*out = *before;
	out->serial = (before->serial > floor ? before->serial : floor) + 1;
	out->at = now;
}

static int add(struct crypto_key *keys[], unsigned *count, const struct crypto_key *key,
	       struct err *err)
{
	for (unsigned i = 0; i < *count; i++)
		if (!strcmp(crypto_key_kid(keys[i]), crypto_key_kid(key)))
			return 0;
	if (*count == KEYS_MAX)
		return err_set(err, ERR_FULL, "a key set holds at most %d keys of a kind",
			       KEYS_MAX);
	keys[(*count)++] = (struct crypto_key *)(uintptr_t)key; /* only read */
	return 0;
}

int succession_add_online(struct keys *keys, const struct crypto_key *key, struct err *err)
{
	return add(keys->online, &keys->online_count, key, err);
}

int succession_add_policy(struct keys *keys, const struct crypto_key *key, struct err *err)
{
	return add(keys->policy, &keys->policy_count, key, err);
}

int succession_add_ca(struct keys *keys, const uint8_t ca[CRYPTO_HASH_SIZE], struct err *err)
{
	for (unsigned i = 0; i < keys->ca_count; i++)
		if (!memcmp(keys->cas[i], ca, CRYPTO_HASH_SIZE))
			return 0;
	if (keys->ca_count == KEYS_MAX)
		return err_set(err, ERR_FULL, "a key set holds at most %d CAs", KEYS_MAX);
	memcpy(keys->cas[keys->ca_count++], ca, CRYPTO_HASH_SIZE);
	return 0;
}

static void only(struct crypto_key *keys[], unsigned *count, const char *kid)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < *count; i++)
		if (!strcmp(crypto_key_kid(keys[i]), kid))
			keys[kept++] = keys[i];
	*count = kept;
}

void succession_only_online(struct keys *keys, const char *kid)
{
	only(keys->online, &keys->online_count, kid);
}

void succession_only_policy(struct keys *keys, const char *kid)
{
	only(keys->policy, &keys->policy_count, kid);
}

/* --- drafts --- */

static int write_line(const char *chain, const char *name, const char *value, struct buf *out,
		      struct err *err)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "chain", chain);
	jsonw_string(&w, name, value);
	jsonw_object_end(&w);
	buf_addc(out, '\n');
	return buf_check(out, err);
}

int succession_draft(const char *chain, const struct keys *keys, struct buf *out, struct err *err)
{
	struct buf payload, text;
	int ret;

	buf_init(&payload, 0);
	buf_init(&text, 0);
	keys_encode(keys, &payload);
	text_b64url(&text, payload.data, payload.len);
	ret = buf_check(&payload, err) || buf_check(&text, err) ||
			      write_line(chain, "payload", buf_text(&text), out, err)
		      ? -1
		      : 0;
	buf_clear(&payload);
	buf_clear(&text);
	return ret;
}

/* Each line to 'each' with its chain and the member 'name'. */
static int each_line(const char *text, const char *name,
		     int (*each)(void *ctx, const char *chain, const char *value, struct err *err),
		     void *ctx, struct err *err)
{
	for (int line = 1; *text; line++) {
		size_t len = strcspn(text, "\r\n");
		struct json *root = NULL;
		const char *chain, *value;
		int ret = 0;
		if (len)
			ret = json_parse(text, len, &root, err) ||
					      json_get_string(root, "chain", 64, &chain, err) ||
					      json_get_string(root, name, LINE_MAX_BYTES, &value,
							      err) ||
					      each(ctx, chain, value, err)
				      ? -1
				      : 0;
		json_free(root);
		if (ret)
			return err_wrap(err, "line %d", line);
		text += len;
		text += strspn(text, "\r\n");
	}
	return 0;
}

struct signing {
	const struct crypto_signer *policy;
	struct buf *out;
};

static int sign_line(void *ctx, const char *chain, const char *value, struct err *err)
{
	struct signing *signing = ctx;
	struct keys *keys = NULL;
	struct buf payload, jws;
	size_t size = strlen(value), len;
	char *room;
	int ret = -1;

	buf_init(&payload, 0);
	buf_init(&jws, 0);
	room = buf_grow(&payload, size);
	if (!room || text_b64url_decode(value, size, room, size, &len)) {
		err_set(err, ERR_INVALID, "member 'payload': expected base64url");
		goto out;
	}
	/* Opened again before it leaves: what is no key set is not signed as one. */
	if (jws_sign(JWS_KEYS, payload.data, len, false, 0, signing->policy, &jws, err) ||
	    keys_open_pinned(buf_text(&jws), jws.len, &keys, err) ||
	    write_line(chain, "jws", buf_text(&jws), signing->out, err))
		goto out;
	ret = 0;
out:
	keys_free(keys);
	buf_clear(&payload);
	buf_clear(&jws);
	return ret;
}

int succession_sign(const char *draft, const struct crypto_signer *policy, struct buf *out,
		    struct err *err)
{
	struct signing signing = {policy, out};

	return each_line(draft, "payload", sign_line, &signing, err);
}

struct taking {
	const char *dir;
	unsigned *count;
};

static int take_line(void *ctx, const char *chain, const char *value, struct err *err)
{
	struct taking *taking = ctx;

	if (identity_keys_append(taking->dir, chain, value, err))
		return -1;
	++*taking->count;
	return 0;
}

int succession_take(const char *dir, const char *text, unsigned *out_count, struct err *err)
{
	struct taking taking = {dir, out_count};

	*out_count = 0;
	return each_line(text, "jws", take_line, &taking, err);
}
