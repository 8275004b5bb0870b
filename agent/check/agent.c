/* See agent.h.
 *
 * Recovery, step by step, each safe to be killed in and begun again:
 *   1. "forgetting" left behind: go on forgetting (generalise, other hardware).
 *   2. state.rotated_kid is the successor's: the successor takes over.
 *   3. a spool file in flight that does not verify: aside, its number is not used again.
 *   4. spool/pending.for_seq.jws exists: its events leave pending.json.
 *   5. a volatile machine that was started again: a new, announced chain.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/agent.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/keystore.h"
#include "agent/gate/rules.h"
#include "agent/proto/jws.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define LOCK_WAIT_MS 120000 /* a run takes seconds, a vendor's tool may hang for a minute */
#define FORGETTING "forgetting"

bool agent_enrolled(const struct agent *agent)
{
	return agent->identity.device[0] && !agent->identity.waiting;
}

void agent_tick(struct agent *agent)
{
	clock_read(&agent->clock);
	agent->now = clock_best(&agent->state.clock, &agent->clock);
}

void agent_event(struct agent *agent, const char *type, const char *name, const char *value)
{
	struct jsonw w;
	struct buf data;
	struct err err;

	buf_init(&data, HEARTBEAT_MAX_EVENT);
	jsonw_init(&w, &data);
	jsonw_object(&w, NULL);
	if (name)
		jsonw_string(&w, name, value);
	jsonw_object_end(&w);
	if (buf_check(&data, &err) == 0)
		pending_add_once(&agent->pending, type, agent->now, data.data, data.len);
	buf_clear(&data);
}

/* The clock may say 1970 when the state is gone as well: a key set was made not before it says. */
uint64_t agent_unused_id(const struct agent *agent)
{
	int64_t at = agent->now;

	if (agent->trust.keys && agent->trust.keys->at > at)
		at = agent->trust.keys->at;
	if (agent->state.contact_at > at)
		at = agent->state.contact_at;
	return at > 0 ? (uint64_t)at * 1000 : 1;
}

int agent_save(struct agent *agent, struct err *err)
{
	if (agent->pending.changed && pending_save(&agent->pending, &agent->places, err) < 0)
		return -1;
	return state_save(&agent->state, &agent->places, err);
}

/* --- forgetting --- */

struct removal {
	struct places *places;
	const char *folder;
};

static int remove_one(void *ctx, const char *name, struct err *err)
{
	const struct removal *removal = ctx;
	char path[PLACES_PATH];

	snprintf(path, sizeof(path), "%s/%.200s", removal->folder, name);
	return places_remove(removal->places, path, err);
}

static int remove_folder_files(struct places *places, const char *folder, struct err *err)
{
	struct removal removal = {places, folder};
	char path[PLACES_PATH];

	places_path(places->state, folder, path);
	return plat_dir_list(path, remove_one, &removal, err);
}

/* The key goes first, so that no clone ever holds it; the marker goes last. */
static int forget_files(struct places *places, struct err *err)
{
	static const char *const files[] = {
		"device.key",
		"device.key.next",
		IDENTITY_FILE,
		"enrol.json",
		STATE_FILE,
		PENDING_FILE,
		TRUST_EXCEPTIONS,
		TRUST_POLICY,
		TRUST_KEYS,
		GATE_RULES_FILE,
		"hardware/events.jsonl",
		"hardware/seen",
		PHONE_CODES_FILE,
		"device.key.damaged",
		"device.key.next.damaged",
		IDENTITY_FILE ".damaged",
		"keys.jws.damaged",
		"state.json.damaged",
		"pending.json.damaged",
		PHONE_CODES_FILE ".damaged",
		"policy.jws.damaged",
		"exceptions.jws.damaged",
		NULL,
	};

	if (places_write(places, FORGETTING, "", 0, err) < 0)
		return -1;
	for (int i = 0; files[i]; i++)
		if (places_remove(places, files[i], err) < 0)
			return -1;
	if (remove_folder_files(places, "spool", err) < 0 ||
	    remove_folder_files(places, "cache", err) < 0)
		return -1;
	if (places_write(places, GATE_REQUEST_FILE, "", 0, err) < 0)
		return -1;
	return places_remove(places, FORGETTING, err);
}

int agent_forget(struct agent *agent, struct err *err)
{
	if (forget_files(&agent->places, err) < 0 || keystore_forget(agent->keys, err) < 0)
		return -1;
	memset(&agent->identity, 0, sizeof(agent->identity));
	memset(&agent->codes, 0, sizeof(agent->codes));
	state_clear(&agent->state);
	state_init(&agent->state, "");
	pending_clear(&agent->pending);
	pending_init(&agent->pending);
	spool_clear(&agent->spool);
	trust_clear(&agent->trust);
	agent_tick(agent);
	return trust_load(&agent->places, "", &agent->state, &agent->trust, err);
}

/* --- putting in order --- */

static int load_state(struct agent *agent, struct err *err)
{
	if (state_load(&agent->places, &agent->state, err) == 0)
		return 0;
	if (err->code == ERR_NOTFOUND) {
		state_init(&agent->state, agent->identity.root);
		return 0;
	}
	if (err->code != ERR_INVALID)
		return -1;
	log_error("'%s' is damaged and set aside; everything is sent again: %s", STATE_FILE,
		  err->msg);
	state_init(&agent->state, agent->identity.root);
	agent_tick(agent);
	agent_event(agent, "state-damaged", "why", err->msg);
	return places_set_aside(&agent->places, STATE_FILE, STATE_FILE ".damaged", err);
}

static int load_pending(struct agent *agent, bool *out_damaged, struct err *err)
{
	char why[sizeof(err->msg)];

	if (pending_load(&agent->places, &agent->pending, err) == 0)
		return 0;
	pending_init(&agent->pending);
	if (err->code == ERR_NOTFOUND)
		return 0;
	if (err->code != ERR_INVALID)
		return -1;
	memcpy(why, err->msg, sizeof(why));
	log_error("'%s' is damaged and set aside; its events are lost: %s", PENDING_FILE, why);
	if (places_set_aside(&agent->places, PENDING_FILE, PENDING_FILE ".damaged", err) < 0)
		return -1;
	agent->pending.lost = 1; /* at least */
	*out_damaged = true;
	agent_event(agent, "pending-damaged", "why", why);
	return 0;
}

/* In flight and not to be read: it never leaves again, and its number is not given twice. */
static int drop_damaged(struct agent *agent, int64_t seq, const char *why, struct err *err)
{
	char number[24];

	log_error("heartbeat %lld in the spool is damaged and set aside; a full one follows: %s",
		  (long long)seq, why);
	snprintf(number, sizeof(number), "%lld", (long long)seq);
	agent_event(agent, "spool-damaged", "seq", number);
	agent->pending.lost++; /* what it held: one event or more, or none */
	agent->pending.changed = true;
	if (seq > agent->state.seq_floor)
		agent->state.seq_floor = seq;
	agent->state.need_full = true;
	if (agent_save(agent, err) < 0)
		return -1;
	return spool_set_aside(&agent->spool, &agent->places, seq, "spool/damaged", err);
}

static int check_in_flight(struct agent *agent, int64_t seq, struct err *err)
{
	const struct crypto_signer *signer = keystore_current(agent->keys);
	struct heartbeat heartbeat;
	struct err bad = {ERR_NONE, ""};
	struct buf jws;
	int ret = 0;

	buf_init(&jws, JWS_MAX + 1);
	if (spool_read(&agent->places, seq, &jws, &bad) < 0 ||
	    spool_check(buf_text(&jws), jws.len, seq, crypto_signer_key(signer), &heartbeat, &bad) <
		    0) {
		/* Out of memory or of files is our own trouble, and passes. */
		if (bad.code == ERR_NOMEM || bad.code == ERR_FULL)
			ret = err_set(err, bad.code, "heartbeat %lld: %.200s", (long long)seq,
				      bad.msg);
		else
			ret = drop_damaged(agent, seq, bad.msg, err);
	} else {
		if (seq >= agent->pending.for_seq)
			pending_signed(&agent->pending, &heartbeat);
		heartbeat_clear(&heartbeat);
	}
	buf_clear(&jws);
	return ret;
}

/* A key takes over once a heartbeat of the key before was acknowledged.  So with the state gone,
 * what another key signed was acknowledged, and is kept for a collector that was restored. */
static void skip_former_key(struct agent *agent)
{
	const char *kid = crypto_key_kid(crypto_signer_key(keystore_current(agent->keys)));
	struct state *s = &agent->state;
	int64_t seq = spool_after(&agent->spool, s->acked_seq), first = s->acked_seq;
	struct buf text;
	struct err err;
	struct jws jws;

	buf_init(&text, JWS_MAX + 1);
	for (; seq; seq = spool_after(&agent->spool, seq)) {
		buf_reset(&text);
		if (spool_read(&agent->places, seq, &text, &err) < 0 ||
		    jws_split(JWS_HEARTBEAT, buf_text(&text), text.len, &jws, &err) < 0 ||
		    strcmp(jws.kid, kid) == 0)
			continue;
		s->acked_seq = seq;
		crypto_sha256_b64(buf_text(&text), text.len, s->acked_hash);
	}
	buf_clear(&text);
	if (s->acked_seq > first)
		log_warn("heartbeats up to %lld are of the key before this one and count as "
			 "acknowledged",
			 (long long)s->acked_seq);
}

static int check_spool(struct agent *agent, struct err *err)
{
	int64_t seq;

	if (!keystore_current(agent->keys))
		return 0;
	skip_former_key(agent);
	seq = spool_after(&agent->spool, agent->state.acked_seq);
	for (; seq; seq = spool_after(&agent->spool, seq))
		if (check_in_flight(agent, seq, err) < 0)
			return -1;
	return 0;
}

static int finish_rotation(struct agent *agent, struct err *err)
{
	const struct crypto_signer *next = keystore_next(agent->keys);

	if (!next || strcmp(crypto_key_kid(crypto_signer_key(next)), agent->state.rotated_kid) != 0)
		return 0;
	log_info("the key's successor %.8s... takes over", agent->state.rotated_kid);
	return keystore_promote(agent->keys, err);
}

/* The disk of a reboot-to-restore machine is as it was when it was frozen: what it says of the
 * chain is old, and what it held is gone by design. */
static int begin_volatile(struct agent *agent, struct err *err)
{
	struct state *state = &agent->state;
	bool new_boot = strcmp(state->boot, agent->clock.boot) != 0;

	if (!agent->config.is_volatile || !new_boot || !agent_enrolled(agent)) {
		memcpy(state->boot, agent->clock.boot, sizeof(state->boot));
		return 0;
	}
	log_info("started again with volatile = yes: a new chain begins");
	/* On a disk that keeps what is written, 'volatile = yes' is a mistake that costs these. */
	if (spool_after(&agent->spool, state->acked_seq)) {
		log_warn("heartbeats of the boot before that were not delivered go: if this "
			 "machine's disk keeps what is written, set volatile = no in '%s'",
			 agent->places.conf);
		agent->pending.lost++;
	}
	if (remove_folder_files(&agent->places, "spool", err) < 0)
		return -1;
	spool_clear(&agent->spool);
	state->acked_seq = state->seq_floor = state->flying_seq = state->rotated_seq = 0;
	state->resend_next = state->resend_to = 0;
	state->mark_count = 0;
	(void)text_copy(state->acked_hash, sizeof(state->acked_hash), agent->identity.root);
	state->need_full = state->chain_begins = true;
	memcpy(state->boot, agent->clock.boot, sizeof(state->boot));
	agent->pending.for_seq = 1;
	pending_renumber(&agent->pending, agent_unused_id(agent));
	return agent_save(agent, err);
}

static int leave_other_hardware(struct agent *agent, struct err *err)
{
	char was[UUID_LEN + 1];

	if (!identity_moved(&agent->identity, &agent->hardware))
		return 0;
	memcpy(was, agent->identity.device, sizeof(was));
	log_error("this disk was enrolled as device %s on other hardware; its key is gone, enrol "
		  "this machine: sudo caretaker enrol CODE",
		  was);
	if (agent_forget(agent, err) < 0)
		return -1;
	agent_event(agent, "other-hardware", "was", was);
	return agent_save(agent, err);
}

/* An enrolment of which a part is gone is none: this machine still checks itself, says so, and
 * waits for a new code. */
static void doubt_identity(struct agent *agent)
{
	const char *lacks = !keystore_current(agent->keys) ? "device.key" : TRUST_KEYS;

	if (!agent->identity.device[0] || (keystore_current(agent->keys) && agent->trust.keys))
		return;
	log_error("'%s' lacks %s, enrol this machine again: sudo caretaker enrol CODE",
		  agent->places.state, lacks);
	agent_event(agent, "enrolment-damaged", "lacks", lacks);
	memset(&agent->identity, 0, sizeof(agent->identity));
}

static int load_identity(struct agent *agent, struct err *err)
{
	if (identity_load(&agent->places, &agent->identity, err) == 0)
		return 0;
	if (err->code != ERR_INVALID)
		return -1;
	log_error("%s", err->msg);
	return places_set_aside(&agent->places, IDENTITY_FILE, IDENTITY_FILE ".damaged", err);
}

static int load(struct agent *agent, struct err *err)
{
	struct places *places = &agent->places;
	bool damaged = false;

	if (places_has(places, FORGETTING) && forget_files(places, err) < 0)
		return -1;
	if (config_read(places, &agent->config, err) < 0 ||
	    keystore_open(places, &agent->keys, err) < 0 || load_identity(agent, err) < 0 ||
	    load_pending(agent, &damaged, err) < 0 || load_state(agent, err) < 0 ||
	    phone_codes_load(places, &agent->codes, err) < 0)
		return -1;
	agent_tick(agent);
	if (spool_open(places, &agent->spool, err) < 0 ||
	    trust_load(places, agent->identity.device, &agent->state, &agent->trust, err) < 0)
		return -1;
	/* Ids that were used are jumped over: they never come again. */
	if (damaged)
		pending_renumber(&agent->pending, agent_unused_id(agent));
	doubt_identity(agent);
	if (finish_rotation(agent, err) < 0 || check_spool(agent, err) < 0 ||
	    begin_volatile(agent, err) < 0)
		return -1;
	identity_hardware(&agent->hardware);
	return leave_other_hardware(agent, err);
}

int agent_open(struct agent *agent, struct err *err)
{
	char path[PLACES_PATH];

	if (places_make(&agent->places, err) < 0)
		return -1;
	places_path(agent->places.state, "lock", path);
	if (plat_lock(path, LOCK_WAIT_MS, &agent->lock, err) < 0)
		return -1;
	if (load(agent, err) < 0) {
		agent_close(agent);
		return -1;
	}
	return 0;
}

void agent_close(struct agent *agent)
{
	trust_clear(&agent->trust);
	spool_clear(&agent->spool);
	pending_clear(&agent->pending);
	state_clear(&agent->state);
	keystore_close(agent->keys);
	agent->keys = NULL;
	plat_unlock(agent->lock);
	agent->lock = NULL;
}
