/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/log.h"

static void writes_a_line_and_drops_what_is_below_its_level(void **state)
{
	struct capture capture = capture_begin(stderr);

	(void)state;
	log_init("prog", LOG_INFO);
	log_warn("disk '%s' fills", "sda");
	log_debug("not this");
	assert_string_equal(capture_end(&capture), "prog: warning: disk 'sda' fills\n");
}

static void marks_levels_for_a_journal(void **state)
{
	struct capture capture = capture_begin(stderr);

	(void)state;
	log_init("prog", LOG_DEBUG);
	log_to_journal(true);
	log_error("a");
	log_warn("b");
	log_info("c");
	log_debug("d");
	log_to_journal(false);
	assert_string_equal(capture_end(&capture), "<3>a\n<4>b\n<6>c\n<7>d\n");
}

static void lets_no_message_begin_a_line_of_its_own(void **state)
{
	struct capture capture = capture_begin(stderr);

	(void)state;
	log_init("prog", LOG_INFO);
	log_info("a\nprog: error: forged\x1b[2J");
	assert_string_equal(capture_end(&capture), "prog: info: a\xef\xbf\xbdprog: error: forged"
						   "\xef\xbf\xbd[2J\n");
}

static void cuts_a_line_that_is_too_long(void **state)
{
	struct capture capture = capture_begin(stderr);
	char longer[3000];
	const char *text;

	(void)state;
	memset(longer, 'z', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	log_info("%s", longer);
	text = capture_end(&capture);
	assert_in_range(strlen(text), 1000, 1100);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

static void limits_what_repeats_and_counts_what_it_kept_back(void **state)
{
	struct log_limit limit = {0};
	uint32_t dropped = 99;

	(void)state;
	assert_true(log_allow(&limit, 100, 60, 2, &dropped));
	assert_int_equal(dropped, 0);
	assert_true(log_allow(&limit, 101, 60, 2, &dropped));
	assert_false(log_allow(&limit, 102, 60, 2, &dropped));
	assert_false(log_allow(&limit, 159, 60, 2, &dropped));
	assert_true(log_allow(&limit, 160, 60, 2, &dropped));
	assert_int_equal(dropped, 2);
	assert_true(log_allow(&limit, 5, 60, 1, &dropped)); /* the clock went back */
	assert_int_equal(dropped, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_line_and_drops_what_is_below_its_level),
		cmocka_unit_test(marks_levels_for_a_journal),
		cmocka_unit_test(lets_no_message_begin_a_line_of_its_own),
		cmocka_unit_test(cuts_a_line_that_is_too_long),
		cmocka_unit_test(limits_what_repeats_and_counts_what_it_kept_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
