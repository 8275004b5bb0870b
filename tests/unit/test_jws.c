/* jws.c: what is taken, and every way of not being it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include "agent/proto/deflate.h"

static struct crypto_signer *signer;
static struct buf text, payload;

static int setup(void **state)
{
	(void)state;
	signer = new_signer();
	buf_init(&text, 0);
	buf_init(&payload, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	crypto_signer_free(signer);
	buf_clear(&text);
	buf_clear(&payload);
	return 0;
}

static int open_as(enum jws_typ typ, struct err *err)
{
	buf_reset(&payload);
	return jws_open(typ, text.data, text.len, crypto_signer_key(signer), &payload, err);
}

static void opens_what_it_signs_for_every_typ(void **state)
{
	static const char json[] = "{\"v\":1,\"device\":\"" DEVICE "\"}";

	(void)state;
	for (int typ = 0; typ < JWS_TYP_COUNT; typ++) {
		struct err err = {0};

		buf_reset(&text);
		assert_int_equal(jws_sign(typ, json, strlen(json), false, 0, signer, &text, &err),
				 0);
		if (open_as(typ, &err) != 0)
			fail_msg("%s: %s", jws_typ_name(typ), err.msg);
		assert_string_equal(payload.data, json);
		/* ... and for no other typ. */
		assert_int_equal(open_as((typ + 1) % JWS_TYP_COUNT, &err), -1);
		assert_non_null(strstr(err.msg, "JWS header: typ is 'caretaker-"));
	}
}

static void opens_compressed_payloads(void **state)
{
	struct err err = {0};
	struct buf big;

	(void)state;
	buf_init(&big, 0);
	while (big.len < 300000)
		buf_addf(&big, "{\"id\":\"anti-virus\",\"n\":%zu}", big.len);
	for (unsigned dict = 0; dict <= DEFLATE_DICT_NEWEST; dict++) {
		buf_reset(&text);
		assert_int_equal(
			jws_sign(JWS_HEARTBEAT, big.data, big.len, true, dict, signer, &text, &err),
			0);
		assert_true(text.len < big.len / 4);
		assert_int_equal(open_as(JWS_HEARTBEAT, &err), 0);
		assert_int_equal(payload.len, big.len);
		assert_memory_equal(payload.data, big.data, big.len);
	}
	buf_clear(&big);
}

static void writes_the_header_that_is_published(void **state)
{
	char header[200], want[200];
	struct err err = {0};
	size_t len;

	(void)state;
	assert_int_equal(jws_sign(JWS_HEARTBEAT, "{}", 2, true, 1, signer, &text, &err), 0);
	len = strcspn(text.data, ".");
	assert_int_equal(text_b64url_decode(text.data, len, header, sizeof(header), &len), 0);
	header[len] = '\0';
	snprintf(want, sizeof(want),
		 "{\"alg\":\"ES256\",\"typ\":\"caretaker-heartbeat+jws\",\"kid\":\"%s\","
		 "\"zip\":\"DEF\",\"dict\":1}",
		 kid_of(signer));
	assert_string_equal(header, want);
}

#define HEAD "{\"alg\":\"ES256\",\"typ\":\"caretaker-heartbeat+jws\",\"kid\":\"@\""

static void refuses_headers_that_are_not_ours(void **state)
{
	static const struct {
		const char *header, *want;
	} cases[] = {
		{"{\"alg\":\"none\",\"typ\":\"caretaker-heartbeat+jws\",\"kid\":\"@\"}",
		 "JWS header: member 'alg': expected 'ES256'"},
		{"{\"alg\":\"HS256\",\"typ\":\"caretaker-heartbeat+jws\",\"kid\":\"@\"}",
		 "JWS header: member 'alg': expected 'ES256'"},
		{"{\"alg\":\"es256\",\"typ\":\"caretaker-heartbeat+jws\",\"kid\":\"@\"}",
		 "JWS header: member 'alg': expected 'ES256'"},
		{"{\"typ\":\"caretaker-heartbeat+jws\",\"kid\":\"@\"}",
		 "JWS header: member 'alg': missing; expected text of at most 16 bytes"},
		{HEAD ",\"crit\":[\"b64\"],\"b64\":false}",
		 "JWS header: member 'crit' is not known"},
		{HEAD ",\"jwk\":{}}", "JWS header: member 'jwk' is not known"},
		{HEAD ",\"alg\":\"none\"}", "JWS header: member 'alg' is there twice"},
		{HEAD ",\"\\u0061lg\":\"none\"}", "JWS header: member 'alg' is there twice"},
		{HEAD ",\"zip\":\"GZ\"}", "JWS header: member 'zip': expected 'DEF'"},
		{HEAD ",\"dict\":1}", "JWS header: member 'dict': not without 'zip'"},
		{HEAD ",\"zip\":\"DEF\",\"dict\":77}",
		 "JWS header: member 'dict': dictionary 77 is not known here"},
		{HEAD ",\"zip\":\"DEF\",\"dict\":\"1\"}",
		 "JWS header: member 'dict': expected an integer from 1 to 1000000"},
		{HEAD "} ,", "JWS header: byte 100: more after the value"},
		{"[]", "JWS header: expected a JSON object"},
		{"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"@\"}",
		 "JWS header: typ is 'JWT', expected 'caretaker-heartbeat+jws'"},
		{"{\"alg\":\"ES256\",\"typ\":\"caretaker-heartbeat+jws\",\"kid\":\"me\"}",
		 "JWS header: member 'kid': expected a JWK thumbprint (43 characters)"},
		{"{\"alg\":\"ES256\",\"typ\":\"caretaker-heartbeat+jws\"}",
		 "JWS header: member 'kid': missing; expected text of at most 43 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct jws untouched = {.dict = 4711}, jws = untouched;
		struct err err = {0};

		forge(signer, cases[i].header, "{}", 2, &text);
		assert_int_equal(jws_split(JWS_HEARTBEAT, text.data, text.len, &jws, &err), -1);
		assert_string_equal(err.msg, cases[i].want);
		assert_memory_equal(&jws, &untouched, sizeof(jws));
	}
}

static void refuses_compression_where_it_does_not_belong(void **state)
{
	struct err err = {0};
	struct jws jws;

	(void)state;
	forge(signer,
	      "{\"alg\":\"ES256\",\"typ\":\"caretaker-enrol+jws\",\"kid\":\"@\",\"zip\":\"DEF\"}",
	      "{}", 2, &text);
	assert_int_equal(jws_split(JWS_ENROL, text.data, text.len, &jws, &err), -1);
	assert_string_equal(err.msg, "JWS header: member 'zip': not for typ 'enrol'");
	forge(signer,
	      "{\"alg\":\"ES256\",\"typ\":\"caretaker-policy+jws\",\"kid\":\"@\",\"zip\":\"DEF\","
	      "\"dict\":1}",
	      "{}", 2, &text);
	assert_int_equal(jws_split(JWS_POLICY, text.data, text.len, &jws, &err), -1);
	assert_string_equal(err.msg, "JWS header: member 'dict': not for typ 'policy'");
}

static void refuses_what_is_no_compact_jws(void **state)
{
	static const char form[] = "not a JWS in compact form: expected three parts with dots "
				   "between";
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", form},
		{".", form},
		{"a.b", form},
		{"a.b.c.d", form},
		{"{\"payload\":\"\"}", form},
		{"..", "JWS header: byte 0: the text ends where a value is expected"},
		{"e30=.e30.AA", "JWS header: not base64url"},
		{"e3+.e30.AA", "JWS header: not base64url"},
		{"e3 0.e30.AA", "JWS header: not base64url"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = {0};
		struct jws jws;

		assert_int_equal(
			jws_split(JWS_HEARTBEAT, cases[i].text, strlen(cases[i].text), &jws, &err),
			-1);
		assert_string_equal(err.msg, cases[i].want);
	}
}

static void refuses_signatures_of_another_form(void **state)
{
	static const char want[] = "JWS signature: expected 64 bytes as base64url";
	struct err err = {0};
	struct jws jws;

	(void)state;
	forge_typ(signer, "heartbeat", "{}", &text);
	assert_int_equal(jws_split(JWS_HEARTBEAT, text.data, text.len - 1, &jws, &err), -1);
	assert_string_equal(err.msg, want);
	buf_addc(&text, 'A');
	assert_int_equal(jws_split(JWS_HEARTBEAT, text.data, text.len, &jws, &err), -1);
	assert_string_equal(err.msg, want);
	text.len--;
	text.data[text.len - 1] ^= 1; /* sets a bit that encodes nothing: another spelling */
	assert_int_equal(jws_split(JWS_HEARTBEAT, text.data, text.len, &jws, &err), -1);
	assert_string_equal(err.msg, want);
}

static void refuses_any_changed_byte(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(jws_sign(JWS_HEARTBEAT, "{\"v\":1}", 7, true, 1, signer, &text, &err), 0);
	for (size_t i = 0; i < text.len; i++) {
		char was = text.data[i];

		text.data[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(open_as(JWS_HEARTBEAT, &err), -1);
		assert_int_equal(payload.len, 0);
		text.data[i] = was;
	}
	assert_int_equal(open_as(JWS_HEARTBEAT, &err), 0);
}

static void says_whose_signature_is_wrong(void **state)
{
	struct crypto_signer *other = new_signer();
	struct err err = {0};
	char want[200];

	(void)state;
	forge_typ(other, "heartbeat", "{}", &text);
	assert_int_equal(open_as(JWS_HEARTBEAT, &err), -1);
	snprintf(want, sizeof(want), "signed by key '%s', expected '%s'", kid_of(other),
		 kid_of(signer));
	assert_string_equal(err.msg, want);
	assert_int_equal(err.code, ERR_AUTH);
	forge_typ(signer, "heartbeat", "{}", &text);
	spoil(&text.data[text.len - 10]);
	assert_int_equal(open_as(JWS_HEARTBEAT, &err), -1);
	assert_string_equal(err.msg, "the signature does not hold");
	assert_int_equal(err.code, ERR_AUTH);
	crypto_signer_free(other);
}

static void stops_a_bomb_at_the_bound(void **state)
{
	struct err err = {0};
	struct buf zeros, packed;

	(void)state;
	buf_init(&zeros, 0);
	buf_init(&packed, 0);
	memset(buf_grow(&zeros, JWS_MAX_PAYLOAD + 1), '0', JWS_MAX_PAYLOAD + 1);
	assert_int_equal(deflate_pack(zeros.data, zeros.len, 0, &packed, &err), 0);
	forge(signer, HEAD ",\"zip\":\"DEF\"}", packed.data, packed.len, &text);
	assert_int_equal(open_as(JWS_HEARTBEAT, &err), -1);
	assert_string_equal(err.msg, "JWS payload: inflates to more than 2097152 bytes");
	assert_int_equal(payload.len, 0);
	buf_reset(&packed);
	assert_int_equal(deflate_pack(zeros.data, zeros.len - 1, 0, &packed, &err), 0);
	forge(signer, HEAD ",\"zip\":\"DEF\"}", packed.data, packed.len, &text);
	assert_int_equal(open_as(JWS_HEARTBEAT, &err), 0);
	assert_int_equal(payload.len, JWS_MAX_PAYLOAD);
	buf_clear(&zeros);
	buf_clear(&packed);
}

static void bounds_every_typ(void **state)
{
	struct err err = {0};
	char *big = calloc(1, JWS_MAX + 1);
	struct jws jws;

	(void)state;
	assert_non_null(big);
	memset(big, 'A', JWS_MAX + 1);
	assert_int_equal(jws_split(JWS_ENROL, big, 16 * 1024 + 1, &jws, &err), -1);
	assert_string_equal(err.msg, "16385 bytes: at most 16384 are taken for typ 'enrol'");
	assert_int_equal(jws_split(JWS_HEARTBEAT, big, JWS_MAX + 1, &jws, &err), -1);
	assert_string_equal(err.msg, "262145 bytes: at most 262144 are taken for typ 'heartbeat'");
	memset(big, ' ', JWS_MAX);
	assert_int_equal(jws_sign(JWS_ENROL, big, 16 * 1024, false, 0, signer, &text, &err), -1);
	assert_string_equal(err.msg, "a JWS of 22061 bytes: typ 'enrol' takes 16384");
	assert_int_equal(text.len, 0);
	free(big);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(opens_what_it_signs_for_every_typ),
		TEST(opens_compressed_payloads),
		TEST(writes_the_header_that_is_published),
		TEST(refuses_headers_that_are_not_ours),
		TEST(refuses_compression_where_it_does_not_belong),
		TEST(refuses_what_is_no_compact_jws),
		TEST(refuses_signatures_of_another_form),
		TEST(refuses_any_changed_byte),
		TEST(says_whose_signature_is_wrong),
		TEST(stops_a_bomb_at_the_bound),
		TEST(bounds_every_typ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
