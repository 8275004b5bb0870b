/* What the desk asks of any store: what to fix first, and what is counted of each place.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store_fixture.h"

#include "tools/collector/standing.h"

/* --- what to fix first --- */

struct one_cause {
	const char *control;
	struct store_cause found;
	unsigned rows;
};

static int take_cause(void *ctx, const struct store_cause *cause, struct err *err)
{
	struct one_cause *one = ctx;

	(void)err;
	one->rows++;
	if (!strcmp(cause->control, one->control))
		one->found = *cause;
	return 0;
}

static struct store_cause cause_of(struct fixture *f, enum store_scope scope, int64_t id,
				   const char *control)
{
	struct one_cause one = {.control = control};

	assert_works(f->store->desk->causes(f->store, scope, id, 0, take_cause, &one, &err));
	return one.found;
}

/* A further device of the same code; the fixture stays with its own. */
static void another(struct fixture *f, struct fixture *out, const char *serial)
{
	struct store_enrolled enrolled;

	*out = *f;
	out->signer = new_signer();
	out->seq = 0;
	enrolled = enrol_with(out, out->signer, serial, NULL);
	f->serial = out->serial;
	assert_int_equal(enrolled.result, STORE_ENROL_ACTIVE);
	text_copy(out->device, sizeof(out->device), enrolled.device);
	assert_works(f->store->live->find_key(
		f->store, crypto_key_kid(crypto_signer_key(out->signer)), &out->key, &err));
	crypto_sha256_b64(serial, strlen(serial), out->head);
}

static struct heartbeat one_control(struct heartbeat_control *c, enum verdict verdict,
				    const char *why, int64_t since, int64_t due_at)
{
	struct heartbeat h = {.full = true, .controls = c, .control_count = 1, .at = NOW};

	memset(c, 0, sizeof(*c));
	text_copy(c->id, sizeof(c->id), "updates");
	text_copy(c->why, sizeof(c->why), why);
	c->verdict = verdict;
	c->since = since;
	c->due_at = due_at;
	c->evidence = "{}";
	c->evidence_len = 2;
	return h;
}

static void what_to_fix_counts_devices_and_names_the_oldest(void **state)
{
	struct fixture *f = *state, second, third;
	struct heartbeat_control c;
	struct heartbeat h;
	struct store_cause cause;

	enrolled(f);
	another(f, &second, "SN-2");
	another(f, &third, "SN-3");
	h = one_control(&c, VERDICT_FAIL, "pending", NOW - 100, 0);
	beat(f, &h, NOW);
	h = one_control(&c, VERDICT_FAIL, "pending", NOW - 300, 0);
	beat(&second, &h, NOW);
	h = one_control(&c, VERDICT_FAIL, "pending", NOW - 200, 0);
	beat(&third, &h, NOW);
	cause = cause_of(f, STORE_SCHOOL, f->code.school, "updates");
	assert_int_equal(cause.count, 3);
	assert_int_equal(cause.oldest, NOW - 300);
	assert_string_equal(cause.device, second.device);
	/* The example is mended, the next oldest stands for the rest; then it is retired. */
	h = one_control(&c, VERDICT_PASS, "ok", NOW, 0);
	beat(&second, &h, NOW + 1);
	cause = cause_of(f, STORE_TRUST, 0, "updates");
	assert_int_equal(cause.count, 2);
	assert_string_equal(cause.device, third.device);
	assert_works(f->store->admin->device_status(f->store, third.device, STORE_RETIRED, "sold",
						    "test", &err));
	cause = cause_of(f, STORE_GROUP, f->code.group, "updates");
	assert_int_equal(cause.count, 1);
	assert_string_equal(cause.device, f->device);
	assert_int_equal(cause.oldest, NOW - 100);
	/* Another reason is another row; none is left of the first. */
	h = one_control(&c, VERDICT_FAIL, "no-source", NOW, 0);
	beat(f, &h, NOW + 2);
	cause = cause_of(f, STORE_TRUST, 0, "updates");
	assert_string_equal(cause.why, "no-source");
	assert_int_equal(cause.count, 1);
	crypto_signer_free(second.signer);
	crypto_signer_free(third.signer);
}

static void what_to_fix_moves_with_time_and_place(void **state)
{
	struct fixture *f = *state;
	struct store_room room = {.name = "ICT1"};
	struct heartbeat_control c;
	struct heartbeat h;
	int64_t room_id;

	enrolled(f);
	room.school = f->code.school;
	assert_works(f->store->admin->room_add(f->store, &room, "test", &room_id, &err));
	h = one_control(&c, VERDICT_PASS, "pending", NOW - 100, NOW + 60);
	beat(f, &h, NOW);
	assert_int_equal(cause_of(f, STORE_TRUST, 0, "updates").standing, STANDING_DUE_BY);
	assert_works(store_settle(f->store, NOW + 61, &err));
	assert_int_equal(cause_of(f, STORE_TRUST, 0, "updates").standing, STANDING_OVERDUE);
	assert_int_equal(cause_of(f, STORE_ROOM, room_id, "updates").count, 0);
	assert_works(f->store->admin->device_move(f->store, f->device, f->code.group, room_id,
						  "test", &err));
	assert_int_equal(cause_of(f, STORE_ROOM, room_id, "updates").count, 1);
	assert_int_equal(cause_of(f, STORE_TRUST, 0, "updates").count, 1);
}

struct places {
	char text[256];
	size_t len;
};

static int write_place(void *ctx, const struct store_place_count *c, struct err *err)
{
	struct places *p = ctx;

	(void)err;
	p->len += (size_t)snprintf(p->text + p->len, sizeof(p->text) - p->len,
				   "%s/%s %d,%lld=%lld\n", c->school, c->name, c->count.control,
				   (long long)c->count.standing, (long long)c->count.count);
	return 0;
}

static void places_are(struct fixture *f, enum store_scope scope, int64_t in, const char *want)
{
	struct places got = {.len = 0};

	assert_works(f->store->desk->place_counts(f->store, scope, in, write_place, &got, &err));
	assert_string_equal(got.text, want);
}

static void every_place_is_counted_by_school_and_name_the_empty_ones_too(void **state)
{
	struct fixture *f = *state;
	struct store_room rooms[2] = {{.name = "Library"}, {.name = "ICT1"}};
	struct store_school other = {.name = "Acre School", .not_seen_days = 7};
	struct heartbeat_control c;
	struct heartbeat h;
	int64_t ids[2], other_id;

	enrolled(f);
	for (int i = 0; i < 2; i++) {
		rooms[i].school = f->code.school;
		assert_works(f->store->admin->room_add(f->store, &rooms[i], "test", &ids[i], &err));
	}
	assert_works(f->store->admin->school_add(f->store, &other, "test", &other_id, &err));
	assert_works(f->store->admin->device_move(f->store, f->device, f->code.group, ids[0],
						  "test", &err));
	h = one_control(&c, VERDICT_FAIL, "pending", NOW, 0);
	beat(f, &h, NOW);
	places_are(f, STORE_ROOM, 0,
		   "Hill School/ICT1 -1,0=0\n"
		   "Hill School/Library -2,0=1\nHill School/Library -1,1=1\n");
	places_are(f, STORE_SCHOOL, 0,
		   "Acre School/Acre School -1,0=0\n"
		   "Hill School/Hill School -2,0=1\nHill School/Hill School -1,1=1\n");
	places_are(f, STORE_GROUP, f->code.school,
		   "Hill School/default -1,0=0\n"
		   "Hill School/laptops -2,0=1\nHill School/laptops -1,1=1\n");
	places_are(f, STORE_ROOM, other_id, "");
}

/* Devices that come, go, move and change their minds, several in one transaction. */
static void what_to_fix_holds_whatever_happens(void **state)
{
	static const char *const whys[] = {"pending", "no-source", "held"};
	struct fixture *f = *state, devices[5];
	struct store_room room = {.name = "ICT1"};
	struct heartbeat_control c;
	int64_t room_id, now = NOW;
	uint32_t r = 1;

	enrolled(f);
	room.school = f->code.school;
	assert_works(f->store->admin->room_add(f->store, &room, "test", &room_id, &err));
	for (int i = 0; i < 5; i++) {
		char serial[8];

		snprintf(serial, sizeof(serial), "SN-%d", 10 + i);
		another(f, &devices[i], serial);
	}
	for (int round = 0; round < 60; round++) {
		assert_works(f->store->live->begin(f->store, &err));
		for (int k = 0; k < 6; k++) {
			struct fixture *d;
			struct heartbeat h;

			r = r * 1103515245 + 12345;
			d = &devices[(r >> 16) % 5];
			h = one_control(&c, (r >> 8) % 3 ? VERDICT_FAIL : VERDICT_PASS,
					whys[(r >> 10) % 3], NOW - (int64_t)((r >> 20) % 4),
					(r >> 12) % 3 ? 0 : now + 30);
			step(d, &h, now);
		}
		assert_works(f->store->live->commit(f->store, &err));
		now += 20;
		if (round % 3 == 0)
			assert_works(store_settle(f->store, now, &err));
		if (round % 5 == 0)
			assert_works(f->store->admin->device_move(
				f->store, devices[round % 5].device, f->code.group,
				round % 2 ? room_id : 0, "test", &err));
		counts_hold(f);
	}
	for (int i = 0; i < 5; i++)
		crypto_signer_free(devices[i].signer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_to_fix_counts_devices_and_names_the_oldest),
		T(what_to_fix_moves_with_time_and_place),
		T(what_to_fix_holds_whatever_happens),
		T(every_place_is_counted_by_school_and_name_the_empty_ones_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
