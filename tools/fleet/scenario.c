/* See scenario.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/fleet/scenario.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/ini.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "conf/fleet.ini.h"

struct parser {
	struct scenario *scenario;
	struct scenario_state *state; /* the section's; NULL in [fleet] */
	struct scenario_fault *fault; /* NULL in [healthy ...] and [fleet] */
};

static const char *const verdict_words[] = {"pass",           "fail",     "unknown",
					    "not-applicable", "excepted", NULL};

static int set_number(const char *key, const char *value, int64_t min, int64_t max, int64_t *out,
		      struct err *err)
{
	if (text_int(value, min, max, out) < 0)
		return err_set(err, ERR_INVALID,
			       "bad value '%.40s' for '%s': expected a number from %lld to %lld",
			       value, key, (long long)min, (long long)max);
	return 0;
}

static int set_evidence(struct scenario_state *state, const char *value, struct err *err)
{
	struct json *json = NULL;

	if (json_parse(value, strlen(value), &json, err) < 0)
		return err_wrap(err, "bad value for 'evidence'");
	if (!json_is_object(json)) {
		json_free(json);
		return err_set(err, ERR_INVALID,
			       "bad value for 'evidence': expected a JSON object");
	}
	json_free(json);
	if (!text_copy(state->evidence, sizeof(state->evidence), value))
		return err_set(err, ERR_INVALID, "'evidence' is longer than %d bytes",
			       SCENARIO_MAX_EVIDENCE - 1);
	return 0;
}

static int set_state(struct scenario_state *state, const char *key, const char *value,
		     struct err *err)
{
	if (!strcmp(key, "control")) {
		if (control_parse(value, &state->control) < 0)
			return err_set(err, ERR_INVALID, "unknown control '%.40s'", value);
	} else if (!strcmp(key, "verdict")) {
		if (verdict_parse(value, &state->verdict) < 0) {
			const char *near = text_nearest(value, verdict_words);

			return err_set(err, ERR_INVALID,
				       "unknown verdict '%.40s'; did you mean '%s'?", value,
				       near ? near : verdict_words[0]);
		}
	} else if (!strcmp(key, "why")) {
		if (!text_copy(state->why, sizeof(state->why), value))
			return err_set(err, ERR_INVALID, "'why' is longer than %d bytes",
				       REASON_MAX - 1);
	} else if (!strcmp(key, "evidence")) {
		return set_evidence(state, value, err);
	} else if (!strcmp(key, "due_days")) {
		return set_number(key, value, -3650, 3650, &state->due_days, err);
	} else {
		return err_set(err, ERR_INVALID, "unknown key '%.40s'", key);
	}
	return 0;
}

static int set_fault(struct scenario_fault *fault, const char *key, const char *value,
		     struct err *err)
{
	int64_t number;

	if (!strcmp(key, "share_percent")) {
		if (set_number(key, value, 0, 100, &number, err) < 0)
			return -1;
		fault->share_percent = (unsigned)number;
	} else if (!strcmp(key, "from_beat")) {
		return set_number(key, value, 1, 1000000000, &fault->from_beat, err);
	} else if (!strcmp(key, "until_beat")) {
		return set_number(key, value, 1, 1000000000, &fault->until_beat, err);
	} else if (!strcmp(key, "event")) {
		if (!text_copy(fault->event, sizeof(fault->event), value))
			return err_set(err, ERR_INVALID, "'event' is longer than %zu bytes",
				       sizeof(fault->event) - 1);
	} else {
		return set_state(&fault->state, key, value, err);
	}
	return 0;
}

static int begin_section(struct parser *parser, const char *section, struct err *err)
{
	struct scenario *scenario = parser->scenario;

	parser->state = NULL;
	parser->fault = NULL;
	if (!strcmp(section, "fleet"))
		return 0;
	if (!strncmp(section, "healthy ", 8)) {
		if (scenario->healthy_count == CONTROL_COUNT)
			return err_set(err, ERR_INVALID, "more than %d [healthy ...] sections",
				       CONTROL_COUNT);
		parser->state = &scenario->healthy[scenario->healthy_count++];
		memcpy(parser->state->evidence, "{}", 3);
		return set_state(parser->state, "control", section + 8, err);
	}
	if (!strncmp(section, "fault ", 6)) {
		if (scenario->fault_count == SCENARIO_MAX_FAULTS)
			return err_set(err, ERR_INVALID, "more than %d [fault ...] sections",
				       SCENARIO_MAX_FAULTS);
		parser->fault = &scenario->faults[scenario->fault_count++];
		parser->fault->state.verdict = VERDICT_FAIL;
		parser->fault->from_beat = 1;
		memcpy(parser->fault->state.evidence, "{}", 3);
		if (!text_copy(parser->fault->name, sizeof(parser->fault->name), section + 6))
			return err_set(err, ERR_INVALID, "the fault's name is too long");
		return 0;
	}
	return err_set(
		err, ERR_INVALID,
		"unknown section [%.40s]: expected [fleet], [healthy CONTROL] or [fault NAME]",
		section);
}

static int handle(void *ctx, int line, const char *section, const char *key, const char *value,
		  struct err *err)
{
	struct parser *parser = ctx;
	int64_t number;

	(void)line;
	if (!key)
		return begin_section(parser, section, err);
	if (parser->fault)
		return set_fault(parser->fault, key, value, err);
	if (parser->state)
		return set_state(parser->state, key, value, err);
	if (!strcmp(key, "seed")) {
		if (set_number(key, value, 0, INT64_MAX, &number, err) < 0)
			return -1;
		parser->scenario->seed = (uint64_t)number;
		return 0;
	}
	if (!strcmp(key, "name")) {
		if (!text_copy(parser->scenario->name, sizeof(parser->scenario->name), value))
			return err_set(err, ERR_INVALID, "'name' is too long");
		return 0;
	}
	return err_set(err, ERR_INVALID, "unknown key '%.40s' in [fleet]", key);
}

/* A fault of a control that no computer reports would silently never be seen. */
static int check_faults(const char *name, const struct scenario *scenario, struct err *err)
{
	for (unsigned f = 0; f < scenario->fault_count; f++) {
		unsigned n = 0;

		while (n < scenario->healthy_count &&
		       scenario->healthy[n].control != scenario->faults[f].state.control)
			n++;
		if (n == scenario->healthy_count)
			return err_set(
				err, ERR_INVALID,
				"%s: [fault %s] concerns '%s', which has no [healthy ...] section",
				name, scenario->faults[f].name,
				control_name(scenario->faults[f].state.control));
	}
	if (scenario->healthy_count == 0)
		return err_set(err, ERR_INVALID, "%s: no [healthy ...] section", name);
	return 0;
}

int scenario_parse(const char *name, const char *text, size_t len, struct scenario **out,
		   struct err *err)
{
	struct parser parser = {.scenario = calloc(1, sizeof(struct scenario))};
	int ret = -1;

	if (!parser.scenario)
		return err_set(err, ERR_NOMEM, "%s: out of memory", name);
	if (ini_parse_text(name, text, len, handle, &parser, err) < 0 ||
	    check_faults(name, parser.scenario, err) < 0)
		goto out;
	*out = parser.scenario;
	parser.scenario = NULL;
	ret = 0;
out:
	free(parser.scenario);
	return ret;
}

int scenario_default(struct scenario **out, struct err *err)
{
	return scenario_parse("fleet.ini", (const char *)conf_fleet_ini, conf_fleet_ini_len, out,
			      err);
}

uint64_t scenario_random(uint64_t seed, uint64_t a, uint64_t b)
{
	uint64_t z = seed + a * 0x9e3779b97f4a7c15u + b * 0xd1b54a32d192ed03u + 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static bool has_fault(const struct scenario *scenario, unsigned f, uint32_t device, int64_t beat)
{
	const struct scenario_fault *fault = &scenario->faults[f];

	return beat >= fault->from_beat && (!fault->until_beat || beat <= fault->until_beat) &&
	       scenario_random(scenario->seed, device, f) % 100 < fault->share_percent;
}

const struct scenario_state *scenario_state(const struct scenario *scenario, uint32_t device,
					    int64_t beat, unsigned n, const char **out_event)
{
	const struct scenario_state *healthy = &scenario->healthy[n];

	*out_event = NULL;
	for (unsigned f = 0; f < scenario->fault_count; f++) {
		const struct scenario_fault *fault = &scenario->faults[f];

		if (fault->state.control != healthy->control ||
		    !has_fault(scenario, f, device, beat))
			continue;
		if (beat == fault->from_beat && fault->event[0])
			*out_event = fault->event;
		return &fault->state;
	}
	return healthy;
}
