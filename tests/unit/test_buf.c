/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"

#include <stdlib.h>

static void grows_and_ends_with_a_nul(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 0);
	assert_string_equal(buf_text(&buf), "");
	for (int i = 0; i < 1000; i++)
		buf_addf(&buf, "%03d,", i);
	assert_int_equal(buf.len, 4000);
	assert_int_equal(strlen(buf.data), 4000);
	assert_memory_equal(buf.data + 3992, "998,999,", 8);
	assert_works(buf_check(&buf, &err));
	buf_clear(&buf);
	assert_null(buf.data);
}

static void formats_what_is_longer_than_its_own_scratch(void **state)
{
	struct buf buf;
	char longer[1000];

	(void)state;
	memset(longer, 'y', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	buf_init(&buf, 0);
	buf_addf(&buf, "<%s>", longer);
	assert_int_equal(buf.len, 1001);
	assert_int_equal(buf.data[1000], '>');
	buf_clear(&buf);
}

static void takes_exactly_its_bound_and_then_fails_for_good(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 5);
	buf_adds(&buf, "abcde");
	assert_works(buf_check(&buf, &err));
	buf_addc(&buf, 'f');
	assert_fails(buf_check(&buf, &err), ERR_INVALID, "more than 5 bytes");
	assert_string_equal(buf.data, "abcde");
	buf_reset(&buf);
	buf_adds(&buf, "xy");
	assert_works(buf_check(&buf, &err));
	assert_string_equal(buf.data, "xy");
	assert_null(buf_grow(&buf, SIZE_MAX)); /* must not wrap round */
	buf_clear(&buf);
}

static void hands_its_bytes_over(void **state)
{
	struct buf buf;
	size_t len = 9;
	char *data;

	(void)state;
	buf_init(&buf, 10);
	assert_null(buf_take(&buf, &len));
	assert_int_equal(len, 0);
	buf_add(&buf, "a\0b", 3);
	data = buf_take(&buf, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "a\0b", 4);
	assert_null(buf.data);
	assert_int_equal(buf.max, 10);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_ends_with_a_nul),
		cmocka_unit_test(formats_what_is_longer_than_its_own_scratch),
		cmocka_unit_test(takes_exactly_its_bound_and_then_fails_for_good),
		cmocka_unit_test(hands_its_bytes_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
