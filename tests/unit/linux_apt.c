/* apt.c, updates_rpm.c, release.c: reading what package managers say, from recorded output.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "agent/base/buf.h"
#include "platform/linux/apt.h"
#include "platform/linux/updates_rpm.h"
#include "platform/platform.h"

static char text[8192]; /* readers cut their text in place */

static char *copy(const char *from)
{
	assert_true(strlen(from) < sizeof(text));
	return strcpy(text, from);
}

static void reads_upgrades_but_not_new_packages_from_a_simulation(void **state)
{
	/* apt 2.6, Debian 12; 2.4, Ubuntu 22.04 */
	static const char said[] =
		"NOTE: This is only a simulation!\n"
		"The following packages will be upgraded:\n  libssl3 tzdata\n"
		"Inst libssl3 [3.0.11-1~deb12u2] (3.0.15-1~deb12u1 Debian:12.8/stable, "
		"Debian-Security:12/stable-security [amd64]) []\n"
		"Inst libnew5 (5.0-1 Debian:12.8/stable [amd64])\n"
		"Inst tzdata [2024a-0+deb12u1] (2024b-0+deb12u1 Debian:12-updates/stable-updates "
		"[all])\n"
		"Inst libc6:i386 [2.35-0ubuntu3.8] (2.35-0ubuntu3.9 Ubuntu:22.04/jammy-security "
		"[i386])\n"
		"Conf libssl3 (3.0.15-1~deb12u1 Debian:12.8/stable [amd64])\n"
		"Inst torn [1.0] (\nInst\nInst x [\n";
	struct plat_updates updates = {0};
	static const struct {
		const char *name, *installed, *candidate, *source;
		bool security;
	} want[] = {
		{"libssl3", "3.0.11-1~deb12u2", "3.0.15-1~deb12u1",
		 "Debian:12.8/stable, Debian-Security:12/stable-security", true},
		{"tzdata", "2024a-0+deb12u1", "2024b-0+deb12u1", "Debian:12-updates/stable-updates",
		 false},
		{"libc6:i386", "2.35-0ubuntu3.8", "2.35-0ubuntu3.9", "Ubuntu:22.04/jammy-security",
		 true},
	};

	(void)state;
	assert_works(apt_read_simulation(copy(said), &updates, &err));
	assert_int_equal(updates.count, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_string_equal(updates.fixes[i].name, want[i].name);
		assert_string_equal(updates.fixes[i].installed, want[i].installed);
		assert_string_equal(updates.fixes[i].candidate, want[i].candidate);
		assert_string_equal(updates.fixes[i].source, want[i].source);
		assert_int_equal(updates.fixes[i].security, want[i].security);
	}
	plat_updates_clear(&updates);
}

static void note(void *ctx, const struct apt_version *version)
{
	char *out = ctx;

	(void)sprintf(out + strlen(out), "%s %s %s%s%s\n", version->package, version->version,
		      version->installed ? "installed " : "",
		      version->above_installed ? "above " : "", version->source);
}

static void tells_versions_above_the_installed_one(void **state)
{
	static const char said[] =
		"libssl3:\n"
		"  Installed: 3.0.11-1\n  Candidate: 3.0.15-1\n  Version table:\n"
		"     3.0.15-1 500 (phased 20%)\n"
		"        500 http://archive.example/debian bookworm/main amd64 Packages\n"
		" *** 3.0.11-1 100\n"
		"        100 /var/lib/dpkg/status\n"
		"     3.0.9-1 -1\n"
		"         -1 http://archive.example/debian-security bookworm-security/main amd64 "
		"Packages\n"
		"own-tool:\n"
		"  Installed: 1.0\n  Candidate: 1.0\n  Package pin: 1.0\n  Version table:\n"
		" *** 1.0 1001\n"
		"        100 /var/lib/dpkg/status\n";
	char got[1024] = "";

	(void)state;
	apt_read_policy(copy(said), note, got);
	assert_string_equal(
		got,
		"libssl3 3.0.15-1 above http://archive.example/debian bookworm/main amd64 "
		"Packages\n"
		"libssl3 3.0.11-1 installed /var/lib/dpkg/status\n"
		"libssl3 3.0.9-1 http://archive.example/debian-security bookworm-security/main "
		"amd64 Packages\n"
		"own-tool 1.0 installed /var/lib/dpkg/status\n");
}

static void knows_a_security_archive_by_label_suite_or_address(void **state)
{
	static const char said[] =
		"Package files:\n"
		" 100 /var/lib/dpkg/status\n     release a=now\n"
		" 500 http://archive.example/debian bookworm/main amd64 Packages\n"
		"     release v=12.8,o=Debian,a=stable,n=bookworm,l=Debian,c=main,b=amd64\n"
		"     origin archive.example\n"
		" 500 file:/archive ./ Packages\n"
		"     release o=Debian,a=stable-security,l=Debian-Security,c=,b=amd64\n"
		" 500 http://archive.ubuntu.com/ubuntu jammy-security/main amd64 Packages\n"
		"     release v=22.04,o=Ubuntu,a=jammy,n=jammy,l=Ubuntu,c=main,b=amd64\n"
		"Pinned packages:\n     vim -> 1 with priority 5\n";
	struct apt_archives all = {0};

	(void)state;
	assert_works(apt_read_archives(copy(said), &all, &err));
	assert_int_equal(all.count, 4);
	assert_string_equal(all.items[0].source, "/var/lib/dpkg/status");
	assert_false(apt_archive_security(&all.items[1]));
	assert_string_equal(all.items[1].origin, "Debian");
	assert_true(apt_archive_security(&all.items[2]));
	assert_true(apt_archive_security(&all.items[3]));
	assert_ptr_equal(apt_archive_find(&all, "file:/archive ./ Packages"), &all.items[2]);
	assert_null(apt_archive_find(&all, "file:/archive"));
	apt_archives_clear(&all);
}

static void count_value(void *ctx, const char *value)
{
	(void)value;
	++*(int *)ctx;
}

static void the_last_value_of_a_setting_counts(void **state)
{
	static const char dump[] = "APT \"\";\nAPT::Periodic \"\";\n"
				   "APT::Periodic::Enable \"1\";\nAPT::Periodic::Enable \"0\";\n"
				   "Unattended-Upgrade::Origins-Pattern \"\";\n"
				   "Unattended-Upgrade::Origins-Pattern:: \"origin=a\";\n"
				   "Unattended-Upgrade::Origins-Pattern:: \"origin=b\";\n";
	char value[16] = "kept";
	int count = 0;

	(void)state;
	assert_true(apt_config(dump, "APT::Periodic::Enable", value, sizeof(value)));
	assert_string_equal(value, "0");
	assert_false(apt_config(dump, "APT::Periodic::Verbose", value, sizeof(value)));
	assert_string_equal(value, "0");
	apt_config_list(dump, "Unattended-Upgrade::Origins-Pattern::", count_value, &count);
	assert_int_equal(count, 2);
}

static void reads_dates_with_their_zone(void **state)
{
	static const struct {
		const char *date;
		int64_t want;
	} cases[] = {
		{"Sat, 21 Nov 2026 20:33:12 UTC", 1795293192},
		{"Sat, 21 Nov 2026 20:33:12 +0000", 1795293192},
		{"Sat, 21 Nov 2026 21:33:12 +0100", 1795293192},
		{"Sat, 21 Nov 2026 15:03:12 -0530", 1795293192},
		{"yesterday", 0},
		{"", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(apt_date(cases[i].date), cases[i].want);
}

static void reads_the_head_of_a_signed_release_file_only(void **state)
{
	static const char file[] = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
				   "Origin: Debian\nLabel: Debian-Security\n"
				   "Suite: oldstable-security\nCodename: bookworm-security\n"
				   "Date: Sat, 21 Nov 2026 20:33:12 UTC\n"
				   "Valid-Until: Sat, 28 Nov 2026 20:33:12 UTC\n"
				   "MD5Sum:\n 0 1 Date: Mon, 01 Jan 2001 00:00:00 UTC\n";
	struct apt_release release;

	(void)state;
	apt_read_release(copy(file), &release);
	assert_string_equal(release.label, "Debian-Security");
	assert_string_equal(release.suite, "oldstable-security");
	assert_int_equal(release.date, 1795293192);
	assert_int_equal(release.valid_until, 1795293192 + 7 * 86400);
}

static void reads_the_first_entry_of_a_changelog(void **state)
{
	struct apt_changelog entry;

	(void)state;
	assert_true(apt_read_changelog(
		copy("openssl (3.0.22-1~deb12u2) bookworm-security; urgency=high\n\n"
		     "  * CVE-2026-0001 (Closes: #1)\n\n"
		     " -- A Person <a@b.example>  Sat, 21 Nov 2026 21:33:12 +0100\n\n"
		     "openssl (3.0.20-1) bookworm; urgency=medium\n"),
		&entry));
	assert_string_equal(entry.version, "3.0.22-1~deb12u2");
	assert_string_equal(entry.urgency, "high");
	assert_int_equal(entry.date, 1795293192);
	assert_false(apt_read_changelog(copy("no changelog\n"), &entry));
	assert_false(apt_read_changelog(copy("a (1) b; urgency=low\n\n  * cut off"), &entry));
}

static void reads_advisories_of_dnf_4_and_5(void **state)
{
	static const char said[] =
		"FEDORA-2026-1a2b3c4d5e Important/Sec. openssl-libs-1:3.2.2-9.fc41.x86_64\n"
		"FEDORA-2026-ffffffffff bugfix vim-2:9.1-1.fc41.x86_64\n"
		"FEDORA-2026-0123456789 security Moderate curl-8.9.1-3.fc41.x86_64 2026-11-02 "
		"01:02:03\n";
	struct plat_updates updates = {0};

	(void)state;
	assert_works(updates_read_dnf(copy(said), &updates, &err));
	assert_int_equal(updates.count, 2);
	assert_string_equal(updates.fixes[0].name, "openssl-libs");
	assert_int_equal(updates.fixes[0].severity, PLAT_HIGH);
	assert_string_equal(updates.fixes[1].name, "curl");
	assert_string_equal(updates.fixes[1].candidate, "8.9.1-3.fc41.x86_64");
	assert_int_equal(updates.fixes[1].severity, PLAT_MEDIUM);
	assert_int_equal(updates.fixes[1].released_at, 1793577600);
	plat_updates_clear(&updates);
}

static void reads_needed_patches_of_zypper(void **state)
{
	static const char said[] =
		"Loading repository data...\n"
		"Repository  | Name               | Category    | Severity  | Interactive | Status "
		"    | Summary\n"
		"------------+--------------------+-------------+-----------+-------------+--------"
		"----+--------\n"
		"repo-update | openSUSE-2026-1201 | security    | important | ---         | needed "
		"    | Security update for curl\n"
		"repo-update | openSUSE-2026-1100 | security    | critical  | ---         | applied"
		"    | old\n"
		"repo-update | openSUSE-2026-1202 | recommended | moderate  | ---         | needed "
		"    | other\n";
	struct plat_updates updates = {0};

	(void)state;
	assert_works(updates_read_zypper(copy(said), &updates, &err));
	assert_int_equal(updates.count, 1);
	assert_string_equal(updates.fixes[0].name, "openSUSE-2026-1201");
	assert_int_equal(updates.fixes[0].severity, PLAT_HIGH);
	plat_updates_clear(&updates);
}

/* --- a recorded tree --- */

static char root[] = "/tmp/caretaker-apt-XXXXXX";

static void put(const char *path, const char *content)
{
	char whole[512], command[600];
	FILE *file;

	(void)snprintf(whole, sizeof(whole), "%s%s", root, path);
	(void)snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s')\"", whole);
	assert_int_equal(system(command), 0);
	file = fopen(whole, "w");
	assert_non_null(file);
	assert_int_equal(fputs(content, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

static int make_tree(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	plat_set_root(root);
	return 0;
}

static int drop_tree(void **state)
{
	char command[128];

	(void)state;
	plat_set_root("");
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static void knows_when_a_release_ends_from_the_table_or_distro_info(void **state)
{
	struct plat_release release;

	(void)state;
	put("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n"
			       "VERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
	assert_works(plat_release(&release, &err));
	assert_string_equal(release.name, "Debian GNU/Linux 12 (bookworm)");
	assert_int_equal(release.end_of_life, 1845936000); /* 2028-06-30, long-term support */
	assert_string_equal(release.end_from, "this agent's table");
	put("/usr/share/distro-info/debian.csv",
	    "version,codename,series,created,release,eol,eol-lts,eol-elts\n"
	    "12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-07-01,2033-06-30\n");
	assert_works(plat_release(&release, &err));
	assert_int_equal(release.end_of_life, 1846022400);
	put("/etc/os-release", "ID=ubuntu\nVERSION_ID=\"22.04\"\n");
	put("/usr/share/distro-info/ubuntu.csv",
	    "version,codename,series,created,release,eol,eol-server,eol-esm\n"
	    "22.04 LTS,Jammy Jellyfish,jammy,2021-10-14,2022-04-21,2027-06-01,2027-06-01,2032-04-"
	    "21\n");
	assert_works(plat_release(&release, &err));
	assert_int_equal(release.end_of_life, 1811808000); /* not the paid years after */
	put("/etc/os-release", "ID=unheard\nVERSION_ID=1\n");
	assert_works(plat_release(&release, &err));
	assert_int_equal(release.end_of_life, 0);
}

static void a_newer_kernel_of_the_same_flavour_asks_for_a_restart(void **state)
{
	struct plat_reboot reboot;

	(void)state;
	put("/proc/sys/kernel/osrelease", "6.1.0-9-amd64\n");
	put("/boot/vmlinuz-6.1.0-9-amd64", "");
	put("/boot/vmlinuz-6.12.0-1-cloud-rt", "");
	assert_works(plat_reboot(&reboot, &err));
	assert_int_equal(reboot.pending, PLAT_NO);
	put("/boot/vmlinuz-6.1.0-35-amd64", "");
	assert_works(plat_reboot(&reboot, &err));
	assert_int_equal(reboot.pending, PLAT_YES);
	assert_string_equal(reboot.why, "kernel 6.1.0-35-amd64 is installed, 6.1.0-9-amd64 still "
					"runs");
	put("/proc/sys/kernel/osrelease", "5.15.0-host\n");
	assert_works(plat_reboot(&reboot, &err));
	assert_int_equal(reboot.pending, PLAT_CANNOT_TELL);
	put("/run/reboot-required", "");
	put("/run/reboot-required.pkgs", "linux-base\nlibc6\n");
	assert_works(plat_reboot(&reboot, &err));
	assert_string_equal(reboot.why, "linux-base asked for it");
}

static void commands_are_not_run_for_a_tree_that_is_only_read(void **state)
{
	struct plat_updates updates;

	(void)state;
	put("/var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n");
	put("/usr/bin/apt-get", "");
	{
		char command[160];

		(void)snprintf(command, sizeof(command), "chmod +x '%s/usr/bin/apt-get'", root);
		assert_int_equal(system(command), 0);
	}
	assert_fails(plat_updates(NULL, 1795293192, &updates, &err), ERR_UNSUPPORTED,
		     "'apt-get' is not run on a tree that is only read");
}

static void finds_what_is_installed_in_dpkgs_status(void **state)
{
	char version[96];

	(void)state;
	put("/var/lib/dpkg/status",
	    "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2\n\n"
	    "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
	    "Package: libx\nStatus: install ok installed\nArchitecture: i386\nVersion: 2\n\n"
	    "Package: bash-doc\nStatus: install ok unpacked\nVersion: 3\n");
	assert_works(plat_package_find("bash", version, &err));
	assert_string_equal(version, "5.2");
	assert_works(plat_package_find("libx:i386", version, &err));
	assert_works(plat_package_find("bash-doc", version, &err));
	assert_fails(plat_package_find("gone", version, &err), ERR_NOTFOUND,
		     "package 'gone' is not installed");
	assert_fails(plat_package_find("libx:amd64", version, &err), ERR_NOTFOUND,
		     "package 'libx:amd64' is not installed");
	assert_fails(plat_package_find("ash", version, &err), ERR_NOTFOUND,
		     "package 'ash' is not installed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_upgrades_but_not_new_packages_from_a_simulation),
		cmocka_unit_test(tells_versions_above_the_installed_one),
		cmocka_unit_test(knows_a_security_archive_by_label_suite_or_address),
		cmocka_unit_test(the_last_value_of_a_setting_counts),
		cmocka_unit_test(reads_dates_with_their_zone),
		cmocka_unit_test(reads_the_head_of_a_signed_release_file_only),
		cmocka_unit_test(reads_the_first_entry_of_a_changelog),
		cmocka_unit_test(reads_advisories_of_dnf_4_and_5),
		cmocka_unit_test(reads_needed_patches_of_zypper),
		cmocka_unit_test(knows_when_a_release_ends_from_the_table_or_distro_info),
		cmocka_unit_test(a_newer_kernel_of_the_same_flavour_asks_for_a_restart),
		cmocka_unit_test(commands_are_not_run_for_a_tree_that_is_only_read),
		cmocka_unit_test(finds_what_is_installed_in_dpkgs_status),
	};

	return cmocka_run_group_tests(tests, make_tree, drop_tree);
}
