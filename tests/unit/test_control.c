/* control.c and memory.c: what a control may say, and what is kept between runs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controls_helpers.h"

#include "agent/controls/table.h"

static int run_badly(const struct control_input *input, struct jsonw *w,
		     struct control_result *result, struct err *err)
{
	struct buf data;

	(void)input;
	buf_init(&data, 0);
	buf_adds(&data, "{\"n\":1}");
	control_event(result, "seen", &data);
	buf_clear(&data);
	jsonw_array(w, "half"); /* left open */
	control_say(result, VERDICT_FAIL, "none");
	control_due(result, 5, "none");
	return err_set(err, ERR_UNSUPPORTED, "no such tool");
}

static void an_error_is_unknown_with_its_message_and_keeps_events(void **state)
{
	const struct control control = {CONTROL_UPDATES, run_badly};
	struct control_input input = {.now = NOW};
	struct control_result result;

	(void)state;
	control_result_init(&result);
	control_run(&control, &input, &result);
	assert_int_equal(result.verdict, VERDICT_UNKNOWN);
	assert_string_equal(result.why, "cannot-tell");
	assert_int_equal(result.due_at, 0);
	assert_string_equal(result.evidence.data, "{\"message\":\"no such tool\"}");
	assert_string_equal(result.events.data, "{\"type\":\"seen\",\"data\":{\"n\":1}}\n");
	control_result_clear(&result);
}

static int run_long(const struct control_input *input, struct jsonw *w,
		    struct control_result *result, struct err *err)
{
	(void)input;
	(void)err;
	jsonw_array(w, "all");
	for (int i = 0; i < 5000; i++)
		jsonw_string(w, NULL, "a name");
	jsonw_array_end(w);
	control_say(result, VERDICT_PASS, "ok");
	return 0;
}

static void evidence_over_its_bound_is_unknown_not_cut(void **state)
{
	const struct control control = {CONTROL_UPDATES, run_long};
	struct control_input input = {.now = NOW};
	struct control_result result;

	(void)state;
	control_result_init(&result);
	control_run(&control, &input, &result);
	assert_int_equal(result.verdict, VERDICT_UNKNOWN);
	assert_string_equal(result.evidence.data,
			    "{\"message\":\"the evidence was too long to send\"}");
	control_result_clear(&result);
}

static void the_worst_that_was_said_stands(void **state)
{
	struct control_result result;

	(void)state;
	control_result_init(&result);
	control_say(&result, VERDICT_NOT_APPLICABLE, "not-asked");
	control_say(&result, VERDICT_PASS, "ok");
	assert_string_equal(result.why, "ok");
	control_due(&result, 200, "pending");
	control_say(&result, VERDICT_PASS, "current");
	assert_string_equal(result.why, "pending");
	control_due(&result, 100, "ends-soon");
	control_due(&result, 300, "reboot-pending");
	assert_string_equal(result.why, "ends-soon");
	assert_int_equal(result.verdict, VERDICT_PASS);
	assert_int_equal(result.due_at, 100);
	control_say(&result, VERDICT_UNKNOWN, "cannot-tell");
	assert_int_equal(result.verdict, VERDICT_UNKNOWN);
	control_say(&result, VERDICT_FAIL, "overdue");
	control_say(&result, VERDICT_FAIL, "lists-old");
	control_say(&result, VERDICT_UNKNOWN, "cannot-tell");
	assert_string_equal(result.why, "overdue");
	control_due(&result, 50, "pending");
	assert_int_equal(result.verdict, VERDICT_FAIL);
	assert_string_equal(result.why, "overdue");
	assert_int_equal(result.due_at, 50);
	control_result_clear(&result);
}

static void the_table_is_in_order_and_every_control_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; control_table[i]; i++) {
		assert_ptr_equal(control_find(control_table[i]->id), control_table[i]);
		if (i)
			assert_true(control_table[i - 1]->id < control_table[i]->id);
	}
	assert_null(control_find(CONTROL_END_OF_DAY));
}

/* --- memory --- */

static struct memory *through_a_file(struct memory *memory, int64_t now)
{
	struct memory *out = NULL;
	struct buf text;

	buf_init(&text, 0);
	assert_works(memory_write(memory, &text, &err));
	memory_free(memory);
	assert_works(memory_read(text.data, text.len, now, &out, &err));
	buf_clear(&text);
	return out;
}

static void remembers_numbers_and_texts_through_a_file(void **state)
{
	struct memory *memory;

	(void)state;
	assert_works(memory_new(NOW, &memory, &err));
	memory_set_number(memory, "b/n", -7);
	memory_set_text(memory, "a/t", "x \"y\"\n");
	memory_set_number(memory, "c/was-text", 1);
	memory_set_text(memory, "c/was-text", "now");
	assert_int_equal(memory_first_seen(memory, "updates/openssl"), NOW);
	memory = through_a_file(memory, NOW + DAY);
	assert_int_equal(memory_number(memory, "b/n", 0), -7);
	assert_string_equal(memory_text(memory, "a/t"), "x \"y\"\n");
	assert_string_equal(memory_text(memory, "c/was-text"), "now");
	assert_int_equal(memory_number(memory, "c/was-text", 3), 3);
	assert_int_equal(memory_first_seen(memory, "updates/openssl"), NOW);
	assert_int_equal(memory_number(memory, "none", 9), 9);
	assert_null(memory_text(memory, "b/n"));
	memory_free(memory);
}

static void first_seen_in_the_future_is_now(void **state)
{
	struct memory *memory;

	(void)state;
	assert_works(memory_new(NOW + 1000 * DAY, &memory, &err));
	(void)memory_first_seen(memory, "x"); /* the clock stood in 2029 */
	memory = through_a_file(memory, NOW);
	assert_int_equal(memory_first_seen(memory, "x"), NOW);
	memory_free(memory);
}

static void forgets_what_was_not_asked_for_in_400_days(void **state)
{
	struct memory *memory;

	(void)state;
	assert_works(memory_new(NOW, &memory, &err));
	memory_set_number(memory, "old", 1);
	memory_set_number(memory, "used", 2);
	memory = through_a_file(memory, NOW + 300 * DAY);
	(void)memory_number(memory, "used", 0);
	memory = through_a_file(memory, NOW + 401 * DAY);
	assert_int_equal(memory_number(memory, "used", 0), 2);
	memory = through_a_file(memory, NOW + 402 * DAY);
	assert_int_equal(memory_number(memory, "old", 0), 0);
	assert_int_equal(memory_number(memory, "used", 0), 2);
	memory_free(memory);
}

/* Not even one that jumped to 2099, or fell back to 1970, for one run; nor years in a cupboard. */
static void the_clock_alone_makes_nothing_forgotten(void **state)
{
	static const int64_t clocks[] = {INT64_C(4070908800), 1000, NOW + 1000 * DAY};
	struct memory *memory;

	(void)state;
	for (size_t i = 0; i < COUNT(clocks); i++) {
		assert_works(memory_new(NOW, &memory, &err));
		memory_set_number(memory, "usb", 1);
		memory_set_number(memory, "used", 2);
		memory = through_a_file(memory, clocks[i]);
		assert_int_equal(memory_number(memory, "used", 0), 2);
		memory = through_a_file(memory, NOW + DAY);
		assert_int_equal(memory_number(memory, "used", 0), 2);
		memory = through_a_file(memory, NOW + 2 * DAY);
		assert_int_equal(memory_number(memory, "usb", 0), 1);
		memory_free(memory);
	}
}

static void a_time_that_a_wrong_clock_noted_is_dated_anew(void **state)
{
	struct memory *memory;

	(void)state;
	assert_works(memory_new(NOW, &memory, &err));
	memory_set_number(memory, "ahead", NOW + 1);
	memory_set_number(memory, "1970", 12345);
	memory_set_number(memory, "right", NOW - 5 * DAY);
	assert_int_equal(memory_time(memory, "none"), 0);
	assert_int_equal(memory_time(memory, "ahead"), NOW);
	assert_int_equal(memory_time(memory, "1970"), NOW);
	assert_int_equal(memory_time(memory, "right"), NOW - 5 * DAY);
	memory = through_a_file(memory, NOW + DAY);
	assert_int_equal(memory_time(memory, "1970"), NOW);
	memory_free(memory);
	/* While the clock itself is in 1970 there is nothing better. */
	assert_works(memory_new(90000, &memory, &err));
	memory_set_number(memory, "1970", 12345);
	assert_int_equal(memory_time(memory, "1970"), 12345);
	memory_free(memory);
}

static void a_clock_that_ran_ahead_keeps_nothing_longer(void **state)
{
	struct memory *memory;

	(void)state;
	assert_works(memory_new(NOW + 5000 * DAY, &memory, &err));
	memory_set_number(memory, "ahead", 1);
	memory = through_a_file(memory, NOW);
	memory = through_a_file(memory, NOW + 401 * DAY);
	memory_set_number(memory, "used", 1);
	memory = through_a_file(memory, NOW + 402 * DAY);
	assert_int_equal(memory_number(memory, "ahead", 0), 0);
	memory_free(memory);
}

static void a_full_memory_drops_what_was_used_longest_ago(void **state)
{
	struct memory *memory;
	char name[32];

	(void)state;
	assert_works(memory_new(NOW, &memory, &err));
	memory_set_number(memory, "m/oldest", 1);
	memory = through_a_file(memory, NOW + DAY);
	for (int i = 1; i < MEMORY_MAX_ENTRIES; i++) {
		(void)snprintf(name, sizeof(name), "n/%d", i);
		memory_set_number(memory, name, i);
	}
	memory_set_number(memory, "zz/new", 5);
	assert_int_equal(memory_number(memory, "zz/new", 0), 5);
	assert_int_equal(memory_number(memory, "n/1", 0), 1);
	assert_int_equal(memory_number(memory, "m/oldest", 0), 0);
	memory_free(memory);
}

static void refuses_a_damaged_memory_and_says_where(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"[]", "expected an object"},
		{"{\"v\":1,\"entries\":{\"a\":7}}", "entry 'a': not an entry"},
		{"{\"v\":1,\"entries\":{\"a\":{\"n\":1,\"at\":1,\"x\":1}}}",
		 "entry 'a': member 'x' is not known"},
	};
	struct memory *memory = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_fails(memory_read(cases[i].text, strlen(cases[i].text), NOW, &memory, &err),
			     ERR_INVALID, cases[i].want);
	assert_null(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_unknown_with_its_message_and_keeps_events),
		cmocka_unit_test(evidence_over_its_bound_is_unknown_not_cut),
		cmocka_unit_test(the_worst_that_was_said_stands),
		cmocka_unit_test(the_table_is_in_order_and_every_control_is_found),
		cmocka_unit_test(remembers_numbers_and_texts_through_a_file),
		cmocka_unit_test(first_seen_in_the_future_is_now),
		cmocka_unit_test(forgets_what_was_not_asked_for_in_400_days),
		cmocka_unit_test(a_clock_that_ran_ahead_keeps_nothing_longer),
		cmocka_unit_test(the_clock_alone_makes_nothing_forgotten),
		cmocka_unit_test(a_time_that_a_wrong_clock_noted_is_dated_anew),
		cmocka_unit_test(a_full_memory_drops_what_was_used_longest_ago),
		cmocka_unit_test(refuses_a_damaged_memory_and_says_where),
	};

	return cmocka_run_group_tests(tests, NULL, forget_all);
}
