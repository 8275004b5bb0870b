/* status.c: what everyone on the machine may read of what was found.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/check/status.h"

static struct buf wrong, todo;

static const char *says(enum control_id id, const char *why, const char *evidence)
{
	buf_clear(&wrong);
	buf_clear(&todo);
	buf_init(&wrong, 4096);
	buf_init(&todo, 4096);
	status_sentences(id, why, evidence, &wrong, &todo);
	return buf_text(&wrong);
}

static void numbers_are_told_to_everyone(void **state)
{
	(void)state;
	assert_string_equal(says(CONTROL_PASSWORD_POLICY, "too-short",
				 "{\"min_length\":6,\"min_length_wanted\":12}"),
			    "Passwords may be as short as 6 characters; the policy asks for 12.");
	assert_string_equal(buf_text(&todo),
			    "Set minlen = 12 in /etc/security/pwquality.conf (package "
			    "libpam-pwquality).");
	assert_string_equal(says(CONTROL_PASSWORD_POLICY, "no-mix",
				 "{\"classes_missing\":[\"digits\",\"upper case\"]}"),
			    "Passwords need no mix of digits and upper case.");
}

static void people_are_counted_and_not_named(void **state)
{
	(void)state;
	assert_string_equal(says(CONTROL_ACCOUNTS, "extra-administrators",
				 "{\"people\":3,\"extra_administrators\":[\"ann\",\"bob\"]}"),
			    "Administrators whom the policy does not name: 2.");
	assert_string_equal(says(CONTROL_ACCOUNTS, "auto-login",
				 "{\"auto_login\":[\"ann\"],\"manager\":[\"gdm3\"]}"),
			    "Logged in automatically, without a password: 1.");
	assert_string_equal(buf_text(&todo),
			    "Switch automatic log-in off in the settings of gdm3.");
	/* A text that nobody declared open is kept back, list or not. */
	assert_null(strstr(says(CONTROL_ACCOUNTS, "leaver", "{\"leavers\":\"ann\"}"), "ann"));
	assert_string_equal(says(CONTROL_PASSWORD_POLICY, "too-old",
				 "{\"old_accounts\":[\"ann\",\"bob\",\"cid\"]}"),
			    "Passwords past the age that the policy allows: 3.");
}

static void of_the_machine_everything_is_told(void **state)
{
	(void)state;
	assert_string_equal(says(CONTROL_DISK_ENCRYPTION, "plain", "{\"plain\":[\"/srv\"]}"),
			    "Not encrypted: /srv.");
	assert_string_equal(says(CONTROL_ACCOUNTS, "cannot-tell", "{\"message\":\"no file\"}"),
			    "This machine could not find out: no file.");
	assert_non_null(strstr(says(CONTROL_DISK_ENCRYPTION, "plain", "{damaged"), "(not known)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_told_to_everyone),
		cmocka_unit_test(people_are_counted_and_not_named),
		cmocka_unit_test(of_the_machine_everything_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
