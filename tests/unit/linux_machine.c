/* Facts about disks, accounts, passwords, screen locks, network and hardware, read from trees as a
 * machine would have them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/luks_header.h"
#include "tests/unit/tree.h"

#include "agent/base/buf.h"
#include "platform/accounts.h"
#include "platform/disks.h"
#include "platform/firewall.h"
#include "platform/hardware.h"
#include "platform/network.h"
#include "platform/os.h"
#include "platform/services.h"

/* --- disks --- */

static void put_block(const char *name, const char *numbers, const char *path)
{
	char link[128], target[128];

	(void)snprintf(link, sizeof(link), "/sys/class/block/%s", name);
	(void)snprintf(target, sizeof(target), "/sys/devices/%s", path);
	put_link(link, target);
	(void)snprintf(link, sizeof(link), "/sys/dev/block/%s", numbers);
	put_link(link, target);
	(void)snprintf(target, sizeof(target), "/sys/devices/%s/dev", path);
	put(target, numbers);
}

static const struct plat_volume *volume_at(const struct plat_disks *disks, const char *place)
{
	size_t i;

	for (i = 0; i < disks->count; i++)
		if (!strcmp(disks->volumes[i].place, place))
			return &disks->volumes[i];
	fail_msg("no volume at %s", place);
	return NULL;
}

static void put_luks(const char *device, int version, const char *cipher)
{
	static unsigned char header[LUKS2_SIZE];
	char json[512];

	(void)snprintf(json, sizeof(json), LUKS2_SEGMENT("%s"), cipher);
	if (version == 1)
		luks1_put(header, cipher);
	else
		luks2_put(header, 0, sizeof(header), json, strlen(json));
	put_bytes(device, (const char *)header, sizeof(header));
}

/* LVM on LUKS on a partition, as Debian's installer makes it. */
static void put_lvm_on_luks(const char *uuid)
{
	put("/proc/1/mountinfo", "25 1 254:1 / / rw - ext4 /dev/mapper/vg-root rw\n"
				 "26 25 8:1 / /boot rw - ext4 /dev/sda1 rw\n"
				 "27 25 0:5 / /proc rw - proc proc rw\n"
				 "28 25 0:30 / /run rw - tmpfs tmpfs rw\n"
				 "29 25 0:50 / /srv/share rw - nfs4 server:/x rw\n");
	put("/proc/swaps", "Filename Type Size Used Priority\n/dev/dm-2 partition 100 0 -2\n"
			   "/dev/zram0 partition 100 0 100\n");
	put_block("sda", "8:0", "ata1/block/sda");
	put_block("sda1", "8:1", "ata1/block/sda/sda1");
	put("/sys/devices/ata1/block/sda/sda1/partition", "1");
	put_block("sda2", "8:2", "ata1/block/sda/sda2");
	put("/sys/devices/ata1/block/sda/sda2/partition", "2");
	put_block("dm-0", "254:0", "virtual/block/dm-0");
	put("/sys/devices/virtual/block/dm-0/dm/uuid", uuid);
	put("/sys/devices/virtual/block/dm-0/dm/name", "sda2_crypt");
	put_link("/sys/devices/virtual/block/dm-0/slaves/sda2", "/sys/devices/ata1/block/sda/sda2");
	put_block("dm-1", "254:1", "virtual/block/dm-1");
	put("/sys/devices/virtual/block/dm-1/dm/uuid", "LVM-abc");
	put("/sys/devices/virtual/block/dm-1/dm/name", "vg-root");
	put_link("/sys/devices/virtual/block/dm-1/slaves/dm-0", "/sys/devices/virtual/block/dm-0");
	put_block("dm-2", "254:2", "virtual/block/dm-2");
	put("/sys/devices/virtual/block/dm-2/dm/uuid", "LVM-def");
	put_link("/sys/devices/virtual/block/dm-2/slaves/dm-0", "/sys/devices/virtual/block/dm-0");
	put_block("zram0", "252:0", "virtual/block/zram0");
}

static void follows_lvm_to_luks_below_it(void **state)
{
	struct plat_disks disks;
	const struct plat_volume *volume;

	(void)state;
	put_lvm_on_luks("CRYPT-LUKS2-0123-sda2_crypt");
	put_luks("/dev/sda2", 2, "aes-xts-plain64");
	assert_works(plat_disks(&disks, &err));
	assert_int_equal(disks.count, 3); /* no proc, tmpfs, nfs4, and no swap in memory */
	volume = volume_at(&disks, "/");
	assert_int_equal(volume->encryption, PLAT_ENCRYPTED);
	assert_string_equal(volume->how, "luks2");
	assert_string_equal(volume->device, "dm-1");
	assert_int_equal(volume_at(&disks, "swap")->encryption, PLAT_ENCRYPTED);
	volume = volume_at(&disks, "/boot");
	assert_int_equal(volume->encryption, PLAT_PLAIN);
	assert_int_equal(volume->role, PLAT_VOLUME_BOOT);
	plat_disks_clear(&disks);
}

static void finds_the_cipher_that_does_nothing(void **state)
{
	static const struct {
		int version;
		const char *cipher;
		enum plat_encryption want;
	} cases[] = {{1, "cipher_null", PLAT_NULL_CIPHER},
		     {2, "cipher_null-ecb", PLAT_NULL_CIPHER},
		     {1, "aes", PLAT_ENCRYPTED}};
	struct plat_disks disks;
	size_t i;

	(void)state;
	put_lvm_on_luks("CRYPT-LUKS1-0123-sda2_crypt");
	for (i = 0; i < COUNT(cases); i++) {
		put_luks("/dev/sda2", cases[i].version, cases[i].cipher);
		assert_works(plat_disks(&disks, &err));
		assert_int_equal(volume_at(&disks, "/")->encryption, cases[i].want);
		plat_disks_clear(&disks);
	}
}

static void cannot_tell_a_cipher_it_cannot_read(void **state)
{
	struct plat_disks disks;

	(void)state;
	put_lvm_on_luks("CRYPT-LUKS2-0123-sda2_crypt");
	assert_works(plat_disks(&disks, &err));
	assert_int_equal(volume_at(&disks, "/")->encryption, PLAT_ENCRYPTION_UNKNOWN);
	assert_string_equal(volume_at(&disks, "/")->note, "its cipher could not be read");
	plat_disks_clear(&disks);
}

static void integrity_is_not_encryption(void **state)
{
	struct plat_disks disks;

	(void)state;
	put_lvm_on_luks("CRYPT-INTEGRITY-sda2_crypt");
	assert_works(plat_disks(&disks, &err));
	assert_int_equal(volume_at(&disks, "/")->encryption, PLAT_PLAIN);
	plat_disks_clear(&disks);
}

static void an_overlay_and_peoples_folders_are_told_as_they_may(void **state)
{
	struct plat_disks disks;

	(void)state;
	put("/proc/1/mountinfo",
	    "25 1 0:40 / / rw - overlay overlay rw,lowerdir=/x\n"
	    "26 25 8:17 / /media/alice/Alice\\040Smith rw - vfat /dev/sdb1 rw\n"
	    "27 25 8:33 / /home/alice/private rw - ext4 /dev/sdc1 rw\n");
	put_block("sdb", "8:16", "pci0/usb2/2-1/block/sdb");
	put_block("sdb1", "8:17", "pci0/usb2/2-1/block/sdb/sdb1");
	put("/sys/devices/pci0/usb2/2-1/block/sdb/sdb1/partition", "1");
	put_block("sdc1", "8:33", "ata1/block/sdc1");
	assert_works(plat_disks(&disks, &err));
	assert_int_equal(volume_at(&disks, "/")->encryption, PLAT_ENCRYPTION_UNKNOWN);
	assert_true(volume_at(&disks, "media")->removable);
	assert_false(volume_at(&disks, "~")->removable);
	plat_disks_clear(&disks);
}

static void without_a_list_of_mounts_it_cannot_tell(void **state)
{
	struct plat_disks disks;

	(void)state;
	assert_fails(plat_disks(&disks, &err), ERR_UNSUPPORTED,
		     "no list of mounts: /proc/1/mountinfo is empty");
}

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

/* --- sockets, remote access, network --- */

static void reads_sockets_and_whose_they_are(void **state)
{
	struct plat_listeners listeners;

	(void)state;
	put("/proc/net/tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
			     "retrnsmt   uid  timeout inode\n"
			     "   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 "
			     "00000000 0 0 111 1\n"
			     "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 "
			     "00000000 0 0 222 1\n"
			     "   2: 0F02000A:0016 0202000A:D431 01 00000000:00000000 00:00000000 "
			     "00000000 0 0 333 1\n");
	put("/proc/net/udp6", "  sl header\n 9: 00000000000000000000000000000000:14E9 "
			      "00000000000000000000000000000000:0000 07 00000000:00000000 "
			      "00:00000000 00000000 0 0 444 2 0 0\n");
	put("/proc/7/comm", "sshd");
	put_link("/proc/7/exe", "/usr/sbin/sshd");
	put_link("/proc/7/fd/3", "socket:[222]");
	assert_works(plat_listeners(&listeners, &err));
	assert_int_equal(listeners.count, 3);
	assert_int_equal(listeners.items[0].port, 22);
	assert_string_equal(listeners.items[0].program, "sshd");
	assert_false(listeners.items[0].loopback);
	assert_string_equal(listeners.items[1].address, "127.0.0.1");
	assert_true(listeners.items[1].loopback);
	assert_string_equal(listeners.items[2].address, "::");
	assert_int_equal(listeners.items[2].port, 5353);
	plat_listeners_clear(&listeners);
}

/* A busy server's table: the one that waits for others stands behind ten thousand connections. */
static void finds_a_listener_behind_ten_thousand_connections(void **state)
{
	static const char connection[] =
		"   2: 0F02000A:0016 0202000A:D431 01 00000000:00000000 00:00000000 "
		"00000000     0        0 333 1 0000000044476181 100 0 0 10 0\n";
	struct plat_listeners listeners;
	struct buf table;
	struct err why;

	(void)state;
	buf_init(&table, 0);
	buf_adds(&table, "  sl  local_address\n");
	for (int i = 0; i < 10000; i++)
		buf_adds(&table, connection);
	buf_adds(&table, "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 "
			 "00000000 0 0 222 1\n");
	put("/proc/net/tcp", buf_text(&table));
	assert_works(plat_listeners(&listeners, &err));
	assert_int_equal(listeners.count, 1);
	assert_int_equal(listeners.items[0].port, 22);
	plat_listeners_clear(&listeners);
	/* Past what is read, it is said so: never taken for an empty one. */
	for (int i = 0; i < 90000; i++)
		buf_adds(&table, connection);
	put("/proc/net/tcp", buf_text(&table));
	put("/proc/net/udp", "  sl header\n");
	assert_int_equal(plat_listeners(&listeners, &why), -1);
	assert_int_equal(why.code, ERR_UNSUPPORTED);
	assert_non_null(strstr(why.msg, "list sockets"));
	buf_clear(&table);
}

static void reads_sshd_as_it_reads_itself(void **state)
{
	static const struct {
		const char *config, *drop_in;
		enum plat_root_login root;
		int passwords;
	} cases[] = {
		{"", "", PLAT_ROOT_LOGIN_KEYS, 1},
		{"PermitRootLogin yes\nPermitRootLogin no\n", "", PLAT_ROOT_LOGIN_YES, 1},
		{"Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\n",
		 "PasswordAuthentication no\nKbdInteractiveAuthentication no\n",
		 PLAT_ROOT_LOGIN_KEYS, 0},
		{"PasswordAuthentication no\nMatch User bob\nPasswordAuthentication "
		 "yes\nPermitRootLogin yes\n",
		 "", PLAT_ROOT_LOGIN_KEYS, 0},
		{"PasswordAuthentication=no\nKbdInteractiveAuthentication yes\n", "",
		 PLAT_ROOT_LOGIN_KEYS, 1},
	};
	struct plat_remotes remotes;
	size_t i;

	(void)state;
	put_program("/usr/sbin/sshd");
	put("/usr/bin/x", "");
	for (i = 0; i < COUNT(cases); i++) {
		put("/etc/ssh/sshd_config", *cases[i].config ? cases[i].config : "#\n");
		put("/etc/ssh/sshd_config.d/a.conf", *cases[i].drop_in ? cases[i].drop_in : "#\n");
		assert_works(plat_remotes(&remotes, &err));
		assert_int_equal(remotes.count, 1);
		if (remotes.items[0].root_login != cases[i].root ||
		    remotes.items[0].password_login != cases[i].passwords)
			fail_msg("%s: got %d %d", cases[i].config, remotes.items[0].root_login,
				 remotes.items[0].password_login);
		assert_false(remotes.items[0].running);
		plat_remotes_clear(&remotes);
	}
}

static void reads_ways_past_the_filter(void **state)
{
	struct plat_network network;
	size_t i;

	(void)state;
	put("/etc/environment",
	    "PATH=/bin\nhttps_proxy=\"http://amy:secret@proxy.example:8080/\"\n");
	put("/etc/resolv.conf", "nameserver 127.0.0.53\n");
	put("/run/systemd/resolve/resolv.conf", "nameserver 10.0.0.1\nnameserver fe80::1%eth0\n");
	put_program("/usr/bin/firefox-esr");
	put("/usr/lib/firefox-esr/distribution/policies.json",
	    "{\"policies\":{\"DNSOverHTTPS\":{\"Enabled\":false,\"Locked\":false}}}");
	put("/home/amy/.mozilla/firefox/x.default/prefs.js",
	    "user_pref(\"network.trr.mode\", 2);\nuser_pref(\"network.trr.uri\", "
	    "\"https://dns.example/q\");\n");
	put_program("/usr/bin/chromium");
	put("/etc/chromium/policies/managed/a.json",
	    "{\"DnsOverHttpsMode\":\"off\",\"ProxyMode\":\"pac_script\",\"ProxyPacUrl\":\"http://"
	    "wpad/x\"}");
	put("/sys/class/net/wg0/uevent", "DEVTYPE=wireguard\n");
	put("/sys/class/net/wg0/operstate", "unknown");
	put("/sys/class/net/usb0/operstate", "up");
	put_link("/sys/class/net/usb0/device/driver", "/sys/bus/usb/drivers/rndis_host");
	put("/sys/class/net/eth0/operstate", "up");
	put("/sys/class/net/tap0/tun_flags", "0x1002");
	put_link("/sys/class/net/tap0/master", "../br0");
	put("/sys/class/net/br0/operstate", "up");
	put("/etc/NetworkManager/system-connections/a.nmconnection",
	    "[connection]\nid=home\ntype=vpn\n");
	assert_works(plat_network(&network, &err));
	assert_int_equal(network.proxy_count, 2);
	assert_string_equal(network.proxies[0].address, "proxy.example:8080");
	assert_string_equal(network.proxies[1].mode, "auto");
	assert_int_equal(network.resolver_count, 2);
	assert_string_equal(network.resolvers[1].address, "fe80::1");
	assert_false(network.resolver_stub);
	assert_int_equal(network.browser_count, 2);
	assert_int_equal(network.browsers[0].doh, PLAT_DOH_ON); /* by a person's own setting */
	assert_string_equal(network.browsers[0].server, "https://dns.example/q");
	assert_int_equal(network.browsers[1].doh, PLAT_DOH_OFF);
	assert_int_equal(network.link_count, 3);
	for (i = 0; i < network.link_count; i++)
		assert_int_equal(network.links[i].kind, strcmp(network.links[i].name, "usb0") != 0
								? PLAT_LINK_VPN
								: PLAT_LINK_TETHER);
	plat_network_clear(&network);
}

/* --- hardware, services --- */

static void reads_what_the_machine_is(void **state)
{
	struct plat_hardware hardware;
	char name[32];
	bool found;

	(void)state;
	assert_fails(plat_hardware(&hardware, &err), ERR_UNSUPPORTED,
		     "this machine's firmware says nothing about it (/sys/class/dmi/id is empty)");
	put("/sys/class/dmi/id/product_serial", " PF2ABCDE \n");
	put("/sys/class/dmi/id/sys_vendor", "LENOVO\n");
	put("/sys/class/dmi/id/product_name", "20X\n");
	put("/sys/class/dmi/id/chassis_type", "10\n");
	put("/proc/meminfo", "MemTotal:        8000000 kB\n");
	put("/proc/cpuinfo",
	    "processor : 0\nmodel name\t: Some CPU\n\nprocessor : 1\nmodel name\t: Some CPU\n");
	put("/sys/block/nvme0n1/size", "1000000\n");
	put("/sys/block/nvme0n1/device/model", "Fast disk\n");
	put("/sys/block/loop0/size", "8\n");
	put("/sys/bus/usb/devices/1-2/idVendor", "046d\n");
	put("/sys/bus/usb/devices/1-2/idProduct", "c31c\n");
	put("/sys/bus/usb/devices/1-2:1.0/bInterfaceClass", "03\n");
	put("/sys/bus/usb/devices/1-2:1.0/bInterfaceProtocol", "01\n");
	put("/sys/bus/usb/devices/1-3/idVendor", "0951\n");
	put("/sys/bus/usb/devices/1-3/idProduct", "1666\n");
	put("/sys/bus/usb/devices/1-3:1.0/bInterfaceClass", "03\n");
	put("/sys/bus/usb/devices/1-3:1.1/bInterfaceClass", "08\n");
	put("/sys/class/power_supply/BAT0/type", "Battery\n");
	put("/sys/class/power_supply/BAT0/energy_full", "30\n");
	put("/sys/class/power_supply/BAT0/energy_full_design", "40\n");
	put("/proc/cmdline", "quiet caretaker.usb=off-not\n");
	assert_works(plat_hardware(&hardware, &err));
	assert_string_equal(hardware.identity.serial, "PF2ABCDE");
	assert_string_equal(hardware.form, "laptop");
	assert_int_equal(hardware.cpu_count, 2);
	assert_int_equal(hardware.drive_count, 1);
	assert_string_equal(hardware.drives[0].bus, "nvme");
	assert_int_equal(hardware.usb_count, 2);
	assert_string_equal(hardware.usb[0].kind, "keyboard");
	assert_string_equal(hardware.usb[1].kind, "storage");
	assert_int_equal(hardware.battery.health_percent, 75);
	plat_hardware_clear(&hardware);
	assert_int_equal(plat_machine(name, sizeof(name)), PLAT_MACHINE_REAL);
	assert_works(plat_boot_word("caretaker.usb=off", &found, &err));
	assert_false(found);
	put("/.dockerenv", "");
	assert_int_equal(plat_machine(name, sizeof(name)), PLAT_MACHINE_CONTAINER);
	assert_fails(plat_hardware(&hardware, &err), ERR_UNSUPPORTED,
		     "a container (docker) has no hardware of its own");
}

static void reads_services_from_units_and_control_groups(void **state)
{
	struct plat_service service;

	(void)state;
	assert_works(plat_service("ufw", &service, &err));
	assert_int_equal(service.run, PLAT_SERVICE_ABSENT);
	put("/lib/systemd/system/ufw.service", "[Service]\n");
	assert_works(plat_service("ufw", &service, &err));
	assert_int_equal(service.run, PLAT_SERVICE_UNKNOWN); /* nobody in charge */
	put("/run/systemd/system/x", "");
	assert_works(plat_service("ufw", &service, &err));
	assert_int_equal(service.run, PLAT_SERVICE_STOPPED);
	assert_false(service.at_boot);
	put_link("/etc/systemd/system/multi-user.target.wants/ufw.service",
		 "/lib/systemd/system/ufw.service");
	put("/sys/fs/cgroup/system.slice/ufw.service/cgroup.procs", "12\n");
	assert_works(plat_service("ufw", &service, &err));
	assert_int_equal(service.run, PLAT_SERVICE_RUNNING);
	assert_true(service.at_boot);
	put_link("/etc/systemd/system/ufw.service", "/dev/null");
	assert_works(plat_service("ufw", &service, &err));
	assert_true(service.masked);
	assert_false(service.at_boot);
	assert_fails(plat_service("../x", &service, &err), ERR_INVALID,
		     "'../x' is not a service's name");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(follows_lvm_to_luks_below_it),
		TEST(finds_the_cipher_that_does_nothing),
		TEST(cannot_tell_a_cipher_it_cannot_read),
		TEST(integrity_is_not_encryption),
		TEST(an_overlay_and_peoples_folders_are_told_as_they_may),
		TEST(without_a_list_of_mounts_it_cannot_tell),
		TEST(reads_accounts_and_their_passwords),
		TEST(reads_sudos_rules),
		TEST(finds_automatic_log_ins_of_what_is_installed),
		TEST(counts_a_person_once_and_no_greeter),
		TEST(reads_what_pam_asks_of_a_password),
		TEST(knows_passwords_that_are_stored_weakly),
		TEST(reads_gnomes_lock_with_dconfs_locks),
		TEST(reads_mates_lock_in_two_programs),
		TEST(reads_kdes_and_xfces_lock),
		TEST(reads_sockets_and_whose_they_are),
		TEST(finds_a_listener_behind_ten_thousand_connections),
		TEST(reads_sshd_as_it_reads_itself),
		TEST(reads_ways_past_the_filter),
		TEST(reads_what_the_machine_is),
		TEST(reads_services_from_units_and_control_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
