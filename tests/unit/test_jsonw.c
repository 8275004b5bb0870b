/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"

static void write_all_kinds(struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "s", "a\"b\\\n\x01\x7f\xc3\xa9");
	jsonw_string(w, "n", NULL);
	jsonw_int(w, "i", INT64_C(-9007199254740991));
	jsonw_array(w, "a");
	jsonw_bool(w, NULL, true);
	jsonw_bool(w, NULL, false);
	jsonw_object(w, NULL);
	jsonw_object_end(w);
	jsonw_array_end(w);
	jsonw_array(w, "e");
	jsonw_array_end(w);
	jsonw_raw(w, "r", "[1]", 3);
	jsonw_time(w, "t", 1795328400);
	jsonw_time(w, "u", 0);
	jsonw_object_end(w);
}

static void writes_compact_json(void **state)
{
	struct json *root;
	struct jsonw w;
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	jsonw_init(&w, &buf);
	write_all_kinds(&w);
	assert_string_equal(buf_text(&buf),
			    "{\"s\":\"a\\\"b\\\\\\n\\u0001\\u007f\xc3\xa9\",\"n\":null,"
			    "\"i\":-9007199254740991,\"a\":[true,false,{}],\"e\":[],\"r\":[1],"
			    "\"t\":\"2026-11-22T06:20:00Z\",\"u\":null}");
	assert_works(json_parse(buf.data, buf.len, &root, &err));
	json_free(root);
	buf_clear(&buf);
}

/* A 'less' and an editor show what stands in a string; "\\u009b" does not steer them. */
static void escapes_what_would_steer_a_terminal(void **state)
{
	static const char foreign[] = "{ \"\xe2\x80\xae\" :\n[\"\x7f\xc2\x9b\xc3\xa9\xff\"] }";
	struct json *root;
	struct jsonw w;
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	jsonw_init(&w, &buf);
	jsonw_array(&w, NULL);
	jsonw_string(&w, NULL, "\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf\xe2\x80\xa8");
	jsonw_foreign(&w, NULL, foreign, sizeof(foreign) - 1);
	jsonw_array_end(&w);
	assert_string_equal(buf_text(&buf),
			    "[\"\\u009b\\u202e\\u2066\\ufeff\\u2028\","
			    "{ \"\\u202e\" :\n[\"\\u007f\\u009b\xc3\xa9" TEXT_REPLACEMENT "\"] }]");
	assert_works(json_parse(buf.data, buf.len, &root, &err));
	json_free(root);
	buf_clear(&buf);
}

static void indents_for_people(void **state)
{
	struct jsonw w;
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	jsonw_init(&w, &buf);
	w.indent = true;
	jsonw_object(&w, NULL);
	jsonw_array(&w, "a");
	jsonw_int(&w, NULL, 1);
	jsonw_int(&w, NULL, 2);
	jsonw_array_end(&w);
	jsonw_object(&w, "o");
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	assert_string_equal(buf_text(&buf), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"o\": {}\n}");
	buf_clear(&buf);
}

static void cleans_strings_so_that_they_can_be_read_back(void **state)
{
	struct json *root;
	struct jsonw w;
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	for (int c = 0; c < 256; c++) {
		char text[3] = {'a', (char)c, 'b'};

		buf_reset(&buf);
		jsonw_init(&w, &buf);
		jsonw_stringn(&w, NULL, text, sizeof(text));
		assert_works(json_parse(buf.data, buf.len, &root, &err));
		if (c == 0 || c > 0x7f)
			assert_string_equal(json_string(root), "a\xef\xbf\xbd"
							       "b");
		else
			assert_memory_equal(json_string(root), text, 3);
		json_free(root);
	}
	buf_clear(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_compact_json),
		cmocka_unit_test(escapes_what_would_steer_a_terminal),
		cmocka_unit_test(indents_for_people),
		cmocka_unit_test(cleans_strings_so_that_they_can_be_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
