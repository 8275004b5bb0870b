/* nftables' rules, walked as the kernel walks them with a packet that nobody asked for.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/linux/firewall_rules.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/json.h"

#define DEEPEST_JUMP 16

struct packet {
	const struct json *rules; /* the "nftables" array */
	bool ipv6;
	const char *protocol; /* "tcp", "udp" */
};

enum outcome { GO_ON, ACCEPTED, DROPPED, RETURNED };

static const char *text_of(const struct json *object, const char *name)
{
	const struct json *member = json_get(object, name);
	const char *text = member ? json_string(member) : NULL;

	return text ? text : "";
}

static bool applies(const char *family, const struct packet *packet)
{
	return !strcmp(family, "inet") || !strcmp(family, packet->ipv6 ? "ip6" : "ip");
}

static enum rule_match negate(enum rule_match match)
{
	return match == RULE_MAYBE ? match : match == RULE_YES ? RULE_NO : RULE_YES;
}

/* Calls for each value of a right side: a word, a number, a list, a set of them. */
static enum rule_match any_value(const struct json *right,
				 enum rule_match (*holds)(const struct json *value,
							  const struct packet *packet),
				 const struct packet *packet)
{
	const struct json *list = json_get(right, "set"), *value;
	enum rule_match best = RULE_NO, match;

	if (!list)
		list = right;
	if (json_is_string(list) || (!json_is_array(list) && !json_is_object(list)))
		return holds(list, packet);
	if (json_is_object(list))
		return holds(list, packet);
	for (value = json_first(list); value; value = json_next(value)) {
		match = holds(value, packet);
		if (match > best)
			best = match;
	}
	return best;
}

static enum rule_match is_new(const struct json *value, const struct packet *packet)
{
	const char *word = json_string(value);

	(void)packet;
	return !word ? RULE_MAYBE : !strcmp(word, "new") ? RULE_YES : RULE_NO;
}

static enum rule_match is_its_protocol(const struct json *value, const struct packet *packet)
{
	const char *word = json_string(value);

	return !word ? RULE_MAYBE : !strcmp(word, packet->protocol) ? RULE_YES : RULE_NO;
}

static enum rule_match is_its_family(const struct json *value, const struct packet *packet)
{
	const char *word = json_string(value);

	if (!word)
		return RULE_MAYBE;
	if (packet->ipv6)
		return !strcmp(word, "ipv6") || !strcmp(word, "ip6") ? RULE_YES : RULE_NO;
	return !strcmp(word, "ipv4") || !strcmp(word, "ip") ? RULE_YES : RULE_NO;
}

/* A range over nearly all ports or a prefix of no bits holds for every packet; one port or one
 * network does not hold for ours, which comes from elsewhere to another port. */
static enum rule_match covers_all(const struct json *value, const struct packet *packet)
{
	const struct json *range = json_get(value, "range"), *prefix = json_get(value, "prefix");
	double first, last, bits;

	(void)packet;
	if (range && json_is_array(range) && json_first(range) &&
	    json_number(json_first(range), &first) && json_next(json_first(range)) &&
	    json_number(json_next(json_first(range)), &last))
		return last - first > 60000 ? RULE_YES : RULE_NO;
	if (prefix && json_get(prefix, "len") && json_number(json_get(prefix, "len"), &bits))
		return bits < 1 ? RULE_YES : RULE_NO;
	return RULE_NO;
}

static enum rule_match is_other_link(const struct json *value, const struct packet *packet)
{
	const char *word = json_string(value);

	(void)packet;
	return word && !strcmp(word, "*") ? RULE_YES : RULE_NO;
}

static enum rule_match is_local(const struct json *value, const struct packet *packet)
{
	const char *word = json_string(value);

	(void)packet;
	return word && (!strcmp(word, "local") || !strcmp(word, "unicast")) ? RULE_YES : RULE_NO;
}

static enum rule_match is_syn(const struct json *value, const struct packet *packet)
{
	const char *word = json_string(value);

	if (strcmp(packet->protocol, "tcp") != 0)
		return RULE_NO;
	return word && !strcmp(word, "syn") ? RULE_YES : RULE_NO;
}

static enum rule_match payload_holds(const struct json *payload, const struct json *right,
				     const struct packet *packet)
{
	const char *protocol = text_of(payload, "protocol"), *field = text_of(payload, "field");

	if (!strcmp(protocol, "tcp") || !strcmp(protocol, "udp") || !strcmp(protocol, "th")) {
		if (strcmp(protocol, "th") != 0 && strcmp(protocol, packet->protocol) != 0)
			return RULE_NO;
		if (!strcmp(field, "dport") || !strcmp(field, "sport"))
			return any_value(right, covers_all, packet);
		return !strcmp(field, "flags") ? any_value(right, is_syn, packet) : RULE_MAYBE;
	}
	if (!strcmp(protocol, "ip") || !strcmp(protocol, "ip6")) {
		if (packet->ipv6 != (protocol[2] == '6'))
			return RULE_NO;
		if (!strcmp(field, "protocol") || !strcmp(field, "nexthdr"))
			return any_value(right, is_its_protocol, packet);
		if (!strcmp(field, "saddr") || !strcmp(field, "daddr"))
			return any_value(right, covers_all, packet);
		return RULE_MAYBE;
	}
	/* icmp, icmpv6, igmp, arp, sctp ...: not our packet */
	return RULE_NO;
}

static enum rule_match meta_holds(const char *key, const struct json *right,
				  const struct packet *packet)
{
	if (!strcmp(key, "iifname") || !strcmp(key, "iif") || !strcmp(key, "iiftype"))
		return any_value(right, is_other_link, packet);
	if (!strcmp(key, "l4proto"))
		return any_value(right, is_its_protocol, packet);
	if (!strcmp(key, "nfproto") || !strcmp(key, "protocol"))
		return any_value(right, is_its_family, packet);
	return !strcmp(key, "pkttype") ? RULE_NO : RULE_MAYBE;
}

static enum rule_match key_holds(const struct json *left, const struct json *right,
				 const struct packet *packet)
{
	const struct json *key, *masked = json_get(left, "&");

	if (masked && json_is_array(masked) && json_first(masked))
		return key_holds(json_first(masked), right, packet);
	key = json_get(left, "ct");
	if (key)
		return !strcmp(text_of(key, "key"), "state") ? any_value(right, is_new, packet)
							     : RULE_MAYBE;
	key = json_get(left, "meta");
	if (key)
		return meta_holds(text_of(key, "key"), right, packet);
	key = json_get(left, "payload");
	if (key)
		return payload_holds(key, right, packet);
	key = json_get(left, "fib");
	if (key && !strcmp(text_of(key, "result"), "type"))
		return any_value(right, is_local, packet);
	return RULE_MAYBE;
}

static enum rule_match match_holds(const struct json *match, const struct packet *packet)
{
	const struct json *left = json_get(match, "left"), *right = json_get(match, "right");
	enum rule_match holds;

	if (!left || !right)
		return RULE_MAYBE;
	/* "@name": a named set, whose elements come and go */
	if (json_string(right) && json_string(right)[0] == '@')
		return RULE_MAYBE;
	holds = key_holds(left, right, packet);
	return !strcmp(text_of(match, "op"), "!=") ? negate(holds) : holds;
}

static enum outcome walk_chain(const char *family, const char *table, const char *chain,
			       const struct packet *packet, unsigned depth);

static enum outcome follow(const struct json *verdict, const char *family, const char *table,
			   const struct packet *packet, unsigned depth)
{
	const struct json *jump = json_get(verdict, "jump"), *go = json_get(verdict, "goto");
	enum outcome outcome;

	if (json_get(verdict, "accept"))
		return ACCEPTED;
	if (json_get(verdict, "drop") || json_get(verdict, "reject"))
		return DROPPED;
	if (json_get(verdict, "return"))
		return RETURNED;
	if (!jump && !go)
		return GO_ON;
	outcome = walk_chain(family, table, text_of(jump ? jump : go, "target"), packet, depth + 1);
	if (outcome != ACCEPTED && outcome != DROPPED)
		return go ? RETURNED : GO_ON;
	return outcome;
}

/* {"vmap": {"key": ..., "data": {"set": [[value, verdict], ...]}}} */
static enum outcome follow_map(const struct json *map, const char *family, const char *table,
			       const struct packet *packet, unsigned depth)
{
	const struct json *key = json_get(map, "key"), *data = json_get(map, "data");
	const struct json *set = data ? json_get(data, "set") : NULL, *pair, *value, *verdict;

	if (!key || !set || !json_is_array(set))
		return GO_ON;
	for (pair = json_first(set); pair; pair = json_next(pair)) {
		value = json_is_array(pair) ? json_first(pair) : NULL;
		verdict = value ? json_next(value) : NULL;
		if (verdict && key_holds(key, value, packet) == RULE_YES)
			return follow(verdict, family, table, packet, depth);
	}
	return GO_ON;
}

/* An expression is a match, a verdict, or something that changes nothing here (counter, log). */
static enum outcome walk_rule(const struct json *expressions, const char *family, const char *table,
			      const struct packet *packet, unsigned depth)
{
	const struct json *expression, *part;
	enum rule_match all = RULE_YES, holds;
	enum outcome outcome;

	for (expression = json_first(expressions); expression; expression = json_next(expression)) {
		part = json_get(expression, "match");
		holds = part ? match_holds(part, packet) : RULE_YES;
		/* limit, quota and matches of iptables' extensions hold now and then */
		if (json_get(expression, "limit") || json_get(expression, "quota") ||
		    json_get(expression, "xt") || json_get(expression, "queue"))
			holds = RULE_MAYBE;
		if (holds < all)
			all = holds;
		if (all == RULE_NO)
			return GO_ON;
		if (part || all != RULE_YES)
			continue;
		part = json_get(expression, "vmap");
		outcome = part ? follow_map(part, family, table, packet, depth)
			       : follow(expression, family, table, packet, depth);
		if (outcome != GO_ON)
			return outcome;
	}
	return GO_ON;
}

static enum outcome walk_chain(const char *family, const char *table, const char *chain,
			       const struct packet *packet, unsigned depth)
{
	const struct json *item, *rule, *expressions;
	enum outcome outcome;

	for (item = json_first(packet->rules); item && depth < DEEPEST_JUMP;
	     item = json_next(item)) {
		rule = json_get(item, "rule");
		if (!rule || strcmp(text_of(rule, "family"), family) != 0 ||
		    strcmp(text_of(rule, "table"), table) != 0 ||
		    strcmp(text_of(rule, "chain"), chain) != 0)
			continue;
		expressions = json_get(rule, "expr");
		if (!expressions || !json_is_array(expressions))
			continue;
		outcome = walk_rule(expressions, family, table, packet, depth);
		if (outcome != GO_ON)
			return outcome;
	}
	return GO_ON;
}

/* A packet passes every base chain of the hook: one that drops it is enough. */
static enum plat_filtering walk(const struct packet *packet)
{
	enum plat_filtering found = PLAT_FILTER_NONE;
	const struct json *item, *chain;
	const char *family, *table, *name;
	enum outcome outcome;
	bool drops;

	for (item = json_first(packet->rules); item; item = json_next(item)) {
		chain = json_get(item, "chain");
		if (!chain || strcmp(text_of(chain, "hook"), "input") != 0 ||
		    strcmp(text_of(chain, "type"), "filter") != 0 ||
		    !applies(text_of(chain, "family"), packet))
			continue;
		family = text_of(chain, "family");
		table = text_of(chain, "table");
		name = text_of(chain, "name");
		outcome = walk_chain(family, table, name, packet, 0);
		drops = outcome == DROPPED ||
			(outcome != ACCEPTED && !strcmp(text_of(chain, "policy"), "drop"));
		if (drops)
			return PLAT_FILTER_CLOSED;
		found = PLAT_FILTER_OPEN;
	}
	return found;
}

static enum plat_filtering judge(const struct json *rules, bool ipv6)
{
	struct packet tcp = {.rules = rules, .ipv6 = ipv6, .protocol = "tcp"};
	struct packet udp = {.rules = rules, .ipv6 = ipv6, .protocol = "udp"};
	enum plat_filtering one = walk(&tcp), other = walk(&udp);

	if (one == PLAT_FILTER_CLOSED && other == PLAT_FILTER_CLOSED)
		return PLAT_FILTER_CLOSED;
	return one == PLAT_FILTER_NONE && other == PLAT_FILTER_NONE ? PLAT_FILTER_NONE
								    : PLAT_FILTER_OPEN;
}

int rules_judge_nft(const char *json, size_t len, enum plat_filtering *out_ipv4,
		    enum plat_filtering *out_ipv6, struct err *err)
{
	struct json *root = NULL;
	const struct json *rules;

	if (json_parse(json, len, &root, err) < 0)
		return err_wrap(err, "what nft said");
	rules = json_get(root, "nftables");
	if (!rules || !json_is_array(rules)) {
		json_free(root);
		return err_set(err, ERR_INVALID, "what nft said: no member 'nftables'");
	}
	*out_ipv4 = judge(rules, false);
	*out_ipv6 = judge(rules, true);
	json_free(root);
	return 0;
}
