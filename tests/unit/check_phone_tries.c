/* Typing codes that were read out over the phone: what is counted, and what is kept of it when a
 * change of a file fails, the program is killed or its file is damaged.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/phone_machine.h"

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

static void of_many_answers_the_newest_are_shown(void **state)
{
	enum { MANY = PHONE_ANSWERS_MAX + 2 };
	char bad[PHONE_CODE_LEN + 1], ticket[20];

	(void)state;
	begin();
	look();
	code_for("00000000", TODAY, bad);
	for (unsigned i = 0; i < MANY; i++)
		leave("ann", bad);
	look();
	assert_int_equal(agent.codes.answer_count, PHONE_ANSWERS_MAX);
	for (unsigned i = 0; i < PHONE_ANSWERS_MAX; i++) {
		snprintf(ticket, sizeof(ticket), "%016x", MANY - PHONE_ANSWERS_MAX + i + 1);
		assert_string_equal(agent.codes.answers[i].ticket, ticket);
	}
	end();
}

static void more_people_than_there_is_room_for_wait_for_one_who_rested(void **state)
{
	char bad[PHONE_CODE_LEN + 1], name[16];

	(void)state;
	begin();
	look();
	code_for("00000000", TODAY, bad);
	for (unsigned i = 0; i < PHONE_PEOPLE_MAX; i++) {
		snprintf(name, sizeof(name), "person%u", i);
		assert_string_equal(type(name, bad), "wrong");
		fake_advance(1);
		agent_tick(&agent);
	}
	assert_string_equal(type("late", bad), "wait");
	assert_string_equal(type("person1", bad), "wrong"); /* who has a place keeps it */
	fake_advance(PHONE_WAIT_S - PHONE_PEOPLE_MAX);
	agent_tick(&agent);
	assert_string_equal(type("late", bad), "wrong");
	assert_string_equal(type("later", bad), "wait"); /* only person0 rested by now */
	assert_int_equal(agent.codes.person_count, PHONE_PEOPLE_MAX);
	assert_string_equal(agent.codes.people[0].account, "late");
	assert_int_equal(agent.codes.people[1].tries, 2);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			five_wrong_ones_of_a_person_and_that_person_rests_through_restarts),
		cmocka_unit_test(codes_that_are_typed_at_once_are_each_answered),
		cmocka_unit_test(of_many_answers_the_newest_are_shown),
		cmocka_unit_test(more_people_than_there_is_room_for_wait_for_one_who_rested),
		cmocka_unit_test(a_clock_that_is_put_right_makes_nobody_wait_for_years),
		cmocka_unit_test(a_try_that_cannot_be_kept_is_not_looked_at),
		cmocka_unit_test(killed_anywhere_a_code_opens_once),
		cmocka_unit_test(a_damaged_file_is_set_aside_and_what_was_read_out_holds_no_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
