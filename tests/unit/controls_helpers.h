/* Running one control against the fake machine, for tests of controls.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_CONTROLS_HELPERS_H
#define CARETAKER_TESTS_CONTROLS_HELPERS_H

#include "agent/base/buf.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "agent/controls/control.h"
#include "agent/controls/memory.h"
#include "agent/policy/policy.h"
#include "tests/unit/said_tokens.h"
#include "tests/unit/unit.h"

#define DAY 86400
#define HOUR 3600
#define NOW INT64_C(1795329600) /* 2026-11-22 06:40:00 */

/* What a control said; good until the next checked(). */
struct said {
	enum verdict verdict;
	char why[REASON_MAX];
	int64_t due_at;
	struct json *evidence;
	char text[32768]; /* the evidence */
	char events[32768];
	char wrong[512];
};

static struct said said;
static struct memory *remembered; /* one test's; forget() drops it */

/* What exceptions allow in the next checked(); a test sets and drops it. */
static const struct control_allowance *allowances;
static size_t allowance_count;
/* What the gate would have refused before the next checked(). */
static unsigned checked_would_refuse;

static inline void forget(void)
{
	memory_free(remembered);
	remembered = NULL;
}

/* As caretaker-check does between runs: written, and read at the time of the next. */
static inline void remember_again(int64_t now)
{
	struct memory *next = NULL;
	struct buf kept;

	buf_init(&kept, 0);
	assert_works(memory_write(remembered, &kept, &err));
	assert_works(memory_read(kept.data, kept.len, now, &next, &err));
	buf_clear(&kept);
	memory_free(remembered);
	remembered = next;
}

static inline void check_words(enum control_id id)
{
	struct buf wrong;

	look_at_words(id, said.why, said.text);
	buf_init(&wrong, 0);
	reason_wrong(id, said.why, said.evidence, &wrong);
	(void)text_copy(said.wrong, sizeof(said.wrong), buf_text(&wrong));
	buf_clear(&wrong);
}

/* Runs the control at 'now' under a policy's text; what it remembers is kept until forget(). */
static inline const struct said *checked(enum control_id id, const char *policy_text, int64_t now)
{
	struct control_input input = {.now = now};
	const struct control *control = control_find(id);
	struct control_result result;
	struct policy *policy;

	assert_non_null(control);
	assert_works(policy_parse("test.ini", policy_text, strlen(policy_text), &policy, &err));
	if (remembered)
		remember_again(now);
	else
		assert_works(memory_new(now, &remembered, &err));
	input.policy = policy;
	input.memory = remembered;
	input.mode = policy_mode(policy, id);
	input.storage_would_refuse = checked_would_refuse;
	input.allowances = allowances;
	input.allowance_count = allowance_count;
	control_result_init(&result);
	control_run(control, &input, &result);
	json_free(said.evidence);
	memset(&said, 0, sizeof(said));
	said.verdict = result.verdict;
	said.due_at = result.due_at;
	(void)text_copy(said.why, sizeof(said.why), result.why);
	(void)text_copy(said.text, sizeof(said.text), buf_text(&result.evidence));
	(void)text_copy(said.events, sizeof(said.events), buf_text(&result.events));
	assert_works(json_parse(said.text, strlen(said.text), &said.evidence, &err));
	check_words(id);
	control_result_clear(&result);
	policy_free(policy);
	return &said;
}

#define assert_said(said_, want_verdict, want_why) \
	do { \
		const struct said *got_ = (said_); \
		if (got_->verdict != (want_verdict) || strcmp(got_->why, (want_why)) != 0) \
			fail_msg("got %s '%s', want %s '%s'; evidence %s", \
				 verdict_name(got_->verdict), got_->why, \
				 verdict_name(want_verdict), want_why, got_->text); \
	} while (0)

static inline int forget_all(void **state)
{
	(void)state;
	forget();
	json_free(said.evidence);
	said.evidence = NULL;
	return 0;
}

#endif
