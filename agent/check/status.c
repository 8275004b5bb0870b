/* See status.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/status.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/version.h"
#include "agent/check/agent.h"
#include "agent/check/enrol.h"
#include "agent/check/ship.h"
#include "agent/policy/policy.h"
#include "agent/proto/reason.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define STATUS_MAX (512 * 1024)

/* Controls whose evidence may hold names of accounts: their sentences say how many instead, for the
 * file is everyone's to read. */
static bool names_people(enum control_id id)
{
	switch (id) {
	case CONTROL_ACCOUNTS:
	case CONTROL_PASSWORD_POLICY:
	case CONTROL_HOURS:
	case CONTROL_END_OF_DAY: return true;
	default: return false;
	}
}

/* What evidence of such a control may be shown to everyone: no member but these may be text. */
static bool is_open(const char *member)
{
	static const char *const members[] = {"checked_by", "classes_missing", "directory",
					      "manager",    "message",         "shared"};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(members[i], member) == 0)
			return true;
	return false;
}

static void write_text(struct jsonw *w, const char *name, const struct json *value, bool open)
{
	const char *text = json_string(value);

	if (text && open)
		jsonw_string(w, name, text);
}

/* Of a list of names only how many there are: "Administrators ...: 2." */
static void write_list(struct jsonw *w, const struct json *list, bool open)
{
	int64_t count = 0;

	if (open)
		jsonw_array(w, json_name(list));
	for (const struct json *item = json_first(list); item; item = json_next(item), count++)
		write_text(w, NULL, item, open);
	if (open)
		jsonw_array_end(w);
	else
		jsonw_int(w, json_name(list), count);
}

static void write_without_names(const struct json *evidence, struct jsonw *w)
{
	double number;
	bool flag;

	jsonw_object(w, NULL);
	for (const struct json *m = json_first(evidence); m; m = json_next(m)) {
		if (json_is_array(m))
			write_list(w, m, is_open(json_name(m)));
		else if (json_number(m, &number))
			jsonw_int(w, json_name(m), (int64_t)number);
		else if (json_bool(m, &flag))
			jsonw_bool(w, json_name(m), flag);
		else
			write_text(w, json_name(m), m, is_open(json_name(m)));
	}
	jsonw_object_end(w);
}

/* Replaces '*root' by what everyone may see of it; NULL when that cannot be made. */
static void leave_names_out(struct json **root)
{
	struct json *public = NULL;
	struct jsonw w;
	struct buf out;
	struct err err;

	buf_init(&out, STATUS_MAX);
	jsonw_init(&w, &out);
	write_without_names(*root, &w);
	if (buf_check(&out, &err) < 0 || json_parse(out.data, out.len, &public, &err) < 0)
	public = NULL;
	buf_clear(&out);
	json_free(*root);
	*root = public;
}

void status_sentences(enum control_id id, const char *why, const char *evidence, struct buf *wrong,
		      struct buf *todo)
{
	struct json *root = NULL;
	struct err err;

	if (!evidence || json_parse(evidence, strlen(evidence), &root, &err) < 0)
		root = NULL; /* the sentences then stand without what was measured */
	if (root && names_people(id))
		leave_names_out(&root);
	reason_wrong(id, why, root, wrong);
	reason_todo(id, why, root, todo);
	json_free(root);
}

static void write_sentences(enum control_id id, const struct state_control *c, struct jsonw *w)
{
	struct buf wrong, todo;

	buf_init(&wrong, 4096);
	buf_init(&todo, 4096);
	if (c->verdict != VERDICT_PASS || c->due_at)
		status_sentences(id, c->why, c->evidence, &wrong, &todo);
	jsonw_string(w, "wrong", buf_text(&wrong));
	jsonw_string(w, "todo", buf_text(&todo));
	buf_clear(&wrong);
	buf_clear(&todo);
}

static void write_control(const struct agent *agent, enum control_id id, struct jsonw *w)
{
	const struct state_control *c = &agent->state.controls[id];
	enum standing standing = verdict_standing(c->verdict, c->due_at, agent->now);

	jsonw_object(w, NULL);
	jsonw_string(w, "id", control_name(id));
	jsonw_string(w, "mode", mode_name(c->mode));
	jsonw_string(w, "verdict", verdict_name(c->verdict));
	jsonw_string(w, "standing", standing_key(standing));
	jsonw_string(w, "why", c->why);
	jsonw_time(w, "since", c->since);
	jsonw_time(w, "due_at", c->due_at);
	jsonw_time(w, "until", c->until);
	write_sentences(id, c, w);
	jsonw_object_end(w);
}

static const char *enrolment(const struct agent *agent)
{
	if (agent_enrolled(agent))
		return "enrolled";
	if (agent->identity.waiting)
		return "waiting";
	return enrol_pending(agent) ? "asking" : "none";
}

static void write_collector(const struct agent *agent, struct jsonw *w)
{
	const struct state *s = &agent->state;

	jsonw_object(w, "collector");
	jsonw_string(w, "enrolment", enrolment(agent));
	jsonw_string(w, "host",
		     agent->config.collector[0] ? agent->config.collector : agent->identity.host);
	jsonw_string(w, "school", agent->identity.school);
	jsonw_string(w, "group", agent->identity.group);
	jsonw_time(w, "contact_at", s->contact_at);
	jsonw_string(w, "trouble", s->trouble);
	jsonw_int(w, "acknowledged", s->acked_seq);
	jsonw_bool(w, "in_flight", spool_after(&agent->spool, s->acked_seq) != 0);
	jsonw_int(w, "events_waiting", agent->pending.count);
	jsonw_object_end(w);
}

static void write_policy(const struct agent *agent, struct jsonw *w)
{
	const struct policy_document *document = agent->trust.document;

	jsonw_object(w, "policy");
	jsonw_string(w, "name", document ? document->name : policy_name(agent->trust.policy));
	jsonw_int(w, "serial", document ? document->serial : 0);
	jsonw_time(w, "audit_until",
		   agent->now < agent->identity.audit_until ? agent->identity.audit_until : 0);
	jsonw_array(w, "rejected");
	for (unsigned i = 0; i < agent->state.rejected_count; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "what", agent->state.rejected[i].what);
		jsonw_string(w, "why", agent->state.rejected[i].why);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

int status_write(struct agent *agent, struct err *err)
{
	char path[PLACES_PATH];
	struct jsonw w;
	struct buf out;
	int ret = -1;

	agent_tick(agent);
	buf_init(&out, STATUS_MAX);
	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "agent", CARETAKER_VERSION);
	jsonw_time(&w, "at", agent->now);
	jsonw_int(&w, "clock_off_s", agent->clock.wall - agent->now);
	jsonw_string(&w, "device", agent->identity.device);
	write_collector(agent, &w);
	write_policy(agent, &w);
	jsonw_array(&w, "controls");
	for (int i = 0; i < CONTROL_COUNT; i++)
		if (agent->state.controls[i].known)
			write_control(agent, (enum control_id)i, &w);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	places_path(agent->places.run, STATUS_FILE, path);
	if (buf_check(&out, err) == 0)
		ret = plat_file_replace(path, out.data, out.len, PLAT_FILE_PUBLIC, err);
	buf_clear(&out);
	return ret;
}

int status_write_next(const struct agent *agent, const struct ship_outcome *outcome,
		      struct err *err)
{
	char path[PLACES_PATH], text[40];
	int64_t after = outcome->poll_s;

	if (ship_must_wait(agent))
		after = (agent->state.retry_uptime_ms - agent->clock.uptime_ms + 999) / 1000;
	places_path(agent->places.run, STATUS_NEXT_FILE, path);
	snprintf(text, sizeof(text), "after %lld\n%s", (long long)after,
		 outcome->somebody_waits ? "somebody waits\n" : "");
	return plat_file_replace(path, text, strlen(text), PLAT_FILE_PUBLIC, err);
}
