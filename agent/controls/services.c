/* Does something wait for others on the network that the policy does not allow?  (Clause 20.)
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/controls/people.h"
#include "agent/controls/table.h"
#include "agent/policy/policy.h"
#include "platform/network.h"

#define EPHEMERAL_FIRST \
	32768 /* what both systems hand out by themselves begins there or higher \
	       */

static bool allowed(const struct policy *policy, const struct plat_listener *listener)
{
	char port[16];

	(void)snprintf(port, sizeof(port), "%s/%u", listener->protocol, listener->port);
	if (policy_lists(policy, POLICY_SERVICES_ALLOWED_PORTS, port))
		return true;
	if (listener->program[0] &&
	    policy_lists(policy, POLICY_SERVICES_ALLOWED_PROGRAMS, listener->program))
		return true;
	return !strcmp(listener->protocol, "udp") && listener->port >= EPHEMERAL_FIRST &&
	       policy_flag(policy, POLICY_SERVICES_EPHEMERAL_UDP_ALLOWED);
}

static bool excepted(const struct control_input *input, struct control_result *result,
		     const struct plat_listener *listener, const char *shown)
{
	char port[16];

	(void)snprintf(port, sizeof(port), "%s/%u", listener->protocol, listener->port);
	return control_excepts(input, result, port, shown) ||
	       (listener->program[0] && control_excepts(input, result, listener->program, shown));
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	bool at_school = place_at_school(input->policy);
	struct plat_listeners listeners;
	struct names extra = {0};
	char text[64];
	size_t i, open = 0;

	if (plat_listeners(&listeners, err) < 0)
		return -1;
	for (i = 0; i < listeners.count; i++) {
		if (listeners.items[i].loopback)
			continue;
		open++;
		if (allowed(input->policy, &listeners.items[i]))
			continue;
		(void)snprintf(text, sizeof(text), "%s/%u%s%s", listeners.items[i].protocol,
			       listeners.items[i].port, listeners.items[i].program[0] ? " " : "",
			       listeners.items[i].program);
		if (excepted(input, result, &listeners.items[i], at_school ? text : "a service"))
			continue;
		names_add(&extra, text);
	}
	jsonw_int(evidence, "listening", (int64_t)open);
	jsonw_int(evidence, "loopback_only", (int64_t)(listeners.count - open));
	plat_listeners_clear(&listeners);
	if (at_school) {
		names_write(&extra, evidence, "extra");
	} else if (extra.count) { /* what runs at home is the family's business: counted only */
		(void)snprintf(text, sizeof(text), "%zu, not named away from school", extra.count);
		jsonw_string(evidence, "extra", text);
	}
	if (extra.count)
		control_say(result, VERDICT_FAIL, "listening");
	control_say(result, VERDICT_PASS, "ok");
	return 0;
}

const struct control control_services = {.id = CONTROL_SERVICES, .run = run};
