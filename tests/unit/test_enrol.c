/* enrol.c: codes, requests, answers, and what a forger would try.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include <ctype.h>

#include "agent/proto/enrol.h"

static struct crypto_signer *policy, *online, *device;
static struct enrol_code code;
static struct buf json, jws;

static int setup(void **state)
{
	(void)state;
	policy = new_signer();
	online = new_signer();
	device = new_signer();
	code = (struct enrol_code){.host = "collector.school.example:8443"};
	memset(code.secret, 0x5e, sizeof(code.secret));
	memset(code.ca, 0xca, sizeof(code.ca));
	text_copy(code.policy_kid, sizeof(code.policy_kid), kid_of(policy));
	buf_init(&json, 0);
	buf_init(&jws, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	crypto_signer_free(policy);
	crypto_signer_free(online);
	crypto_signer_free(device);
	buf_clear(&json);
	buf_clear(&jws);
	return 0;
}

/* --- codes --- */

static void reads_the_code_that_it_wrote(void **state)
{
	static const char *const hosts[] = {"a", "collector.school.example:8443", "[::1]:8443",
					    "10.1.2.3"};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		char text[ENROL_CODE_MAX];
		struct enrol_code got;

		text_copy(code.host, sizeof(code.host), hosts[i]);
		code.trust_system = i % 2;
		assert_int_equal(enrol_code_format(&code, text, sizeof(text), &err), 0);
		assert_int_equal(enrol_code_parse(text, strlen(text), &got, &err), 0);
		assert_int_equal(got.trust_system, code.trust_system);
		assert_memory_equal(got.secret, code.secret, sizeof(code.secret));
		assert_memory_equal(got.ca, code.ca, sizeof(code.ca));
		assert_string_equal(got.policy_kid, code.policy_kid);
		assert_string_equal(got.host, hosts[i]);
	}
}

static void reads_a_code_from_a_printed_page(void **state)
{
	char text[ENROL_CODE_MAX], page[2 * ENROL_CODE_MAX], *p = page;
	struct enrol_code got;
	struct err err = {0};

	(void)state;
	assert_int_equal(enrol_code_format(&code, text, sizeof(text), &err), 0);
	for (size_t i = 0; text[i]; i++) {
		if (i % 20 == 0)
			p += sprintf(p, i % 40 ? "\r\n\t" : "  ");
		*p++ = text[i];
	}
	*p++ = '\n';
	assert_int_equal(enrol_code_parse(page, (size_t)(p - page), &got, &err), 0);
	assert_string_equal(got.host, code.host);
}

static void finds_every_slip_of_the_typist(void **state)
{
	char text[ENROL_CODE_MAX];
	struct enrol_code got;
	struct err err = {0};
	size_t len;

	(void)state;
	assert_int_equal(enrol_code_format(&code, text, sizeof(text), &err), 0);
	len = strlen(text);
	for (size_t i = 4; i < len; i++) {
		char was = text[i];

		text[i] = was == 'x' ? 'y' : 'x';
		assert_int_equal(enrol_code_parse(text, len, &got, &err), -1);
		assert_string_equal(err.msg, "the code has a typing error or is cut");
		text[i] = isupper((unsigned char)was) ? (char)tolower((unsigned char)was) : was;
		if (text[i] != was)
			assert_int_equal(enrol_code_parse(text, len, &got, &err), -1);
		text[i] = was;
	}
	for (size_t cut = 5; cut < len; cut++) {
		assert_int_equal(enrol_code_parse(text, cut, &got, &err), -1);
		assert_string_equal(err.msg, "the code has a typing error or is cut");
	}
}

static void refuses_what_is_no_code(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", "not an enrolment code: it begins with 'CT1-'"},
		{"ct1-AAAA", "not an enrolment code: it begins with 'CT1-'"},
		{"https://collector.school/", "not an enrolment code: it begins with 'CT1-'"},
		{"CT1-", "the code has a typing error or is cut"},
		{"CT1-AAAA=", "the code has a typing error or is cut"},
	};
	char big[ENROL_CODE_MAX + 1];
	struct enrol_code got;
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(enrol_code_parse(cases[i].text, strlen(cases[i].text), &got, &err),
				 -1);
		assert_string_equal(err.msg, cases[i].want);
	}
	memset(big, 'A', sizeof(big));
	assert_int_equal(enrol_code_parse(big, sizeof(big), &got, &err), -1);
	assert_string_equal(err.msg, "not an enrolment code: longer than 511 characters");
	text_copy(code.host, sizeof(code.host), "user@host/path");
	assert_int_equal(enrol_code_format(&code, big, sizeof(big), &err), -1);
	assert_string_equal(err.msg, "'user@host/path' is no host for an enrolment code");
}

/* A code's bytes with a checksum that fits: what a newer collector, or a forger, would print. */
static void refuses_codes_of_another_kind(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *want;
	} cases[] = {
		{0, 2,
		 "the code is of a newer kind (version 2, flags 0): update Caretaker on this "
		 "machine"},
		{1, 6,
		 "the code is of a newer kind (version 1, flags 6): update Caretaker on this "
		 "machine"},
		{82, 28, "the code names no host that can be reached"},
		{83, '/', "the code names no host that can be reached"},
		{84, 0, "the code names no host that can be reached"},
	};
	char text[ENROL_CODE_MAX];
	struct err err = {0};

	(void)state;
	assert_int_equal(enrol_code_format(&code, text, sizeof(text), &err), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t bytes[ENROL_CODE_MAX], hash[CRYPTO_HASH_SIZE];
		char forged[ENROL_CODE_MAX] = "CT1-";
		struct enrol_code got;
		size_t len;

		assert_int_equal(
			text_b64url_decode(text + 4, strlen(text) - 4, bytes, sizeof(bytes), &len),
			0);
		bytes[cases[i].at] = cases[i].value;
		crypto_sha256(bytes, len - 4, hash);
		memcpy(bytes + len - 4, hash, 4);
		text_b64url_into(forged + 4, bytes, len);
		assert_int_equal(enrol_code_parse(forged, strlen(forged), &got, &err), -1);
		assert_string_equal(err.msg, cases[i].want);
	}
}

/* By Python's hashlib and hmac. */
static void derives_what_others_derive(void **state)
{
	char id[ENROL_CODE_ID_LEN + 1], proof[CRYPTO_HASH_B64_LEN + 1];

	(void)state;
	enrol_code_id(&code, id);
	assert_string_equal(id, "1f0e2c3058b0c8bc");
	enrol_code_proof(code.secret, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", proof);
	assert_string_equal(proof, "Ht2mk3iv4V9HUEWZH2psz8a-XKOSXNxeUgF25ql9fMQ");
}

/* --- hardware --- */

static void knows_serials_that_identify_nothing(void **state)
{
	static const char *const placeholders[] = {
		"",
		" ",
		"-",
		"0",
		"To be filled by O.E.M.",
		"To Be Filled By O.E.M",
		"Default string",
		"System Serial Number",
		"Not Specified",
		"None",
		"N/A",
		"0123456789",
		"123456789",
		"00000000",
		"0000-0000",
		"XXXXXXXX",
		"ffffffff-ffff-ffff-ffff-ffffffffffff",
		"00000000-0000-0000-0000-000000000000",
		"03000200-0400-0500-0006-000700080009",
	};
	static const char *const real[] = {"5CD1234ABC", "PF2ABCDE", "VMware-56 4d 1c",
					   "4c4c4544-0042-3510-8052-b4c04f4d3732", "C02XK1"};

	(void)state;
	for (size_t i = 0; i < COUNT(placeholders); i++)
		if (!enrol_placeholder(placeholders[i]))
			fail_msg("'%s' is taken for a serial", placeholders[i]);
	for (size_t i = 0; i < COUNT(real); i++)
		if (enrol_placeholder(real[i]))
			fail_msg("'%s' is taken for a placeholder", real[i]);
}

/* --- requests --- */

static struct enrol_request sample_request(struct crypto_key *key)
{
	struct enrol_request request = {
		.key = key,
		.at = 1795328400,
		.nonce = "AAAAAAAAAAAAAAAAAAAAAA",
		.name = "lab-07",
		.agent = "0.1.0",
		.hardware = {"5CD1234ABC", "4c4c4544-0042-3510-8052-b4c04f4d3732", "B1", "HP",
			     "ProBook"},
		.is_volatile = true,
	};

	enrol_code_id(&code, request.code);
	enrol_code_proof(code.secret, crypto_key_kid(key), request.proof);
	return request;
}

static void make_request(void)
{
	struct crypto_key *key = public_of(device);
	struct enrol_request request = sample_request(key);
	struct err err = {0};

	enrol_request_encode(&request, &json);
	assert_int_equal(jws_sign(JWS_ENROL, json.data, json.len, false, 0, device, &jws, &err), 0);
	crypto_key_free(key);
}

static void opens_a_request_by_the_key_inside(void **state)
{
	struct enrol_request *got;
	struct err err = {0};
	char proof[CRYPTO_HASH_B64_LEN + 1];

	(void)state;
	make_request();
	assert_int_equal(enrol_request_open(jws.data, jws.len, &got, &err), 0);
	assert_string_equal(crypto_key_kid(got->key), kid_of(device));
	enrol_code_proof(code.secret, kid_of(device), proof);
	assert_string_equal(got->proof, proof);
	assert_int_equal(got->at, 1795328400);
	assert_string_equal(got->nonce, "AAAAAAAAAAAAAAAAAAAAAA");
	assert_string_equal(got->name, "lab-07");
	assert_string_equal(got->agent, "0.1.0");
	assert_string_equal(got->hardware.serial, "5CD1234ABC");
	assert_string_equal(got->hardware.uuid, "4c4c4544-0042-3510-8052-b4c04f4d3732");
	assert_string_equal(got->hardware.board, "B1");
	assert_string_equal(got->hardware.vendor, "HP");
	assert_string_equal(got->hardware.model, "ProBook");
	assert_true(got->is_volatile);
	enrol_request_free(got);
}

static void refuses_requests_out_of_form(void **state)
{
	static const struct {
		const char *from, *to, *want;
	} cases[] = {
		{"\"code\":\"", "\"code\":\"z", "member 'code': expected text of at most 16 bytes"},
		{"\"code\":\"", "\"code\":\"\",\"c\":\"",
		 "member 'code': expected 16 hexadecimal digits"},
		{"\"proof\":\"", "\"proof\":\"z",
		 "member 'proof': expected a SHA-256 as base64url (43 characters)"},
		{"\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA\"", "\"nonce\":\"short\"",
		 "member 'nonce': expected 16 to 23 characters"},
		{"\"hardware\":{", "\"hardware\":[],\"h\":{",
		 "member 'hardware': expected an object"},
		{"\"vendor\":\"HP\"", "\"vendor\":7",
		 "hardware: member 'vendor': expected text of at most 63 bytes"},
		{"\"cnf\":{", "\"cnf\":{\"kid\":1},\"d\":{",
		 "cnf.jwk: member 'jwk': missing; expected an object"},
		{"\"crv\":\"P-256\"", "\"crv\":\"P-521\"",
		 "cnf.jwk: member 'crv': expected 'P-256'"},
		{"\"v\":1", "\"v\":3", "version 3 of this message is newer than this program"},
		{"\"volatile\":true", "\"volatile\":\"yes\"",
		 "member 'volatile': expected true or false"},
	};

	(void)state;
	make_request();
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = replaced(json.data, cases[i].from, cases[i].to);
		struct enrol_request *got = NULL;
		struct err err = {0};

		forge_typ(device, "enrol", text, &jws);
		assert_int_equal(enrol_request_open(jws.data, jws.len, &got, &err), -1);
		assert_string_equal(err.msg, cases[i].want);
		assert_null(got);
		free(text);
	}
}

static void refuses_a_request_without_the_keys_possession(void **state)
{
	struct enrol_request *got = NULL;
	struct err err = {0};

	(void)state;
	make_request();
	/* Somebody else's key inside, our signature around it. */
	forge_typ(online, "enrol", json.data, &jws);
	assert_int_equal(enrol_request_open(jws.data, jws.len, &got, &err), -1);
	assert_string_equal(err.msg, "the header's kid is not the thumbprint of cnf.jwk");
	assert_int_equal(err.code, ERR_AUTH);
	forge_typ(device, "enrol", json.data, &jws);
	spoil(&jws.data[jws.len - 9]);
	assert_int_equal(enrol_request_open(jws.data, jws.len, &got, &err), -1);
	assert_string_equal(err.msg, "the signature does not hold");
	assert_null(got);
}

/* --- answers --- */

static char request_hash[] = "bbfYA-dPH_p9j1rcC_lbPhW_TINz__rfVGInzGxnQss";

static char *signed_keys(const struct crypto_signer *p, const struct crypto_signer *o)
{
	struct keys keys = {.org = ORG, .serial = 1, .policy_count = 1, .online_count = 1};
	struct err err = {0};
	struct buf text;
	char *taken;

	keys.policy[0] = public_of(p);
	keys.online[0] = public_of(o);
	buf_reset(&json);
	keys_encode(&keys, &json);
	buf_init(&text, 0);
	assert_int_equal(jws_sign(JWS_KEYS, json.data, json.len, false, 0, p, &text, &err), 0);
	crypto_key_free(keys.policy[0]);
	crypto_key_free(keys.online[0]);
	taken = buf_take(&text, NULL);
	buf_reset(&json);
	return taken;
}

static void make_answer(const struct crypto_signer *p, const struct crypto_signer *o)
{
	struct enrol_answer answer = {
		.device = DEVICE,
		.time = 1795328400,
		.org = ORG,
		.epoch = EPOCH,
		.school = "St Example",
		.group = "staff",
		.audit_until = 1796538000,
		.policy = (char *)"d.e.f",
	};
	struct err err = {0};

	text_copy(answer.request, sizeof(answer.request), request_hash);
	answer.keys = signed_keys(p, o);
	enrol_answer_encode(&answer, &json);
	buf_reset(&jws);
	assert_int_equal(jws_sign(JWS_ENROLLED, json.data, json.len, false, 0, o, &jws, &err), 0);
	free(answer.keys);
}

static void believes_an_answer_by_its_whole_path(void **state)
{
	struct enrol_answer *got;
	struct keys *keys;
	struct err err = {0};

	(void)state;
	make_answer(policy, online);
	if (enrol_answer_open(jws.data, jws.len, &code, request_hash, &got, &keys, &err) != 0)
		fail_msg("%s", err.msg);
	assert_string_equal(got->device, DEVICE);
	assert_false(got->waiting);
	assert_string_equal(got->org, ORG);
	assert_string_equal(got->epoch, EPOCH);
	assert_string_equal(got->school, "St Example");
	assert_string_equal(got->group, "staff");
	assert_int_equal(got->audit_until, 1796538000);
	assert_string_equal(got->policy, "d.e.f");
	assert_null(got->exceptions);
	assert_non_null(keys_online_key(keys, kid_of(online)));
	enrol_answer_free(got);
	keys_free(keys);
}

static void finds_out_a_proxy_that_answers_itself(void **state)
{
	struct crypto_signer *proxy = new_signer(), *proxy_online = new_signer();
	struct enrol_answer *got = NULL;
	struct keys *keys = NULL;
	struct err err = {0};
	char want[200], *text;

	(void)state;
	make_answer(proxy, proxy_online);
	assert_int_equal(
		enrol_answer_open(jws.data, jws.len, &code, request_hash, &got, &keys, &err), -1);
	snprintf(want, sizeof(want),
		 "key set: signed by key '%s', not by the policy key that the enrolment code names",
		 kid_of(proxy));
	assert_string_equal(err.msg, want);
	assert_int_equal(err.code, ERR_AUTH);
	/* The school's true key set, the answer signed by the proxy. */
	make_answer(policy, online);
	forge_typ(proxy, "enrolled", json.data, &jws);
	assert_int_equal(
		enrol_answer_open(jws.data, jws.len, &code, request_hash, &got, &keys, &err), -1);
	snprintf(want, sizeof(want), "signed by key '%s', which is no online key of its key set",
		 kid_of(proxy));
	assert_string_equal(err.msg, want);
	/* An answer to somebody else's request, replayed. */
	make_answer(policy, online);
	request_hash[0] = 'c';
	assert_int_equal(
		enrol_answer_open(jws.data, jws.len, &code, request_hash, &got, &keys, &err), -1);
	request_hash[0] = 'b';
	assert_string_equal(err.msg, "it answers another request than ours");
	text = replaced(json.data, "\"org\":\"" ORG, "\"org\":\"" OTHER_DEVICE);
	forge_typ(online, "enrolled", text, &jws);
	assert_int_equal(
		enrol_answer_open(jws.data, jws.len, &code, request_hash, &got, &keys, &err), -1);
	assert_string_equal(err.msg, "its organisation is not that of its key set");
	assert_null(got);
	assert_null(keys);
	free(text);
	crypto_signer_free(proxy);
	crypto_signer_free(proxy_online);
}

static void refuses_answers_out_of_form(void **state)
{
	static const struct {
		const char *from, *to, *want;
	} cases[] = {
		{"\"status\":\"active\"", "\"status\":\"maybe\"",
		 "member 'status': expected 'active' or 'waiting'"},
		{"\"keys\":", "\"kees\":", "member 'keys': missing"},
		{"\"device\":\"", "\"device\":\"{",
		 "member 'device': expected a UUID in lower-case letters"},
		{"\"audit_until\":\"", "\"audit_until\":\"x",
		 "member 'audit_until': expected a time (RFC 3339)"},
	};

	(void)state;
	make_answer(policy, online);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = replaced(json.data, cases[i].from, cases[i].to);
		struct enrol_answer *got = NULL;
		struct keys *keys = NULL;
		struct err err = {0};

		forge_typ(online, "enrolled", text, &jws);
		assert_int_equal(enrol_answer_open(jws.data, jws.len, &code, request_hash, &got,
						   &keys, &err),
				 -1);
		assert_string_equal(err.msg, cases[i].want);
		assert_null(got);
		assert_null(keys);
		free(text);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(reads_the_code_that_it_wrote),
		TEST(reads_a_code_from_a_printed_page),
		TEST(finds_every_slip_of_the_typist),
		TEST(refuses_what_is_no_code),
		TEST(refuses_codes_of_another_kind),
		TEST(derives_what_others_derive),
		TEST(knows_serials_that_identify_nothing),
		TEST(opens_a_request_by_the_key_inside),
		TEST(refuses_requests_out_of_form),
		TEST(refuses_a_request_without_the_keys_possession),
		TEST(believes_an_answer_by_its_whole_path),
		TEST(finds_out_a_proxy_that_answers_itself),
		TEST(refuses_answers_out_of_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
