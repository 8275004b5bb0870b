/* Key sets: see documents.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/documents.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/proto/jws.h"
#include "agent/proto/member.h"
#include "agent/proto/signed.h"

static const struct crypto_key *find(struct crypto_key *const keys[], unsigned count,
				     const char *kid)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(crypto_key_kid(keys[i]), kid) == 0)
			return keys[i];
	return NULL;
}

const struct crypto_key *keys_policy_key(const struct keys *keys, const char *kid)
{
	return find(keys->policy, keys->policy_count, kid);
}

const struct crypto_key *keys_online_key(const struct keys *keys, const char *kid)
{
	return find(keys->online, keys->online_count, kid);
}

void keys_free(struct keys *keys)
{
	if (!keys)
		return;
	for (unsigned i = 0; i < keys->policy_count; i++)
		crypto_key_free(keys->policy[i]);
	for (unsigned i = 0; i < keys->online_count; i++)
		crypto_key_free(keys->online[i]);
	free(keys);
}

/* --- writing --- */

static void write_keys(struct jsonw *w, const char *name, struct crypto_key *const keys[],
		       unsigned count)
{
	jsonw_array(w, name);
	for (unsigned i = 0; i < count; i++)
		crypto_key_write_jwk(keys[i], w, NULL);
	jsonw_array_end(w);
}

void keys_encode(const struct keys *keys, struct buf *out)
{
	char ca[CRYPTO_HASH_B64_LEN + 1];
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "org", keys->org);
	jsonw_int(&w, "serial", keys->serial);
	member_write_time(&w, "at", keys->at);
	write_keys(&w, "policy", keys->policy, keys->policy_count);
	write_keys(&w, "online", keys->online, keys->online_count);
	jsonw_array(&w, "cas");
	for (unsigned i = 0; i < keys->ca_count; i++) {
		text_b64url_into(ca, keys->cas[i], CRYPTO_HASH_SIZE);
		jsonw_string(&w, NULL, ca);
	}
	jsonw_array_end(&w);
	if (keys->host[0])
		jsonw_string(&w, "host", keys->host);
	jsonw_object_end(&w);
}

/* --- reading --- */

/* A key that stood on both sides could sign what only the other may. */
static int add_key(const struct json *jwk, const struct keys *all, struct crypto_key *keys[],
		   unsigned *count, struct err *err)
{
	struct crypto_key *key;
	const char *kid;

	if (crypto_key_from_jwk(jwk, &key, err) != 0)
		return -1;
	kid = crypto_key_kid(key);
	if (keys_policy_key(all, kid) || keys_online_key(all, kid)) {
		err_set(err, ERR_INVALID, "key '%s' is there twice", kid);
		crypto_key_free(key);
		return -1;
	}
	keys[(*count)++] = key;
	return 0;
}

static int read_keys(const struct json *root, const char *name, const struct keys *all,
		     struct crypto_key *keys[], unsigned *count, struct err *err)
{
	const struct json *array;

	if (json_get_array(root, name, KEYS_MAX, &array, err) != 0)
		return -1;
	for (const struct json *jwk = json_first(array); jwk; jwk = json_next(jwk))
		if (add_key(jwk, all, keys, count, err) != 0)
			return err_wrap(err, "member '%s', key %u", name, *count + 1);
	if (*count == 0)
		return err_set(err, ERR_INVALID, "member '%s': expected at least one key", name);
	return 0;
}

static int read_cas(const struct json *root, struct keys *keys, struct err *err)
{
	const struct json *array;

	if (json_get_array(root, "cas", KEYS_MAX, &array, err) != 0)
		return -1;
	for (const struct json *ca = json_first(array); ca; ca = json_next(ca)) {
		const char *text = json_string(ca);
		size_t len;

		if (!text || !member_is_hash(text))
			return err_set(err, ERR_INVALID,
				       "member 'cas': expected SHA-256 hashes as base64url");
		(void)text_b64url_decode(text, strlen(text), keys->cas[keys->ca_count++],
					 CRYPTO_HASH_SIZE, &len); /* member_is_hash() tried it */
	}
	return 0;
}

/* It becomes part of a URL: no character that ends the host there. */
static int read_host(const struct json *root, struct keys *keys, struct err *err)
{
	const char *host = "";

	if (json_opt_string(root, "host", sizeof(keys->host) - 1, &host, err) != 0)
		return -1;
	if (host[strspn(host,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]")])
		return err_set(err, ERR_INVALID, "member 'host': expected NAME:PORT");
	(void)text_copy(keys->host, sizeof(keys->host), host); /* its length was checked */
	return 0;
}

static int keys_decode(const struct json *root, struct keys **out, struct err *err)
{
	struct keys *keys = calloc(1, sizeof(*keys));

	if (!keys)
		return err_set(err, ERR_NOMEM, "no memory for a key set");
	if (member_uuid(root, "org", keys->org, err) != 0 ||
	    json_get_int(root, "serial", 1, MEMBER_INT_MAX, &keys->serial, err) != 0 ||
	    member_time(root, "at", &keys->at, err) != 0 ||
	    read_keys(root, "policy", keys, keys->policy, &keys->policy_count, err) != 0 ||
	    read_keys(root, "online", keys, keys->online, &keys->online_count, err) != 0 ||
	    read_cas(root, keys, err) != 0 || read_host(root, keys, err) != 0) {
		keys_free(keys);
		return -1;
	}
	*out = keys;
	return 0;
}

/* Reads a key set without a signer from before; '*out_jws' lets the caller verify. */
static int read_unverified(const char *jws, size_t len, struct jws *out_jws, struct keys **out,
			   struct err *err)
{
	struct json *root;
	int ret;

	if (jws_split(JWS_KEYS, jws, len, out_jws, err) != 0 ||
	    signed_payload(out_jws, &root, err) != 0)
		return -1;
	ret = keys_decode(root, out, err);
	json_free(root);
	return ret;
}

int keys_open_first(const char *jws, size_t len, const char *policy_kid, struct keys **out,
		    struct err *err)
{
	const struct crypto_key *key;
	struct keys *keys;
	struct jws parts;

	if (read_unverified(jws, len, &parts, &keys, err) != 0)
		return -1;
	key = keys_policy_key(keys, policy_kid);
	if (strcmp(parts.kid, policy_kid) != 0 || !key)
		err_set(err, ERR_AUTH,
			"signed by key '%s', not by the policy key that the enrolment code names",
			parts.kid);
	else if (!jws_verify(&parts, key))
		err_set(err, ERR_AUTH, "the signature does not hold");
	else {
		*out = keys;
		return 0;
	}
	keys_free(keys);
	return -1;
}

int keys_open_next(const char *jws, size_t len, const struct keys *before, struct keys **out,
		   struct err *err)
{
	struct json *root;
	struct keys *keys;
	int ret;

	if (signed_open(JWS_KEYS, jws, len, before, keys_policy_key, "policy", &root, err) != 0)
		return -1;
	ret = keys_decode(root, &keys, err);
	json_free(root);
	if (ret != 0)
		return -1;
	if (strcmp(keys->org, before->org) != 0)
		ret = err_set(err, ERR_AUTH, "for organisation '%s', ours is '%s'", keys->org,
			      before->org);
	else if (keys->serial <= before->serial)
		ret = err_set(err, ERR_AUTH, "serial %lld does not follow %lld, which is pinned",
			      (long long)keys->serial, (long long)before->serial);
	if (ret == 0)
		*out = keys;
	else
		keys_free(keys);
	return ret;
}

int keys_open_pinned(const char *jws, size_t len, struct keys **out, struct err *err)
{
	const struct crypto_key *key;
	struct keys *keys;
	struct jws parts;

	if (read_unverified(jws, len, &parts, &keys, err) != 0)
		return -1;
	/* A successor may be signed by a key that it leaves out: then only its form can be checked.
	 */
	key = keys_policy_key(keys, parts.kid);
	if (key && !jws_verify(&parts, key)) {
		keys_free(keys);
		return err_set(err, ERR_AUTH, "the signature does not hold: the file was changed");
	}
	*out = keys;
	return 0;
}
