/* crypto_openssl.c against published vectors and against what it must refuse.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include <pthread.h>

#include "agent/base/jsonw.h"

/* RFC 7515 appendix A.3. */
#define RFC_JWK \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define RFC_SIGNED \
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcG" \
	"xlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC_SIGNATURE \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
/* By jwcrypto, a library that is not ours. */
#define RFC_THUMBPRINT "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"

static struct crypto_key *key_of(const char *jwk)
{
	struct crypto_key *key;
	struct err err = {0};
	struct json *root;

	assert_int_equal(json_parse(jwk, strlen(jwk), &root, &err), 0);
	if (crypto_key_from_jwk(root, &key, &err) != 0)
		fail_msg("%s", err.msg);
	json_free(root);
	return key;
}

static void verifies_the_vector_of_rfc_7515(void **state)
{
	struct crypto_key *key = key_of(RFC_JWK);
	uint8_t signature[CRYPTO_SIGNATURE_SIZE];
	size_t len;

	(void)state;
	assert_int_equal(text_b64url_decode(RFC_SIGNATURE, strlen(RFC_SIGNATURE), signature,
					    sizeof(signature), &len),
			 0);
	assert_true(crypto_key_verify(key, RFC_SIGNED, strlen(RFC_SIGNED), signature));
	assert_false(crypto_key_verify(key, RFC_SIGNED, strlen(RFC_SIGNED) - 1, signature));
	for (size_t i = 0; i < sizeof(signature); i++) {
		signature[i] ^= 1;
		assert_false(crypto_key_verify(key, RFC_SIGNED, strlen(RFC_SIGNED), signature));
		signature[i] ^= 1;
	}
	assert_true(crypto_key_verify(key, RFC_SIGNED, strlen(RFC_SIGNED), signature));
	crypto_key_free(key);
}

static void makes_the_thumbprint_another_library_makes(void **state)
{
	struct crypto_key *key = key_of(RFC_JWK);

	(void)state;
	assert_string_equal(crypto_key_kid(key), RFC_THUMBPRINT);
	crypto_key_free(key);
}

static void refuses_signatures_out_of_range(void **state)
{
	struct crypto_key *key = key_of(RFC_JWK);
	uint8_t signature[CRYPTO_SIGNATURE_SIZE] = {0};

	(void)state;
	assert_false(crypto_key_verify(key, "x", 1, signature)); /* r = s = 0 */
	memset(signature, 0xff, sizeof(signature));              /* above the order */
	assert_false(crypto_key_verify(key, "x", 1, signature));
	crypto_key_free(key);
}

/* r and s with leading zeros take another length in DER: enough signatures to meet some. */
static void signs_what_it_verifies(void **state)
{
	struct crypto_signer *signer = new_signer();
	struct err err = {0};

	(void)state;
	for (int i = 0; i < 600; i++) {
		uint8_t signature[CRYPTO_SIGNATURE_SIZE];

		assert_int_equal(crypto_signer_sign(signer, &i, sizeof(i), signature, &err), 0);
		assert_true(crypto_key_verify(crypto_signer_key(signer), &i, sizeof(i), signature));
	}
	crypto_signer_free(signer);
}

struct job {
	const struct crypto_signer *signer;
	int bad;
};

static void *sign_and_verify(void *arg)
{
	struct job *job = arg;

	for (int i = 0; i < 300; i++) {
		uint8_t signature[CRYPTO_SIGNATURE_SIZE];
		struct err err;

		if (crypto_signer_sign(job->signer, &i, sizeof(i), signature, &err) != 0 ||
		    !crypto_key_verify(crypto_signer_key(job->signer), &i, sizeof(i), signature))
			job->bad++;
		signature[5] ^= 0x40;
		if (crypto_key_verify(crypto_signer_key(job->signer), &i, sizeof(i), signature))
			job->bad++;
	}
	return NULL;
}

static void takes_one_key_from_several_threads(void **state)
{
	struct crypto_signer *signer = new_signer();
	pthread_t threads[4];
	struct job jobs[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		jobs[i] = (struct job){signer, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, sign_and_verify, &jobs[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(jobs[i].bad, 0);
	}
	crypto_signer_free(signer);
}

static void refuses_keys_that_are_none(void **state)
{
	static const struct {
		const char *from, *to, *want;
	} cases[] = {
		{"\"EC\"", "\"RSA\"", "member 'kty': expected 'EC'"},
		{"P-256", "P-384", "member 'crv': expected 'P-256'"},
		{"\"y\":", "\"z\":", "member 'z' is not known"},
		{"\"kty\"", "\"d\":\"AA\",\"kty\"", "member 'd' is not known"},
		{"f83O", "f83P", "the key's x and y are no point of P-256"},
		{"RVEU\"", "RVE\"", "member 'x': expected 32 bytes as base64url"},
		{"RVEU\"", "RVEV\"", "member 'x': expected 32 bytes as base64url"},
		{"WI5a0\"", "WI5a0=\"", "member 'y': expected text of at most 43 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = replaced(RFC_JWK, cases[i].from, cases[i].to);
		struct crypto_key *key = NULL;
		struct err err = {0};
		struct json *root;

		assert_int_equal(json_parse(text, strlen(text), &root, &err), 0);
		assert_int_equal(crypto_key_from_jwk(root, &key, &err), -1);
		assert_string_equal(err.msg, cases[i].want);
		assert_null(key);
		json_free(root);
		free(text);
	}
}

static void writes_keys_that_it_reads(void **state)
{
	struct crypto_signer *signer = new_signer();
	struct crypto_key *key;
	struct buf text;
	struct jsonw w;

	(void)state;
	buf_init(&text, 0);
	jsonw_init(&w, &text);
	crypto_key_write_jwk(crypto_signer_key(signer), &w, NULL);
	key = key_of(buf_text(&text));
	assert_string_equal(crypto_key_kid(key), kid_of(signer));
	crypto_key_free(key);
	buf_clear(&text);
	crypto_signer_free(signer);
}

static void keeps_a_private_key_as_pem(void **state)
{
	struct crypto_signer *signer = new_signer(), *again;
	struct err err = {0};
	struct buf pem;

	(void)state;
	buf_init(&pem, 0);
	assert_int_equal(crypto_signer_to_pem(signer, &pem, &err), 0);
	assert_memory_equal(pem.data, "-----BEGIN PRIVATE KEY-----\n", 28);
	assert_int_equal(crypto_signer_from_pem(pem.data, pem.len, &again, &err), 0);
	assert_string_equal(kid_of(again), kid_of(signer));
	buf_clear(&pem);
	crypto_signer_free(again);
	crypto_signer_free(signer);
}

/* openssl genpkey -algorithm ed25519; ... ec -name secp384r1: neither is ours to sign with. */
static void refuses_private_keys_that_are_not_ours(void **state)
{
	static const struct {
		const char *pem, *want;
	} cases[] = {
		{"", "expected an unencrypted private key in PEM (PKCS#8)"},
		{"hello", "expected an unencrypted private key in PEM (PKCS#8)"},
		{"-----BEGIN PRIVATE KEY-----\n"
		 "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
		 "-----END PRIVATE KEY-----\n",
		 "expected a P-256 key (prime256v1), not another"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct crypto_signer *signer = NULL;
		struct err err = {0};

		assert_int_equal(
			crypto_signer_from_pem(cases[i].pem, strlen(cases[i].pem), &signer, &err),
			-1);
		assert_string_equal(err.msg, cases[i].want);
		assert_null(signer);
	}
}

static void reads_a_public_key_from_pem(void **state)
{
	/* The key of RFC 7515 A.3, by "openssl ec -pubin". */
	static const char pem[] =
		"-----BEGIN PUBLIC KEY-----\n"
		"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
		"6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
		"-----END PUBLIC KEY-----\n";
	struct crypto_key *key;
	struct err err = {0};

	(void)state;
	assert_int_equal(crypto_key_from_pem(pem, sizeof(pem) - 1, &key, &err), 0);
	assert_string_equal(crypto_key_kid(key), RFC_THUMBPRINT);
	crypto_key_free(key);
	assert_int_equal(crypto_key_from_pem("x", 1, &key, &err), -1);
	assert_string_equal(err.msg, "expected a P-256 public key in PEM");
}

/* RFC 4231 test case 2, FIPS 180 "abc". */
static void hashes_as_published(void **state)
{
	uint8_t out[CRYPTO_HASH_SIZE];
	char hex[2 * CRYPTO_HASH_SIZE + 1];

	(void)state;
	crypto_sha256("abc", 3, out);
	text_hex(hex, out, sizeof(out));
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	crypto_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
	text_hex(hex, out, sizeof(out));
	assert_string_equal(hex,
			    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifies_the_vector_of_rfc_7515),
		cmocka_unit_test(makes_the_thumbprint_another_library_makes),
		cmocka_unit_test(refuses_signatures_out_of_range),
		cmocka_unit_test(signs_what_it_verifies),
		cmocka_unit_test(takes_one_key_from_several_threads),
		cmocka_unit_test(refuses_keys_that_are_none),
		cmocka_unit_test(writes_keys_that_it_reads),
		cmocka_unit_test(keeps_a_private_key_as_pem),
		cmocka_unit_test(refuses_private_keys_that_are_not_ours),
		cmocka_unit_test(reads_a_public_key_from_pem),
		cmocka_unit_test(hashes_as_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
