/* Running one control and putting together what it says; the list of controls is table.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/control.h"

#include <assert.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

/* A heartbeat holds every control and is at most 256 KiB: one control may not fill it. */
#define EVIDENCE_MAX (16u * 1024)
#define EVENTS_MAX (64u * 1024)

const struct control *control_find(enum control_id id)
{
	for (size_t i = 0; control_table[i]; i++)
		if (control_table[i]->id == id)
			return control_table[i];
	return NULL;
}

void control_result_init(struct control_result *result)
{
	memset(result, 0, sizeof(*result));
	result->verdict = VERDICT_NOT_APPLICABLE;
	buf_init(&result->evidence, EVIDENCE_MAX);
	buf_init(&result->events, EVENTS_MAX);
}

void control_result_clear(struct control_result *result)
{
	buf_clear(&result->evidence);
	buf_clear(&result->events);
	memset(result, 0, sizeof(*result));
}

static void write_cannot_tell(struct control_result *result, const char *message)
{
	struct jsonw w;

	buf_reset(&result->evidence);
	jsonw_init(&w, &result->evidence);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "message", message);
	jsonw_object_end(&w);
	result->verdict = VERDICT_UNKNOWN;
	result->due_at = 0;
	(void)text_copy(result->why, sizeof(result->why), "cannot-tell");
}

void control_run(const struct control *control, const struct control_input *input,
		 struct control_result *result)
{
	struct err err = {0};
	struct jsonw w;

	jsonw_init(&w, &result->evidence);
	jsonw_object(&w, NULL);
	if (control->run(input, &w, result, &err) < 0) {
		/* Events stay: what was found was found, whatever failed later. */
		write_cannot_tell(result, err.msg);
		return;
	}
	jsonw_object_end(&w);
	assert(result->why[0]); /* a control that says nothing is our bug */
	if (buf_check(&result->evidence, &err) < 0)
		write_cannot_tell(result, "the evidence was too long to send");
}

/* How bad what was said is; nothing said yet is below everything. */
static int rank(const struct control_result *result)
{
	if (!result->why[0])
		return -1;
	switch (result->verdict) {
	case VERDICT_FAIL: return 4;
	case VERDICT_UNKNOWN: return 3;
	case VERDICT_PASS:
	case VERDICT_EXCEPTED: return result->due_at ? 2 : 1;
	case VERDICT_NOT_APPLICABLE: break;
	}
	return 0;
}

void control_say(struct control_result *result, enum verdict verdict, const char *why)
{
	struct control_result said = {.verdict = verdict, .due_at = 0};

	assert(why[0] && strlen(why) < REASON_MAX);
	said.why[0] = why[0];
	if (rank(&said) <= rank(result))
		return;
	result->verdict = verdict;
	memcpy(result->why, why, strlen(why) + 1);
}

void control_due(struct control_result *result, int64_t due_at, const char *why)
{
	bool within = result->verdict == VERDICT_PASS || result->verdict == VERDICT_NOT_APPLICABLE;

	assert(due_at != 0 && strlen(why) < REASON_MAX);
	if (result->due_at == 0 || due_at < result->due_at) {
		result->due_at = due_at;
		if (within || !result->why[0]) {
			result->verdict = VERDICT_PASS;
			memcpy(result->why, why, strlen(why) + 1);
		}
	}
}

void control_event(struct control_result *result, const char *type, const struct buf *data)
{
	struct jsonw w;
	size_t before = result->events.len;

	jsonw_init(&w, &result->events);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", type);
	jsonw_raw(&w, "data", data->len ? data->data : "{}", data->len ? data->len : 2);
	jsonw_object_end(&w);
	buf_addc(&result->events, '\n');
	if (result->events.failed) {
		/* Whole lines only; the control's own limit keeps this from happening. */
		result->events.len = before;
		if (result->events.data)
			result->events.data[before] = '\0';
	}
}
