/* The controls of the machine itself: its disks, and whether somebody meddled with us or its clock.
 * Also what every control of the machine says where it cannot tell.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/machine_controls.h"

#include "platform/os.h"

/* --- disk-encryption --- */

#define ROOT(what) \
	{ \
		.place = "/", .type = "ext4", .device = "dm-0", .role = PLAT_VOLUME_SYSTEM, \
		.encryption = what, .how = "luks2" \
	}

static void tell_disks(struct plat_volume *volumes, size_t count)
{
	fake_machine.disks.err.code = ERR_NONE;
	fake_machine.disks.facts.volumes = volumes;
	fake_machine.disks.facts.count = count;
}

static void disks_fail_when_one_volume_is_plain(void **state)
{
	struct plat_volume volumes[] = {
		ROOT(PLAT_ENCRYPTED),
		{.place = "/srv", .type = "ext4", .device = "sdb1", .role = PLAT_VOLUME_DATA}};

	(void)state;
	tell_disks(volumes, 0);
	check(CONTROL_DISK_ENCRYPTION, "");
	assert_said(VERDICT_NOT_APPLICABLE, "no-disks");
	tell_disks(volumes, 1);
	check(CONTROL_DISK_ENCRYPTION, "");
	assert_said(VERDICT_PASS, "ok");
	tell_disks(volumes, 2);
	check(CONTROL_DISK_ENCRYPTION, "");
	assert_said(VERDICT_FAIL, "plain");
	assert_evidence("\"plain\":[\"/srv\"]");
	check(CONTROL_DISK_ENCRYPTION, "[disk-encryption]\nleft_out = /srv\n");
	assert_said(VERDICT_PASS, "ok");
}

static void a_null_cipher_counts_as_plain(void **state)
{
	struct plat_volume volumes[] = {ROOT(PLAT_NULL_CIPHER)};

	(void)state;
	tell_disks(volumes, 1);
	check(CONTROL_DISK_ENCRYPTION, "");
	assert_said(VERDICT_FAIL, "plain");
	assert_evidence("\"encryption\":\"null cipher\"");
}

static void swap_and_boot_go_by_the_policy(void **state)
{
	struct plat_volume volumes[] = {
		ROOT(PLAT_ENCRYPTED),
		{.place = "/boot", .type = "ext4", .device = "sda1", .role = PLAT_VOLUME_BOOT},
		{.place = "swap", .type = "swap", .device = "sda2", .role = PLAT_VOLUME_SWAP}};

	(void)state;
	tell_disks(volumes, 3);
	check(CONTROL_DISK_ENCRYPTION, "");
	assert_said(VERDICT_FAIL, "swap-plain");
	assert_evidence("\"swap\":[\"sda2\"]");
	check(CONTROL_DISK_ENCRYPTION, "[disk-encryption]\nswap_required = no\n");
	assert_said(VERDICT_PASS, "ok");
}

/* (Clause 15.) */
static void a_stick_is_asked_for_encryption_where_the_policy_does(void **state)
{
	static const char asks[] = "[disk-encryption]\nremovable_required = yes\n";
	static const char lets[] = "[disk-encryption]\nremovable_required = no\n";
	struct plat_volume volumes[] = {ROOT(PLAT_ENCRYPTED),
					{.place = "/media/ann/STICK",
					 .type = "vfat",
					 .device = "sdb1",
					 .role = PLAT_VOLUME_DATA,
					 .removable = true}};

	(void)state;
	tell_disks(volumes, 2);
	check(CONTROL_DISK_ENCRYPTION, lets);
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("\"device\":\"sdb1\",\"type\":\"vfat\",\"encryption\":\"none\","
			"\"left_out\":true");
	check(CONTROL_DISK_ENCRYPTION, asks);
	assert_said(VERDICT_FAIL, "plain");
	assert_evidence("\"plain\":[\"/media/ann/STICK\"]");
	volumes[1].encryption = PLAT_ENCRYPTED;
	check(CONTROL_DISK_ENCRYPTION, asks);
	assert_said(VERDICT_PASS, "ok");
	assert_no_evidence("left_out");
	/* A system that was started from a stick is no less the machine's. */
	volumes[0].encryption = PLAT_PLAIN;
	volumes[0].removable = true;
	check(CONTROL_DISK_ENCRYPTION, lets);
	assert_said(VERDICT_FAIL, "plain");
	assert_evidence("\"plain\":[\"/\"]");
}

static void a_containers_root_cannot_be_told(void **state)
{
	struct plat_volume volumes[] = {
		{.place = "/",
		 .type = "overlay",
		 .role = PLAT_VOLUME_SYSTEM,
		 .encryption = PLAT_ENCRYPTION_UNKNOWN,
		 .note = "an overlay"},
		{.place = "/etc", .type = "ext4", .device = "vda", .role = PLAT_VOLUME_DATA}};

	(void)state;
	tell_disks(volumes, 2);
	check(CONTROL_DISK_ENCRYPTION, "");
	assert_said(VERDICT_UNKNOWN, "below-unknown");
	assert_evidence("\"note\":\"an overlay\"");
	assert_no_evidence("vda");
}

static void desktops_may_be_left_out_of_encryption(void **state)
{
	static const char *const carried[] = {"laptop", "convertible", "tablet"};
	struct plat_volume volumes[] = {ROOT(PLAT_PLAIN)};

	(void)state;
	tell_disks(volumes, 1);
	fake_machine.hardware.err.code = ERR_NONE;
	(void)strcpy(fake_machine.hardware.facts.form, "desktop");
	check(CONTROL_DISK_ENCRYPTION, "[disk-encryption]\nmachines = portable\n");
	assert_said(VERDICT_NOT_APPLICABLE, "not-portable");
	fake_machine.hardware.facts.battery.present = true;
	check(CONTROL_DISK_ENCRYPTION, "[disk-encryption]\nmachines = portable\n");
	assert_said(VERDICT_FAIL, "plain");
	fake_machine.hardware.facts.battery.present = false;
	for (size_t i = 0; i < COUNT(carried); i++) {
		(void)strcpy(fake_machine.hardware.facts.form, carried[i]);
		check(CONTROL_DISK_ENCRYPTION, "[disk-encryption]\nmachines = portable\n");
		assert_said(VERDICT_FAIL, "plain");
	}
}

static void what_cannot_be_asked_is_unknown(void **state)
{
	static const enum control_id ids[] = {
		CONTROL_DISK_ENCRYPTION, CONTROL_FIREWALL,    CONTROL_ACCOUNTS,
		CONTROL_PASSWORD_POLICY, CONTROL_SCREEN_LOCK, CONTROL_SERVICES,
		CONTROL_REMOTE_ACCESS,   CONTROL_NETWORK,     CONTROL_HARDWARE};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ids); i++) {
		check(ids[i], "");
		assert_said(VERDICT_UNKNOWN, "cannot-tell");
		assert_evidence("the fake machine was told nothing");
	}
}

/* --- tamper --- */

static void our_changed_or_missing_files_are_found(void **state)
{
	(void)state;
	fake_file_put("/usr/bin/caretaker", "one");
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
	fake_file_put("/usr/bin/caretaker", "two");
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "file-changed");
	assert_evidence("\"changed\":[\"caretaker\"]");
	assert_non_null(strstr(buf_text(&result.events), "files-changed"));
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "file-changed");
	assert_string_equal(buf_text(&result.events), ""); /* told once */
	fake_file_put("/usr/bin/caretaker", "one");
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
	assert_works(plat_file_remove("/usr/bin/caretaker", &err));
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "file-changed");
	assert_evidence("\"changed\":[\"caretaker\"]");
}

/* dpkg's list is the reference: what an upgrade brings is in the new one. */
static void a_packages_files_are_held_against_the_package_managers_list(void **state)
{
	static const char *const changed[] = {"/usr/sbin/caretakerd", NULL};

	(void)state;
	fake_software.verify.err.code = ERR_NONE;
	fake_file_put("/usr/bin/caretaker", "one");
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("\"files_by\":\"package manager\"");
	fake_file_put("/usr/bin/caretaker", "of another build of the same version");
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
	assert_int_equal(fake_software.verify.asked, 2);
	check(CONTROL_TAMPER, "");
	assert_int_equal(fake_software.verify.asked, 2); /* nothing was written since */
	fake_file_put("/usr/sbin/caretakerd", "evil");
	fake_software.verify.changed = changed;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "file-changed");
	assert_evidence("\"changed\":[\"caretakerd\"]");
	assert_non_null(strstr(buf_text(&result.events), "files-changed"));
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "file-changed"); /* asked as long as it is so */
	assert_string_equal(buf_text(&result.events), "");
	fake_software.verify.changed = NULL;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
}

static void a_list_that_cannot_be_read_is_unknown_and_an_upgrade_is_waited_for(void **state)
{
	(void)state;
	fake_file_put("/usr/bin/caretaker", "one");
	fake_software.verify.err =
		(struct err){ERR_UNSUPPORTED, "package 'caretaker' is being installed: unpacked"};
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("is being installed");
	fake_software.verify.err = (struct err){ERR_IO, "'dpkg' ended with 2: no database"};
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_UNKNOWN, "cannot-tell");
	assert_evidence("no database");
}

static void in_a_build_tree_no_file_is_watched_and_that_is_said(void **state)
{
	(void)state;
	fake_set_libexec("/home/ann/caretaker/build");
	fake_file_put("/usr/bin/caretaker", "one");
	check(CONTROL_TAMPER, "");
	fake_file_put("/usr/bin/caretaker", "two");
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("runs from where it was built");
	assert_int_equal(fake_software.verify.asked, 0);
}

static void a_clock_that_went_back_fails_for_the_policys_days(void **state)
{
	(void)state;
	check(CONTROL_TAMPER, "");
	fake_set_now(FAKE_NOW - 100);
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
	fake_set_now(FAKE_NOW - 5000);
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "clock-back");
	assert_evidence("\"back_s\":4900");
	check_at(CONTROL_TAMPER, "", FAKE_NOW + 6 * 86400);
	assert_said(VERDICT_FAIL, "clock-back");
	assert_string_equal(buf_text(&result.events), "");
	check_at(CONTROL_TAMPER, "", FAKE_NOW + 8 * 86400);
	assert_said(VERDICT_PASS, "ok");
}

static void what_a_clock_of_2099_noted_ends_after_the_policys_days_too(void **state)
{
	const int64_t wrong = INT64_C(4070908800);

	(void)state;
	fake_set_now(wrong);
	assert_int_equal(memory_again(wrong), 0);
	check_at(CONTROL_TAMPER, "", wrong);
	fake_set_now(wrong - 5000);
	check_at(CONTROL_TAMPER, "", wrong);
	assert_said(VERDICT_FAIL, "clock-back");
	fake_set_now(FAKE_NOW);
	assert_int_equal(memory_again(FAKE_NOW), 0);
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "clock-back");
	fake_set_now(FAKE_NOW + 8 * 86400);
	assert_int_equal(memory_again(FAKE_NOW + 8 * 86400), 0);
	check_at(CONTROL_TAMPER, "", FAKE_NOW + 8 * 86400);
	assert_said(VERDICT_PASS, "ok");
}

static void a_safeguard_that_ran_and_stopped_is_found(void **state)
{
	struct fake_service clamd = {"clamav-daemon", {PLAT_SERVICE_STOPPED, false, false}};

	(void)state;
	fake_machine.services = &clamd;
	fake_machine.service_count = 1;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok"); /* it never ran */
	clamd.state.run = PLAT_SERVICE_RUNNING;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
	clamd.state.run = PLAT_SERVICE_UNKNOWN;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
	clamd.state.run = PLAT_SERVICE_STOPPED;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "safeguard-stopped");
	assert_evidence("\"stopped\":[\"clamav-daemon\"]");
	assert_non_null(strstr(buf_text(&result.events), "safeguard-stopped"));
	check_at(CONTROL_TAMPER, "", FAKE_NOW + 6 * 86400);
	assert_said(VERDICT_FAIL, "safeguard-stopped");
	assert_string_equal(buf_text(&result.events), ""); /* told once */
	check_at(CONTROL_TAMPER, "", FAKE_NOW + 8 * 86400);
	assert_said(VERDICT_PASS, "ok");
	check(CONTROL_TAMPER, "[tamper]\nsafeguards = firewall\n");
	assert_said(VERDICT_PASS, "ok");
	clamd.state.run = PLAT_SERVICE_RUNNING;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
}

static void units_that_the_policy_names_are_safeguards_too(void **state)
{
	static const char *const policies[] = {"[filtering]\nunits = e2guardian\n",
					       "[tamper]\nunits = e2guardian\n"};
	struct fake_service filter = {"e2guardian", {PLAT_SERVICE_RUNNING, true, false}};

	(void)state;
	fake_machine.services = &filter;
	fake_machine.service_count = 1;
	for (size_t i = 0; i < COUNT(policies); i++) {
		filter.state.run = PLAT_SERVICE_RUNNING;
		check(CONTROL_TAMPER, policies[i]);
		assert_said(VERDICT_PASS, "ok");
		filter.state.run = PLAT_SERVICE_STOPPED;
		check(CONTROL_TAMPER, policies[i]);
		assert_said(VERDICT_FAIL, "safeguard-stopped");
		assert_evidence("\"stopped\":[\"e2guardian\"]");
	}
	check(CONTROL_TAMPER, "[filtering]\nunits = e2guardian\n[tamper]\nsafeguards = firewall\n");
	assert_said(VERDICT_PASS, "ok");
}

static void starting_with_the_usb_gate_off_is_found(void **state)
{
	static const char *const words[] = {"quiet", "caretaker.usb=off", NULL};

	(void)state;
	fake_machine.boot_words = words;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "started-with-usb-off");
}

static void our_own_service_runs_and_starts_at_boot(void **state)
{
	static const struct {
		struct plat_service is;
		bool fails;
	} cases[] = {
		{{PLAT_SERVICE_RUNNING, true, false}, false},
		{{PLAT_SERVICE_STOPPED, true, false}, true},
		{{PLAT_SERVICE_RUNNING, false, false}, true},
		{{PLAT_SERVICE_RUNNING, true, true}, true},
		{{PLAT_SERVICE_UNKNOWN, true, false}, false},
	};
	struct fake_service ours = {.name = "caretakerd"};

	(void)state;
	fake_machine.services = &ours;
	fake_machine.service_count = 1;
	for (size_t i = 0; i < COUNT(cases); i++) {
		ours.state = cases[i].is;
		check(CONTROL_TAMPER, "");
		assert_said(cases[i].fails ? VERDICT_FAIL : VERDICT_PASS,
			    cases[i].fails ? "unit-stopped" : "ok");
	}
}

/* The last one. */
static void every_reason_of_these_controls_was_given(void **state)
{
	static const enum control_id ids[] = {CONTROL_DISK_ENCRYPTION, CONTROL_TAMPER};

	(void)state;
	assert_every_row_was_said(ids, COUNT(ids));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(disks_fail_when_one_volume_is_plain),
		TEST(a_null_cipher_counts_as_plain),
		TEST(swap_and_boot_go_by_the_policy),
		TEST(a_stick_is_asked_for_encryption_where_the_policy_does),
		TEST(a_containers_root_cannot_be_told),
		TEST(desktops_may_be_left_out_of_encryption),
		TEST(what_cannot_be_asked_is_unknown),
		TEST(our_changed_or_missing_files_are_found),
		TEST(a_packages_files_are_held_against_the_package_managers_list),
		TEST(a_list_that_cannot_be_read_is_unknown_and_an_upgrade_is_waited_for),
		TEST(in_a_build_tree_no_file_is_watched_and_that_is_said),
		TEST(a_clock_that_went_back_fails_for_the_policys_days),
		TEST(what_a_clock_of_2099_noted_ends_after_the_policys_days_too),
		TEST(a_safeguard_that_ran_and_stopped_is_found),
		TEST(units_that_the_policy_names_are_safeguards_too),
		TEST(starting_with_the_usb_gate_off_is_found),
		TEST(our_own_service_runs_and_starts_at_boot),
		TEST(every_reason_of_these_controls_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
