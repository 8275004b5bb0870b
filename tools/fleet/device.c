/* See device.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/fleet/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/base/version.h"
#include "agent/proto/deflate.h"
#include "agent/proto/jws.h"
#include "platform/os.h"
#include "tools/fleet/school.h"

struct device *device_new(struct school *school, uint32_t number, uint32_t in_school,
			  struct err *err)
{
	struct device *device = calloc(1, sizeof(*device));

	if (!device) {
		err_set(err, ERR_NOMEM, "out of memory for computer %u", number);
		return NULL;
	}
	device->school = school;
	device->number = number;
	device->in_school = in_school;
	device->full_next = true;
	return device;
}

void device_free(struct device *device)
{
	if (!device)
		return;
	crypto_signer_free(device->signer);
	free(device->in_flight);
	free(device);
}

static void describe(const struct device *device, struct enrol_request *request)
{
	static const char *const models[] = {"Chromebook 3100 (Linux)", "Latitude 3190",
					     "ThinkPad 11e", "ProBook x360 11", "TravelMate B3"};
	static const char *const vendors[] = {"Dell Inc.", "Dell Inc.", "LENOVO", "HP", "Acer"};
	uint64_t pick = scenario_random(1, device->number, 7) % 5;

	/* 20 % staff laptops, the rest in rooms of 15. */
	if (device->in_school % 5 == 0)
		snprintf(request->name, sizeof(request->name), "STAFF-%03u",
			 device->in_school / 5 + 1);
	else
		snprintf(request->name, sizeof(request->name), "R%02u-%02u",
			 device->in_school / 15 + 1, device->in_school % 15 + 1);
	snprintf(request->hardware.serial, sizeof(request->hardware.serial), "SIM%08X",
		 (unsigned)scenario_random(2, device->number, 0));
	plat_uuid(request->hardware.uuid);
	snprintf(request->hardware.vendor, sizeof(request->hardware.vendor), "%s", vendors[pick]);
	snprintf(request->hardware.model, sizeof(request->hardware.model), "%s", models[pick]);
}

int device_enrol_request(struct device *device, const struct enrol_code *code, int64_t now,
			 struct buf *out, char out_hash[HASH_TEXT], struct err *err)
{
	struct enrol_request request = {.at = now};
	struct buf payload;
	uint8_t nonce[16];
	int ret = -1;

	buf_init(&payload, 0);
	if (!device->signer && crypto_signer_generate(&device->signer, err) < 0)
		goto out;
	if (plat_random(nonce, sizeof(nonce), err) < 0)
		goto out;
	/* Encoding only reads the key. */
	request.key = (struct crypto_key *)(uintptr_t)crypto_signer_key(device->signer);
	enrol_code_id(code, request.code);
	enrol_code_proof(code->secret, crypto_key_kid(request.key), request.proof);
	text_b64url_into(request.nonce, nonce, sizeof(nonce));
	snprintf(request.agent, sizeof(request.agent), "%s", CARETAKER_VERSION);
	describe(device, &request);
	enrol_request_encode(&request, &payload);
	if (buf_check(&payload, err) < 0 ||
	    jws_sign(JWS_ENROL, payload.data, payload.len, false, DEFLATE_DICT_NONE, device->signer,
		     out, err) < 0)
		goto out;
	crypto_sha256_b64(out->data, out->len, out_hash);
	ret = 0;
out:
	buf_clear(&payload);
	return ret;
}

int device_enrolled(struct device *device, const struct enrol_code *code, const char *hash,
		    const char *jws, size_t len, bool *out_waiting, struct err *err)
{
	struct enrol_answer *answer = NULL;
	struct keys *keys = NULL;
	int ret = -1;

	if (enrol_answer_open(jws, len, code, hash, &answer, &keys, err) < 0)
		return -1;
	*out_waiting = answer->waiting;
	if (school_take_keys(device->school, keys, answer->keys, err) < 0)
		goto out;
	if (!answer->waiting) {
		text_copy(device->uuid, sizeof(device->uuid), answer->device);
		text_copy(device->head, sizeof(device->head), hash);
		text_copy(device->base_hash, sizeof(device->base_hash), hash);
		device->acked_time = answer->time;
	}
	ret = 0;
out:
	enrol_answer_free(answer);
	return ret;
}

/* The scenario's evidence with this report's own times in it. */
static void tell_times(char out[SCENARIO_MAX_EVIDENCE], const char *evidence, int64_t due_at,
		       int64_t since)
{
	struct buf text;

	buf_init(&text, SCENARIO_MAX_EVIDENCE - 1);
	for (const char *p = evidence; *p;) {
		if (strncmp(p, "\"@due\"", 6) == 0) {
			buf_addf(&text, "%lld", (long long)due_at);
			p += 6;
		} else if (strncmp(p, "\"@since\"", 8) == 0) {
			buf_addf(&text, "%lld", (long long)since);
			p += 8;
		} else {
			buf_addc(&text, *p++);
		}
	}
	text_copy(out, SCENARIO_MAX_EVIDENCE, text.failed ? "{}" : buf_text(&text));
	buf_clear(&text);
}

/* Fills the controls that the heartbeat carries and the events that begin with it. */
static void observe(struct device *device, const struct scenario *scenario, bool full, int64_t now,
		    struct heartbeat *beat, char evidence[][SCENARIO_MAX_EVIDENCE])
{
	for (unsigned n = 0; n < scenario->healthy_count; n++) {
		const char *event;
		const struct scenario_state *state =
			scenario_state(scenario, device->number, beat->seq, n, &event);
		struct heartbeat_control *control;

		if (event && beat->event_count < CONTROL_COUNT) {
			struct heartbeat_event *e = &beat->events[beat->event_count++];

			e->id = ++device->events;
			e->at = now;
			e->count = 1;
			text_copy(e->type, sizeof(e->type), event);
			e->data = state->evidence;
			e->data_len = strlen(state->evidence);
		}
		if (state == device->sent[n] && !full)
			continue;
		if (state != device->sent[n])
			device->since[n] = now;
		device->sent[n] = state;
		control = &beat->controls[beat->control_count++];
		text_copy(control->id, sizeof(control->id), control_name(state->control));
		control->mode = MODE_AUDIT;
		control->verdict = state->verdict;
		text_copy(control->why, sizeof(control->why), state->why);
		control->since = device->since[n];
		control->due_at = state->due_days ? now + state->due_days * 86400 : 0;
		control->evidence = evidence[n];
		tell_times(evidence[n], state->evidence, control->due_at, control->since);
		control->evidence_len = strlen(control->evidence);
	}
}

/* What a delta leaves out, as a real agent does: only what its base did not tell. */
static void leave_out(struct device *device, struct heartbeat *beat)
{
	if (!beat->full) {
		beat->device[0] = beat->boot[0] = beat->agent[0] = '\0';
		beat->acked_time = 0;
		beat->since_acked_s = -1;
	}
	if (!beat->full && beat->policy_serial == device->told_policy) {
		beat->policy_serial = HEARTBEAT_AS_BASE;
		beat->policy_name[0] = '\0';
	}
	if (!beat->full && beat->exceptions_serial == device->told_exceptions)
		beat->exceptions_serial = HEARTBEAT_AS_BASE;
	device->told_policy = device->policy_serial;
	device->told_exceptions = device->exceptions_serial;
}

int device_beat(struct device *device, const struct scenario *scenario, bool full, int64_t now,
		struct err *err)
{
	struct heartbeat_control controls[CONTROL_COUNT];
	struct heartbeat_event events[CONTROL_COUNT];
	char evidence[CONTROL_COUNT][SCENARIO_MAX_EVIDENCE];
	struct heartbeat beat = {.controls = controls, .events = events};
	struct buf payload, jws;
	int ret = -1;

	if (device->in_flight)
		return 0;
	memset(controls, 0, sizeof(controls));
	memset(events, 0, sizeof(events));
	buf_init(&payload, 0);
	buf_init(&jws, JWS_MAX);

	text_copy(beat.device, sizeof(beat.device), device->uuid);
	beat.seq = device->seq + 1;
	text_copy(beat.prev, sizeof(beat.prev), device->head);
	beat.at = now;
	plat_boot_id(beat.boot, err);
	beat.uptime_s = plat_uptime_ms() / 1000;
	beat.acked_time = device->acked_time;
	beat.since_acked_s = now - device->acked_time;
	text_copy(beat.agent, sizeof(beat.agent), CARETAKER_VERSION);
	beat.base_seq = device->base_seq;
	text_copy(beat.base_hash, sizeof(beat.base_hash), device->base_hash);
	text_copy(beat.policy_name, sizeof(beat.policy_name), "default");
	beat.policy_serial = device->policy_serial;
	beat.exceptions_serial = device->exceptions_serial;
	beat.keys_serial = school_keys(device->school)->serial;
	beat.full = full || device->full_next;
	observe(device, scenario, beat.full, now, &beat, evidence);
	leave_out(device, &beat);

	heartbeat_encode(&beat, &payload);
	if (buf_check(&payload, err) < 0 ||
	    jws_sign(JWS_HEARTBEAT, payload.data, payload.len, true, DEFLATE_DICT_NEWEST,
		     device->signer, &jws, err) < 0)
		goto out;
	device->seq = beat.seq;
	crypto_sha256_b64(jws.data, jws.len, device->head);
	device->full_next = false;
	device->in_flight = buf_take(&jws, &device->in_flight_len);
	ret = 0;
out:
	buf_clear(&payload);
	buf_clear(&jws);
	return ret;
}

int device_acknowledged(struct device *device, const char *jws, size_t len, struct err *err)
{
	struct ack *ack = NULL;
	struct keys *next = NULL;
	struct policy_document *policy = NULL;
	int ret = -1;

	if (ack_open(jws, len, school_keys(device->school), device->uuid, &ack, err) < 0)
		return -1;
	if (!device->in_flight || !ack_answers(ack, device->in_flight, device->in_flight_len)) {
		err_set(err, ERR_AUTH, "the acknowledgement is of another request");
		goto out;
	}
	if (ack->refused_count) {
		err_set(err, ERR_DENIED, "heartbeat %lld refused: %s", (long long)device->seq,
			ack->refused[0].why);
		goto out;
	}
	if (ack->acked != device->seq || strcmp(ack->head, device->head) != 0) {
		err_set(err, ERR_INVALID, "the acknowledgement is of heartbeat %lld, not of %lld",
			(long long)ack->acked, (long long)device->seq);
		goto out;
	}
	if (ack->keys) {
		if (keys_open_next(ack->keys, strlen(ack->keys), school_keys(device->school), &next,
				   err) < 0 ||
		    school_take_keys(device->school, next, ack->keys, err) < 0)
			goto out;
	}
	if (ack->policy) {
		if (policy_document_open(ack->policy, strlen(ack->policy),
					 school_keys(device->school), &policy, err) < 0)
			goto out;
		device->policy_serial = policy->serial;
	}
	if (ack->exceptions)
		device->exceptions_serial = ack->exceptions_serial;
	device->base_seq = ack->acked;
	text_copy(device->base_hash, sizeof(device->base_hash), ack->head);
	device->acked_time = ack->time;
	device->full_next = ack->need_full;
	free(device->in_flight);
	device->in_flight = NULL;
	ret = 0;
out:
	policy_document_free(policy);
	ack_free(ack);
	return ret;
}

int device_write(const struct device *device, struct buf *out, struct err *err)
{
	struct jsonw w;
	struct buf pem;

	buf_init(&pem, 0);
	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "device", device->uuid);
	jsonw_string(&w, "school", device->school->name);
	jsonw_int(&w, "number", device->number);
	jsonw_int(&w, "in_school", device->in_school);
	jsonw_int(&w, "seq", device->seq);
	jsonw_string(&w, "head", device->head);
	jsonw_int(&w, "base_seq", device->base_seq);
	jsonw_string(&w, "base_hash", device->base_hash);
	jsonw_int(&w, "acked_time", device->acked_time);
	jsonw_int(&w, "events", (int64_t)device->events);
	jsonw_int(&w, "policy", device->policy_serial);
	jsonw_int(&w, "exceptions", device->exceptions_serial);
	if (device->in_flight)
		jsonw_stringn(&w, "in_flight", device->in_flight, device->in_flight_len);
	if (device->signer && crypto_signer_to_pem(device->signer, &pem, err) < 0) {
		buf_clear(&pem);
		return -1;
	}
	jsonw_string(&w, "key", buf_text(&pem));
	jsonw_object_end(&w);
	buf_addc(out, '\n');
	crypto_wipe(pem.data, pem.len);
	buf_clear(&pem);
	return buf_check(out, err);
}

int device_read(struct device *device, const struct json *line, struct err *err)
{
	const char *uuid, *head, *base, *pem, *in_flight = NULL;
	int64_t events;

	if (json_get_string(line, "device", UUID_LEN, &uuid, err) < 0 ||
	    json_get_string(line, "head", CRYPTO_HASH_B64_LEN, &head, err) < 0 ||
	    json_get_string(line, "base_hash", CRYPTO_HASH_B64_LEN, &base, err) < 0 ||
	    json_get_int(line, "seq", 0, INT64_MAX >> 11, &device->seq, err) < 0 ||
	    json_get_int(line, "base_seq", 0, INT64_MAX >> 11, &device->base_seq, err) < 0 ||
	    json_get_int(line, "acked_time", 0, INT64_MAX >> 11, &device->acked_time, err) < 0 ||
	    json_get_int(line, "events", 0, INT64_MAX >> 11, &events, err) < 0 ||
	    json_get_int(line, "policy", 0, INT64_MAX >> 11, &device->policy_serial, err) < 0 ||
	    json_get_int(line, "exceptions", 0, INT64_MAX >> 11, &device->exceptions_serial, err) <
		    0 ||
	    json_opt_string(line, "in_flight", JWS_MAX, &in_flight, err) < 0 ||
	    json_get_string(line, "key", 4096, &pem, err) < 0)
		return -1;
	device->events = (uint64_t)events;
	text_copy(device->uuid, sizeof(device->uuid), uuid);
	text_copy(device->head, sizeof(device->head), head);
	text_copy(device->base_hash, sizeof(device->base_hash), base);
	if (in_flight) {
		device->in_flight = strdup(in_flight);
		device->in_flight_len = strlen(in_flight);
		if (!device->in_flight)
			return err_set(err, ERR_NOMEM, "out of memory");
	}
	return crypto_signer_from_pem(pem, strlen(pem), &device->signer, err);
}
