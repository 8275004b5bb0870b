/* See ship.h.
 *
 * Order of work on an acknowledgement: documents first (each file by itself, safe to receive
 * twice), then pending.json (events about what happened), then state.json with the new 'acked': the
 * moment that counts.  Killed before it, the batch is sent again and acknowledged again, with the
 * same result.  Only after it the key's successor takes over and old files go.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/ship.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/check/beat.h"
#include "agent/check/gate_rules.h"
#include "agent/check/keystore.h"
#include "agent/check/ring.h"
#include "agent/check/uplink_call.h"
#include "agent/proto/jws.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define EXCHANGES_MAX 40 /* a run ends, also with a collector that is never content */
#define SIGNED_MAX 3
#define DAY_S 86400

/* What goes in one POST. */
struct batch {
	struct buf body;
	int64_t seqs[HEARTBEAT_MAX_BATCH];
	size_t count;
	bool resend;
	bool fresh; /* its last was signed a moment ago: no answer to it can be older */
};

/* --- when to try again --- */

int64_t ship_retry_s(unsigned failures, uint32_t retry_after_s, uint8_t spread)
{
	int64_t s = SHIP_RETRY_FIRST_S;

	for (unsigned i = 1; i < failures && s < SHIP_RETRY_MAX_S; i++)
		s *= 2;
	if (retry_after_s)
		s = retry_after_s;
	s += s * spread / 1024; /* up to a quarter more */
	return s < SHIP_RETRY_MAX_S ? s : SHIP_RETRY_MAX_S;
}

void ship_failed(struct agent *agent, const char *why, uint32_t retry_after_s)
{
	struct state *s = &agent->state;
	uint8_t spread = 0;
	struct err err;

	(void)plat_random(&spread, 1, &err); /* without it all are a little less apart */
	if (s->failures < 1000)
		s->failures++;
	agent_tick(agent);
	s->retry_uptime_ms =
		agent->clock.uptime_ms + 1000 * ship_retry_s(s->failures, retry_after_s, spread);
	memcpy(s->retry_boot, agent->clock.boot, sizeof(s->retry_boot));
	(void)text_copy(s->trouble, sizeof(s->trouble), why);
}

bool ship_must_wait(const struct agent *agent)
{
	const struct state *s = &agent->state;

	return s->failures && s->retry_boot[0] && strcmp(s->retry_boot, agent->clock.boot) == 0 &&
	       agent->clock.uptime_ms < s->retry_uptime_ms;
}

/* --- acknowledgement --- */

static int open_own(const struct agent *agent, int64_t seq, char hash[HASH_TEXT],
		    struct heartbeat *out, struct err *err)
{
	const struct crypto_key *key = crypto_signer_key(keystore_current(agent->keys));
	struct buf jws;
	int ret = -1;

	buf_init(&jws, JWS_MAX + 1);
	if (spool_read(&agent->places, seq, &jws, err) == 0) {
		crypto_sha256_b64(buf_text(&jws), jws.len, hash);
		ret = spool_check(buf_text(&jws), jws.len, seq, key, out, err);
	}
	buf_clear(&jws);
	return ret;
}

/* What this heartbeat told is known to the collector now. */
static void confirm(struct agent *agent, const struct heartbeat *h)
{
	struct state *s = &agent->state;

	for (int i = 0; h->seq == s->flying_seq && i < CONTROL_COUNT; i++)
		s->controls[i].sent = s->controls[i].flying;
	if (h->seq == s->flying_seq)
		s->sent_facts = s->flying_facts;
	if (h->full) {
		s->full_at = agent->now;
		s->need_full = false;
	}
	if (h->volatile_chain)
		s->chain_begins = false;
	if (h->next_kid[0]) {
		memcpy(s->rotated_kid, h->next_kid, sizeof(s->rotated_kid));
		s->rotated_seq = h->seq;
	}
	s->refused_row = 0;
}

/* Moves 'acked' up to what the acknowledgement names, when that is ours. */
static int advance(struct agent *agent, const struct ack *ack, struct err *err)
{
	struct state *s = &agent->state;
	struct heartbeat h;
	char hash[HASH_TEXT];
	int64_t seq;

	if (ack->acked <= s->acked_seq)
		return 0;
	if (open_own(agent, ack->acked, hash, &h, err) < 0)
		return err->code == ERR_NOTFOUND ? 0 : -1; /* not a heartbeat of ours */
	heartbeat_clear(&h);
	if (strcmp(hash, ack->head) != 0) {
		log_warn("the collector acknowledges another heartbeat %lld than ours: this key is "
			 "used by two machines, or this one was set back",
			 (long long)ack->acked);
		return 0;
	}
	for (seq = spool_after(&agent->spool, s->acked_seq); seq && seq <= ack->acked;
	     seq = spool_after(&agent->spool, seq)) {
		if (open_own(agent, seq, hash, &h, err) < 0)
			return -1;
		confirm(agent, &h);
		heartbeat_clear(&h);
	}
	s->acked_seq = ack->acked;
	memcpy(s->acked_hash, ack->head, sizeof(s->acked_hash));
	return 0;
}

/* A refused heartbeat's events are said once more; refused again, they are counted as lost. */
static void rescue_events(struct agent *agent, const struct heartbeat *h)
{
	if (agent->state.refused_row == 0 || agent->pending.rescued_seq == h->seq) {
		pending_rescue(&agent->pending, h);
		return;
	}
	for (unsigned i = 0; i < h->event_count; i++)
		agent->pending.lost += h->events[i].count;
	agent->pending.lost += h->events_lost;
	agent->pending.rescued_seq = h->seq;
	agent->pending.changed = true;
}

static int drop_refused(struct agent *agent, int64_t seq, const char *why, struct err *err)
{
	struct heartbeat h;
	char hash[HASH_TEXT], text[200];

	log_error(
		"the collector refused heartbeat %lld (kept as spool/refused), a full one follows: "
		"%s",
		(long long)seq, why);
	if (open_own(agent, seq, hash, &h, err) < 0)
		return -1;
	rescue_events(agent, &h);
	heartbeat_clear(&h);
	snprintf(text, sizeof(text), "%lld: %s", (long long)seq, why);
	agent_event(agent, "heartbeat-refused", "why", text);
	if (seq > agent->state.seq_floor)
		agent->state.seq_floor = seq; /* its number is not used again: a gap that shows */
	agent->state.need_full = true;
	/* Before the file goes; killed between, it is sent and refused once more. */
	if (agent_save(agent, err) < 0)
		return -1;
	return spool_set_aside(&agent->spool, &agent->places, seq, "spool/refused", err);
}

static int take_refused(struct agent *agent, const struct ack *ack, const int64_t *seqs,
			size_t count, struct err *err)
{
	bool any = false;

	for (unsigned i = 0; i < ack->refused_count; i++) {
		const struct ack_refused *r = &ack->refused[i];

		if (r->index >= count || seqs[r->index] <= agent->state.acked_seq)
			continue;
		/* Or whoever carries it could have it thrown away by changing one byte. */
		if (!ring_holds(agent, seqs[r->index], r->hash)) {
			log_warn("heartbeat %lld was changed on its way and refused, it is sent "
				 "again: %s",
				 (long long)seqs[r->index], r->why);
			continue;
		}
		if (drop_refused(agent, seqs[r->index], r->why, err) < 0)
			return -1;
		any = true;
	}
	if (any)
		agent->state.refused_row++;
	return 0;
}

/* This machine was set back to an earlier day (a snapshot, an image): the collector says where its
 * chain really ends, and it goes on from there, saying so. */
static void take_trunk(struct agent *agent, const struct ack *ack)
{
	struct state *s = &agent->state;
	char text[80];

	if (!ack->trunk_seq || ack->trunk_seq < s->acked_seq || agent->config.is_volatile ||
	    spool_after(&agent->spool, s->acked_seq) || strcmp(ack->trunk_head, s->acked_hash) == 0)
		return;
	/* Another machine with this key may be just as far. */
	log_warn("this machine was set back or copied: its chain goes on from heartbeat %lld "
		 "(%.12s...) that the collector names, not from its own %lld (%.12s...)",
		 (long long)ack->trunk_seq, ack->trunk_head, (long long)s->acked_seq,
		 s->acked_hash);
	/* Ids used on the branch that is ahead must not come again with other events. */
	pending_renumber(&agent->pending, agent_unused_id(agent));
	snprintf(text, sizeof(text), "%lld to %lld", (long long)s->acked_seq,
		 (long long)ack->trunk_seq);
	agent_event(agent, "rewound", "seq", text);
	s->acked_seq = ack->trunk_seq;
	memcpy(s->acked_hash, ack->trunk_head, sizeof(s->acked_hash));
	s->need_full = true;
}

static void heard(struct agent *agent, const struct ack *ack, bool fresh)
{
	struct state *s = &agent->state;

	agent_tick(agent);
	/* The answer to what was sent before may have been held back since.  Its time must not undo
	 * a later one: exceptions that ended would live again.  A collector that was wrong itself
	 * is followed with the next heartbeat. */
	if (fresh || ack->time >= agent->now)
		clock_acked(&s->clock, &agent->clock, ack->time);
	else
		log_info("the acknowledgement of what was sent before names an earlier time: the "
			 "clock stays");
	agent_tick(agent);
	s->dicts = ack->dicts;
	s->contact_at = agent->now;
	s->failures = 0;
	s->trouble[0] = '\0';
}

static int acknowledged(struct agent *agent, const struct ack *ack, const struct batch *batch,
			struct ship_outcome *out, struct err *err)
{
	struct state *s = &agent->state;
	const struct trust_news news = {
		.keys = ack->keys,
		.policy = ack->policy,
		.exceptions = ack->exceptions,
		.keys_serial = ack->keys_serial,
		.policy_serial = ack->policy_serial,
		.exceptions_serial = ack->exceptions_serial,
		.judge = gate_rules_judge,
		.judge_ctx = agent,
	};
	bool changed = false, restored;

	if (trust_apply(&agent->trust, &agent->places, s, agent->identity.device, &news, &changed,
			err) < 0)
		return -1;
	heard(agent, ack, batch->fresh);
	restored = s->epoch[0] && strcmp(s->epoch, ack->epoch) != 0;
	if (restored)
		ring_resend(agent, ack);
	(void)text_copy(s->epoch, sizeof(s->epoch), ack->epoch);
	if (advance(agent, ack, err) < 0)
		return -1;
	/* A restored collector may refuse what continues a chain it does not know yet. */
	if (!restored && take_refused(agent, ack, batch->seqs, batch->count, err) < 0)
		return -1;
	if (!restored)
		take_trunk(agent, ack);
	if (ack->need_full)
		s->need_full = true;
	ring_mark(agent);
	if (agent_save(agent, err) < 0)
		return -1;
	out->policy_changed |= changed;
	out->need_inventory |= ack->need_inventory;
	out->poll_s = ack->poll_s;
	if (s->rotated_kid[0] && keystore_next(agent->keys) &&
	    strcmp(crypto_key_kid(crypto_signer_key(keystore_next(agent->keys))), s->rotated_kid) ==
		    0 &&
	    keystore_promote(agent->keys, err) < 0)
		return -1;
	return ring_prune(agent, err);
}

/* --- exchange --- */

/* Nobody signed that our key is unknown, so nothing is given up for it: what was sent once is only
 * sent once more.  Refused again, it is no restored collector. */
static bool introduce(struct agent *agent, const struct batch *batch)
{
	if (!batch->resend)
		return ring_introduce(agent);
	agent->state.resend_next = agent->state.resend_to = 0;
	return false;
}

/* 2: not acknowledged, but there is something to send first.  1: acknowledged.  0: no signed
 * answer, noted in the state.  -1: our own trouble. */
static int exchange(struct agent *agent, const struct batch *batch, struct ship_outcome *out,
		    struct err *err)
{
	const struct uplink_call call = {
		/* A key set may name another: the school moved. */
		.host = agent->trust.keys->host[0] ? agent->trust.keys->host : agent->identity.host,
		.path = "/v1/heartbeats",
		.trust_system = agent->identity.trust_system,
		.pins = agent->trust.keys->cas,
		.pin_count = agent->trust.keys->ca_count,
		.body = batch->body.data,
		.body_len = batch->body.len,
	};
	struct uplink_answer answer = {0};
	struct ack *ack = NULL;
	char why[256];
	struct buf frame;
	struct err bad;
	int ret = 0;

	buf_init(&frame, UPLINK_MAX_FRAME);
	if (uplink_call(&agent->places, &agent->config, &call, &frame, &answer, &bad) < 0) {
		(void)text_copy(why, sizeof(why), bad.msg);
	} else if (uplink_problem(&answer, "unknown-device") && introduce(agent, batch)) {
		ret = 2;
	} else if (answer.result != UPLINK_ANSWERED || answer.status != 200) {
		uplink_explain(&answer, why, sizeof(why));
	} else if (ack_open(answer.body, answer.body_len, agent->trust.keys, agent->identity.device,
			    &ack, &bad) < 0) {
		snprintf(why, sizeof(why), "the answer is not the collector's: %.200s", bad.msg);
	} else if (!ack_answers(ack, batch->body.data, batch->body.len)) {
		(void)text_copy(why, sizeof(why),
				"the answer is the collector's, but to another request: somebody "
				"on the way holds answers back");
	} else {
		ret = 1;
	}
	if (ret == 0) {
		ship_failed(agent, why, answer.retry_after_s);
		log_warn("no heartbeat was delivered, next try in %lld s: %s",
			 (long long)(agent->state.retry_uptime_ms - agent->clock.uptime_ms) / 1000,
			 why);
		if (state_save(&agent->state, &agent->places, err) < 0)
			ret = -1;
	} else if (ret == 1 && acknowledged(agent, ack, batch, out, err) < 0) {
		ret = -1;
	}
	ack_free(ack);
	buf_clear(&frame);
	return ret;
}

/* --- batches --- */

static int add_file(struct agent *agent, struct batch *batch, int64_t seq, struct err *err)
{
	size_t before = batch->body.len;

	if (batch->count)
		buf_addc(&batch->body, '\n');
	if (spool_read(&agent->places, seq, &batch->body, err) < 0)
		return -1;
	if (batch->body.len > HEARTBEAT_MAX_BODY) {
		batch->body.len = before; /* the next batch begins with it */
		return 0;
	}
	batch->seqs[batch->count++] = seq;
	return 1;
}

static int fill(struct agent *agent, struct batch *batch, int64_t first, int64_t last,
		struct err *err)
{
	int64_t seq = first;
	int added = 1;

	while (seq && seq <= last && batch->count < HEARTBEAT_MAX_BATCH && added > 0) {
		added = add_file(agent, batch, seq, err);
		if (added < 0)
			return -1;
		seq = spool_after(&agent->spool, seq);
	}
	return 0;
}

static int gather(struct agent *agent, struct batch *batch, struct err *err)
{
	const struct state *s = &agent->state;

	buf_reset(&batch->body);
	batch->count = 0;
	batch->resend = s->resend_next != 0;
	batch->fresh = false;
	if (batch->resend)
		return fill(agent, batch, spool_after(&agent->spool, s->resend_next - 1),
			    s->resend_to, err);
	return fill(agent, batch, spool_after(&agent->spool, s->acked_seq),
		    spool_last(&agent->spool), err);
}

/* The ring stays as it is; only how far it was sent again moves. */
static int resent(struct agent *agent, const struct batch *batch, struct err *err)
{
	struct state *s = &agent->state;
	int64_t next = 0;

	if (batch->count)
		next = spool_after(&agent->spool, batch->seqs[batch->count - 1]);
	if (!next || next > s->resend_to)
		s->resend_next = s->resend_to = 0;
	else
		s->resend_next = next;
	return state_save(s, &agent->places, err);
}

static int sign_next(struct agent *agent, const struct ship_request *request, struct err *err)
{
	struct state *s = &agent->state;
	bool full = request->full || s->need_full || !s->full_at || agent->now < s->full_at ||
		    agent->now - s->full_at >= DAY_S;

	if (agent->places.disk_was_full)
		agent_event(agent, "disk-full", NULL, NULL);
	if (beat_sign(agent, full, err) == 0)
		return 0;
	if (err->code != ERR_FULL || ring_make_room(agent, err) < 0)
		return -1;
	log_warn(
		"the disk is full: acknowledged heartbeats kept for the collector's sake are gone");
	/* When only pending.json found no room, the heartbeat exists: a second one that continues
	 * the same head would fork the chain. */
	if (spool_after(&agent->spool, agent->state.acked_seq))
		return pending_save(&agent->pending, &agent->places, err);
	return beat_sign(agent, full, err);
}

int ship(struct agent *agent, const struct ship_request *request, struct ship_outcome *out,
	 struct err *err)
{
	struct batch batch = {0};
	struct ship_request wish = *request;
	bool want = true;
	unsigned made = 0;
	int ret = 0;

	memset(out, 0, sizeof(*out));
	out->skipped = !request->now && ship_must_wait(agent);
	if (out->skipped)
		return 0;
	buf_init(&batch.body, HEARTBEAT_MAX_BODY + JWS_MAX + 2);
	for (unsigned i = 0; i < EXCHANGES_MAX; i++) {
		int64_t before = agent->state.acked_seq;

		ret = gather(agent, &batch, err);
		if (ret == 0 && !batch.count && batch.resend) {
			ret = resent(agent, &batch, err); /* what was to be sent again is gone */
			if (ret == 0)
				continue;
		}
		if (ret == 0 && !batch.count) {
			out->delivered = i > 0;
			if (!want || made == SIGNED_MAX)
				break;
			ret = sign_next(agent, &wish, err);
			made++;
			want = wish.full = false;
			if (ret == 0)
				ret = gather(agent, &batch, err);
			batch.fresh = true;
		}
		if (ret < 0)
			break;
		out->delivered = false;
		ret = exchange(agent, &batch, out, err);
		if (ret <= 0)
			break;
		if (ret == 2)
			continue;
		if (batch.resend) {
			ret = resent(agent, &batch, err);
			if (ret < 0)
				break;
			continue;
		}
		if (agent->state.need_full)
			want = true;
		if (agent->state.acked_seq == before && !agent->state.resend_next &&
		    spool_after(&agent->spool, before)) {
			ship_failed(agent, "the collector answered, but did not take the heartbeat",
				    0);
			ret = state_save(&agent->state, &agent->places, err);
			break;
		}
	}
	buf_clear(&batch.body);
	return ret < 0 ? -1 : 0;
}
