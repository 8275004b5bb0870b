/* caretaker-check killed at every instant: whatever change of a file is the last one that happens,
 * the next runs put it right.  A collector in memory stands at the other end and watches what comes
 * in; the steps of a machine's life are each cut short after 0, 1, 2 ... changes.  Besides: what
 * somebody on the way between the two can do.  check_crash.c has the single parts and the faults of
 * one write.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "agent/base/buf.h"
#include "agent/base/json.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/check/enrol.h"
#include "agent/check/keystore.h"
#include "agent/check/run.h"
#include "agent/check/ship.h"
#include "agent/check/status.h"
#include "agent/policy/policy.h"
#include "agent/proto/jws.h"
#include "agent/proto/uplink.h"
#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_os.h"
#include "platform/fake/fake_software.h"
#include "platform/os.h"

#include <stdlib.h>

#define ORG "b3c7e0d2-91fa-4d08-8f36-52ce17a94b60"
#define DEVICE "6f1cb9a4-3c0e-4b57-9a55-0d9e8a7c41f2"
#define KEPT_MAX 64
#define KEYS_OF_DEVICE 4
#define USB_MAX 8

/* --- the collector --- */

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

static char *text_of(const struct buf *buf)
{
	char *text = strdup(buf_text(buf));

	assert_non_null(text);
	return text;
}

static char *sign(enum jws_typ typ, const struct buf *payload, const struct crypto_signer *signer)
{
	struct buf jws;
	char *text;

	buf_init(&jws, 0);
	assert_works(jws_sign(typ, buf_text(payload), payload->len, false, 0, signer, &jws, &err));
	text = text_of(&jws);
	buf_clear(&jws);
	return text;
}

static struct crypto_key *public_of(const struct crypto_signer *signer)
{
	struct crypto_key *key;

	assert_works(crypto_key_new(crypto_key_point(crypto_signer_key(signer)), &key, &err));
	return key;
}

static void make_keys(void)
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

static void make_policy(void)
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

static void collector_begin(void)
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

static void collector_end(void)
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

static void complain(const char *what)
{
	if (!collector.complaint)
		collector.complaint = what;
}

static const char *head(void)
{
	return collector.count ? collector.kept[collector.count - 1].hash : collector.root;
}

static void know_key(const uint8_t *point)
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

static void open_heartbeat(const char *jws, size_t len, struct heartbeat *out)
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

static bool know_already(int64_t seq, const char *hash)
{
	for (unsigned i = 0; i < collector.count; i++) {
		if (strcmp(collector.kept[i].hash, hash) == 0)
			return true;
		if (collector.kept[i].seq == seq)
			complain("two heartbeats of one number");
	}
	return false;
}

static void refuse(struct ack *ack, unsigned index, int64_t seq, const char *hash, const char *why)
{
	struct ack_refused *refused = &ack->refused[ack->refused_count++];

	refused->index = index;
	refused->seq = seq;
	(void)text_copy(refused->why, sizeof(refused->why), why);
	memcpy(refused->hash, hash, sizeof(refused->hash));
}

static void take_heartbeat(const char *jws, size_t len, unsigned index, struct ack *ack)
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

static char *take_batch(const char *body, size_t len)
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

static char *take_enrolment(const char *body, size_t len)
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

static int carry(void *ctx, const void *frame, size_t len, struct buf *out, struct err *err)
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

/* --- the machine --- */

static struct plat_usb plugged[USB_MAX];

static void plug(void)
{
	struct plat_hardware *facts = &fake_machine.hardware.facts;
	struct plat_usb *usb = &plugged[facts->usb_count++];

	assert_true(facts->usb_count <= USB_MAX);
	*usb = (struct plat_usb){.port = "1-1", .kind = "storage", .removable = true};
	snprintf(usb->id, sizeof(usb->id), "0951:%04u", (unsigned)facts->usb_count);
	facts->usb = plugged;
}

static void machine_begin(void)
{
	fake_reset();
	fake_machine_reset();
	fake_software_reset();
	fake_set_uplink(carry, NULL);
	fake_machine.hardware.err.code = ERR_NONE;
	plug(); /* the first run takes what is there as given */
}

static void wait_a_little(void)
{
	fake_advance(4000);
}

/* One process: what caretaker-check does between its start and its end. */
static int process(int (*work)(struct agent *agent, struct err *err), struct err *err)
{
	struct ship_outcome outcome = {0};
	struct agent agent;
	int ret;

	memset(&agent, 0, sizeof(agent));
	wait_a_little();
	if (places_init(&agent.places, NULL, NULL, NULL, err) < 0 || agent_open(&agent, err) < 0)
		return -1;
	ret = work(&agent, err);
	if (ret == 0)
		ret = status_write(&agent, err);
	if (ret == 0)
		ret = status_write_next(&agent, &outcome, err);
	agent_close(&agent);
	return ret;
}

static int check_and_ship(struct agent *agent, struct err *err)
{
	const struct ship_request request = {.now = true};
	struct ship_outcome outcome;
	enum enrol_result result;

	if (enrol_pending(agent) && enrol_again(agent, &result, err) < 0)
		return -1;
	for (int round = 0; round < 3; round++) {
		if (run_controls(agent, err) < 0)
			return -1;
		if (!agent_enrolled(agent))
			return 0;
		if (ship(agent, &request, &outcome, err) < 0)
			return -1;
		if (!outcome.policy_changed)
			return 0;
	}
	return 0;
}

static int enrol_machine(struct agent *agent, struct err *err)
{
	enum enrol_result result;
	char code[ENROL_CODE_MAX];

	if (enrol_code_format(&collector.code, code, sizeof(code), err) < 0)
		return -1;
	return enrol(agent, code, &result, err);
}

static int rotate(struct agent *agent, struct err *err)
{
	if (keystore_next(agent->keys))
		return check_and_ship(agent, err);
	return keystore_make_next(agent->keys, err) < 0 ? -1 : check_and_ship(agent, err);
}

/* --- the steps of a life --- */

static void collector_restored(void)
{
	for (int i = 0; i < 2 && collector.count; i++)
		free(collector.kept[--collector.count].jws);
	collector.epoch[0] = '8';
}

static void before_lost_answer(void)
{
	plug();
	collector.lose_answer = true;
}

static void before_policy(void)
{
	collector.lose_answer = false;
	plug();
	collector.send_policy = true;
}

static void before_refusal(void)
{
	plug();
	collector.refuse_next = true;
}

static void before_restored(void)
{
	plug();
	collector_restored();
}

static void before_full(void)
{
	collector.need_full = true;
}

static const struct step {
	const char *name;
	void (*before)(void); /* what happens around the machine */
	int (*work)(struct agent *agent, struct err *err);
	bool needs_ring; /* a full disk takes the ring: with the collector's loss, two disasters */
} steps[] = {
	{"enrolment", NULL, enrol_machine, false},
	{"first run", NULL, check_and_ship, false},
	{"an event", plug, check_and_ship, false},
	{"an answer that is lost", before_lost_answer, check_and_ship, false},
	{"a policy that comes", before_policy, check_and_ship, false},
	{"a key that is rotated", NULL, rotate, false},
	{"a heartbeat that is refused", before_refusal, check_and_ship, false},
	{"a collector that was restored", before_restored, check_and_ship, true},
	{"a full heartbeat that is wanted", before_full, check_and_ship, false},
	{"a quiet run", NULL, check_and_ship, false},
};

/* --- what must hold at the end --- */

static struct cut {
	const char *step, *how;
	unsigned after;
	bool disk_full;
} cut;

#define HOLDS(condition, what) \
	do { \
		if (!(condition)) \
			fail_msg("%s, %s after %u changes: %s", cut.step, cut.how, cut.after, \
				 what); \
	} while (0)

/* How often an event stands in what the collector keeps. */
static unsigned times_told(const char *data)
{
	unsigned told = 0;

	for (unsigned i = 0; i < collector.count; i++) {
		struct heartbeat h;

		open_heartbeat(collector.kept[i].jws, collector.kept[i].len, &h);
		HOLDS(h.events_lost == 0, "events were counted as lost");
		for (unsigned e = 0; e < h.event_count; e++)
			if (strcmp(h.events[e].type, "hardware-new") == 0 &&
			    strstr(h.events[e].data, data))
				told += h.events[e].count;
		heartbeat_clear(&h);
	}
	return told;
}

static void events_came_once(void)
{
	char why[80];

	for (size_t i = 1; i < fake_machine.hardware.facts.usb_count; i++) {
		unsigned told = times_told(plugged[i].id);

		snprintf(why, sizeof(why), "the event of device %zu came %u times", i, told);
		HOLDS(told == 1, why);
	}
}

/* The last word of each control, as full heartbeats and deltas add up. */
static void verdicts_are_known(const struct state *state)
{
	struct heartbeat_control last[CONTROL_COUNT];
	enum control_id id;

	memset(last, 0, sizeof(last));
	for (unsigned i = 0; i < collector.count; i++) {
		struct heartbeat h;

		open_heartbeat(collector.kept[i].jws, collector.kept[i].len, &h);
		for (unsigned c = 0; c < h.control_count; c++)
			if (control_parse(h.controls[c].id, &id) == 0 && !h.controls[c].as_base)
				last[id] = h.controls[c];
		heartbeat_clear(&h);
	}
	for (int i = 0; i < CONTROL_COUNT; i++) {
		const struct state_control *c = &state->controls[i];

		HOLDS(!c->known || (c->verdict == last[i].verdict && c->mode == last[i].mode &&
				    c->since == last[i].since && strcmp(c->why, last[i].why) == 0),
		      "the collector knows another verdict than the machine");
	}
}

static void ring_is_whole(void)
{
	char path[80], hash[HASH_TEXT];

	for (unsigned i = 0; i < collector.count; i++) {
		const char *text;

		snprintf(path, sizeof(path), "/var/lib/caretaker/spool/%lld.jws",
			 (long long)collector.kept[i].seq);
		text = fake_file_text(path);
		if (!text) { /* the ring is what a full disk takes first */
			HOLDS(cut.disk_full,
			      "an acknowledged heartbeat is not kept for seven days");
			continue;
		}
		crypto_sha256_b64(text, strlen(text), hash);
		HOLDS(strcmp(hash, collector.kept[i].hash) == 0, "a signed heartbeat changed");
	}
}

static int look(struct agent *agent, struct err *err)
{
	const struct state *s = &agent->state;
	int64_t last = collector.count ? collector.kept[collector.count - 1].seq : 0;

	(void)err;
	HOLDS(agent_enrolled(agent), "the machine is not enrolled");
	HOLDS(s->acked_seq == last && strcmp(s->acked_hash, head()) == 0,
	      "the machine believes in another head of its chain than the collector");
	HOLDS(spool_after(&agent->spool, s->acked_seq) == 0, "a heartbeat is still in flight");
	HOLDS(agent->pending.count == 0 && agent->pending.lost == 0, "events still wait");
	verdicts_are_known(s);
	return 0;
}

/* A refused heartbeat's number is not used again; no other is left out. */
static void numbers_follow(void)
{
	for (unsigned i = 0; i < collector.count; i++) {
		int64_t before = i ? collector.kept[i - 1].seq : 0, seq = collector.kept[i].seq;

		HOLDS(seq == before + 1 + (before + 1 == collector.refused_seq),
		      "the chain has a gap");
	}
}

static void check_invariants(void)
{
	struct err err;

	HOLDS(!collector.complaint, collector.complaint);
	/* A restored collector does not know what the heartbeat in flight continues. */
	HOLDS(collector.forks <= (collector.epoch[0] == '8'), "the chain forked");
	numbers_follow();
	events_came_once();
	ring_is_whole();
	HOLDS(process(look, &err) == 0, "the machine cannot be opened");
}

/* Lives up to step 'which', which is cut short; then goes on as the next runs would.  False when
 * the fault was not reached. */
static bool live(unsigned which, unsigned after, enum err_code code, bool once)
{
	struct err err = {ERR_NONE, ""};
	bool reached = false;
	int ret;

	cut = (struct cut){steps[which].name, once ? "one fault" : "cut short", after,
			   code == ERR_FULL};
	machine_begin();
	collector_begin();
	for (unsigned i = 0; i <= which; i++) {
		if (steps[i].before)
			steps[i].before();
		if (i == which && once)
			fake_fail_change(after, code);
		else if (i == which)
			fake_fail_changes(after, code);
		ret = process(steps[i].work, &err);
		HOLDS(ret == 0 || i == which, err.msg);
	}
	reached = fake_fault_hit();
	fake_fail_changes(0, ERR_NONE);
	collector.lose_answer = false;
	HOLDS(process(steps[which].work, &err) == 0, err.msg); /* the same again */
	HOLDS(process(check_and_ship, &err) == 0, err.msg);
	check_invariants();
	collector_end();
	fake_reset();
	return reached;
}

static void cut_everywhere(enum err_code code, bool once)
{
	for (unsigned which = 0; which < COUNT(steps); which++) {
		unsigned after = 0;

		if (once && steps[which].needs_ring)
			continue;
		while (live(which, after, code, once))
			after++;
	}
}

static void loses_nothing_when_killed_between_any_two_changes(void **state)
{
	(void)state;
	cut_everywhere(ERR_IO, false);
}

static void loses_nothing_when_the_disk_fills_between_any_two_changes(void **state)
{
	(void)state;
	cut_everywhere(ERR_FULL, false);
}

static void loses_nothing_when_any_one_change_fails(void **state)
{
	(void)state;
	cut_everywhere(ERR_FULL, true);
}

/* --- who stands between the machine and its collector --- */

static void live_quietly(unsigned count)
{
	struct err err = {ERR_NONE, ""};

	cut = (struct cut){"a quiet life", "not cut", 0, false};
	machine_begin();
	collector_begin();
	for (unsigned i = 0; i < count; i++) {
		if (steps[i].before)
			steps[i].before();
		HOLDS(process(steps[i].work, &err) == 0, err.msg);
	}
}

static int64_t best_known_time;

static int tell_time(struct agent *agent, struct err *err)
{
	(void)err;
	best_known_time = agent->now;
	return 0;
}

/* Whoever stands between holds an answer back, lets the machine try again, and delivers it days
 * later: it answers those very bytes. */
static void takes_no_earlier_time_from_an_acknowledgement_that_was_held_back(void **state)
{
	int64_t before;

	(void)state;
	live_quietly(2);
	plug();
	collector.lose_answer = true;
	assert_works(process(check_and_ship, &err));
	collector.lose_answer = false;
	collector.replay = strdup(collector.last_ack);
	fake_advance(3 * 86400);
	before = plat_now();
	assert_works(process(check_and_ship, &err));
	assert_works(process(tell_time, &err));
	assert_true(best_known_time >= before);
	free(collector.replay);
	collector.replay = NULL;
	assert_works(process(check_and_ship, &err));
	check_invariants();
	collector_end();
	fake_reset();
}

/* Or an exception that has ended would live again, and nothing be overdue. */
static void takes_no_earlier_time_from_an_acknowledgement_sent_again(void **state)
{
	int64_t before;

	(void)state;
	live_quietly(2);
	collector.replay = strdup(collector.last_ack);
	fake_advance(3 * 86400);
	before = plat_now();
	assert_works(process(check_and_ship, &err));
	assert_works(process(tell_time, &err));
	assert_true(best_known_time >= before);
	/* What the collector says about a heartbeat that is new counts, also downwards. */
	free(collector.replay);
	collector.replay = NULL;
	fake_set_now(plat_now() - 86400);
	assert_works(process(check_and_ship, &err));
	assert_works(process(tell_time, &err));
	assert_int_equal(best_known_time, plat_now());
	check_invariants();
	collector_end();
	fake_reset();
}

/* Or whoever stands between could have each heartbeat thrown away by changing one byte of it. */
static void keeps_a_heartbeat_whose_bytes_were_changed_on_the_way(void **state)
{
	(void)state;
	live_quietly(2);
	plug();
	collector.altered = true;
	for (int i = 0; i < 3; i++)
		assert_works(process(check_and_ship, &err));
	assert_null(fake_file_text("/var/lib/caretaker/spool/refused"));
	collector.altered = false;
	assert_works(process(check_and_ship, &err));
	check_invariants();
	collector_end();
	fake_reset();
}

/* --- what else a day may bring --- */

static void says_that_its_key_is_damaged_and_takes_another_code(void **state)
{
	static const char key[] = "/var/lib/caretaker/device.key";
	static const char aside[] = "/var/lib/caretaker/device.key.damaged";

	(void)state;
	live_quietly(2);
	fake_file_put(key, "");
	assert_works(process(check_and_ship, &err));
	assert_null(fake_file_text(key));
	assert_string_equal(fake_file_text(aside), "");
	assert_works(process(enrol_machine, &err));
	assert_non_null(fake_file_text(key));
	assert_works(process(agent_forget, &err));
	assert_null(fake_file_text(aside));
	collector_end();
	fake_reset();
}

static unsigned kept_files(void)
{
	unsigned count = 0;
	char path[80];

	for (int seq = 1; seq < 40; seq++) {
		snprintf(path, sizeof(path), "/var/lib/caretaker/spool/%d.jws", seq);
		count += fake_file_text(path) != NULL;
	}
	return count;
}

static void keeps_what_a_former_key_signed_when_its_state_is_lost(void **state)
{
	unsigned before;

	(void)state;
	live_quietly(6); /* a key was rotated */
	assert_works(process(check_and_ship, &err));
	before = kept_files();
	fake_file_put("/var/lib/caretaker/state.json", "{");
	assert_works(process(check_and_ship, &err));
	assert_works(process(check_and_ship, &err));
	assert_null(fake_file_text("/var/lib/caretaker/spool/damaged"));
	assert_true(kept_files() > before);
	check_invariants();
	collector_end();
	fake_reset();
}

static void takes_no_heartbeat_for_damaged_that_it_has_no_memory_to_read(void **state)
{
	static const char path[] = "/var/lib/caretaker/spool/3.jws";
	struct err bad = {ERR_NONE, ""};

	(void)state;
	live_quietly(3);
	plug();
	collector.lose_answer = true;
	assert_works(process(check_and_ship, &err));
	collector.lose_answer = false;
	assert_non_null(fake_file_text(path));
	fake_fail_read(path, ERR_NOMEM);
	assert_int_equal(process(check_and_ship, &bad), -1);
	assert_int_equal(bad.code, ERR_NOMEM);
	assert_null(fake_file_text("/var/lib/caretaker/spool/damaged"));
	fake_fail_read(path, ERR_NONE);
	assert_works(process(check_and_ship, &err));
	check_invariants();
	collector_end();
	fake_reset();
}

static void remembers_when_an_exception_was_first_seen(void **state)
{
	struct state *s = calloc(1, sizeof(*s));
	char id[UUID_LEN + 1];

	(void)state;
	assert_non_null(s);
	for (int i = 0; i <= STATE_ALLOWED_MAX; i++) {
		snprintf(id, sizeof(id), "exception %d", i);
		assert_int_equal(state_first_allowed(s, id, FAKE_NOW + i), FAKE_NOW + i);
		assert_int_equal(state_first_allowed(s, id, FAKE_NOW + 9999), FAKE_NOW + i);
	}
	assert_int_equal(s->allowed_count, STATE_ALLOWED_MAX);
	assert_string_equal(s->allowed[0].id, "exception 1");
	free(s);
}

static uint64_t next_event_id;

static int tell_next_id(struct agent *agent, struct err *err)
{
	(void)err;
	next_event_id = agent->pending.next_id;
	return 0;
}

static void gives_no_event_id_twice_when_the_clock_says_1970_and_pending_is_lost(void **state)
{
	(void)state;
	live_quietly(3);
	assert_works(process(tell_next_id, &err));
	fake_boot();
	fake_set_now(1000);
	fake_file_put("/var/lib/caretaker/pending.json", "{");
	assert_works(process(tell_next_id, &err));
	assert_true(next_event_id > (uint64_t)FAKE_NOW * 1000);
	collector_end();
	fake_reset();
}

static void takes_back_a_refused_heartbeats_events_once_and_whole(void **state)
{
	char data[] = "{}";
	struct heartbeat_event event = {
		.type = "virus-found", .count = 5, .data = data, .data_len = 2};
	const struct heartbeat refused = {
		.seq = 7, .events = &event, .event_count = 1, .events_lost = 3};
	struct pending pending;

	(void)state;
	pending_init(&pending);
	pending_add(&pending, "virus-found", FAKE_NOW, data, 2);
	pending_rescue(&pending, &refused);
	pending_rescue(&pending, &refused);
	assert_int_equal(pending.count, 1);
	assert_int_equal(pending.events[0].count, 6);
	assert_int_equal(pending.lost, 3);
	pending_clear(&pending);
}

static void honours_no_exceptions_from_the_future(void **state)
{
	static const char ini[] = "[exceptions]\nallowed = yes\nmax_days = 30\n"
				  "controls = updates\n";
	struct exception_item item = {.control = "updates", .until = FAKE_NOW + 900 * 86400};
	struct exceptions exceptions = {.serial = 1,
					.at = FAKE_NOW,
					.until = FAKE_NOW + 900 * 86400,
					.items = &item,
					.count = 1};
	struct policy *policy;

	(void)state;
	assert_works(policy_parse("t.ini", ini, sizeof(ini) - 1, &policy, &err));
	assert_int_equal(run_excepted_until(policy, &exceptions, CONTROL_UPDATES, FAKE_NOW),
			 FAKE_NOW + 30 * 86400);
	/* Signed again ten days later: it does not last longer for that. */
	item.seen = FAKE_NOW;
	exceptions.at = FAKE_NOW + 10 * 86400;
	assert_int_equal(
		run_excepted_until(policy, &exceptions, CONTROL_UPDATES, FAKE_NOW + 10 * 86400),
		FAKE_NOW + 30 * 86400);
	exceptions.at = FAKE_NOW + 800 * 86400;
	assert_int_equal(run_excepted_until(policy, &exceptions, CONTROL_UPDATES, FAKE_NOW), 0);
	policy_free(policy);
}

static void honours_exceptions_of_one_thing_as_far_as_the_policy_goes(void **state)
{
	static const char ini[] = "[exceptions]\nallowed = yes\nmax_days = 30\n"
				  "controls = software\n";
	struct exception_item items[] = {
		{.control = "software", .what = "vlc", .until = FAKE_NOW + 900 * 86400},
		{.control = "software", .what = "gimp", .until = FAKE_NOW + 86400},
		{.control = "software", .what = "ended", .until = FAKE_NOW - 1},
		{.control = "software", .until = FAKE_NOW + 86400}, /* the whole control */
		{.control = "services", .what = "tcp/80", .until = FAKE_NOW + 86400},
	};
	struct exceptions exceptions = {.serial = 1,
					.at = FAKE_NOW,
					.until = FAKE_NOW + 900 * 86400,
					.items = items,
					.count = 5};
	struct control_allowance out[EXCEPTIONS_MAX];
	struct policy *policy;

	(void)state;
	assert_works(policy_parse("t.ini", ini, sizeof(ini) - 1, &policy, &err));
	assert_int_equal(run_allowances(policy, &exceptions, CONTROL_SOFTWARE, FAKE_NOW, out), 2);
	assert_string_equal(out[0].what, "vlc");
	assert_int_equal(out[0].until, FAKE_NOW + 30 * 86400);
	assert_string_equal(out[1].what, "gimp");
	assert_int_equal(out[1].until, FAKE_NOW + 86400);
	/* Services are not among the policy's controls; nor is anything once the list has ended. */
	assert_int_equal(run_allowances(policy, &exceptions, CONTROL_SERVICES, FAKE_NOW, out), 0);
	assert_int_equal(
		run_allowances(policy, &exceptions, CONTROL_SOFTWARE, exceptions.until, out), 0);
	assert_int_equal(run_allowances(policy, NULL, CONTROL_SOFTWARE, FAKE_NOW, out), 0);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_no_earlier_time_from_an_acknowledgement_that_was_held_back),
		cmocka_unit_test(takes_no_earlier_time_from_an_acknowledgement_sent_again),
		cmocka_unit_test(keeps_a_heartbeat_whose_bytes_were_changed_on_the_way),
		cmocka_unit_test(says_that_its_key_is_damaged_and_takes_another_code),
		cmocka_unit_test(takes_no_heartbeat_for_damaged_that_it_has_no_memory_to_read),
		cmocka_unit_test(remembers_when_an_exception_was_first_seen),
		cmocka_unit_test(keeps_what_a_former_key_signed_when_its_state_is_lost),
		cmocka_unit_test(
			gives_no_event_id_twice_when_the_clock_says_1970_and_pending_is_lost),
		cmocka_unit_test(takes_back_a_refused_heartbeats_events_once_and_whole),
		cmocka_unit_test(honours_no_exceptions_from_the_future),
		cmocka_unit_test(honours_exceptions_of_one_thing_as_far_as_the_policy_goes),
		cmocka_unit_test(loses_nothing_when_killed_between_any_two_changes),
		cmocka_unit_test(loses_nothing_when_the_disk_fills_between_any_two_changes),
		cmocka_unit_test(loses_nothing_when_any_one_change_fails),
	};

	log_init("check_cut_short", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
