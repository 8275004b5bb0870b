/* A control: facts of this machine + policy -> verdict.  One file a control.
 *
 * A control asks platform.h for facts, compares them with the policy, and says what it saw.  It
 * does not log, does not write, does not enforce.  "This machine cannot tell" (ERR_UNSUPPORTED from
 * the platform) is VERDICT_UNKNOWN with why, never a fail.  Sentences for people come from the
 * reason token (agent/proto/reason.h). SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CONTROLS_CONTROL_H
#define CARETAKER_CONTROLS_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/jsonw.h"
#include "agent/proto/reason.h"
#include "agent/proto/verdict.h"

struct err;
struct hardware_table;
struct memory;
struct policy;

/* One thing that an exception lets a control pass over until its end: a program's name, a port, an
 * account.  Only what the policy's [exceptions] honours gets here. */
struct control_allowance {
	const char *what; /* by pattern, as in a policy's lists */
	int64_t until;
};

struct control_input {
	const struct policy *policy;
	int64_t now;           /* best known time: last acknowledged + uptime where there is one */
	struct memory *memory; /* what must be remembered between runs (first seen, last offset) */
	const char *cache_dir; /* where costly facts may be cached by file change */
	enum mode mode;        /* this control's, as it is in force now */
	const char *run_dir;   /* where caretakerd shows what is plugged in (hardware.json) */
	/* Connections of storage since the run before that were refused, or would have been. */
	unsigned storage_refused, storage_would_refuse;
	/* What assists people, by this machine's own table; NULL: by the one built in. */
	const struct hardware_table *assistive;
	const struct control_allowance *allowances; /* this control's */
	size_t allowance_count;
};

struct control_result {
	enum verdict verdict;
	char why[REASON_MAX];
	int64_t due_at; /* of the soonest thing inside its allowed time; 0: none */
	int64_t until;  /* when the first of the exceptions that were used ends; 0: none was */
	struct buf
		excepted; /* "[{...},{...}": the array of that name in the evidence, not closed */
	unsigned excepted_count;
	struct buf evidence; /* one JSON object of measured facts */
	struct buf events;   /* zero or more {"type":…,"data":{…}} objects, a line each */
};

struct control {
	enum control_id id;
	/* Writes members into the evidence object that is already open in 'evidence'.  -1 with
	 * 'err': the runner makes it unknown ("cannot-tell" with the message as evidence). */
	int (*run)(const struct control_input *input, struct jsonw *evidence,
		   struct control_result *result, struct err *err);
};

/* Every control this agent has, in the order of enum control_id; ends with NULL. */
extern const struct control *const control_table[];
const struct control *control_find(enum control_id id);

/* Runs one, always with a result: an error is VERDICT_UNKNOWN. */
void control_run(const struct control *control, const struct control_input *input,
		 struct control_result *result);
void control_result_init(struct control_result *result);
void control_result_clear(struct control_result *result);

/* For controls: sets verdict and token in one line.  The worst said wins when called again
 * (fail > unknown > pass with a due date > pass > not-applicable). */
void control_say(struct control_result *result, enum verdict verdict, const char *why);
/* A pass with an end: something is inside its allowed time until 'due_at'.  The soonest said wins;
 * a fail or an unknown that was said stays the verdict and keeps the date beside it. */
void control_due(struct control_result *result, int64_t due_at, const char *why);
/* True when an exception names 'item': it is left out of what fails, and listed in the evidence as
 * 'shown' (where the item's own name is not for everyone) with the exception's end.  To be asked
 * only of what would fail.  When nothing else is wrong the verdict is VERDICT_EXCEPTED. */
bool control_excepts(const struct control_input *input, struct control_result *result,
		     const char *item, const char *shown);
/* An event about what was seen; 'data' is a JSON object. */
void control_event(struct control_result *result, const char *type, const struct buf *data);

#endif
