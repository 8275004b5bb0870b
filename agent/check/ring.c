/* See ring.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/ring.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/check/agent.h"
#include "agent/check/keystore.h"
#include "agent/proto/documents.h"
#include "agent/proto/jws.h"

#include <stdbool.h>
#include <string.h>

#define MARK_SPACING_S (12 * 3600)

void ring_mark(struct agent *agent)
{
	struct state *s = &agent->state;
	struct state_mark *last = s->mark_count ? &s->marks[s->mark_count - 1] : NULL;

	if (last && agent->now >= last->at && agent->now - last->at < MARK_SPACING_S)
		return;
	if (s->mark_count == STATE_MARKS_MAX) {
		memmove(&s->marks[0], &s->marks[1], (STATE_MARKS_MAX - 1) * sizeof(s->marks[0]));
		s->mark_count--;
	}
	s->marks[s->mark_count++] = (struct state_mark){s->acked_seq, agent->now};
}

/* Everything up to 'seq' goes, but nothing in flight and nothing to be sent again. */
static int remove_up_to(struct agent *agent, int64_t seq, struct err *err)
{
	struct state *s = &agent->state;

	if (seq > s->acked_seq)
		seq = s->acked_seq;
	if (s->resend_next && seq >= s->resend_next)
		seq = s->resend_next - 1;
	for (int64_t at = spool_after(&agent->spool, 0); at && at <= seq;
	     at = spool_after(&agent->spool, at)) {
		/* Or a collector restored from an older backup would never know us again. */
		if (at == s->rotated_seq)
			continue;
		if (spool_remove(&agent->spool, &agent->places, at, err) < 0)
			return -1;
	}
	return 0;
}

int ring_prune(struct agent *agent, struct err *err)
{
	struct state *s = &agent->state;
	int64_t upto = 0;

	while (s->mark_count && agent->now - s->marks[0].at > RING_KEEP_S) {
		upto = s->marks[0].seq;
		memmove(&s->marks[0], &s->marks[1], (s->mark_count - 1) * sizeof(s->marks[0]));
		s->mark_count--;
	}
	if (agent->spool.count > SPOOL_RING_MAX) {
		int64_t over = agent->spool.seqs[agent->spool.count - SPOOL_RING_MAX - 1];

		upto = over > upto ? over : upto;
	}
	return upto ? remove_up_to(agent, upto, err) : 0;
}

int ring_make_room(struct agent *agent, struct err *err)
{
	agent->state.resend_next = agent->state.resend_to = 0;
	return remove_up_to(agent, agent->state.acked_seq, err);
}

bool ring_holds(const struct agent *agent, int64_t seq, const char *hash)
{
	char found[HASH_TEXT];
	struct buf jws;
	struct err err;
	bool same = false;

	buf_init(&jws, JWS_MAX + 1);
	if (seq > 0 && spool_read(&agent->places, seq, &jws, &err) == 0) {
		crypto_sha256_b64(buf_text(&jws), jws.len, found);
		same = strcmp(found, hash) == 0;
	}
	buf_clear(&jws);
	return same;
}

/* Does heartbeat 'seq' name 'kid' as the next key?  It lies in our own folder: what it says is
 * judged by whoever it is sent to. */
static bool introduces(const struct agent *agent, int64_t seq, const char *kid)
{
	struct heartbeat h;
	struct buf text, payload;
	struct jws jws;
	struct err err;
	bool found = false;

	buf_init(&text, JWS_MAX + 1);
	buf_init(&payload, JWS_MAX_PAYLOAD + 1);
	if (spool_read(&agent->places, seq, &text, &err) == 0 &&
	    jws_split(JWS_HEARTBEAT, buf_text(&text), text.len, &jws, &err) == 0 &&
	    strcmp(jws.kid, kid) != 0 && jws_payload(&jws, &payload, &err) == 0 &&
	    heartbeat_decode(buf_text(&payload), payload.len, &h, &err) == 0) {
		found = strcmp(h.next_kid, kid) == 0;
		heartbeat_clear(&h);
	}
	buf_clear(&text);
	buf_clear(&payload);
	return found;
}

bool ring_introduce(struct agent *agent)
{
	const char *kid = crypto_key_kid(crypto_signer_key(keystore_current(agent->keys)));
	struct state *s = &agent->state;
	size_t i = agent->spool.count;

	while (i > 0 && !introduces(agent, agent->spool.seqs[i - 1], kid))
		i--;
	if (i == 0)
		return false;
	s->resend_next = agent->spool.seqs[0];
	s->resend_to = s->acked_seq;
	log_info("the collector does not know this machine's key: sending heartbeats %lld to %lld "
		 "again, in which the key before it named it",
		 (long long)s->resend_next, (long long)s->resend_to);
	return true;
}

void ring_resend(struct agent *agent, const struct ack *ack)
{
	struct state *s = &agent->state;
	int64_t from = 0, first;

	/* One that took the heartbeat in flight may still lack those before it: all go again.  The
	 * same one twice is one. */
	if (ack->acked <= s->acked_seq && ring_holds(agent, ack->acked, ack->head))
		from = ack->acked;
	first = spool_after(&agent->spool, from);
	s->need_full = true;
	if (!first || first > s->acked_seq) {
		s->resend_next = s->resend_to = 0;
		return;
	}
	s->resend_next = first;
	s->resend_to = s->acked_seq;
	log_info("the collector was restored from a backup: sending heartbeats %lld to %lld again",
		 (long long)first, (long long)s->acked_seq);
}
