/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/base/text.h"

static void encodes_base64url_as_rfc_4648_says(void **state)
{
	static const struct {
		const char *plain, *coded;
	} cases[] = {{"", ""},
		     {"f", "Zg"},
		     {"fo", "Zm8"},
		     {"foo", "Zm9v"},
		     {"foob", "Zm9vYg"},
		     {"fooba", "Zm9vYmE"},
		     {"\xff\xfe\xfd\xfc", "__79_A"},
		     {"\xfb\xef\xbe", "----"}};
	char back[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf buf;

		buf_init(&buf, 0);
		text_b64url(&buf, cases[i].plain, strlen(cases[i].plain));
		assert_string_equal(buf_text(&buf), cases[i].coded);
		assert_int_equal(buf.len, B64URL_LEN(strlen(cases[i].plain)));
		assert_int_equal(text_b64url_decode(cases[i].coded, strlen(cases[i].coded), back,
						    sizeof(back), &len),
				 0);
		assert_int_equal(len, strlen(cases[i].plain));
		assert_memory_equal(back, cases[i].plain, len);
		buf_clear(&buf);
	}
}

static void refuses_base64url_that_is_not_canonical(void **state)
{
	static const char *const cases[] = {"Zg==", "Z",    "Zh",    "Zm9",      "Zm 9v", "Zm9v\n",
					    "Zm+v", "Zm/v", "Zm9vY", "\xc3\xa9", "Z="};
	char out[8];
	size_t len = 77;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (text_b64url_decode(cases[i], strlen(cases[i]), out, sizeof(out), &len) == 0)
			fail_msg("'%s' was taken", cases[i]);
	}
	len = 77;
	assert_int_equal(text_b64url_decode("Zm9vYg", 6, out, 3, &len), -1);
	assert_int_equal(len, 77);
	assert_int_equal(text_b64url_decode("Zm9vYg", 6, out, 4, &len), 0);
	assert_int_equal(len, 4);
}

static void reads_and_writes_hex(void **state)
{
	char text[9];
	unsigned char bytes[4];

	(void)state;
	text_hex(text, "\x00\x9a\xff\x10", 4);
	assert_string_equal(text, "009aff10");
	assert_int_equal(text_hex_decode("009AfF10", bytes, 4), 0);
	assert_memory_equal(bytes, "\x00\x9a\xff\x10", 4);
	assert_int_equal(text_hex_decode("009aff1", bytes, 4), -1);
	assert_int_equal(text_hex_decode("009aff100", bytes, 4), -1);
	assert_int_equal(text_hex_decode("009aff1g", bytes, 4), -1);
}

static void reads_and_writes_times(void **state)
{
	static const struct {
		const char *text;
		int64_t unix_s;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2026-11-22T06:20:00Z", 1795328400},
		{"2000-02-29T23:59:59Z", 951868799},
		{"1999-12-31T23:59:59Z", 946684799},
		{"1969-12-31T23:59:59Z", -1},
		{"2099-01-01T00:00:00Z", 4070908800},
		{"0001-01-01T00:00:00Z", -62135596800},
		{"9999-12-31T23:59:59Z", 253402300799},
	};
	char text[TEXT_TIME_SIZE];
	int64_t t;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		text_time(text, cases[i].unix_s);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(text_time_parse(cases[i].text, &t), 0);
		assert_int_equal(t, cases[i].unix_s);
	}
	for (int64_t day = -200000; day < 200000; day += 13) {
		text_time(text, day * 86400 + 7);
		assert_int_equal(text_time_parse(text, &t), 0);
		assert_int_equal(t, day * 86400 + 7);
	}
	text_time(text, INT64_MIN);
	assert_string_equal(text, "0001-01-01T00:00:00Z");
	text_time(text, INT64_MAX);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
}

static void takes_what_rfc_3339_allows_in_a_time(void **state)
{
	static const struct {
		const char *text;
		int64_t unix_s;
	} cases[] = {
		{"2026-11-22T07:20:00+01:00", 1795328400},
		{"2026-11-21t22:50:00.25-07:30", 1795328400},
		{"2026-11-22T06:20:00.999999999z", 1795328400},
		{"2016-12-31T23:59:60Z", 1483228800},
		{"2026-11-22T06:20:00-00:00", 1795328400},
	};
	static const char *const bad[] = {
		"",
		"2026-11-22",
		"2026-11-22T06:20:00",
		"2026-11-22T06:20Z",
		"2026-13-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2026-00-10T00:00:00Z",
		"2026-11-22T24:00:00Z",
		"2026-11-22T06:60:00Z",
		"2026-11-22T06:20:61Z",
		"2026-11-22T06:20:00.Z",
		"2026-11-22T06:20:00+1:00",
		"2026-11-22T06:20:00+24:00",
		"2026-11-22T06:20:00Zx",
		"0000-01-01T00:00:00Z",
		"0001-01-01T00:00:00+00:01",
		"+026-11-22T06:20:00Z",
		" 2026-11-22T06:20:00Z",
	};
	int64_t t = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (text_time_parse(bad[i], &t) == 0)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(t, 42);
	}
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(text_time_parse(cases[i].text, &t), 0);
		assert_int_equal(t, cases[i].unix_s);
	}
}

static void says_durations_for_people(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {{0, "0 seconds"},    {1, "1 second"},
		     {59, "59 seconds"},  {60, "1 minute"},
		     {7199, "1 hour"},    {7200, "2 hours"},
		     {86399, "23 hours"}, {86400, "1 day"},
		     {-259200, "3 days"}, {INT64_MIN, "106751991167300 days"}};
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		text_duration(text, sizeof(text), cases[i].seconds);
		assert_string_equal(text, cases[i].text);
	}
}

static void reads_integers_and_nothing_else(void **state)
{
	static const char *const bad[] = {"",
					  "-",
					  "+1",
					  " 1",
					  "1 ",
					  "0x1",
					  "1.0",
					  "11",
					  "-6",
					  "--1",
					  "a",
					  "9223372036854775808",
					  "99999999999999999999999"};
	int64_t value = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (text_int(bad[i], -5, 10, &value) == 0)
			fail_msg("'%s' was taken", bad[i]);
	}
	assert_int_equal(text_int("-1", 0, 10, &value), -1);
	assert_int_equal(value, 7);
	assert_int_equal(text_int("-5", -5, 10, &value), 0);
	assert_int_equal(value, -5);
	assert_int_equal(text_int("0010", -5, 10, &value), 0);
	assert_int_equal(value, 10);
	assert_int_equal(text_int("9223372036854775807", 0, INT64_MAX, &value), 0);
	assert_true(value == INT64_MAX);
	assert_int_equal(text_int("-9223372036854775808", INT64_MIN, 0, &value), 0);
	assert_true(value == INT64_MIN);
	assert_int_equal(text_int("-9223372036854775809", INT64_MIN, 0, &value), -1);
}

static void knows_utf8(void **state)
{
	static const char *const good[] = {"",
					   "plain ascii, long enough",
					   "\xc3\xa9",
					   "12345678\xe2\x82\xac",
					   "\xf0\x9f\x98\x80",
					   "\xed\x9f\xbf",
					   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80",
					  "\xc3",
					  "\xc0\x80",
					  "\xc1\xbf",
					  "\xe0\x9f\xbf",
					  "\xed\xa0\x80",
					  "\xf0\x8f\xbf\xbf",
					  "\xf4\x90\x80\x80",
					  "\xf5\x80\x80\x80",
					  "\xe2\x82",
					  "12345678\xff",
					  "\xc3\x28"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(text_utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (text_utf8_valid(bad[i], strlen(bad[i])))
			fail_msg("case %zu was taken", i);
	}
}

static void cleans_text_for_display(void **state)
{
	char out[64], small[6];

	(void)state;
	text_clean(out, sizeof(out),
		   "a\nb\xff"
		   "c\xe2\x80\xae"
		   "d\xc2\x9b",
		   11);
	assert_string_equal(out, "a\xef\xbf\xbd"
				 "b\xef\xbf\xbd"
				 "c\xef\xbf\xbd"
				 "d\xef\xbf\xbd");
	text_clean(out, sizeof(out), "caf\xc3\xa9 \xf0\x9f\x98\x80", 10);
	assert_string_equal(out, "caf\xc3\xa9 \xf0\x9f\x98\x80");
	text_clean(small, sizeof(small), "abcd\xc3\xa9", 6); /* no half characters */
	assert_string_equal(small, "abcd");
	text_clean(small, 1, "abc", 3);
	assert_string_equal(small, "");
}

static void cleans_lines_for_display(void **state)
{
	static const char text[] = "a\tb\nc\rd\x1b\xff\n";
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	text_clean_lines(&out, text, sizeof(text) - 1);
	assert_string_equal(buf_text(&out),
			    "a\tb\nc" TEXT_REPLACEMENT "d" TEXT_REPLACEMENT TEXT_REPLACEMENT "\n");
	buf_clear(&out);
}

static void says_when_a_copy_was_cut(void **state)
{
	char out[4];

	(void)state;
	assert_true(text_copy(out, sizeof(out), "abc"));
	assert_string_equal(out, "abc");
	assert_false(text_copy(out, sizeof(out), "abcd"));
	assert_string_equal(out, "abc");
}

static void finds_the_word_that_was_meant(void **state)
{
	static const char *const words[] = {"status",   "check",     "explain", "enrol",
					    "code new", "code list", NULL};

	(void)state;
	assert_string_equal(text_nearest("stauts", words), "status");
	assert_string_equal(text_nearest("STATUS", words), "status");
	assert_string_equal(text_nearest("chek", words), "check");
	assert_string_equal(text_nearest("enroll", words), "enrol");
	assert_string_equal(text_nearest("code nwe", words), "code new");
	assert_null(text_nearest("frobnicate", words));
	assert_null(text_nearest("", words));
	assert_null(text_nearest("a word of far more than forty characters in all", words));
}

static void matches_stars_and_question_marks(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"LAB-*", "lab-12", true},
		{"lab-??", "LAB-12", true},
		{"lab-??", "lab-123", false},
		{"*-12", "a-1-12", true},
		{"a*b*c", "axxbyybzc", true},
		{"a*b*c", "axxbyybz", false},
		{"?", "\xc3\xa9", true},
		{"??", "\xc3\xa9", false},
		{"[ab]", "a", false},
		{"**a**", "xay", true},
		{"a", "", false},
		{"?", "", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (text_match(cases[i].pattern, cases[i].text) != cases[i].match)
			fail_msg("'%s' against '%s'", cases[i].pattern, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_base64url_as_rfc_4648_says),
		cmocka_unit_test(refuses_base64url_that_is_not_canonical),
		cmocka_unit_test(reads_and_writes_hex),
		cmocka_unit_test(reads_and_writes_times),
		cmocka_unit_test(takes_what_rfc_3339_allows_in_a_time),
		cmocka_unit_test(says_durations_for_people),
		cmocka_unit_test(reads_integers_and_nothing_else),
		cmocka_unit_test(knows_utf8),
		cmocka_unit_test(cleans_text_for_display),
		cmocka_unit_test(cleans_lines_for_display),
		cmocka_unit_test(says_when_a_copy_was_cut),
		cmocka_unit_test(finds_the_word_that_was_meant),
		cmocka_unit_test(matches_stars_and_question_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
