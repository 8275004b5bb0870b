/* The controls of who may log in: accounts, their passwords, and the lock of the screen.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/machine_controls.h"

/* --- accounts --- */

static void accounts_are_judged_by_the_policy(void **state)
{
	struct plat_account accounts[] = {
		{.name = "root",
		 .super = true,
		 .admin = true,
		 .can_log_in = true,
		 .password = PLAT_PASSWORD_LOCKED},
		{.name = "smith", .person = true, .can_log_in = true},
	};
	struct plat_auto_login login = {"gdm3", "smith"};
	struct plat_accounts *facts = &fake_machine.accounts.facts;

	(void)state;
	fake_machine.accounts.err.code = ERR_NONE;
	facts->accounts = accounts;
	facts->count = 2;
	check(CONTROL_ACCOUNTS, "");
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("\"people\":1,\"administrators\":1");

	accounts[1].admin = true;
	check(CONTROL_ACCOUNTS, "[privacy]\nusers = name\n");
	assert_said(VERDICT_FAIL, "extra-administrators");
	assert_evidence("\"extra_administrators\":[\"smith\"]");
	check(CONTROL_ACCOUNTS, "");
	assert_evidence("[\"person-");
	assert_no_evidence("smith");
	check(CONTROL_ACCOUNTS, "[accounts]\nadministrators = root, smith\n");
	assert_said(VERDICT_PASS, "ok");

	accounts[1].admin = false;
	accounts[1].password = PLAT_PASSWORD_NONE;
	check(CONTROL_ACCOUNTS, "");
	assert_said(VERDICT_FAIL, "empty-password");
	accounts[1].password = PLAT_PASSWORD_UNKNOWN;
	check(CONTROL_ACCOUNTS, "");
	assert_said(VERDICT_UNKNOWN, "cannot-tell");
	accounts[1].password = PLAT_PASSWORD_SET;
	accounts[1].super = accounts[1].admin = true;
	check(CONTROL_ACCOUNTS, "");
	assert_said(VERDICT_FAIL, "duplicate-uid");
	accounts[1].super = accounts[1].admin = false;

	facts->auto_logins = &login;
	facts->auto_login_count = 1;
	check(CONTROL_ACCOUNTS, "[privacy]\nusers = never\n");
	assert_said(VERDICT_FAIL, "auto-login");
	assert_evidence("\"auto_login\":[\"a member of staff\"],\"manager\":[\"gdm3\"]");
	check(CONTROL_ACCOUNTS, "[accounts]\nautomatic_login_allowed = yes\n");
	assert_said(VERDICT_PASS, "ok");
	(void)strcpy(login.user, "root"); /* nobody's name */
	check(CONTROL_ACCOUNTS, "[privacy]\nusers = never\n");
	assert_evidence("\"auto_login\":[\"root\"]");
	facts->auto_login_count = 0;
	check(CONTROL_ACCOUNTS, "[privacy]\nusers = never\n[accounts]\nadministrators = smith\n");
	assert_said(VERDICT_FAIL, "extra-administrators");
	assert_evidence("\"extra_administrators\":[\"root\"]");

	(void)strcpy(facts->guest_by, "lightdm");
	check(CONTROL_ACCOUNTS, "");
	assert_said(VERDICT_FAIL, "guest");
	facts->guest_by[0] = '\0';

	check(CONTROL_ACCOUNTS, "[accounts]\ndisabled_accounts = smith\n");
	assert_said(VERDICT_FAIL, "leaver");
	check(CONTROL_ACCOUNTS, "[accounts]\nallowed_accounts = jones\n");
	assert_said(VERDICT_FAIL, "not-allowed-here");
	check(CONTROL_ACCOUNTS, "[accounts]\nallowed_accounts = smith\n");
	assert_said(VERDICT_PASS, "ok"); /* root is nobody */
	(void)strcpy(accounts[1].name, "class3");
	check(CONTROL_ACCOUNTS, "");
	assert_said(VERDICT_FAIL, "shared-account");
	check(CONTROL_ACCOUNTS, "[accounts]\nclass_accounts = class3\n");
	assert_said(VERDICT_PASS, "ok");
}

/* A directory's accounts are in no list of this machine's. */
static void who_is_logged_on_is_held_to_the_policy(void **state)
{
	struct plat_logon logons[] = {{.name = "root"}, {.name = "smith"}, {.name = "class3"}};
	struct plat_accounts *facts = &fake_machine.accounts.facts;

	(void)state;
	fake_machine.accounts.err.code = ERR_NONE;
	check(CONTROL_ACCOUNTS, "");
	assert_no_evidence("logged_on");
	facts->logons = logons;
	facts->logon_count = 3;
	facts->logons_known = true;
	(void)strcpy(facts->domain, "sssd");
	check(CONTROL_ACCOUNTS, "");
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("\"logged_on\":3,\"directory\":\"sssd\"");
	assert_no_evidence("logged_on_as");
	check(CONTROL_ACCOUNTS,
	      "[privacy]\nusers = name\n[accounts]\nallowed_accounts = jones, class3\n");
	assert_said(VERDICT_FAIL, "not-allowed-here");
	assert_evidence("\"not_allowed\":[\"smith\"]");
	check(CONTROL_ACCOUNTS, "[accounts]\nallowed_accounts = smith, class3\n");
	assert_said(VERDICT_PASS, "ok");
	logons[0] = logons[1];
	facts->logon_count = 1;
	check(CONTROL_ACCOUNTS, "[privacy]\nusers = name\n[accounts]\none_computer = yes\n");
	assert_evidence("\"logged_on_as\":[\"smith\"]");
	check(CONTROL_ACCOUNTS, "[privacy]\nusers = name\n[accounts]\none_computer = yes\n"
				"class_accounts = smith\n");
	assert_no_evidence("smith");
	check(CONTROL_ACCOUNTS, "[privacy]\nusers = name\n[accounts]\none_computer = yes\n"
				"pupil_accounts = smith\n");
	assert_no_evidence("logged_on_as");
}

static void pupils_are_not_named_where_staff_are(void **state)
{
	struct plat_account pupil = {
		.name = "amy", .person = true, .can_log_in = true, .admin = true};

	(void)state;
	fake_machine.accounts.err.code = ERR_NONE;
	fake_machine.accounts.facts.accounts = &pupil;
	fake_machine.accounts.facts.count = 1;
	check(CONTROL_ACCOUNTS, "[privacy]\nusers = name\n[accounts]\npupil_accounts = amy\n");
	assert_evidence("\"extra_administrators\":[\"a pupil\"]");
	assert_no_evidence("amy");
}

/* --- password-policy --- */

static void password_rules_are_held_to_the_policy(void **state)
{
	struct plat_password_rules good = {.quality_by = "pam_pwquality",
					   .min_length = 10,
					   .refuse_common = true,
					   .max_days = -1,
					   .lockout = true,
					   .lockout_tries = 5,
					   .lockout_seconds = 600};
	struct plat_password_rules *facts = &fake_machine.password_rules.facts;

	(void)state;
	fake_machine.password_rules.err.code = ERR_NONE;
	*facts = good;
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_UNKNOWN, "cannot-tell"); /* how the passwords there are are stored */
	fake_machine.accounts.err.code = ERR_NONE;
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_PASS, "ok");
	facts->min_length = 6;
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_FAIL, "too-short");
	assert_evidence("\"min_length\":6,\"min_length_wanted\":8");
	*facts = good;
	facts->quality_by[0] = '\0';
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_FAIL, "no-quality-check");
	*facts = good;
	facts->need_lower = facts->need_upper = facts->need_digit = true;
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nmin_classes = 4\n");
	assert_said(VERDICT_FAIL, "no-mix");
	assert_evidence("\"classes_missing\":[\"other characters\"]");
	facts->need_other = true;
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nmin_classes = 4\n");
	assert_said(VERDICT_PASS, "ok");
	*facts = good;
	facts->refuse_common = false;
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_FAIL, "common-words");
	*facts = good;
	facts->lockout = false;
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_FAIL, "no-guess-limit");
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nlockout_attempts_max = 0\n");
	assert_said(VERDICT_PASS, "ok");
	*facts = good;
	facts->lockout_tries = -1;
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_UNKNOWN, "cannot-tell");
	assert_evidence("how many guesses are allowed");
	*facts = good;
	facts->lockout_tries = 20;
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_FAIL, "many-guesses");
	*facts = good;
	facts->lockout_seconds = 5;
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_FAIL, "lock-short");
	(void)strcpy(facts->domain, "sssd");
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_NOT_APPLICABLE, "domain-accounts");
}

static void old_passwords_fail_where_the_policy_has_an_age(void **state)
{
	struct plat_account smith = {.name = "smith",
				     .person = true,
				     .can_log_in = true,
				     .password = PLAT_PASSWORD_SET,
				     .password_changed_at = FAKE_NOW - 91 * 86400LL,
				     .password_max_days = 90};

	(void)state;
	fake_machine.password_rules.err.code = ERR_NONE;
	fake_machine.password_rules.facts =
		(struct plat_password_rules){.quality_by = "pam_pwquality",
					     .min_length = 10,
					     .refuse_common = true,
					     .max_days = 90,
					     .lockout = true,
					     .lockout_tries = 5};
	fake_machine.accounts.err.code = ERR_NONE;
	fake_machine.accounts.facts.accounts = &smith;
	fake_machine.accounts.facts.count = 1;
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nmax_days = 90\n");
	assert_said(VERDICT_FAIL, "too-old");
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nmax_days = 100\n");
	assert_said(VERDICT_PASS, "ok");
	fake_machine.password_rules.facts.max_days = -1;
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nmax_days = 100\n");
	assert_said(VERDICT_FAIL, "no-expiry");
	fake_machine.password_rules.facts.max_days = 90;
	smith.password_max_days = 101;
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nmax_days = 100\n");
	assert_said(VERDICT_FAIL, "no-expiry");
	smith.password_max_days = -1;
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nmax_days = 100\n");
	assert_said(VERDICT_FAIL, "no-expiry");
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_PASS, "ok"); /* no age is asked for */
	smith.password = PLAT_PASSWORD_LOCKED;
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nmax_days = 90\n");
	assert_said(VERDICT_PASS, "ok"); /* nobody can type it */
	smith.password = PLAT_PASSWORD_UNKNOWN;
	check(CONTROL_PASSWORD_POLICY, "");
	assert_said(VERDICT_UNKNOWN, "cannot-tell");
	assert_evidence("/etc/shadow, which could not be read");
	smith.password = PLAT_PASSWORD_SET;
	smith.weak_hash = true;
	check(CONTROL_PASSWORD_POLICY, "[privacy]\nusers = name\n");
	assert_said(VERDICT_FAIL, "weak-hash");
	assert_evidence("\"weak_accounts\":[\"smith\"]");
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nleft_out_accounts = smith\n");
	assert_said(VERDICT_PASS, "ok");
}

/* --- screen-lock --- */

/* One desktop that locks is no excuse for another; logind only asks the desktops to. */
static void of_several_desktops_each_must_lock(void **state)
{
	const struct plat_screen_lock good = {
		.desktop = "gnome", .enabled = true, .idle_seconds = 300, .fixed = true};
	const struct plat_screen_lock late = {
		.desktop = "mate", .enabled = true, .idle_seconds = 1200, .fixed = true};
	struct plat_screen_locks *facts = &fake_machine.screen_locks.facts;

	(void)state;
	fake_machine.screen_locks.err.code = ERR_NONE;
	facts->count = 2;
	for (size_t i = 0; i < 2; i++) {
		facts->items[i] = good;
		facts->items[1 - i] = late;
		check(CONTROL_SCREEN_LOCK, "");
		assert_said(VERDICT_FAIL, "locks-late");
		assert_evidence("\"desktop\":\"mate\",\"idle_s\":1200,\"idle_max_s\":");
	}
	/* What is told of is the first, whatever the next does wrong. */
	facts->items[1] = good;
	facts->items[1].enabled = false;
	facts->items[0] = late;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "locks-late");
	facts->items[0] = good;
	facts->items[1] = late;
	(void)strcpy(facts->items[1].desktop, "logind");
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_PASS, "ok");
}

static void screens_must_lock_in_time_for_everyone(void **state)
{
	const struct plat_screen_lock good = {
		.desktop = "gnome", .enabled = true, .idle_seconds = 300, .fixed = true};
	struct plat_screen_locks *facts = &fake_machine.screen_locks.facts;
	struct plat_screen_lock *lock = &facts->items[0];

	(void)state;
	fake_machine.screen_locks.err.code = ERR_NONE;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_NOT_APPLICABLE, "no-desktop");
	(void)strcpy(facts->unread, "sway");
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_UNKNOWN, "desktop-not-known");
	assert_evidence("\"desktop\":\"sway\"");
	facts->unread[0] = '\0';
	facts->count = 1;
	*lock = good;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("\"delay_s\":0");
	assert_no_evidence("wakes_unlocked");
	lock->idle_seconds = 1200;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "locks-late");
	lock->idle_seconds = 0;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "no-lock");
	*lock = good;
	lock->delay_seconds = 60;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "delay-long");
	assert_evidence("\"delay_s\":60,\"delay_max_s\":");
	lock->delay_seconds = -1; /* no password is asked for at all */
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "no-passcode");
	assert_no_evidence("delay_s");
	*lock = good;
	lock->enabled = false;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "no-passcode");
	*lock = good;
	lock->fixed = false;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "user-may-change");
	assert_no_evidence("\"open\"");
	(void)strcpy(lock->open_setting, "idle-delay");
	check(CONTROL_SCREEN_LOCK, "");
	assert_evidence("\"open\":\"idle-delay\"");
	check(CONTROL_SCREEN_LOCK, "[screen-lock]\nuser_may_change = yes\n");
	assert_said(VERDICT_PASS, "ok");
	*lock = good;
	lock->wakes_unlocked = true;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "not-on-suspend");
	assert_evidence("\"wakes_unlocked\":true");
	check(CONTROL_SCREEN_LOCK, "[screen-lock]\nlock_on_suspend = no\n");
	assert_said(VERDICT_PASS, "ok");
}

/* The last one. */
static void every_reason_of_these_controls_was_given(void **state)
{
	static const enum control_id ids[] = {CONTROL_ACCOUNTS, CONTROL_PASSWORD_POLICY,
					      CONTROL_SCREEN_LOCK};

	(void)state;
	assert_every_row_was_said(ids, COUNT(ids));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(accounts_are_judged_by_the_policy),
		TEST(who_is_logged_on_is_held_to_the_policy),
		TEST(pupils_are_not_named_where_staff_are),
		TEST(password_rules_are_held_to_the_policy),
		TEST(old_passwords_fail_where_the_policy_has_an_age),
		TEST(of_several_desktops_each_must_lock),
		TEST(screens_must_lock_in_time_for_everyone),
		TEST(every_reason_of_these_controls_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
