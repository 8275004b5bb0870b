/* deflate_zlib.c: there and back, and what is refused on the way back.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/proto_helpers.h"

#include "agent/proto/deflate.h"

static void gives_back_what_it_packed(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 40000, 2000000};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct buf data, packed, again;
		struct err err = {0};

		buf_init(&data, 0);
		buf_init(&packed, 0);
		buf_init(&again, 0);
		while (data.len < sizes[i])
			buf_addc(&data, (char)(data.len * data.len >> 7));
		buf_adds(&again, "before");
		for (unsigned dict = 0; dict <= DEFLATE_DICT_NEWEST; dict++) {
			buf_reset(&packed);
			assert_int_equal(deflate_pack(data.data, data.len, dict, &packed, &err), 0);
			again.len = 6;
			assert_int_equal(deflate_unpack(packed.data, packed.len, dict, data.len,
							&again, &err),
					 0);
			assert_int_equal(again.len, 6 + data.len);
			assert_memory_equal(again.data, "before", 6);
			if (data.len)
				assert_memory_equal(again.data + 6, data.data, data.len);
		}
		buf_clear(&data);
		buf_clear(&packed);
		buf_clear(&again);
	}
}

static void refuses_data_that_is_not_whole(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		unsigned dict;
		const char *want;
	} cases[] = {
		{"", 0, 0, "the DEFLATE data is cut off"},
		{"\x4b", 1, 0, "the DEFLATE data is cut off"},
		{"\x4b\x04", 2, 0, "the DEFLATE data is cut off"},
		{"\x4b\x04\x00xyz", 6, 0, "3 bytes follow the DEFLATE data"},
		{"\xff\xff", 2, 0, "not DEFLATE data: invalid block type"},
		{"\x78\x9c\x4b\x04\x00", 5, 0, "not DEFLATE data: invalid stored block lengths"},
		{"\x4b\x04\x00", 3, 9, "dictionary 9 is not known here"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = {0};
		struct buf out;

		buf_init(&out, 0);
		buf_adds(&out, "before");
		assert_int_equal(deflate_unpack(cases[i].data, cases[i].len, cases[i].dict, 1000,
						&out, &err),
				 -1);
		assert_string_equal(err.msg, cases[i].want);
		assert_string_equal(out.data, "before");
		buf_clear(&out);
	}
}

static void takes_exactly_the_bound_and_no_more(void **state)
{
	struct buf data, packed, out;
	struct err err = {0};

	(void)state;
	buf_init(&data, 0);
	buf_init(&packed, 0);
	buf_init(&out, 0);
	memset(buf_grow(&data, 100000), 'x', 100000);
	assert_int_equal(deflate_pack(data.data, data.len, 1, &packed, &err), 0);
	assert_int_equal(deflate_unpack(packed.data, packed.len, 1, 100000, &out, &err), 0);
	buf_reset(&out);
	assert_int_equal(deflate_unpack(packed.data, packed.len, 1, 99999, &out, &err), -1);
	assert_string_equal(err.msg, "inflates to more than 99999 bytes");
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(out.len, 0);
	buf_clear(&data);
	buf_clear(&packed);
	buf_clear(&out);
}

static void knows_its_dictionaries(void **state)
{
	(void)state;
	assert_true(deflate_dict_known(DEFLATE_DICT_NEWEST));
	assert_false(deflate_dict_known(DEFLATE_DICT_NONE));
	assert_false(deflate_dict_known(DEFLATE_DICT_NEWEST + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_it_packed),
		cmocka_unit_test(refuses_data_that_is_not_whole),
		cmocka_unit_test(takes_exactly_the_bound_and_no_more),
		cmocka_unit_test(knows_its_dictionaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
