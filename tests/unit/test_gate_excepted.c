/* An exception for a model of hardware: what it opens, and until when.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/decide_helpers.h"

#define PASS "pass model 0951:1666 1795328401 EX-5 0\n"
#define PASSED "pass model 0951:1666 1795328400 EX-5 0\n"

/* An exception stands against whatever hardware's rules refuse, and against nothing of storage's.
 */
static void it_stands_against_what_hardware_refuses_until_its_end(void **state)
{
	static const struct decide_case cases[] = {
		{ANY "refuse model 0951:* 31\n" PASS, KINGSTON, {0}, GATE_OPEN, "allowed", 14},
		{ANY "port rear 1-* 22\n" PASS, KINGSTON, {0}, GATE_OPEN, "allowed", 14},
		{"set allow none 14\nrefuse model 0951:* 31\n" PASS,
		 KINGSTON,
		 {0},
		 GATE_REFUSE,
		 "not-allowed",
		 14},
		{ANY "port front 2-1 22\n" PASS, KINGSTON, {0}, GATE_REFUSE, "wrong-port", 22},
		{ANY "refuse model 0951:* 31\n" PASSED,
		 KINGSTON,
		 {0},
		 GATE_REFUSE,
		 "approval-ended",
		 31},
		{ANY "port rear 1-* 22\n" PASSED, KINGSTON, {0}, GATE_REFUSE, "approval-ended", 22},
		{ANY "refuse model 0951:* 31\n" PASS,
		 KINGSTON,
		 {.now = 5},
		 GATE_REFUSE,
		 "clock-unknown",
		 31},
		/* Another model's, and what nothing refuses. */
		{ANY "refuse class network 30\npass model 0952:* 1795328401 EX-5 0\n",
		 NETWORK,
		 {0},
		 GATE_REFUSE,
		 "refused-class",
		 30},
		{ANY PASS, NETWORK, {0}, GATE_PASS, "free", 0},
		{ANY PASS, KEYBOARD, {0}, GATE_PASS, "free", 0},
	};

	(void)state;
	RUN(cases);
}

static void the_answer_names_it_and_its_end(void **state)
{
	static const char *const refused[] = {"refuse class network 30\n",
					      "refuse model 0951:* 31\n"};
	struct gate_decision got;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		char rules[200];

		snprintf(rules, sizeof(rules), ANY "%s" PASS PASSED, refused[i]);
		got = decide(rules, NETWORK, (struct gate_around){0});
		assert_int_equal(got.verb, GATE_OPEN);
		assert_string_equal(got.why, "excepted-model");
		assert_string_equal(got.exception, "EX-5");
		assert_int_equal(got.until, NOW + 1);
		assert_true(got.hardware && got.mode == GATE_ENFORCE && got.hardware_opens);
		snprintf(rules, sizeof(rules), ANY "%s" PASSED, refused[i]);
		got = decide(rules, NETWORK, (struct gate_around){0});
		assert_int_equal(got.verb, GATE_REFUSE);
		assert_string_equal(got.why, "approval-ended");
		assert_string_equal(got.exception, "EX-5");
		assert_false(got.hardware_opens);
	}
	got = decide(ANY "refuse model 0951:* 31\n" PASS, KINGSTON, (struct gate_around){0});
	assert_string_equal(got.exception, "EX-5");
	assert_int_equal(got.until, NOW + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_stands_against_what_hardware_refuses_until_its_end),
		cmocka_unit_test(the_answer_names_it_and_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
