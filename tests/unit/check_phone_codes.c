/* Codes that were read out over the phone, typed on a machine without a network.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/check/agent.h"
#include "agent/check/gate_rules.h"
#include "agent/check/hardware_asks.h"
#include "agent/check/keystore.h"
#include "agent/gate/rules.h"
#include "agent/policy/policy.h"
#include "platform/fake/fake_ask.h"
#include "platform/fake/fake_gate.h"
#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_os.h"

#include <stdlib.h>

#define DEVICE "0a0a0a0a-0000-4000-8000-000000000002"
#define DAY INT64_C(86400)
#define TODAY (FAKE_NOW / DAY)
#define STICK "0951:1666:60A4"
#define OTHER "0951:1666:77B0"
#define POLICY \
	"[privacy]\nusers = name\n[exceptions]\nphone_code_days = 2\nstorage = any\n" \
	"[removable-storage]\nmode = enforce\n"
#define REFUSED(reference, id) \
	"{\"reference\":\"" reference "\",\"id\":\"" id "\",\"kind\":\"storage\"," \
	"\"maker\":\"Kingston\",\"verdict\":\"refused\",\"why\":\"not-approved\",\"may_ask\":" \
	"true}"
#define SHOWN(devices) "{\"v\":1,\"at\":1,\"devices\":[" devices "]}"

static struct agent agent;
static struct crypto_signer *online; /* the collector's */

static void read_policy(const char *text)
{
	policy_free(agent.trust.policy);
	agent.trust.policy = NULL;
	assert_works(policy_parse("p", text, strlen(text), &agent.trust.policy, &err));
}

static void begin(void)
{
	fake_reset();
	fake_machine_reset();
	fake_ask_count = 0;
	memset(&fake_gate, 0, sizeof(fake_gate));
	memset(&agent, 0, sizeof(agent));
	assert_works(places_init(&agent.places, "/conf", "/state", "/run", &err));
	assert_works(places_make(&agent.places, &err));
	read_policy(POLICY);
	strcpy(agent.identity.device, DEVICE);
	assert_works(keystore_open(&agent.places, &agent.keys, &err));
	assert_works(keystore_make(agent.keys, &err));
	assert_works(crypto_signer_generate(&online, &err));
	agent.trust.keys = calloc(1, sizeof(*agent.trust.keys));
	agent.trust.keys->online_count = 1;
	assert_works(crypto_key_new(crypto_key_point(crypto_signer_key(online)),
				    &agent.trust.keys->online[0], &err));
	fake_file_put("/run/hardware.json",
		      SHOWN(REFUSED("K7Q2MX", STICK) "," REFUSED("AAAA22", OTHER)));
	pending_init(&agent.pending);
	agent_tick(&agent);
}

static void end(void)
{
	policy_free(agent.trust.policy);
	keys_free(agent.trust.keys);
	keystore_close(agent.keys);
	pending_clear(&agent.pending);
	crypto_signer_free(online);
}

/* The program ends and is started again. */
static void restart(void)
{
	agent_tick(&agent);
	assert_works(phone_codes_load(&agent.places, &agent.codes, &err));
}

/* What 'caretaker hardware' shows of a stick, without its groups. */
static void challenge(const char *reference, char out[PHONE_CHALLENGE_LEN + 1])
{
	const char *text = fake_file_text("/run/phone-codes.json"), *at;
	char wanted[64];

	assert_non_null(text);
	snprintf(wanted, sizeof(wanted), "\"reference\":\"%s\",\"challenge\":\"", reference);
	at = strstr(text, wanted);
	if (!at) {
		fail_msg("no challenge for %s in %s", reference, text);
		return;
	}
	at += strlen(wanted);
	assert_int_equal(at[4], '-');
	memcpy(out, at, 4);
	memcpy(out + 4, at + 5, 4);
	out[8] = '\0';
}

/* What the collector would read out. */
static void code_for(const char *text, int64_t day, char out[PHONE_CODE_LEN + 1])
{
	uint8_t secret[CRYPTO_HASH_SIZE];

	assert_works(phone_secret(online, crypto_signer_key(keystore_current(agent.keys)), DEVICE,
				  secret, &err));
	phone_code_make(secret, text, day, out);
}

static void leave(const char *account, const char *code)
{
	struct fake_ask *to = &fake_asks[fake_ask_count++];
	struct ask_code ask;

	assert_true(fake_ask_count <= FAKE_ASKS);
	memset(&ask, 0, sizeof(ask));
	strcpy(ask.code, code);
	snprintf(ask.ticket, sizeof(ask.ticket), "%016x", fake_ask_count);
	memset(to, 0, sizeof(*to));
	to->account = account;
	assert_works(ask_code_encode(&ask, to->frame, &err));
	to->len = ASK_SIZE;
}

/* Types the code; what it was answered. */
static const char *type(const char *account, const char *code)
{
	bool any;

	fake_ask_count = 0;
	leave(account, code);
	assert_works(hardware_asks_take(&agent, &any, &err));
	assert_false(any);
	assert_true(fake_asks[0].removed);
	assert_non_null(strstr(fake_file_text("/run/phone-codes.json"), "\"ticket\":"));
	return agent.codes.answers[agent.codes.answer_count - 1].answer;
}

static void look(void)
{
	bool any;

	assert_works(hardware_asks_take(&agent, &any, &err));
}

static const struct gate_rule *rule_of(const struct gate_rules *rules, const char *id)
{
	for (size_t i = 0; i < rules->rule_count; i++)
		if (rules->rules[i].kind == GATE_RULE_STICK &&
		    strcmp(rules->rules[i].what, id) == 0)
			return &rules->rules[i];
	return NULL;
}

static struct gate_rules *compiled(void)
{
	struct gate_rules *rules = NULL;
	struct buf text;

	buf_init(&text, GATE_RULES_MAX);
	assert_works(gate_rules_compile(&agent, agent.trust.policy, false, &text, &err));
	assert_works(gate_rules_parse(text.data, text.len, &rules, &err));
	buf_clear(&text);
	return rules;
}

/* When the gate shuts that stick again; 0: it has no rule for it. */
static int64_t open_until(const char *id)
{
	struct gate_rules *rules = compiled();
	const struct gate_rule *rule = rule_of(rules, id);
	int64_t until = rule ? rule->until : 0;

	gate_rules_free(rules);
	return until;
}

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
	rules = compiled();
	rule = rule_of(rules, STICK);
	assert_non_null(rule);
	assert_int_equal(rule->until, (TODAY + 1) * DAY - 1);
	assert_true(rule->open == GATE_OPEN_READ_ONLY && rule->read_only && rule->scanned);
	assert_memory_equal(rule->exception, "code-", 5);
	assert_memory_equal(rule->exception + 5, text, 4);
	assert_null(rule_of(rules, OTHER));
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

static void five_wrong_ones_of_a_person_and_that_person_rests_through_restarts(void **state)
{
	char text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];
	char bad[PHONE_CODE_LEN + 1];

	(void)state;
	begin();
	look();
	challenge("K7Q2MX", text);
	code_for(text, TODAY, code);
	code_for("00000000", TODAY, bad);
	for (unsigned i = 1; i <= PHONE_TRIES; i++) {
		assert_string_equal(type("ann", bad), "wrong");
		assert_int_equal(agent.codes.answers[agent.codes.answer_count - 1].left,
				 PHONE_TRIES - i);
		restart();
	}
	assert_int_equal(agent.pending.count, 2); /* four that were wrong, and too many */
	assert_int_equal(agent.pending.events[0].count, PHONE_TRIES - 1);
	assert_non_null(strstr(agent.pending.events[1].data, "\"too-many\""));
	assert_string_equal(type("ann", code), "wait");
	assert_int_equal(agent.codes.answers[agent.codes.answer_count - 1].wait_s, PHONE_WAIT_S);
	fake_advance(PHONE_WAIT_S - 1);
	restart();
	assert_string_equal(type("ann", code), "wait");
	/* Nobody else waits for ann. */
	assert_string_equal(type("ben", bad), "wrong");
	fake_advance(1);
	restart();
	assert_string_equal(type("ann", code), "opened");
	end();
}

static void codes_that_are_typed_at_once_are_each_answered(void **state)
{
	char bad[PHONE_CODE_LEN + 1];

	(void)state;
	begin();
	look();
	code_for("00000000", TODAY, bad);
	for (unsigned i = 0; i < PHONE_TRIES + 1; i++)
		leave("ann", bad);
	look();
	assert_int_equal(agent.codes.answer_count, PHONE_TRIES + 1);
	assert_string_equal(agent.codes.answers[PHONE_TRIES - 1].answer, "wrong");
	assert_string_equal(agent.codes.answers[PHONE_TRIES].answer, "wait");
	for (unsigned i = 0; i < PHONE_TRIES + 1; i++)
		assert_true(fake_asks[i].removed);
	end();
}

static void a_clock_that_is_put_right_makes_nobody_wait_for_years(void **state)
{
	char bad[PHONE_CODE_LEN + 1];

	(void)state;
	begin();
	look();
	code_for("00000000", TODAY, bad);
	for (unsigned i = 1; i <= PHONE_TRIES; i++)
		assert_string_equal(type("ann", bad), "wrong");
	agent.codes.people[0].at += 70 * 365 * DAY;
	assert_string_equal(type("ann", bad), "wait");
	fake_advance(PHONE_WAIT_S);
	agent_tick(&agent);
	assert_string_equal(type("ann", bad), "wrong");
	end();
}

static void a_try_that_cannot_be_kept_is_not_looked_at(void **state)
{
	char text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];
	struct err full = {ERR_NONE, ""};
	bool any;

	(void)state;
	begin();
	look();
	challenge("K7Q2MX", text);
	code_for(text, TODAY, code);
	leave("ann", code);
	fake_fail_changes(0, ERR_FULL);
	assert_int_equal(hardware_asks_take(&agent, &any, &full), -1);
	fake_fail_changes(0, ERR_NONE);
	assert_int_equal(full.code, ERR_FULL);
	assert_false(fake_asks[0].removed);
	assert_false(agent.codes.opened);
	restart();
	look(); /* it is still there */
	assert_true(fake_asks[0].removed);
	assert_int_not_equal(open_until(STICK), 0);
	end();
}

/* Killed at any change of a file, a code that was typed opens once and no try is lost. */
static void killed_anywhere_a_code_opens_once(void **state)
{
	(void)state;
	for (unsigned at = 0;; at++) {
		char text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];
		struct err killed = {ERR_NONE, ""};
		bool any, hit;

		begin();
		look();
		challenge("K7Q2MX", text);
		code_for(text, TODAY, code);
		leave("ann", code);
		fake_fail_changes(at, ERR_IO);
		(void)hardware_asks_take(&agent, &any, &killed);
		hit = fake_fault_hit();
		fake_fail_changes(0, ERR_NONE);
		pending_clear(&agent.pending);
		assert_true(pending_load(&agent.places, &agent.pending, &killed) == 0 ||
			    killed.code == ERR_NOTFOUND);
		if (!agent.pending.next_id)
			pending_init(&agent.pending);
		restart();
		look();
		assert_int_equal(agent.codes.stick_count, 1);
		assert_int_equal(agent.codes.sticks[0].uses, 1);
		assert_int_not_equal(open_until(STICK), 0);
		assert_int_equal(agent.pending.count, 1);
		end();
		if (!hit)
			break;
		assert_true(at < 20);
	}
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
		rules = compiled();
		rule = rule_of(rules, STICK);
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

static void only_what_a_code_can_open_has_a_challenge(void **state)
{
	static const char *const none[] = {
		"{\"reference\":\"K7Q2MX\",\"id\":\"" STICK
		"\",\"verdict\":\"open\",\"may_ask\":true}",
		"{\"reference\":\"K7Q2MX\",\"id\":\"" STICK
		"\",\"verdict\":\"refused\",\"why\":\"not-approved\"}",
		"{\"reference\":\"K7Q2MX\",\"verdict\":\"refused\",\"why\":\"not-approved\","
		"\"may_ask\":true}",
		"{\"reference\":\"K7Q2MX\",\"id\":\"0951:1666:*\",\"verdict\":\"refused\","
		"\"why\":\"not-approved\",\"may_ask\":true}",
		"{\"reference\":\"K7Q2MX\",\"id\":\"0951:1666:\",\"verdict\":\"refused\","
		"\"why\":\"not-approved\",\"may_ask\":true}",
		"{\"reference\":\"K7Q2MX\",\"id\":\"" STICK
		"\",\"verdict\":\"refused\",\"why\":\"twin-serial\",\"may_ask\":true}",
	};

	(void)state;
	begin();
	for (size_t i = 0; i < COUNT(none); i++) {
		char shown[400];

		snprintf(shown, sizeof(shown), SHOWN("%s"), none[i]);
		fake_file_put("/run/hardware.json", shown);
		look();
		if (!strstr(fake_file_text("/run/phone-codes.json"), "\"sticks\":[]"))
			fail_msg("row %zu: %s", i, fake_file_text("/run/phone-codes.json"));
	}
	read_policy("");
	look();
	assert_null(fake_file_text("/run/phone-codes.json"));
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

static void a_damaged_file_is_set_aside_and_what_was_read_out_holds_no_longer(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{\"v\":1,\"nonce\":\"00\",\"sticks\":[],\"people\":[],\"answers\":[]}",
		"{\"v\":2,\"nonce\":\"\",\"sticks\":[],\"people\":[],\"answers\":[]}",
		"{\"v\":1,\"nonce\":\"\",\"sticks\":[{\"id\":\"a\",\"uses\":1,\"challenge\":"
		"\"2AX1RD74\",\"at\":1,\"until\":2}],\"people\":[],\"answers\":[]}",
		"{\"v\":1,\"nonce\":\"\",\"sticks\":[],\"people\":[{\"account\":\"ann\","
		"\"tries\":6,\"at\":1}],\"answers\":[]}",
	};
	char text[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		begin();
		look();
		challenge("K7Q2MX", text);
		code_for(text, TODAY, code);
		fake_file_put("/state/phone-codes.json", bad[i]);
		restart();
		if (agent.codes.begun || fake_file_text("/state/phone-codes.json"))
			fail_msg("row %zu was taken", i);
		assert_non_null(fake_file_text("/state/phone-codes.json.damaged"));
		look();
		assert_string_equal(type("ann", code), "wrong");
		end();
	}
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
		cmocka_unit_test(
			five_wrong_ones_of_a_person_and_that_person_rests_through_restarts),
		cmocka_unit_test(codes_that_are_typed_at_once_are_each_answered),
		cmocka_unit_test(a_clock_that_is_put_right_makes_nobody_wait_for_years),
		cmocka_unit_test(a_try_that_cannot_be_kept_is_not_looked_at),
		cmocka_unit_test(killed_anywhere_a_code_opens_once),
		cmocka_unit_test(the_policy_says_whether_there_are_codes_and_for_how_long),
		cmocka_unit_test(only_what_a_code_can_open_has_a_challenge),
		cmocka_unit_test(nothing_with_an_end_opens_while_nobody_knows_the_time),
		cmocka_unit_test(more_sticks_than_there_is_room_for_make_every_challenge_anew),
		cmocka_unit_test(a_damaged_file_is_set_aside_and_what_was_read_out_holds_no_longer),
		cmocka_unit_test(the_successor_of_a_key_answers_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
