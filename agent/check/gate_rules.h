/* The gate's rules, STATE/gate.rules (agent/gate/rules.h): compiled from the policy in force, the
 * exceptions that this device was sent and the tables of conf/hardware.
 *
 * caretakerd and caretaker-gate believe this file alone: what is not honoured does not get into it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_GATE_RULES_H
#define CARETAKER_CHECK_GATE_RULES_H

#include <stdbool.h>
#include <stdint.h>

struct agent;
struct buf;
struct err;
struct policy;

/* Writes the rules anew where they say another thing than before; before the enrolment there are
 * none, and agent_forget() takes them away.  Those in force outlive a policy or an enrolment that
 * is damaged.  Cheap when nothing changed. */
int gate_rules_refresh(struct agent *agent, struct err *err);

/* Has the gate follow the rules once more where it does not yet: a disk was full, or a stick with a
 * key of the system was in. */
void gate_rules_follow(struct agent *agent);

/* Appends the rules that 'policy' would mean on this device; 'as_enforced': as though the school's
 * time of audit were over. */
int gate_rules_compile(struct agent *agent, const struct policy *policy, bool as_enforced,
		       struct buf *out, struct err *err);

/* For trust_apply(), 'agent' being a struct agent: -1 when the policy would shut the last keyboard,
 * the last pointer, the only network or a disk that holds the system.  What this machine cannot
 * tell refuses nothing. */
int gate_rules_judge(void *agent, const struct policy *policy, struct err *err);

#endif
