/* See jws.h.  All that RFC 7515 leaves open is shut here: one algorithm, known header members, one
 * spelling of base64url.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/jws.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/proto/deflate.h"

#define HEADER_MAX 384 /* bytes of JSON; ours has 117 */
#define SIGNATURE_B64_LEN B64URL_LEN(CRYPTO_SIGNATURE_SIZE)

static const struct jws_rule {
	const char *name;
	size_t max;         /* compact form */
	size_t max_payload; /* JSON */
	bool zip, dict;     /* may be compressed, by a dictionary */
} rules[JWS_TYP_COUNT] = {
	[JWS_ENROL] = {"enrol", 16 * 1024, 16 * 1024, false, false},
	[JWS_ENROLLED] = {"enrolled", JWS_MAX, JWS_MAX, false, false},
	[JWS_HEARTBEAT] = {"heartbeat", JWS_MAX, JWS_MAX_PAYLOAD, true, true},
	[JWS_ACK] = {"ack", JWS_MAX, JWS_MAX, false, false},
	/* These three travel inside an acknowledgement, whose bound they must leave room in. */
	[JWS_KEYS] = {"keys", 8 * 1024, 8 * 1024, false, false},
	[JWS_POLICY] = {"policy", 80 * 1024, 256 * 1024, true, false},
	[JWS_EXCEPTIONS] = {"exceptions", 64 * 1024, 512 * 1024, true, false},
	[JWS_INVENTORY] = {"inventory", JWS_MAX, JWS_MAX_PAYLOAD, true, false},
	[JWS_DEVICE_KEYS] = {"device-keys", 16 * 1024, 16 * 1024, false, false},
};

const char *jws_typ_name(enum jws_typ typ)
{
	assert((unsigned)typ < JWS_TYP_COUNT);
	return rules[typ].name;
}

size_t jws_typ_max(enum jws_typ typ)
{
	assert((unsigned)typ < JWS_TYP_COUNT);
	return rules[typ].max;
}

/* --- reading --- */

static int check_typ(const struct json *header, enum jws_typ want, struct err *err)
{
	const char *got;
	char full[48];

	if (json_get_string(header, "typ", 64, &got, err) != 0)
		return -1;
	(void)snprintf(full, sizeof(full), "caretaker-%s+jws", rules[want].name);
	if (strcmp(got, full) != 0) {
		char shown[65];

		text_clean(shown, sizeof(shown), got, strlen(got));
		return err_set(err, ERR_INVALID, "typ is '%s', expected '%s'", shown, full);
	}
	return 0;
}

static int check_zip(const struct json *header, const struct jws_rule *rule, struct jws *out,
		     struct err *err)
{
	const char *zip = NULL;
	int64_t dict = DEFLATE_DICT_NONE;

	if (json_opt_string(header, "zip", 16, &zip, err) != 0)
		return -1;
	if (zip && strcmp(zip, "DEF") != 0)
		return err_set(err, ERR_INVALID, "member 'zip': expected 'DEF'");
	if (zip && !rule->zip)
		return err_set(err, ERR_INVALID, "member 'zip': not for typ '%s'", rule->name);
	if (json_opt_int(header, "dict", 1, 1000000, &dict, err) != 0)
		return -1;
	if (dict != DEFLATE_DICT_NONE && (!zip || !rule->dict))
		return err_set(err, ERR_INVALID, "member 'dict': not %s%s%s",
			       zip ? "for typ '" : "without 'zip'", zip ? rule->name : "",
			       zip ? "'" : "");
	if (dict != DEFLATE_DICT_NONE && !deflate_dict_known((unsigned)dict))
		return err_set(err, ERR_INVALID, "member 'dict': dictionary %u is not known here",
			       (unsigned)dict);
	out->deflated = zip != NULL;
	out->dict = (unsigned)dict;
	return 0;
}

static int check_header(const struct json *header, enum jws_typ typ, struct jws *out,
			struct err *err)
{
	static const char *const members[] = {"alg", "typ", "kid", "zip", "dict", NULL};
	uint8_t thumbprint[CRYPTO_HASH_SIZE];
	const char *alg, *kid;
	size_t len;

	if (!json_is_object(header))
		return err_set(err, ERR_INVALID, "expected a JSON object");
	/* RFC 7515 section 4.1.11: "crit" and whatever else is not understood here. */
	if (json_only(header, members, err) != 0 ||
	    json_get_string(header, "alg", 16, &alg, err) != 0)
		return -1;
	if (strcmp(alg, "ES256") != 0)
		return err_set(err, ERR_INVALID, "member 'alg': expected 'ES256'");
	if (check_typ(header, typ, err) != 0 || check_zip(header, &rules[typ], out, err) != 0 ||
	    json_get_string(header, "kid", CRYPTO_KID_LEN, &kid, err) != 0)
		return -1;
	if (strlen(kid) != CRYPTO_KID_LEN ||
	    text_b64url_decode(kid, CRYPTO_KID_LEN, thumbprint, sizeof(thumbprint), &len) != 0)
		return err_set(err, ERR_INVALID,
			       "member 'kid': expected a JWK thumbprint (%d characters)",
			       CRYPTO_KID_LEN);
	memcpy(out->kid, kid, CRYPTO_KID_LEN + 1);
	return 0;
}

static int read_header(const char *text, size_t len, enum jws_typ typ, struct jws *out,
		       struct err *err)
{
	char json[HEADER_MAX];
	struct json *header;
	size_t json_len;
	int ret;

	if (len > B64URL_LEN(sizeof(json)))
		return err_set(err, ERR_INVALID, "longer than %d bytes", HEADER_MAX);
	if (text_b64url_decode(text, len, json, sizeof(json), &json_len) != 0)
		return err_set(err, ERR_INVALID, "not base64url");
	if (json_parse(json, json_len, &header, err) != 0)
		return -1;
	ret = check_header(header, typ, out, err);
	json_free(header);
	return ret;
}

int jws_split(enum jws_typ typ, const char *text, size_t len, struct jws *out, struct err *err)
{
	struct jws jws = {.typ = typ, .text = text, .text_len = len};
	const char *dot1, *dot2 = NULL, *end = text + len;
	size_t signature_len;

	assert((unsigned)typ < JWS_TYP_COUNT);
	if (len > rules[typ].max)
		return err_set(err, ERR_INVALID, "%zu bytes: at most %zu are taken for typ '%s'",
			       len, rules[typ].max, rules[typ].name);
	dot1 = len > 0 ? memchr(text, '.', len) : NULL;
	if (dot1)
		dot2 = memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1));
	if (!dot2 || memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)))
		return err_set(err, ERR_INVALID,
			       "not a JWS in compact form: expected three parts with dots between");
	jws.signed_len = (size_t)(dot2 - text);
	jws.payload_at = (size_t)(dot1 + 1 - text);
	jws.payload_len = (size_t)(dot2 - dot1 - 1);
	signature_len = (size_t)(end - dot2 - 1);
	if (read_header(text, (size_t)(dot1 - text), typ, &jws, err) != 0)
		return err_wrap(err, "JWS header");
	if (signature_len != SIGNATURE_B64_LEN ||
	    text_b64url_decode(dot2 + 1, signature_len, jws.signature, CRYPTO_SIGNATURE_SIZE,
			       &signature_len) != 0)
		return err_set(err, ERR_INVALID, "JWS signature: expected %d bytes as base64url",
			       CRYPTO_SIGNATURE_SIZE);
	*out = jws;
	return 0;
}

bool jws_verify(const struct jws *jws, const struct crypto_key *key)
{
	return crypto_key_verify(key, jws->text, jws->signed_len, jws->signature);
}

/* Appends the decoded bytes. */
static int decode_payload(const struct jws *jws, struct buf *out, struct err *err)
{
	size_t before = out->len, room = jws->payload_len * 3 / 4, len;
	char *data = buf_grow(out, room);

	if (!data)
		return buf_check(out, err);
	if (text_b64url_decode(jws->text + jws->payload_at, jws->payload_len, data, room, &len) !=
	    0) {
		out->len = before;
		return err_set(err, ERR_INVALID, "JWS payload: not base64url");
	}
	out->len = before + len;
	out->data[out->len] = '\0';
	return 0;
}

int jws_payload(const struct jws *jws, struct buf *out, struct err *err)
{
	size_t max = rules[jws->typ].max_payload;
	struct buf packed;
	int ret;

	if (!jws->deflated && jws->payload_len > B64URL_LEN(max))
		return err_set(err, ERR_INVALID, "JWS payload: more than %zu bytes", max);
	if (!jws->deflated)
		return decode_payload(jws, out, err);
	buf_init(&packed, JWS_MAX);
	ret = decode_payload(jws, &packed, err);
	if (ret == 0 && deflate_unpack(packed.data, packed.len, jws->dict, max, out, err) != 0)
		ret = err_wrap(err, "JWS payload");
	buf_clear(&packed);
	return ret;
}

int jws_open(enum jws_typ typ, const char *text, size_t len, const struct crypto_key *key,
	     struct buf *out, struct err *err)
{
	struct jws jws;

	if (jws_split(typ, text, len, &jws, err) != 0)
		return -1;
	if (strcmp(jws.kid, crypto_key_kid(key)) != 0)
		return err_set(err, ERR_AUTH, "signed by key '%s', expected '%s'", jws.kid,
			       crypto_key_kid(key));
	if (!jws_verify(&jws, key))
		return err_set(err, ERR_AUTH, "the signature does not hold");
	return jws_payload(&jws, out, err);
}

/* --- writing --- */

static void write_header(enum jws_typ typ, bool zip, unsigned dict, const char *kid,
			 struct buf *out)
{
	struct buf json, name;
	struct jsonw w;

	buf_init(&name, 0);
	buf_addf(&name, "caretaker-%s+jws", rules[typ].name);
	buf_init(&json, 0);
	jsonw_init(&w, &json);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "alg", "ES256");
	jsonw_string(&w, "typ", buf_text(&name));
	jsonw_string(&w, "kid", kid);
	if (zip)
		jsonw_string(&w, "zip", "DEF");
	if (zip && dict != DEFLATE_DICT_NONE)
		jsonw_int(&w, "dict", dict);
	jsonw_object_end(&w);
	text_b64url(out, buf_text(&json), json.len);
	if (json.failed || name.failed)
		out->failed = true;
	buf_clear(&json);
	buf_clear(&name);
}

static int write_payload(const void *payload, size_t len, bool zip, unsigned dict, struct buf *out,
			 struct err *err)
{
	struct buf packed;
	int ret;

	if (!zip) {
		text_b64url(out, payload, len);
		return 0;
	}
	buf_init(&packed, 0);
	ret = deflate_pack(payload, len, dict, &packed, err);
	if (ret == 0)
		text_b64url(out, packed.data, packed.len);
	buf_clear(&packed);
	return ret;
}

int jws_sign(enum jws_typ typ, const void *payload, size_t len, bool zip, unsigned dict,
	     const struct crypto_signer *signer, struct buf *out, struct err *err)
{
	uint8_t signature[CRYPTO_SIGNATURE_SIZE];
	size_t start = out->len, size;

	assert((unsigned)typ < JWS_TYP_COUNT);
	assert(!zip || rules[typ].zip);
	assert(dict == DEFLATE_DICT_NONE || (zip && rules[typ].dict));
	if (len > rules[typ].max_payload)
		return err_set(err, ERR_INVALID, "a payload of %zu bytes: typ '%s' takes %zu", len,
			       rules[typ].name, rules[typ].max_payload);
	write_header(typ, zip, dict, crypto_key_kid(crypto_signer_key(signer)), out);
	buf_addc(out, '.');
	if (write_payload(payload, len, zip, dict, out, err) != 0 || buf_check(out, err) != 0)
		goto out;
	if (crypto_signer_sign(signer, out->data + start, out->len - start, signature, err) != 0)
		goto out;
	buf_addc(out, '.');
	text_b64url(out, signature, sizeof(signature));
	if (buf_check(out, err) != 0)
		goto out;
	size = out->len - start;
	if (size <= rules[typ].max)
		return 0;
	err_set(err, ERR_INVALID, "a JWS of %zu bytes: typ '%s' takes %zu", size, rules[typ].name,
		rules[typ].max);
out:
	if (out->data) { /* what was there before stays; half a JWS does not */
		out->len = start;
		out->data[start] = '\0';
	}
	return -1;
}
