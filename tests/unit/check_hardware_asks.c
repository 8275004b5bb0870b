/* Requests for an approval become events, for whoever left them and about what is there.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/check/agent.h"
#include "agent/check/hardware_asks.h"
#include "agent/policy/policy.h"
#include "agent/proto/ask.h"
#include "platform/fake/fake_ask.h"
#include "platform/fake/fake_os.h"

#define SHOWN \
	"{\"v\":1,\"at\":1,\"devices\":[{\"reference\":\"K7Q2MX\",\"id\":\"0951:1666:60A4\"," \
	"\"port\":\"2-1\",\"kind\":\"storage\",\"maker\":\"Kingston\",\"verdict\":\"refused\"," \
	"\"why\":\"not-approved\",\"may_ask\":true},{\"reference\":\"AAAA22\"," \
	"\"id\":\"0951:1666:1\",\"kind\":\"storage\",\"verdict\":\"open\"}]}"

static struct agent agent;

static void begin(const char *policy)
{
	fake_reset();
	fake_ask_count = 0;
	memset(&agent, 0, sizeof(agent));
	assert_works(places_init(&agent.places, "/conf", "/state", "/run", &err));
	assert_works(places_make(&agent.places, &err));
	assert_works(policy_parse("p", policy, strlen(policy), &agent.trust.policy, &err));
	fake_file_put("/run/hardware.json", SHOWN);
	pending_init(&agent.pending);
	agent.now = FAKE_NOW;
}

static void end(void)
{
	policy_free(agent.trust.policy);
	pending_clear(&agent.pending);
}

static void leave(const char *account, const char *reference, const char *reason)
{
	struct fake_ask *to = &fake_asks[fake_ask_count++];
	struct ask ask;

	memset(&ask, 0, sizeof(ask));
	strcpy(ask.reference, reference);
	strcpy(ask.reason, reason);
	memset(to, 0, sizeof(*to));
	to->account = account;
	assert_works(ask_encode(&ask, to->frame, &err));
	to->len = ASK_SIZE;
}

static void a_request_becomes_an_event_of_its_owner_s(void **state)
{
	bool any;

	(void)state;
	begin("[privacy]\nusers = name\n");
	leave("ann", "K7Q2MX", "for the assembly");
	assert_works(hardware_asks_take(&agent, &any, &err));
	assert_true(any);
	assert_int_equal(agent.pending.count, 1);
	assert_string_equal(agent.pending.events[0].type, "approval-requested");
	assert_string_equal(agent.pending.events[0].data,
			    "{\"reference\":\"K7Q2MX\",\"id\":\"0951:1666:60A4\",\"kind\":"
			    "\"storage\",\"maker\":\"Kingston\",\"why\":\"not-approved\","
			    "\"user\":\"ann\",\"reason\":\"for the assembly\"}");
	assert_true(fake_asks[0].removed);
	assert_works(hardware_asks_take(&agent, &any, &err));
	assert_false(any);
	assert_int_equal(agent.pending.count, 1);
	end();
}

static void a_pupil_s_words_are_not_carried(void **state)
{
	bool any;

	(void)state;
	begin("[policy]\nused_by = pupils\n");
	leave("year4", "K7Q2MX", "let me in");
	assert_works(hardware_asks_take(&agent, &any, &err));
	assert_non_null(strstr(agent.pending.events[0].data, "\"user\":\"a pupil\""));
	assert_null(strstr(agent.pending.events[0].data, "let me in"));
	end();
}

static void only_what_may_be_asked_about_is_asked_about(void **state)
{
	bool any;

	(void)state;
	begin("");
	leave("ann", "AAAA22", ""); /* works already */
	leave("ann", "ZZZZ99", ""); /* not plugged in */
	fake_asks[fake_ask_count].len = 7;
	fake_asks[fake_ask_count].account = "ann";
	fake_asks[fake_ask_count++].removed = 0;
	assert_works(hardware_asks_take(&agent, &any, &err));
	assert_false(any);
	assert_int_equal(agent.pending.count, 0);
	for (unsigned i = 0; i < fake_ask_count; i++)
		assert_true(fake_asks[i].removed);
	end();
}

static void nobody_asks_for_the_others(void **state)
{
	bool any;

	(void)state;
	begin("[privacy]\nusers = name\n");
	for (int i = 0; i < 8; i++) {
		char reason[20];

		snprintf(reason, sizeof(reason), "reason %d", i);
		leave("ann", "K7Q2MX", reason);
	}
	leave("ben", "K7Q2MX", "mine");
	assert_works(hardware_asks_take(&agent, &any, &err));
	assert_int_equal(agent.pending.count, 5); /* four of ann's, and ben's */
	assert_non_null(strstr(agent.pending.events[4].data, "\"user\":\"ben\""));
	end();
}

static void killed_before_it_was_kept_it_is_asked_again(void **state)
{
	bool any;

	(void)state;
	begin("");
	leave("ann", "K7Q2MX", "");
	fake_fail_changes(0, ERR_IO);
	assert_int_equal(hardware_asks_take(&agent, &any, &(struct err){ERR_NONE, ""}), -1);
	assert_false(fake_asks[0].removed);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_becomes_an_event_of_its_owner_s),
		cmocka_unit_test(a_pupil_s_words_are_not_carried),
		cmocka_unit_test(only_what_may_be_asked_about_is_asked_about),
		cmocka_unit_test(nobody_asks_for_the_others),
		cmocka_unit_test(killed_before_it_was_kept_it_is_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
