/* Does a firewall filter what comes in, now and after a restart?  (Clause 28.)
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/firewall.h"

#include <string.h>

#include "agent/controls/table.h"
#include "agent/policy/policy.h"
#include "platform/hardware.h"

static const char *filtering_word(enum plat_filtering filtering)
{
	switch (filtering) {
	case PLAT_FILTER_NONE: return "none";
	case PLAT_FILTER_OPEN: return "accepts";
	case PLAT_FILTER_CLOSED: return "filters";
	case PLAT_FILTER_UNKNOWN: break;
	}
	return "unknown";
}

/* The one that keeps the rules: one that is on, else the first there is. */
static const struct plat_firewall_manager *manager_of(const struct plat_firewall *firewall)
{
	const struct plat_firewall_manager *best = NULL;
	size_t i;

	for (i = 0; i < firewall->manager_count; i++)
		if (!best || (firewall->managers[i].enabled && !best->enabled) ||
		    (firewall->managers[i].running && !best->running && !best->enabled))
			best = &firewall->managers[i];
	return best;
}

static void judge_one(const struct policy *policy, enum plat_filtering filtering, bool ipv6,
		      struct control_result *result)
{
	switch (filtering) {
	case PLAT_FILTER_NONE:
		control_say(result, VERDICT_FAIL, ipv6 ? "ipv6-open" : "none");
		break;
	case PLAT_FILTER_OPEN:
		if (policy_flag(policy, POLICY_FIREWALL_DEFAULT_DENY_REQUIRED))
			control_say(result, VERDICT_FAIL, ipv6 ? "ipv6-open" : "accepts-all");
		break;
	case PLAT_FILTER_UNKNOWN: control_say(result, VERDICT_UNKNOWN, "cannot-tell"); break;
	case PLAT_FILTER_CLOSED: break;
	}
}

static void judge_boot(const struct plat_firewall_manager *manager, struct control_result *result)
{
	if (!manager) /* rules that nobody we know put there */
		control_say(result, VERDICT_UNKNOWN, "boot-not-known");
	else if (!manager->enabled)
		control_say(result, VERDICT_FAIL, "not-at-boot");
}

static void write_evidence(const struct plat_firewall *firewall,
			   const struct plat_firewall_manager *manager, struct jsonw *w)
{
	jsonw_string(w, "ipv4", filtering_word(firewall->ipv4));
	jsonw_string(w, "ipv6",
		     firewall->ipv6_in_use || firewall->ipv6 != PLAT_FILTER_NONE
			     ? filtering_word(firewall->ipv6)
			     : "not in use");
	/* ufw's rules are nftables'; nftables' are its own. */
	if (firewall->by[0] && manager && strcmp(firewall->by, manager->name) != 0)
		jsonw_string(w, "rules", firewall->by);
	if (manager) {
		jsonw_string(w, "product", manager->name);
		jsonw_bool(w, "at_boot", manager->enabled);
		jsonw_bool(w, "running", manager->running);
	} else if (firewall->by[0]) {
		jsonw_string(w, "product", firewall->by);
	}
	if (firewall->note[0])
		jsonw_string(w, "message", firewall->note);
	else if (firewall->ipv4 == PLAT_FILTER_UNKNOWN || firewall->ipv6 == PLAT_FILTER_UNKNOWN)
		jsonw_string(w, "message", "the rules in force could not be read");
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	const struct plat_firewall_manager *manager;
	const struct policy *policy = input->policy;
	struct plat_firewall firewall;
	char name[32];
	bool closed;

	if (plat_firewall(&firewall, err) < 0)
		return -1;
	manager = manager_of(&firewall);
	write_evidence(&firewall, manager, evidence);
	closed = firewall.ipv4 == PLAT_FILTER_CLOSED;
	if (!closed && plat_machine(name, sizeof(name)) == PLAT_MACHINE_CONTAINER) {
		jsonw_string(evidence, "container", name);
		control_say(result, VERDICT_UNKNOWN, "host-decides");
		return 0;
	}
	judge_one(policy, firewall.ipv4, false, result);
	if (firewall.ipv6_in_use && policy_flag(policy, POLICY_FIREWALL_IPV6_REQUIRED))
		judge_one(policy, firewall.ipv6, true, result);
	if (closed && policy_flag(policy, POLICY_FIREWALL_AT_BOOT_REQUIRED))
		judge_boot(manager, result);
	control_say(result, VERDICT_PASS, "ok");
	return 0;
}

const struct control control_firewall = {.id = CONTROL_FIREWALL, .run = run};
