/* The end of a school's day, whatever the time zone of the machine that the collector runs on.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/text.h"
#include "tools/collector/day.h"

static void a_day_ends_with_its_last_second_where_the_school_is(void **state)
{
	static const struct {
		const char *zone, *day, *end;
	} rows[] = {
		{"Europe/London", "2026-06-30", "2026-06-30T22:59:59Z"}, /* summer time */
		{"Europe/London", "2026-11-22", "2026-11-22T23:59:59Z"},
		{"Europe/London", "2026-10-25", "2026-10-25T23:59:59Z"}, /* a day of 25 hours */
		{"Europe/London", "2026-03-29", "2026-03-29T22:59:59Z"}, /* and of 23 */
		{"Pacific/Auckland", "2026-06-30", "2026-06-30T11:59:59Z"},
		{"UTC", "2028-02-29", "2028-02-29T23:59:59Z"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[TEXT_TIME_SIZE], day[DAY_TEXT];
		int64_t end;

		assert_works(day_end(rows[i].zone, rows[i].day, &end, &err));
		text_time(text, end);
		assert_string_equal(text, rows[i].end);
		assert_works(day_of(rows[i].zone, end, day, &err));
		assert_string_equal(day, rows[i].day);
		assert_works(day_of(rows[i].zone, end + 1, day, &err));
		assert_string_not_equal(day, rows[i].day);
	}
}

static void what_is_no_zone_or_no_day_is_said_so(void **state)
{
	int64_t end = 7;

	(void)state;
	assert_fails(day_end("Europe/Londn", "2026-11-22", &end, &err), ERR_NOTFOUND,
		     "[collector] time_zone: no zone 'Europe/Londn' in /usr/share/zoneinfo: "
		     "expected one such as Europe/London");
	assert_fails(day_end("../../etc/localtime", "2026-11-22", &end, &err), ERR_NOTFOUND,
		     "[collector] time_zone: no zone '../../etc/localtime' in /usr/share/zoneinfo: "
		     "expected one such as Europe/London");
	assert_fails(day_end("UTC", "2026-02-30", &end, &err), ERR_INVALID,
		     "'2026-02-30' is no day such as 2026-11-22");
	assert_fails(day_end("UTC", "tomorrow", &end, &err), ERR_INVALID,
		     "'tomorrow' is no day such as 2026-11-22");
	assert_int_equal(end, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_ends_with_its_last_second_where_the_school_is),
		cmocka_unit_test(what_is_no_zone_or_no_day_is_said_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
