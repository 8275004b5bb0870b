/* What is said of a policy: the errors that refuse it, and the warnings.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/policy/policy.h"

/* --- errors ---------------------------------------------------------------------------------- */

static const struct {
	const char *text, *message;
} refusals[] = {
	/* names */
	{"[anti-virsu]\n",
	 "policy.ini:1: unknown section [anti-virsu]; did you mean [anti-virus]?"},
	{"[usb guard]\n",
	 "policy.ini:1: unknown section [usb guard]; caretaker-policy(5) lists them"},
	{"[anti-virus]\nmode = audit\nmax_age = 3\n",
	 "policy.ini:3: unknown key 'max_age' in [anti-virus]; did you mean "
	 "'signatures_max_age_hours'?"},
	{"[screen-lock]\nidel_max_seconds = 3\n",
	 "policy.ini:2: unknown key 'idel_max_seconds' in [screen-lock]; did you mean "
	 "'idle_max_seconds'?"},
	{"[firewall]\nfix_days = 3\n",
	 "policy.ini:2: unknown key 'fix_days' in [firewall]; [updates] has one"},
	{"[firewall]\nrun = /bin/sh\n",
	 "policy.ini:2: unknown key 'run' in [firewall]; caretaker-policy(5) lists them"},
	{"mode = audit\n", "policy.ini:1: 'mode' stands before the first [section]"},
	/* twice */
	{"[firewall]\n[updates]\n[firewall]\n",
	 "policy.ini:3: section [firewall] stands twice, first on line 1"},
	{"[firewall]\nmode = audit\n\nmode = off\n",
	 "policy.ini:4: 'mode' stands twice in [firewall], first on line 2"},
	/* values */
	{"[firewall]\nmode = enforced\n",
	 "policy.ini:2: bad value 'enforced' for 'mode': expected off, audit or enforce; did you "
	 "mean 'enforce'?"},
	{"[firewall]\nmode = Audit\n",
	 "policy.ini:2: bad value 'Audit' for 'mode': expected off, audit or enforce; did you mean "
	 "'audit'?"},
	{"[firewall]\nmode =\n",
	 "policy.ini:2: bad value '' for 'mode': expected off, audit or enforce"},
	{"[accounts]\nguest_allowed = maybe\n",
	 "policy.ini:2: bad value 'maybe' for 'guest_allowed': expected yes or no"},
	{"[updates]\nfix_days = 0\n",
	 "policy.ini:2: bad value '0' for 'fix_days': expected a whole number from 1 to 90, in "
	 "days"},
	{"[updates]\nfix_days = 14d\n",
	 "policy.ini:2: bad value '14d' for 'fix_days': expected a whole number from 1 to 90, in "
	 "days"},
	{"[updates]\nfix_days = 99999999999999999999\n",
	 "policy.ini:2: bad value '99999999999999999999' for 'fix_days': expected a whole number "
	 "from 1 to 90, in days"},
	{"[password-policy]\nmin_length = -6\n",
	 "policy.ini:2: bad value '-6' for 'min_length': expected a whole number from 4 to 64"},
	{"[calendar]\nopens = 8:30\n",
	 "policy.ini:2: bad value '8:30' for 'opens': expected a time of day from 00:00 to 23:59"},
	{"[calendar]\nopens = 24:00\n",
	 "policy.ini:2: bad value '24:00' for 'opens': expected a time of day from 00:00 to 23:59"},
	{"[calendar]\nschool_days = monday\n",
	 "policy.ini:2: bad value 'monday' for 'school_days': expected days such as mon-fri, sat; "
	 "or none"},
	{"[calendar]\nschool_days = mon-fri,\n",
	 "policy.ini:2: bad value 'mon-fri,' for 'school_days': expected days such as mon-fri, "
	 "sat; "
	 "or none"},
	{"[policy]\nname =\n", "policy.ini:2: 'name' is empty: expected text"},
	{"[policy]\nname = 0123456789012345678901234567890123456789012345678901234567890\n",
	 "policy.ini:2: 'name' has 61 bytes: expected at most 60"},
	{"[policy]\nname = a\xe2\x80\xae"
	 "b\n",
	 "policy.ini:2: the value of 'name' holds a character that cannot be shown"},
	{"[network]\nproxy = http://proxy:3128\n",
	 "policy.ini:2: bad value 'http://proxy:3128' for 'proxy': expected HOST:PORT or none"},
	/* lists */
	{"[services]\nallowed_ports = tcp/22, tcp/99999\n",
	 "policy.ini:2: bad item 'tcp/99999' in 'allowed_ports': expected a port such as tcp/22 or "
	 "udp/5000-5010"},
	{"[services]\nallowed_ports = tcp/22,, tcp/80\n",
	 "policy.ini:2: an empty item in 'allowed_ports': a comma too many?"},
	{"[services]\nallowed_ports = tcp/22,\n",
	 "policy.ini:2: an empty item in 'allowed_ports': a comma too many?"},
	{"[anti-virus]\nproducts =\n",
	 "policy.ini:2: 'products' is empty: expected at least one item"},
	{"[removable-storage]\nclassroom = microbit, legos\n",
	 "policy.ini:2: bad item 'legos' in 'classroom': expected microbit, pico, circuitpython or "
	 "lego; did you mean 'lego'?"},
	{"[removable-storage]\nencrypted = truecrypt\n",
	 "policy.ini:2: bad item 'truecrypt' in 'encrypted': expected luks, bitlocker or hardware"},
	{"[removable-storage]\nscan = yes\n",
	 "policy.ini:2: bad value 'yes' for 'scan': expected no, full or on-open"},
	{"[exceptions]\nsubjects = device\nsubjects = person, group\nsubjects = device\n",
	 "policy.ini:4: more than 3 items in 'subjects'"},
	{"[exceptions]\ncontrols = usb\n",
	 "policy.ini:2: bad item 'usb' in 'controls': expected a control's name such as "
	 "removable-storage"},
	/* not INI at all (base/ini.h says it) */
	{"[firewall]\nmode audit\n",
	 "policy.ini:2: expected 'key = value', '[section]' or a comment"},
};

static void refuses_with_the_line_and_what_was_expected(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		struct policy *policy = NULL;
		struct err err = {0};
		int ret = policy_parse("policy.ini", refusals[i].text, strlen(refusals[i].text),
				       &policy, &err);

		if (ret == 0)
			fail_msg("taken, should have been: %s", refusals[i].message);
		assert_string_equal(err.msg, refusals[i].message);
		assert_int_equal(err.code, ERR_INVALID);
		assert_null(policy);
	}
}

static void cuts_and_cleans_what_it_quotes(void **state)
{
	static const char text[] =
		"[firewall]\n\xc2\x9b"
		"0123456789012345678901234567890123456789012345678901234567890123 = yes\n";
	struct policy *policy = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(policy_parse("p", text, sizeof(text) - 1, &policy, &err), -1);
	assert_string_equal(err.msg, "p:2: unknown key '\xef\xbf\xbd"
				     "01234567890123456789012345678901234567890...' in [firewall]; "
				     "caretaker-policy(5) lists them");
}

static void bounds_a_list_over_all_its_lines(void **state)
{
	struct policy *policy = NULL;
	struct err err = {0};
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	buf_adds(&text, "[software]\n");
	for (int i = 0; i < 257; i++)
		buf_addf(&text, "banned = program%d\n", i);
	assert_int_equal(policy_parse("p", text.data, text.len, &policy, &err), -1);
	assert_string_equal(err.msg, "p:258: more than 256 items in 'banned'");
	buf_clear(&text);
}

static void lint_goes_on_after_an_error(void **state)
{
	static const char text[] = "[firewal]\nmode = sometimes\n[updates]\nfix_days = x\n"
				   "fix_day = 3\n[updates]\nfix_days = 9\n";
	struct policy *policy = NULL;
	unsigned errors = 9, warnings = 9;
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	assert_int_equal(
		policy_lint("a.ini", text, sizeof(text) - 1, &policy, &out, &errors, &warnings),
		-1);
	assert_string_equal(
		out.data, "a.ini:1: unknown section [firewal]; did you mean [firewall]?\n"
			  "a.ini:4: bad value 'x' for 'fix_days': expected a whole number from 1 "
			  "to 90, in days\n"
			  "a.ini:5: unknown key 'fix_day' in [updates]; did you mean 'fix_days'?\n"
			  "a.ini:6: section [updates] stands twice, first on line 3\n"
			  "a.ini:7: 'fix_days' stands twice in [updates], first on line 4\n");
	assert_int_equal(errors, 5);
	assert_int_equal(warnings, 0);
	assert_null(policy);
	buf_clear(&out);
}

static void lint_says_what_is_no_ini_and_stops_after_fifty(void **state)
{
	unsigned errors, warnings;
	struct buf text, out;

	(void)state;
	buf_init(&text, 0);
	buf_init(&out, 0);
	assert_int_equal(policy_lint("a", "[firewall\n", 10, NULL, &out, &errors, &warnings), -1);
	assert_string_equal(out.data, "a:1: expected ']' after the section's name\n");
	assert_int_equal(errors, 1);

	buf_reset(&out);
	buf_adds(&text, "[firewall]\n");
	for (int i = 0; i < 80; i++)
		buf_adds(&text, "nonsense = 1\n");
	assert_int_equal(policy_lint("a", text.data, text.len, NULL, &out, &errors, &warnings), -1);
	assert_int_equal(errors, 51);
	assert_non_null(strstr(out.data, "a:51: 50 errors; the rest was not looked at\n"));
	assert_null(strstr(out.data, "a:52:"));
	buf_clear(&text);
	buf_clear(&out);
}

/* --- warnings -------------------------------------------------------------------------------- */

static const struct {
	const char *text, *warning; /* NULL: none */
} warned[] = {
	{"", NULL},
	{"[hours]\nlate_minutes = 5\n",
	 "p:2: warning: 'late_minutes' has no effect: [hours] has mode = off\n"},
	{"[hours]\nlate_minutes = 60\n", NULL}, /* the default */
	{"[policy]\nname = \"x\"\n", "p:2: warning: the quotation marks are part of 'name'\n"},
	{"[software]\nspared = 'a b'\n",
	 "p:2: warning: the quotation marks are part of 'spared': 'a b'\n"},
	{"[software]\nspared = a, b, a\n", "p:2: warning: 'a' stands twice in 'spared'\n"},
	{"[filtering]\nmode = enforce\n",
	 "p:2: warning: [filtering] names nothing to look for, so it will say 'not applicable'\n"},
	{"[filtering]\nmode = enforce\nunits = guard.service\n", NULL},
	{"[backup]\nmode = enforce\n",
	 "p:2: warning: [backup] names nothing to look for, so it will say 'not applicable'\n"},
	{"[configuration]\nmode = enforce\n",
	 "p:2: warning: [configuration] names nothing to look for, so it will say 'not "
	 "applicable'\n"},
	{"[removable-storage]\nmode = enforce\nallow = any\nencrypted =\nscan = no\n",
	 "p:2: warning: enforces nothing: any medium may be used, unencrypted, unscanned, in any "
	 "port\n"},
	{"[removable-storage]\nallow = approved\n[exceptions]\nallowed = no\n",
	 "p:2: warning: nothing can be approved: no stick and no person is listed, and "
	 "[exceptions] allows none for removable-storage\n"},
	{"[removable-storage]\nallow = none\napproved_sticks = 0951:1666\n",
	 "p:3: warning: 'approved_sticks' has no effect: 'allow' is none\n"},
	{"[removable-storage]\nallow = none\napproved_people = head\n",
	 "p:3: warning: 'approved_people' has no effect: 'allow' is none\n"},
	{"[removable-storage]\nallow = any\napproved_sticks = 0951:1666\n",
	 "p:3: warning: 'approved_sticks' has no effect: 'allow' is any\n"},
	{"[removable-storage]\nallow = approved\napproved_by = person\n"
	 "approved_sticks = 0951:1666\n",
	 "p:4: warning: 'approved_sticks' has no effect: 'approved_by' does not name stick\n"},
	{"[removable-storage]\nallow = approved\napproved_by = stick\napproved_people = head\n",
	 "p:4: warning: 'approved_people' has no effect: 'approved_by' does not name person\n"},
	{"[removable-storage]\nallow = approved\napproved_sticks = 0951:1666 scanned\n",
	 "p:3: warning: '0951:1666 scanned' says nothing new: 'scan' has every medium scanned\n"},
	{"[removable-storage]\nallow = approved\nscan = no\nread_only = yes\n"
	 "approved_sticks = 0951:1666 read-only\n",
	 "p:5: warning: '0951:1666 read-only' says nothing new: with 'read_only' any medium may "
	 "only be read\n"},
	{"[anti-virus]\nmode = off\n[removable-storage]\nallow = approved\nscan = no\n"
	 "approved_sticks = 0951:1666 scanned\n",
	 "p:6: warning: '0951:1666 scanned' is to be scanned, but [anti-virus] is off, so nobody "
	 "sees whether the scanner is up to date\n"},
	{"[removable-storage]\nallow = approved\nscan = no\n"
	 "approved_sticks = 0951:1666:60A4* read-only scanned\n",
	 NULL},
	{"[removable-storage]\nallow = approved\napproved_sticks = 0951:1666 read-only\n"
	 "[hardware]\nrefused_devices = 0951:1666\n",
	 "p:3: warning: '0951:1666' of 'approved_sticks' is also meant by [hardware] "
	 "refused_devices\n"},
	{"[removable-storage]\nhardware_encrypted = 0984:1407\n"
	 "[hardware]\nrefused_devices = 0984:*\n",
	 "p:2: warning: '0984:1407' of 'hardware_encrypted' is also meant by [hardware] "
	 "refused_devices\n"},
	{"[removable-storage]\nhardware_encrypted = 0984:1407\n"
	 "[hardware]\nrefused_devices = 0951:*\n",
	 NULL},
	{"[hardware]\nrefused_classes = network, printer\n",
	 "p:2: warning: 'printer' of 'refused_classes' refuses nothing: a printer is only "
	 "reported\n"},
	{"[hardware]\nrefused_classes = firewire\n",
	 "p:2: warning: 'firewire' of 'refused_classes' refuses nothing: a disk on it is removable "
	 "storage, of the kind card\n"},
	{"[hardware]\nrefused_classes = modem\nrefused_classes = thunderbolt\n",
	 "p:2: warning: 'thunderbolt' of 'refused_classes' refuses nothing: a disk behind it is "
	 "removable storage, of the kind usb\n"},
	{"[hardware]\nrefused_classes = network, wireless, bluetooth, modem, scanner, serial, "
	 "phone, game, other\n",
	 NULL},
	{"[removable-storage]\nask = yes\n[exceptions]\ncontrols = hardware\n",
	 "p:2: warning: people may ask for what nobody can grant: [exceptions] allows none for "
	 "removable-storage\n"},
	{"[exceptions]\nphone_code_days = 1\n", NULL},
	{"[exceptions]\nphone_code_days = 1\ncontrols = hardware\n",
	 "p:2: warning: 'phone_code_days' has no effect: [exceptions] allows none for "
	 "removable-storage\n"},
	{"[exceptions]\nphone_code_days = 1\n[removable-storage]\nask = no\n",
	 "p:2: warning: 'phone_code_days' has no effect: nobody may ask for a stick "
	 "([removable-storage] mode, ask)\n"},
	{"[exceptions]\nphone_code_days = 31\n",
	 "p:2: warning: a code lasts for longer than 'max_days', which devices do not honour\n"},
	{"[removable-storage]\nweak_serial = ask\nask = no\n",
	 "p:2: warning: 'weak_serial' is ask, but 'ask' is no: such a stick stays shut\n"},
	{"[removable-storage]\nencrypted = luks\nhardware_encrypted = 1953:0202\n",
	 "p:3: warning: 'hardware_encrypted' has no effect: 'encrypted' does not name hardware\n"},
	{"[removable-storage]\nencrypted = hardware\n",
	 "p:2: warning: 'encrypted' is hardware alone and 'hardware_encrypted' names no model: "
	 "only those of conf/hardware/encrypted.ini open\n"},
	{"[removable-storage]\nencrypted = hardware\nhardware_encrypted = 1953:0202\n", NULL},
	{"[removable-storage]\nencrypted =\nplain = read-only\n",
	 "p:3: warning: 'plain' has no effect: 'encrypted' is empty\n"},
	{"[removable-storage]\nplain = read-only\nread_only = yes\n",
	 "p:2: warning: 'encrypted' has no effect: with 'read_only' any medium may be read, as "
	 "with 'plain'\n"},
	{"[removable-storage]\nplain = read-only\n", NULL},
	{"[anti-virus]\nmode = off\n",
	 "p:1: warning: media are to be scanned, but [anti-virus] is off, so nobody sees "
	 "whether the scanner is up to date\n"},
	{"[anti-virus]\nmode = off\n[removable-storage]\nscan = no\n", NULL},
	{"[removable-storage]\nscan = no\nscan_max_minutes = 60\n",
	 "p:3: warning: 'scan_max_minutes' has no effect: 'scan' is not full\n"},
	{"[removable-storage]\nscan = on-open\nread_only = no\n",
	 "p:3: warning: 'read_only' is no, but with 'scan' on-open media can be read only\n"},
	{"[removable-storage]\nscan = on-open\nread_only = yes\n", NULL},
	{"[removable-storage]\nallow = approved\nfront_ports = 1-1, 1-2\n"
	 "[hardware]\nrear_ports = 1-2\n",
	 "p:3: warning: '1-2' of 'front_ports' is also meant by [hardware] rear_ports\n"},
	{"[removable-storage]\nallow = none\nfront_ports = 1-1\n",
	 "p:3: warning: 'front_ports' opens nothing: 'allow' is none, so that only an exception or "
	 "a board of 'classroom' works there\n"},
	{"[removable-storage]\nallow = any\nfront_ports = 1-1\n", NULL},
	{"[removable-storage]\nallow = approved\nfront_ports = 1-1.4\nmax_hubs = 0\n",
	 "p:3: warning: '1-1.4' of 'front_ports' lies behind more hubs than 'max_hubs' allows\n"},
	{"[removable-storage]\nallow = approved\napproved_sticks = 0951:1666:60A4*\n"
	 "[hardware]\nrefused_devices = 0951:1666\n",
	 "p:3: warning: '0951:1666:60A4*' of 'approved_sticks' is also meant by [hardware] "
	 "refused_devices\n"},
	{"[hardware]\nrefused_devices = 0d28:0204\n",
	 "p:2: warning: '0d28:0204' of 'refused_devices' refuses BBC micro:bit, which "
	 "[removable-storage] classroom lets work\n"},
	{"[removable-storage]\nclassroom = pico\n[hardware]\nrefused_devices = 0d28:0204\n", NULL},
	{"[hardware]\nrefused_devices = 2104:0313\n",
	 "p:2: warning: '2104:0313' of 'refused_devices' has no effect on Tobii eye-trackers: what "
	 "assists people is never refused\n"},
	{"[hardware]\napproved_devices = 0951:1666\nrefused_devices = 0951:*\n",
	 "p:2: warning: '0951:1666' of 'approved_devices' is also meant by [hardware] "
	 "refused_devices\n"},
	{"[software]\nbanned = *\n", "p:2: warning: bans every program: an item is '*'\n"},
	{"[software]\nmode = enforce\nbanned =\nrefused_places =\nallowed_sources = *\n",
	 "p:2: warning: enforces nothing: nothing is banned, from anywhere\n"},
	{"[configuration]\nrequired_packages = tcpdump\n",
	 "p:2: warning: 'tcpdump' of 'required_packages' is also meant by [software] banned\n"},
	{"[privacy]\nusers = never\npupils = name\n",
	 "p:3: warning: pupils are named more plainly than staff\n"},
	{"[hours]\nmode = audit\n",
	 "p:2: warning: [hours] looks at nobody: [accounts] pupil_accounts is empty\n"},
	{"[policy]\nused_by = staff\n[hours]\nmode = audit\n",
	 "p:4: warning: [hours] looks at nobody: the machines are used by staff\n"},
	{"[accounts]\nadministrators = *\n",
	 "p:2: warning: everyone may be an administrator: an item is '*'\n"},
	{"[accounts]\nadministrators = root, p*\npupil_accounts = pupil-*\n",
	 "p:3: warning: 'pupil-*' of 'pupil_accounts' is also meant by [accounts] "
	 "administrators\n"},
	{"[password-policy]\nmin_length = 5\n",
	 "p:2: warning: fewer than the 6 characters that Cyber Essentials asks of what unlocks a "
	 "device\n"},
	{"[calendar]\nopens = 09:00\ncloses = 09:00\n",
	 "p:3: warning: lessons end before they begin\n"},
	{"[calendar]\nschool_days = none\n", "p:2: warning: the school is never open\n"},
	{"[end-of-day]\ntime = 15:00\n",
	 "p:2: warning: the working day ends before lessons do ([calendar] closes)\n"},
	{"[screen-lock]\nidle_max_seconds = 300\n",
	 "p:2: warning: nobody is ever reminded: the screen has locked before "
	 "'remind_idle_minutes'\n"},
	{"[exceptions]\noffice_max_days = 3\nmax_days = 2\n",
	 "p:2: warning: the office grants for longer than 'max_days', which devices do not "
	 "honour\n"},
	{"[remote-access]\nallowed = ssh\n",
	 "p:2: warning: ssh is allowed here, but [services] allows neither tcp/22 nor sshd\n"},
	{"[remote-access]\nallowed = ssh\n[services]\nallowed_ports = tcp/20-30\n", NULL},
	{"[network]\ndns_over_https_allowed = yes\ndns_over_https_servers = x\n",
	 "p:3: warning: 'dns_over_https_servers' has no effect: any server is allowed\n"},
	{"[network]\ndns_everywhere = yes\n",
	 "p:2: warning: 'dns_everywhere' has no effect: 'dns_servers' is empty\n"},
	{"[filtering]\nproxy_required = yes\n",
	 "p:2: warning: the filter is a proxy, but [network] names none\n"},
	{"[agreement]\nshow = yes\n", "p:2: warning: the agreement is shown, but has no 'text'\n"},
};

static void warns_of_what_is_surely_not_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(warned); i++) {
		const char *want = warned[i].warning ? warned[i].warning : "";
		unsigned errors, warnings;
		struct buf out;

		buf_init(&out, 0);
		if (policy_lint("p", warned[i].text, strlen(warned[i].text), NULL, &out, &errors,
				&warnings))
			fail_msg("refused: %s", buf_text(&out));
		assert_string_equal(buf_text(&out), want);
		assert_int_equal(warnings, *want ? 1 : 0);
		buf_clear(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_with_the_line_and_what_was_expected),
		cmocka_unit_test(cuts_and_cleans_what_it_quotes),
		cmocka_unit_test(bounds_a_list_over_all_its_lines),
		cmocka_unit_test(lint_goes_on_after_an_error),
		cmocka_unit_test(lint_says_what_is_no_ini_and_stops_after_fifty),
		cmocka_unit_test(warns_of_what_is_surely_not_meant),
	};

	return cmocka_run_group_tests_name("policy lint", tests, NULL, NULL);
}
