/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/base/ini.h"

/* Writes down what it is told; refuses the key "stop". */
static int note(void *ctx, int line, const char *section, const char *key, const char *value,
		struct err *err)
{
	if (!key)
		buf_addf(ctx, "%d[%s] ", line, section);
	else if (strcmp(key, "stop") == 0)
		return err_set(err, ERR_INVALID, "unknown key 'stop'");
	else
		buf_addf(ctx, "%d[%s]%s=%s ", line, section, key, value);
	return 0;
}

static void tells_lines_sections_keys_and_values(void **state)
{
	static const char text[] = "first = 1\n"
				   "\n"
				   "# comment\n"
				   "  ; an indented one\n"
				   "[usb-storage]  \r\n"
				   "mode = audit\r\n"
				   "hosts=a:b, c;d  # not a comment\n"
				   "   \n"
				   "[empty]\n"
				   "[next]\n"
				   "caf\xc3\xa9 =\n"
				   "last = a = b";
	struct buf seen;

	(void)state;
	buf_init(&seen, 0);
	assert_works(ini_parse_text("p", text, sizeof(text) - 1, note, &seen, &err));
	assert_string_equal(buf_text(&seen),
			    "1[]first=1 5[usb-storage] 6[usb-storage]mode=audit "
			    "7[usb-storage]hosts=a:b, c;d  # not a comment 9[empty] 10[next] "
			    "11[next]caf\xc3\xa9= 12[next]last=a = b ");
	buf_clear(&seen);
}

static void refuses_what_inih_would_take_for_something_else(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"\xef\xbb\xbf[a]\n",
		 "p:1: begins with a byte order mark; save it as UTF-8 without one"},
		{"[a]\nk = v ; note\n",
		 "p:2: a ';' after a blank, which would begin a comment; give a "
		 "comment a line of its own"},
		{"k = ;\n",
		 "p:1: a ';' after a blank, which would begin a comment; give a comment a "
		 "line of its own"},
		{"k = 1\n  more\n",
		 "p:2: begins with a blank, which would make it part of the line before"},
		{"[a]\n k = 1\n",
		 "p:2: begins with a blank, which would make it part of the line before"},
		{"k: v\n", "p:1: expected 'key = value', '[section]' or a comment"},
		{"a:b = v\n", "p:1: a ':' before the '=', which would end the key there"},
		{"k\n", "p:1: expected 'key = value', '[section]' or a comment"},
		{"= v\n", "p:1: expected a key before '='"},
		{"[a\n", "p:1: expected ']' after the section's name"},
		{"[a] b\n", "p:1: expected nothing after the section's ']'"},
		{"[]\n", "p:1: a section without a name"},
		{"[aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeee]\n",
		 "p:1: a section's name of more than 48 bytes"},
		{"k = \xff\n", "p:1: not valid UTF-8"},
		{"k = a\x0b\n", "p:1: the control character 0x0b"},
		{"k = a\rb\n", "p:1: the control character 0x0d"},
		{"\n\n[a]\nk = 1\nstop = 2\nk\n", "p:5: unknown key 'stop'"},
	};
	struct buf seen;

	(void)state;
	buf_init(&seen, 0);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_fails(ini_parse_text("p", cases[i].text, strlen(cases[i].text), note, &seen,
					    &err),
			     ERR_INVALID, cases[i].want);
	assert_fails(ini_parse_text("p", "k = \0v\n", 7, note, &seen, &err), ERR_INVALID,
		     "p:1: the control character 0x00");
	buf_clear(&seen);
}

static void takes_the_longest_line_whole_and_refuses_the_next(void **state)
{
	char text[300];
	struct buf seen, want;

	(void)state;
	buf_init(&seen, 0);
	buf_init(&want, 0);
	memset(text, 'v', sizeof(text));
	memcpy(text, "k =", 3);
	assert_works(ini_parse_text("p", text, INI_MAX_LINE, note, &seen, &err));
	buf_adds(&want, "1[]k=");
	buf_add(&want, text + 3, INI_MAX_LINE - 3);
	buf_addc(&want, ' ');
	assert_string_equal(buf_text(&seen), buf_text(&want));
	assert_fails(ini_parse_text("p", text, INI_MAX_LINE + 1, note, &seen, &err), ERR_INVALID,
		     "p:1: a line of 191 bytes; at most 190 are taken");
	buf_clear(&seen);
	buf_clear(&want);
}

static void keeps_the_longest_section_name_whole(void **state)
{
	static const char text[] = "[aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeee]\nk = v\n";
	struct buf seen;

	(void)state;
	buf_init(&seen, 0);
	assert_works(ini_parse_text("p", text, sizeof(text) - 1, note, &seen, &err));
	assert_string_equal(buf_text(&seen),
			    "1[aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeee] "
			    "2[aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeee]k=v ");
	buf_clear(&seen);
}

static void tells_nothing_after_an_error(void **state)
{
	static const char text[] = "a = 1\nstop = 2\nb = 3\n";
	struct buf seen;

	(void)state;
	buf_init(&seen, 0);
	assert_fails(ini_parse_text("p", text, sizeof(text) - 1, note, &seen, &err), ERR_INVALID,
		     "p:2: unknown key 'stop'");
	assert_string_equal(buf_text(&seen), "1[]a=1 ");
	buf_clear(&seen);
}

static void refuses_a_file_that_is_too_large(void **state)
{
	static char text[INI_MAX_BYTES + 1];

	(void)state;
	memset(text, '\n', sizeof(text));
	assert_works(ini_parse_text("p", text, INI_MAX_BYTES, note, NULL, &err));
	assert_fails(ini_parse_text("p", text, sizeof(text), note, NULL, &err), ERR_INVALID,
		     "p: 65537 bytes; at most 65536 are taken");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_lines_sections_keys_and_values),
		cmocka_unit_test(refuses_what_inih_would_take_for_something_else),
		cmocka_unit_test(takes_the_longest_line_whole_and_refuses_the_next),
		cmocka_unit_test(keeps_the_longest_section_name_whole),
		cmocka_unit_test(tells_nothing_after_an_error),
		cmocka_unit_test(refuses_a_file_that_is_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
