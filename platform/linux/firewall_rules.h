/* What a set of rules does with a packet that nobody asked for: a new TCP connection or UDP packet
 * from another machine to a port that no rule names.  For firewall.c and its tests.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_PLATFORM_LINUX_FIREWALL_RULES_H
#define CARETAKER_PLATFORM_LINUX_FIREWALL_RULES_H

#include <stddef.h>

#include "platform/firewall.h"

struct err;

/* The answer of "nft -j list ruleset". */
int rules_judge_nft(const char *json, size_t len, enum plat_filtering *out_ipv4,
		    enum plat_filtering *out_ipv6, struct err *err);
/* The answer of "iptables-legacy -S"; the text is cut up. */
enum plat_filtering rules_judge_iptables(char *text);

/* Does a match hold for that packet?  What we do not understand is MAYBE, and a rule that may hold
 * neither opens nor closes. */
enum rule_match { RULE_NO, RULE_MAYBE, RULE_YES };

#endif
