/* The gate's rules that come of an agent's policy and exceptions, as the gate reads them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_COMPILED_RULES_H
#define CARETAKER_TESTS_COMPILED_RULES_H

#include "agent/base/buf.h"
#include "agent/check/agent.h"
#include "agent/check/gate_rules.h"
#include "agent/gate/rules.h"
#include "tests/unit/unit.h"

/* The caller's to free. */
static inline struct gate_rules *compiled(struct agent *agent)
{
	struct gate_rules *rules = NULL;
	struct buf text;

	buf_init(&text, GATE_RULES_MAX);
	assert_works(gate_rules_compile(agent, agent->trust.policy, false, &text, &err));
	assert_works(gate_rules_parse(text.data, text.len, &rules, &err));
	buf_clear(&text);
	return rules;
}

/* NULL: there is none. */
static inline const struct gate_rule *rule_for(const struct gate_rules *rules,
					       enum gate_rule_kind kind, const char *what)
{
	for (size_t i = 0; i < rules->rule_count; i++)
		if (rules->rules[i].kind == kind && strcmp(rules->rules[i].what, what) == 0)
			return &rules->rules[i];
	return NULL;
}

#endif
