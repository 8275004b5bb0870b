/* P-256 keys, ES256, SHA-256 and HMAC in our terms; crypto_openssl.c is the one place with OpenSSL.
 *
 * A private key is behind 'struct crypto_signer', so a TPM can hold it later: who signs never sees
 * the key.  Public keys are parsed once and kept ('struct crypto_key'); verifying takes no lock.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PROTO_CRYPTO_H
#define CARETAKER_PROTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct json;
struct jsonw;

#define CRYPTO_HASH_SIZE 32
#define CRYPTO_HASH_B64_LEN 43
#define CRYPTO_SIGNATURE_SIZE 64 /* r and s, as RFC 7518 section 3.4 wants them */
#define CRYPTO_POINT_SIZE 64     /* x and y */
#define CRYPTO_KID_LEN 43        /* RFC 7638 thumbprint, base64url */

void crypto_sha256(const void *data, size_t len, uint8_t out[CRYPTO_HASH_SIZE]);
/* The same as base64url text with its NUL. */
void crypto_sha256_b64(const void *data, size_t len, char out[CRYPTO_HASH_B64_LEN + 1]);
void crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
			uint8_t out[CRYPTO_HASH_SIZE]);
bool crypto_equal(const void *a, const void *b, size_t len); /* in constant time */
void crypto_wipe(void *data, size_t len);
/* buf_clear() for what held a secret. */
void crypto_buf_clear(struct buf *buf);

/* --- public keys --- */
struct crypto_key;
/* 'point' is x and y; refused when it is not on the curve. */
int crypto_key_new(const uint8_t point[CRYPTO_POINT_SIZE], struct crypto_key **out,
		   struct err *err);
/* {"kty":"EC","crv":"P-256","x":…,"y":…}; other members are refused. */
int crypto_key_from_jwk(const struct json *jwk, struct crypto_key **out, struct err *err);
/* "-----BEGIN PUBLIC KEY-----", as "openssl ec -pubout" writes it. */
int crypto_key_from_pem(const char *pem, size_t len, struct crypto_key **out, struct err *err);
void crypto_key_free(struct crypto_key *key);
void crypto_key_write_jwk(const struct crypto_key *key, struct jsonw *w, const char *name);
/* The same for a point nobody has checked. */
void crypto_point_write_jwk(const uint8_t point[CRYPTO_POINT_SIZE], struct jsonw *w,
			    const char *name);
const uint8_t *crypto_key_point(const struct crypto_key *key);
const char *crypto_key_kid(const struct crypto_key *key);
/* False when the signature is not this key's over the bytes. */
bool crypto_key_verify(const struct crypto_key *key, const void *data, size_t len,
		       const uint8_t signature[CRYPTO_SIGNATURE_SIZE]);

/* --- private keys --- */
struct crypto_signer;
int crypto_signer_generate(struct crypto_signer **out, struct err *err);
/* PKCS#8 PEM, unencrypted: the file's mode is its protection. */
int crypto_signer_from_pem(const char *pem, size_t len, struct crypto_signer **out,
			   struct err *err);
int crypto_signer_to_pem(const struct crypto_signer *signer, struct buf *out, struct err *err);
void crypto_signer_free(struct crypto_signer *signer);
const struct crypto_key *crypto_signer_key(const struct crypto_signer *signer);
int crypto_signer_sign(const struct crypto_signer *signer, const void *data, size_t len,
		       uint8_t out[CRYPTO_SIGNATURE_SIZE], struct err *err);
/* A secret that two keys share and nobody else can have: ECDH (the shared point's x), then
 * HKDF-SHA256 (RFC 5869) without salt, 'label' being its info.  The same from either side.  Keys
 * that sign also agree here, so a label is never of a form that anything signed has. */
int crypto_signer_agree(const struct crypto_signer *signer, const struct crypto_key *peer,
			const char *label, uint8_t out[CRYPTO_HASH_SIZE], struct err *err);

#endif
