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
#define EXCEPTED_MAX 4096
#define EXCEPTED_SHOWN 12 /* of 100 bytes each at most: never over EXCEPTED_MAX */

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
	buf_init(&result->excepted, EXCEPTED_MAX);
}

void control_result_clear(struct control_result *result)
{
	buf_clear(&result->evidence);
	buf_clear(&result->events);
	buf_clear(&result->excepted);
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

/* What is due stays a pass with its date: there is something to do before the exception ends. */
static void write_excepted(struct control_result *result, struct jsonw *evidence)
{
	if (!result->excepted_count)
		return;
	buf_addc(&result->excepted, ']');
	jsonw_raw(evidence, "excepted", result->excepted.data, result->excepted.len);
	if (result->excepted_count > EXCEPTED_SHOWN)
		jsonw_int(evidence, "excepted_count", result->excepted_count);
	jsonw_time(evidence, "until", result->until);
	if (result->verdict != VERDICT_PASS || result->due_at)
		return;
	result->verdict = VERDICT_EXCEPTED;
	(void)text_copy(result->why, sizeof(result->why), "excepted");
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
	write_excepted(result, &w);
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

static void note_excepted(struct control_result *result, const char *shown, int64_t until)
{
	char name[101];
	struct jsonw w;
	struct buf one;

	if (!result->until || until < result->until)
		result->until = until;
	buf_init(&one, 1024);
	text_clean(name, sizeof(name), shown, strlen(shown));
	jsonw_init(&w, &one);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", name);
	jsonw_time(&w, "until", until);
	jsonw_object_end(&w);
	/* A service listens by IPv4 and IPv6, a package is there for two architectures: said once.
	 */
	if (!strstr(buf_text(&result->excepted), buf_text(&one))) {
		result->excepted_count++;
		if (result->excepted_count <= EXCEPTED_SHOWN) {
			buf_addc(&result->excepted, result->excepted.len ? ',' : '[');
			buf_adds(&result->excepted, buf_text(&one));
		}
	}
	buf_clear(&one);
}

bool control_excepts(const struct control_input *input, struct control_result *result,
		     const char *item, const char *shown)
{
	int64_t until = 0;

	for (size_t i = 0; i < input->allowance_count; i++) {
		const struct control_allowance *allowance = &input->allowances[i];

		if (allowance->until > until && text_match(allowance->what, item))
			until = allowance->until;
	}
	if (until)
		note_excepted(result, shown, until);
	return until != 0;
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
