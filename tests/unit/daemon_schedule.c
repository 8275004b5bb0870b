/* When caretakerd has the machine checked, and its configuration file.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/daemon/schedule.h"
#include "agent/daemon/settings.h"

#define START 1000000
#define MINUTE 60000

static struct schedule ran_once(void)
{
	struct settings settings;
	struct schedule s;

	settings_default(&settings);
	schedule_init(&s, &settings, START, 0);
	schedule_started(&s, START + 1000);
	schedule_ended(&s, START + 3000, 0, 0);
	return s;
}

static int64_t next(const struct schedule *s, int64_t now)
{
	enum schedule_task task = SCHEDULE_CHECK;
	int64_t wait = schedule_next(s, now, &task);

	assert_int_equal(task, SCHEDULE_CHECK);
	return wait;
}

static void checks_each_quarter_of_an_hour_with_jitter(void **state)
{
	struct schedule s = ran_once();

	(void)state;
	assert_int_equal(next(&s, START + 3000), 15 * MINUTE);
	schedule_started(&s, START);
	schedule_ended(&s, START + 3000, 0, 32768);
	assert_int_equal(next(&s, START + 3000), 16 * MINUTE);
}

static void starts_nothing_while_a_check_runs(void **state)
{
	struct schedule s = ran_once();

	(void)state;
	schedule_started(&s, START + 5000);
	assert_int_equal(next(&s, START + 90 * MINUTE), -1);
}

static void makes_one_check_of_a_stream_of_events(void **state)
{
	struct schedule s = ran_once();

	(void)state;
	for (int i = 0; i < 100; i++)
		schedule_event(&s, START + 30000 + i * 100);
	/* A minute after the last check began, and not put off by what went on happening. */
	assert_int_equal(next(&s, START + 40000), 21000);
	schedule_started(&s, START + 61000);
	schedule_ended(&s, START + 62000, 0, 0);
	assert_int_equal(next(&s, START + 62000), 15 * MINUTE);
}

static void checks_soon_after_an_event_when_the_last_check_is_long_ago(void **state)
{
	struct schedule s = ran_once();

	(void)state;
	schedule_event(&s, START + 10 * MINUTE);
	assert_int_equal(next(&s, START + 10 * MINUTE), 5000);
}

static void retries_sooner_when_the_check_asked_for_it(void **state)
{
	struct schedule s = ran_once();

	(void)state;
	schedule_started(&s, START);
	schedule_ended(&s, START, 60, 0);
	assert_int_equal(next(&s, START), MINUTE);
	schedule_started(&s, START);
	schedule_ended(&s, START, 3600, 0);
	assert_int_equal(next(&s, START), 15 * MINUTE);
}

static void polls_every_five_seconds_for_ten_minutes_when_somebody_waits(void **state)
{
	struct schedule s = ran_once();
	enum schedule_task task;

	(void)state;
	schedule_fast(&s, START + 3000);
	assert_int_equal(schedule_next(&s, START + 4000, &task), 2000);
	assert_int_equal(task, SCHEDULE_POLL);
	assert_int_equal(schedule_next(&s, START + 3000 + 10 * MINUTE, &task), 5 * MINUTE);
	assert_int_equal(task, SCHEDULE_CHECK);
}

static void reads_the_settings(void **state)
{
	static const char text[] = "; comment\n[daemon]\ninterval_s = 300\n\n watch=/etc/x \r\n";
	struct settings settings;

	(void)state;
	settings_default(&settings);
	assert_works(settings_parse("d.ini", text, &settings, &err));
	assert_int_equal(settings.interval_s, 300);
	assert_int_equal(settings.jitter_s, 120);
	assert_int_equal(settings.watch_count, 1);
	assert_string_equal(settings.watch[0], "/etc/x");
}

static void names_line_and_cure_of_a_bad_setting(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"[daemon]\ninterval = 5\n",
		 "d.ini:2: unknown key 'interval'; did you mean 'interval_s'?"},
		{"interval_s = 5\n",
		 "d.ini:1: 'interval_s': expected seconds from 60 to 86400, got '5'"},
		{"watch = etc\n", "d.ini:1: 'watch': expected a path that begins with '/'"},
		{"[other]\n", "d.ini:1: expected '[daemon]' or 'key = value'"},
		{"\n\nzzz\n", "d.ini:3: expected '[daemon]' or 'key = value'"},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct settings settings, before;

		settings_default(&settings);
		before = settings;
		assert_fails(settings_parse("d.ini", cases[i].text, &settings, &err), ERR_INVALID,
			     cases[i].want);
		assert_memory_equal(&settings, &before, sizeof(settings));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_each_quarter_of_an_hour_with_jitter),
		cmocka_unit_test(starts_nothing_while_a_check_runs),
		cmocka_unit_test(makes_one_check_of_a_stream_of_events),
		cmocka_unit_test(checks_soon_after_an_event_when_the_last_check_is_long_ago),
		cmocka_unit_test(retries_sooner_when_the_check_asked_for_it),
		cmocka_unit_test(polls_every_five_seconds_for_ten_minutes_when_somebody_waits),
		cmocka_unit_test(reads_the_settings),
		cmocka_unit_test(names_line_and_cure_of_a_bad_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
