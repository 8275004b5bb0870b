/* A file that is there and cannot be read whole is not an empty one: what the controls say of a
 * machine that would be in order, were it not for one such file.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/controls_helpers.h"
#include "tests/unit/tree.h"

#include <errno.h>
#include <sys/types.h>

#include "platform/antivirus.h"
#include "platform/firewall.h"
#include "platform/linux/fact.h"
#include "platform/linux/software.h"
#include "platform/safeguards.h"
#include "platform/services.h"
#include "platform/software.h"

enum how { A_FOLDER, TOO_LONG, CUT_BY_A_NUL, HOWS };

/* What 'name' held is kept beside it. */
static void spoil(const char *name, enum how how)
{
	static char fill[FACT_FILE_MAX + 1];
	char path[512], kept[520];

	(void)snprintf(path, sizeof(path), "%s%s", tree, name);
	(void)snprintf(kept, sizeof(kept), "%s~kept", tree);
	make_folders(path);
	if (rename(path, kept) < 0)
		assert_int_equal(errno, ENOENT);
	memset(fill, '\n', sizeof(fill));
	switch (how) {
	case A_FOLDER: assert_int_equal(mkdir(path, 0755), 0); break;
	case TOO_LONG: put_bytes(name, fill, sizeof(fill)); break;
	case CUT_BY_A_NUL: put_bytes(name, "\n\0\n", 3); break;
	case HOWS: break;
	}
}

static void restore(const char *name)
{
	char path[512], kept[520];

	(void)snprintf(path, sizeof(path), "%s%s", tree, name);
	(void)snprintf(kept, sizeof(kept), "%s~kept", tree);
	assert_int_equal(remove(path), 0);
	if (rename(kept, path) < 0)
		assert_int_equal(errno, ENOENT);
}

/* That the control passes as things are, and is unknown when 'name' cannot be read, and says so. */
static void assert_needs(enum control_id id, const char *policy, const char *name)
{
	for (enum how how = A_FOLDER; how < HOWS; how++) {
		assert_said(checked(id, policy, NOW), VERDICT_PASS, "ok");
		spoil(name, how);
		assert_said(checked(id, policy, NOW), VERDICT_UNKNOWN, "cannot-tell");
		if (!strstr(said.text, name))
			fail_msg("'%s' is not named: %s", name, said.text);
		restore(name);
	}
}

/* As assert_needs(), for a folder's file: a folder in its place is none of its files. */
static void assert_needs_in_folder(enum control_id id, const char *policy, const char *name)
{
	for (enum how how = TOO_LONG; how < HOWS; how++) {
		assert_said(checked(id, policy, NOW), VERDICT_PASS, "ok");
		spoil(name, how);
		assert_said(checked(id, policy, NOW), VERDICT_UNKNOWN, "cannot-tell");
		restore(name);
	}
	spoil(name, A_FOLDER);
	assert_said(checked(id, policy, NOW), VERDICT_PASS, "ok");
	restore(name);
}

/* --- fact.c itself --- */

static unsigned lines_seen;

static void count_line(void *ctx, char *line)
{
	(void)ctx;
	(void)line;
	lines_seen++;
}

static bool count_name(void *ctx, const char *name)
{
	(void)name;
	++*(unsigned *)ctx;
	return true;
}

static void what_is_not_there_is_an_answer(void **state)
{
	unsigned before = fact_unread_count(), names = 0;
	char text[8];

	(void)state;
	put("/etc/a-file", "x\n");
	assert_false(fact_lines("/etc/none", count_line, NULL));
	assert_false(fact_lines("/etc/a-file/none", count_line, NULL));
	assert_false(fact_text("/none/none", text, sizeof(text)));
	assert_false(fact_setting("/etc/none", NULL, "a", text, sizeof(text)));
	assert_false(fact_exists("/none"));
	assert_false(fact_is_dir("/etc/a-file"));
	assert_false(fact_program("none", NULL, 0));
	fact_each("/none", count_name, &names);
	fact_each("/etc/a-file", count_name, &names);
	assert_int_equal(names, 0);
	assert_works(fact_unread(before, &err));
}

static void a_link_to_the_null_device_is_an_empty_file(void **state)
{
	unsigned before = fact_unread_count();

	(void)state;
	plat_set_root(""); /* a tree has no devices */
	lines_seen = 0;
	assert_true(fact_lines("/dev/null", count_line, NULL));
	assert_int_equal(lines_seen, 0);
	assert_works(fact_unread(before, &err));
}

static void says_what_could_not_be_read(void **state)
{
	static const char *const messages[HOWS] = {
		[A_FOLDER] = "not all that has to be known could be read: '/etc/f' is not a file",
		[TOO_LONG] = "not all that has to be known could be read: '/etc/f' is over 1048576 "
			     "bytes",
		[CUT_BY_A_NUL] = "not all that has to be known could be read: '/etc/f' is not text",
	};
	char link[512];
	unsigned before;

	(void)state;
	for (enum how how = A_FOLDER; how < HOWS; how++) {
		before = fact_unread_count();
		spoil("/etc/f", how);
		assert_false(fact_lines("/etc/f", count_line, NULL));
		assert_fails(fact_unread(before, &err), ERR_INVALID, messages[how]);
		restore("/etc/f");
	}
	/* A pipe would be read as empty; a link to itself leads nowhere. */
	before = fact_unread_count();
	(void)snprintf(link, sizeof(link), "%s/etc/pipe", tree);
	assert_int_equal(mkfifo(link, 0600), 0);
	assert_false(fact_lines("/etc/pipe", count_line, NULL));
	assert_fails(fact_unread(before, &err), ERR_INVALID,
		     "not all that has to be known could be read: '/etc/pipe' is not a file");
	before = fact_unread_count();
	put_link("/etc/loop", "loop");
	assert_false(fact_exists("/etc/loop"));
	assert_fails(fact_unread(before, &err), ERR_IO,
		     "not all that has to be known could be read: look at '/etc/loop': Too many "
		     "levels of symbolic links");
	assert_int_equal(lines_seen, 0);
}

static void names_nobody_whose_file_it_is(void **state)
{
	unsigned before = fact_unread_count();

	(void)state;
	spoil("/home/ann/.mozilla/prefs.js", A_FOLDER);
	assert_false(fact_lines("/home/ann/.mozilla/prefs.js", count_line, NULL));
	assert_fails(fact_unread(before, &err), ERR_INVALID,
		     "not all that has to be known could be read: '~/.mozilla/prefs.js' is not a "
		     "file");
}

/* Root is denied nothing, so nobody looks. */
static void what_it_may_not_read_is_not_empty(void **state)
{
	unsigned before = fact_unread_count(), names = 0;
	char path[512];
	uid_t us = geteuid();

	(void)state;
	put("/etc/secret", "x\n");
	put("/etc/hidden/x", "x\n");
	assert_int_equal(chmod(tree, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/etc/secret", tree);
	assert_int_equal(chmod(path, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/etc/hidden", tree);
	assert_int_equal(chmod(path, 0), 0);
	if (us == 0)
		assert_int_equal(seteuid(65534), 0);
	(void)fact_lines("/etc/secret", count_line, NULL);
	(void)fact_exists("/etc/hidden/x");
	fact_each("/etc/hidden", count_name, &names);
	assert_int_equal(seteuid(us), 0);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(names, 0);
	assert_int_equal(fact_unread_count() - before, 3);
	assert_fails(fact_unread(before, &err), ERR_DENIED,
		     "not all that has to be known could be read: list '/etc/hidden': Permission "
		     "denied");
}

/* --- the controls --- */

static void accounts_need_every_list_they_are_told_by(void **state)
{
	static const char *const files[] = {"/etc/login.defs",       "/etc/group",
					    "/etc/sudoers",          "/etc/nsswitch.conf",
					    "/etc/gdm3/daemon.conf", "/etc/lightdm/lightdm.conf",
					    "/etc/sddm.conf"};

	(void)state;
	put("/etc/passwd", "root:x:0:0::/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\n");
	put("/etc/shadow", "root:*:20000:0:90:7:::\nann:$y$x:20000:0:90:7:::\n");
	put("/etc/group", "sudo:x:27:\n");
	put_program("/usr/bin/sudo");
	put_program("/usr/sbin/gdm3");
	put_program("/usr/sbin/lightdm");
	put_program("/usr/bin/sddm");
	put("/etc/sudoers", "root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n");
	for (size_t i = 0; i < COUNT(files); i++)
		assert_needs(CONTROL_ACCOUNTS, "", files[i]);
	assert_needs_in_folder(CONTROL_ACCOUNTS, "", "/etc/sudoers.d/school");
	assert_needs_in_folder(CONTROL_ACCOUNTS, "", "/etc/lightdm/lightdm.conf.d/50.conf");
	assert_needs_in_folder(CONTROL_ACCOUNTS, "",
			       "/etc/systemd/system/getty@tty1.service.d/auto.conf");
}

static void a_list_of_passwords_that_cannot_be_read_is_no_proof_of_any(void **state)
{
	(void)state;
	put("/etc/passwd", "root:x:0:0::/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\n");
	put("/etc/shadow", "root:*:20000:0:90:7:::\nann:$y$x:20000:0:90:7:::\n");
	assert_needs(CONTROL_ACCOUNTS, "", "/etc/shadow");
}

static void password_policy_needs_all_that_pam_reads(void **state)
{
	static const char policy[] = "[password-policy]\nmin_length = 8\n";

	(void)state;
	put("/etc/passwd", "ann:x:1000:1000::/home/ann:/bin/bash\n");
	put("/etc/shadow", "ann:$y$x:20000:0:90:7:::\n");
	put("/etc/pam.d/common-password",
	    "password requisite pam_pwquality.so minlen=14 minclass=4\n");
	put("/etc/pam.d/common-auth", "auth required pam_faillock.so preauth deny=5\n");
	assert_needs(CONTROL_PASSWORD_POLICY, policy, "/etc/security/pwquality.conf");
	assert_needs(CONTROL_PASSWORD_POLICY, policy, "/etc/security/faillock.conf");
	assert_needs(CONTROL_PASSWORD_POLICY, policy, "/etc/login.defs");
	assert_needs(CONTROL_PASSWORD_POLICY, policy, "/etc/pam.d/common-password");
	assert_needs(CONTROL_PASSWORD_POLICY, policy, "/etc/passwd");
	assert_needs(CONTROL_PASSWORD_POLICY, policy, "/etc/shadow");
	assert_needs_in_folder(CONTROL_PASSWORD_POLICY, policy,
			       "/etc/security/pwquality.conf.d/school.conf");
}

static void screen_lock_needs_every_setting(void **state)
{
	(void)state;
	put("/usr/share/wayland-sessions/gnome.desktop", "[Desktop Entry]\n");
	put("/etc/dconf/profile/user", "user-db:user\nsystem-db:local\n");
	put("/etc/dconf/db/local.d/00-school",
	    "[org/gnome/desktop/session]\nidle-delay=uint32 300\n");
	put("/etc/dconf/db/local.d/locks/school",
	    "/org/gnome/desktop/session/idle-delay\n/org/gnome/desktop/screensaver/lock-enabled\n"
	    "/org/gnome/desktop/screensaver/lock-delay\n");
	put("/etc/dconf/db/local", "compiled");
	assert_needs(CONTROL_SCREEN_LOCK, "", "/etc/systemd/logind.conf");
	assert_needs(CONTROL_SCREEN_LOCK, "", "/etc/dconf/profile/user");
	/* A later file may take back what an earlier one set. */
	assert_needs_in_folder(CONTROL_SCREEN_LOCK, "", "/etc/dconf/db/local.d/99-other");
}

static void disk_encryption_needs_every_mount_and_swap(void **state)
{
	(void)state;
	put("/proc/1/mountinfo", "21 1 0:19 / / rw - overlay overlay rw\n");
	for (enum how how = A_FOLDER; how < HOWS; how++) {
		spoil("/proc/swaps", how);
		assert_said(checked(CONTROL_DISK_ENCRYPTION, "", NOW), VERDICT_UNKNOWN,
			    "cannot-tell");
		assert_non_null(strstr(said.text, "/proc/swaps"));
		restore("/proc/swaps");
		spoil("/proc/1/mountinfo", how);
		/* Our own sandbox's mounts are no answer then. */
		put("/proc/self/mountinfo", "21 1 0:19 / / rw - overlay overlay rw\n");
		assert_said(checked(CONTROL_DISK_ENCRYPTION, "", NOW), VERDICT_UNKNOWN,
			    "cannot-tell");
		assert_non_null(strstr(said.text, "/proc/1/mountinfo"));
		restore("/proc/1/mountinfo");
	}
}

static void a_firewall_needs_to_know_whether_ipv6_is_in_use(void **state)
{
	struct plat_firewall firewall;

	(void)state;
	assert_works(plat_firewall(&firewall, &err));
	assert_false(firewall.ipv6_in_use);
	spoil("/proc/net/if_inet6", A_FOLDER);
	assert_fails(plat_firewall(&firewall, &err), ERR_INVALID,
		     "not all that has to be known could be read: '/proc/net/if_inet6' is not a "
		     "file");
}

static void remote_access_needs_all_of_sshds_settings(void **state)
{
	static const char policy[] = "[remote-access]\nallowed = ssh\n";

	(void)state;
	put_program("/usr/sbin/sshd");
	put("/usr/bin/x", "");
	put("/proc/7/comm", "sshd");
	put("/etc/ssh/sshd_config", "PermitRootLogin no\nInclude /etc/ssh/sshd_config.d/*.conf\n"
				    "PasswordAuthentication no\n");
	assert_needs(CONTROL_REMOTE_ACCESS, policy, "/etc/ssh/sshd_config");
	assert_needs_in_folder(CONTROL_REMOTE_ACCESS, policy, "/etc/ssh/sshd_config.d/own.conf");
}

static void network_needs_every_place_that_may_lead_past_the_filter(void **state)
{
	static const char policy[] = "[network]\nproxy = none\ndns_over_https_allowed = no\n";
	static const char *const files[] = {"/etc/environment", "/etc/apt/apt.conf",
					    "/etc/resolv.conf"};

	(void)state;
	put("/sys/class/net/eth0/type", "1\n");
	put("/usr/bin/x", "");
	put("/etc/resolv.conf", "nameserver 10.0.0.1\n");
	put_program("/usr/bin/firefox");
	put("/etc/firefox/policies/policies.json",
	    "{\"policies\":{\"DNSOverHTTPS\":{\"Enabled\":false}}}");
	for (size_t i = 0; i < COUNT(files); i++)
		assert_needs(CONTROL_NETWORK, policy, files[i]);
	assert_needs_in_folder(CONTROL_NETWORK, policy, "/etc/profile.d/proxy.sh");
	assert_needs_in_folder(CONTROL_NETWORK, policy, "/etc/dconf/db/local.d/proxy");
	assert_needs_in_folder(CONTROL_NETWORK, policy,
			       "/etc/NetworkManager/system-connections/vpn");
	/* Who makes their own settings too long to read hides nothing by it. */
	spoil("/home/ann/.mozilla/firefox/x.default/prefs.js", TOO_LONG);
	assert_said(checked(CONTROL_NETWORK, policy, NOW), VERDICT_UNKNOWN, "cannot-tell");
	assert_null(strstr(said.text, "ann"));
}

static void configuration_needs_every_policy_of_a_browser(void **state)
{
	struct plat_browser_files files;

	(void)state;
	put("/etc/chromium/policies/managed/school.json", "{}");
	assert_works(plat_browser_files(&files, &err));
	assert_int_equal(files.count, 1);
	plat_browser_files_clear(&files);
	spoil("/etc/chromium/policies/managed/other.json", TOO_LONG);
	assert_fails(plat_browser_files(&files, &err), ERR_INVALID,
		     "not all that has to be known could be read: "
		     "'/etc/chromium/policies/managed/other.json' is over 524288 bytes");
	assert_int_equal(files.count, 0);
}

static void a_home_of_more_programs_than_are_looked_at_is_told(void **state)
{
	struct plat_software software = {0};
	unsigned before = fact_unread_count();
	char name[64];

	(void)state;
	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "/home/ann/Downloads/%d.appimage", i);
		put(name, "");
	}
	assert_works(software_homes(&software, &err));
	assert_works(fact_unread(before, &err));
	plat_software_clear(&software);
	put("/home/ann/Downloads/game.appimage", "");
	assert_works(software_homes(&software, &err));
	assert_fails(fact_unread(before, &err), ERR_INVALID,
		     "not all that has to be known could be read: a home holds over 500 programs");
	plat_software_clear(&software);
}

static void clamav_needs_its_settings_and_its_logs(void **state)
{
	static const char found[] = "/home/ann/x: Eicar-Test-Signature FOUND\n";
	struct plat_antivirus all;
	struct plat_detection detections[PLAT_DETECTIONS_MAX];
	struct buf conf, position;
	size_t count = 7;

	(void)state;
	put_program("/usr/sbin/clamd");
	spoil("/etc/clamav/clamd.conf", TOO_LONG);
	assert_works(plat_antivirus(&all, &err));
	assert_int_equal(all.products[0].running, PLAT_CANNOT_TELL);
	assert_int_equal(all.products[0].on_access, PLAT_CANNOT_TELL);
	assert_string_equal(all.products[0].detail,
			    "not all that has to be known could be read: '/etc/clamav/clamd.conf' "
			    "is over 1048576 bytes");
	restore("/etc/clamav/clamd.conf");
	/* More places left out than are looked at are not fewer. */
	buf_init(&conf, 0);
	for (int i = 0; i <= PLAT_AV_EXCLUDED_MAX; i++)
		buf_addf(&conf, "ExcludePath ^/proc/%d\n", i);
	put("/etc/clamav/clamd.conf", buf_text(&conf));
	buf_clear(&conf);
	assert_works(plat_antivirus(&all, &err));
	assert_string_equal(all.products[0].detail, "not all that has to be known could be read: "
						    "clamd.conf leaves over 32 places out");

	put("/etc/clamav/clamd.conf", "LogFile /var/log/clamav/clamav.log\n");
	put("/var/log/clamav/clamav.log", found);
	buf_init(&position, 0);
	assert_works(plat_antivirus_detections("1:0 1:0 -", detections, &count, &position, &err));
	assert_int_equal(count, 1);
	buf_reset(&position);
	spoil("/etc/clamav/clamd.conf", A_FOLDER);
	put("/var/log/clamav/clamav.log", "");
	assert_fails(plat_antivirus_detections("1:0 1:0 -", detections, &count, &position, &err),
		     ERR_INVALID,
		     "what ClamAV found is not seen: not all that has to be known could be read: "
		     "'/etc/clamav/clamd.conf' is not a file");
	assert_int_equal(count, 1);
	buf_clear(&position);
}

static void a_service_is_not_absent_for_want_of_a_look(void **state)
{
	struct plat_service service = {.run = PLAT_SERVICE_RUNNING};

	(void)state;
	put_link("/etc/systemd/system/filter.service", "filter.service");
	assert_fails(plat_service("filter", &service, &err), ERR_IO,
		     "not all that has to be known could be read: look at "
		     "'/etc/systemd/system/filter.service': Too many levels of symbolic links");
	assert_int_equal(service.run, PLAT_SERVICE_RUNNING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_there_is_an_answer),
		TEST(a_link_to_the_null_device_is_an_empty_file),
		TEST(says_what_could_not_be_read),
		TEST(names_nobody_whose_file_it_is),
		TEST(what_it_may_not_read_is_not_empty),
		TEST(accounts_need_every_list_they_are_told_by),
		TEST(a_list_of_passwords_that_cannot_be_read_is_no_proof_of_any),
		TEST(password_policy_needs_all_that_pam_reads),
		TEST(screen_lock_needs_every_setting),
		TEST(disk_encryption_needs_every_mount_and_swap),
		TEST(a_firewall_needs_to_know_whether_ipv6_is_in_use),
		TEST(remote_access_needs_all_of_sshds_settings),
		TEST(network_needs_every_place_that_may_lead_past_the_filter),
		TEST(configuration_needs_every_policy_of_a_browser),
		TEST(a_home_of_more_programs_than_are_looked_at_is_told),
		TEST(clamav_needs_its_settings_and_its_logs),
		TEST(a_service_is_not_absent_for_want_of_a_look),
	};

	return cmocka_run_group_tests(tests, NULL, forget_all);
}
