/* Running controls on facts that a test tells of the machine (fake_machine.h).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_MACHINE_CONTROLS_H
#define CARETAKER_TESTS_MACHINE_CONTROLS_H

#include "tests/unit/said_tokens.h"
#include "tests/unit/unit.h"

#include "agent/controls/control.h"
#include "agent/controls/memory.h"
#include "agent/policy/policy.h"
#include "agent/proto/reason.h"
#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_os.h"
#include "platform/fake/fake_software.h"

static struct memory *memory; /* one test's; see set_up() */
static struct control_result result;

static inline int set_up(void **state)
{
	(void)state;
	fake_reset();
	fake_machine_reset();
	fake_software_reset();
	assert_works(memory_new(FAKE_NOW, &memory, &err));
	control_result_init(&result);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	memory_free(memory);
	control_result_clear(&result);
	return 0;
}

/* What is remembered, as a later run finds it. */
static inline int memory_again(int64_t now)
{
	struct memory *next = NULL;
	struct buf text;
	struct err err;
	int ret = -1;

	buf_init(&text, 0);
	if (memory_write(memory, &text, &err) == 0 &&
	    memory_read(text.data, text.len, now, &next, &err) == 0) {
		memory_free(memory);
		memory = next;
		ret = 0;
	}
	buf_clear(&text);
	return ret;
}

/* Runs a control once more, with these lines of policy; the memory stays. */
static inline void check_at(enum control_id id, const char *lines, int64_t now)
{
	struct control_input input = {.now = now, .memory = memory, .cache_dir = "/cache"};
	struct policy *policy = NULL;
	char text[2048];

	(void)snprintf(text, sizeof(text), "[policy]\nname = test\n%s", lines);
	assert_works(policy_parse("test.ini", text, strlen(text), &policy, &err));
	input.policy = policy;
	input.mode = policy_mode(policy, id);
	control_result_clear(&result);
	control_result_init(&result);
	assert_non_null(control_find(id));
	control_run(control_find(id), &input, &result);
	policy_free(policy);
	look_at_words(id, result.why, buf_text(&result.evidence));
}

static inline void check(enum control_id id, const char *lines)
{
	check_at(id, lines, FAKE_NOW);
}

static inline void assert_said(enum verdict verdict, const char *why)
{
	if (result.verdict != verdict || strcmp(result.why, why) != 0)
		fail_msg("got %s \"%s\", want %s \"%s\"; evidence %s", verdict_name(result.verdict),
			 result.why, verdict_name(verdict), why, buf_text(&result.evidence));
}

static inline void assert_evidence(const char *part)
{
	if (!strstr(buf_text(&result.evidence), part))
		fail_msg("no %s in %s", part, buf_text(&result.evidence));
}

static inline void assert_no_evidence(const char *part)
{
	if (strstr(buf_text(&result.evidence), part))
		fail_msg("%s in %s", part, buf_text(&result.evidence));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
