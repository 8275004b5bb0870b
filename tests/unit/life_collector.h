/* A collector in memory, for tests of a machine's life: it enrols one device, keeps what it
 * sends and answers as a test told it.  life.h has the machine.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_LIFE_COLLECTOR_H
#define CARETAKER_TESTS_LIFE_COLLECTOR_H

#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/base/text.h"
#include "agent/proto/documents.h"
#include "agent/proto/enrol.h"
#include "agent/proto/heartbeat.h"
#include "agent/proto/jws.h"
#include "agent/proto/uplink.h"
#include "platform/fake/fake_os.h"
#include "platform/os.h"
#include "tests/unit/unit.h"

#define ORG "b3c7e0d2-91fa-4d08-8f36-52ce17a94b60"
#define DEVICE "6f1cb9a4-3c0e-4b57-9a55-0d9e8a7c41f2"
#define KEPT_MAX 64
#define KEYS_OF_DEVICE 4

struct kept {
	char *jws;
	size_t len;
	int64_t seq;
	char hash[HASH_TEXT];
};

static struct collector {
	struct crypto_signer *policy, *online;
	char *keys_jws, *policy_jws;
	struct enrol_code code;
	struct crypto_key *device_keys[KEYS_OF_DEVICE];
	unsigned key_count;
	char root[HASH_TEXT], epoch[UUID_LEN + 1];
	struct kept kept[KEPT_MAX];
	unsigned count;
	bool lose_answer, refuse_next, need_full, send_policy;
	bool altered;            /* somebody on the way changes each heartbeat's bytes */
	char *last_ack, *replay; /* 'replay' is what comes instead of an answer */
	int64_t refused_seq;
	char fork[HASH_TEXT]; /* what continued nothing known here */
	unsigned forks;
	const char *complaint;
} collector;

static inline char *text_of(const struct buf *buf)
{
	char *text = strdup(buf_text(buf));

	assert_non_null(text);
	return text;
}

static inline char *sign(enum jws_typ typ, const struct buf *payload,
			 const struct crypto_signer *signer)
{
	struct buf jws;
	char *text;

	buf_init(&jws, 0);
	assert_works(jws_sign(typ, buf_text(payload), payload->len, false, 0, signer, &jws, &err));
	text = text_of(&jws);
	buf_clear(&jws);
	return text;
}

static inline struct crypto_key *public_of(const struct crypto_signer *signer)
{
	struct crypto_key *key;

	assert_works(crypto_key_new(crypto_key_point(crypto_signer_key(signer)), &key, &err));
	return key;
}

static inline void make_keys(void)
{
	struct keys keys = {.org = ORG,
			    .serial = 1,
			    .at = FAKE_NOW,
			    .policy_count = 1,
			    .online_count = 1,
			    .ca_count = 1};
	struct buf payload;

	keys.policy[0] = public_of(collector.policy);
	keys.online[0] = public_of(collector.online);
	buf_init(&payload, 0);
	keys_encode(&keys, &payload);
	collector.keys_jws = sign(JWS_KEYS, &payload, collector.policy);
	buf_clear(&payload);
	crypto_key_free(keys.policy[0]);
	crypto_key_free(keys.online[0]);
}

static inline void make_policy(void)
{
	static char ini[] = "[policy]\nname = crash test\n";
	const struct policy_document document = {.org = ORG,
						 .serial = 1,
						 .name = "crash test",
						 .at = FAKE_NOW,
						 .ini = ini,
						 .ini_len = sizeof(ini) - 1};
	struct buf payload;

	buf_init(&payload, 0);
	policy_document_encode(&document, &payload);
	collector.policy_jws = sign(JWS_POLICY, &payload, collector.policy);
	buf_clear(&payload);
}

static inline void collector_begin(void)
{
	memset(&collector, 0, sizeof(collector));
	assert_works(crypto_signer_generate(&collector.policy, &err));
	assert_works(crypto_signer_generate(&collector.online, &err));
	make_keys();
	make_policy();
	(void)text_copy(collector.epoch, sizeof(collector.epoch),
			"99999999-2222-4333-8444-555555555555");
	(void)text_copy(collector.code.host, sizeof(collector.code.host),
			"collector.school.example");
	(void)text_copy(collector.code.policy_kid, sizeof(collector.code.policy_kid),
			crypto_key_kid(crypto_signer_key(collector.policy)));
}

static inline void collector_end(void)
{
	for (unsigned i = 0; i < collector.count; i++)
		free(collector.kept[i].jws);
	for (unsigned i = 0; i < collector.key_count; i++)
		crypto_key_free(collector.device_keys[i]);
	crypto_signer_free(collector.policy);
	crypto_signer_free(collector.online);
	free(collector.keys_jws);
	free(collector.policy_jws);
	free(collector.last_ack);
	free(collector.replay);
	memset(&collector, 0, sizeof(collector));
}

static inline void complain(const char *what)
{
	if (!collector.complaint)
		collector.complaint = what;
}

static inline const char *head(void)
{
	return collector.count ? collector.kept[collector.count - 1].hash : collector.root;
}

static inline void know_key(const uint8_t *point)
{
	struct crypto_key *key;

	assert_works(crypto_key_new(point, &key, &err));
	for (unsigned i = 0; i < collector.key_count; i++) {
		if (strcmp(crypto_key_kid(key), crypto_key_kid(collector.device_keys[i])) == 0) {
			crypto_key_free(key);
			return;
		}
	}
	assert_true(collector.key_count < KEYS_OF_DEVICE);
	collector.device_keys[collector.key_count++] = key;
}

static inline void open_heartbeat(const char *jws, size_t len, struct heartbeat *out)
{
	struct jws parts;
	struct buf payload;
	bool good = false;

	buf_init(&payload, 0);
	assert_works(jws_split(JWS_HEARTBEAT, jws, len, &parts, &err));
	for (unsigned i = 0; i < collector.key_count && !good; i++)
		good = strcmp(parts.kid, crypto_key_kid(collector.device_keys[i])) == 0 &&
		       jws_verify(&parts, collector.device_keys[i]);
	assert_true(good);
	assert_works(jws_payload(&parts, &payload, &err));
	assert_works(heartbeat_decode(buf_text(&payload), payload.len, out, &err));
	buf_clear(&payload);
}

static inline bool know_already(int64_t seq, const char *hash)
{
	for (unsigned i = 0; i < collector.count; i++) {
		if (strcmp(collector.kept[i].hash, hash) == 0)
			return true;
		if (collector.kept[i].seq == seq)
			complain("two heartbeats of one number");
	}
	return false;
}

static inline void refuse(struct ack *ack, unsigned index, int64_t seq, const char *hash,
			  const char *why)
{
	struct ack_refused *refused = &ack->refused[ack->refused_count++];

	refused->index = index;
	refused->seq = seq;
	(void)text_copy(refused->why, sizeof(refused->why), why);
	memcpy(refused->hash, hash, sizeof(refused->hash));
}

static inline void take_heartbeat(const char *jws, size_t len, unsigned index, struct ack *ack)
{
	struct kept *kept = &collector.kept[collector.count];
	struct heartbeat h;
	char hash[HASH_TEXT];

	crypto_sha256_b64(jws, len - collector.altered, hash);
	if (collector.altered) {
		refuse(ack, index, 0, hash, "the signature does not hold");
		return;
	}
	open_heartbeat(jws, len, &h);
	if (know_already(h.seq, hash))
		goto out;
	if (collector.refuse_next) {
		collector.refuse_next = false;
		collector.refused_seq = h.seq;
	}
	if (h.seq == collector.refused_seq) {
		refuse(ack, index, h.seq, hash, "a test does not want it");
		goto out;
	}
	if (strcmp(h.prev, head()) != 0) {
		collector.forks += strcmp(collector.fork, hash) != 0;
		memcpy(collector.fork, hash, sizeof(hash));
		refuse(ack, index, h.seq, hash, "it continues no heartbeat known here");
		goto out;
	}
	assert_true(collector.count < KEPT_MAX);
	*kept = (struct kept){.jws = strndup(jws, len), .len = len, .seq = h.seq};
	memcpy(kept->hash, hash, sizeof(hash));
	collector.count++;
	if (h.next_kid[0])
		know_key(h.next_key);
	if (h.full)
		collector.need_full = false;
out:
	heartbeat_clear(&h);
}

static inline char *take_batch(const char *body, size_t len)
{
	struct ack *ack = calloc(1, sizeof(*ack));
	const char *end = body + len;
	struct buf payload;
	char *jws;

	assert_non_null(ack);
	crypto_sha256_b64(body, len, ack->request);
	for (unsigned i = 0; body < end; i++) {
		const char *stop = memchr(body, '\n', (size_t)(end - body));

		if (!stop)
			stop = end;
		take_heartbeat(body, (size_t)(stop - body), i, ack);
		body = stop + 1;
	}
	(void)text_copy(ack->device, sizeof(ack->device), DEVICE);
	(void)text_copy(ack->epoch, sizeof(ack->epoch), collector.epoch);
	ack->acked = collector.count ? collector.kept[collector.count - 1].seq : 0;
	if (ack->acked)
		(void)text_copy(ack->head, sizeof(ack->head), head());
	ack->need_full = collector.need_full;
	ack->time = plat_now();
	ack->keys_serial = 1;
	ack->dicts = 2;
	if (collector.send_policy)
		ack->policy = collector.policy_jws;
	buf_init(&payload, 0);
	ack_encode(ack, &payload);
	jws = sign(JWS_ACK, &payload, collector.online);
	free(collector.last_ack);
	collector.last_ack = strdup(jws);
	buf_clear(&payload);
	free(ack);
	return jws;
}

static inline char *take_enrolment(const char *body, size_t len)
{
	struct enrol_answer answer = {.device = DEVICE, .org = ORG, .time = plat_now()};
	struct enrol_request *request;
	struct buf payload;
	char *jws;

	assert_works(enrol_request_open(body, len, &request, &err));
	know_key(crypto_key_point(request->key));
	enrol_request_free(request);
	crypto_sha256_b64(body, len, answer.request);
	if (!collector.root[0]) /* the same key again is the same enrolment */
		(void)text_copy(collector.root, sizeof(collector.root), answer.request);
	(void)text_copy(answer.epoch, sizeof(answer.epoch), collector.epoch);
	answer.keys = collector.keys_jws;
	buf_init(&payload, 0);
	enrol_answer_encode(&answer, &payload);
	jws = sign(JWS_ENROLLED, &payload, collector.online);
	buf_clear(&payload);
	return jws;
}

static inline int carry(void *ctx, const void *frame, size_t len, struct buf *out, struct err *err)
{
	struct uplink_answer answer = {.status = 200, .content_type = "application/jose"};
	struct uplink_request request;
	char *jws;

	(void)ctx;
	if (uplink_request_decode(frame, len, &request, err) < 0)
		return -1;
	jws = strstr(request.url, "/v1/enrol") ? take_enrolment(request.body, request.body_len)
					       : take_batch(request.body, request.body_len);
	answer.body = collector.replay ? collector.replay : jws;
	answer.body_len = strlen(answer.body);
	if (!collector.lose_answer)
		uplink_answer_encode(&answer, out);
	free(jws);
	return collector.lose_answer ? err_set(err, ERR_TIMEOUT, "the answer was lost") : 0;
}

#endif
