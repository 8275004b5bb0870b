/* Codes that were read out over the phone, typed on a machine without a network: what opens, and
 * until when.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/phone_machine.h"

static void a_code_opens_its_stick_to_read_after_a_scan_until_the_end_of_its_day(void **state)
{
	char text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];
	const struct gate_rule *rule;
	struct gate_rules *rules;

	(void)state;
	begin();
	look();
	challenge("K7Q2MX", text);
	code_for(text, TODAY, code);
	assert_int_equal(open_until(STICK), 0);
	assert_string_equal(type("ann", code), "opened");
	assert_true(agent.codes.opened);
	restart();
	rules = compiled(&agent);
	rule = rule_for(rules, GATE_RULE_STICK, STICK);
	assert_non_null(rule);
	assert_int_equal(rule->until, (TODAY + 1) * DAY - 1);
	assert_true(rule->open == GATE_OPEN_READ_ONLY && rule->read_only && rule->scanned);
	assert_memory_equal(rule->exception, "code-", 5);
	assert_memory_equal(rule->exception + 5, text, 4);
	assert_null(rule_for(rules, GATE_RULE_STICK, OTHER));
	gate_rules_free(rules);
	assert_int_equal(agent.pending.count, 1);
	assert_string_equal(agent.pending.events[0].type, "phone-code-used");
	assert_non_null(strstr(agent.pending.events[0].data, "\"id\":\"" STICK "\""));
	assert_non_null(strstr(agent.pending.events[0].data, "\"user\":\"ann\""));
	end();
}

static void the_day_is_the_one_on_the_machine_s_wall(void **state)
{
	char text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];

	(void)state;
	begin();
	fake_set_zone(20 * 3600); /* 02:20 of the next day already */
	look();
	challenge("K7Q2MX", text);
	code_for(text, TODAY, code);
	assert_string_equal(type("ann", code), "wrong");
	code_for(text, TODAY + 1, code);
	assert_string_equal(type("ann", code), "opened");
	assert_int_equal(open_until(STICK), (TODAY + 2) * DAY - 1 - 20 * 3600);
	end();
}

static void what_a_code_is_for_is_the_stick_the_machine_the_key_and_the_day(void **state)
{
	char text[PHONE_CHALLENGE_LEN + 1], other[PHONE_CHALLENGE_LEN + 1];
	char code[PHONE_CODE_LEN + 1];
	uint8_t secret[CRYPTO_HASH_SIZE];
	struct crypto_signer *stranger;

	(void)state;
	begin();
	look();
	challenge("K7Q2MX", text);
	challenge("AAAA22", other);
	assert_string_not_equal(text, other);
	code_for(text, TODAY - 1, code);
	assert_string_equal(type("ann", code), "wrong");
	/* Another device, with the same keys. */
	assert_works(phone_secret(online, crypto_signer_key(keystore_current(agent.keys)),
				  "0a0a0a0a-0000-4000-8000-000000000003", secret, &err));
	phone_code_make(secret, text, TODAY, code);
	assert_string_equal(type("ann", code), "wrong");
	/* Another collector. */
	assert_works(crypto_signer_generate(&stranger, &err));
	assert_works(phone_secret(stranger, crypto_signer_key(keystore_current(agent.keys)), DEVICE,
				  secret, &err));
	phone_code_make(secret, text, TODAY, code);
	assert_string_equal(type("ann", code), "wrong");
	crypto_signer_free(stranger);
	/* The other stick's code opens the other one, and not this. */
	code_for(other, TODAY, code);
	assert_string_equal(type("ann", code), "opened");
	assert_int_equal(open_until(STICK), 0);
	assert_int_not_equal(open_until(OTHER), 0);
	/* One that is not plugged in. */
	fake_file_put("/run/hardware.json", SHOWN(REFUSED("AAAA22", OTHER)));
	code_for(text, TODAY, code);
	assert_string_equal(type("ann", code), "wrong");
	end();
}

static void a_code_is_used_once_and_typed_again_it_prolongs_nothing(void **state)
{
	char text[PHONE_CHALLENGE_LEN + 1], again[PHONE_CHALLENGE_LEN + 1];
	char code[PHONE_CODE_LEN + 1];

	(void)state;
	begin();
	look();
	challenge("K7Q2MX", text);
	code_for(text, TODAY + 1, code);
	assert_string_equal(type("ann", code), "opened");
	agent.codes.opened = false;
	restart();
	assert_string_equal(type("ben", code), "opened");
	assert_false(agent.codes.opened);
	assert_int_equal(agent.codes.sticks[0].uses, 1);
	assert_int_equal(agent.pending.count, 1);
	assert_int_equal(agent.codes.person_count, 2);
	assert_int_equal(agent.codes.people[1].tries, 0);
	/* It was shut by the school's own policy meanwhile, and is refused again: the same stick
	 * has another challenge. */
	challenge("K7Q2MX", again);
	assert_string_not_equal(text, again);
	agent.codes.sticks[0].until = agent.now;
	assert_string_equal(type("ann", code), "wrong");
	end();
}

static void the_policy_says_whether_there_are_codes_and_for_how_long(void **state)
{
	static const struct {
		const char *policy;
		int64_t days; /* that it opens for; 0: "none" */
		enum gate_open open;
	} rows[] = {
		{"", 0, 0},
		{"[exceptions]\nphone_code_days = 2\nallowed = no\n", 0, 0},
		{"[exceptions]\nphone_code_days = 2\ncontrols = hardware\n", 0, 0},
		{"[exceptions]\nphone_code_days = 2\nstorage = any\n", 2, GATE_OPEN_READ_ONLY},
		{"[exceptions]\nphone_code_days = 5\nstorage = read-only\n", 4,
		 GATE_OPEN_READ_ONLY},
		{"[exceptions]\nphone_code_days = 2\nstorage = encrypted\n", 2,
		 GATE_OPEN_ENCRYPTED},
		{"[exceptions]\nphone_code_days = 9\nmax_days = 3\n", 3, GATE_OPEN_ENCRYPTED},
		{"[exceptions]\nphone_code_days = 1\n", 1, GATE_OPEN_ENCRYPTED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];
		const struct gate_rule *rule;
		struct gate_rules *rules;

		begin();
		look();
		challenge("K7Q2MX", text);
		code_for(text, TODAY + 3, code);
		read_policy(rows[i].policy);
		assert_string_equal(type("ann", code), rows[i].days ? "opened" : "none");
		rules = compiled(&agent);
		rule = rule_for(rules, GATE_RULE_STICK, STICK);
		assert_true(!rule == !rows[i].days);
		assert_int_equal(agent.codes.answers[0].until,
				 rows[i].days ? (TODAY + rows[i].days) * DAY - 1 : 0);
		if (rule) {
			assert_int_equal(rule->until, (TODAY + rows[i].days) * DAY - 1);
			assert_int_equal(rule->open, rows[i].open);
			assert_true(rule->read_only && rule->scanned);
		}
		gate_rules_free(rules);
		/* A policy that takes codes away takes what they opened. */
		read_policy("");
		assert_int_equal(open_until(STICK), 0);
		end();
	}
}

#define REFUSED_STICK \
	"\"reference\":\"K7Q2MX\",\"verdict\":\"refused\",\"why\":\"not-approved\",\"may_ask\":" \
	"true"

static void only_what_a_code_can_open_has_a_challenge_and_opens(void **state)
{
	static const struct {
		const char *id, *device;
	} none[] = {
		{STICK, "\"reference\":\"K7Q2MX\",\"verdict\":\"open\",\"why\":\"not-approved\","
			"\"may_ask\":true"},
		{STICK,
		 "\"reference\":\"K7Q2MX\",\"verdict\":\"refused\",\"why\":\"not-approved\""},
		{STICK, "\"reference\":\"K7Q2MX\",\"verdict\":\"refused\",\"why\":\"twin-serial\","
			"\"may_ask\":true"},
		{STICK, "\"reference\":\"K7Q\",\"verdict\":\"refused\",\"why\":\"not-approved\","
			"\"may_ask\":true"},
		{"", REFUSED_STICK},
		{"0951:1666", REFUSED_STICK},
		{"0951:1666:*", REFUSED_STICK},
		{"0951:1666:", REFUSED_STICK}, /* no serial number */
	};

	(void)state;
	begin();
	look();
	for (size_t i = 0; i < COUNT(none); i++) {
		char shown[400], text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];
		char account[16];

		snprintf(shown, sizeof(shown), SHOWN("{\"id\":\"%s\",%s}"), none[i].id,
			 none[i].device);
		fake_file_put("/run/hardware.json", shown);
		look();
		if (!strstr(fake_file_text("/run/phone-codes.json"), "\"sticks\":[]"))
			fail_msg("row %zu: %s", i, fake_file_text("/run/phone-codes.json"));
		/* Nor does the code that it would have. */
		phone_challenge(DEVICE, none[i].id, agent.codes.nonce, 0, text);
		code_for(text, TODAY, code);
		snprintf(account, sizeof(account), "person%zu", i);
		assert_string_equal(type(account, code), "wrong");
	}
	assert_false(agent.codes.opened);
	read_policy("");
	agent.codes.answer_count = 0;
	look();
	assert_null(fake_file_text("/run/phone-codes.json"));
	end();
}

static void what_an_approval_would_open_has_a_challenge(void **state)
{
	static const char weak[] = POLICY "weak_serial = ask\n";
	static const struct {
		const char *policy, *id, *why;
	} rows[] = {
		{POLICY, STICK, "not-approved"},   {POLICY, STICK, "not-allowed"},
		{POLICY, STICK, "approval-ended"}, {POLICY, STICK, "clock-unknown"},
		{weak, STICK, "weak-serial"},      {weak, "0951:1666:", "not-approved"},
	};

	(void)state;
	begin();
	for (size_t i = 0; i < COUNT(rows); i++) {
		char shown[400], text[PHONE_CHALLENGE_LEN + 1];

		read_policy(rows[i].policy);
		snprintf(shown, sizeof(shown),
			 SHOWN("{\"reference\":\"K7Q2MX\",\"id\":\"%s\",\"verdict\":\"refused\","
			       "\"why\":\"%s\",\"may_ask\":true}"),
			 rows[i].id, rows[i].why);
		fake_file_put("/run/hardware.json", shown);
		look();
		challenge("K7Q2MX", text);
	}
	end();
}

static void nothing_with_an_end_opens_while_nobody_knows_the_time(void **state)
{
	char text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];

	(void)state;
	begin();
	clock_acked(&agent.state.clock, &agent.clock, FAKE_NOW);
	look();
	challenge("K7Q2MX", text);
	code_for(text, TODAY, code);
	fake_boot();
	fake_set_now(FAKE_NOW - 400 * DAY); /* its battery is flat */
	restart();
	assert_string_equal(type("ann", code), "clock");
	assert_int_equal(agent.codes.person_count, 0); /* no try of hers */
	assert_non_null(strstr(fake_file_text("/run/phone-codes.json"), "\"clock\":false"));
	fake_set_now(FAKE_NOW + 60);
	restart();
	assert_string_equal(type("ann", code), "opened");
	end();
}

static void more_sticks_than_there_is_room_for_make_every_challenge_anew(void **state)
{
	char text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];
	uint8_t nonce[PHONE_NONCE_SIZE];

	(void)state;
	begin();
	look();
	memcpy(nonce, agent.codes.nonce, sizeof(nonce));
	for (unsigned i = 0; i < PHONE_STICKS_MAX; i++) {
		struct phone_stick *stick = &agent.codes.sticks[agent.codes.stick_count++];

		snprintf(stick->id, sizeof(stick->id), "0951:1666:%u", i);
		strcpy(stick->challenge, "2AX1RD73");
		stick->at = agent.now;
		stick->until = agent.now + DAY;
	}
	challenge("K7Q2MX", text);
	code_for(text, TODAY, code);
	assert_string_equal(type("ann", code), "full");
	agent.codes.sticks[7].until = agent.now; /* one ended */
	assert_string_equal(type("ann", code), "opened");
	assert_int_equal(agent.codes.stick_count, PHONE_STICKS_MAX);
	assert_memory_not_equal(agent.codes.nonce, nonce, sizeof(nonce));
	end();
}

static void the_successor_of_a_key_answers_as_well(void **state)
{
	char text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];
	uint8_t secret[CRYPTO_HASH_SIZE];

	(void)state;
	begin();
	assert_works(keystore_make_next(agent.keys, &err));
	look();
	challenge("K7Q2MX", text);
	assert_works(phone_secret(online, crypto_signer_key(keystore_next(agent.keys)), DEVICE,
				  secret, &err));
	phone_code_make(secret, text, TODAY, code);
	assert_string_equal(type("ann", code), "opened");
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_code_opens_its_stick_to_read_after_a_scan_until_the_end_of_its_day),
		cmocka_unit_test(the_day_is_the_one_on_the_machine_s_wall),
		cmocka_unit_test(what_a_code_is_for_is_the_stick_the_machine_the_key_and_the_day),
		cmocka_unit_test(a_code_is_used_once_and_typed_again_it_prolongs_nothing),
		cmocka_unit_test(the_policy_says_whether_there_are_codes_and_for_how_long),
		cmocka_unit_test(only_what_a_code_can_open_has_a_challenge_and_opens),
		cmocka_unit_test(what_an_approval_would_open_has_a_challenge),
		cmocka_unit_test(nothing_with_an_end_opens_while_nobody_knows_the_time),
		cmocka_unit_test(more_sticks_than_there_is_room_for_make_every_challenge_anew),
		cmocka_unit_test(the_successor_of_a_key_answers_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
