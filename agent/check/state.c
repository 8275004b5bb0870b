/* See state.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/state.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/check/places.h"
#include "agent/proto/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void state_init(struct state *state, const char *root)
{
	memset(state, 0, sizeof(*state));
	(void)text_copy(state->acked_hash, sizeof(state->acked_hash), root);
	state->need_full = true;
}

void state_clear(struct state *state)
{
	for (int i = 0; i < CONTROL_COUNT; i++)
		free(state->controls[i].evidence);
	memset(state, 0, sizeof(*state));
}

/* --- writing --- */

static void write_clock(const struct clock *clock, struct jsonw *w)
{
	jsonw_object(w, "clock");
	jsonw_int(w, "acked_time", clock->acked_time);
	jsonw_int(w, "acked_uptime_ms", clock->acked_uptime_ms);
	jsonw_string(w, "acked_boot", clock->acked_boot);
	jsonw_int(w, "best", clock->best);
	jsonw_int(w, "best_uptime_ms", clock->best_uptime_ms);
	jsonw_string(w, "best_boot", clock->best_boot);
	jsonw_object_end(w);
}

static void write_told(const struct state_told *told, const char *name, struct jsonw *w)
{
	jsonw_object(w, name);
	jsonw_string(w, "standing", told->standing);
	jsonw_string(w, "evidence", told->evidence);
	jsonw_int(w, "at", told->at);
	jsonw_object_end(w);
}

static void write_control(const struct state_control *c, enum control_id id, struct jsonw *w)
{
	jsonw_object(w, control_name(id));
	jsonw_string(w, "mode", mode_name(c->mode));
	jsonw_string(w, "verdict", verdict_name(c->verdict));
	jsonw_string(w, "why", c->why);
	jsonw_int(w, "since", c->since);
	jsonw_int(w, "due_at", c->due_at);
	jsonw_int(w, "until", c->until);
	/* As text: what a control wrote must come back byte for byte, or it would look changed. */
	jsonw_string(w, "evidence", c->evidence ? c->evidence : "{}");
	write_told(&c->sent, "sent", w);
	write_told(&c->flying, "flying", w);
	jsonw_object_end(w);
}

static void write_lists(const struct state *s, struct jsonw *w)
{
	jsonw_array(w, "policy_serials");
	for (unsigned i = 0; i < s->policy_serial_count; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "kid", s->policy_serials[i].kid);
		jsonw_int(w, "serial", s->policy_serials[i].serial);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_array(w, "rejected");
	for (unsigned i = 0; i < s->rejected_count; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "what", s->rejected[i].what);
		jsonw_int(w, "serial", s->rejected[i].serial);
		jsonw_string(w, "why", s->rejected[i].why);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_array(w, "allowed");
	for (unsigned i = 0; i < s->allowed_count; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "id", s->allowed[i].id);
		jsonw_int(w, "at", s->allowed[i].at);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_array(w, "marks");
	for (unsigned i = 0; i < s->mark_count; i++) {
		jsonw_object(w, NULL);
		jsonw_int(w, "seq", s->marks[i].seq);
		jsonw_int(w, "at", s->marks[i].at);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void write_facts(const struct state_facts *facts, const char *name, struct jsonw *w)
{
	jsonw_object(w, name);
	jsonw_string(w, "policy", facts->policy);
	jsonw_string(w, "inventory", facts->inventory);
	jsonw_string(w, "boot", facts->boot);
	jsonw_string(w, "agent", facts->agent);
	jsonw_int(w, "exceptions", facts->exceptions);
	jsonw_object_end(w);
}

int state_save(const struct state *s, struct places *places, struct err *err)
{
	struct jsonw w;
	struct buf out;
	int ret = -1;

	buf_init(&out, STATE_MAX);
	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_int(&w, "acked_seq", s->acked_seq);
	jsonw_string(&w, "acked_hash", s->acked_hash);
	jsonw_int(&w, "seq_floor", s->seq_floor);
	jsonw_string(&w, "epoch", s->epoch);
	write_clock(&s->clock, &w);
	jsonw_string(&w, "boot", s->boot);
	jsonw_int(&w, "full_at", s->full_at);
	jsonw_bool(&w, "need_full", s->need_full);
	jsonw_bool(&w, "chain_begins", s->chain_begins);
	jsonw_int(&w, "flying_seq", s->flying_seq);
	jsonw_int(&w, "dicts", s->dicts);
	jsonw_int(&w, "resend_next", s->resend_next);
	jsonw_int(&w, "resend_to", s->resend_to);
	jsonw_int(&w, "refused_row", s->refused_row);
	jsonw_string(&w, "rotated_kid", s->rotated_kid);
	jsonw_int(&w, "rotated_seq", s->rotated_seq);
	jsonw_int(&w, "exceptions_serial", s->exceptions_serial);
	write_lists(s, &w);
	jsonw_int(&w, "failures", s->failures);
	jsonw_int(&w, "retry_uptime_ms", s->retry_uptime_ms);
	jsonw_string(&w, "retry_boot", s->retry_boot);
	jsonw_int(&w, "contact_at", s->contact_at);
	jsonw_string(&w, "trouble", s->trouble);
	jsonw_string(&w, "inventory", s->inventory);
	write_facts(&s->sent_facts, "sent_facts", &w);
	write_facts(&s->flying_facts, "flying_facts", &w);
	jsonw_object(&w, "controls");
	for (int i = 0; i < CONTROL_COUNT; i++)
		if (s->controls[i].known)
			write_control(&s->controls[i], (enum control_id)i, &w);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	if (buf_check(&out, err) == 0)
		ret = places_write(places, STATE_FILE, out.data, out.len, err);
	else
		err_wrap(err, STATE_FILE);
	buf_clear(&out);
	return ret;
}

/* --- reading --- */

static int read_clock(const struct json *root, struct clock *out, struct err *err)
{
	const struct json *clock;
	int64_t max = MEMBER_INT_MAX;

	if (json_get_object(root, "clock", &clock, err) < 0 ||
	    json_get_int(clock, "acked_time", -max, max, &out->acked_time, err) < 0 ||
	    json_get_int(clock, "acked_uptime_ms", 0, max, &out->acked_uptime_ms, err) < 0 ||
	    member_text(clock, "acked_boot", out->acked_boot, sizeof(out->acked_boot), err) < 0 ||
	    json_get_int(clock, "best", -max, max, &out->best, err) < 0 ||
	    json_get_int(clock, "best_uptime_ms", 0, max, &out->best_uptime_ms, err) < 0 ||
	    member_text(clock, "best_boot", out->best_boot, sizeof(out->best_boot), err) < 0)
		return -1;
	return 0;
}

static int read_told(const struct json *control, const char *name, struct state_told *out,
		     struct err *err)
{
	const struct json *told;

	if (json_get_object(control, name, &told, err) < 0 ||
	    member_text(told, "standing", out->standing, sizeof(out->standing), err) < 0 ||
	    member_text(told, "evidence", out->evidence, sizeof(out->evidence), err) < 0 ||
	    json_get_int(told, "at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &out->at, err) < 0)
		return -1;
	return 0;
}

/* Evidence is copied into heartbeats as it stands, so it must be an object. */
static int read_evidence(const struct json *control, char **out, struct err *err)
{
	struct json *object;
	const char *text;
	bool good;

	if (json_get_string(control, "evidence", HEARTBEAT_MAX_EVIDENCE, &text, err) < 0 ||
	    json_parse(text, strlen(text), &object, err) < 0)
		return err_wrap(err, "evidence");
	good = json_is_object(object);
	json_free(object);
	if (!good)
		return err_set(err, ERR_INVALID, "evidence: expected an object");
	free(*out);
	*out = strdup(text);
	return *out ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int read_control(const struct json *member, struct state_control *c, struct err *err)
{
	const char *mode, *verdict;

	if (json_get_string(member, "mode", 16, &mode, err) < 0 ||
	    json_get_string(member, "verdict", 16, &verdict, err) < 0)
		return -1;
	if (mode_parse(mode, &c->mode) < 0 || verdict_parse(verdict, &c->verdict) < 0)
		return err_set(err, ERR_INVALID, "unknown mode or verdict");
	if (member_text(member, "why", c->why, sizeof(c->why), err) < 0 ||
	    json_get_int(member, "since", -MEMBER_INT_MAX, MEMBER_INT_MAX, &c->since, err) < 0 ||
	    json_get_int(member, "due_at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &c->due_at, err) < 0 ||
	    json_get_int(member, "until", -MEMBER_INT_MAX, MEMBER_INT_MAX, &c->until, err) < 0 ||
	    read_told(member, "sent", &c->sent, err) < 0 ||
	    read_told(member, "flying", &c->flying, err) < 0 ||
	    read_evidence(member, &c->evidence, err) < 0)
		return -1;
	c->known = true;
	return 0;
}

static int read_controls(const struct json *root, struct state *s, struct err *err)
{
	const struct json *controls;
	enum control_id id;

	if (json_get_object(root, "controls", &controls, err) < 0)
		return -1;
	for (const struct json *c = json_first(controls); c; c = json_next(c)) {
		/* A control of a newer agent that was taken back: its verdict is forgotten. */
		if (control_parse(json_name(c), &id) < 0)
			continue;
		if (read_control(c, &s->controls[id], err) < 0)
			return err_wrap(err, "control '%.40s'", json_name(c));
	}
	return 0;
}

static int read_facts(const struct json *root, const char *name, struct state_facts *out,
		      struct err *err)
{
	const struct json *facts;

	if (json_get_object(root, name, &facts, err) < 0 ||
	    member_text(facts, "policy", out->policy, sizeof(out->policy), err) < 0 ||
	    member_text(facts, "inventory", out->inventory, sizeof(out->inventory), err) < 0 ||
	    member_text(facts, "boot", out->boot, sizeof(out->boot), err) < 0 ||
	    member_text(facts, "agent", out->agent, sizeof(out->agent), err) < 0 ||
	    json_get_int(facts, "exceptions", 0, MEMBER_INT_MAX, &out->exceptions, err) < 0)
		return -1;
	return 0;
}

static int read_signers(const struct json *root, struct state *s, struct err *err)
{
	const struct json *list;

	if (json_get_array(root, "policy_serials", STATE_SIGNERS_MAX, &list, err) < 0)
		return -1;
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		struct state_serial *to = &s->policy_serials[s->policy_serial_count];

		if (member_text(i, "kid", to->kid, sizeof(to->kid), err) < 0 ||
		    json_get_int(i, "serial", 0, MEMBER_INT_MAX, &to->serial, err) < 0)
			return err_wrap(err, "policy_serials");
		s->policy_serial_count++;
	}
	return 0;
}

static int read_rejected(const struct json *root, struct state *s, struct err *err)
{
	const struct json *list;

	if (json_get_array(root, "rejected", STATE_REJECTED_MAX, &list, err) < 0)
		return -1;
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		struct heartbeat_rejected *to = &s->rejected[s->rejected_count];

		if (member_text(i, "what", to->what, sizeof(to->what), err) < 0 ||
		    json_get_int(i, "serial", 0, MEMBER_INT_MAX, &to->serial, err) < 0 ||
		    member_text(i, "why", to->why, sizeof(to->why), err) < 0)
			return err_wrap(err, "rejected");
		s->rejected_count++;
	}
	return 0;
}

static int read_allowed(const struct json *root, struct state *s, struct err *err)
{
	const struct json *list;

	if (!json_get(root, "allowed"))
		return 0; /* an older agent wrote it */
	if (json_get_array(root, "allowed", STATE_ALLOWED_MAX, &list, err) < 0)
		return -1;
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		struct state_allowed *to = &s->allowed[s->allowed_count];

		if (member_text(i, "id", to->id, sizeof(to->id), err) < 0 ||
		    json_get_int(i, "at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &to->at, err) < 0)
			return err_wrap(err, "allowed");
		s->allowed_count++;
	}
	return 0;
}

static int read_marks(const struct json *root, struct state *s, struct err *err)
{
	const struct json *list;

	if (json_get_array(root, "marks", STATE_MARKS_MAX, &list, err) < 0)
		return -1;
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		struct state_mark *to = &s->marks[s->mark_count];

		if (json_get_int(i, "seq", 0, MEMBER_INT_MAX, &to->seq, err) < 0 ||
		    json_get_int(i, "at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &to->at, err) < 0)
			return err_wrap(err, "marks");
		s->mark_count++;
	}
	return 0;
}

static int read_numbers(const struct json *root, struct state *s, struct err *err)
{
	int64_t v, dicts, failures, refused_row;

	if (json_get_int(root, "v", 1, 1, &v, err) < 0 ||
	    json_get_int(root, "acked_seq", 0, MEMBER_INT_MAX, &s->acked_seq, err) < 0 ||
	    json_get_int(root, "seq_floor", 0, MEMBER_INT_MAX, &s->seq_floor, err) < 0 ||
	    json_get_int(root, "full_at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &s->full_at, err) < 0 ||
	    json_get_bool(root, "need_full", &s->need_full, err) < 0 ||
	    json_get_bool(root, "chain_begins", &s->chain_begins, err) < 0 ||
	    json_get_int(root, "flying_seq", 0, MEMBER_INT_MAX, &s->flying_seq, err) < 0 ||
	    json_get_int(root, "dicts", 0, UINT32_MAX, &dicts, err) < 0 ||
	    json_get_int(root, "resend_next", 0, MEMBER_INT_MAX, &s->resend_next, err) < 0 ||
	    json_get_int(root, "resend_to", 0, MEMBER_INT_MAX, &s->resend_to, err) < 0 ||
	    json_get_int(root, "exceptions_serial", 0, MEMBER_INT_MAX, &s->exceptions_serial, err) <
		    0 ||
	    json_opt_int(root, "rotated_seq", 0, MEMBER_INT_MAX, &s->rotated_seq, err) < 0 ||
	    json_get_int(root, "refused_row", 0, 1000000, &refused_row, err) < 0 ||
	    json_get_int(root, "failures", 0, 1000000, &failures, err) < 0 ||
	    json_get_int(root, "retry_uptime_ms", 0, MEMBER_INT_MAX, &s->retry_uptime_ms, err) <
		    0 ||
	    json_get_int(root, "contact_at", -MEMBER_INT_MAX, MEMBER_INT_MAX, &s->contact_at, err) <
		    0)
		return -1;
	s->dicts = (unsigned)dicts;
	s->failures = (unsigned)failures;
	s->refused_row = (unsigned)refused_row;
	return 0;
}

static int read_all(const struct json *root, struct state *s, struct err *err)
{
	if (!json_is_object(root))
		return err_set(err, ERR_INVALID, "expected an object");
	if (read_numbers(root, s, err) < 0 ||
	    member_text(root, "acked_hash", s->acked_hash, sizeof(s->acked_hash), err) < 0 ||
	    member_text(root, "epoch", s->epoch, sizeof(s->epoch), err) < 0 ||
	    member_text(root, "boot", s->boot, sizeof(s->boot), err) < 0 ||
	    member_text(root, "rotated_kid", s->rotated_kid, sizeof(s->rotated_kid), err) < 0 ||
	    member_text(root, "retry_boot", s->retry_boot, sizeof(s->retry_boot), err) < 0 ||
	    member_text(root, "trouble", s->trouble, sizeof(s->trouble), err) < 0 ||
	    member_text(root, "inventory", s->inventory, sizeof(s->inventory), err) < 0 ||
	    read_facts(root, "sent_facts", &s->sent_facts, err) < 0 ||
	    read_facts(root, "flying_facts", &s->flying_facts, err) < 0 ||
	    read_clock(root, &s->clock, err) < 0 || read_signers(root, s, err) < 0 ||
	    read_rejected(root, s, err) < 0 || read_marks(root, s, err) < 0 ||
	    read_allowed(root, s, err) < 0 || read_controls(root, s, err) < 0)
		return -1;
	return 0;
}

int state_parse(const char *text, size_t len, struct state *out, struct err *err)
{
	struct state state = {0};
	struct json *root;
	int ret;

	if (json_parse(text, len, &root, err) < 0)
		return -1;
	ret = read_all(root, &state, err);
	if (ret == 0)
		*out = state;
	else
		state_clear(&state);
	json_free(root);
	return ret;
}

int state_load(const struct places *places, struct state *out, struct err *err)
{
	struct buf text;
	int ret = -1;

	buf_init(&text, STATE_MAX + 1);
	if (places_read(places, STATE_FILE, STATE_MAX, &text, err) == 0) {
		ret = state_parse(buf_text(&text), text.len, out, err);
		if (ret < 0)
			err_wrap(err, STATE_FILE);
	}
	buf_clear(&text);
	return ret;
}

/* --- small things --- */

void state_tell(const struct state_control *c, struct state_told *out)
{
	const char *evidence = c->evidence ? c->evidence : "{}";
	char line[256];
	int len = snprintf(line, sizeof(line), "%s %s %s %lld %lld %lld", mode_name(c->mode),
			   verdict_name(c->verdict), c->why, (long long)c->since,
			   (long long)c->due_at, (long long)c->until);

	crypto_sha256_b64(line, (size_t)len, out->standing);
	crypto_sha256_b64(evidence, strlen(evidence), out->evidence);
	out->at = 0;
}

int64_t state_policy_serial(const struct state *s, const char *kid)
{
	for (unsigned i = 0; i < s->policy_serial_count; i++)
		if (strcmp(s->policy_serials[i].kid, kid) == 0)
			return s->policy_serials[i].serial;
	return 0;
}

void state_note_policy(struct state *s, const char *kid, int64_t serial)
{
	unsigned i = 0;

	while (i < s->policy_serial_count && strcmp(s->policy_serials[i].kid, kid) != 0)
		i++;
	if (i == STATE_SIGNERS_MAX) {
		/* Sixteen keys later the first has long left the key set and signs nothing. */
		memmove(&s->policy_serials[0], &s->policy_serials[1],
			(STATE_SIGNERS_MAX - 1) * sizeof(s->policy_serials[0]));
		i = --s->policy_serial_count;
	}
	if (i == s->policy_serial_count) {
		s->policy_serial_count++;
		s->policy_serials[i].serial = 0;
		(void)text_copy(s->policy_serials[i].kid, sizeof(s->policy_serials[i].kid), kid);
	}
	if (serial > s->policy_serials[i].serial)
		s->policy_serials[i].serial = serial;
}

int64_t state_first_allowed(struct state *s, const char *id, int64_t now)
{
	struct state_allowed *to;

	for (unsigned i = 0; i < s->allowed_count; i++) {
		struct state_allowed found = s->allowed[i];

		if (strcmp(found.id, id) != 0)
			continue;
		/* To the end: what is asked for no longer goes first. */
		memmove(&s->allowed[i], &s->allowed[i + 1],
			(s->allowed_count - i - 1) * sizeof(s->allowed[0]));
		s->allowed[s->allowed_count - 1] = found;
		return found.at;
	}
	if (s->allowed_count == STATE_ALLOWED_MAX) {
		memmove(&s->allowed[0], &s->allowed[1],
			(STATE_ALLOWED_MAX - 1) * sizeof(s->allowed[0]));
		s->allowed_count--;
	}
	to = &s->allowed[s->allowed_count++];
	(void)text_copy(to->id, sizeof(to->id), id);
	to->at = now;
	return now;
}

void state_accept(struct state *s, const char *what)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < s->rejected_count; i++)
		if (strcmp(s->rejected[i].what, what) != 0)
			s->rejected[kept++] = s->rejected[i];
	s->rejected_count = kept;
}

void state_reject(struct state *s, const char *what, int64_t serial, const char *why)
{
	struct heartbeat_rejected *to;

	state_accept(s, what); /* the newest of a kind says enough */
	to = &s->rejected[s->rejected_count < STATE_REJECTED_MAX ? s->rejected_count++ : 0];
	to->serial = serial;
	(void)text_copy(to->what, sizeof(to->what), what);
	text_clean(to->why, sizeof(to->why), why, strlen(why));
}
