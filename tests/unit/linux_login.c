/* Facts about accounts, passwords and screen locks, read from trees as a machine would have them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tree.h"

#include "platform/accounts.h"

/* --- accounts --- */

#define PASSWD \
	"root:x:0:0:root:/root:/bin/bash\nbin:x:2:2:bin:/bin:/usr/sbin/nologin\n" \
	"alice:x:1000:1000::/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/bash\n"
#define SHADOW "root:*:19000:0:99999:7:::\nalice:$y$x:20000:0:90:7:::\nbob::19000:0:99999:7:::\n"

static const struct plat_account *account(const struct plat_accounts *accounts, const char *name)
{
	size_t i;

	for (i = 0; i < accounts->count; i++)
		if (!strcmp(accounts->accounts[i].name, name))
			return &accounts->accounts[i];
	fail_msg("no account %s", name);
	return NULL;
}

static void reads_accounts_and_their_passwords(void **state)
{
	struct plat_accounts accounts;

	(void)state;
	put("/etc/passwd", PASSWD);
	put("/etc/shadow", SHADOW);
	put("/etc/group", "sudo:x:27:alice\n");
	assert_works(plat_accounts(&accounts, &err));
	assert_int_equal(accounts.count, 4);
	assert_true(account(&accounts, "root")->super);
	assert_int_equal(account(&accounts, "root")->password, PLAT_PASSWORD_LOCKED);
	assert_false(account(&accounts, "bin")->can_log_in);
	assert_true(account(&accounts, "alice")->person);
	assert_true(account(&accounts, "alice")->admin);
	assert_string_equal(account(&accounts, "alice")->admin_by, "group sudo");
	assert_int_equal(account(&accounts, "alice")->password_max_days, 90);
	assert_int_equal(account(&accounts, "bob")->password, PLAT_PASSWORD_NONE);
	assert_false(account(&accounts, "bob")->admin);
	assert_false(accounts.logons_known);
	plat_accounts_clear(&accounts);
}

static void reads_sudos_rules(void **state)
{
	static const struct {
		const char *rules;
		bool admin, unasked;
	} cases[] = {
		{"bob ALL=(ALL:ALL) ALL\n", true, false},
		{"bob ALL=(ALL) NOPASSWD: ALL\n", true, true},
		{"bob ALL = NOPASSWD: /usr/bin/apt update\n", false, false},
		{"%bob ALL=(ALL) ALL\n", true, false},
		{"#1001 ALL=(ALL) ALL\n", true, false},
		{"# bob ALL=(ALL) ALL\n", false, false},
		{"User_Alias STAFF = alice, bob\nSTAFF ALL=(ALL) ALL\n", true, false},
		{"alice,\\\nbob ALL=(ALL) ALL\n", true, false},
		{"Defaults:bob timestamp_timeout=ALL\n", false, false},
	};
	struct plat_accounts accounts;
	size_t i;

	(void)state;
	put_program("/usr/bin/sudo");
	put("/etc/passwd", PASSWD);
	put("/etc/group", "bob:x:1001:\n");
	put("/etc/sudoers", "Defaults env_reset\n@includedir /etc/sudoers.d\n");
	put("/etc/sudoers.d/README.txt",
	    "bob ALL=(ALL) NOPASSWD: ALL\n"); /* a dot: sudo passes it over */
	for (i = 0; i < COUNT(cases); i++) {
		put("/etc/sudoers.d/school", cases[i].rules);
		assert_works(plat_accounts(&accounts, &err));
		if (account(&accounts, "bob")->admin != cases[i].admin ||
		    account(&accounts, "bob")->admin_unasked != cases[i].unasked)
			fail_msg("%s: got %d %d", cases[i].rules, account(&accounts, "bob")->admin,
				 account(&accounts, "bob")->admin_unasked);
		plat_accounts_clear(&accounts);
	}
}

static void finds_automatic_log_ins_of_what_is_installed(void **state)
{
	static const struct {
		const char *program, *file, *text, *want;
	} cases[] = {
		{"/usr/sbin/gdm3", "/etc/gdm3/daemon.conf",
		 "[daemon]\nAutomaticLoginEnable = true\nAutomaticLogin = alice\n", "gdm3"},
		{"/usr/sbin/lightdm", "/etc/lightdm/lightdm.conf",
		 "[Seat:*]\nautologin-user=alice\n", "lightdm"},
		{"/usr/bin/sddm", "/etc/sddm.conf.d/a.conf", "[Autologin]\nUser=alice\n", "sddm"},
		{NULL, "/etc/systemd/system/getty@tty1.service.d/a.conf",
		 "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin alice %I\n", "getty"},
	};
	struct plat_accounts accounts;
	size_t i;

	(void)state;
	put("/etc/passwd", PASSWD);
	for (i = 0; i < COUNT(cases); i++) {
		put(cases[i].file, cases[i].text);
		if (cases[i].program) {
			assert_works(plat_accounts(&accounts, &err));
			assert_int_equal(accounts.auto_login_count, i); /* a file nobody reads */
			plat_accounts_clear(&accounts);
			put_program(cases[i].program);
		}
		assert_works(plat_accounts(&accounts, &err));
		assert_int_equal(accounts.auto_login_count, i + 1);
		assert_string_equal(accounts.auto_logins[i].program, cases[i].want);
		assert_string_equal(accounts.auto_logins[i].user, "alice");
		plat_accounts_clear(&accounts);
	}
}

static void counts_a_person_once_and_no_greeter(void **state)
{
	struct plat_accounts accounts;

	(void)state;
	put("/etc/passwd", PASSWD);
	put("/run/systemd/sessions/1", "USER=alice\nCLASS=user\nSTATE=active\nREMOTE=0\n");
	put("/run/systemd/sessions/2", "USER=alice\nCLASS=user\nSTATE=online\nREMOTE=1\n");
	put("/run/systemd/sessions/c1", "USER=gdm\nCLASS=greeter\nSTATE=active\n");
	assert_works(plat_accounts(&accounts, &err));
	assert_true(accounts.logons_known);
	assert_int_equal(accounts.logon_count, 1);
	assert_string_equal(accounts.logons[0].name, "alice");
	assert_false(accounts.logons[0].remote);
	plat_accounts_clear(&accounts);
}

/* --- passwords --- */

static void reads_what_pam_asks_of_a_password(void **state)
{
	struct plat_password_rules rules;

	(void)state;
	assert_fails(plat_password_rules(&rules, &err), ERR_UNSUPPORTED,
		     "no password rules of PAM: /etc/pam.d/common-password and system-auth are not "
		     "there");
	put("/etc/pam.d/common-password",
	    "password [success=1 default=ignore] pam_unix.so obscure yescrypt\n");
	put("/etc/pam.d/common-auth", "auth [success=1 default=ignore] pam_unix.so nullok\n");
	put("/etc/login.defs", "PASS_MAX_DAYS\t99999\n");
	assert_works(plat_password_rules(&rules, &err));
	assert_string_equal(rules.quality_by, "pam_unix");
	assert_int_equal(rules.min_length, 6);
	assert_int_equal(rules.max_days, -1);
	assert_false(rules.lockout);

	put("/etc/pam.d/common-password",
	    "password requisite pam_pwquality.so retry=3 ucredit=-1\n"
	    "password [success=1 default=ignore] pam_unix.so use_authtok\n");
	put("/etc/security/pwquality.conf",
	    "# minlen = 8\nminlen = 12\ndcredit = -1\nocredit = 1\ndictcheck = 0\n");
	put("/etc/pam.d/common-auth",
	    "auth required pam_faillock.so preauth\nauth [default=die] pam_faillock.so authfail\n");
	put("/etc/security/faillock.conf", "deny = 5\nunlock_time = 120\n");
	put("/etc/login.defs", "PASS_MAX_DAYS 90\n");
	assert_works(plat_password_rules(&rules, &err));
	assert_string_equal(rules.quality_by, "pam_pwquality");
	assert_int_equal(rules.min_length, 11); /* a credit of one */
	assert_true(rules.need_upper && rules.need_digit && !rules.need_lower);
	assert_false(rules.refuse_common);
	assert_true(rules.lockout);
	assert_int_equal(rules.lockout_tries, 5);
	assert_int_equal(rules.lockout_seconds, 120);
	assert_int_equal(rules.max_days, 90);

	put("/etc/nsswitch.conf", "passwd: files sss\n");
	assert_works(plat_password_rules(&rules, &err));
	assert_string_equal(rules.domain, ""); /* named, not set up */
	put("/etc/sssd/sssd.conf", "[sssd]\n");
	assert_works(plat_password_rules(&rules, &err));
	assert_string_equal(rules.domain, "sssd");
}

static void knows_passwords_that_are_stored_weakly(void **state)
{
	static const struct {
		const char *hash;
		bool weak;
	} cases[] = {
		{"$y$j9T$x$y", false},   {"$6$salt$x", false},   {"$5$salt$x", false},
		{"$2b$12$x", false},     {"$1$salt$x", true},    {"abJnggxhB/yWI", true},
		{"_J9..rasmBYk8", true}, {"$3$$8846f7ea", true}, {"*", false},
		{"!$1$salt$x", false}, /* locked */
	};
	struct plat_accounts accounts;
	char shadow[128];

	(void)state;
	put("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/bash\n");
	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(shadow, sizeof(shadow), "alice:%s:20000:0:90:7:::\n", cases[i].hash);
		put("/etc/shadow", shadow);
		assert_works(plat_accounts(&accounts, &err));
		if (account(&accounts, "alice")->weak_hash != cases[i].weak)
			fail_msg("%s: weak is not %d", cases[i].hash, cases[i].weak);
		plat_accounts_clear(&accounts);
	}
}

/* --- screen locks --- */

static void reads_gnomes_lock_with_dconfs_locks(void **state)
{
	struct plat_screen_locks locks;

	(void)state;
	put("/usr/share/wayland-sessions/gnome.desktop", "[Desktop Entry]\n");
	assert_works(plat_screen_locks(&locks, &err));
	assert_int_equal(locks.count, 1);
	assert_string_equal(locks.items[0].desktop, "gnome");
	assert_false(locks.items[0].fixed);
	assert_string_equal(locks.items[0].open_setting, "idle-delay");

	put("/etc/dconf/profile/user", "user-db:user\nsystem-db:local\n");
	put("/etc/dconf/db/local.d/00-school",
	    "[org/gnome/desktop/session]\nidle-delay=uint32 600\n"
	    "[org/gnome/desktop/screensaver]\nlock-enabled=true\nlock-delay=uint32 5\n");
	put("/etc/dconf/db/local.d/locks/school",
	    "/org/gnome/desktop/session/idle-delay\n/org/gnome/desktop/screensaver/lock-enabled\n"
	    "/org/gnome/desktop/screensaver/lock-delay\n");
	assert_works(plat_screen_locks(&locks, &err));
	assert_string_equal(locks.items[0].open_setting, "dconf update has not been run");
	put("/etc/dconf/db/local", "GVariant");
	assert_works(plat_screen_locks(&locks, &err));
	assert_true(locks.items[0].fixed);
	assert_int_equal(locks.items[0].idle_seconds, 600);
	assert_int_equal(locks.items[0].delay_seconds, 5);
	assert_false(locks.items[0].wakes_unlocked);
	put("/etc/dconf/db/local.d/01-suspend",
	    "[org/gnome/desktop/screensaver]\nubuntu-lock-on-suspend=false\n");
	put("/etc/dconf/db/local", "GVariant, later");
	assert_works(plat_screen_locks(&locks, &err));
	assert_true(locks.items[0].wakes_unlocked);
}

/* MATE's power manager locks at suspend as the screensaver does, unless told to do as it likes. */
static void reads_mates_lock_in_two_programs(void **state)
{
	static const struct {
		const char *power, *saver;
		bool enabled, wakes_unlocked;
	} cases[] = {
		{"", "", true, false},
		{"lock-suspend=false\n", "", true, false},
		{"lock-use-screensaver=false\n", "", true, false},
		{"lock-use-screensaver=false\nlock-suspend=false\n", "", true, true},
		{"", "idle-activation-enabled=false\n", false, false},
		{"", "lock-enabled=false\n", false, false},
	};
	struct plat_screen_locks locks;
	char text[512];

	(void)state;
	put("/usr/share/xsessions/mate.desktop", "[Desktop Entry]\n");
	put("/etc/dconf/profile/user", "user-db:user\nsystem-db:local\n");
	put("/etc/dconf/db/local.d/locks/school",
	    "/org/mate/desktop/session/idle-delay\n/org/mate/screensaver/lock-enabled\n"
	    "/org/mate/screensaver/lock-delay\n");
	put("/etc/dconf/db/local", "compiled");
	assert_works(plat_screen_locks(&locks, &err));
	assert_string_equal(locks.items[0].open_setting, "idle-activation-enabled");
	put("/etc/dconf/db/local.d/locks/saver", "/org/mate/screensaver/idle-activation-enabled\n");
	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(text, sizeof(text),
			       "[org/mate/power-manager]\n%s[org/mate/screensaver]\n%s",
			       cases[i].power, cases[i].saver);
		put("/etc/dconf/db/local.d/00-school", text);
		put("/etc/dconf/db/local", "compiled again");
		assert_works(plat_screen_locks(&locks, &err));
		assert_string_equal(locks.items[0].desktop, "mate");
		assert_int_equal(locks.items[0].idle_seconds, 300);
		assert_true(locks.items[0].fixed);
		if (locks.items[0].enabled != cases[i].enabled ||
		    locks.items[0].wakes_unlocked != cases[i].wakes_unlocked)
			fail_msg("%s: enabled %d, wakes unlocked %d", text, locks.items[0].enabled,
				 locks.items[0].wakes_unlocked);
	}
}

static void reads_kdes_and_xfces_lock(void **state)
{
	struct plat_screen_locks locks;

	(void)state;
	put("/usr/share/xsessions/plasma.desktop", "");
	put("/etc/xdg/kscreenlockerrc", "[Daemon][$i]\nAutolock=true\nTimeout=10\nLockGrace=3\n");
	put("/usr/share/xsessions/xfce.desktop", "");
	put_program("/usr/bin/xfce4-screensaver");
	put("/etc/xdg/xfce4/xfconf/xfce-perchannel-xml/xfce4-screensaver.xml",
	    "<channel name=\"xfce4-screensaver\" version=\"1.0\" locked=\"*\" unlocked=\"root\">\n"
	    "  <property name=\"saver\" type=\"empty\">\n"
	    "    <property name=\"enabled\" type=\"bool\" value=\"true\"/>\n"
	    "    <property name=\"idle-activation\" type=\"empty\">\n"
	    "      <property name=\"delay\" type=\"int\" value=\"20\"/>\n"
	    "    </property>\n  </property>\n</channel>\n");
	put("/usr/share/xsessions/sway.desktop", "");
	assert_works(plat_screen_locks(&locks, &err));
	assert_false(locks.items[0].wakes_unlocked);
	assert_false(locks.items[1].wakes_unlocked);
	put("/etc/xdg/kscreenlockerrc",
	    "[Daemon][$i]\nAutolock=true\nTimeout=10\nLockGrace=3\nLockOnResume=false\n");
	put("/etc/xdg/xfce4/xfconf/xfce-perchannel-xml/xfce4-power-manager.xml",
	    "<channel name=\"xfce4-power-manager\" version=\"1.0\">\n"
	    "  <property name=\"xfce4-power-manager\" type=\"empty\">\n"
	    "    <property name=\"lock-screen-suspend-hibernate\" type=\"bool\" value=\"false\"/>\n"
	    "  </property>\n</channel>\n");
	assert_works(plat_screen_locks(&locks, &err));
	assert_true(locks.items[0].wakes_unlocked);
	assert_true(locks.items[1].wakes_unlocked);
	assert_int_equal(locks.count, 2);
	assert_string_equal(locks.items[0].desktop, "kde");
	assert_true(locks.items[0].fixed);
	assert_int_equal(locks.items[0].idle_seconds, 600);
	assert_int_equal(locks.items[0].delay_seconds, 3);
	assert_string_equal(locks.items[1].desktop, "xfce");
	assert_int_equal(locks.items[1].idle_seconds, 1200);
	assert_string_equal(locks.unread, "sway");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_accounts_and_their_passwords),
		TEST(reads_sudos_rules),
		TEST(finds_automatic_log_ins_of_what_is_installed),
		TEST(counts_a_person_once_and_no_greeter),
		TEST(reads_what_pam_asks_of_a_password),
		TEST(knows_passwords_that_are_stored_weakly),
		TEST(reads_gnomes_lock_with_dconfs_locks),
		TEST(reads_mates_lock_in_two_programs),
		TEST(reads_kdes_and_xfces_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
