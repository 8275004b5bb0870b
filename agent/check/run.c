/* See run.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/run.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/check/hardware_own.h"
#include "agent/check/inventory_file.h"
#include "agent/check/memory_file.h"
#include "agent/controls/control.h"
#include "agent/controls/memory.h"
#include "agent/policy/policy.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S INT64_C(86400)

/* The latest moment an exception for 'control' may last, by the policy; 0: none is honoured. */
static int64_t latest_end(const struct policy *policy, const struct exceptions *exceptions,
			  enum control_id control, int64_t now)
{
	/* A list from the future would last as far beyond as its signer likes.  Whoever brought it
	 * brought the time as well, so a slow clock of ours is none. */
	if (!exceptions || now >= exceptions->until || exceptions->at - now > DAY_S ||
	    !policy_flag(policy, POLICY_EXCEPTIONS_ALLOWED) ||
	    !policy_lists(policy, POLICY_EXCEPTIONS_CONTROLS, control_name(control)))
		return 0;
	/* Whoever holds the online key can sign a list; how long it lasts is the policy's. */
	return exceptions->at + policy_number(policy, POLICY_EXCEPTIONS_MAX_DAYS) * DAY_S;
}

/* The list's own date is its signer's word, and new each time that it is signed again. */
static int64_t item_end(const struct policy *policy, const struct exception_item *item,
			int64_t latest)
{
	int64_t until = item->until < latest ? item->until : latest;
	int64_t bound = item->seen + policy_number(policy, POLICY_EXCEPTIONS_MAX_DAYS) * DAY_S;

	return item->seen && bound < until ? bound : until;
}

int64_t run_exception_end(const struct policy *policy, const struct exceptions *exceptions,
			  unsigned i, int64_t now)
{
	const struct exception_item *item = &exceptions->items[i];
	enum control_id control;
	int64_t latest;

	if (control_parse(item->control, &control) < 0)
		return 0;
	latest = latest_end(policy, exceptions, control, now);
	return latest ? item_end(policy, item, latest) : 0;
}

void run_note_exceptions(struct agent *agent)
{
	struct exceptions *exceptions = agent->trust.exceptions;

	for (unsigned i = 0; exceptions && i < exceptions->count; i++)
		exceptions->items[i].seen =
			state_first_allowed(&agent->state, exceptions->items[i].id, agent->now);
}

int64_t run_excepted_until(const struct policy *policy, const struct exceptions *exceptions,
			   enum control_id control, int64_t now)
{
	int64_t latest = latest_end(policy, exceptions, control, now), best = 0;

	for (unsigned i = 0; latest && i < exceptions->count; i++) {
		const struct exception_item *item = &exceptions->items[i];
		int64_t until = item_end(policy, item, latest);

		if (strcmp(item->control, control_name(control)) != 0 || item->what[0])
			continue; /* one program, one stick: run_allowances() */
		if (until > now && until > best)
			best = until;
	}
	return best;
}

unsigned run_allowances(const struct policy *policy, const struct exceptions *exceptions,
			enum control_id control, int64_t now,
			struct control_allowance out[EXCEPTIONS_MAX])
{
	int64_t latest = latest_end(policy, exceptions, control, now);
	unsigned count = 0;

	for (unsigned i = 0; latest && i < exceptions->count && count < EXCEPTIONS_MAX; i++) {
		const struct exception_item *item = &exceptions->items[i];
		int64_t until = item_end(policy, item, latest);

		if (strcmp(item->control, control_name(control)) == 0 && item->what[0] &&
		    until > now)
			out[count++] = (struct control_allowance){item->what, until};
	}
	return count;
}

enum mode run_effective_mode(const struct agent *agent, const struct policy *policy,
			     enum control_id id)
{
	enum mode mode = policy_mode(policy, id);

	/* A newly enrolled school first sees what would have been refused. */
	if (mode == MODE_ENFORCE && agent->now < agent->identity.audit_until)
		return MODE_AUDIT;
	return mode;
}

static int set_evidence(struct state_control *c, const char *text, struct err *err)
{
	char *copy = strdup(text);

	if (!copy)
		return err_set(err, ERR_NOMEM, "out of memory");
	free(c->evidence);
	c->evidence = copy;
	return 0;
}

static int take_result(struct agent *agent, enum control_id id, enum mode mode,
		       const struct control_result *result, struct err *err)
{
	struct state_control *c = &agent->state.controls[id];
	enum verdict verdict = result->verdict;
	int64_t until = 0;

	if (verdict == VERDICT_EXCEPTED)
		until = result->until;
	if (verdict == VERDICT_FAIL)
		until = run_excepted_until(agent->trust.policy, agent->trust.exceptions, id,
					   agent->now);
	if (until)
		verdict = VERDICT_EXCEPTED;
	if (set_evidence(c, result->evidence.len ? result->evidence.data : "{}", err) < 0)
		return -1;
	if (!c->known || c->verdict != verdict)
		c->since = agent->now;
	c->known = true;
	c->mode = mode;
	c->verdict = verdict;
	c->due_at = result->due_at;
	c->until = until;
	memcpy(c->why, result->why, sizeof(c->why));
	return 0;
}

/* One event a line: {"type":…,"data":{…}}.  Our own controls wrote it; it is read as anything is.
 */
static void take_event(struct agent *agent, enum control_id id, const char *line, size_t len)
{
	static const char open[] = "\"data\":";
	const char *data = strstr(line, open), *type;
	struct json *root = NULL;
	struct err err;

	if (!data || data >= line + len || json_parse(line, len, &root, &err) < 0 ||
	    json_get_string(root, "type", 31, &type, &err) < 0) {
		log_error("%s: an event could not be read and is counted as lost",
			  control_name(id));
		agent->pending.lost++;
		agent->pending.changed = true;
	} else {
		/* "data" is the last member, so its text ends before the line's brace. */
		data += sizeof(open) - 1;
		pending_add(&agent->pending, type, agent->now, data,
			    len - (size_t)(data - line) - 1);
	}
	json_free(root);
}

static void take_events(struct agent *agent, enum control_id id, const struct buf *events)
{
	const char *line = buf_text(events), *end;

	for (; (end = strchr(line, '\n')); line = end + 1)
		take_event(agent, id, line, (size_t)(end - line));
}

static int run_one(struct agent *agent, const struct control *control,
		   const struct control_input *common, struct err *err)
{
	struct control_allowance allowances[EXCEPTIONS_MAX];
	struct control_input input = *common;
	enum mode mode = run_effective_mode(agent, agent->trust.policy, control->id);
	struct control_result result;
	int ret;

	input.mode = mode;
	input.allowances = allowances;
	input.allowance_count = run_allowances(agent->trust.policy, agent->trust.exceptions,
					       control->id, agent->now, allowances);
	control_result_init(&result);
	if (mode == MODE_OFF)
		(void)text_copy(result.why, sizeof(result.why), "off");
	else
		control_run(control, &input, &result);
	ret = take_result(agent, control->id, mode, &result, err);
	if (ret == 0)
		take_events(agent, control->id, &result.events);
	control_result_clear(&result);
	return ret;
}

static int keep(struct agent *agent, struct memory *memory, struct err *err)
{
	struct places *places = &agent->places;
	char hash[HASH_TEXT];

	if (memory_file_stage(places, memory, hash, err) < 0)
		return -1;
	memcpy(agent->pending.memory, hash, sizeof(hash));
	if (pending_save(&agent->pending, places, err) < 0 || memory_file_commit(places, err) < 0)
		return -1;
	return state_save(&agent->state, places, err);
}

int run_controls(struct agent *agent, struct err *err)
{
	struct control_input input = {
		.policy = agent->trust.policy,
		.now = agent->now,
		.run_dir = agent->places.run,
		.storage_refused = agent->hardware_seen.refused,
		.storage_would_refuse = agent->hardware_seen.would_refuse,
	};
	struct hardware_table assistive = {NULL, 0};
	char cache[PLACES_PATH];
	struct err refused; /* gate_rules.c says so */
	int ret = -1;

	run_note_exceptions(agent);
	places_path(agent->places.state, "cache", cache);
	input.cache_dir = cache;
	if (memory_file_load(&agent->places, agent->pending.memory, agent->now, &input.memory,
			     err) < 0 ||
	    hardware_own_table(&agent->places, HARDWARE_ASSISTIVE, &assistive, &refused, err) < 0)
		goto out;
	input.assistive = &assistive;
	for (size_t i = 0; control_table[i]; i++)
		if (run_one(agent, control_table[i], &input, err) < 0)
			goto out;
	/* Without it the last stock-taking stands; the verdicts matter more. */
	if (inventory_file_refresh(agent, err) < 0)
		log_warn("the inventory stays as it was: %s", err->msg);
	agent_tick(agent);
	ret = keep(agent, input.memory, err);
	if (ret == 0) /* they are remembered now */
		agent->hardware_seen = (struct hardware_seen){0};
out:
	hardware_table_clear(&assistive);
	memory_free(input.memory);
	return ret;
}
