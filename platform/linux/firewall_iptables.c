/* The rules of the older iptables ("iptables-legacy -S"), walked with a packet nobody asked for.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/firewall_rules.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "platform/linux/fact.h"

#define DEEPEST_JUMP 16

struct rules {
	char (*lines)[512];
	size_t count;
	bool udp;
};

enum outcome { GO_ON, ACCEPTED, DROPPED, RETURNED };

static enum rule_match flip(enum rule_match match, bool negated)
{
	if (!negated || match == RULE_MAYBE)
		return match;
	return match == RULE_YES ? RULE_NO : RULE_YES;
}

/* One option with its value; options without a say in whether the rule holds are RULE_YES. */
static enum rule_match option_holds(const char *option, const char *value, bool negated, bool udp)
{
	static const char *const silent[] = {"-m",           "--comment",   "--reject-with",
					     "--log-prefix", "--log-level", NULL};
	static const char *const never[] = {
		"-s",       "-d", "--dport",     "--sport",       "--dports",
		"--sports", "-i", "--icmp-type", "--icmpv6-type", NULL};
	size_t i;

	for (i = 0; silent[i]; i++)
		if (!strcmp(option, silent[i]))
			return RULE_YES;
	for (i = 0; never[i]; i++)
		if (!strcmp(option, never[i]))
			return flip(RULE_NO, negated);
	if (!strcmp(option, "-p"))
		return flip(!strcmp(value, udp ? "udp" : "tcp") ? RULE_YES : RULE_NO, negated);
	if (!strcmp(option, "--ctstate") || !strcmp(option, "--state"))
		return flip(strstr(value, "NEW") ? RULE_YES : RULE_NO, negated);
	return RULE_MAYBE;
}

/* A comment in quotes may hold blanks. */
static void skip_quoted(char **words, const char *value)
{
	if (!value || *value != '"' || (value[1] && value[strlen(value) - 1] == '"'))
		return;
	while ((value = fact_word(words)) && value[strlen(value) - 1] != '"')
		;
}

/* Cuts the words of a rule after its chain; the target comes back in 'target'. */
static enum rule_match rule_holds(char *words, bool udp, const char **target)
{
	enum rule_match all = RULE_YES, one;
	char *word, *value;
	bool negated = false;

	*target = "";
	while ((word = fact_word(&words))) {
		if (!strcmp(word, "!")) {
			negated = true;
			continue;
		}
		value = fact_word(&words);
		if (!strcmp(word, "-j") || !strcmp(word, "-g")) {
			*target = value ? value : "";
		} else {
			one = option_holds(word, value ? value : "", negated, udp);
			all = one < all ? one : all;
		}
		negated = false;
		skip_quoted(&words, value);
	}
	return all;
}

static enum outcome walk(const struct rules *rules, const char *chain, unsigned depth)
{
	char line[512], *words;
	const char *name, *target;
	enum outcome outcome;
	size_t i;

	for (i = 0; i < rules->count && depth < DEEPEST_JUMP; i++) {
		memcpy(line, rules->lines[i], sizeof(line));
		words = line;
		if (!(name = fact_word(&words)) || strcmp(name, "-A") != 0 ||
		    !(name = fact_word(&words)) || strcmp(name, chain) != 0 ||
		    rule_holds(words, rules->udp, &target) != RULE_YES)
			continue;
		if (!strcmp(target, "ACCEPT"))
			return ACCEPTED;
		if (!strcmp(target, "DROP") || !strcmp(target, "REJECT"))
			return DROPPED;
		if (!strcmp(target, "RETURN"))
			return RETURNED;
		outcome = walk(rules, target, depth + 1);
		if (outcome == ACCEPTED || outcome == DROPPED)
			return outcome;
	}
	return GO_ON;
}

static bool closed(struct rules *rules, bool udp, bool policy_drops)
{
	enum outcome outcome;

	rules->udp = udp;
	outcome = walk(rules, "INPUT", 0);
	return outcome == DROPPED || (outcome != ACCEPTED && policy_drops);
}

enum plat_filtering rules_judge_iptables(char *text)
{
	struct rules rules = {0};
	enum plat_filtering found = PLAT_FILTER_UNKNOWN;
	bool policy_drops = false, any = false;
	char *line, (*slot)[512];

	while ((line = fact_line(&text))) {
		policy_drops |= !strcmp(line, "-P INPUT DROP");
		if (strlen(line) >= sizeof(*slot))
			goto out; /* no rule that we know is so long */
		slot = fact_append(&rules.lines, &rules.count, sizeof(*rules.lines));
		if (!slot)
			goto out;
		memcpy(*slot, line, strlen(line) + 1);
		any |= !strncmp(line, "-A INPUT ", 9);
	}
	if (closed(&rules, false, policy_drops) && closed(&rules, true, policy_drops))
		found = PLAT_FILTER_CLOSED;
	else
		found = any ? PLAT_FILTER_OPEN : PLAT_FILTER_NONE;
out:
	free(rules.lines);
	return found;
}
