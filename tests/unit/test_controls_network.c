/* The controls of what the network can reach and how the machine reaches it: firewall, services,
 * remote access, network.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/machine_controls.h"

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

static void the_firewall_that_is_on_is_told_before_one_that_is_not(void **state)
{
	static const struct {
		struct plat_firewall_manager managers[2];
		const char *product;
	} cases[] = {
		{{{"ufw", false, false}, {"firewalld", true, false}}, "firewalld"},
		{{{"ufw", false, false}, {"firewalld", false, true}}, "firewalld"},
		{{{"ufw", true, false}, {"firewalld", false, true}}, "ufw"},
		{{{"ufw", true, false}, {"firewalld", true, true}}, "ufw"},
		{{{"ufw", false, true}, {"firewalld", false, true}}, "ufw"},
		{{{"ufw", false, false}, {"firewalld", false, false}}, "ufw"},
	};
	struct plat_firewall *facts = &fake_machine.firewall.facts;
	char product[64];

	(void)state;
	fake_machine.firewall.err.code = ERR_NONE;
	facts->ipv4 = PLAT_FILTER_CLOSED;
	(void)strcpy(facts->by, "nftables");
	for (size_t i = 0; i < COUNT(cases); i++) {
		memcpy(facts->managers, cases[i].managers, sizeof(cases[i].managers));
		facts->manager_count = 2;
		check(CONTROL_FIREWALL, "");
		(void)snprintf(product, sizeof(product), "\"product\":\"%s\"", cases[i].product);
		assert_evidence(product);
	}
	facts->manager_count = 0;
	check(CONTROL_FIREWALL, "");
	assert_said(VERDICT_UNKNOWN, "boot-not-known");
	assert_evidence("\"product\":\"nftables\"");
}

static void a_firewall_that_cannot_be_read_says_why(void **state)
{
	struct plat_firewall *facts = &fake_machine.firewall.facts;

	(void)state;
	fake_machine.firewall.err.code = ERR_NONE;
	facts->ipv4 = PLAT_FILTER_UNKNOWN;
	check(CONTROL_FIREWALL, "");
	assert_said(VERDICT_UNKNOWN, "cannot-tell");
	assert_evidence("\"ipv6\":\"not in use\"");
	assert_evidence("\"message\":\"the rules in force could not be read\"");
	(void)strcpy(facts->note, "nft is not installed");
	check(CONTROL_FIREWALL, "");
	assert_evidence("\"message\":\"nft is not installed\"");
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
	assert_evidence("\"ssh_passwords\":true");
	check(CONTROL_REMOTE_ACCESS,
	      "[remote-access]\nallowed = ssh\nssh_passwords_allowed = yes\n");
	assert_said(VERDICT_PASS, "ok");
	remote.password_login = -1;
	check(CONTROL_REMOTE_ACCESS, "[remote-access]\nallowed = ssh\n");
	assert_said(VERDICT_UNKNOWN, "cannot-tell");
	assert_evidence("/etc/ssh/sshd_config cannot be read");
	assert_no_evidence("ssh_passwords");
	remote.password_login = 0;
	check(CONTROL_REMOTE_ACCESS, "[remote-access]\nallowed = ssh\n");
	assert_said(VERDICT_PASS, "ok");
	assert_evidence("\"ssh_passwords\":false");
	assert_evidence("\"allowed\":[\"ssh\"]");
	remote.root_login = PLAT_ROOT_LOGIN_YES;
	check(CONTROL_REMOTE_ACCESS, "[remote-access]\nallowed = ssh\n");
	assert_said(VERDICT_FAIL, "root-login");
	remote.running = false;
	check(CONTROL_REMOTE_ACCESS, "");
	assert_said(VERDICT_PASS, "ok");
	check(CONTROL_REMOTE_ACCESS, "[remote-access]\nallowed = ssh\n");
	assert_said(VERDICT_PASS, "ok"); /* nobody comes in while it is off */
	remote.at_boot = true;
	check(CONTROL_REMOTE_ACCESS, "");
	assert_said(VERDICT_FAIL, "not-allowed");
	remote.at_boot = false;
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

static void proxies_are_the_one_that_the_policy_names(void **state)
{
	static const char script[] = "[network]\nproxy_pac = http://wpad.school.example/x\n";
	static const struct {
		struct plat_proxy proxy;
		const char *policy, *why;
	} cases[] = {
		{{"gnome", "auto", "http://wpad.school.example/x"}, script, "ok"},
		{{"gnome", "auto", "http://evil.example/x"}, script, "proxy"},
		{{"gnome", "manual", "http://wpad.school.example/x"}, script, "proxy"},
		{{"gnome", "none", ""}, script, "no-proxy"},
		{{"gnome", "none", ""}, "[network]\nproxy = none\n", "ok"},
		{{"gnome", "detect", ""}, "[network]\nproxy = none\n", "proxy"},
		{{"apt", "manual", "cache:3142"}, "[network]\nproxy = none\n", "ok"},
		{{"gnome", "manual", "anything:1"}, "", "ok"},
	};
	struct plat_proxy proxy;

	(void)state;
	fake_machine.network.err.code = ERR_NONE;
	fake_machine.network.facts.proxies = &proxy;
	fake_machine.network.facts.proxy_count = 1;
	for (size_t i = 0; i < COUNT(cases); i++) {
		proxy = cases[i].proxy;
		check(CONTROL_NETWORK, cases[i].policy);
		assert_said(strcmp(cases[i].why, "ok") == 0 ? VERDICT_PASS : VERDICT_FAIL,
			    cases[i].why);
	}
}

static void what_the_policy_allows_is_no_way_past_the_filter(void **state)
{
	struct plat_browser_dns browser = {
		.browser = "firefox", .doh = PLAT_DOH_ON, .server = "https://dns.school.example/q"};
	struct plat_link link = {.name = "usb0", .kind = PLAT_LINK_TETHER, .up = true};
	static const char *const runs[] = {"firefox", "openvpn", NULL};
	struct plat_network *facts = &fake_machine.network.facts;

	(void)state;
	fake_machine.network.err.code = ERR_NONE;
	facts->browsers = &browser;
	facts->browser_count = 1;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_FAIL, "dns-over-https");
	check(CONTROL_NETWORK, "[network]\ndns_over_https_allowed = yes\n");
	assert_said(VERDICT_PASS, "ok");
	check(CONTROL_NETWORK, "[network]\ndns_over_https_servers = https://dns.school.*\n");
	assert_said(VERDICT_PASS, "ok");
	browser.doh = PLAT_DOH_UNSET; /* it may take another */
	check(CONTROL_NETWORK, "[network]\ndns_over_https_servers = https://dns.school.*\n");
	assert_said(VERDICT_FAIL, "dns-over-https");
	facts->browser_count = 0;

	facts->links = &link;
	facts->link_count = 1;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_FAIL, "tethering");
	check(CONTROL_NETWORK, "[network]\ntethering_allowed = yes\n");
	assert_said(VERDICT_PASS, "ok");
	link.up = false;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_PASS, "ok");
	link.kind = PLAT_LINK_HOTSPOT;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_FAIL, "hotspot");
	check(CONTROL_NETWORK, "[network]\nhotspot_allowed = yes\n");
	assert_said(VERDICT_PASS, "ok");
	facts->link_count = 0;

	fake_machine.installed_programs = runs;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_PASS, "ok"); /* installed, and not in use */
	fake_machine.programs = runs;
	check(CONTROL_NETWORK, "");
	assert_said(VERDICT_FAIL, "vpn");
	assert_evidence("\"vpns\":[\"openvpn\"]");
	check(CONTROL_NETWORK, "[network]\nvpn_allowed = openvpn\n");
	assert_said(VERDICT_PASS, "ok");
}

/* The last one. */
static void every_reason_of_these_controls_was_given(void **state)
{
	static const enum control_id ids[] = {CONTROL_FIREWALL, CONTROL_SERVICES,
					      CONTROL_REMOTE_ACCESS, CONTROL_NETWORK};

	(void)state;
	assert_every_row_was_said(ids, COUNT(ids));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(firewalls_are_judged_by_their_rules),
		TEST(whose_rules_are_in_force_is_told_when_they_are_not_the_products_own),
		TEST(the_firewall_that_is_on_is_told_before_one_that_is_not),
		TEST(a_firewall_that_cannot_be_read_says_why),
		TEST(a_containers_firewall_is_its_hosts),
		TEST(only_allowed_ports_may_listen),
		TEST(away_from_school_no_port_is_named),
		TEST(remote_access_is_only_where_the_school_set_it_up),
		TEST(ways_past_the_filter_are_found),
		TEST(proxies_are_the_one_that_the_policy_names),
		TEST(what_the_policy_allows_is_no_way_past_the_filter),
		TEST(every_reason_of_these_controls_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
