/* Facts about sockets, remote access and the network, read from trees as a machine would have them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tree.h"

#include "agent/base/buf.h"
#include "platform/network.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_sockets_and_whose_they_are),
		TEST(finds_a_listener_behind_ten_thousand_connections),
		TEST(reads_sshd_as_it_reads_itself),
		TEST(reads_ways_past_the_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
