/* Running the controls: facts and policy become verdicts in the state, events in pending.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CHECK_RUN_H
#define CARETAKER_CHECK_RUN_H

#include "agent/controls/control.h"
#include "agent/proto/documents.h"
#include "agent/proto/verdict.h"

struct agent;
struct err;
struct policy;

/* Order of writes: what the controls remember (staged), pending.json (their events: the moment that
 * counts), the memory, state.json.  Killed anywhere, an event is neither lost nor found twice, and
 * verdicts are found again. */
int run_controls(struct agent *agent, struct err *err);

/* The end of the exception that lets 'control' be, as far as the policy lets exceptions go; 0:
 * none. */
int64_t run_excepted_until(const struct policy *policy, const struct exceptions *exceptions,
			   enum control_id control, int64_t now);
/* The same of exceptions that name one thing.  Their texts stay the exceptions'. */
unsigned run_allowances(const struct policy *policy, const struct exceptions *exceptions,
			enum control_id control, int64_t now,
			struct control_allowance out[EXCEPTIONS_MAX]);
/* When item 'i' ends, as far as the policy lets it last; that may be past.  0: the policy honours
 * no exception to that control, or not this list. */
int64_t run_exception_end(const struct policy *policy, const struct exceptions *exceptions,
			  unsigned i, int64_t now);
/* Notes when each exception was first seen: how long the policy lets it last begins there. */
void run_note_exceptions(struct agent *agent);
/* As the policy says, but audit instead of enforce while a newly enrolled school looks on. */
enum mode run_effective_mode(const struct agent *agent, const struct policy *policy,
			     enum control_id id);

#endif
