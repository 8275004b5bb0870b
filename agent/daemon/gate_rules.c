/* The rules in force: STATE/gate.rules read again, and what begins or ends with another mode.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate.h"

#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/daemon/gate_plugged.h"
#include "agent/gate/rules.h"
#include "platform/os.h"

static bool enforces(const struct gate *gate)
{
	return gate->rules && gate_rules_enforce(gate->rules);
}

static struct gate_rules *read_rules(struct gate *gate, const char **out_state)
{
	struct gate_rules *rules = NULL;
	struct buf text;
	struct err err;

	buf_init(&text, GATE_RULES_MAX);
	*out_state = "damaged";
	if (plat_file_read_private(gate->rules_path, GATE_RULES_MAX, &text, &err) < 0 ||
	    gate_rules_parse(buf_text(&text), text.len, &rules, &err) < 0) {
		rules = NULL;
		if (err.code == ERR_NOTFOUND)
			*out_state = "none";
		else
			log_error("'%s' is damaged, %s: %s", gate->rules_path,
				  gate->rules ? "the last good rules hold"
					      : "what waits stays shut",
				  err.msg);
	} else {
		*out_state = "in force";
	}
	buf_clear(&text);
	return rules;
}

/* Before anything is judged: what is plugged in meanwhile begins closed. */
static void tell_udev(struct gate *gate)
{
	bool enforce = gate->rules && gate->rules->storage_mode == GATE_ENFORCE;
	struct plat_file_info info = {.exists = false};
	struct err err;
	int ret = plat_file_info(gate->enforced_path, &info, &err);

	if (ret == 0 && enforce && !info.exists)
		ret = plat_file_replace(gate->enforced_path, "", 0, PLAT_FILE_PRIVATE, &err);
	else if (ret == 0 && !enforce && info.exists && strcmp(gate->rules_state, "damaged") != 0)
		ret = plat_file_remove(gate->enforced_path, &err);
	if (ret < 0)
		log_error("udev is not told whether media begin closed: %s", err.msg);
}

/* Started with the word that opens everything, for this boot: udev's rules and the helper see it,
 * too.  What would have been refused is on record. */
static void only_audit(struct gate_rules *rules)
{
	if (rules->storage_mode == GATE_ENFORCE)
		rules->storage_mode = GATE_AUDIT;
	if (rules->hardware_mode == GATE_ENFORCE)
		rules->hardware_mode = GATE_AUDIT;
}

/* Enforce is over: what it had shut is let through, once. */
static void stop_enforcing(struct gate *gate)
{
	for (struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next)
		gate_let_all(gate, plugged);
}

void gate_rules_changed(struct gate *gate)
{
	struct plat_file_info info = {.exists = false};
	bool enforced = enforces(gate);
	const char *state;
	struct gate_rules *rules;
	struct err err;

	(void)plat_file_info(gate->rules_path, &info, &err); /* what cannot be read says so below */
	if (gate->rules_state && info.exists && info.identity == gate->rules_identity)
		return;
	gate->rules_identity = info.identity;
	rules = read_rules(gate, &state);
	/* The first rules come with the enrolment: what is plugged now was there before. */
	if (rules && gate->rules_state && strcmp(gate->rules_state, "none") == 0)
		gate->memory.fresh = true;
	/* No rules at all is the end of an enrolment; a damaged file is nobody's decision. */
	if (!rules && gate->rules && strcmp(state, "none") == 0)
		gate_memory_forget(&gate->memory);
	if (rules || strcmp(state, "none") == 0) {
		gate_rules_free(gate->rules);
		gate->rules = rules;
		if (rules)
			log_info("the rules of '%s' (%lld) are in force", rules->policy,
				 (long long)rules->policy_serial);
	}
	gate->rules_state = state;
	gate->changed = true;
	tell_udev(gate);
	if (gate->rules && gate->off)
		only_audit(gate->rules);
	gate_seat_know(gate);
	gate_look_at_all(gate);
	gate_scan_sweep(gate);
	if (enforced && !enforces(gate))
		stop_enforcing(gate);
	gate_finish(gate);
}
