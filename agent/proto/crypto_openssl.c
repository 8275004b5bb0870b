/* See crypto.h.  The one file with OpenSSL's libcrypto.
 *
 * Verifying is what the collector spends its time on, so what can be kept is kept: SHA-256 is
 * fetched once, a key keeps one verification context for the next call, and r and s become DER by
 * hand.  Two threads with the same key: the second finds the context taken and makes its own.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/crypto.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"

#define HALF (CRYPTO_POINT_SIZE / 2)
#define HALF_B64_LEN B64URL_LEN(HALF)
#define DER_MAX (2 + 2 * (2 + 1 + HALF))

typedef _Atomic(EVP_PKEY_CTX *) context_slot;

struct crypto_key {
	EVP_PKEY *pkey;
	context_slot idle; /* a context that is ready to verify, when no thread has it */
	uint8_t point[CRYPTO_POINT_SIZE];
	char kid[CRYPTO_KID_LEN + 1];
};

struct crypto_signer {
	EVP_PKEY *pkey;
	context_slot idle;
	struct crypto_key *key;
};

/* OpenSSL's own last words, for a failure that is its and not the input's. */
static int openssl_failed(struct err *err, const char *what)
{
	char text[160];
	unsigned long code = ERR_peek_last_error();

	ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return err_set(err, ERR_IO, "%s: %s", what, code ? text : "OpenSSL does not say why");
}

/* Fetched by whoever comes first and kept to the end of the process: fetching takes a lock and
 * looks the name up each time. */
static const EVP_MD *sha256(void)
{
	static _Atomic(EVP_MD *) kept;
	EVP_MD *md = atomic_load_explicit(&kept, memory_order_acquire);
	EVP_MD *none = NULL;

	if (md)
		return md;
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!md)
		return EVP_sha256();
	if (!atomic_compare_exchange_strong(&kept, &none, md)) {
		EVP_MD_free(md);
		md = none;
	}
	return md;
}

void crypto_sha256(const void *data, size_t len, uint8_t out[CRYPTO_HASH_SIZE])
{
	/* Without SHA-256 nothing here can be told from a forgery: there is no way on. */
	if (!EVP_Digest(data, len, out, NULL, sha256(), NULL))
		abort();
}

void crypto_sha256_b64(const void *data, size_t len, char out[CRYPTO_HASH_B64_LEN + 1])
{
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_sha256(data, len, hash);
	text_b64url_into(out, hash, sizeof(hash));
}

void crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
			uint8_t out[CRYPTO_HASH_SIZE])
{
	unsigned out_len = CRYPTO_HASH_SIZE;

	if (!HMAC(sha256(), key, (int)key_len, data, len, out, &out_len))
		abort(); /* as crypto_sha256() */
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void crypto_wipe(void *data, size_t len)
{
	OPENSSL_cleanse(data, len);
}

void crypto_buf_clear(struct buf *buf)
{
	if (buf->data)
		OPENSSL_cleanse(buf->data, buf->size);
	buf_clear(buf);
}

/* --- public keys --- */

static void fill_kid(struct crypto_key *key)
{
	char x[HALF_B64_LEN + 1], y[HALF_B64_LEN + 1];
	struct buf text;

	text_b64url_into(x, key->point, HALF);
	text_b64url_into(y, key->point + HALF, HALF);
	buf_init(&text, 0);
	/* RFC 7638: the required members alone, in this order, without blanks. */
	buf_addf(&text, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", x, y);
	crypto_sha256_b64(buf_text(&text), text.len, key->kid);
	buf_clear(&text);
}

/* From a point that OpenSSL itself gave or has checked.  Takes 'pkey' in any case. */
static int key_from_pkey(EVP_PKEY *pkey, const uint8_t point[CRYPTO_POINT_SIZE],
			 struct crypto_key **out, struct err *err)
{
	struct crypto_key *key = calloc(1, sizeof(*key));

	if (!key) {
		EVP_PKEY_free(pkey);
		return err_set(err, ERR_NOMEM, "no memory for a key");
	}
	key->pkey = pkey;
	atomic_init(&key->idle, NULL);
	memcpy(key->point, point, CRYPTO_POINT_SIZE);
	fill_kid(key);
	*out = key;
	return 0;
}

int crypto_key_new(const uint8_t point[CRYPTO_POINT_SIZE], struct crypto_key **out, struct err *err)
{
	char group[] = "prime256v1";
	uint8_t encoded[1 + CRYPTO_POINT_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
	OSSL_PARAM params[3];
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *pkey = NULL;
	int ok;

	memcpy(encoded + 1, point, CRYPTO_POINT_SIZE);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded,
						      sizeof(encoded));
	params[2] = OSSL_PARAM_construct_end();
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) <= 0) {
		EVP_PKEY_CTX_free(ctx);
		return openssl_failed(err, "start reading a key");
	}
	ok = EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) > 0;
	EVP_PKEY_CTX_free(ctx);
	if (!ok) {
		ERR_clear_error();
		EVP_PKEY_free(pkey);
		return err_set(err, ERR_INVALID, "the key's x and y are no point of P-256");
	}
	return key_from_pkey(pkey, point, out, err);
}

static int jwk_coordinate(const struct json *jwk, const char *name, uint8_t out[HALF],
			  struct err *err)
{
	const char *text;
	size_t len;

	if (json_get_string(jwk, name, HALF_B64_LEN, &text, err) != 0)
		return -1;
	if (strlen(text) != HALF_B64_LEN ||
	    text_b64url_decode(text, HALF_B64_LEN, out, HALF, &len) != 0 || len != HALF)
		return err_set(err, ERR_INVALID, "member '%s': expected %d bytes as base64url",
			       name, HALF);
	return 0;
}

static int jwk_constant(const struct json *jwk, const char *name, const char *want, struct err *err)
{
	const char *got;

	if (json_get_string(jwk, name, 16, &got, err) != 0)
		return -1;
	if (strcmp(got, want) != 0)
		return err_set(err, ERR_INVALID, "member '%s': expected '%s'", name, want);
	return 0;
}

int crypto_key_from_jwk(const struct json *jwk, struct crypto_key **out, struct err *err)
{
	static const char *const members[] = {"kty", "crv", "x", "y", NULL};
	uint8_t point[CRYPTO_POINT_SIZE];

	if (!json_is_object(jwk))
		return err_set(err, ERR_INVALID, "expected a key as a JSON object (JWK)");
	if (json_only(jwk, members, err) != 0 || jwk_constant(jwk, "kty", "EC", err) != 0 ||
	    jwk_constant(jwk, "crv", "P-256", err) != 0 ||
	    jwk_coordinate(jwk, "x", point, err) != 0 ||
	    jwk_coordinate(jwk, "y", point + HALF, err) != 0)
		return -1;
	return crypto_key_new(point, out, err);
}

void crypto_key_free(struct crypto_key *key)
{
	if (!key)
		return;
	EVP_PKEY_CTX_free(atomic_load(&key->idle));
	EVP_PKEY_free(key->pkey);
	free(key);
}

void crypto_key_write_jwk(const struct crypto_key *key, struct jsonw *w, const char *name)
{
	crypto_point_write_jwk(key->point, w, name);
}

void crypto_point_write_jwk(const uint8_t point[CRYPTO_POINT_SIZE], struct jsonw *w,
			    const char *name)
{
	char coordinate[HALF_B64_LEN + 1];

	jsonw_object(w, name);
	jsonw_string(w, "kty", "EC");
	jsonw_string(w, "crv", "P-256");
	text_b64url_into(coordinate, point, HALF);
	jsonw_string(w, "x", coordinate);
	text_b64url_into(coordinate, point + HALF, HALF);
	jsonw_string(w, "y", coordinate);
	jsonw_object_end(w);
}

const uint8_t *crypto_key_point(const struct crypto_key *key)
{
	return key->point;
}

const char *crypto_key_kid(const struct crypto_key *key)
{
	return key->kid;
}

/* The context that lies ready, or a new one; NULL when none can be had. */
static EVP_PKEY_CTX *context_take(context_slot *idle, EVP_PKEY *pkey, int (*init)(EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX *ctx = atomic_exchange_explicit(idle, NULL, memory_order_acquire);

	if (ctx)
		return ctx;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (ctx && init(ctx) <= 0) {
		EVP_PKEY_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static void context_give_back(context_slot *idle, EVP_PKEY_CTX *ctx)
{
	ctx = atomic_exchange_explicit(idle, ctx, memory_order_acq_rel);
	if (ctx) /* another thread gave its own back first */
		EVP_PKEY_CTX_free(ctx);
}

/* An unsigned number of HALF bytes as a DER INTEGER: as short as can be, never negative. */
static size_t der_put_integer(uint8_t *der, const uint8_t number[HALF])
{
	size_t skip = 0, len, pad;

	while (skip < HALF - 1 && number[skip] == 0)
		skip++;
	pad = number[skip] >> 7;
	len = HALF - skip;
	der[0] = 0x02;
	der[1] = (uint8_t)(len + pad);
	der[2] = 0;
	memcpy(der + 2 + pad, number + skip, len);
	return 2 + pad + len;
}

static size_t der_put_signature(uint8_t der[DER_MAX], const uint8_t rs[CRYPTO_SIGNATURE_SIZE])
{
	size_t len = der_put_integer(der + 2, rs);

	len += der_put_integer(der + 2 + len, rs + HALF);
	der[0] = 0x30;
	der[1] = (uint8_t)len; /* at most 70: the short form of a length */
	return 2 + len;
}

/* Reads what der_put_integer() writes; returns what follows, NULL when it is something else. */
static const uint8_t *der_get_integer(const uint8_t *der, const uint8_t *end, uint8_t out[HALF])
{
	size_t len;

	if (end - der < 2 || der[0] != 0x02)
		return NULL;
	len = der[1];
	der += 2;
	if (len == 0 || (size_t)(end - der) < len)
		return NULL;
	if (len == HALF + 1 && der[0] == 0) {
		der++;
		len--;
	}
	if (len > HALF)
		return NULL;
	memset(out, 0, HALF - len);
	memcpy(out + HALF - len, der, len);
	return der + len;
}

bool crypto_key_verify(const struct crypto_key *key, const void *data, size_t len,
		       const uint8_t signature[CRYPTO_SIGNATURE_SIZE])
{
	/* Every key comes from calloc(); only the place of the idle context changes. */
	context_slot *idle = &((struct crypto_key *)key)->idle;
	uint8_t hash[CRYPTO_HASH_SIZE], der[DER_MAX];
	size_t der_len = der_put_signature(der, signature);
	EVP_PKEY_CTX *ctx = context_take(idle, key->pkey, EVP_PKEY_verify_init);
	bool good;

	if (!ctx) {
		ERR_clear_error();
		return false;
	}
	crypto_sha256(data, len, hash);
	good = EVP_PKEY_verify(ctx, der, der_len, hash, sizeof(hash)) == 1;
	if (!good)
		ERR_clear_error(); /* or the queue of a busy thread keeps what nobody reads */
	context_give_back(idle, ctx);
	return good;
}

/* --- private keys --- */

static bool is_p256(const EVP_PKEY *pkey)
{
	char group[32];

	return EVP_PKEY_is_a(pkey, "EC") &&
	       EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group,
					      sizeof(group), NULL) &&
	       strcmp(group, "prime256v1") == 0;
}

static bool read_point(const EVP_PKEY *pkey, uint8_t out[CRYPTO_POINT_SIZE])
{
	BIGNUM *x = NULL, *y = NULL;
	bool ok = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) &&
		  EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) &&
		  BN_bn2binpad(x, out, HALF) == HALF && BN_bn2binpad(y, out + HALF, HALF) == HALF;

	BN_free(x);
	BN_free(y);
	return ok;
}

/* Takes 'pkey' in any case. */
static int signer_from_pkey(EVP_PKEY *pkey, struct crypto_signer **out, struct err *err)
{
	struct crypto_signer *signer = calloc(1, sizeof(*signer));
	uint8_t point[CRYPTO_POINT_SIZE];

	if (!signer) {
		EVP_PKEY_free(pkey);
		return err_set(err, ERR_NOMEM, "no memory for a key");
	}
	signer->pkey = pkey;
	atomic_init(&signer->idle, NULL);
	if (!read_point(pkey, point)) {
		crypto_signer_free(signer);
		return openssl_failed(err, "read the key's public part");
	}
	if (crypto_key_new(point, &signer->key, err) != 0) {
		crypto_signer_free(signer);
		return -1;
	}
	*out = signer;
	return 0;
}

int crypto_signer_generate(struct crypto_signer **out, struct err *err)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");

	if (!pkey)
		return openssl_failed(err, "make a P-256 key");
	return signer_from_pkey(pkey, out, err);
}

/* Without a callback OpenSSL would ask for the password on the terminal, and wait. */
static int no_password(char *text, int size, int writing, void *ctx)
{
	(void)text, (void)size, (void)writing, (void)ctx;
	return -1;
}

static BIO *bio_over(const char *text, size_t len)
{
	return len <= 65536 ? BIO_new_mem_buf(text, (int)len) : NULL;
}

int crypto_signer_from_pem(const char *pem, size_t len, struct crypto_signer **out, struct err *err)
{
	BIO *bio = bio_over(pem, len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	if (!pkey)
		return err_set(err, ERR_INVALID,
			       "expected an unencrypted private key in PEM (PKCS#8)");
	if (!is_p256(pkey)) {
		EVP_PKEY_free(pkey);
		return err_set(err, ERR_INVALID, "expected a P-256 key (prime256v1), not another");
	}
	return signer_from_pkey(pkey, out, err);
}

int crypto_key_from_pem(const char *pem, size_t len, struct crypto_key **out, struct err *err)
{
	BIO *bio = bio_over(pem, len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL) : NULL;
	uint8_t point[CRYPTO_POINT_SIZE];
	bool ok;

	BIO_free(bio);
	ok = pkey && is_p256(pkey) && read_point(pkey, point);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	if (!ok)
		return err_set(err, ERR_INVALID, "expected a P-256 public key in PEM");
	return crypto_key_new(point, out, err);
}

int crypto_signer_to_pem(const struct crypto_signer *signer, struct buf *out, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	long len = 0;

	if (bio && PEM_write_bio_PKCS8PrivateKey(bio, signer->pkey, NULL, NULL, 0, NULL, NULL))
		len = BIO_get_mem_data(bio, &text);
	if (len <= 0) {
		BIO_free(bio);
		return openssl_failed(err, "write the key as PEM");
	}
	buf_add(out, text, (size_t)len);
	BIO_free(bio);
	return buf_check(out, err);
}

void crypto_signer_free(struct crypto_signer *signer)
{
	if (!signer)
		return;
	EVP_PKEY_CTX_free(atomic_load(&signer->idle));
	crypto_key_free(signer->key);
	EVP_PKEY_free(signer->pkey);
	free(signer);
}

const struct crypto_key *crypto_signer_key(const struct crypto_signer *signer)
{
	return signer->key;
}

static bool rs_from_der(const uint8_t *der, size_t len, uint8_t out[CRYPTO_SIGNATURE_SIZE])
{
	const uint8_t *end = der + len;

	if (len < 2 || der[0] != 0x30 || der[1] != len - 2)
		return false;
	der = der_get_integer(der + 2, end, out);
	return der && der_get_integer(der, end, out + HALF) == end;
}

int crypto_signer_sign(const struct crypto_signer *signer, const void *data, size_t len,
		       uint8_t out[CRYPTO_SIGNATURE_SIZE], struct err *err)
{
	context_slot *idle = &((struct crypto_signer *)signer)->idle; /* as in verify */
	uint8_t hash[CRYPTO_HASH_SIZE], der[DER_MAX];
	size_t der_len = sizeof(der);
	EVP_PKEY_CTX *ctx = context_take(idle, signer->pkey, EVP_PKEY_sign_init);
	bool ok;

	if (!ctx)
		return openssl_failed(err, "start signing");
	crypto_sha256(data, len, hash);
	ok = EVP_PKEY_sign(ctx, der, &der_len, hash, sizeof(hash)) > 0;
	context_give_back(idle, ctx);
	if (!ok)
		return openssl_failed(err, "sign");
	if (!rs_from_der(der, der_len, out))
		return err_set(err, ERR_IO, "sign: OpenSSL's signature is not of the form r, s");
	return 0;
}

static bool derive(EVP_PKEY *own, EVP_PKEY *peer, uint8_t out[HALF])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	size_t len = HALF;
	bool ok = ctx && EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
		  EVP_PKEY_derive(ctx, out, &len) > 0 && len == HALF;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

int crypto_signer_agree(const struct crypto_signer *signer, const struct crypto_key *peer,
			const char *label, uint8_t out[CRYPTO_HASH_SIZE], struct err *err)
{
	static const uint8_t no_salt[CRYPTO_HASH_SIZE];
	uint8_t shared[HALF], extracted[CRYPTO_HASH_SIZE];
	struct buf info;
	int ret = -1;

	buf_init(&info, 0);
	buf_adds(&info, label);
	buf_addc(&info, '\x01'); /* the first block of HKDF's expansion, which is all we want */
	if (!derive(signer->pkey, peer->pkey, shared)) {
		openssl_failed(err, "agree on a secret");
	} else if (buf_check(&info, err) == 0) {
		crypto_hmac_sha256(no_salt, sizeof(no_salt), shared, sizeof(shared), extracted);
		crypto_hmac_sha256(extracted, sizeof(extracted), info.data, info.len, out);
		crypto_wipe(extracted, sizeof(extracted));
		ret = 0;
	}
	crypto_wipe(shared, sizeof(shared));
	buf_clear(&info);
	return ret;
}
