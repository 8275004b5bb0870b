/* updates.c: facts of a fake machine, and what is said of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controls_helpers.h"

#include "platform/fake/fake_software.h"

static struct plat_fix fixes[4];

/* A machine with nothing to do: lists of today, updates by themselves, years of support. */
static void good_machine(void)
{
	struct plat_updates *updates = &fake_software.updates.facts;

	forget();
	fake_software_reset();
	memset(fixes, 0, sizeof(fixes));
	fake_software.updates.err.code = ERR_NONE;
	fake_software.release.err.code = ERR_NONE;
	fake_software.reboot.err.code = ERR_NONE;
	strcpy(updates->manager, "apt");
	updates->fixes = fixes;
	updates->asked_at = NOW;
	updates->lists_at = updates->archive_at = NOW - 6 * HOUR;
	strcpy(updates->lists_from, "Release");
	updates->automatic = PLAT_YES;
	strcpy(updates->automatic_detail, "unattended-upgrades");
	updates->automatic_at = NOW - DAY;
	strcpy(fake_software.release.facts.id, "debian");
	strcpy(fake_software.release.facts.name, "Debian GNU/Linux 12 (bookworm)");
	strcpy(fake_software.release.facts.end_from, "distro-info");
	fake_software.release.facts.end_of_life = NOW + 500 * DAY;
	fake_software.reboot.facts.pending = PLAT_NO;
}

static void add_fix(const char *name, bool security, enum plat_severity severity, int64_t released)
{
	struct plat_fix *fix = &fixes[fake_software.updates.facts.count++];

	(void)snprintf(fix->name, sizeof(fix->name), "%s", name);
	strcpy(fix->installed, "1.0");
	strcpy(fix->candidate, "1.1");
	fix->security = security;
	fix->severity = severity;
	fix->released_at = released;
}

static const struct said *at(int64_t now)
{
	return checked(CONTROL_UPDATES, "", now);
}

static void passes_a_machine_that_is_current(void **state)
{
	(void)state;
	good_machine();
	add_fix("vim", false, PLAT_UNRATED, 0); /* no security fix: counted only */
	assert_said(at(NOW), VERDICT_PASS, "current");
	assert_non_null(strstr(said.text, "\"pending_count\":0"));
	assert_non_null(strstr(said.text, "\"other_count\":1"));
	assert_int_equal(said.due_at, 0);
}

static void when_it_was_asked_is_told_only_while_the_answer_is_outdated(void **state)
{
	(void)state;
	good_machine();
	fake_software.updates.facts.asked_at = NOW - 7 * HOUR;
	assert_said(at(NOW), VERDICT_PASS, "current");
	assert_null(strstr(said.text, "asked_at"));
	assert_null(strstr(said.text, "\"pending\""));
	assert_null(strstr(said.text, "other_count"));
	assert_null(strstr(said.text, "ends_by")); /* years from now */
	fake_software.updates.facts.outdated = true;
	assert_said(at(NOW), VERDICT_PASS, "current");
	assert_non_null(strstr(said.text, "\"asked_at\":\"2026-11-21T23:40:00Z\""));
}

static void a_fix_is_due_14_days_after_its_release(void **state)
{
	(void)state;
	good_machine();
	add_fix("openssl", true, PLAT_HIGH, NOW - 10 * DAY);
	add_fix("curl", true, PLAT_UNRATED, NOW - 3 * DAY);
	assert_said(at(NOW), VERDICT_PASS, "pending");
	assert_int_equal(said.due_at, NOW + 4 * DAY);
	assert_non_null(strstr(said.text, "\"dated\":\"changelog\""));
	assert_string_equal(said.wrong, "2 security fixes wait, the first due by 26 November 2026: "
					"openssl and curl.");
	assert_said(at(NOW + 4 * DAY), VERDICT_PASS, "pending"); /* the last day is within */
	fake_software.updates.facts.lists_at = NOW + 4 * DAY;
	fake_software.updates.facts.automatic_at = NOW + 4 * DAY;
	assert_said(at(NOW + 4 * DAY + 1), VERDICT_FAIL, "overdue");
	assert_int_equal(said.due_at, NOW + 4 * DAY);
	assert_non_null(strstr(said.text, "\"overdue\":[\"openssl\"],\"overdue_count\":1"));
}

static void an_undated_fix_counts_from_when_it_was_first_seen_here(void **state)
{
	(void)state;
	good_machine();
	add_fix("curl", true, PLAT_UNRATED, 0);
	assert_said(at(NOW), VERDICT_PASS, "pending");
	assert_int_equal(said.due_at, NOW + 14 * DAY);
	assert_non_null(strstr(said.text, "\"dated\":\"first-seen\""));
	(void)at(NOW + 5 * DAY);
	assert_int_equal(said.due_at, NOW + 14 * DAY);
	/* The clock goes back: it counts anew rather than from the future. */
	fake_software.updates.facts.archive_at = 0;
	(void)at(NOW - 10 * DAY);
	assert_int_equal(said.due_at, NOW + 4 * DAY);
}

/* A wrong clock's date is not held against the machine once the clock is right; nor does it make
 * the fix never due. */
static void a_first_look_by_a_wrong_clock_counts_from_when_it_is_right(void **state)
{
	static const int64_t wrong[] = {1000, 400 * DAY,
					INT64_C(4070908800)}; /* 1970, 1971, 2099 */

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		good_machine();
		add_fix("curl", true, PLAT_UNRATED, 0);
		/* dnf's lists carry no date of an archive, which would help */
		strcpy(fake_software.updates.facts.manager, "dnf");
		fake_software.updates.facts.archive_at = 0;
		(void)at(wrong[i]);
		(void)at(wrong[i] + HOUR);
		assert_said(at(NOW), VERDICT_PASS, "pending");
		assert_int_equal(said.due_at, NOW + 14 * DAY);
		fake_software.updates.facts.automatic_at = NOW + 15 * DAY;
		fake_software.updates.facts.lists_at = NOW + 15 * DAY;
		assert_said(at(NOW + 15 * DAY), VERDICT_FAIL, "overdue");
		assert_int_equal(said.due_at, NOW + 14 * DAY);
	}
}

static void the_archives_date_helps_a_clock_that_is_behind(void **state)
{
	(void)state;
	good_machine();
	add_fix("curl", true, PLAT_UNRATED, 0);
	fake_software.updates.facts.archive_at = NOW - DAY;
	(void)at(1000);
	assert_int_equal(said.due_at, NOW + 13 * DAY);
	fake_software.updates.facts.archive_at = NOW;
	(void)at(1000 + HOUR);
	assert_int_equal(said.due_at, NOW + 13 * DAY);
	(void)at(NOW);
	assert_int_equal(said.due_at, NOW + 13 * DAY);
}

static void one_fix_is_no_plural_and_a_restart_has_its_reason(void **state)
{
	(void)state;
	good_machine();
	add_fix("curl", true, PLAT_HIGH, NOW - 15 * DAY);
	(void)at(NOW);
	assert_string_equal(said.wrong, "1 security fix is overdue: curl.");
	good_machine();
	add_fix("curl", true, PLAT_HIGH, NOW - 10 * DAY);
	(void)at(NOW);
	assert_string_equal(said.wrong, "1 security fix waits, due by 26 November 2026: curl.");
	good_machine();
	fake_software.reboot.facts.pending = PLAT_YES;
	(void)at(NOW);
	assert_string_equal(said.wrong, "A restart has been needed since 22 November 2026: the "
					"system asks for it.");
}

static void a_restart_asked_for_in_1970_is_due_from_when_that_is_seen(void **state)
{
	(void)state;
	good_machine();
	fake_software.reboot.facts.pending = PLAT_YES;
	fake_software.reboot.facts.since = 1000;
	strcpy(fake_software.reboot.facts.why, "linux-image-6.1.0-37-amd64");
	(void)at(2000);
	assert_said(at(NOW), VERDICT_PASS, "reboot-pending");
	assert_true(said.due_at > NOW);
}

static void the_archives_date_counts_when_the_list_before_was_a_recent_one(void **state)
{
	(void)state;
	good_machine();
	fake_software.updates.facts.archive_at = NOW - 3 * DAY;
	(void)at(NOW - 2 * DAY);
	fake_software.updates.facts.archive_at = NOW - DAY;
	add_fix("curl", true, PLAT_UNRATED, 0);
	(void)at(NOW);
	assert_int_equal(said.due_at, NOW + 13 * DAY);
	assert_non_null(strstr(said.text, "\"dated\":\"archive\""));
	/* After a month without lists the archive's date says nothing of the fix's. */
	good_machine();
	fake_software.updates.facts.archive_at = NOW - 30 * DAY;
	(void)at(NOW - 29 * DAY);
	fake_software.updates.facts.archive_at = NOW - DAY;
	add_fix("curl", true, PLAT_UNRATED, 0);
	(void)at(NOW);
	assert_non_null(strstr(said.text, "\"dated\":\"first-seen\""));
}

static void lower_ratings_have_their_own_limit_and_unrated_counts_as_high(void **state)
{
	(void)state;
	good_machine();
	add_fix("low", true, PLAT_LOW, NOW - 100 * DAY);
	assert_said(at(NOW), VERDICT_PASS, "current");
	assert_said(checked(CONTROL_UPDATES, "[updates]\nother_fix_days = 60\n", NOW), VERDICT_FAIL,
		    "overdue");
	assert_said(checked(CONTROL_UPDATES,
			    "[updates]\nother_fix_days = 60\n"
			    "left_out_packages = lo*\n",
			    NOW),
		    VERDICT_PASS, "current");
	good_machine();
	add_fix("unrated", true, PLAT_UNRATED, NOW - 15 * DAY);
	assert_said(at(NOW), VERDICT_FAIL, "overdue");
}

static void the_release_must_be_looked_after(void **state)
{
	(void)state;
	good_machine();
	fake_software.release.facts.end_of_life = NOW + 30 * DAY;
	assert_said(at(NOW), VERDICT_PASS, "ends-soon");
	assert_non_null(strstr(said.text, "\"ends_by\":\"distro-info\""));
	assert_int_equal(said.due_at, NOW + 30 * DAY);
	fake_software.release.facts.end_of_life = NOW;
	assert_said(at(NOW), VERDICT_FAIL, "end-of-life");
	assert_said(checked(CONTROL_UPDATES, "[updates]\nsupported_required = no\n", NOW),
		    VERDICT_PASS, "current");
	fake_software.release.facts.end_of_life = 0;
	assert_said(at(NOW), VERDICT_UNKNOWN, "release-unknown");
	/* Past its end is a fail even where the fixes cannot be asked for. */
	fake_software.release.facts.end_of_life = NOW - DAY;
	fake_software.updates.err.code = ERR_IO;
	strcpy(fake_software.updates.err.msg, "'apt-get' ended with 100: E: broken");
	assert_said(at(NOW), VERDICT_FAIL, "end-of-life");
	fake_software.release.facts.end_of_life = NOW + 500 * DAY;
	assert_said(at(NOW), VERDICT_UNKNOWN, "cannot-tell");
	assert_string_equal(said.wrong,
			    "This machine could not find out: 'apt-get' ended with 100: "
			    "E: broken.");
}

static void updates_must_come_by_themselves_and_succeed(void **state)
{
	struct plat_updates *updates = &fake_software.updates.facts;

	(void)state;
	good_machine();
	updates->automatic = PLAT_NO;
	strcpy(updates->automatic_detail, "apt-daily-upgrade.timer is masked");
	assert_said(at(NOW), VERDICT_FAIL, "not-automatic");
	assert_said(checked(CONTROL_UPDATES, "[updates]\nunattended_required = no\n", NOW),
		    VERDICT_PASS, "current");
	updates->automatic = PLAT_CANNOT_TELL;
	assert_said(at(NOW), VERDICT_UNKNOWN, "automatic-unknown");
	updates->automatic = PLAT_YES;
	updates->automatic_at = NOW - 8 * DAY;
	assert_said(at(NOW), VERDICT_FAIL, "automatic-fails");
	/* Just set up: a week for the first success. */
	updates->automatic_at = 0;
	assert_said(at(NOW), VERDICT_PASS, "current");
	updates->lists_at = NOW + 8 * DAY;
	assert_said(at(NOW + 8 * DAY), VERDICT_FAIL, "automatic-never");
}

static void old_or_missing_lists_are_no_pass(void **state)
{
	struct plat_updates *updates = &fake_software.updates.facts;

	(void)state;
	good_machine();
	updates->lists_at = NOW - 8 * DAY;
	assert_said(at(NOW), VERDICT_FAIL, "lists-old");
	updates->lists_at = updates->archive_at = 0;
	assert_said(at(NOW), VERDICT_UNKNOWN, "lists-missing");
	good_machine();
	updates->archive_at = 0;
	assert_said(at(NOW), VERDICT_FAIL, "no-security-source");
	strcpy(fake_software.release.facts.id, "linuxmint"); /* its names are not known here */
	assert_said(at(NOW), VERDICT_PASS, "current");
}

static void a_restart_may_wait_a_week(void **state)
{
	struct plat_reboot *reboot = &fake_software.reboot.facts;

	(void)state;
	good_machine();
	reboot->pending = PLAT_YES;
	strcpy(reboot->why, "kernel 6.1.0-38 is installed, 6.1.0-35 still runs");
	reboot->since = NOW - 2 * DAY;
	assert_said(at(NOW), VERDICT_PASS, "reboot-pending");
	assert_int_equal(said.due_at, NOW + 5 * DAY);
	reboot->since = NOW - 8 * DAY;
	assert_said(at(NOW), VERDICT_FAIL, "reboot-pending");
	/* A container's kernel is its host's. */
	reboot->pending = PLAT_CANNOT_TELL;
	strcpy(reboot->why, "the running kernel is none of those in /boot");
	assert_said(at(NOW), VERDICT_PASS, "current");
	assert_non_null(strstr(said.text, "\"reboot_unread\""));
}

static void many_fixes_fit_into_the_evidence(void **state)
{
	struct plat_fix many[500];

	(void)state;
	good_machine();
	memset(many, 0, sizeof(many));
	for (size_t i = 0; i < COUNT(many); i++) {
		(void)snprintf(many[i].name, sizeof(many[i].name), "a-package-with-a-long-name-%zu",
			       i);
		strcpy(many[i].installed, "1:2.3.4+dfsg-5+deb12u6");
		strcpy(many[i].candidate, "1:2.3.4+dfsg-5+deb12u7");
		many[i].security = true;
		many[i].released_at = NOW - 20 * DAY;
	}
	fake_software.updates.facts.fixes = many;
	fake_software.updates.facts.count = COUNT(many);
	assert_said(at(NOW), VERDICT_FAIL, "overdue");
	assert_non_null(strstr(said.text, "\"overdue_count\":500"));
	assert_true(strlen(said.text) < 6000);
}

/* The last one. */
static void every_reason_was_given(void **state)
{
	static const enum control_id ids[] = {CONTROL_UPDATES};

	(void)state;
	assert_every_row_was_said(ids, COUNT(ids));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_a_machine_that_is_current),
		cmocka_unit_test(when_it_was_asked_is_told_only_while_the_answer_is_outdated),
		cmocka_unit_test(a_fix_is_due_14_days_after_its_release),
		cmocka_unit_test(an_undated_fix_counts_from_when_it_was_first_seen_here),
		cmocka_unit_test(a_first_look_by_a_wrong_clock_counts_from_when_it_is_right),
		cmocka_unit_test(the_archives_date_helps_a_clock_that_is_behind),
		cmocka_unit_test(one_fix_is_no_plural_and_a_restart_has_its_reason),
		cmocka_unit_test(a_restart_asked_for_in_1970_is_due_from_when_that_is_seen),
		cmocka_unit_test(the_archives_date_counts_when_the_list_before_was_a_recent_one),
		cmocka_unit_test(lower_ratings_have_their_own_limit_and_unrated_counts_as_high),
		cmocka_unit_test(the_release_must_be_looked_after),
		cmocka_unit_test(updates_must_come_by_themselves_and_succeed),
		cmocka_unit_test(old_or_missing_lists_are_no_pass),
		cmocka_unit_test(a_restart_may_wait_a_week),
		cmocka_unit_test(many_fixes_fit_into_the_evidence),
		cmocka_unit_test(every_reason_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, forget_all);
}
