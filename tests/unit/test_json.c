/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/base/json.h"

#include <stdlib.h>

static struct json *parse(const char *text)
{
	struct json *root = NULL;
	struct err err;

	if (json_parse(text, strlen(text), &root, &err))
		fail_msg("%s: %s", text, err.msg);
	return root;
}

static void takes_what_is_json(void **state)
{
	static const char *const cases[] = {
		"{}",
		"[]",
		" [ ] ",
		"\t{ \"a\" : 1 , \"b\" : [ ] }\r\n",
		"0",
		"-0",
		"-1.5e+3",
		"1E-2",
		"9007199254740991",
		"-9007199254740991",
		"1.7976931348623157e308",
		"true",
		"null",
		"\"\"",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
		"\"caf\xc3\xa9\"",
		"{\"a\":1,\"A\":2,\"\":3}",
		"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
		"\"\x7f\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		json_free(parse(cases[i]));
}

static void refuses_what_is_not_or_can_be_read_two_ways(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", "byte 0: the text ends where a value is expected"},
		{"\xef\xbb\xbf{}", "byte 0: expected a value"},
		{"{} x", "byte 3: more after the value"},
		{"{}{}", "byte 2: more after the value"},
		{"{\"a\":1,\"a\":2}", "member 'a' is there twice"},
		{"[{\"b\":{\"a\":1,\"\\u0061\":2}}]", "member 'a' is there twice"},
		{"\"\xff\"", "not valid UTF-8"},
		{"\"\xc0\x80\"", "not valid UTF-8"},
		{"\"\xed\xa0\x80\"", "not valid UTF-8"},
		{"\"a\\u0000b\"", "byte 2: U+0000 is not taken"},
		{"\"\\ud800\"", "byte 1: half of a surrogate pair"},
		{"\"\\udc00\"", "byte 1: half of a surrogate pair"},
		{"\"\\ud800\\u0041\"", "byte 1: half of a surrogate pair"},
		{"\"\\ud800\\ud800\"", "byte 1: half of a surrogate pair"},
		{"\"\\x\"", "byte 1: unknown escape"},
		{"\"\\u12g4\"", "byte 1: expected four hexadecimal digits after '\\u'"},
		{"\"a\nb\"", "byte 2: a control character in a string"},
		{"\"abc", "byte 0: a string that does not end"},
		{"\"abc\\", "byte 4: the text ends within a string"},
		{"01", "byte 0: not a number"},
		{"-", "byte 0: not a number"},
		{"+1", "byte 0: expected a value"},
		{".5", "byte 0: expected a value"},
		{"1.", "byte 0: a number without digits after its point"},
		{"1e", "byte 0: a number without digits in its exponent"},
		{"9007199254740992", "byte 0: an integer past 2^53 - 1, which is not exact"},
		{"-10000000000000000", "byte 0: an integer past 2^53 - 1, which is not exact"},
		{"0.00000000000000000000000000000000000000001",
		 "byte 0: a number of more than 40 characters"},
		{"[1e999]", "a number too large to hold"},
		{"-1e999", "a number too large to hold"},
		{"NaN", "byte 0: expected a value"},
		{"nul", "byte 0: expected a value"},
		{"[1,]", "byte 3: expected a value"},
		{"[1 2]", "byte 3: expected ',' or ']'"},
		{"{\"a\":1", "byte 6: expected ',' or '}'"},
		{"{\"a\" 1}", "byte 5: expected ':'"},
		{"{a:1}", "byte 1: expected a member's name in quotes"},
		{"{,}", "byte 1: expected a member's name in quotes"},
		{"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "byte 16: nested too deeply"},
		{"// c\n1", "byte 0: expected a value"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json *root = NULL;

		assert_fails(json_parse(cases[i].text, strlen(cases[i].text), &root, &err),
			     ERR_INVALID, cases[i].want);
		assert_null(root);
	}
}

static void refuses_a_nul_byte_and_does_not_stop_at_it(void **state)
{
	struct json *root = NULL;

	(void)state;
	assert_fails(json_parse("{}\0", 3, &root, &err), ERR_INVALID,
		     "byte 2: more after the value");
	assert_fails(json_parse("\"a\0b\"", 5, &root, &err), ERR_INVALID,
		     "byte 2: a control character in a string");
}

static void finds_a_name_twice_among_many(void **state)
{
	struct json *root = NULL;
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	buf_addc(&buf, '{');
	for (int i = 0; i < 5000; i++)
		buf_addf(&buf, "\"n%d\":%d,", i, i);
	buf_adds(&buf, "\"n2500\":1}");
	assert_fails(json_parse(buf.data, buf.len, &root, &err), ERR_INVALID,
		     "member 'n2500' is there twice");
	memcpy(buf.data + buf.len - 10, "\"nx   \":1}", 10);
	assert_works(json_parse(buf.data, buf.len, &root, &err));
	json_free(root);
	buf_clear(&buf);
}

static void bounds_the_number_of_values(void **state)
{
	struct json *root = NULL;
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	buf_addc(&buf, '[');
	for (int i = 1; i < JSON_MAX_VALUES - 1; i++)
		buf_adds(&buf, "0,");
	buf_adds(&buf, "0]");
	assert_works(json_parse(buf.data, buf.len, &root, &err));
	json_free(root);
	root = NULL;
	buf.len--;
	buf_adds(&buf, ",0]");
	assert_fails(json_parse(buf.data, buf.len, &root, &err), ERR_INVALID,
		     "byte 399999: too many values");
	buf_clear(&buf);
}

static void reads_members_by_type(void **state)
{
	struct json *root = parse("{\"s\":\"caf\\u00e9\",\"i\":-7,\"t\":true,\"o\":{\"x\":1},"
				  "\"a\":[1,2,3],\"z\":null,\"e\":1e3,\"f\":1.5}");
	const struct json *value;
	const char *text;
	int64_t i = 0;
	bool t = false;
	double d;

	(void)state;
	assert_works(json_get_string(root, "s", 5, &text, &err));
	assert_string_equal(text, "caf\xc3\xa9");
	assert_works(json_get_int(root, "i", -7, 9, &i, &err));
	assert_int_equal(i, -7);
	assert_works(json_get_int(root, "e", 0, 1000, &i, &err));
	assert_int_equal(i, 1000);
	assert_works(json_get_bool(root, "t", &t, &err));
	assert_true(t);
	assert_works(json_get_object(root, "o", &value, &err));
	assert_true(json_is_object(value));
	assert_works(json_get_array(root, "a", 3, &value, &err));
	assert_true(json_number(json_next(json_first(value)), &d) && d == 2);
	assert_null(json_get(root, "S"));
	assert_string_equal(json_name(json_first(root)), "s");
	assert_false(json_number(json_get(root, "z"), &d));
	assert_null(json_first(json_get(root, "s")));
	assert_null(json_string(json_get(root, "i")));
	json_free(root);
}

static void names_the_member_that_is_wrong(void **state)
{
	struct json *root = parse("{\"s\":\"abc\",\"i\":7,\"f\":1.5,\"a\":[1,2,3]}");
	const struct json *value = NULL;
	const char *text = NULL;
	int64_t i = 42;
	bool t = true;

	(void)state;
	assert_fails(json_get_string(root, "s", 2, &text, &err), ERR_INVALID,
		     "member 's': expected text of at most 2 bytes");
	assert_fails(json_get_string(root, "i", 9, &text, &err), ERR_INVALID,
		     "member 'i': expected text of at most 9 bytes");
	assert_fails(json_get_int(root, "i", 8, 9, &i, &err), ERR_INVALID,
		     "member 'i': expected an integer from 8 to 9");
	assert_fails(json_get_int(root, "f", 0, 9, &i, &err), ERR_INVALID,
		     "member 'f': expected an integer from 0 to 9");
	assert_fails(json_get_int(root, "no", 0, 9, &i, &err), ERR_INVALID,
		     "member 'no': missing; expected an integer from 0 to 9");
	assert_fails(json_get_bool(root, "i", &t, &err), ERR_INVALID,
		     "member 'i': expected true or false");
	assert_fails(json_get_object(root, "a", &value, &err), ERR_INVALID,
		     "member 'a': expected an object");
	assert_fails(json_get_array(root, "a", 2, &value, &err), ERR_INVALID,
		     "member 'a': expected an array of at most 2");
	assert_null(text);
	assert_null(value);
	assert_int_equal(i, 42);
	json_free(root);
}

static void leaves_what_is_absent_but_not_what_is_wrong(void **state)
{
	struct json *root = parse("{\"s\":1,\"i\":\"x\"}");
	const char *text = "default";
	int64_t i = 42;
	bool t = true;

	(void)state;
	assert_works(json_opt_string(root, "no", 9, &text, &err));
	assert_string_equal(text, "default");
	assert_works(json_opt_int(root, "no", 0, 9, &i, &err));
	assert_works(json_opt_bool(root, "no", &t, &err));
	assert_fails(json_opt_string(root, "s", 9, &text, &err), ERR_INVALID,
		     "member 's': expected text of at most 9 bytes");
	assert_fails(json_opt_int(root, "i", 0, 9, &i, &err), ERR_INVALID,
		     "member 'i': expected an integer from 0 to 9");
	assert_int_equal(i, 42);
	json_free(root);
}

static void refuses_members_it_does_not_know(void **state)
{
	static const char *const names[] = {"a", "b", NULL};
	struct json *root = parse("{\"b\":1}"), *other = parse("{\"b\":1,\"c\\n\":2}");

	(void)state;
	assert_works(json_only(root, names, &err));
	assert_fails(json_only(other, names, &err), ERR_INVALID,
		     "member 'c\xef\xbf\xbd' is not known");
	json_free(root);
	json_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_json),
		cmocka_unit_test(refuses_what_is_not_or_can_be_read_two_ways),
		cmocka_unit_test(refuses_a_nul_byte_and_does_not_stop_at_it),
		cmocka_unit_test(finds_a_name_twice_among_many),
		cmocka_unit_test(bounds_the_number_of_values),
		cmocka_unit_test(reads_members_by_type),
		cmocka_unit_test(names_the_member_that_is_wrong),
		cmocka_unit_test(leaves_what_is_absent_but_not_what_is_wrong),
		cmocka_unit_test(refuses_members_it_does_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
