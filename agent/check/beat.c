/* See beat.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/beat.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/base/version.h"
#include "agent/check/agent.h"
#include "agent/check/keystore.h"
#include "agent/policy/policy.h"
#include "agent/proto/deflate.h"
#include "agent/proto/jws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Evidence alone that changed (a count, an age) waits that long: verdicts do not. */
#define EVIDENCE_PACE_S 3600
#define NO_BOOT "00000000-0000-0000-0000-000000000000"

/* One heartbeat being made. */
struct beat {
	struct heartbeat heartbeat;
	struct heartbeat_control controls[CONTROL_COUNT];
	struct heartbeat_event events[PENDING_EVENTS_MAX];
};

static bool differs(const struct state_control *c, int64_t now)
{
	struct state_told told;

	state_tell(c, &told);
	if (strcmp(told.standing, c->sent.standing) != 0)
		return true;
	return strcmp(told.evidence, c->sent.evidence) != 0 &&
	       (now < c->sent.at || now - c->sent.at >= EVIDENCE_PACE_S);
}

static bool stands_as_told(const struct state_control *c)
{
	struct state_told told;

	state_tell(c, &told);
	return strcmp(told.standing, c->sent.standing) == 0;
}

static void add_controls(struct agent *agent, struct beat *beat)
{
	struct heartbeat *h = &beat->heartbeat;

	for (int i = 0; i < CONTROL_COUNT; i++) {
		struct state_control *c = &agent->state.controls[i];
		struct heartbeat_control *to = &beat->controls[h->control_count];

		if (!c->known || (!h->full && !differs(c, agent->now)))
			continue;
		(void)text_copy(to->id, sizeof(to->id), control_name((enum control_id)i));
		to->as_base = !h->full && stands_as_told(c);
		to->mode = c->mode;
		to->verdict = c->verdict;
		memcpy(to->why, c->why, sizeof(to->why));
		to->since = c->since;
		to->due_at = c->due_at;
		to->until = c->until;
		to->evidence = c->evidence ? c->evidence : "{}";
		to->evidence_len = strlen(to->evidence);
		state_tell(c, &c->flying);
		c->flying.at = agent->now;
		h->control_count++;
	}
	h->controls = beat->controls;
}

static void add_events(const struct pending *pending, unsigned count, struct beat *beat)
{
	struct heartbeat *h = &beat->heartbeat;

	for (unsigned i = 0; i < count; i++) {
		const struct pending_event *from = &pending->events[i];
		struct heartbeat_event *to = &beat->events[i];

		to->id = from->id;
		to->at = from->at;
		memcpy(to->type, from->type, sizeof(to->type));
		to->count = from->count;
		to->data = from->data;
		to->data_len = from->data_len;
	}
	h->events = beat->events;
	h->event_count = count;
}

static void add_policy(const struct agent *agent, struct heartbeat *h)
{
	const struct policy_document *document = agent->trust.document;

	(void)text_copy(h->policy_name, sizeof(h->policy_name),
			document ? document->name : policy_name(agent->trust.policy));
	h->policy_serial = document ? document->serial : 0;
	h->exceptions_serial = agent->trust.exceptions ? agent->trust.exceptions->serial : 0;
	h->keys_serial = agent->trust.keys->serial;
	h->rejected_count = agent->state.rejected_count;
	memcpy(h->rejected, agent->state.rejected,
	       h->rejected_count * sizeof(agent->state.rejected[0]));
}

static void hash_policy(const struct agent *agent, const struct heartbeat *h, char out[HASH_TEXT])
{
	char line[256];
	int len = snprintf(line, sizeof(line), "%s %lld %s", h->policy_name,
			   (long long)h->policy_serial, agent->trust.policy_sha256);

	crypto_sha256_b64(line, (size_t)len, out);
}

/* Who it is and what is in force: hashes and ids do not deflate, so a delta names only what is
 * another than its base told. */
static void add_facts(struct agent *agent, struct heartbeat *h)
{
	struct state_facts *now = &agent->state.flying_facts;
	const struct state_facts *told = &agent->state.sent_facts;

	hash_policy(agent, h, now->policy);
	memcpy(now->inventory, agent->state.inventory, HASH_TEXT);
	memcpy(now->boot, h->boot, sizeof(now->boot));
	memcpy(now->agent, h->agent, sizeof(now->agent));
	now->exceptions = h->exceptions_serial;
	memcpy(h->policy_sha256, agent->trust.policy_sha256, HASH_TEXT);
	memcpy(h->inventory, now->inventory, HASH_TEXT);
	if (h->full)
		return;
	h->device[0] = '\0';
	if (strcmp(now->policy, told->policy) == 0) {
		h->policy_serial = HEARTBEAT_AS_BASE;
		h->policy_name[0] = h->policy_sha256[0] = '\0';
	}
	if (strcmp(now->inventory, told->inventory) == 0)
		h->inventory[0] = '\0';
	if (now->exceptions == told->exceptions)
		h->exceptions_serial = HEARTBEAT_AS_BASE;
	if (strcmp(now->agent, told->agent) == 0)
		h->agent[0] = '\0';
	if (strcmp(now->boot, told->boot) == 0) {
		h->boot[0] = '\0';
		/* Both follow from the base's uptime and its acknowledgement. */
		h->acked_time = 0;
		h->since_acked_s = -1;
	}
}

static void add_chain(const struct agent *agent, struct heartbeat *h)
{
	const struct state *state = &agent->state;
	int64_t last = state->acked_seq;

	if (state->seq_floor > last)
		last = state->seq_floor;
	if (spool_last(&agent->spool) > last)
		last = spool_last(&agent->spool);
	h->seq = last + 1;
	memcpy(h->prev, state->acked_hash, sizeof(h->prev));
	h->base_seq = state->acked_seq;
	if (h->base_seq)
		memcpy(h->base_hash, state->acked_hash, sizeof(h->base_hash));
	h->volatile_chain = state->chain_begins;
}

static void add_clock(struct agent *agent, struct heartbeat *h)
{
	agent_tick(agent);
	h->at = agent->clock.wall; /* as it is, so that the collector sees how wrong */
	(void)text_copy(h->boot, sizeof(h->boot),
			agent->clock.boot[0] ? agent->clock.boot : NO_BOOT);
	h->uptime_s = agent->clock.uptime_ms / 1000;
	h->acked_time = agent->state.clock.acked_time;
	h->since_acked_s = clock_since_acked(&agent->state.clock, &agent->clock);
}

static void add_next_key(const struct agent *agent, struct heartbeat *h)
{
	const struct crypto_signer *next = keystore_next(agent->keys);
	const struct crypto_key *key;

	if (!next)
		return;
	key = crypto_signer_key(next);
	(void)text_copy(h->next_kid, sizeof(h->next_kid), crypto_key_kid(key));
	memcpy(h->next_key, crypto_key_point(key), sizeof(h->next_key));
}

static int sign(const struct agent *agent, const struct heartbeat *h, struct buf *out,
		struct err *err)
{
	bool dict = agent->state.dicts >> DEFLATE_DICT_NEWEST & 1;
	struct buf payload;
	int ret = -1;

	buf_init(&payload, JWS_MAX_PAYLOAD);
	heartbeat_encode(h, &payload);
	if (buf_check(&payload, err) == 0)
		ret = jws_sign(JWS_HEARTBEAT, buf_text(&payload), payload.len, true,
			       dict ? DEFLATE_DICT_NEWEST : DEFLATE_DICT_NONE,
			       keystore_current(agent->keys), out, err);
	if (ret == 0 && out->len > JWS_MAX)
		ret = err_set(err, ERR_INVALID, "the heartbeat is %zu bytes, at most %d may go",
			      out->len, JWS_MAX);
	buf_clear(&payload);
	return ret;
}

/* What does not fit waits: half the events, then again; with none left, the largest evidence goes
 * for a word that it was too long. */
static int sign_what_fits(const struct agent *agent, struct beat *beat, struct buf *out,
			  struct err *err)
{
	static const char cut[] = "{\"cut\":true}";
	struct heartbeat *h = &beat->heartbeat;
	unsigned events = agent->pending.count;

	for (;;) {
		struct heartbeat_control *largest = NULL;

		buf_reset(out);
		add_events(&agent->pending, events, beat);
		if (sign(agent, h, out, err) == 0)
			return 0;
		if (err->code != ERR_INVALID)
			return -1;
		if (events) {
			events /= 2;
			continue;
		}
		for (unsigned i = 0; i < h->control_count; i++)
			if (!largest || beat->controls[i].evidence_len > largest->evidence_len)
				largest = &beat->controls[i];
		if (!largest || largest->evidence_len < sizeof(cut))
			return -1;
		largest->evidence = cut;
		largest->evidence_len = sizeof(cut) - 1;
	}
}

static int keep(struct agent *agent, const struct heartbeat *h, const struct buf *jws,
		struct err *err)
{
	agent->state.flying_seq = h->seq;
	if (state_save(&agent->state, &agent->places, err) < 0 ||
	    spool_write(&agent->spool, &agent->places, h->seq, buf_text(jws), jws->len, err) < 0)
		return -1;
	pending_signed(&agent->pending, h);
	return pending_save(&agent->pending, &agent->places, err);
}

int beat_sign(struct agent *agent, bool full, struct err *err)
{
	struct beat *beat = calloc(1, sizeof(*beat));
	struct heartbeat *h;
	struct buf jws;
	int ret = -1;

	if (!beat)
		return err_set(err, ERR_NOMEM, "out of memory for a heartbeat");
	h = &beat->heartbeat;
	buf_init(&jws, JWS_MAX * 4);
	h->full = full;
	(void)text_copy(h->device, sizeof(h->device), agent->identity.device);
	(void)text_copy(h->agent, sizeof(h->agent), CARETAKER_VERSION);
	h->events_lost = agent->pending.lost;
	add_clock(agent, h);
	add_chain(agent, h);
	add_policy(agent, h);
	add_next_key(agent, h);
	for (int i = 0; i < CONTROL_COUNT; i++)
		agent->state.controls[i].flying = agent->state.controls[i].sent;
	add_controls(agent, beat);
	add_facts(agent, h);
	if (sign_what_fits(agent, beat, &jws, err) == 0)
		ret = keep(agent, h, &jws, err);
	if (ret < 0)
		err_wrap(err, "heartbeat %lld", (long long)h->seq);
	buf_clear(&jws);
	free(beat);
	return ret;
}
