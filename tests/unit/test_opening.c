/* What an approval says that it opens.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/policy/opening.h"

static void reads_the_words_in_any_order_and_prints_them_in_one(void **state)
{
	static const struct {
		const char *words, *printed;
		bool unsaid;
		enum opening_most most;
		bool read_only, scanned;
	} rows[] = {
		{"", "", true, OPENING_ANY, false, false},
		{"any", "any", false, OPENING_ANY, false, false},
		{"scanned", "scanned", true, OPENING_ANY, false, true},
		{"read-only", "read-only", false, OPENING_READ_ONLY, true, false},
		{"scanned read-only", "read-only scanned", false, OPENING_READ_ONLY, true, true},
		{"encrypted", "encrypted", false, OPENING_ENCRYPTED, false, false},
		{"read-only scanned encrypted", "encrypted read-only scanned", false,
		 OPENING_ENCRYPTED, true, true},
		{"scanned any", "any scanned", false, OPENING_ANY, false, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct opening got;
		char printed[OPENING_TEXT];

		assert_int_equal(opening_parse(rows[i].words, &got), 0);
		opening_print(&got, printed);
		assert_string_equal(printed, rows[i].printed);
		if (got.unsaid != rows[i].unsaid || got.most != rows[i].most ||
		    got.read_only != rows[i].read_only || got.scanned != rows[i].scanned)
			fail_msg("'%s' was read as another", rows[i].words);
	}
}

static void what_it_does_not_understand_opens_nothing(void **state)
{
	static const char *const rows[] = {
		"everything", "any ",          " any",          "any  scanned",
		"any any",    "any read-only", "encrypted any", "read-only,scanned",
		"Scanned",    "read",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct opening got = {.most = OPENING_ANY, .scanned = true};

		if (opening_parse(rows[i], &got) != -1 || !got.scanned)
			fail_msg("'%s' was taken", rows[i]);
	}
}

static void a_bound_narrows_and_never_lets_write_what_was_to_be_read(void **state)
{
	struct opening got;
	const char *words;

	(void)state;
	assert_int_equal(opening_split("0951:1666:1 read-only scanned", &words), 11);
	assert_int_equal(opening_parse(words, &got), 0);
	opening_bound(&got, OPENING_ENCRYPTED);
	assert_true(got.most == OPENING_ENCRYPTED && got.read_only && got.scanned && !got.unsaid);
	assert_int_equal(opening_split("ann", &words), 3);
	assert_int_equal(opening_parse(words, &got), 0);
	opening_bound(&got, OPENING_READ_ONLY);
	assert_true(got.most == OPENING_READ_ONLY && got.read_only && !got.unsaid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_words_in_any_order_and_prints_them_in_one),
		cmocka_unit_test(what_it_does_not_understand_opens_nothing),
		cmocka_unit_test(a_bound_narrows_and_never_lets_write_what_was_to_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
