/* Where a heartbeat belongs: tools/collector/lineage.c, by tables of short stories.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include "tools/collector/lineage.h"

#define NOW 1795328400

/* A heartbeat is named by a letter; its hash is that letter's byte.  '.' is none we ever saw. */
struct beat {
	int name, prev;
	int64_t seq;
	const char *flags; /* f full, v volatile, r says rewound, k the one before is known */
	const char *want;  /* advance, open, refuse; then the event, if any */
	bool apply, partial;
	unsigned branches; /* afterwards */
};

struct story {
	const char *title;
	struct beat beats[12];
};

static const struct story stories[] = {
	{"an enrolled device goes on",
	 {{'a', 'E', 1, "f", "advance", true, false, 1},
	  {'b', 'a', 2, "", "advance", true, false, 1},
	  {'c', 'b', 3, "", "advance", true, false, 1}}},
	{"a first delta stands on nothing: a full one is asked for until it comes",
	 {{'a', 'E', 1, "", "advance", true, true, 1},
	  {'b', 'a', 2, "", "advance", true, true, 1},
	  {'c', 'b', 3, "f", "advance", true, false, 1}}},
	{"a number that does not follow its hash is refused",
	 {{'a', 'E', 1, "f", "advance", true, false, 1},
	  {'b', 'a', 3, "", "refuse", false, false, 1}}},
	{"a rewound machine opens a branch, is told, goes on from the trunk",
	 {{'a', 'E', 1, "f", "advance", true, false, 1},
	  {'b', 'a', 2, "", "advance", true, false, 1},
	  {'c', 'b', 3, "", "advance", true, false, 1},
	  {'x', 'a', 2, "fk", "open chain-rewind", true, false, 2},
	  {'d', 'c', 4, "fr", "advance", true, false, 1}}},
	{"a delta after a rewind stands on another state",
	 {{'a', 'E', 1, "f", "advance", true, false, 1},
	  {'b', 'a', 2, "", "advance", true, false, 1},
	  {'x', 'a', 2, "k", "open chain-rewind", true, true, 2}}},
	{"two machines with one key both go on: a fork",
	 {{'a', 'E', 1, "f", "advance", true, false, 1},
	  {'b', 'a', 2, "", "advance", true, false, 1},
	  {'x', 'a', 2, "fk", "open chain-rewind", true, false, 2},
	  {'c', 'b', 3, "f", "advance chain-fork", true, false, 2},
	  {'y', 'x', 3, "f", "advance chain-fork", true, false, 2}}},
	{"what came before a gap is sent again and joins; its state is history",
	 {{'a', 'E', 1, "f", "advance", true, false, 1},
	  {'d', 'c', 4, "", "open chain-gap", true, true, 2},
	  {'b', 'a', 2, "", "advance", false, false, 2},
	  {'c', 'b', 3, "", "advance chain-joined", false, false, 1},
	  {'e', 'd', 5, "f", "advance", true, false, 1}}},
	{"a machine put back at each boot begins anew without an alarm",
	 {{'a', 'E', 1, "fv", "advance", true, false, 1},
	  {'b', 'a', 2, "v", "advance", true, false, 1},
	  {'x', 'E', 1, "fvk", "open", true, false, 2},
	  {'y', 'E', 1, "fvk", "open", true, false, 3}}},
};

static struct lineage enrolled(void)
{
	struct lineage l = {.count = 1, .state_partial = true};

	l.branches[0] = (struct lineage_branch){.n = 1, .advanced_at = NOW};
	memset(l.branches[0].hash, 'E', CRYPTO_HASH_SIZE);
	return l;
}

static struct lineage_heartbeat heartbeat(const struct beat *b)
{
	struct lineage_heartbeat h = {
		.seq = b->seq,
		.full = strchr(b->flags, 'f'),
		.is_volatile = strchr(b->flags, 'v'),
		.rewound = strchr(b->flags, 'r'),
		.prev_known = strchr(b->flags, 'k'),
		.now = NOW,
	};

	memset(h.hash, b->name, CRYPTO_HASH_SIZE);
	memset(h.prev, b->prev, CRYPTO_HASH_SIZE);
	return h;
}

static void tells_each_story(void **state)
{
	static const char *const kinds[] = {"advance", "open", "refuse"};

	(void)state;
	for (size_t i = 0; i < COUNT(stories); i++) {
		struct lineage l = enrolled();

		for (const struct beat *b = stories[i].beats; b->name; b++) {
			struct lineage_heartbeat h = heartbeat(b);
			struct lineage_step step;
			char got[64];

			lineage_place(&l, &h, &step);
			snprintf(got, sizeof(got), "%s%s%s", kinds[step.kind],
				 step.event ? " " : "", step.event ? step.event : "");
			if (strcmp(got, b->want) != 0)
				fail_msg("%s, %c: got '%s', want '%s' (%s)", stories[i].title,
					 b->name, got, b->want, step.why);
			lineage_apply(&l, &h, &step);
			if (step.apply != b->apply || (step.apply && step.partial != b->partial) ||
			    l.count != b->branches)
				fail_msg("%s, %c: apply %d partial %d branches %u",
					 stories[i].title, b->name, step.apply, step.partial,
					 l.count);
		}
	}
}

static void tells_a_rewound_device_of_the_trunk(void **state)
{
	static const struct beat beats[] = {{'a', 'E', 1, "f", "", 0, 0, 0},
					    {'b', 'a', 2, "f", "", 0, 0, 0},
					    {'c', 'b', 3, "f", "", 0, 0, 0},
					    {'x', 'a', 2, "fk", "", 0, 0, 0}};
	struct lineage l = enrolled();
	const struct lineage_branch *trunk;
	struct lineage_step step;

	(void)state;
	for (size_t i = 0; i < COUNT(beats); i++) {
		struct lineage_heartbeat h = heartbeat(&beats[i]);

		lineage_place(&l, &h, &step);
		lineage_apply(&l, &h, &step);
	}
	trunk = lineage_trunk(&l, step.branch.n);
	assert_non_null(trunk);
	assert_int_equal(trunk->seq, 3);
	assert_int_equal(trunk->hash[0], 'c');
	assert_null(lineage_trunk(&l, 1));
}

static void does_not_tell_of_what_the_device_sent_itself(void **state)
{
	static const struct beat beats[] = {{'a', 'E', 1, "f", "", 0, 0, 0},
					    {'d', 'c', 4, "f", "", 0, 0, 0},
					    {'b', 'a', 2, "f", "", 0, 0, 0}};
	struct lineage l = enrolled();
	struct lineage_step step;

	(void)state;
	for (size_t i = 0; i < COUNT(beats); i++) {
		struct lineage_heartbeat h = heartbeat(&beats[i]);

		lineage_place(&l, &h, &step);
		lineage_apply(&l, &h, &step);
	}
	assert_null(lineage_trunk(&l, step.branch.n));
}

static void refuses_a_ninth_branch_that_lives(void **state)
{
	struct lineage l = enrolled();
	struct lineage_step step;

	(void)state;
	for (int i = 0; i < 7; i++) {
		const struct beat b = {'a' + i, '.', 10 + i, "f", "", 0, 0, 0};
		struct lineage_heartbeat h = heartbeat(&b);

		memset(h.prev, 'A' + 10 + i, CRYPTO_HASH_SIZE);
		lineage_place(&l, &h, &step);
		assert_int_equal(step.kind, LINEAGE_OPEN);
		lineage_apply(&l, &h, &step);
	}
	assert_int_equal(l.count, LINEAGE_MAX);
	{
		const struct beat b = {'z', '!', 40, "f", "", 0, 0, 0};
		struct lineage_heartbeat h = heartbeat(&b);

		lineage_place(&l, &h, &step);
		assert_int_equal(step.kind, LINEAGE_REFUSE);
		assert_string_equal(
			step.why,
			"this key has 8 chains that live: it is used on several machines; "
			"revoke it and enrol each machine anew");
		/* The oldest, when it has rested for long, makes room. */
		h.now += LINEAGE_STALE_S;
		lineage_place(&l, &h, &step);
		assert_int_equal(step.kind, LINEAGE_OPEN);
		lineage_apply(&l, &h, &step);
		assert_int_equal(l.count, LINEAGE_MAX);
	}
}

static void an_enrolment_anew_with_the_same_key_restarts_the_chain(void **state)
{
	static const struct beat first = {'a', 'E', 1, "f", "", 0, 0, 0},
				 anew = {'b', 'F', 1, "f", "", 0, 0, 0};
	struct lineage l = enrolled();
	struct lineage_heartbeat h = heartbeat(&first);
	struct lineage_step step;

	(void)state;
	lineage_place(&l, &h, &step);
	lineage_apply(&l, &h, &step);
	/* What the enrolment adds. */
	l.branches[l.count++] = (struct lineage_branch){.n = 2, .advanced_at = NOW};
	memset(l.branches[1].hash, 'F', CRYPTO_HASH_SIZE);
	h = heartbeat(&anew);
	lineage_place(&l, &h, &step);
	assert_int_equal(step.kind, LINEAGE_ADVANCE);
	assert_string_equal(step.event, "chain-restart");
	lineage_apply(&l, &h, &step);
	assert_int_equal(l.count, 1);
	assert_int_equal(l.branches[0].n, 2);
	assert_int_equal(l.state_branch, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_each_story),
		cmocka_unit_test(tells_a_rewound_device_of_the_trunk),
		cmocka_unit_test(does_not_tell_of_what_the_device_sent_itself),
		cmocka_unit_test(an_enrolment_anew_with_the_same_key_restarts_the_chain),
		cmocka_unit_test(refuses_a_ninth_branch_that_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
