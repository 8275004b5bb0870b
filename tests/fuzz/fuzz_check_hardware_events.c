/* Lines of the gate's file of events, in which a device's own words are: whatever is taken becomes
 * an event that a heartbeat can carry, whatever is not is counted.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/check/agent.h"
#include "agent/check/hardware_events.h"
#include "agent/policy/policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct policy *policy; /* read once: it does not change */
	static struct agent agent;
	struct hardware_seen seen = {0, 0};
	struct err err;
	int ret;

	if (!policy && policy_default(&policy, &err) < 0)
		abort();
	memset(&agent, 0, sizeof(agent));
	agent.trust.policy = policy;
	pending_init(&agent.pending);
	ret = hardware_events_line(&agent, (const char *)data, len, &seen);
	if (ret < 0 && (agent.pending.count || agent.pending.lost != 1))
		abort();
	if (agent.pending.count > 1)
		abort();
	for (unsigned i = 0; i < agent.pending.count; i++) {
		struct json *root = NULL;

		if (agent.pending.events[i].data_len > HEARTBEAT_MAX_EVENT ||
		    json_parse(agent.pending.events[i].data, agent.pending.events[i].data_len,
			       &root, &err) < 0 ||
		    !json_is_object(root))
			abort();
		json_free(root);
	}
	pending_clear(&agent.pending);
	return 0;
}
