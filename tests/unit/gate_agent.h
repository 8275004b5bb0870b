/* An agent with a policy and exceptions, the gate's rules that come of them, and devices to plug
 * in. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_GATE_AGENT_H
#define CARETAKER_TESTS_GATE_AGENT_H

#include "agent/check/agent.h"
#include "agent/check/run.h"
#include "agent/policy/policy.h"
#include "platform/fake/fake_gate.h"
#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_os.h"
#include "platform/os.h"
#include "tests/unit/compiled_rules.h"
#include "tests/unit/unit.h"

#define EX "0a0a0a0a-0000-4000-8000-00000000000e"
#define DAY INT64_C(86400)

static struct agent agent;
static struct exception_item items[8];
static struct exceptions list;

static inline void begin(const char *policy)
{
	memset(&agent, 0, sizeof(agent));
	memset(&fake_gate, 0, sizeof(fake_gate));
	fake_reset();
	fake_machine_reset();
	assert_works(places_init(&agent.places, "/conf", "/state", "/run", &err));
	assert_works(places_make(&agent.places, &err));
	assert_works(policy_parse("p", policy, strlen(policy), &agent.trust.policy, &err));
	strcpy(agent.identity.device, "0a0a0a0a-0000-4000-8000-000000000002");
	agent.now = FAKE_NOW;
	pending_init(&agent.pending);
	list = (struct exceptions){
		.serial = 1, .at = FAKE_NOW, .until = FAKE_NOW + 400 * DAY, .items = items};
	agent.trust.exceptions = &list;
}

static inline void end(void)
{
	policy_free(agent.trust.policy);
	pending_clear(&agent.pending);
}

static inline void except(const char *control, const char *what, int64_t until)
{
	struct exception_item *item = &items[list.count++];

	memset(item, 0, sizeof(*item));
	strcpy(item->id, EX);
	strcpy(item->control, control);
	strcpy(item->what, what);
	item->until = until;
	item->seen = FAKE_NOW;
}

/* One configuration, one interface: class, subclass, protocol. */
static inline void describe(struct plat_port_device *device, const char *port, unsigned vendor,
			    unsigned product, unsigned class, unsigned subclass, unsigned protocol)
{
	const unsigned char bytes[] = {
		18, 1, 0, 2, 0, 0, 0, 64, (unsigned char)vendor, (unsigned char)(vendor >> 8),
		(unsigned char)product, (unsigned char)(product >> 8), 0, 1, 0, 0, 0, 1,
		/* a configuration with an interface */
		9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, (unsigned char)class,
		(unsigned char)subclass, (unsigned char)protocol, 0};

	memset(device, 0, sizeof(*device));
	strcpy(device->port, port);
	memcpy(device->descriptors, bytes, sizeof(bytes));
	device->descriptors_len = sizeof(bytes);
	device->interface_count = 1;
	snprintf(device->interfaces[0].name, sizeof(device->interfaces[0].name), "%s:1.0", port);
}

#endif
