/* One-time codes over the phone.  The vectors were made by another implementation (Python, with
 * cryptography's ECDH and HKDF).
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include "agent/proto/phone_code.h"

#define TODAY INT64_C(20779) /* 2026-11-22 */
#define STICK "0951:1666:60A44C41"

/* The private keys are 11...11 and 22...22. */
static const char device_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgERERERERERERERER\n"
	"ERERERERERERERERERERERERERGhRANCAAQCF+YX8LZEOSgnj5aZnmmiOk8sFSvf\n"
	"bWzfZuW4AoLU7RlKfevLl3EtLdo8qFqodlpW9F/HWFmWUvKJfGUwbleU\n"
	"-----END PRIVATE KEY-----\n";
static const char online_pem[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIiIiIiIiIiIiIiIi\n"
	"IiIiIiIiIiIiIiIiIiIiIiIiIiKhRANCAATWWpOXfKo9GwgYUv9Xp55GXxZgV3ME\n"
	"uurVBd06SFic81AYXolTct9iIeo6E3VX5HP922dV8FvVB8PFM/zpyRKF\n"
	"-----END PRIVATE KEY-----\n";
static const char secret_hex[] = "4c8e900523bb062b47b22bbc37a7b251a69e386e1d55ec8c43a138a12022651a";

static uint8_t secret[CRYPTO_HASH_SIZE], nonce[PHONE_NONCE_SIZE];

static int begin(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(nonce); i++)
		nonce[i] = (uint8_t)i;
	return text_hex_decode(secret_hex, secret, sizeof(secret));
}

static struct crypto_signer *signer(const char *pem)
{
	struct crypto_signer *out = NULL;
	struct err err;

	if (crypto_signer_from_pem(pem, strlen(pem), &out, &err) < 0)
		fail_msg("%s", err.msg);
	return out;
}

static void both_sides_agree_on_the_secret_of_the_vector(void **state)
{
	struct crypto_signer *device = signer(device_pem), *online = signer(online_pem);
	uint8_t one[CRYPTO_HASH_SIZE], other[CRYPTO_HASH_SIZE];
	struct err err;

	(void)state;
	assert_int_equal(phone_secret(device, crypto_signer_key(online), DEVICE, one, &err), 0);
	assert_int_equal(phone_secret(online, crypto_signer_key(device), DEVICE, other, &err), 0);
	assert_memory_equal(one, secret, sizeof(secret));
	assert_memory_equal(other, secret, sizeof(secret));
	/* Another device's is another, with the same keys: a disk that was cloned. */
	assert_int_equal(phone_secret(device, crypto_signer_key(online), OTHER_DEVICE, one, &err),
			 0);
	assert_memory_not_equal(one, secret, sizeof(secret));
	crypto_signer_free(device);
	crypto_signer_free(online);
}

static void challenges_and_codes_are_those_of_the_vectors(void **state)
{
	static const struct {
		const char *stick;
		unsigned uses;
		const char *challenge;
		struct {
			int64_t day;
			const char *code;
		} codes[3];
	} rows[] = {
		{STICK,
		 0,
		 "2AX1RD73",
		 {{20779, "BDAQX4YHT5G5"}, {20780, "C1ESJQSMM6J6"}, {0, "0KPN9TZAPRXX"}}},
		{STICK,
		 1,
		 "VD3A5PDD",
		 {{20779, "BT9YXT1JGRVA"}, {20780, "CR4Z1REQWZQJ"}, {0, "0ZG3K6C7YYX6"}}},
		{"46f4:0001:",
		 0,
		 "MC3HBX82",
		 {{20779, "B93NMVX13QW6"}, {20780, "CE2ADC0QZTZ8"}, {0, "0WJ88CQJKR4F"}}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char challenge[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];

		phone_challenge(DEVICE, rows[i].stick, nonce, rows[i].uses, challenge);
		assert_string_equal(challenge, rows[i].challenge);
		for (size_t k = 0; k < COUNT(rows[i].codes); k++) {
			phone_code_make(secret, challenge, rows[i].codes[k].day, code);
			assert_string_equal(code, rows[i].codes[k].code);
		}
	}
}

static void a_code_holds_from_any_day_before_its_end_for_its_challenge_alone(void **state)
{
	static const struct {
		const char *challenge;
		int64_t day, today; /* of the code; typed on */
		bool holds;
	} rows[] = {
		{"2AX1RD73", TODAY, TODAY, true},
		{"2AX1RD73", TODAY + 1, TODAY, true},
		{"2AX1RD73", TODAY + PHONE_DAYS_MAX - 1, TODAY, true},
		{"2AX1RD73", TODAY + PHONE_DAYS_MAX, TODAY, false},
		{"2AX1RD73", TODAY - 1, TODAY, false},  /* ended */
		{"2AX1RD73", TODAY + 32, TODAY, false}, /* the same character */
		{"2AX1RD73", TODAY - 32, TODAY, false},
		{"VD3A5PDD", TODAY, TODAY, false},
		{"2AX1RD73", TODAY, -1, false}, /* a clock before 1970 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char code[PHONE_CODE_LEN + 1];
		int64_t day = 7;

		phone_code_make(secret, "2AX1RD73", rows[i].day, code);
		if (phone_code_holds(secret, rows[i].challenge, code, rows[i].today, &day) !=
		    rows[i].holds)
			fail_msg("row %zu: %s", i, rows[i].holds ? "does not hold" : "holds");
		assert_int_equal(day, rows[i].holds ? rows[i].day : 7);
	}
}

static void every_character_of_a_code_counts(void **state)
{
	static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	int64_t day = 0;

	(void)state;
	for (size_t i = 0; i < PHONE_CODE_LEN; i++) {
		for (size_t k = 0; k < 32; k++) {
			char code[] = "BDAQX4YHT5G5";

			if (code[i] == letters[k])
				continue;
			code[i] = letters[k];
			assert_false(phone_code_holds(secret, "2AX1RD73", code, TODAY, &day));
		}
	}
	assert_false(phone_code_holds(secret, "2AX1RD73", "", TODAY, &day));
	assert_true(phone_code_holds(secret, "2AX1RD73", "BDAQX4YHT5G5", TODAY, &day));
}

static void what_is_typed_is_read_as_it_is_said_and_a_slip_is_found(void **state)
{
	static const struct {
		const char *typed;
		size_t len;
		const char *plain; /* NULL: refused with 'why' */
		const char *why;
	} rows[] = {
		{"2AX1-RD73", 8, "2AX1RD73", NULL},
		{" 2axi rd73 ", 8, "2AX1RD73", NULL},
		{"2AXL-RD73", 8, "2AX1RD73", NULL},
		{"BDAQ-X4YH-T5G5", 12, "BDAQX4YHT5G5", NULL},
		{"okpn-9tza-prxx", 12, "0KPN9TZAPRXX", NULL},
		{"2AX1-RD7", 8, NULL, "a typing error: it has 7 characters, not 8"},
		{"2AX1-RD733", 8, NULL, "a typing error: it has more than 8 characters"},
		{"2AX1-RD7U", 8, NULL,
		 "a typing error: no such letter is ever used in it (there are digits and "
		 "letters, but no U)"},
		{"2AX1-RD7\xc3\xa9", 8, NULL,
		 "a typing error: no such letter is ever used in it (there are digits and "
		 "letters, but no U)"},
		{"", 8, NULL, "a typing error: it has 0 characters, not 8"},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[PHONE_CODE_LEN + 1] = "?";
		int ret = phone_text_read(rows[i].typed, rows[i].len, out, &err);

		assert_int_equal(ret, rows[i].plain ? 0 : -1);
		assert_string_equal(out, rows[i].plain ? rows[i].plain : "?");
		if (rows[i].why)
			assert_string_equal(err.msg, rows[i].why);
	}
}

static void one_wrong_character_or_two_that_changed_places_are_a_typing_error(void **state)
{
	static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", good[] = "BDAQX4YHT5G5";
	char out[PHONE_CODE_LEN + 1], typed[sizeof(good)];
	struct err err;

	(void)state;
	for (size_t i = 0; i < PHONE_CODE_LEN; i++) {
		for (size_t k = 0; k < 32; k++) {
			memcpy(typed, good, sizeof(good));
			typed[i] = letters[k];
			assert_int_equal(phone_text_read(typed, PHONE_CODE_LEN, out, &err),
					 letters[k] == good[i] ? 0 : -1);
		}
		for (size_t k = 0; k < i; k++) {
			memcpy(typed, good, sizeof(good));
			typed[i] = good[k];
			typed[k] = good[i];
			assert_int_equal(phone_text_read(typed, PHONE_CODE_LEN, out, &err),
					 good[i] == good[k] ? 0 : -1);
		}
	}
}

static void both_are_shown_in_groups_of_four(void **state)
{
	char shown[PHONE_SHOWN];

	(void)state;
	phone_text_show("2AX1RD73", shown);
	assert_string_equal(shown, "2AX1-RD73");
	phone_text_show("BDAQX4YHT5G5", shown);
	assert_string_equal(shown, "BDAQ-X4YH-T5G5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_agree_on_the_secret_of_the_vector),
		cmocka_unit_test(challenges_and_codes_are_those_of_the_vectors),
		cmocka_unit_test(a_code_holds_from_any_day_before_its_end_for_its_challenge_alone),
		cmocka_unit_test(every_character_of_a_code_counts),
		cmocka_unit_test(what_is_typed_is_read_as_it_is_said_and_a_slip_is_found),
		cmocka_unit_test(one_wrong_character_or_two_that_changed_places_are_a_typing_error),
		cmocka_unit_test(both_are_shown_in_groups_of_four),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
