/* The collector's certificates, its data directory and the chain of key sets: pki_openssl.c,
 * identity.c, succession.c.  Real files below a temporary folder.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include "platform/os.h"
#include "tools/collector/identity.h"
#include "tools/collector/pki.h"
#include "tools/collector/succession.h"

#include <unistd.h>

#define NOW 1795305600 /* 2026-11-22 */
#define DAY 86400

static char dir[64];

static int in_a_folder(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/caretaker-pki-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_entry(void *ctx, const char *name, struct err *err)
{
	char path[IDENTITY_PATH];

	(void)ctx;
	return identity_path(dir, name, path, err) || plat_file_remove(path, err) ? -1 : 0;
}

static int out_of_it(void **state)
{
	struct err err;

	(void)state;
	return plat_dir_list(dir, remove_entry, NULL, &err) || rmdir(dir) ? -1 : 0;
}

static void make(void)
{
	struct identity_plan plan = {.title = "Hill School", .now = NOW};
	struct err err = {0};

	if (pki_names_add(&plan.names, "collector.hill.example", &err) ||
	    pki_names_add(&plan.names, "::1", &err) || identity_make(dir, &plan, &err))
		fail_msg("%s", err.msg);
}

static struct identity *opened(void)
{
	struct identity *identity = NULL;
	struct err err = {0};

	if (identity_open(dir, &identity, &err))
		fail_msg("%s", err.msg);
	return identity;
}

/* --- names --- */

static void takes_names_and_addresses_only(void **state)
{
	static const char *const good[] = {"a",
					   "collector.school.example",
					   "10.0.0.7",
					   "::1",
					   "[2001:db8::1]",
					   "xn--hill-0ra.example"};
	static const char *const bad[] = {"",           "a b",  "a,DNS:b", "10.0.0.999", "-a",
					  "a-.example", "a..b", "*",       "a/b",        "::g"};
	struct pki_names names = {0};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (pki_names_add(&names, good[i], &err))
			fail_msg("'%s': %s", good[i], err.msg);
	assert_int_equal(names.count, COUNT(good));
	assert_string_equal(names.text[4], "2001:db8::1");
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (!pki_names_add(&names, bad[i], &err))
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(err.msg, "is no host name and no IP address"));
	}
	assert_int_equal(names.count, COUNT(good));
	assert_int_equal(pki_names_add(&names, "a", &err), 0);
	assert_int_equal(names.count, COUNT(good)); /* once */
}

/* --- certificates --- */

static void read_server(struct pki_info *out, struct buf *pem)
{
	char path[IDENTITY_PATH];
	struct err err = {0};

	memset(out, 0, sizeof(*out));
	buf_init(pem, PKI_MAX_PEM + 1);
	if (identity_path(dir, "server.pem", path, &err) ||
	    plat_file_read(path, PKI_MAX_PEM, pem, &err) || pki_read(buf_text(pem), out, &err))
		fail_msg("%s", err.msg);
}

static void a_server_certificate_is_back_dated_and_names_all(void **state)
{
	struct pki_info info;
	struct err err = {0};
	struct buf pem;

	(void)state;
	make();
	read_server(&info, &pem);
	assert_true(info.not_before <= NOW - 300 * DAY);
	assert_true(info.not_after >= NOW + 300 * DAY);
	assert_true(info.not_after - info.not_before <= 825 * DAY);
	assert_int_equal(info.names.count, 2);
	assert_string_equal(info.names.text[0], "collector.hill.example");
	assert_int_equal(info.chain_count, 2);
	assert_false(info.self_issued);
	assert_int_equal(pki_check(buf_text(&pem), buf_text(&pem), &err), 0);
	buf_clear(&pem);
}

static void a_key_that_is_not_the_certificates_is_found(void **state)
{
	struct pki_names names = {.count = 1, .text = {"a"}};
	struct buf ca_key, ca, key, cert, other_key, other_cert;
	struct err err = {0};

	(void)state;
	buf_init(&ca_key, 0);
	buf_init(&ca, 0);
	buf_init(&key, 0);
	buf_init(&cert, 0);
	buf_init(&other_key, 0);
	buf_init(&other_cert, 0);
	assert_int_equal(pki_ca_new("x", NOW, &ca_key, &ca, &err), 0);
	assert_int_equal(pki_ca_new("y", NOW, &other_key, &other_cert, &err), 0);
	assert_int_equal(
		pki_server_new(buf_text(&ca_key), buf_text(&ca), &names, NOW, &key, &cert, &err),
		0);
	assert_int_equal(pki_check(buf_text(&cert), buf_text(&key), &err), 0);
	assert_int_equal(pki_check(buf_text(&cert), buf_text(&other_key), &err), -1);
	assert_string_equal(err.msg, "the key does not belong to the first certificate");
	assert_int_equal(
		pki_server_new(buf_text(&other_key), buf_text(&ca), &names, NOW, &key, &cert, &err),
		-1);
	assert_string_equal(err.msg, "the CA's key does not belong to its certificate");
	/* A chain in the wrong order. */
	buf_reset(&cert);
	buf_add(&cert, ca.data, ca.len);
	buf_add(&cert, other_cert.data, other_cert.len);
	assert_int_equal(pki_check(buf_text(&cert), buf_text(&ca_key), &err), -1);
	assert_non_null(strstr(err.msg, "certificate 2 of the file did not sign certificate 1"));
	buf_clear(&ca_key);
	buf_clear(&ca);
	buf_clear(&key);
	buf_clear(&cert);
	buf_clear(&other_key);
	buf_clear(&other_cert);
}

static void a_server_certificate_is_renewed_before_its_end_under_the_same_ca(void **state)
{
	uint8_t before[PKI_HASH_SIZE], after[PKI_HASH_SIZE];
	struct pki_info first, second;
	struct err err = {0};
	struct buf pem;
	bool renewed = true;

	(void)state;
	make();
	read_server(&first, &pem);
	assert_int_equal(pki_last_sha256(buf_text(&pem), before, &err), 0);
	buf_clear(&pem);
	assert_int_equal(identity_server_renew(dir, NULL, false, NOW + 200 * DAY, &renewed, &err),
			 0);
	assert_false(renewed);
	assert_int_equal(identity_server_renew(dir, NULL, false, NOW + 320 * DAY, &renewed, &err),
			 0);
	assert_true(renewed);
	read_server(&second, &pem);
	assert_int_equal(pki_last_sha256(buf_text(&pem), after, &err), 0);
	buf_clear(&pem);
	assert_memory_equal(before, after, sizeof(before)); /* what devices pin */
	assert_true(second.not_after > first.not_after);
	assert_int_equal(second.names.count, first.names.count);
}

static void renewal_without_the_cas_key_says_to_put_it_back(void **state)
{
	struct err err = {0};
	bool renewed = false;

	(void)state;
	make();
	assert_int_equal(remove_entry(NULL, "ca.key", &err), 0);
	assert_int_equal(identity_server_renew(dir, NULL, true, NOW, &renewed, &err), -1);
	assert_non_null(strstr(err.msg, "put it back while it is renewed"));
	assert_false(renewed);
}

/* --- the chain of key sets --- */

static struct crypto_signer *signer_of(const char *name)
{
	struct crypto_signer *signer = NULL;
	char path[IDENTITY_PATH];
	struct err err = {0};

	if (identity_path(dir, name, path, &err) || identity_signer_load(path, &signer, &err))
		fail_msg("%s", err.msg);
	return signer;
}

static int append(const struct keys *keys, const struct crypto_signer *by, struct err *err)
{
	struct buf jws;
	int ret;

	buf_init(&jws, 0);
	if (identity_keys_sign(keys, by, &jws, err))
		fail_msg("%s", err->msg);
	ret = identity_keys_append(dir, "", buf_text(&jws), err);
	buf_clear(&jws);
	return ret;
}

/* Sets 1 (K1), 2 (K1, K2 by K1), 3 (K2 by K2): a policy key's rotation. */
static struct crypto_signer *rotate_policy(void)
{
	struct crypto_signer *old = signer_of("policy.key"), *next = new_signer();
	struct identity *identity = opened();
	struct err err = {0};
	struct keys in, out;

	succession_next(identity_keys(identity, ""), 0, NOW, &in);
	if (succession_add_policy(&in, crypto_signer_key(next), &err) || append(&in, old, &err))
		fail_msg("%s", err.msg);
	succession_next(&in, 0, NOW, &out);
	succession_only_policy(&out, kid_of(next));
	if (append(&out, next, &err))
		fail_msg("%s", err.msg);
	crypto_signer_free(old);
	identity_free(identity);
	return next;
}

static void a_device_that_slept_through_a_rotation_is_led_to_the_newest_set(void **state)
{
	struct crypto_signer *next;
	struct identity *identity;
	struct keys *at = NULL, *to = NULL;
	struct err err = {0};
	const char *jws;

	(void)state;
	make();
	next = rotate_policy();
	identity = opened();
	identity_set_at(identity, "", 0, &jws, NULL);
	assert_int_equal(keys_open_pinned(jws, strlen(jws), &at, &err), 0);
	/* As a device does: each set must follow from the one it has. */
	for (int64_t want = 2; want <= 3; want++) {
		jws = identity_keys_next(identity, "", at->serial);
		assert_non_null(jws);
		if (keys_open_next(jws, strlen(jws), at, &to, &err))
			fail_msg("%s", err.msg);
		assert_int_equal(to->serial, want);
		keys_free(at);
		at = to;
	}
	assert_null(identity_keys_next(identity, "", at->serial));
	keys_free(at);
	crypto_signer_free(next);
	identity_free(identity);
}

static void a_code_of_before_and_one_of_after_a_rotation_both_open(void **state)
{
	struct crypto_signer *old, *next;
	struct identity *identity;
	struct keys *keys = NULL;
	struct err err = {0};
	const char *jws;

	(void)state;
	make();
	old = signer_of("policy.key");
	next = rotate_policy();
	identity = opened();
	jws = identity_keys_first(identity, "", kid_of(old));
	assert_int_equal(keys_open_first(jws, strlen(jws), kid_of(old), &keys, &err), 0);
	assert_int_equal(keys->serial, 2);
	keys_free(keys);
	jws = identity_keys_first(identity, "", kid_of(next));
	assert_int_equal(keys_open_first(jws, strlen(jws), kid_of(next), &keys, &err), 0);
	assert_int_equal(keys->serial, 3);
	keys_free(keys);
	assert_null(identity_keys_first(identity, "", "nobody"));
	crypto_signer_free(old);
	crypto_signer_free(next);
	identity_free(identity);
}

static void a_set_by_a_stranger_or_with_a_lower_serial_is_not_appended(void **state)
{
	struct crypto_signer *stranger = new_signer(), *policy;
	struct identity *identity;
	struct err err = {0};
	struct keys keys;

	(void)state;
	make();
	policy = signer_of("policy.key");
	identity = opened();
	succession_next(identity_keys(identity, ""), 0, NOW, &keys);
	assert_int_equal(append(&keys, stranger, &err), -1);
	keys.serial = 1;
	assert_int_equal(append(&keys, policy, &err), -1);
	assert_false(identity_changed(identity)); /* nothing was written */
	keys.serial = 2;
	assert_int_equal(append(&keys, policy, &err), 0);
	assert_true(identity_changed(identity));
	crypto_signer_free(stranger);
	crypto_signer_free(policy);
	identity_free(identity);
}

static void answers_by_the_online_key_that_the_device_believes(void **state)
{
	struct crypto_signer *policy, *first, *next = new_signer();
	struct identity *identity;
	struct err err = {0};
	struct keys keys;

	(void)state;
	make();
	policy = signer_of("policy.key");
	first = signer_of("online.key");
	identity = opened();
	succession_next(identity_keys(identity, ""), 0, NOW, &keys);
	keys.online_count = 0; /* stolen: it goes at once */
	assert_int_equal(succession_add_online(&keys, crypto_signer_key(next), &err), 0);
	assert_int_equal(append(&keys, policy, &err), 0);
	assert_int_equal(identity_online_replace(dir, next, &err), 0);
	identity_free(identity);
	identity = opened();
	assert_string_equal(kid_of(identity_signer(identity, "", 1)), kid_of(first));
	assert_string_equal(kid_of(identity_signer(identity, "", 2)), kid_of(next));
	assert_string_equal(kid_of(identity_signer(identity, "", 0)), kid_of(first));
	/* A set that a lost collector made after the backup that we are: the newest we have. */
	assert_string_equal(kid_of(identity_signer(identity, "", 9)), kid_of(next));
	assert_null(identity_signer(identity, "unknown-chain", 1));
	identity_free(identity);
	crypto_signer_free(policy);
	crypto_signer_free(first);
	crypto_signer_free(next);
}

static void a_draft_is_signed_elsewhere_and_taken_back(void **state)
{
	struct crypto_signer *policy, *stranger = new_signer();
	struct identity *identity;
	struct buf draft, sets;
	struct err err = {0};
	struct keys keys;
	unsigned count = 9;

	(void)state;
	make();
	policy = signer_of("policy.key");
	identity = opened();
	buf_init(&draft, 0);
	buf_init(&sets, 0);
	succession_next(identity_keys(identity, ""), 0, NOW, &keys);
	assert_int_equal(succession_draft("", &keys, &draft, &err), 0);
	assert_int_equal(succession_sign(buf_text(&draft), stranger, &sets, &err), 0);
	assert_int_equal(succession_take(dir, buf_text(&sets), &count, &err), -1);
	assert_int_equal(count, 0);
	buf_reset(&sets);
	assert_int_equal(succession_sign(buf_text(&draft), policy, &sets, &err), 0);
	assert_int_equal(succession_take(dir, buf_text(&sets), &count, &err), 0);
	assert_int_equal(count, 1);
	/* What is no key set is not signed as one. */
	buf_reset(&sets);
	assert_int_equal(
		succession_sign("{\"chain\":\"\",\"payload\":\"e30\"}", policy, &sets, &err), -1);
	assert_non_null(strstr(err.msg, "line 1"));
	assert_int_equal(sets.len, 0);
	buf_clear(&draft);
	buf_clear(&sets);
	crypto_signer_free(policy);
	crypto_signer_free(stranger);
	identity_free(identity);
}

static void refuses_a_folder_without_a_collector_and_one_with(void **state)
{
	struct identity_plan plan = {.title = "x", .now = NOW};
	struct identity *identity = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(identity_open(dir, &identity, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "make one with \"caretaker-collector init\""));
	assert_null(identity);
	make();
	assert_int_equal(identity_make(dir, &plan, &err), -1);
	assert_non_null(strstr(err.msg, "nothing was changed"));
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, in_a_folder, out_of_it)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_names_and_addresses_only),
		cmocka_unit_test(a_key_that_is_not_the_certificates_is_found),
		IN_A_FOLDER(a_server_certificate_is_back_dated_and_names_all),
		IN_A_FOLDER(a_server_certificate_is_renewed_before_its_end_under_the_same_ca),
		IN_A_FOLDER(renewal_without_the_cas_key_says_to_put_it_back),
		IN_A_FOLDER(a_device_that_slept_through_a_rotation_is_led_to_the_newest_set),
		IN_A_FOLDER(a_code_of_before_and_one_of_after_a_rotation_both_open),
		IN_A_FOLDER(a_set_by_a_stranger_or_with_a_lower_serial_is_not_appended),
		IN_A_FOLDER(answers_by_the_online_key_that_the_device_believes),
		IN_A_FOLDER(a_draft_is_signed_elsewhere_and_taken_back),
		IN_A_FOLDER(refuses_a_folder_without_a_collector_and_one_with),
	};

	return cmocka_run_group_tests_name("collector_pki", tests, NULL, NULL);
}
