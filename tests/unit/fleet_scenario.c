/* Tests scenario.c and latency.c, and holds conf/fleet.ini to the reason tables.
 * SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "tools/fleet/latency.h"
#include "tools/fleet/scenario.h"

static void the_built_in_scenario_speaks_the_controls_own_words(void **state)
{
	struct scenario *scenario = NULL;
	struct err err;

	(void)state;
	if (scenario_default(&scenario, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(scenario->healthy_count, 16);
	for (unsigned i = 0; i < scenario->healthy_count; i++)
		if (!reason_known(scenario->healthy[i].control, scenario->healthy[i].why))
			fail_msg("[healthy %s]: unknown reason '%s'",
				 control_name(scenario->healthy[i].control),
				 scenario->healthy[i].why);
	for (unsigned i = 0; i < scenario->fault_count; i++)
		if (!reason_known(scenario->faults[i].state.control, scenario->faults[i].state.why))
			fail_msg("[fault %s]: unknown reason '%s'", scenario->faults[i].name,
				 scenario->faults[i].state.why);
	free(scenario);
}

/* Both sentences with the scenario's evidence: a hole in one is what a technician would stumble on.
 */
static void assert_whole_sentences(const struct scenario_state *state)
{
	struct json *evidence = NULL;
	struct buf text;
	struct err err;

	buf_init(&text, 0);
	assert_int_equal(json_parse(state->evidence, strlen(state->evidence), &evidence, &err), 0);
	reason_wrong(state->control, state->why, evidence, &text);
	reason_todo(state->control, state->why, evidence, &text);
	/* Times are told when a computer reports. */
	if (strstr(buf_text(&text), "(not known)") && !strchr(state->evidence, '@'))
		fail_msg("%s %s: %s", control_name(state->control), state->why, buf_text(&text));
	json_free(evidence);
	buf_clear(&text);
}

static void the_built_in_scenario_leaves_no_hole_in_a_sentence(void **state)
{
	struct scenario *scenario = NULL;
	struct err err;

	(void)state;
	assert_int_equal(scenario_default(&scenario, &err), 0);
	for (unsigned i = 0; i < scenario->healthy_count; i++)
		assert_whole_sentences(&scenario->healthy[i]);
	for (unsigned i = 0; i < scenario->fault_count; i++)
		assert_whole_sentences(&scenario->faults[i].state);
	free(scenario);
}

#define HEALTHY "[healthy firewall]\nverdict = pass\nwhy = ok\n"

static void refuses_what_it_does_not_know_by_file_and_line(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"[flet]\n", "s:1: unknown section [flet]: expected [fleet], [healthy CONTROL] or "
			     "[fault NAME]"},
		{"[fleet]\nsed = 1\n", "s:2: unknown key 'sed' in [fleet]"},
		{"[fleet]\nseed = -1\n",
		 "s:2: bad value '-1' for 'seed': expected a number from 0 to "
		 "9223372036854775807"},
		{"[healthy firewal]\n", "s:1: unknown control 'firewal'"},
		{"[healthy firewall]\nverdict = passs\n",
		 "s:2: unknown verdict 'passs'; did you mean 'pass'?"},
		{HEALTHY "[fault x]\ncontrol = updates\n",
		 "s: [fault x] concerns 'updates', which has no [healthy ...] section"},
		{HEALTHY "[fault x]\ncontrol = firewall\nshare_percent = 101\n",
		 "s:6: bad value '101' for 'share_percent': expected a number from 0 to 100"},
		{"[healthy firewall]\nevidence = []\n",
		 "s:2: bad value for 'evidence': expected a JSON object"},
		{"[fleet]\nseed = 1\n", "s: no [healthy ...] section"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scenario *scenario = NULL;
		struct err err;

		assert_int_equal(
			scenario_parse("s", cases[i].text, strlen(cases[i].text), &scenario, &err),
			-1);
		assert_string_equal(err.msg, cases[i].want);
		assert_null(scenario);
	}
}

static void the_same_seed_gives_the_same_faults_to_the_share_it_says(void **state)
{
	static const char text[] =
		HEALTHY "[fault off]\ncontrol = firewall\nverdict = fail\nwhy = none\n"
			"share_percent = 20\nfrom_beat = 2\nuntil_beat = 3\n"
			"event = firewall-off\n";
	struct scenario *scenario = NULL;
	struct err err;
	const char *event;
	unsigned faulty = 0;

	(void)state;
	if (scenario_parse("s", text, strlen(text), &scenario, &err) < 0)
		fail_msg("%s", err.msg);
	for (uint32_t device = 0; device < 1000; device++) {
		bool has = scenario_state(scenario, device, 2, 0, &event)->verdict == VERDICT_FAIL;

		assert_int_equal(has, event != NULL);
		assert_int_equal(has, scenario_state(scenario, device, 3, 0, &event)->verdict ==
					      VERDICT_FAIL);
		assert_null(event);
		assert_int_equal(scenario_state(scenario, device, 1, 0, &event)->verdict,
				 VERDICT_PASS);
		assert_int_equal(scenario_state(scenario, device, 4, 0, &event)->verdict,
				 VERDICT_PASS);
		faulty += has;
	}
	assert_in_range(faulty, 160, 240);
	free(scenario);
}

static void percentiles_are_within_a_bucket_of_the_truth(void **state)
{
	struct latency latency = {0};

	(void)state;
	assert_int_equal(latency_percentile(&latency, 500), 0);
	for (uint64_t us = 1; us <= 100000; us++)
		latency_add(&latency, us);
	assert_in_range(latency_percentile(&latency, 500), 50000, 51600);
	assert_in_range(latency_percentile(&latency, 990), 99000, 100000);
	assert_int_equal(latency_percentile(&latency, 1000), 100000);
	latency_add(&latency, UINT64_MAX / 2);
	assert_int_equal(latency_percentile(&latency, 1000), UINT64_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_built_in_scenario_speaks_the_controls_own_words),
		cmocka_unit_test(the_built_in_scenario_leaves_no_hole_in_a_sentence),
		cmocka_unit_test(refuses_what_it_does_not_know_by_file_and_line),
		cmocka_unit_test(the_same_seed_gives_the_same_faults_to_the_share_it_says),
		cmocka_unit_test(percentiles_are_within_a_bucket_of_the_truth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
