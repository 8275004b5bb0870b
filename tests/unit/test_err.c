/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>

static void adds_context_in_front(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_set(&err, ERR_INVALID, "bad value '%s'", "maybe"), -1);
	assert_int_equal(err_wrap(&err, "policy.ini:%d", 3), -1);
	assert_string_equal(err.msg, "policy.ini:3: bad value 'maybe'");
	assert_int_equal(err.code, ERR_INVALID);
}

static void takes_the_code_from_errno(void **state)
{
	static const struct {
		int errnum;
		enum err_code code;
	} cases[] = {{ENOENT, ERR_NOTFOUND}, {ENOTDIR, ERR_NOTFOUND}, {EACCES, ERR_DENIED},
		     {ENOSPC, ERR_FULL},     {EDQUOT, ERR_FULL},      {ENOMEM, ERR_NOMEM},
		     {EIO, ERR_IO},          {ETIMEDOUT, ERR_TIMEOUT}};
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		err_errno(&err, cases[i].errnum, "open");
		assert_int_equal(err.code, cases[i].code);
	}
	err_errno(&err, ENOENT, "open '%s'", "x");
	assert_string_equal(err.msg, "open 'x': No such file or directory");
}

static void cuts_what_is_too_long(void **state)
{
	struct err err;
	char longer[400];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	err_set(&err, ERR_IO, "%s", longer);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	err_wrap(&err, "%s", longer);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	err_errno(&err, EIO, "%s", longer);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_context_in_front),
		cmocka_unit_test(takes_the_code_from_errno),
		cmocka_unit_test(cuts_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
