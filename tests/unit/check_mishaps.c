/* What can happen to caretaker-check besides being killed (check_cut_short.c): somebody on the way
 * between it and its collector, a damaged file, a wrong clock, an exception without end.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/life.h"

#include "agent/base/log.h"
#include "agent/policy/policy.h"

/* --- who stands between the machine and its collector --- */

static void live_quietly(unsigned count)
{
	struct err err = {ERR_NONE, ""};

	cut = (struct cut){"a quiet life", "not cut", 0, false};
	machine_begin();
	collector_begin();
	for (unsigned i = 0; i < count; i++) {
		if (steps[i].before)
			steps[i].before();
		HOLDS(process(steps[i].work, &err) == 0, err.msg);
	}
}

static int64_t best_known_time;

static int tell_time(struct agent *agent, struct err *err)
{
	(void)err;
	best_known_time = agent->now;
	return 0;
}

/* Whoever stands between holds an answer back, lets the machine try again, and delivers it days
 * later: it answers those very bytes. */
static void takes_no_earlier_time_from_an_acknowledgement_that_was_held_back(void **state)
{
	int64_t before;

	(void)state;
	live_quietly(2);
	plug();
	collector.lose_answer = true;
	assert_works(process(check_and_ship, &err));
	collector.lose_answer = false;
	collector.replay = strdup(collector.last_ack);
	fake_advance(3 * 86400);
	before = plat_now();
	assert_works(process(check_and_ship, &err));
	assert_works(process(tell_time, &err));
	assert_true(best_known_time >= before);
	free(collector.replay);
	collector.replay = NULL;
	assert_works(process(check_and_ship, &err));
	check_invariants();
	collector_end();
	fake_reset();
}

/* Or an exception that has ended would live again, and nothing be overdue. */
static void takes_no_earlier_time_from_an_acknowledgement_sent_again(void **state)
{
	int64_t before;

	(void)state;
	live_quietly(2);
	collector.replay = strdup(collector.last_ack);
	fake_advance(3 * 86400);
	before = plat_now();
	assert_works(process(check_and_ship, &err));
	assert_works(process(tell_time, &err));
	assert_true(best_known_time >= before);
	/* What the collector says about a heartbeat that is new counts, also downwards. */
	free(collector.replay);
	collector.replay = NULL;
	fake_set_now(plat_now() - 86400);
	assert_works(process(check_and_ship, &err));
	assert_works(process(tell_time, &err));
	assert_int_equal(best_known_time, plat_now());
	check_invariants();
	collector_end();
	fake_reset();
}

/* Or whoever stands between could have each heartbeat thrown away by changing one byte of it. */
static void keeps_a_heartbeat_whose_bytes_were_changed_on_the_way(void **state)
{
	(void)state;
	live_quietly(2);
	plug();
	collector.altered = true;
	for (int i = 0; i < 3; i++)
		assert_works(process(check_and_ship, &err));
	assert_null(fake_file_text("/var/lib/caretaker/spool/refused"));
	collector.altered = false;
	assert_works(process(check_and_ship, &err));
	check_invariants();
	collector_end();
	fake_reset();
}

/* --- what else a day may bring --- */

static void says_that_its_key_is_damaged_and_takes_another_code(void **state)
{
	static const char key[] = "/var/lib/caretaker/device.key";
	static const char aside[] = "/var/lib/caretaker/device.key.damaged";

	(void)state;
	live_quietly(2);
	fake_file_put(key, "");
	assert_works(process(check_and_ship, &err));
	assert_null(fake_file_text(key));
	assert_string_equal(fake_file_text(aside), "");
	assert_works(process(enrol_machine, &err));
	assert_non_null(fake_file_text(key));
	assert_works(process(agent_forget, &err));
	assert_null(fake_file_text(aside));
	collector_end();
	fake_reset();
}

static unsigned kept_files(void)
{
	unsigned count = 0;
	char path[80];

	for (int seq = 1; seq < 40; seq++) {
		snprintf(path, sizeof(path), "/var/lib/caretaker/spool/%d.jws", seq);
		count += fake_file_text(path) != NULL;
	}
	return count;
}

static void keeps_what_a_former_key_signed_when_its_state_is_lost(void **state)
{
	unsigned before;

	(void)state;
	live_quietly(6); /* a key was rotated */
	assert_works(process(check_and_ship, &err));
	before = kept_files();
	fake_file_put("/var/lib/caretaker/state.json", "{");
	assert_works(process(check_and_ship, &err));
	assert_works(process(check_and_ship, &err));
	assert_null(fake_file_text("/var/lib/caretaker/spool/damaged"));
	assert_true(kept_files() > before);
	check_invariants();
	collector_end();
	fake_reset();
}

static void takes_no_heartbeat_for_damaged_that_it_has_no_memory_to_read(void **state)
{
	static const char path[] = "/var/lib/caretaker/spool/3.jws";
	struct err bad = {ERR_NONE, ""};

	(void)state;
	live_quietly(3);
	plug();
	collector.lose_answer = true;
	assert_works(process(check_and_ship, &err));
	collector.lose_answer = false;
	assert_non_null(fake_file_text(path));
	fake_fail_read(path, ERR_NOMEM);
	assert_int_equal(process(check_and_ship, &bad), -1);
	assert_int_equal(bad.code, ERR_NOMEM);
	assert_null(fake_file_text("/var/lib/caretaker/spool/damaged"));
	fake_fail_read(path, ERR_NONE);
	assert_works(process(check_and_ship, &err));
	check_invariants();
	collector_end();
	fake_reset();
}

static void remembers_when_an_exception_was_first_seen(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	char id[UUID_LEN + 1];

	(void)state;
	assert_non_null(s);
	for (int i = 0; i <= STATE_ALLOWED_MAX; i++) {
		snprintf(id, sizeof(id), "exception %d", i);
		assert_int_equal(state_first_allowed(s, id, FAKE_NOW + i), FAKE_NOW + i);
		assert_int_equal(state_first_allowed(s, id, FAKE_NOW + 9999), FAKE_NOW + i);
	}
	assert_int_equal(s->allowed_count, STATE_ALLOWED_MAX);
	assert_string_equal(s->allowed[0].id, "exception 1");
	free(s);
}

static uint64_t next_event_id;

static int tell_next_id(struct agent *agent, struct err *err)
{
	(void)err;
	next_event_id = agent->pending.next_id;
	return 0;
}

static void gives_no_event_id_twice_when_the_clock_says_1970_and_pending_is_lost(void **state)
{
	(void)state;
	live_quietly(3);
	assert_works(process(tell_next_id, &err));
	fake_boot();
	fake_set_now(1000);
	fake_file_put("/var/lib/caretaker/pending.json", "{");
	assert_works(process(tell_next_id, &err));
	assert_true(next_event_id > (uint64_t)FAKE_NOW * 1000);
	collector_end();
	fake_reset();
}

static void takes_back_a_refused_heartbeats_events_once_and_whole(void **state)
{
	char data[] = "{}";
	struct heartbeat_event event = {
		.type = "virus-found", .count = 5, .data = data, .data_len = 2};
	const struct heartbeat refused = {
		.seq = 7, .events = &event, .event_count = 1, .events_lost = 3};
	struct pending pending;

	(void)state;
	pending_init(&pending);
	pending_add(&pending, "virus-found", FAKE_NOW, data, 2);
	pending_rescue(&pending, &refused);
	pending_rescue(&pending, &refused);
	assert_int_equal(pending.count, 1);
	assert_int_equal(pending.events[0].count, 6);
	assert_int_equal(pending.lost, 3);
	pending_clear(&pending);
}

static void honours_no_exceptions_from_the_future(void **state)
{
	static const char ini[] = "[exceptions]\nallowed = yes\nmax_days = 30\n"
				  "controls = updates\n";
	struct exception_item item = {.control = "updates", .until = FAKE_NOW + 900 * 86400};
	struct exceptions exceptions = {.serial = 1,
					.at = FAKE_NOW,
					.until = FAKE_NOW + 900 * 86400,
					.items = &item,
					.count = 1};
	struct policy *policy;

	(void)state;
	assert_works(policy_parse("t.ini", ini, sizeof(ini) - 1, &policy, &err));
	assert_int_equal(run_excepted_until(policy, &exceptions, CONTROL_UPDATES, FAKE_NOW),
			 FAKE_NOW + 30 * 86400);
	/* Signed again ten days later: it does not last longer for that. */
	item.seen = FAKE_NOW;
	exceptions.at = FAKE_NOW + 10 * 86400;
	assert_int_equal(
		run_excepted_until(policy, &exceptions, CONTROL_UPDATES, FAKE_NOW + 10 * 86400),
		FAKE_NOW + 30 * 86400);
	exceptions.at = FAKE_NOW + 800 * 86400;
	assert_int_equal(run_excepted_until(policy, &exceptions, CONTROL_UPDATES, FAKE_NOW), 0);
	policy_free(policy);
}

static void honours_exceptions_of_one_thing_as_far_as_the_policy_goes(void **state)
{
	static const char ini[] = "[exceptions]\nallowed = yes\nmax_days = 30\n"
				  "controls = software\n";
	struct exception_item items[] = {
		{.control = "software", .what = "vlc", .until = FAKE_NOW + 900 * 86400},
		{.control = "software", .what = "gimp", .until = FAKE_NOW + 86400},
		{.control = "software", .what = "ended", .until = FAKE_NOW - 1},
		{.control = "software", .until = FAKE_NOW + 86400}, /* the whole control */
		{.control = "services", .what = "tcp/80", .until = FAKE_NOW + 86400},
	};
	struct exceptions exceptions = {.serial = 1,
					.at = FAKE_NOW,
					.until = FAKE_NOW + 900 * 86400,
					.items = items,
					.count = 5};
	struct control_allowance out[EXCEPTIONS_MAX];
	struct policy *policy;

	(void)state;
	assert_works(policy_parse("t.ini", ini, sizeof(ini) - 1, &policy, &err));
	assert_int_equal(run_allowances(policy, &exceptions, CONTROL_SOFTWARE, FAKE_NOW, out), 2);
	assert_string_equal(out[0].what, "vlc");
	assert_int_equal(out[0].until, FAKE_NOW + 30 * 86400);
	assert_string_equal(out[1].what, "gimp");
	assert_int_equal(out[1].until, FAKE_NOW + 86400);
	/* Services are not among the policy's controls; nor is anything once the list has ended. */
	assert_int_equal(run_allowances(policy, &exceptions, CONTROL_SERVICES, FAKE_NOW, out), 0);
	assert_int_equal(
		run_allowances(policy, &exceptions, CONTROL_SOFTWARE, exceptions.until, out), 0);
	assert_int_equal(run_allowances(policy, NULL, CONTROL_SOFTWARE, FAKE_NOW, out), 0);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_no_earlier_time_from_an_acknowledgement_that_was_held_back),
		cmocka_unit_test(takes_no_earlier_time_from_an_acknowledgement_sent_again),
		cmocka_unit_test(keeps_a_heartbeat_whose_bytes_were_changed_on_the_way),
		cmocka_unit_test(says_that_its_key_is_damaged_and_takes_another_code),
		cmocka_unit_test(takes_no_heartbeat_for_damaged_that_it_has_no_memory_to_read),
		cmocka_unit_test(remembers_when_an_exception_was_first_seen),
		cmocka_unit_test(keeps_what_a_former_key_signed_when_its_state_is_lost),
		cmocka_unit_test(
			gives_no_event_id_twice_when_the_clock_says_1970_and_pending_is_lost),
		cmocka_unit_test(takes_back_a_refused_heartbeats_events_once_and_whole),
		cmocka_unit_test(honours_no_exceptions_from_the_future),
		cmocka_unit_test(honours_exceptions_of_one_thing_as_far_as_the_policy_goes),
	};

	log_init("check_mishaps", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
