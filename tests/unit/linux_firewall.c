/* Sets of rules as nft and iptables print them, and what is thought of each.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "agent/base/buf.h"
#include "platform/linux/firewall_rules.h"

#define CLOSED PLAT_FILTER_CLOSED
#define OPEN PLAT_FILTER_OPEN
#define NONE PLAT_FILTER_NONE

/* Rules of the chain "input" of a table "filter" of the family; other chains as they are given. */
#define CHAIN(family, policy) \
	"{\"chain\":{\"family\":\"" family \
	"\",\"table\":\"filter\",\"name\":\"input\",\"handle\":1," \
	"\"type\":\"filter\",\"hook\":\"input\",\"prio\":0,\"policy\":\"" policy "\"}}"
#define RULE(family, chain, expr) \
	",{\"rule\":{\"family\":\"" family "\",\"table\":\"filter\",\"chain\":\"" chain \
	"\",\"handle\":2,\"expr\":[" expr "]}}"
#define MATCH(left, op, right) \
	"{\"match\":{\"op\":\"" op "\",\"left\":" left ",\"right\":" right "}}"
#define STATE "{\"ct\":{\"key\":\"state\"}}"
#define IIF "{\"meta\":{\"key\":\"iifname\"}}"
#define PORT "{\"payload\":{\"protocol\":\"tcp\",\"field\":\"dport\"}}"
#define DROP "{\"drop\":null}"
#define ACCEPT "{\"accept\":null}"

static const struct {
	const char *name, *rules;
	enum plat_filtering ipv4, ipv6;
} nft_cases[] = {
	{"no table", "{\"metainfo\":{\"version\":\"1.0.6\"}}", NONE, NONE},
	{"policy drop", CHAIN("inet", "drop"), CLOSED, CLOSED},
	{"policy accept", CHAIN("inet", "accept"), OPEN, OPEN},
	{"only IPv4", CHAIN("ip", "drop"), CLOSED, NONE},
	{"only IPv6", CHAIN("ip6", "drop"), NONE, CLOSED},
	{"a drop for everything at the end",
	 CHAIN("inet", "accept") RULE(
		 "inet", "input", MATCH(STATE, "in", "[\"established\",\"related\"]") "," ACCEPT)
		 RULE("inet", "input", "{\"counter\":{\"packets\":0,\"bytes\":0}}," DROP),
	 CLOSED, CLOSED},
	{"a reject for everything at the end",
	 CHAIN("inet", "accept")
		 RULE("inet", "input",
		      "{\"reject\":{\"type\":\"icmpx\",\"expr\":\"admin-prohibited\"}}"),
	 CLOSED, CLOSED},
	{"everything is let in before the policy",
	 CHAIN("inet", "drop")
		 RULE("inet", "input", "{\"counter\":{\"packets\":0,\"bytes\":0}}," ACCEPT),
	 OPEN, OPEN},
	{"what is new is let in",
	 CHAIN("inet", "drop")
		 RULE("inet", "input", MATCH(STATE, "in", "[\"established\",\"new\"]") "," ACCEPT),
	 OPEN, OPEN},
	{"all but loopback is dropped",
	 CHAIN("inet", "accept") RULE("inet", "input", MATCH(IIF, "!=", "\"lo\"") "," DROP), CLOSED,
	 CLOSED},
	{"only loopback is let in",
	 CHAIN("inet", "drop") RULE("inet", "input", MATCH(IIF, "==", "\"lo\"") "," ACCEPT), CLOSED,
	 CLOSED},
	{"one port is let in",
	 CHAIN("inet", "drop") RULE("inet", "input", MATCH(PORT, "==", "22") "," ACCEPT), CLOSED,
	 CLOSED},
	{"one port is dropped",
	 CHAIN("inet", "accept") RULE("inet", "input", MATCH(PORT, "==", "22") "," DROP), OPEN,
	 OPEN},
	{"nearly every TCP port is let in",
	 CHAIN("inet", "drop")
		 RULE("inet", "input", MATCH(PORT, "==", "{\"range\":[1,65535]}") "," ACCEPT),
	 OPEN, OPEN},
	{"only TCP is dropped",
	 CHAIN("inet", "accept")
		 RULE("inet", "input",
		      MATCH("{\"meta\":{\"key\":\"l4proto\"}}", "==", "\"tcp\"") "," DROP),
	 OPEN, OPEN},
	{"a jump to a chain that drops",
	 CHAIN("inet", "accept") RULE("inet", "input", "{\"jump\":{\"target\":\"rest\"}}")
		 RULE("inet", "rest", DROP),
	 CLOSED, CLOSED},
	{"a jump to a chain that returns",
	 CHAIN("inet", "accept") RULE("inet", "input", "{\"jump\":{\"target\":\"rest\"}}")
		 RULE("inet", "rest", "{\"return\":null}"),
	 OPEN, OPEN},
	{"chains that jump in a circle",
	 CHAIN("inet", "accept") RULE("inet", "input", "{\"jump\":{\"target\":\"rest\"}}")
		 RULE("inet", "rest", "{\"jump\":{\"target\":\"rest\"}}"),
	 OPEN, OPEN},
	{"a map of states that drops what is new",
	 CHAIN("inet", "accept")
		 RULE("inet", "input",
		      "{\"vmap\":{\"key\":" STATE ",\"data\":{\"set\":[[\"established\"," ACCEPT
		      "],[\"new\"," DROP "]]}}}"),
	 CLOSED, CLOSED},
	{"a drop now and then",
	 CHAIN("inet", "accept")
		 RULE("inet", "input", "{\"limit\":{\"rate\":10,\"per\":\"second\"}}," DROP),
	 OPEN, OPEN},
	{"an extension of iptables that may let in",
	 CHAIN("ip", "drop") RULE("ip", "input", "{\"xt\":null}," ACCEPT), CLOSED, NONE},
	{"a named set that may let in",
	 CHAIN("inet", "drop") RULE("inet", "input",
				    MATCH("{\"payload\":{\"protocol\":\"ip\",\"field\":\"saddr\"}}",
					  "==", "\"@staff\"") "," ACCEPT),
	 CLOSED, CLOSED},
	{"a second table that lets in changes nothing",
	 CHAIN("inet",
	       "drop") ",{\"chain\":{\"family\":\"ip\",\"table\":\"docker\",\"name\":\"in\","
		       "\"type\":\"filter\",\"hook\":\"input\",\"prio\":10,\"policy\":\"accept\"}}",
	 CLOSED, CLOSED},
	{"a chain of another hook",
	 "{\"chain\":{\"family\":\"inet\",\"table\":\"filter\",\"name\":\"out\",\"type\":"
	 "\"filter\",\"hook\":\"output\",\"prio\":0,\"policy\":\"drop\"}}",
	 NONE, NONE},
};

static void judges_rules_of_nftables(void **state)
{
	enum plat_filtering ipv4, ipv6;
	struct buf json;
	size_t i;

	(void)state;
	buf_init(&json, 0);
	for (i = 0; i < COUNT(nft_cases); i++) {
		buf_reset(&json);
		buf_addf(&json, "{\"nftables\":[%s]}", nft_cases[i].rules);
		assert_works(rules_judge_nft(json.data, json.len, &ipv4, &ipv6, &err));
		if (ipv4 != nft_cases[i].ipv4 || ipv6 != nft_cases[i].ipv6)
			fail_msg("%s: got %d and %d, want %d and %d", nft_cases[i].name, ipv4, ipv6,
				 nft_cases[i].ipv4, nft_cases[i].ipv6);
	}
	buf_clear(&json);
}

static void refuses_what_is_not_nfts(void **state)
{
	enum plat_filtering ipv4 = NONE, ipv6 = NONE;

	(void)state;
	assert_fails(rules_judge_nft("{}", 2, &ipv4, &ipv6, &err), ERR_INVALID,
		     "what nft said: no member 'nftables'");
}

static void judges_rules_of_the_older_iptables(void **state)
{
	static const struct {
		const char *rules;
		enum plat_filtering want;
	} cases[] = {
		{"-P INPUT ACCEPT\n-P FORWARD DROP\n", NONE},
		{"-P INPUT DROP\n-A INPUT -i lo -j ACCEPT\n", CLOSED},
		{"-P INPUT ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\n", OPEN},
		{"-P INPUT ACCEPT\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j "
		 "ACCEPT\n-A INPUT -j REJECT --reject-with icmp-port-unreachable\n",
		 CLOSED},
		{"-P INPUT DROP\n-A INPUT -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\n",
		 OPEN},
		{"-P INPUT ACCEPT\n-N rest\n-A INPUT -m comment --comment \"a b c\" -j rest\n-A "
		 "rest ! -i lo -j DROP\n",
		 CLOSED},
		{"-P INPUT ACCEPT\n-A INPUT -p tcp -j DROP\n", OPEN},
		{"-P INPUT ACCEPT\n-A INPUT -m limit --limit 3/min -j DROP\n", OPEN},
	};
	enum plat_filtering got;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		text = strdup(cases[i].rules);
		assert_non_null(text);
		got = rules_judge_iptables(text);
		free(text);
		if (got != cases[i].want)
			fail_msg("%s: got %d, want %d", cases[i].rules, got, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_rules_of_nftables),
		cmocka_unit_test(refuses_what_is_not_nfts),
		cmocka_unit_test(judges_rules_of_the_older_iptables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
