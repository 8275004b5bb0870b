/* documents*.c: who may sign what for whom, and every refusal by its words.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include "agent/proto/documents.h"

static struct crypto_signer *policy, *online, *stranger;
static struct keys *keys; /* serial 5: 'policy' and 'online' */
static struct buf json, jws;

static struct keys *make_keys(int64_t serial, const struct crypto_signer *p,
			      const struct crypto_signer *o)
{
	struct keys *made = calloc(1, sizeof(*made));

	assert_non_null(made);
	text_copy(made->org, sizeof(made->org), ORG);
	made->serial = serial;
	made->at = 1795328400;
	made->policy[made->policy_count++] = public_of(p);
	made->online[made->online_count++] = public_of(o);
	memset(made->cas[made->ca_count++], 0xca, CRYPTO_HASH_SIZE);
	return made;
}

static int setup(void **state)
{
	(void)state;
	policy = new_signer();
	online = new_signer();
	stranger = new_signer();
	keys = make_keys(5, policy, online);
	buf_init(&json, 0);
	buf_init(&jws, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	keys_free(keys);
	crypto_signer_free(policy);
	crypto_signer_free(online);
	crypto_signer_free(stranger);
	buf_clear(&json);
	buf_clear(&jws);
	return 0;
}

static void sign(enum jws_typ typ, const struct crypto_signer *signer)
{
	struct err err = {0};

	buf_reset(&jws);
	if (jws_sign(typ, buf_text(&json), json.len, false, 0, signer, &jws, &err) != 0)
		fail_msg("%s", err.msg);
}

static void sign_keys(const struct keys *set, const struct crypto_signer *signer)
{
	buf_reset(&json);
	keys_encode(set, &json);
	sign(JWS_KEYS, signer);
}

/* --- key sets --- */

static void pins_a_first_key_set_by_its_thumbprint(void **state)
{
	struct keys *got;
	struct err err = {0};

	(void)state;
	sign_keys(keys, policy);
	assert_int_equal(keys_open_first(jws.data, jws.len, kid_of(policy), &got, &err), 0);
	assert_string_equal(got->org, ORG);
	assert_int_equal(got->serial, 5);
	assert_int_equal(got->at, keys->at);
	assert_int_equal(got->ca_count, 1);
	assert_memory_equal(got->cas[0], keys->cas[0], CRYPTO_HASH_SIZE);
	assert_non_null(keys_policy_key(got, kid_of(policy)));
	assert_non_null(keys_online_key(got, kid_of(online)));
	assert_null(keys_policy_key(got, kid_of(online)));
	assert_null(keys_online_key(got, kid_of(policy)));
	keys_free(got);
}

static void finds_out_swapped_keys_at_enrolment(void **state)
{
	struct keys *forged = make_keys(5, stranger, online), *got = NULL;
	struct err err = {0};
	char want[200];

	(void)state;
	snprintf(want, sizeof(want),
		 "signed by key '%s', not by the policy key that the enrolment code names",
		 kid_of(stranger));
	/* A proxy's own set, signed by its own key. */
	sign_keys(forged, stranger);
	assert_int_equal(keys_open_first(jws.data, jws.len, kid_of(policy), &got, &err), -1);
	assert_string_equal(err.msg, want);
	assert_int_equal(err.code, ERR_AUTH);
	/* The school's key put into it, the signature still the proxy's. */
	forged->policy[forged->policy_count++] = public_of(policy);
	sign_keys(forged, stranger);
	assert_int_equal(keys_open_first(jws.data, jws.len, kid_of(policy), &got, &err), -1);
	assert_string_equal(err.msg, want);
	/* Signed as if by the school's key: a good header, another's signature. */
	sign_keys(keys, policy);
	spoil(&jws.data[jws.len - 3]);
	assert_int_equal(keys_open_first(jws.data, jws.len, kid_of(policy), &got, &err), -1);
	assert_string_equal(err.msg, "the signature does not hold");
	assert_null(got);
	keys_free(forged);
}

static void follows_a_successor_signed_by_the_set_before(void **state)
{
	struct crypto_signer *new_policy = new_signer();
	struct keys *next = make_keys(6, new_policy, online), *got = NULL;
	struct err err = {0};
	char want[200];

	(void)state;
	sign_keys(next, policy);
	assert_int_equal(keys_open_next(jws.data, jws.len, keys, &got, &err), 0);
	assert_int_equal(got->serial, 6);
	keys_free(got);
	got = NULL;
	/* Our own file is believed though its signer is not in it; a change to it is seen when so.
	 */
	assert_int_equal(keys_open_pinned(jws.data, jws.len, &got, &err), 0);
	keys_free(got);
	got = NULL;
	sign_keys(keys, policy);
	spoil(&jws.data[jws.len - 3]);
	assert_int_equal(keys_open_pinned(jws.data, jws.len, &got, &err), -1);
	assert_string_equal(err.msg, "the signature does not hold: the file was changed");

	sign_keys(next, new_policy);
	assert_int_equal(keys_open_next(jws.data, jws.len, keys, &got, &err), -1);
	snprintf(want, sizeof(want),
		 "signed by key '%s', which is no policy key of the pinned key set",
		 kid_of(new_policy));
	assert_string_equal(err.msg, want);
	sign_keys(next, online);
	assert_int_equal(keys_open_next(jws.data, jws.len, keys, &got, &err), -1);
	assert_non_null(strstr(err.msg, "no policy key of the pinned key set"));
	assert_null(got);
	keys_free(next);
	crypto_signer_free(new_policy);
}

static void never_goes_back_to_an_older_key_set(void **state)
{
	struct keys *next, *got = NULL;
	struct err err = {0};

	(void)state;
	for (int64_t serial = 4; serial <= 5; serial++) {
		char want[100];

		next = make_keys(serial, policy, online);
		sign_keys(next, policy);
		assert_int_equal(keys_open_next(jws.data, jws.len, keys, &got, &err), -1);
		snprintf(want, sizeof(want), "serial %d does not follow 5, which is pinned",
			 (int)serial);
		assert_string_equal(err.msg, want);
		keys_free(next);
	}
	next = make_keys(6, policy, online);
	text_copy(next->org, sizeof(next->org), OTHER_DEVICE);
	sign_keys(next, policy);
	assert_int_equal(keys_open_next(jws.data, jws.len, keys, &got, &err), -1);
	assert_string_equal(err.msg, "for organisation '" OTHER_DEVICE "', ours is '" ORG "'");
	assert_null(got);
	keys_free(next);
}

static void refuses_key_sets_out_of_form(void **state)
{
	static const struct {
		const char *from, *to, *want;
	} cases[] = {
		{"\"serial\":5", "\"serial\":0",
		 "member 'serial': expected an integer from 1 to 9007199254740991"},
		{"\"policy\":[", "\"policy\":[1,",
		 "member 'policy', key 1: expected a key as a JSON object (JWK)"},
		{"\"online\":[", "\"online\":[],\"x\":[",
		 "member 'online': expected at least one key"},
		{"\"cas\":[\"", "\"cas\":[\"A",
		 "member 'cas': expected SHA-256 hashes as base64url"},
		{"\"v\":1", "\"v\":2", "version 2 of this message is newer than this program"},
	};

	(void)state;
	sign_keys(keys, policy);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = replaced(json.data, cases[i].from, cases[i].to);
		struct keys *got = NULL;
		struct err err = {0};

		forge_typ(policy, "keys", text, &jws);
		assert_int_equal(keys_open_first(jws.data, jws.len, kid_of(policy), &got, &err),
				 -1);
		assert_string_equal(err.msg, cases[i].want);
		assert_null(got);
		free(text);
	}
}

static void keeps_policy_and_online_keys_apart(void **state)
{
	struct keys *both = make_keys(5, policy, policy), *got = NULL;
	struct err err = {0};
	char want[120];

	(void)state;
	sign_keys(both, policy);
	assert_int_equal(keys_open_first(jws.data, jws.len, kid_of(policy), &got, &err), -1);
	snprintf(want, sizeof(want), "member 'online', key 1: key '%s' is there twice",
		 kid_of(policy));
	assert_string_equal(err.msg, want);
	keys_free(both);
}

/* --- acknowledgements --- */

static struct ack sample_ack(void)
{
	struct ack ack = {
		.device = DEVICE,
		.acked = 12,
		.head = "bbfYA-dPH_p9j1rcC_lbPhW_TINz__rfVGInzGxnQss",
		.trunk_seq = 14,
		.trunk_head = "gjQS0erLZ5ViIOUylZ8BBGAwV8iHBIY8o4580Yj9qBI",
		.need_full = true,
		.need_inventory = true,
		.time = 1795328400,
		.refused_count = 2,
		.refused = {{0, 11, "signature does not hold"}, {3, 0, "not base64url"}},
		.keys_serial = 5,
		.policy_serial = 7,
		.exceptions_serial = 3,
		.dicts = 1u << 1 | 1u << 3,
		.epoch = EPOCH,
		.poll_s = 5,
		.keys = (char *)"a.b.c",
		.policy = (char *)"d.e.f",
		.exceptions = (char *)"g.h.i",
	};

	return ack;
}

static void opens_an_acknowledgement(void **state)
{
	struct ack want = sample_ack(), *got;
	struct err err = {0};

	(void)state;
	ack_encode(&want, &json);
	sign(JWS_ACK, online);
	assert_int_equal(ack_open(jws.data, jws.len, keys, DEVICE, &got, &err), 0);
	assert_string_equal(got->device, DEVICE);
	assert_int_equal(got->acked, 12);
	assert_string_equal(got->head, want.head);
	assert_int_equal(got->trunk_seq, 14);
	assert_string_equal(got->trunk_head, want.trunk_head);
	assert_true(got->need_full);
	assert_true(got->need_inventory);
	assert_int_equal(got->time, want.time);
	assert_int_equal(got->refused_count, 2);
	assert_int_equal(got->refused[0].seq, 11);
	assert_string_equal(got->refused[0].why, "signature does not hold");
	assert_int_equal(got->refused[1].index, 3);
	assert_int_equal(got->refused[1].seq, 0);
	assert_int_equal(got->keys_serial, 5);
	assert_int_equal(got->policy_serial, 7);
	assert_int_equal(got->exceptions_serial, 3);
	assert_int_equal(got->dicts, want.dicts);
	assert_string_equal(got->epoch, EPOCH);
	assert_int_equal(got->poll_s, 5);
	assert_string_equal(got->keys, "a.b.c");
	assert_string_equal(got->policy, "d.e.f");
	assert_string_equal(got->exceptions, "g.h.i");
	ack_free(got);
}

static void opens_an_acknowledgement_of_nothing(void **state)
{
	struct ack want = {.device = DEVICE, .time = 1, .epoch = EPOCH}, *got;
	struct err err = {0};

	(void)state;
	ack_encode(&want, &json);
	sign(JWS_ACK, online);
	assert_int_equal(ack_open(jws.data, jws.len, keys, DEVICE, &got, &err), 0);
	assert_int_equal(got->acked, 0);
	assert_string_equal(got->head, "");
	assert_int_equal(got->trunk_seq, 0);
	assert_false(got->need_full);
	assert_null(got->keys);
	ack_free(got);
}

static void takes_acknowledgements_from_an_online_key_alone(void **state)
{
	struct ack ack = sample_ack(), *got = NULL;
	struct err err = {0};
	const struct crypto_signer *signers[] = {policy, stranger};

	(void)state;
	ack_encode(&ack, &json);
	for (size_t i = 0; i < COUNT(signers); i++) {
		char want[200];

		sign(JWS_ACK, signers[i]);
		assert_int_equal(ack_open(jws.data, jws.len, keys, DEVICE, &got, &err), -1);
		snprintf(want, sizeof(want),
			 "signed by key '%s', which is no online key of the pinned key set",
			 kid_of(signers[i]));
		assert_string_equal(err.msg, want);
		assert_int_equal(err.code, ERR_AUTH);
	}
	/* What the online key signed as something else is no acknowledgement. */
	sign(JWS_EXCEPTIONS, online);
	assert_int_equal(ack_open(jws.data, jws.len, keys, DEVICE, &got, &err), -1);
	assert_string_equal(err.msg, "JWS header: typ is 'caretaker-exceptions+jws', expected "
				     "'caretaker-ack+jws'");
	sign(JWS_ACK, online);
	assert_int_equal(ack_open(jws.data, jws.len, keys, OTHER_DEVICE, &got, &err), -1);
	assert_string_equal(err.msg, "for device '" DEVICE "', ours is '" OTHER_DEVICE "'");
	assert_null(got);
}

static void refuses_acknowledgements_out_of_form(void **state)
{
	static const struct {
		const char *from, *to, *want;
	} cases[] = {
		{"\"acked\":12", "\"acked\":-1",
		 "member 'acked': expected an integer from 0 to 9007199254740991"},
		{"\"head\"", "\"heat\"", "member 'head': missing beside 'acked'"},
		{"\"trunk\":{\"seq\":14", "\"trunk\":{\"seq\":0",
		 "trunk: member 'seq': expected an integer from 1 to 9007199254740991"},
		{"\"i\":3", "\"i\":64",
		 "refused, entry 2: member 'i': expected an integer from 0 to 63"},
		{"\"serials\":{\"keys\":5", "\"serials\":{\"keys\":\"5\"",
		 "serials: member 'keys': expected an integer from 0 to 9007199254740991"},
		{"\"dicts\":[1", "\"dicts\":[\"1\"", "member 'dicts': expected numbers"},
		{"\"poll\":5", "\"poll\":0", "member 'poll': expected an integer from 1 to 86400"},
		{"\"epoch\":\"", "\"epoch\":\"x",
		 "member 'epoch': expected a UUID in lower-case letters"},
		{"\"time\":\"2026", "\"time\":\"20x6", "member 'time': expected a time (RFC 3339)"},
		{"\"keys\":\"a.b.c\"", "\"keys\":null",
		 "member 'keys': expected text of at most 8192 bytes"},
	};
	struct ack ack = sample_ack();

	(void)state;
	ack_encode(&ack, &json);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = replaced(json.data, cases[i].from, cases[i].to);
		struct ack *got = NULL;
		struct err err = {0};

		forge_typ(online, "ack", text, &jws);
		assert_int_equal(ack_open(jws.data, jws.len, keys, DEVICE, &got, &err), -1);
		assert_string_equal(err.msg, cases[i].want);
		assert_null(got);
		free(text);
	}
}

/* An older agent meets a newer collector. */
static void lets_newer_members_pass(void **state)
{
	struct ack ack = sample_ack(), *got;
	struct err err = {0};
	char *text;

	(void)state;
	ack_encode(&ack, &json);
	text = replaced(json.data, "\"need\":\"full\"", "\"need\":\"tea\",\"new\":[{}]");
	forge_typ(online, "ack", text, &jws);
	assert_int_equal(ack_open(jws.data, jws.len, keys, DEVICE, &got, &err), 0);
	assert_false(got->need_full);
	ack_free(got);
	free(text);
}

static void carries_the_largest_documents_there_are(void **state)
{
	struct ack ack = sample_ack(), *got;
	struct err err = {0};
	char *k = malloc(8193), *p = malloc(81921), *e = malloc(65537);

	(void)state;
	assert_true(k && p && e);
	memset(k, 'k', 8192);
	memset(p, 'p', 81920);
	memset(e, 'e', 65536);
	k[8192] = p[81920] = e[65536] = '\0';
	ack.keys = k;
	ack.policy = p;
	ack.exceptions = e;
	ack.refused_count = HEARTBEAT_MAX_BATCH;
	for (unsigned i = 0; i < HEARTBEAT_MAX_BATCH; i++) {
		ack.refused[i] = (struct ack_refused){.index = i, .seq = 9007199254740991};
		memset(ack.refused[i].why, 'w', sizeof(ack.refused[i].why) - 1);
	}
	ack_encode(&ack, &json);
	sign(JWS_ACK, online);
	assert_int_equal(ack_open(jws.data, jws.len, keys, DEVICE, &got, &err), 0);
	assert_string_equal(got->policy, p);
	ack_free(got);
	free(k);
	free(p);
	free(e);
}

/* --- policy and exceptions --- */

static void opens_a_policy(void **state)
{
	static char ini[] = "[policy]\nname = \"t\xc3\xa9st\"\n";
	struct policy_document doc = {
		.org = ORG, .serial = 7, .name = "staff", .at = 1795328400, .ini = ini};
	struct policy_document *got = NULL;
	struct err err = {0};

	(void)state;
	doc.ini_len = strlen(ini);
	policy_document_encode(&doc, &json);
	assert_int_equal(jws_sign(JWS_POLICY, json.data, json.len, true, 0, policy, &jws, &err), 0);
	assert_int_equal(policy_document_open(jws.data, jws.len, keys, &got, &err), 0);
	assert_string_equal(got->org, ORG);
	assert_int_equal(got->serial, 7);
	assert_string_equal(got->name, "staff");
	assert_int_equal(got->ini_len, strlen(ini));
	assert_string_equal(got->ini, ini);
	policy_document_free(got);
	got = NULL;
	sign(JWS_POLICY, online);
	assert_int_equal(policy_document_open(jws.data, jws.len, keys, &got, &err), -1);
	assert_non_null(strstr(err.msg, "which is no policy key of the pinned key set"));
	buf_reset(&json);
	text_copy(doc.org, sizeof(doc.org), OTHER_DEVICE);
	policy_document_encode(&doc, &json);
	sign(JWS_POLICY, policy);
	assert_int_equal(policy_document_open(jws.data, jws.len, keys, &got, &err), -1);
	assert_string_equal(err.msg, "for organisation '" OTHER_DEVICE "', ours is '" ORG "'");
	assert_null(got);
}

static struct exception_item item = {
	.id = ORG,
	.control = "removable-storage",
	.what = "usb:0781:5583",
	.reason = "photos of the school play",
	.asked = "j.doe",
	.approved = "head",
	.until = 1795414800,
};

static void opens_exceptions(void **state)
{
	struct exceptions want = {.device = DEVICE, .serial = 3, .at = 1, .until = 1798000000};
	struct exceptions *got = NULL;
	struct err err = {0};

	(void)state;
	exceptions_encode(&want, &json); /* an empty list is signed too */
	sign(JWS_EXCEPTIONS, online);
	assert_int_equal(exceptions_open(jws.data, jws.len, keys, DEVICE, &got, &err), 0);
	assert_int_equal(got->count, 0);
	exceptions_free(got);
	got = NULL;
	want.items = &item;
	want.count = 1;
	buf_reset(&json);
	exceptions_encode(&want, &json);
	sign(JWS_EXCEPTIONS, online);
	assert_int_equal(exceptions_open(jws.data, jws.len, keys, DEVICE, &got, &err), 0);
	assert_int_equal(got->serial, 3);
	assert_int_equal(got->until, 1798000000);
	assert_int_equal(got->count, 1);
	assert_memory_equal(&got->items[0], &item, sizeof(item));
	exceptions_free(got);
	got = NULL;
	assert_int_equal(exceptions_open(jws.data, jws.len, keys, OTHER_DEVICE, &got, &err), -1);
	assert_string_equal(err.msg, "for device '" DEVICE "', ours is '" OTHER_DEVICE "'");
	sign(JWS_EXCEPTIONS, policy);
	assert_int_equal(exceptions_open(jws.data, jws.len, keys, DEVICE, &got, &err), -1);
	assert_non_null(strstr(err.msg, "which is no online key of the pinned key set"));
	assert_null(got);
}

static void names_the_exception_that_is_wrong(void **state)
{
	struct exceptions want = {.device = DEVICE, .serial = 3, .until = 1798000000};
	struct exceptions *got = NULL;
	struct exception_item items[2] = {item, item};
	struct err err = {0};
	char *text;

	(void)state;
	text_copy(items[1].control, sizeof(items[1].control), "Odd one");
	want.items = items;
	want.count = 2;
	exceptions_encode(&want, &json);
	sign(JWS_EXCEPTIONS, online);
	assert_int_equal(exceptions_open(jws.data, jws.len, keys, DEVICE, &got, &err), -1);
	assert_string_equal(err.msg, "exception 2: member 'control': expected at most 31 "
				     "lower-case letters, digits or '-'");
	text = replaced(json.data, "\"until\":", "\"util\":");
	forge_typ(online, "exceptions", text, &jws);
	assert_int_equal(exceptions_open(jws.data, jws.len, keys, DEVICE, &got, &err), -1);
	assert_string_equal(err.msg, "member 'until': missing; expected a time (RFC 3339)");
	assert_null(got);
	free(text);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(pins_a_first_key_set_by_its_thumbprint),
		TEST(finds_out_swapped_keys_at_enrolment),
		TEST(follows_a_successor_signed_by_the_set_before),
		TEST(never_goes_back_to_an_older_key_set),
		TEST(refuses_key_sets_out_of_form),
		TEST(keeps_policy_and_online_keys_apart),
		TEST(opens_an_acknowledgement),
		TEST(opens_an_acknowledgement_of_nothing),
		TEST(takes_acknowledgements_from_an_online_key_alone),
		TEST(refuses_acknowledgements_out_of_form),
		TEST(lets_newer_members_pass),
		TEST(carries_the_largest_documents_there_are),
		TEST(opens_a_policy),
		TEST(opens_exceptions),
		TEST(names_the_exception_that_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
