/* The life of one machine, step by step from its enrolment, and what must hold at its end: the
 * collector knows all, once and in order.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_LIFE_H
#define CARETAKER_TESTS_LIFE_H

#include "agent/check/agent.h"
#include "agent/check/enrol.h"
#include "agent/check/keystore.h"
#include "agent/check/run.h"
#include "agent/check/ship.h"
#include "agent/check/status.h"
#include "platform/fake/fake_machine.h"
#include "platform/fake/fake_software.h"
#include "tests/unit/life_collector.h"

#define USB_MAX 8

/* --- the machine --- */

static struct plat_usb plugged[USB_MAX];

static inline void plug(void)
{
	struct plat_hardware *facts = &fake_machine.hardware.facts;
	struct plat_usb *usb = &plugged[facts->usb_count++];

	assert_true(facts->usb_count <= USB_MAX);
	*usb = (struct plat_usb){.port = "1-1", .kind = "storage", .removable = true};
	snprintf(usb->id, sizeof(usb->id), "0951:%04u", (unsigned)facts->usb_count);
	facts->usb = plugged;
}

static inline void machine_begin(void)
{
	fake_reset();
	fake_machine_reset();
	fake_software_reset();
	fake_set_uplink(carry, NULL);
	fake_machine.hardware.err.code = ERR_NONE;
	plug(); /* the first run takes what is there as given */
}

static inline void wait_a_little(void)
{
	fake_advance(4000);
}

/* One process: what caretaker-check does between its start and its end. */
static inline int process(int (*work)(struct agent *agent, struct err *err), struct err *err)
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

static inline int check_and_ship(struct agent *agent, struct err *err)
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

static inline int enrol_machine(struct agent *agent, struct err *err)
{
	enum enrol_result result;
	char code[ENROL_CODE_MAX];

	if (enrol_code_format(&collector.code, code, sizeof(code), err) < 0)
		return -1;
	return enrol(agent, code, &result, err);
}

static inline int rotate(struct agent *agent, struct err *err)
{
	if (keystore_next(agent->keys))
		return check_and_ship(agent, err);
	return keystore_make_next(agent->keys, err) < 0 ? -1 : check_and_ship(agent, err);
}

/* --- the steps of a life --- */

static inline void collector_restored(void)
{
	for (int i = 0; i < 2 && collector.count; i++)
		free(collector.kept[--collector.count].jws);
	collector.epoch[0] = '8';
}

static inline void before_lost_answer(void)
{
	plug();
	collector.lose_answer = true;
}

static inline void before_policy(void)
{
	collector.lose_answer = false;
	plug();
	collector.send_policy = true;
}

static inline void before_refusal(void)
{
	plug();
	collector.refuse_next = true;
}

static inline void before_restored(void)
{
	plug();
	collector_restored();
}

static inline void before_full(void)
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
static inline unsigned times_told(const char *data)
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

static inline void events_came_once(void)
{
	char why[80];

	for (size_t i = 1; i < fake_machine.hardware.facts.usb_count; i++) {
		unsigned told = times_told(plugged[i].id);

		snprintf(why, sizeof(why), "the event of device %zu came %u times", i, told);
		HOLDS(told == 1, why);
	}
}

/* The last word of each control, as full heartbeats and deltas add up. */
static inline void verdicts_are_known(const struct state *state)
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

static inline void ring_is_whole(void)
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

static inline int look(struct agent *agent, struct err *err)
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
static inline void numbers_follow(void)
{
	for (unsigned i = 0; i < collector.count; i++) {
		int64_t before = i ? collector.kept[i - 1].seq : 0, seq = collector.kept[i].seq;

		HOLDS(seq == before + 1 + (before + 1 == collector.refused_seq),
		      "the chain has a gap");
	}
}

static inline void check_invariants(void)
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

#endif
