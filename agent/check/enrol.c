/* See enrol.h.
 *
 * Order of writes: device.key; enrol.json; (the answer) keys.jws, policy.jws, exceptions.jws, the
 * spool emptied, pending.json, state.json; device.json: from now on enrolled; enrol.json goes.
 * Killed before device.json: run sends the same request again and gets the same answer.  Killed
 * before enrol.json went: its request is the root of device.json, and it goes then.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/enrol.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/base/version.h"
#include "agent/check/agent.h"
#include "agent/check/gate_rules.h"
#include "agent/check/keystore.h"
#include "agent/check/ship.h"
#include "agent/check/uplink_call.h"
#include "agent/proto/deflate.h"
#include "agent/proto/jws.h"
#include "agent/proto/member.h"
#include "platform/os.h"
#include "platform/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENROL_FILE_MAX (64 * 1024)
#define NONCE_BYTES 15

/* An enrolment under way. */
struct attempt {
	struct enrol_code code;
	char code_text[ENROL_CODE_MAX];
	char *request; /* the JWS */
	char hash[HASH_TEXT];
};

static void attempt_clear(struct attempt *attempt)
{
	free(attempt->request);
	crypto_wipe(attempt, sizeof(*attempt));
}

/* --- enrol.json --- */

static int attempt_save(const struct attempt *attempt, struct places *places, struct err *err)
{
	struct jsonw w;
	struct buf out;
	int ret = -1;

	buf_init(&out, ENROL_FILE_MAX);
	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "code", attempt->code_text);
	jsonw_string(&w, "request", attempt->request);
	jsonw_object_end(&w);
	if (buf_check(&out, err) == 0)
		ret = places_write(places, ENROL_FILE, out.data, out.len, err);
	buf_clear(&out);
	return ret;
}

static int attempt_read(const struct json *root, struct attempt *out, struct err *err)
{
	const char *request;

	if (!json_is_object(root))
		return err_set(err, ERR_INVALID, "expected an object");
	if (member_text(root, "code", out->code_text, sizeof(out->code_text), err) < 0 ||
	    json_get_string(root, "request", jws_typ_max(JWS_ENROL), &request, err) < 0 ||
	    enrol_code_parse(out->code_text, strlen(out->code_text), &out->code, err) < 0)
		return -1;
	out->request = strdup(request);
	if (!out->request)
		return err_set(err, ERR_NOMEM, "out of memory");
	crypto_sha256_b64(request, strlen(request), out->hash);
	return 0;
}

static int attempt_load(const struct places *places, struct attempt *out, struct err *err)
{
	struct json *root = NULL;
	struct buf text;
	int ret = -1;

	memset(out, 0, sizeof(*out));
	buf_init(&text, ENROL_FILE_MAX + 1);
	if (places_read(places, ENROL_FILE, ENROL_FILE_MAX, &text, err) == 0 &&
	    json_parse(buf_text(&text), text.len, &root, err) == 0)
		ret = attempt_read(root, out, err);
	json_free(root);
	buf_clear(&text);
	return ret;
}

/* --- the request --- */

static int make_request(const struct agent *agent, struct attempt *attempt, struct err *err)
{
	const struct crypto_signer *signer = keystore_current(agent->keys);
	struct enrol_request request = {.at = agent->clock.wall, .hardware = agent->hardware};
	uint8_t nonce[NONCE_BYTES];
	struct buf payload, jws;
	int ret = -1;

	buf_init(&payload, ENROL_FILE_MAX);
	buf_init(&jws, ENROL_FILE_MAX);
	if (plat_random(nonce, sizeof(nonce), err) < 0)
		goto out;
	/* Encoding only reads it. */
	request.key = (struct crypto_key *)crypto_signer_key(signer);
	enrol_code_id(&attempt->code, request.code);
	enrol_code_proof(attempt->code.secret, crypto_key_kid(request.key), request.proof);
	text_b64url_into(request.nonce, nonce, sizeof(nonce));
	plat_host_name(request.name);
	if (agent->config.name[0])
		memcpy(request.name, agent->config.name, sizeof(request.name));
	(void)text_copy(request.agent, sizeof(request.agent), CARETAKER_VERSION);
	request.is_volatile = agent->config.is_volatile;
	enrol_request_encode(&request, &payload);
	if (buf_check(&payload, err) < 0 ||
	    jws_sign(JWS_ENROL, payload.data, payload.len, false, DEFLATE_DICT_NONE, signer, &jws,
		     err) < 0 ||
	    buf_check(&jws, err) < 0)
		goto out;
	crypto_sha256_b64(jws.data, jws.len, attempt->hash);
	attempt->request = buf_take(&jws, NULL);
	ret = 0;
out:
	buf_clear(&payload);
	buf_clear(&jws);
	return ret;
}

/* --- the answer --- */

static void fill_identity(const struct agent *agent, const struct attempt *attempt,
			  const struct enrol_answer *answer, struct identity *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->device, answer->device, sizeof(out->device));
	out->waiting = answer->waiting;
	memcpy(out->org, answer->org, sizeof(out->org));
	memcpy(out->host, attempt->code.host, sizeof(out->host));
	out->trust_system = attempt->code.trust_system;
	memcpy(out->school, answer->school, sizeof(out->school));
	memcpy(out->group, answer->group, sizeof(out->group));
	out->enrolled_at = answer->time;
	out->audit_until = answer->audit_until;
	memcpy(out->root, attempt->hash, sizeof(out->root));
	out->hardware = agent->hardware;
}

/* The same key with the same collector is the same device, whose chain goes on. */
static bool same_enrolment(const struct agent *agent, const struct enrol_answer *answer)
{
	return agent_enrolled(agent) && strcmp(agent->identity.device, answer->device) == 0 &&
	       strcmp(agent->identity.org, answer->org) == 0;
}

static int begin_chain(struct agent *agent, const struct attempt *attempt,
		       const struct enrol_answer *answer, struct err *err)
{
	struct state *s = &agent->state;
	uint64_t unsent = 0;

	for (int64_t seq = spool_after(&agent->spool, s->acked_seq); seq;
	     seq = spool_after(&agent->spool, seq))
		unsent++;
	if (unsent) {
		/* They were of the enrolment before; how many events they held is not known. */
		log_warn("%llu heartbeats for the collector before were never delivered and go",
			 (unsigned long long)unsent);
		agent->pending.lost += unsent;
	}
	while (agent->spool.count)
		if (spool_remove(&agent->spool, &agent->places, agent->spool.seqs[0], err) < 0)
			return -1;
	s->acked_seq = s->seq_floor = s->flying_seq = s->full_at = 0;
	s->resend_next = s->resend_to = 0;
	s->rotated_seq = 0;
	s->mark_count = s->rejected_count = s->refused_row = 0;
	s->policy_serial_count = 0;
	s->exceptions_serial = 0;
	s->dicts = 0;
	s->need_full = true;
	s->chain_begins = false;
	memcpy(s->acked_hash, attempt->hash, sizeof(s->acked_hash));
	(void)text_copy(s->epoch, sizeof(s->epoch), answer->epoch);
	agent->pending.for_seq = 1;
	agent->pending.changed = true;
	for (int i = 0; i < CONTROL_COUNT; i++)
		memset(&s->controls[i].sent, 0, sizeof(s->controls[i].sent));
	return 0;
}

/* A policy of another collector, or of an enrolment before, is not this one's. */
static int forget_documents(struct agent *agent, struct err *err)
{
	if (places_remove(&agent->places, TRUST_POLICY, err) < 0 ||
	    places_remove(&agent->places, TRUST_EXCEPTIONS, err) < 0)
		return -1;
	trust_clear(&agent->trust);
	return trust_load(&agent->places, "", &agent->state, &agent->trust, err);
}

static int accept_answer(struct agent *agent, const struct attempt *attempt,
			 const struct enrol_answer *answer, struct keys **keys, struct err *err)
{
	const struct trust_news news = {.policy = answer->policy,
					.exceptions = answer->exceptions,
					.judge = gate_rules_judge,
					.judge_ctx = agent};
	bool changed, same = same_enrolment(agent, answer);
	struct identity identity;

	fill_identity(agent, attempt, answer, &identity);
	if (same)
		memcpy(identity.root, agent->identity.root, sizeof(identity.root));
	if (!same &&
	    (begin_chain(agent, attempt, answer, err) < 0 || forget_documents(agent, err) < 0))
		return -1;
	if (trust_begin(&agent->trust, &agent->places, answer->keys, *keys, err) < 0)
		return -1;
	*keys = NULL; /* the trust's now */
	if (trust_apply(&agent->trust, &agent->places, &agent->state, answer->device, &news,
			&changed, err) < 0)
		return -1;
	clock_acked(&agent->state.clock, &agent->clock, answer->time);
	agent_tick(agent);
	agent->state.failures = 0;
	agent->state.trouble[0] = '\0';
	agent->state.contact_at = agent->now;
	if (agent_save(agent, err) < 0 || identity_save(&identity, &agent->places, err) < 0)
		return -1;
	agent->identity = identity;
	return identity.waiting ? 0 : places_remove(&agent->places, ENROL_FILE, err);
}

/* --- asking --- */

/* 1: answered and accepted.  0: not now, or not believed: noted in the state.  -1: our trouble. */
static int ask(struct agent *agent, const struct attempt *attempt, struct err *err)
{
	const struct uplink_call call = {
		.host = attempt->code.host,
		.path = "/v1/enrol",
		.trust_system = attempt->code.trust_system,
		.pins = &attempt->code.ca,
		.pin_count = 1,
		.body = attempt->request,
		.body_len = strlen(attempt->request),
	};
	struct uplink_answer answer = {0};
	struct enrol_answer *enrolled = NULL;
	struct keys *keys = NULL;
	char why[256];
	struct buf frame;
	struct err bad;
	int ret = 0;

	buf_init(&frame, UPLINK_MAX_FRAME);
	if (uplink_call(&agent->places, &agent->config, &call, &frame, &answer, &bad) < 0) {
		(void)text_copy(why, sizeof(why), bad.msg);
	} else if (answer.result != UPLINK_ANSWERED || answer.status / 100 != 2) {
		uplink_explain(&answer, why, sizeof(why));
	} else if (enrol_answer_open(answer.body, answer.body_len, &attempt->code, attempt->hash,
				     &enrolled, &keys, &bad) < 0) {
		snprintf(why, sizeof(why),
			 "the answer is not from the collector that made the code: %.180s",
			 bad.msg);
	} else {
		ret = accept_answer(agent, attempt, enrolled, &keys, err) < 0 ? -1 : 1;
	}
	if (ret == 0) {
		ship_failed(agent, why, answer.retry_after_s);
		ret = agent_save(agent, err);
	}
	keys_free(keys);
	enrol_answer_free(enrolled);
	buf_clear(&frame);
	return ret;
}

static int ask_and_tell(struct agent *agent, const struct attempt *attempt, enum enrol_result *out,
			struct err *err)
{
	int asked = ask(agent, attempt, err);

	if (asked < 0)
		return err_wrap(err, "enrol");
	if (asked == 0)
		*out = ENROL_LATER;
	else
		*out = agent->identity.waiting ? ENROL_WAITING : ENROL_DONE;
	return 0;
}

int enrol(struct agent *agent, const char *code, enum enrol_result *out, struct err *err)
{
	struct attempt attempt = {0}, before;
	struct err none;
	int ret = -1;

	if (enrol_code_parse(code, strlen(code), &attempt.code, err) < 0 ||
	    enrol_code_format(&attempt.code, attempt.code_text, sizeof(attempt.code_text), err) < 0)
		return -1;
	if (!keystore_current(agent->keys) && keystore_make(agent->keys, err) < 0)
		goto out;
	/* The same code again goes on with the request that was made for it. */
	if (attempt_load(&agent->places, &before, &none) == 0 &&
	    strcmp(before.code_text, attempt.code_text) == 0) {
		ret = ask_and_tell(agent, &before, out, err);
		attempt_clear(&before);
		goto out;
	}
	attempt_clear(&before);
	if (make_request(agent, &attempt, err) == 0 &&
	    attempt_save(&attempt, &agent->places, err) == 0)
		ret = ask_and_tell(agent, &attempt, out, err);
out:
	attempt_clear(&attempt);
	return ret;
}

bool enrol_pending(const struct agent *agent)
{
	return places_has(&agent->places, ENROL_FILE);
}

int enrol_again(struct agent *agent, enum enrol_result *out, struct err *err)
{
	struct attempt attempt;
	int ret = -1;

	if (attempt_load(&agent->places, &attempt, err) < 0) {
		if (err->code == ERR_INVALID) {
			log_error("'%s' is damaged, enrol this machine again: %s", ENROL_FILE,
				  err->msg);
			(void)places_remove(&agent->places, ENROL_FILE, err);
		}
	} else if (agent_enrolled(agent) && strcmp(agent->identity.root, attempt.hash) == 0) {
		*out = ENROL_DONE; /* killed before the file went */
		ret = places_remove(&agent->places, ENROL_FILE, err);
	} else {
		ret = ask_and_tell(agent, &attempt, out, err);
	}
	attempt_clear(&attempt);
	return ret;
}
