/* Would a policy shut the last keyboard, the last pointer, the only network, or a disk that holds
 * the system?  Nothing else is asked: "it refuses much" would be a by-pass for whoever plugs in
 * much.
 *
 * The gate is asked as it would decide, about what is plugged into this machine now.  It never
 * refuses HID nor what holds the system (agent/gate/decide.c); this looks at the answer, not at
 * that promise.  SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/gate_rules.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/check/gate_device.h"
#include "agent/gate/decide.h"
#include "agent/gate/hold.h"
#include "agent/gate/rules.h"
#include "platform/gate.h"
#include "platform/hardware.h"

#include <stdlib.h>
#include <string.h>

#define WAYS_MAX 32

enum need { NEED_KEYBOARD, NEED_POINTER, NEED_COUNT };

struct look {
	struct plat_gate *gate;
	struct gate_rules *rules;
	struct plat_way_out ways[WAYS_MAX];
	bool way_shut[WAYS_MAX];
	size_t way_count;
	unsigned kept[NEED_COUNT], shut[NEED_COUNT];
	bool system_shut;
	char shut_port[GATE_NAME]; /* of a disk that holds the system */
};

/* USB HID 1.11, 4.2 and 4.3: the boot interface says which it is. */
static bool is_needed(const struct gate_interface *interface, enum need need)
{
	return interface->class == 0x03 &&
	       interface->protocol == (need == NEED_KEYBOARD ? 0x01 : 0x02);
}

static int take_medium(void *ctx, const struct plat_medium *medium)
{
	bool *holds = ctx;

	*holds = *holds || medium->holds_system;
	return 0;
}

static int take_device(void *ctx, const struct plat_port_device *port)
{
	struct look *look = ctx;
	/* At no time that is known: an exception ends, and what it opens is shut then. */
	struct gate_around around = {.now = 0, .user = ""};
	struct gate_decision decision = {.verb = GATE_PASS};
	struct gate_device *device = malloc(sizeof(*device));
	struct err err;
	bool any_shut = false;

	if (!device || gate_device_from(look->gate, port, device, &err) < 0) {
		free(device);
		return 0; /* what cannot be read cannot be the last of anything we know */
	}
	/* A question that fails leaves it at "no". */
	(void)plat_gate_media(look->gate, port->port, take_medium, &around.holds_system, &err);
	gate_hold(device, look->rules);
	gate_decide(look->rules, device, &around, &decision);
	for (unsigned i = 0; i < device->interface_count; i++) {
		const struct gate_interface *interface = &device->interfaces[i];
		bool open = gate_may_open(look->rules, &decision, interface);

		any_shut |= !open;
		for (int n = 0; n < NEED_COUNT; n++)
			if (is_needed(interface, (enum need)n))
				(open ? look->kept : look->shut)[n]++;
	}
	if (any_shut && around.holds_system) {
		look->system_shut = true;
		(void)text_copy(look->shut_port, sizeof(look->shut_port), port->port);
	}
	for (size_t i = 0; any_shut && i < look->way_count; i++)
		if (strcmp(look->ways[i].port, port->port) == 0)
			look->way_shut[i] = true;
	free(device);
	return 0;
}

/* The only network that is up. */
static const struct plat_way_out *last_way(const struct look *look)
{
	const struct plat_way_out *lost = NULL;

	for (size_t i = 0; i < look->way_count; i++) {
		if (!look->ways[i].up)
			continue;
		if (!look->way_shut[i])
			return NULL;
		lost = &look->ways[i];
	}
	return lost;
}

static int judge(const struct look *look, struct err *err)
{
	static const char *const names[NEED_COUNT] = {"keyboard", "pointer"};
	const struct plat_way_out *way = last_way(look);

	for (int n = 0; n < NEED_COUNT; n++)
		if (look->shut[n] && !look->kept[n])
			return err_set(err, ERR_INVALID,
				       "it would shut the last %s of this machine: see [hardware] "
				       "refused_devices and refused_classes",
				       names[n]);
	if (way)
		return err_set(err, ERR_INVALID,
			       "it would shut the only network of this machine, '%s' at port %s: "
			       "see [hardware] refused_devices and refused_classes",
			       way->name, way->port);
	if (look->system_shut)
		return err_set(err, ERR_INVALID,
			       "it would shut the disk at port %s, which holds the system",
			       look->shut_port);
	return 0;
}

static int look_around(struct look *look, struct err *err)
{
	struct err unknown;

	if (gate_device_open(&look->gate, err) < 0)
		return -1;
	if (plat_ways_out(look->ways, WAYS_MAX, &look->way_count, &unknown) < 0)
		look->way_count = 0;
	return plat_gate_devices(look->gate, take_device, look, err);
}

int gate_rules_judge(void *ctx, const struct policy *policy, struct err *err)
{
	struct agent *agent = ctx;
	struct look look = {.gate = NULL};
	struct buf text;
	struct err unknown;
	int ret = -1;

	buf_init(&text, GATE_RULES_MAX);
	if (gate_rules_compile(agent, policy, true, &text, err) < 0 ||
	    gate_rules_parse(text.data, text.len, &look.rules, err) < 0)
		goto out;
	ret = 0;
	if (look_around(&look, &unknown) == 0)
		ret = judge(&look, err);
	else
		log_info("whether the policy leaves a keyboard and a network could not be looked "
			 "at: %s",
			 unknown.msg);
out:
	plat_gate_close(look.gate);
	gate_rules_free(look.rules);
	buf_clear(&text);
	return ret;
}
