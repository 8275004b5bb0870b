/* The controls that look at the machine, on facts as a test tells them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/machine_controls.h"

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
	assert_no_evidence("vda");
}

static void desktops_may_be_left_out_of_encryption(void **state)
{
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

/* --- firewall --- */

static void firewalls_are_judged_by_their_rules(void **state)
{
	static const struct {
		enum plat_filtering ipv4, ipv6;
		bool ipv6_in_use, manager, enabled;
		const char *policy;
		enum verdict verdict;
		const char *why;
	} cases[] = {
		{PLAT_FILTER_NONE, PLAT_FILTER_NONE, false, false, false, "", VERDICT_FAIL, "none"},
		{PLAT_FILTER_OPEN, PLAT_FILTER_OPEN, false, true, true, "", VERDICT_FAIL,
		 "accepts-all"},
		{PLAT_FILTER_OPEN, PLAT_FILTER_OPEN, false, true, true,
		 "default_deny_required = no\n", VERDICT_PASS, "ok"},
		{PLAT_FILTER_CLOSED, PLAT_FILTER_NONE, false, true, true, "", VERDICT_PASS, "ok"},
		{PLAT_FILTER_CLOSED, PLAT_FILTER_NONE, true, true, true, "", VERDICT_FAIL,
		 "ipv6-open"},
		{PLAT_FILTER_CLOSED, PLAT_FILTER_NONE, true, true, true, "ipv6_required = no\n",
		 VERDICT_PASS, "ok"},
		{PLAT_FILTER_CLOSED, PLAT_FILTER_CLOSED, true, true, false, "", VERDICT_FAIL,
		 "not-at-boot"},
		{PLAT_FILTER_CLOSED, PLAT_FILTER_CLOSED, true, false, false, "", VERDICT_UNKNOWN,
		 "boot-not-known"},
		{PLAT_FILTER_CLOSED, PLAT_FILTER_CLOSED, true, false, false,
		 "at_boot_required = no\n", VERDICT_PASS, "ok"},
		{PLAT_FILTER_UNKNOWN, PLAT_FILTER_UNKNOWN, true, true, true, "", VERDICT_UNKNOWN,
		 "cannot-tell"},
	};
	struct plat_firewall *facts = &fake_machine.firewall.facts;
	char policy[128];
	size_t i;

	(void)state;
	fake_machine.firewall.err.code = ERR_NONE;
	for (i = 0; i < COUNT(cases); i++) {
		facts->ipv4 = cases[i].ipv4;
		facts->ipv6 = cases[i].ipv6;
		facts->ipv6_in_use = cases[i].ipv6_in_use;
		facts->manager_count = cases[i].manager;
		(void)strcpy(facts->managers[0].name, "ufw");
		facts->managers[0].enabled = cases[i].enabled;
		(void)snprintf(policy, sizeof(policy), "[firewall]\n%s", cases[i].policy);
		check(CONTROL_FIREWALL, *cases[i].policy ? policy : "");
		assert_said(cases[i].verdict, cases[i].why);
	}
}

/* ufw keeps rules that are nftables'; where the two are one name it is told once. */
static void whose_rules_are_in_force_is_told_when_they_are_not_the_products_own(void **state)
{
	struct plat_firewall *facts = &fake_machine.firewall.facts;

	(void)state;
	fake_machine.firewall.err.code = ERR_NONE;
	facts->ipv4 = facts->ipv6 = PLAT_FILTER_CLOSED;
	facts->manager_count = 1;
	facts->managers[0].enabled = true;
	(void)strcpy(facts->by, "nftables");
	(void)strcpy(facts->managers[0].name, "ufw");
	check(CONTROL_FIREWALL, "");
	assert_evidence("\"rules\":\"nftables\",\"product\":\"ufw\"");
	(void)strcpy(facts->managers[0].name, "nftables");
	check(CONTROL_FIREWALL, "");
	assert_evidence("\"product\":\"nftables\"");
	assert_no_evidence("rules");
}

static void a_containers_firewall_is_its_hosts(void **state)
{
	(void)state;
	fake_machine.firewall.err.code = ERR_NONE;
	fake_machine.machine = PLAT_MACHINE_CONTAINER;
	fake_machine.machine_name = "docker";
	check(CONTROL_FIREWALL, "");
	assert_said(VERDICT_UNKNOWN, "host-decides");
	assert_evidence("\"container\":\"docker\"");
}

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
	facts->auto_login_count = 0;

	(void)strcpy(facts->guest_by, "lightdm");
	check(CONTROL_ACCOUNTS, "");
	assert_said(VERDICT_FAIL, "guest");
	facts->guest_by[0] = '\0';

	check(CONTROL_ACCOUNTS, "[accounts]\ndisabled_accounts = smith\n");
	assert_said(VERDICT_FAIL, "leaver");
	check(CONTROL_ACCOUNTS, "[accounts]\nallowed_accounts = jones\n");
	assert_said(VERDICT_FAIL, "not-allowed-here");
	(void)strcpy(accounts[1].name, "class3");
	check(CONTROL_ACCOUNTS, "");
	assert_said(VERDICT_FAIL, "shared-account");
	check(CONTROL_ACCOUNTS, "[accounts]\nclass_accounts = class3\n");
	assert_said(VERDICT_PASS, "ok");
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
	smith.weak_hash = true;
	check(CONTROL_PASSWORD_POLICY, "[privacy]\nusers = name\n");
	assert_said(VERDICT_FAIL, "weak-hash");
	assert_evidence("\"weak_accounts\":[\"smith\"]");
	check(CONTROL_PASSWORD_POLICY, "[password-policy]\nleft_out_accounts = smith\n");
	assert_said(VERDICT_PASS, "ok");
}

/* --- screen-lock --- */

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
	*lock = good;
	lock->enabled = false;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "no-passcode");
	*lock = good;
	lock->fixed = false;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "user-may-change");
	check(CONTROL_SCREEN_LOCK, "[screen-lock]\nuser_may_change = yes\n");
	assert_said(VERDICT_PASS, "ok");
	*lock = good;
	lock->wakes_unlocked = true;
	check(CONTROL_SCREEN_LOCK, "");
	assert_said(VERDICT_FAIL, "not-on-suspend");
	check(CONTROL_SCREEN_LOCK, "[screen-lock]\nlock_on_suspend = no\n");
	assert_said(VERDICT_PASS, "ok");
}

/* --- services, remote access --- */

static void only_allowed_ports_may_listen(void **state)
{
	struct plat_listener listeners[] = {
		{"tcp", "127.0.0.1", 5432, true, "postgres"},
		{"udp", "0.0.0.0", 68, false, "dhclient"},
		{"udp", "0.0.0.0", 40000, false, "firefox"},
		{"tcp", "0.0.0.0", 8080, false, "python3.11"},
	};

	(void)state;
	fake_machine.listeners.err.code = ERR_NONE;
	fake_machine.listeners.facts.items = listeners;
	fake_machine.listeners.facts.count = 3;
	check(CONTROL_SERVICES, "");
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("\"listening\":2,\"loopback_only\":1");
	check(CONTROL_SERVICES, "[services]\nephemeral_udp_allowed = no\n");
	assert_said(VERDICT_FAIL, "listening");
	fake_machine.listeners.facts.count = 4;
	check(CONTROL_SERVICES, "");
	assert_said(VERDICT_FAIL, "listening");
	assert_evidence("\"extra\":[\"tcp/8080 python3.11\"]");
	check(CONTROL_SERVICES, "[services]\nallowed_programs = python3*\n");
	assert_said(VERDICT_PASS, "ok");
	check(CONTROL_SERVICES, "[services]\nallowed_ports = udp/68, tcp/8000-8090\n");
	assert_said(VERDICT_PASS, "ok");
}

static void away_from_school_no_port_is_named(void **state)
{
	static const char policy[] = "[network]\nschool_networks = 10.20.0.0/16\n";
	struct plat_listener web = {"tcp", "0.0.0.0", 8080, false, "python3.11"};

	(void)state;
	fake_machine.listeners.err.code = ERR_NONE;
	fake_machine.listeners.facts.items = &web;
	fake_machine.listeners.facts.count = 1;
	fake_machine.place_on_net.address_count = 1;
	(void)strcpy(fake_machine.place_on_net.addresses[0], "192.168.1.7");
	check(CONTROL_SERVICES, policy);
	assert_said(VERDICT_FAIL, "listening");
	assert_no_evidence("8080");
	assert_no_evidence("python");
	(void)strcpy(fake_machine.place_on_net.addresses[0], "10.20.3.4");
	check(CONTROL_SERVICES, policy);
	assert_evidence("8080");
}

static void remote_access_is_only_where_the_school_set_it_up(void **state)
{
	struct plat_remote remote = {.product = "ssh",
				     .program = "sshd",
				     .running = true,
				     .root_login = PLAT_ROOT_LOGIN_KEYS,
				     .password_login = 1};

	(void)state;
	fake_machine.remotes.err.code = ERR_NONE;
	check(CONTROL_REMOTE_ACCESS, "");
	assert_said(VERDICT_PASS, "ok");
	fake_machine.remotes.facts.items = &remote;
	fake_machine.remotes.facts.count = 1;
	check(CONTROL_REMOTE_ACCESS, "");
	assert_said(VERDICT_FAIL, "not-allowed");
	check(CONTROL_REMOTE_ACCESS, "[remote-access]\nallowed = ssh\n");
	assert_said(VERDICT_FAIL, "password-login");
	remote.password_login = 0;
	check(CONTROL_REMOTE_ACCESS, "[remote-access]\nallowed = ssh\n");
	assert_said(VERDICT_PASS, "ok");
	remote.root_login = PLAT_ROOT_LOGIN_YES;
	check(CONTROL_REMOTE_ACCESS, "[remote-access]\nallowed = ssh\n");
	assert_said(VERDICT_FAIL, "root-login");
	remote.running = false;
	check(CONTROL_REMOTE_ACCESS, "");
	assert_said(VERDICT_PASS, "ok");
	(void)strcpy(remote.product, "anydesk");
	check(CONTROL_REMOTE_ACCESS, "");
	assert_said(VERDICT_FAIL, "installed");
}

/* --- network --- */

static void ways_past_the_filter_are_found(void **state)
{
	struct plat_proxy proxy = {"environment", "manual", "proxy.evil.example:8080"};
	struct plat_resolver resolver = {"9.9.9.9", "resolv.conf"};
	struct plat_browser_dns browser = {.browser = "firefox"};
	struct plat_link link = {.name = "tun0", .kind = PLAT_LINK_VPN, .by = "tun", .up = true};
	static const char *const tor[] = {"tor", NULL};
	struct plat_network *facts = &fake_machine.network.facts;

	(void)state;
	fake_machine.network.err.code = ERR_NONE;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_PASS, "ok");

	facts->proxies = &proxy;
	facts->proxy_count = 1;
	check(CONTROL_NETWORK, "[network]\nproxy = none\n");
	assert_said(VERDICT_FAIL, "proxy");
	check(CONTROL_NETWORK, "[network]\nproxy = proxy.school.example:3128\n");
	assert_said(VERDICT_FAIL, "proxy");
	(void)strcpy(proxy.address, "proxy.school.example:3128");
	check(CONTROL_NETWORK, "[network]\nproxy = proxy.school.example:3128\n");
	assert_said(VERDICT_PASS, "ok");
	facts->proxy_count = 0;
	check(CONTROL_NETWORK, "[network]\nproxy = proxy.school.example:3128\n");
	assert_said(VERDICT_FAIL, "no-proxy");

	facts->resolvers = &resolver;
	facts->resolver_count = 1;
	check(CONTROL_NETWORK, "[network]\ndns_servers = 10.20.0.0/16\n");
	assert_said(VERDICT_FAIL, "dns");
	assert_evidence("\"dns_extra\":[\"9.9.9.9\"]");
	(void)strcpy(resolver.address, "10.20.0.5");
	check(CONTROL_NETWORK, "[network]\ndns_servers = 10.20.0.0/16\n");
	assert_said(VERDICT_PASS, "ok");
	facts->resolver_stub = true;
	facts->resolver_count = 0;
	check(CONTROL_NETWORK, "[network]\ndns_servers = 10.20.0.0/16\n");
	assert_said(VERDICT_UNKNOWN, "cannot-tell");
	facts->resolver_stub = false;

	facts->browsers = &browser;
	facts->browser_count = 1;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_FAIL, "dns-over-https");
	browser.doh = PLAT_DOH_OFF;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_PASS, "ok");

	facts->links = &link;
	facts->link_count = 1;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_FAIL, "vpn");
	check(CONTROL_NETWORK, "[network]\nvpn_allowed = tun*\n");
	assert_said(VERDICT_PASS, "ok");
	link.kind = PLAT_LINK_TETHER;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_FAIL, "tethering");
	link.kind = PLAT_LINK_HOTSPOT;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_FAIL, "hotspot");
	facts->link_count = 0;

	fake_machine.installed_programs = tor;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_FAIL, "bypass-program");
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
	clamd.state.run = PLAT_SERVICE_STOPPED;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "safeguard-stopped");
	assert_evidence("\"stopped\":[\"clamav-daemon\"]");
	check(CONTROL_TAMPER, "[tamper]\nsafeguards = firewall\n");
	assert_said(VERDICT_PASS, "ok");
	clamd.state.run = PLAT_SERVICE_RUNNING;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_PASS, "ok");
}

static void starting_with_the_usb_gate_off_is_found(void **state)
{
	static const char *const words[] = {"quiet", "caretaker.usb=off", NULL};
	struct fake_service ours = {"caretakerd", {PLAT_SERVICE_STOPPED, true, false}};

	(void)state;
	fake_machine.boot_words = words;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "started-with-usb-off");
	fake_machine.boot_words = NULL;
	fake_machine.services = &ours;
	fake_machine.service_count = 1;
	check(CONTROL_TAMPER, "");
	assert_said(VERDICT_FAIL, "unit-stopped");
}

/* The last one. */
static void every_reason_of_these_controls_was_given(void **state)
{
	static const enum control_id ids[] = {
		CONTROL_DISK_ENCRYPTION, CONTROL_FIREWALL,    CONTROL_ACCOUNTS,
		CONTROL_PASSWORD_POLICY, CONTROL_SCREEN_LOCK, CONTROL_SERVICES,
		CONTROL_REMOTE_ACCESS,   CONTROL_NETWORK,     CONTROL_TAMPER,
	};

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
		TEST(firewalls_are_judged_by_their_rules),
		TEST(whose_rules_are_in_force_is_told_when_they_are_not_the_products_own),
		TEST(a_containers_firewall_is_its_hosts),
		TEST(accounts_are_judged_by_the_policy),
		TEST(pupils_are_not_named_where_staff_are),
		TEST(password_rules_are_held_to_the_policy),
		TEST(old_passwords_fail_where_the_policy_has_an_age),
		TEST(screens_must_lock_in_time_for_everyone),
		TEST(only_allowed_ports_may_listen),
		TEST(away_from_school_no_port_is_named),
		TEST(remote_access_is_only_where_the_school_set_it_up),
		TEST(ways_past_the_filter_are_found),
		TEST(our_changed_or_missing_files_are_found),
		TEST(a_packages_files_are_held_against_the_package_managers_list),
		TEST(a_list_that_cannot_be_read_is_unknown_and_an_upgrade_is_waited_for),
		TEST(in_a_build_tree_no_file_is_watched_and_that_is_said),
		TEST(a_clock_that_went_back_fails_for_the_policys_days),
		TEST(what_a_clock_of_2099_noted_ends_after_the_policys_days_too),
		TEST(a_safeguard_that_ran_and_stopped_is_found),
		TEST(starting_with_the_usb_gate_off_is_found),
		TEST(every_reason_of_these_controls_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
