/* Every write of caretaker-check fails once, as a kill or a full disk does; then the machine goes
 * on. The collector here is our own proto code; what it acknowledged must be there once, in order.
 * Besides: retries, the clock, the ring and pending.json by themselves.  check_cut_short.c cuts a
 * whole life short instead and looks at what the collector then knows.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/check/enrol.h"
#include "agent/check/keystore.h"
#include "agent/check/run.h"
#include "agent/check/ship.h"
#include "agent/proto/jws.h"
#include "agent/proto/uplink.h"
#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_os.h"

#define ORG "0a0a0a0a-0000-4000-8000-000000000001"
#define DEVICE "0a0a0a0a-0000-4000-8000-000000000002"
#define EPOCH "0a0a0a0a-0000-4000-8000-000000000003"
#define EPOCH_2 "0a0a0a0a-0000-4000-8000-000000000004"
#define KEPT_MAX 200

/* The other side: one device, its committed heartbeats. */
static struct other {
	struct crypto_signer *policy_key, *online_key;
	struct crypto_key *device_keys[8];
	unsigned device_key_count;
	char *keys_jws, *policy_jws;
	int64_t policy_serial;
	const char *epoch;
	struct enrol_code code;
	char root[HASH_TEXT];
	struct {
		int64_t seq;
		char hash[HASH_TEXT], prev[HASH_TEXT];
	} kept[KEPT_MAX];
	unsigned kept_count;
	uint64_t events[1000];
	unsigned event_count, lost;
	bool lose_answer, silent;
	char device_hint[HASH_TEXT];
} other;

static char *signed_text(enum jws_typ typ, const struct buf *payload,
			 const struct crypto_signer *signer)
{
	struct buf jws;

	buf_init(&jws, 0);
	assert_works(jws_sign(typ, payload->data, payload->len, false, 0, signer, &jws, &err));
	return buf_take(&jws, NULL);
}

static void other_begin(void)
{
	struct keys keys = {
		.serial = 1, .at = FAKE_NOW, .policy_count = 1, .online_count = 1, .ca_count = 1};
	struct buf payload;

	memset(&other, 0, sizeof(other));
	other.epoch = EPOCH;
	assert_works(crypto_signer_generate(&other.policy_key, &err));
	assert_works(crypto_signer_generate(&other.online_key, &err));
	memcpy(keys.org, ORG, sizeof(ORG));
	keys.policy[0] = (struct crypto_key *)crypto_signer_key(other.policy_key);
	keys.online[0] = (struct crypto_key *)crypto_signer_key(other.online_key);
	buf_init(&payload, 0);
	keys_encode(&keys, &payload);
	other.keys_jws = signed_text(JWS_KEYS, &payload, other.policy_key);
	buf_clear(&payload);
	strcpy(other.code.host, "collector.test:8443");
	strcpy(other.code.policy_kid, crypto_key_kid(keys.policy[0]));
	memset(other.code.secret, 7, sizeof(other.code.secret));
}

static void other_publish(int64_t serial)
{
	struct policy_document doc = {.serial = serial, .at = FAKE_NOW};
	struct buf payload;

	memcpy(doc.org, ORG, sizeof(ORG));
	strcpy(doc.name, "staff");
	doc.ini = "[policy]\nname = staff\n";
	doc.ini_len = strlen(doc.ini);
	buf_init(&payload, 0);
	policy_document_encode(&doc, &payload);
	free(other.policy_jws);
	other.policy_jws = signed_text(JWS_POLICY, &payload, other.policy_key);
	other.policy_serial = serial;
	buf_clear(&payload);
}

static void other_end(void)
{
	crypto_signer_free(other.policy_key);
	crypto_signer_free(other.online_key);
	for (unsigned i = 0; i < other.device_key_count; i++)
		crypto_key_free(other.device_keys[i]);
	free(other.keys_jws);
	free(other.policy_jws);
}

static const struct crypto_key *device_key(const char *kid)
{
	for (unsigned i = 0; i < other.device_key_count; i++)
		if (strcmp(crypto_key_kid(other.device_keys[i]), kid) == 0)
			return other.device_keys[i];
	return NULL;
}

static void learn_key(const uint8_t *point)
{
	struct crypto_key *key;

	assert_works(crypto_key_new(point, &key, &err));
	if (device_key(crypto_key_kid(key))) {
		crypto_key_free(key);
		return;
	}
	assert_in_range(other.device_key_count, 0, 7);
	other.device_keys[other.device_key_count++] = key;
}

static char *answer_enrol(const char *body, size_t len)
{
	struct enrol_answer answer = {.time = FAKE_NOW};
	struct enrol_request *request;
	struct buf payload;
	char *text;

	assert_works(enrol_request_open(body, len, &request, &err));
	learn_key(crypto_key_point(request->key));
	enrol_request_free(request);
	crypto_sha256_b64(body, len, answer.request);
	memcpy(other.root, answer.request, sizeof(other.root));
	memcpy(answer.device, DEVICE, sizeof(DEVICE));
	memcpy(answer.org, ORG, sizeof(ORG));
	strcpy(answer.epoch, other.epoch);
	answer.keys = other.keys_jws;
	answer.policy = other.policy_jws;
	buf_init(&payload, 0);
	enrol_answer_encode(&answer, &payload);
	text = signed_text(JWS_ENROLLED, &payload, other.online_key);
	buf_clear(&payload);
	return text;
}

static bool is_kept(const char *hash)
{
	for (unsigned i = 0; i < other.kept_count; i++)
		if (strcmp(other.kept[i].hash, hash) == 0)
			return true;
	return false;
}

static void keep(const char *line, size_t len)
{
	struct heartbeat h;
	struct jws jws;
	struct buf payload;
	char hash[HASH_TEXT];

	crypto_sha256_b64(line, len, hash);
	assert_works(jws_split(JWS_HEARTBEAT, line, len, &jws, &err));
	assert_non_null(device_key(jws.kid));
	assert_true(jws_verify(&jws, device_key(jws.kid)));
	if (is_kept(hash))
		return;
	buf_init(&payload, JWS_MAX_PAYLOAD);
	assert_works(jws_payload(&jws, &payload, &err));
	assert_works(heartbeat_decode(payload.data, payload.len, &h, &err));
	assert_in_range(other.kept_count, 0, KEPT_MAX - 1);
	other.kept[other.kept_count].seq = h.seq;
	memcpy(other.kept[other.kept_count].hash, hash, sizeof(hash));
	memcpy(other.kept[other.kept_count++].prev, h.prev, sizeof(h.prev));
	for (unsigned i = 0; i < h.event_count; i++) {
		for (unsigned e = 0; e < other.event_count; e++)
			assert_int_not_equal(other.events[e], h.events[i].id);
		other.events[other.event_count++] = h.events[i].id;
	}
	other.lost += (unsigned)h.events_lost;
	if (h.next_kid[0])
		learn_key(h.next_key);
	heartbeat_clear(&h);
	buf_clear(&payload);
}

static char *answer_beats(const char *body, size_t len)
{
	struct ack ack = {.keys_serial = 1, .dicts = 2};
	struct buf payload;
	char *text;

	for (const char *line = body, *end; line < body + len; line = end + 1) {
		end = memchr(line, '\n', (size_t)(body + len - line));
		if (!end)
			end = body + len;
		keep(line, (size_t)(end - line));
	}
	memcpy(ack.device, DEVICE, sizeof(DEVICE));
	crypto_sha256_b64(body, len, ack.request);
	ack.acked = other.kept[other.kept_count - 1].seq;
	memcpy(ack.head, other.kept[other.kept_count - 1].hash, HASH_TEXT);
	ack.time = FAKE_NOW + 60 * other.kept_count;
	ack.policy_serial = other.policy_serial;
	ack.policy = other.policy_jws;
	strcpy(ack.epoch, other.epoch);
	buf_init(&payload, 0);
	ack_encode(&ack, &payload);
	text = signed_text(JWS_ACK, &payload, other.online_key);
	buf_clear(&payload);
	return text;
}

static int other_answers(void *ctx, const void *frame, size_t len, struct buf *out, struct err *err)
{
	struct uplink_answer answer = {.result = UPLINK_ANSWERED, .status = 200};
	struct uplink_request request;
	char *text;

	(void)ctx;
	if (uplink_request_decode(frame, len, &request, err) < 0)
		return -1;
	if (other.silent)
		return err_set(err, ERR_TIMEOUT, "the uplink did not answer in time");
	text = strstr(request.url, "/v1/enrol") ? answer_enrol(request.body, request.body_len)
						: answer_beats(request.body, request.body_len);
	if (other.lose_answer) {
		free(text);
		return err_set(err, ERR_TIMEOUT, "the uplink did not answer in time");
	}
	strcpy(answer.content_type, "application/jose");
	answer.body = text;
	answer.body_len = strlen(text);
	uplink_answer_encode(&answer, out);
	free(text);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	log_init("test", LOG_ERROR);
	fake_reset();
	fake_machine_reset();
	fake_set_uplink(other_answers, NULL);
	other_begin();
	/* What is said aloud about each fault is not what is tested here. */
	log_init("test", (enum log_level) - 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	other_end();
	return 0;
}

/* --- the machine --- */

static int with_agent(int (*what)(struct agent *, struct err *), struct err *err)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int ret = -1;

	assert_non_null(agent);
	if (places_init(&agent->places, "/c", "/s", "/r", err) == 0 &&
	    agent_open(agent, err) == 0) {
		ret = what(agent, err);
		agent_close(agent);
	}
	free(agent);
	return ret;
}

static int do_enrol(struct agent *agent, struct err *err)
{
	enum enrol_result result;
	char text[ENROL_CODE_MAX];

	if (enrol_code_format(&other.code, text, sizeof(text), err) < 0 ||
	    enrol(agent, text, &result, err) < 0)
		return -1;
	return result == ENROL_DONE ? 0 : -1;
}

/* A run that finds something each time: events that must arrive once each. */
static unsigned found;

static int do_beat(struct agent *agent, struct err *err)
{
	const struct ship_request request = {.now = true};
	struct ship_outcome outcome;
	enum enrol_result result;
	char data[32];

	if (enrol_pending(agent) && enrol_again(agent, &result, err) < 0)
		return -1;
	snprintf(data, sizeof(data), "{\"n\":%u}", ++found);
	pending_add(&agent->pending, "found", agent->now, data, strlen(data));
	if (pending_save(&agent->pending, &agent->places, err) < 0)
		return -1;
	if (!agent_enrolled(agent))
		return err_set(err, ERR_INVALID, "not enrolled");
	return ship(agent, &request, &outcome, err);
}

static int do_rotate(struct agent *agent, struct err *err)
{
	return keystore_next(agent->keys) ? 0 : keystore_make_next(agent->keys, err);
}

static int step(int (*what)(struct agent *, struct err *))
{
	struct err err;

	fake_advance(900);
	return with_agent(what, &err);
}

static void assert_chain_whole(void)
{
	const char *prev = other.root;

	for (unsigned i = 0; i < other.kept_count; i++) {
		assert_int_equal(other.kept[i].seq, i + 1);
		assert_string_equal(other.kept[i].prev, prev);
		prev = other.kept[i].hash;
	}
}

/* --- tests --- */

static void goes_on_whichever_write_of_a_heartbeat_fails(void **state)
{
	enum err_code codes[] = {ERR_IO, ERR_FULL};

	(void)state;
	for (unsigned c = 0; c < COUNT(codes); c++) {
		for (unsigned at = 0; at < 24; at++) {
			unsigned before;

			set_up(NULL);
			assert_int_equal(step(do_enrol), 0);
			assert_int_equal(step(do_beat), 0);
			other_publish(3);
			assert_int_equal(step(do_rotate), 0);
			fake_fail_changes(at, codes[c]);
			(void)step(do_beat);
			fake_fail_changes(0, ERR_NONE);
			assert_int_equal(step(do_beat), 0);
			before = other.kept_count;
			assert_int_equal(step(do_beat), 0);
			assert_int_equal(other.kept_count, before + 1);
			assert_chain_whole();
			assert_int_equal(other.lost, 0);
			tear_down(NULL);
		}
	}
}

static void goes_on_whichever_write_of_an_enrolment_fails(void **state)
{
	(void)state;
	for (unsigned at = 0; at < 16; at++) {
		set_up(NULL);
		other_publish(1);
		fake_fail_changes(at, ERR_IO);
		(void)step(do_enrol);
		fake_fail_changes(0, ERR_NONE);
		if (step(do_beat) < 0) /* killed before the request was written: enrol again */
			assert_int_equal(step(do_enrol), 0);
		assert_int_equal(step(do_beat), 0);
		assert_int_equal(step(do_beat), 0);
		assert_chain_whole();
		assert_int_equal(other.device_key_count, 1);
		tear_down(NULL);
	}
}

static void sends_again_what_was_not_acknowledged(void **state)
{
	(void)state;
	assert_int_equal(step(do_enrol), 0);
	other.lose_answer = true;
	for (int i = 0; i < 3; i++)
		(void)step(do_beat);
	assert_int_equal(other.kept_count, 1); /* one in flight, the same one each time */
	other.lose_answer = false;
	assert_int_equal(step(do_beat), 0);
	assert_int_equal(other.kept_count, 2);
	assert_int_equal(other.event_count, 4); /* what was found meanwhile waited */
	assert_chain_whole();
}

static void sends_the_ring_again_to_a_restored_collector(void **state)
{
	(void)state;
	assert_int_equal(step(do_enrol), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(step(do_beat), 0);
	other.kept_count = 2; /* yesterday's backup */
	other.event_count = 0;
	other.epoch = EPOCH_2;
	fake_boot();
	(void)step(do_beat);
	for (unsigned i = 0; i < 6; i++) {
		char want[40];

		snprintf(want, sizeof(want), "/s/spool/%u.jws", i + 1);
		assert_non_null(fake_file_text(want));
	}
	assert_true(other.kept_count >= 6);
}

static void prunes_the_ring_by_the_collectors_time(void **state)
{
	(void)state;
	assert_int_equal(step(do_enrol), 0);
	assert_int_equal(step(do_beat), 0);
	fake_set_now(FAKE_NOW + INT64_C(73) * 365 * 86400); /* 2099: a jump ages nothing */
	assert_int_equal(step(do_beat), 0);
	assert_non_null(fake_file_text("/s/spool/1.jws"));
}

static void counts_what_does_not_fit_and_keeps_events_whole(void **state)
{
	struct pending pending;
	struct buf data;

	(void)state;
	pending_init(&pending);
	buf_init(&data, 0);
	for (int i = 0; i < 40; i++) {
		buf_reset(&data);
		buf_addf(&data, "{\"n\":%d,\"t\":\"%*s\"}", i, 3900, "x");
		pending_add(&pending, "found", FAKE_NOW, data.data, data.len);
	}
	assert_true(pending.count > 20 && pending.data_size <= PENDING_DATA_MAX);
	assert_int_equal(pending.lost, 40 - pending.count);
	buf_clear(&data);
	pending_clear(&pending);
}

static void retries_within_the_hour(void **state)
{
	static const struct {
		unsigned failures;
		uint32_t retry_after;
		uint8_t spread;
		int64_t want;
	} cases[] = {
		{1, 0, 0, 60},    {2, 0, 0, 120},      {5, 0, 0, 960},  {100, 0, 0, 3600},
		{1, 300, 0, 300}, {1, 86400, 0, 3600}, {1, 0, 255, 74}, {100, 0, 255, 3600},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++)
		assert_int_equal(
			ship_retry_s(cases[i].failures, cases[i].retry_after, cases[i].spread),
			cases[i].want);
}

static void tells_the_time_whatever_the_wall_clock_says(void **state)
{
	static const struct {
		const char *what;
		int64_t wall;
		bool same_boot;
		int64_t uptime_s, want;
	} cases[] = {
		{"the same boot, 1970", 100, true, 1600, FAKE_NOW + 600},
		{"the same boot, 2099", FAKE_NOW * 2, true, 1600, FAKE_NOW + 600},
		{"started again, 1970", 100, false, 50, FAKE_NOW + 50},
		{"started again, a day later", FAKE_NOW + 86400, false, 50, FAKE_NOW + 86400},
		{"two years in a cupboard", FAKE_NOW + 2 * 366 * 86400, false, 50,
		 FAKE_NOW + 2 * 366 * 86400},
		{"started again, 2099", FAKE_NOW + INT64_C(73) * 366 * 86400, false, 50,
		 FAKE_NOW + 50},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct clock_reading then = {FAKE_NOW - 5, 1000000, "boot-1"};
		struct clock_reading now = {cases[i].wall, cases[i].uptime_s * 1000, "boot-1"};
		struct clock clock = {0};

		if (!cases[i].same_boot)
			strcpy(now.boot, "boot-2");
		clock_acked(&clock, &then, FAKE_NOW);
		if (clock_best(&clock, &now) != cases[i].want)
			fail_msg("%s: got %lld, want %lld", cases[i].what,
				 (long long)clock_best(&clock, &now), (long long)cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_whichever_write_of_a_heartbeat_fails),
		cmocka_unit_test(goes_on_whichever_write_of_an_enrolment_fails),
		cmocka_unit_test_setup_teardown(sends_again_what_was_not_acknowledged, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(sends_the_ring_again_to_a_restored_collector,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(prunes_the_ring_by_the_collectors_time, set_up,
						tear_down),
		cmocka_unit_test(counts_what_does_not_fit_and_keeps_events_whole),
		cmocka_unit_test(retries_within_the_hour),
		cmocka_unit_test(tells_the_time_whatever_the_wall_clock_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
