/* Exceptions that name one thing: what they take out of a control's verdict, and what they leave.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controls_helpers.h"
#include "tests/unit/plugged_in.h"

#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_os.h"
#include "platform/fake/fake_software.h"

#define UNTIL (NOW + 5 * DAY)
#define UNTIL_TEXT "\"until\":\"2026-11-27T06:40:00Z\""

static int fresh(void **state)
{
	(void)state;
	forget();
	fake_reset();
	fake_machine_reset();
	fake_software_reset();
	allowance_count = 0;
	return 0;
}

/* One exception from now on; NULL: none. */
static void allow(const char *what)
{
	static struct control_allowance one;

	one = (struct control_allowance){what, UNTIL};
	allowances = &one;
	allowance_count = what ? 1 : 0;
}

static void assert_evidence(const char *part)
{
	if (!strstr(said.text, part))
		fail_msg("no %s in %s", part, said.text);
}

static void assert_no_evidence(const char *part)
{
	if (strstr(said.text, part))
		fail_msg("%s in %s", part, said.text);
}

/* With an exception for 'what' (evidence 'shown') it is excepted; with one for another thing it
 * fails as before, and nothing is said of an exception. */
static void assert_excepted(enum control_id id, const char *policy, const char *why,
			    const char *what, const char *shown)
{
	char part[200];

	allow("something-else");
	assert_said(checked(id, policy, NOW), VERDICT_FAIL, why);
	assert_no_evidence("excepted");
	allow(what);
	assert_said(checked(id, policy, NOW), VERDICT_EXCEPTED, "excepted");
	assert_string_equal(said.wrong, "An exception allows this until 27 November 2026.");
	(void)snprintf(part, sizeof(part), "\"excepted\":[{\"what\":\"%s\",%s}],%s", shown,
		       UNTIL_TEXT, UNTIL_TEXT);
	assert_evidence(part);
}

static void tell_software(struct plat_package *packages, size_t count)
{
	fake_software.software.err.code = ERR_NONE;
	fake_software.software.facts.packages = packages;
	fake_software.software.facts.count = count;
}

static void a_named_program_is_passed_over_and_its_neighbour_is_not(void **state)
{
	struct plat_package packages[] = {
		{.kind = PLAT_DPKG,
		 .name = "wireshark-qt",
		 .origin = "Debian",
		 .from_archive = PLAT_YES},
		{.kind = PLAT_DPKG, .name = "game", .from_archive = PLAT_NO},
	};

	(void)state;
	tell_software(packages, 1);
	assert_excepted(CONTROL_SOFTWARE, "", "banned", "wireshark-*", "wireshark-qt");
	tell_software(packages + 1, 1);
	assert_excepted(CONTROL_SOFTWARE, "", "not-approved", "game", "game");
	tell_software(packages, 2);
	allow("wireshark-qt");
	assert_said(checked(CONTROL_SOFTWARE, "", NOW), VERDICT_FAIL, "not-approved");
	assert_evidence("\"excepted\":[{\"what\":\"wireshark-qt\"");
	assert_no_evidence("\"banned\"");
	/* Nothing was excepted where the policy itself allows it. */
	tell_software(packages + 1, 1);
	allow("game");
	assert_said(checked(CONTROL_SOFTWARE, "[software]\napproved = game\n", NOW), VERDICT_PASS,
		    "ok");
	assert_no_evidence("excepted");
	/* "Cannot tell" stays that. */
	packages[0].from_archive = PLAT_CANNOT_TELL;
	packages[0].name = "x";
	tell_software(packages, 2);
	assert_said(checked(CONTROL_SOFTWARE, "", NOW), VERDICT_UNKNOWN, "cannot-tell");
}

static void the_first_end_of_several_exceptions_counts(void **state)
{
	static const struct control_allowance several[] = {
		{"game", NOW + 2 * DAY}, {"game", NOW + 9 * DAY}, {"toy", NOW + 3 * DAY}};
	struct plat_package packages[] = {{.kind = PLAT_DPKG, .name = "game"},
					  {.kind = PLAT_DPKG, .name = "toy"}};

	(void)state;
	packages[0].from_archive = packages[1].from_archive = PLAT_NO;
	tell_software(packages, 2);
	allowances = several;
	allowance_count = 3;
	assert_said(checked(CONTROL_SOFTWARE, "", NOW), VERDICT_EXCEPTED, "excepted");
	/* The game's later one outlasts its other; the toy's is the first to end. */
	assert_evidence("{\"what\":\"game\",\"until\":\"2026-12-01T06:40:00Z\"}");
	assert_string_equal(said.wrong, "An exception allows this until 25 November 2026.");
}

static void a_named_port_or_program_may_listen(void **state)
{
	struct plat_listener listeners[] = {
		{"tcp", "0.0.0.0", 8080, false, "python3.11"},
		{"tcp", "::", 8080, false, "python3.11"},
		{"tcp", "0.0.0.0", 5900, false, "x11vnc"},
	};

	(void)state;
	fake_machine.listeners.err.code = ERR_NONE;
	fake_machine.listeners.facts.items = listeners;
	fake_machine.listeners.facts.count = 2;
	assert_excepted(CONTROL_SERVICES, "", "listening", "tcp/8080", "tcp/8080 python3.11");
	assert_excepted(CONTROL_SERVICES, "", "listening", "python3*", "tcp/8080 python3.11");
	fake_machine.listeners.facts.count = 3;
	assert_said(checked(CONTROL_SERVICES, "", NOW), VERDICT_FAIL, "listening");
	assert_evidence("\"extra\":[\"tcp/5900 x11vnc\"]");
	/* Away from school nothing is named, excepted or not. */
	fake_machine.listeners.facts.count = 2;
	fake_machine.place_on_net.address_count = 1;
	(void)strcpy(fake_machine.place_on_net.addresses[0], "192.168.1.7");
	assert_said(checked(CONTROL_SERVICES, "[network]\nschool_networks = 10.20.0.0/16\n", NOW),
		    VERDICT_EXCEPTED, "excepted");
	assert_no_evidence("python");
}

static void a_named_person_may_be_an_administrator_but_not_without_a_password(void **state)
{
	struct plat_account smith = {
		.name = "smith", .person = true, .can_log_in = true, .admin = true};

	(void)state;
	fake_machine.accounts.err.code = ERR_NONE;
	fake_machine.accounts.facts.accounts = &smith;
	fake_machine.accounts.facts.count = 1;
	smith.password = PLAT_PASSWORD_SET;
	assert_excepted(CONTROL_ACCOUNTS, "[privacy]\nusers = name\n", "extra-administrators",
			"smith", "smith");
	/* Named in evidence as people are under the policy. */
	assert_said(checked(CONTROL_ACCOUNTS, "", NOW), VERDICT_EXCEPTED, "excepted");
	assert_no_evidence("smith");
	smith.password = PLAT_PASSWORD_NONE;
	assert_said(checked(CONTROL_ACCOUNTS, "", NOW), VERDICT_FAIL, "empty-password");
	smith.password = PLAT_PASSWORD_SET;
	smith.super = true;
	assert_said(checked(CONTROL_ACCOUNTS, "", NOW), VERDICT_FAIL, "duplicate-uid");
}

static void a_named_product_may_give_remote_access_as_the_policy_wants_it_set(void **state)
{
	struct plat_remote remote = {.product = "ssh",
				     .program = "sshd",
				     .running = true,
				     .root_login = PLAT_ROOT_LOGIN_KEYS,
				     .password_login = 0};

	(void)state;
	fake_machine.remotes.err.code = ERR_NONE;
	fake_machine.remotes.facts.items = &remote;
	fake_machine.remotes.facts.count = 1;
	assert_excepted(CONTROL_REMOTE_ACCESS, "", "not-allowed", "ssh", "ssh");
	remote.password_login = 1;
	assert_said(checked(CONTROL_REMOTE_ACCESS, "", NOW), VERDICT_FAIL, "password-login");
	assert_excepted(CONTROL_REMOTE_ACCESS, "[remote-access]\nallowed = ssh\n", "password-login",
			"password-login", "password-login");
}

static void a_named_vpn_is_no_way_past_the_filter(void **state)
{
	struct plat_link link = {.name = "tun0", .kind = PLAT_LINK_VPN, .by = "tun", .up = true};
	static const char *const tor[] = {"tor", NULL};

	(void)state;
	fake_machine.network.err.code = ERR_NONE;
	fake_machine.network.facts.links = &link;
	fake_machine.network.facts.link_count = 1;
	assert_excepted(CONTROL_NETWORK, "", "vpn", "tun*", "tun0");
	fake_machine.installed_programs = tor;
	assert_said(checked(CONTROL_NETWORK, "", NOW), VERDICT_FAIL, "bypass-program");
	fake_machine.network.facts.link_count = 0;
	assert_excepted(CONTROL_NETWORK, "", "bypass-program", "tor", "tor");
}

static void a_named_place_may_be_plain(void **state)
{
	struct plat_volume volumes[] = {
		{.place = "/",
		 .type = "ext4",
		 .device = "dm-0",
		 .role = PLAT_VOLUME_SYSTEM,
		 .encryption = PLAT_ENCRYPTED,
		 .how = "luks2"},
		{.place = "/srv", .type = "ext4", .device = "sdb1", .role = PLAT_VOLUME_DATA}};

	(void)state;
	fake_machine.disks.err.code = ERR_NONE;
	fake_machine.disks.facts.volumes = volumes;
	fake_machine.disks.facts.count = 2;
	assert_excepted(CONTROL_DISK_ENCRYPTION, "", "plain", "/srv", "/srv");
	assert_excepted(CONTROL_DISK_ENCRYPTION, "", "plain", "sdb1", "/srv");
	/* An exception for all that is encrypted is not used. */
	fake_machine.disks.facts.count = 1;
	allow("*");
	assert_said(checked(CONTROL_DISK_ENCRYPTION, "", NOW), VERDICT_PASS, "ok");
}

static void a_named_package_may_be_overdue_and_others_keep_their_dates(void **state)
{
	static struct plat_fix fixes[2];
	struct plat_updates *updates = &fake_software.updates.facts;

	(void)state;
	fake_software.updates.err.code = ERR_NONE;
	fake_software.release.err.code = ERR_NONE;
	fake_software.reboot.err.code = ERR_NONE;
	(void)strcpy(updates->manager, "apt");
	updates->fixes = fixes;
	updates->count = 1;
	updates->asked_at = NOW;
	updates->lists_at = updates->archive_at = NOW - 6 * HOUR;
	updates->automatic = PLAT_YES;
	updates->automatic_at = NOW - DAY;
	fake_software.release.facts.end_of_life = NOW + 500 * DAY;
	fake_software.reboot.facts.pending = PLAT_NO;
	for (int i = 0; i < 2; i++) {
		(void)strcpy(fixes[i].name, i ? "curl" : "openssl");
		fixes[i].security = true;
		fixes[i].severity = PLAT_HIGH;
	}
	fixes[0].released_at = NOW - 20 * DAY;
	fixes[1].released_at = NOW - DAY;
	assert_excepted(CONTROL_UPDATES, "", "overdue", "openssl", "openssl");
	/* There is something to do before the exception ends. */
	updates->count = 2;
	assert_said(checked(CONTROL_UPDATES, "", NOW), VERDICT_PASS, "pending");
	assert_int_equal(said.due_at, NOW + 13 * DAY);
	assert_evidence("\"excepted\":[{\"what\":\"openssl\"");
}

static void many_exceptions_stay_inside_one_controls_room(void **state)
{
	static struct plat_package packages[300];
	static char names[300][104];

	(void)state;
	for (int i = 0; i < 300; i++) {
		packages[i].kind = PLAT_DPKG;
		packages[i].from_archive = PLAT_NO;
		(void)snprintf(names[i], sizeof(names[i]), "%0100d", i);
		packages[i].name = names[i];
	}
	tell_software(packages, 300);
	allow("*");
	assert_said(checked(CONTROL_SOFTWARE, "", NOW), VERDICT_EXCEPTED, "excepted");
	assert_evidence("\"excepted_count\":300");
}

static void a_model_may_be_plugged_in_refused_or_new(void **state)
{
	static const char refused[] = "[hardware]\nrefused_devices = 12d1:*\n";
	static const char classes[] = "[hardware]\nrefused_classes = modem\n";
	static const char rear[] = "[hardware]\nrear_ports = 1-*\n";
	static const char fresh_ones[] = "[hardware]\nnew_devices = approve\n";
	struct plat_usb usb[] = {{"12d1:1506", "1-2", "modem", true},
				 {"0bda:8153", "1-3", "network", true}};

	(void)state;
	has_plugged(usb, 0);
	assert_said(checked(CONTROL_HARDWARE, "", NOW), VERDICT_PASS, "ok");
	has_plugged(usb, 1);
	assert_excepted(CONTROL_HARDWARE, refused, "not-approved", "12d1:1506", "modem 12d1:1506");
	assert_excepted(CONTROL_HARDWARE, classes, "not-approved", "12d1:*", "modem 12d1:1506");
	assert_excepted(CONTROL_HARDWARE, rear, "not-approved", "12d1:1506", "modem 12d1:1506");
	assert_excepted(CONTROL_HARDWARE, fresh_ones, "new-device", "12d1:1506", "modem 12d1:1506");
	/* What the gate keeps shut all the same did not come in by the exception. */
	gate_says(usb, "refused", true, "refused-class");
	assert_said(checked(CONTROL_HARDWARE,
			    "[hardware]\nmode = enforce\nrefused_classes = modem\n", NOW),
		    VERDICT_PASS, "ok");
	assert_no_evidence("excepted");
	/* Another model beside it fails. */
	has_plugged(usb, 2);
	assert_said(
		checked(CONTROL_HARDWARE, "[hardware]\nrefused_classes = modem, network\n", NOW),
		VERDICT_FAIL, "not-approved");
	assert_evidence("\"devices\":[\"network 0bda:8153\"]");
	assert_evidence("\"excepted\":[{\"what\":\"modem 12d1:1506\"");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		TEST(a_named_program_is_passed_over_and_its_neighbour_is_not),
		TEST(the_first_end_of_several_exceptions_counts),
		TEST(a_named_port_or_program_may_listen),
		TEST(a_named_person_may_be_an_administrator_but_not_without_a_password),
		TEST(a_named_product_may_give_remote_access_as_the_policy_wants_it_set),
		TEST(a_named_vpn_is_no_way_past_the_filter),
		TEST(a_named_place_may_be_plain),
		TEST(a_named_package_may_be_overdue_and_others_keep_their_dates),
		TEST(a_model_may_be_plugged_in_refused_or_new),
		TEST(many_exceptions_stay_inside_one_controls_room),
	};

	return cmocka_run_group_tests(tests, NULL, forget_all);
}
