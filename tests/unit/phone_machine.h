/* A machine without a network that refuses two sticks, what is typed on it, and what the collector
 * would read out.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_PHONE_MACHINE_H
#define CARETAKER_TESTS_PHONE_MACHINE_H

#include "tests/unit/compiled_rules.h"
#include "tests/unit/unit.h"

#include "agent/check/agent.h"
#include "agent/check/hardware_asks.h"
#include "agent/check/keystore.h"
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

static inline void read_policy(const char *text)
{
	policy_free(agent.trust.policy);
	agent.trust.policy = NULL;
	assert_works(policy_parse("p", text, strlen(text), &agent.trust.policy, &err));
}

static inline void begin(void)
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

static inline void end(void)
{
	policy_free(agent.trust.policy);
	keys_free(agent.trust.keys);
	keystore_close(agent.keys);
	pending_clear(&agent.pending);
	crypto_signer_free(online);
}

/* The program ends and is started again. */
static inline void restart(void)
{
	agent_tick(&agent);
	assert_works(phone_codes_load(&agent.places, &agent.codes, &err));
}

/* What 'caretaker hardware' shows of a stick, without its groups. */
static inline void challenge(const char *reference, char out[PHONE_CHALLENGE_LEN + 1])
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
static inline void code_for(const char *text, int64_t day, char out[PHONE_CODE_LEN + 1])
{
	uint8_t secret[CRYPTO_HASH_SIZE];

	assert_works(phone_secret(online, crypto_signer_key(keystore_current(agent.keys)), DEVICE,
				  secret, &err));
	phone_code_make(secret, text, day, out);
}

static inline void leave(const char *account, const char *code)
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
static inline const char *type(const char *account, const char *code)
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

static inline void look(void)
{
	bool any;

	assert_works(hardware_asks_take(&agent, &any, &err));
}

/* When the gate shuts that stick again; 0: it has no rule for it. */
static inline int64_t open_until(const char *id)
{
	struct gate_rules *rules = compiled(&agent);
	const struct gate_rule *rule = rule_for(rules, GATE_RULE_STICK, id);
	int64_t until = rule ? rule->until : 0;

	gate_rules_free(rules);
	return until;
}

#endif
