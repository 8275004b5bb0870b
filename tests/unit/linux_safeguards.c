/* clamav.c, av_vendors.c, licence.c, software*.c, safeguards.c, look.c: reading recorded files and
 * output.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <utime.h>

#include "agent/base/buf.h"
#include "platform/linux/av_vendors.h"
#include "platform/linux/clamav.h"
#include "platform/linux/licence.h"
#include "platform/linux/look.h"
#include "platform/linux/software.h"
#include "platform/linux/wifi.h"
#include "platform/platform.h"

static char root[] = "/tmp/caretaker-look-XXXXXX";
static char text[8192];

static char *copy(const char *from)
{
	assert_true(strlen(from) < sizeof(text));
	return strcpy(text, from);
}

/* The two holes of 'fmt' are the root and the path; "mv" has them twice. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void shell(const char *fmt, const char *path)
{
	char command[700];

	/* cppcheck-suppress wrongPrintfScanfArgNum; it reads a caller's format */
	(void)snprintf(command, sizeof(command), fmt, root, path, root, path);
	assert_int_equal(system(command), 0);
}

static void put(const char *path, const char *content)
{
	char whole[512];
	FILE *file;

	shell("mkdir -p \"$(dirname '%s%s')\"", path);
	(void)snprintf(whole, sizeof(whole), "%s%s", root, path);
	file = fopen(whole, "w");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void append(const char *path, const char *content)
{
	char whole[512];
	FILE *file;

	(void)snprintf(whole, sizeof(whole), "%s%s", root, path);
	file = fopen(whole, "a");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int make_tree(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1); /* clamd logs in local time */
	assert_non_null(mkdtemp(root));
	plat_set_root(root);
	put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\n"
			   "bob:x:1002:1002::/srv/year6/bob:/bin/sh\n");
	put("/srv/year6/bob/x", "");
	put("/home/ann/x", "");
	return 0;
}

static int drop_tree(void **state)
{
	(void)state;
	plat_set_root("");
	shell("rm -rf '%s'", "");
	return 0;
}

static void dates_a_database_by_its_header(void **state)
{
	static const struct {
		const char *head;
		bool ok;
		int64_t built;
		unsigned version;
	} cases[] = {
		{"ClamAV-VDB:21 Nov 2026 03-50 -0500:27100:2070000:90:md5:sig:raynman:1795251000 ",
		 true, 1795251000, 27100},
		/* Without the last field the date is read, zone and all. */
		{"ClamAV-VDB:21 Nov 2026 03-50 -0500:27100:2070000:90:md5:sig:raynman", true,
		 1795251000, 27100},
		{"ClamAV-VDB:21 Nov 2026 08-50 +0000:62:6647427:90:m:s:sigmgr:1795251000\n\n", true,
		 1795251000, 62},
		{"ClamAV-VDB:some day:27100:1:90:md5:sig:b", false, 0, 0},
		{"ClamAV-VDB:21 Nov 2026 03-50 -0500:minus:1:90:m:s:b:1", false, 0, 0},
		{"ClamAV-VDB:", false, 0, 0},
		{"PK\003\004 something else altogether here", false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t built = 0;
		unsigned version = 0;
		bool ok =
			clamav_read_header(cases[i].head, strlen(cases[i].head), &built, &version);

		if (ok != cases[i].ok || built != cases[i].built || version != cases[i].version)
			fail_msg("%s: got %d %lld %u", cases[i].head, ok, (long long)built,
				 version);
	}
}

static void reads_what_clamd_says_of_itself(void **state)
{
	char product[32];
	unsigned version;
	int64_t at;

	(void)state;
	assert_true(clamav_read_version("ClamAV 1.4.6/27100/Sat Nov 21 08:50:00 2026", product,
					sizeof(product), &version, &at));
	assert_string_equal(product, "1.4.6");
	assert_int_equal(version, 27100);
	assert_int_equal(at, 1795251000);
	assert_true(clamav_read_version("ClamAV 1.4.6", product, sizeof(product), &version, &at));
	assert_int_equal(version, 0);
	assert_int_equal(at, 0);
	assert_false(
		clamav_read_version("UNKNOWN COMMAND", product, sizeof(product), &version, &at));
}

static void reads_detections_of_clamd_and_clamonacc(void **state)
{
	static const struct {
		const char *line, *path, *signature;
		int64_t at;
	} cases[] = {
		{"Sat Nov 21 08:50:00 2026 -> /home/ann/a.exe: Win.Test.EICAR_HDB-1 FOUND",
		 "/home/ann/a.exe", "Win.Test.EICAR_HDB-1", 1795251000},
		{"/home/ann/b: c -> d.exe: Eicar(44d88612fea8a8f36de82e1278abb02f:68) FOUND",
		 "/home/ann/b: c -> d.exe", "Eicar", 0},
		{"Sat Nov 21 08:50:00 2026 -> fd[10]: Eicar FOUND", "", "Eicar", 1795251000},
		{"Sat Nov 21 08:50:00 2026 -> instream(local): Eicar FOUND", "", "Eicar",
		 1795251000},
		{"Sat Nov 21 08:50:00 2026 -> SelfCheck: Database status OK.", NULL, NULL, 0},
		{" FOUND", NULL, NULL, 0},
		{": FOUND", NULL, NULL, 0},
		{"x:  FOUND", NULL, NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct plat_detection found;
		bool ok = clamav_read_detection(cases[i].line, &found);

		if (ok != (cases[i].path != NULL))
			fail_msg("%s: got %d", cases[i].line, ok);
		if (!ok)
			continue;
		assert_string_equal(found.path, cases[i].path);
		assert_string_equal(found.signature, cases[i].signature);
		assert_int_equal(found.at, cases[i].at);
	}
}

#define LOG "/var/log/clamav/clamav.log"
#define FOUND_AT(time, path) "Sat Nov 21 " time " 2026 -> " path ": Eicar FOUND\n"

static size_t detections(struct buf *position, struct plat_detection *out)
{
	char before[256];
	size_t count = 0;

	(void)snprintf(before, sizeof(before), "%s", buf_text(position));
	buf_reset(position);
	assert_works(clamav_detections(before, 1795251000 + 3600, out, &count, position, &err));
	return count;
}

static void tells_each_detection_once_also_when_the_log_was_turned_over(void **state)
{
	static struct plat_detection out[PLAT_DETECTIONS_MAX];
	struct buf position;

	(void)state;
	buf_init(&position, 0);
	put("/etc/clamav/clamd.conf", "LogFile " LOG "\nLogTime yes\n");
	put(LOG,
	    "Sat Nov 14 08:00:00 2026 -> /old: Eicar FOUND\n" FOUND_AT("08:50:00", "/home/ann/1"));
	/* The first time: the last day only. */
	assert_int_equal(detections(&position, out), 1);
	assert_string_equal(out[0].path, "~/1");
	assert_string_equal(out[0].file, "/home/ann/1");
	assert_int_equal(detections(&position, out), 0);
	/* A line that is still being written is left for the next time. */
	append(LOG, "Sat Nov 21 08:51:00 2026 -> /srv/year6/bob/2: Ei");
	assert_int_equal(detections(&position, out), 0);
	append(LOG, "car FOUND\n");
	assert_int_equal(detections(&position, out), 1);
	assert_string_equal(out[0].path, "~/2");
	append(LOG, FOUND_AT("08:52:00", "/home/gone/3"));
	shell("mv '%s%s' '%s%s.1'", LOG);
	put(LOG, FOUND_AT("08:53:00", "/tmp/4"));
	assert_int_equal(detections(&position, out), 2);
	assert_string_equal(out[0].path, "~/3"); /* no such home any more: still nobody's name */
	assert_string_equal(out[1].path, "/tmp/4");
	assert_int_equal(detections(&position, out), 0);
	buf_clear(&position);
}

static void more_detections_than_fit_are_told_the_next_time(void **state)
{
	static struct plat_detection out[PLAT_DETECTIONS_MAX];
	struct buf position;
	size_t total = 0, got;

	(void)state;
	buf_init(&position, 0);
	put(LOG, "");
	(void)detections(&position, out);
	for (int i = 0; i < 120; i++)
		append(LOG, FOUND_AT("08:55:00", "/tmp/many"));
	while ((got = detections(&position, out)) > 0) {
		assert_true(got <= PLAT_DETECTIONS_MAX);
		total += got;
	}
	assert_int_equal(total, 120);
	buf_clear(&position);
}

static void reads_detections_out_of_the_journal(void **state)
{
	static const char lines[] =
		"{\"__CURSOR\":\"s=1;i=1\",\"__REALTIME_TIMESTAMP\":\"1795251000123456\","
		"\"MESSAGE\":\"SelfCheck: Database status OK.\"}\n"
		"{\"__CURSOR\":\"s=1;i=2\",\"__REALTIME_TIMESTAMP\":\"1795251000123456\","
		"\"MESSAGE\":\"/home/ann/a.exe: Eicar FOUND\"}\n"
		"{\"__CURSOR\":\"s=1;i=3\",\"MESSAGE\":[7,7]}\n"
		"{\"__CURSOR\":\"s=1;i=4\",\"__REALTIME_TIMESTAMP\":\"1795251001000000\","
		"\"MESSAGE\":\"fd[10]: Eicar FOUND\"}\n"
		"{\"__CURSOR\":\"s=1 i=5\",\"MESSAGE\":\"/b: Eicar FOUND\"}\n"
		"not JSON\n";
	static struct plat_detection out[PLAT_DETECTIONS_MAX];
	char cursor[CURSOR_MAX] = "";
	size_t count = 0;

	(void)state;
	clamav_read_journal(lines, false, out, &count, cursor);
	assert_int_equal(count, 1);
	assert_string_equal(out[0].path, "~/a.exe");
	assert_string_equal(out[0].file, "/home/ann/a.exe");
	assert_int_equal(out[0].at, 1795251000);
	assert_string_equal(cursor, "s=1;i=4");
	count = 0;
	clamav_read_journal(lines, true, out, &count, cursor);
	assert_int_equal(count, 2);
	/* Full: the position stays before what is left. */
	count = PLAT_DETECTIONS_MAX - 1;
	clamav_read_journal(lines, true, out, &count, cursor);
	assert_int_equal(count, PLAT_DETECTIONS_MAX);
	assert_string_equal(cursor, "s=1;i=2");
}

static void a_clamd_without_a_log_or_journal_is_said(void **state)
{
	static struct plat_detection out[PLAT_DETECTIONS_MAX];
	struct buf position;
	size_t count = 0;

	(void)state;
	buf_init(&position, 0);
	shell("rm -rf '%s%s'", "/var/log/clamav");
	put("/etc/clamav/clamd.conf", "LogSyslog yes\n");
	assert_fails(clamav_detections("", 1795251000, out, &count, &position, &err),
		     ERR_UNSUPPORTED,
		     "clamd keeps no log of its own, and what it found is not seen: there is no "
		     "journal of systemd here");
	put("/run/systemd/journal/socket", "");
	assert_fails(clamav_detections("", 1795251000, out, &count, &position, &err),
		     ERR_UNSUPPORTED,
		     "clamd keeps no log of its own, and what it found is not seen: 'journalctl' "
		     "is not run on a tree that is only read");
	buf_clear(&position);
	put("/etc/clamav/clamd.conf", "LogFile " LOG "\nLogSyslog yes\n");
	buf_init(&position, 0);
	assert_works(clamav_detections("", 1795251000, out, &count, &position, &err));
	buf_clear(&position);
}

static void rpm_that_cannot_look_does_not_mean_not_installed(void **state)
{
	char version[96] = "";

	(void)state;
	assert_works(software_read_rpm_query("bash", 0, "5.2.26-3.fc40\n", "", version, &err));
	assert_string_equal(version, "5.2.26-3.fc40");
	assert_fails(software_read_rpm_query("nano", 1, "package nano is not installed\n", "",
					     version, &err),
		     ERR_NOTFOUND, "package 'nano' is not installed");
	/* A damaged database: rpm says both. */
	assert_fails(
		software_read_rpm_query("bash", 1, "package bash is not installed\n",
					"error: cannot open Packages database in /var/lib/rpm\n",
					version, &err),
		ERR_IO,
		"rpm could not say whether 'bash' is installed (exit 1): error: cannot open "
		"Packages database in /var/lib/rpm");
	assert_fails(software_read_rpm_query("bash", 137, "", "", version, &err), ERR_IO,
		     "rpm could not say whether 'bash' is installed (exit 137): no answer");
	assert_fails(software_read_rpm_query("bash", 0, "\n", "", version, &err), ERR_IO,
		     "rpm could not say whether 'bash' is installed (exit 0): no answer");
	assert_string_equal(version, "5.2.26-3.fc40");
}

static void note_path(void *ctx, const char *path)
{
	(void)strcat(ctx, path);
	(void)strcat(ctx, "\n");
}

static void reads_which_files_of_a_package_are_others(void **state)
{
	char got[512] = "";

	(void)state;
	software_read_verify(copy("??5??????   /usr/bin/caretaker\n"
				  "??5?????? c /etc/caretaker/caretakerd.ini\n"
				  "missing     /usr/sbin/caretakerd\n"
				  "missing   c /etc/caretaker/caretaker-check.ini\n"
				  "missing     /usr/share/doc/caretaker/copyright\n"
				  "S.5....T.    /usr/libexec/caretaker/a b\n"
				  ".M.....T.    /usr/bin/other\n"
				  "S.5....T.  d /usr/share/man/man1/caretaker.1.gz\n"
				  "missing\n?\n??5\n"),
			     note_path, got);
	assert_string_equal(got, "/usr/bin/caretaker\n/usr/sbin/caretakerd\n"
				 "/usr/libexec/caretaker/a\n");
}

static void a_tree_of_rpm_that_is_only_read_is_not_asked(void **state)
{
	char version[96];

	(void)state;
	shell("rm -rf '%s%s'", "/var/lib/dpkg");
	put("/var/lib/rpm/rpmdb.sqlite", "");
	assert_fails(plat_package_find("bash", version, &err), ERR_UNSUPPORTED,
		     "'rpm' is not run on a tree that is only read");
	shell("rm -rf '%s%s'", "/var/lib/rpm");
}

static void reads_a_sample_of_mdatp_health(void **state)
{
	/* After the vendor's documentation: not seen on a real machine. */
	struct plat_av_product product = {.running = PLAT_YES};

	(void)state;
	av_read_mdatp(
		copy("healthy                                     : true\n"
		     "health_issues                               : []\n"
		     "app_version                                 : \"101.24082.0004\"\n"
		     "real_time_protection_enabled                : true [managed]\n"
		     "automatic_definition_update_enabled         : true\n"
		     "definitions_updated                         : Nov 20, 2026 at 06:33:22 AM\n"
		     "definitions_updated_minutes_ago             : 158\n"
		     "definitions_version                         : \"1.421.100.0\"\n"),
		1795251000, &product);
	assert_string_equal(product.version, "101.24082.0004");
	assert_int_equal(product.on_access, PLAT_YES);
	assert_int_equal(product.auto_update, PLAT_YES);
	assert_int_equal(product.signatures_at, 1795251000 - 158 * 60);
	assert_string_equal(product.signatures, "1.421.100.0");
	assert_string_equal(product.detail, "");
	av_read_mdatp(copy("healthy : false\nreal_time_protection_enabled : false\n"
			   "health_issues : [\"no active event provider\"]\n"),
		      1795251000, &product);
	assert_int_equal(product.on_access, PLAT_NO);
	assert_string_equal(product.detail, "[\"no active event provider\"]");
}

static void names_licences_of_both_kinds_of_copyright_file(void **state)
{
	static const struct {
		const char *file, *want;
	} cases[] = {
		{"Format: x\n\nFiles: *\nLicense: GPL-2+\n\nFiles: a\nLicense: MIT\n\n"
		 "License: GPL-2+\n text\n",
		 "GPL-2+, MIT"},
		{"Files: *\nLicense: GPL-2\n\nLicense: GPL-2+\n", "GPL-2, GPL-2+"},
		{"This is free software; see `/usr/share/common-licenses/GPL-3'.\n", "GPL-3"},
		{"It is in /usr/share/common-licenses/Apache-2.0.\n", "Apache-2.0"},
		{"All rights reserved.\n", ""},
	};
	char got[200];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		licence_read(copy(cases[i].file), got, sizeof(got));
		assert_string_equal(got, cases[i].want);
	}
}

static void lists_packages_of_rpm_and_snap_from_their_output(void **state)
{
	struct plat_software all = {0};

	(void)state;
	assert_works(software_read_rpm(copy("bash\t5.2-1.fc41\tGPL-3.0-or-later\tFedora Project\n"
					    "gpg-pubkey\t1-2\tpubkey\t(none)\n"
					    "own\t1-1\tMIT\t(none)\n"),
				       &all, &err));
	assert_works(
		software_read_snap(copy("Name   Version  Rev  Tracking       Publisher   Notes\n"
					"core22 20240904 1663 latest/stable  canonical** base\n"),
				   &all, &err));
	assert_int_equal(all.count, 3);
	assert_string_equal(all.packages[0].licence, "GPL-3.0-or-later");
	assert_int_equal(all.packages[0].from_archive, PLAT_YES);
	assert_int_equal(all.packages[1].from_archive, PLAT_NO);
	assert_string_equal(all.packages[2].name, "core22");
	assert_int_equal(all.packages[2].kind, PLAT_SNAP);
	plat_software_clear(&all);
}

static void an_inspected_tree_lists_packages_without_asking_apt(void **state)
{
	struct plat_software all;

	(void)state;
	put("/var/lib/dpkg/status",
	    "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2\n");
	put("/usr/share/doc/bash/copyright", "License: GPL-3+\n");
	assert_works(plat_software(NULL, &all, &err));
	assert_int_equal(all.count, 1);
	assert_string_equal(all.packages[0].licence, "GPL-3+");
	assert_int_equal(all.packages[0].from_archive, PLAT_CANNOT_TELL);
	assert_string_not_equal(all.detail, "");
	plat_software_clear(&all);
}

static void tells_how_wifi_is_secured(void **state)
{
	static const struct {
		const char *nmcli, *want;
	} cases[] = {
		{" :WPA1\n*:WPA2 802.1X\n", "wpa2"},
		{"*:WPA2 WPA3\n", "wpa3"},
		{"*:WPA1\n", "wpa"},
		{"*:WEP\n", "wep"},
		{"*:\n", "open"},
		{" :WPA2\n", ""},
	};
	char got[16];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		wifi_read_nmcli(copy(cases[i].nmcli), got, sizeof(got));
		assert_string_equal(got, cases[i].want);
	}
	wifi_read_wpa_status(copy("ssid=x\nkey_mgmt=WPA2-PSK\nwpa_state=COMPLETED\n"), got,
			     sizeof(got));
	assert_string_equal(got, "wpa2");
	wifi_read_wpa_status(copy("key_mgmt=SAE\n"), got, sizeof(got));
	assert_string_equal(got, "wpa3");
	wifi_read_wpa_status(copy("key_mgmt=NONE\n"), got, sizeof(got));
	assert_string_equal(got, "open");
}

static void finds_the_newest_file_of_a_pattern(void **state)
{
	struct plat_looked_file file;
	struct utimbuf times = {1000, 1000};
	char path[256], whole[256];

	(void)state;
	put("/srv/backup/day-1", "a");
	put("/srv/backup/day-2", "bb");
	put("/srv/backup/other", "c");
	(void)snprintf(whole, sizeof(whole), "%s/srv/backup/day-2", root);
	assert_int_equal(utime(whole, &times), 0);
	assert_works(plat_look_newest("/srv/backup/day-*", path, sizeof(path), &file, &err));
	assert_string_equal(path, "/srv/backup/day-1");
	assert_works(plat_look("/srv/backup/day-2", &file, &err));
	assert_int_equal(file.changed_at, 1000);
	assert_int_equal(file.size, 2);
	assert_fails(plat_look_newest("/srv/backup/week-*", path, sizeof(path), &file, &err),
		     ERR_NOTFOUND, "there is no file '/srv/backup/week-*'");
	assert_fails(plat_look("/srv/backup", &file, &err), ERR_INVALID,
		     "'/srv/backup' is not a file");
}

static void a_unit_is_enabled_by_a_link_and_masked_by_dev_null(void **state)
{
	(void)state;
	put("/etc/systemd/system/timers.target.wants/x", "");
	assert_false(look_unit_enabled("apt-daily.timer"));
	shell("ln -s /lib/systemd/system/apt-daily.timer '%s%s/apt-daily.timer'",
	      "/etc/systemd/system/timers.target.wants");
	assert_true(look_unit_enabled("apt-daily.timer"));
	assert_false(look_unit_masked("apt-daily.timer"));
	shell("ln -s /dev/null '%s%s/apt-daily.timer'", "/etc/systemd/system");
	assert_true(look_unit_masked("apt-daily.timer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_a_database_by_its_header),
		cmocka_unit_test(reads_what_clamd_says_of_itself),
		cmocka_unit_test(reads_detections_of_clamd_and_clamonacc),
		cmocka_unit_test(tells_each_detection_once_also_when_the_log_was_turned_over),
		cmocka_unit_test(more_detections_than_fit_are_told_the_next_time),
		cmocka_unit_test(reads_detections_out_of_the_journal),
		cmocka_unit_test(a_clamd_without_a_log_or_journal_is_said),
		cmocka_unit_test(rpm_that_cannot_look_does_not_mean_not_installed),
		cmocka_unit_test(reads_which_files_of_a_package_are_others),
		cmocka_unit_test(a_tree_of_rpm_that_is_only_read_is_not_asked),
		cmocka_unit_test(reads_a_sample_of_mdatp_health),
		cmocka_unit_test(names_licences_of_both_kinds_of_copyright_file),
		cmocka_unit_test(lists_packages_of_rpm_and_snap_from_their_output),
		cmocka_unit_test(an_inspected_tree_lists_packages_without_asking_apt),
		cmocka_unit_test(tells_how_wifi_is_secured),
		cmocka_unit_test(finds_the_newest_file_of_a_pattern),
		cmocka_unit_test(a_unit_is_enabled_by_a_link_and_masked_by_dev_null),
	};

	return cmocka_run_group_tests(tests, make_tree, drop_tree);
}
