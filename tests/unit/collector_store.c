/* What any store must do, asked through store.h: the same tests run on each.
 * collector_store_desk.c has what the desk asks of it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store_fixture.h"

#include "tools/collector/standing.h"

static struct store_placed put(struct fixture *f, struct heartbeat *h, const char *name,
			       int64_t now)
{
	struct store_placed out;

	assert_works(f->store->live->begin(f->store, &err));
	out = put_in(f, h, name, now);
	assert_works(f->store->live->commit(f->store, &err));
	return out;
}

/* --- counters --- */

struct wanted {
	int control;
	int64_t standing, count;
	bool found;
};

static int match(void *ctx, const struct store_count *count, struct err *err)
{
	struct wanted *w = ctx;

	(void)err;
	if (count->control == w->control && count->standing == w->standing) {
		w->count = count->count;
		w->found = true;
	}
	return 0;
}

static int64_t count_of(struct fixture *f, int control, int64_t standing)
{
	struct wanted w = {control, standing, 0, false};

	assert_works(f->store->live->counts(f->store, STORE_TRUST, 0, match, &w, &err));
	if (w.found)
		assert_int_not_equal(w.count, 0);
	return w.count;
}

static int add(void *ctx, const struct store_count *count, struct err *err)
{
	int64_t *sum = ctx;

	(void)err;
	assert_true(count->count > 0);
	if (count->control >= 0)
		*sum += count->count;
	return 0;
}

static int64_t controls_counted(struct fixture *f, enum store_scope scope, int64_t id)
{
	int64_t sum = 0;

	assert_works(f->store->live->counts(f->store, scope, id, add, &sum, &err));
	return sum;
}

/* --- tests --- */

static void keeps_what_it_was_made_with(void **state)
{
	struct fixture *f = *state;
	struct store_site site;
	struct store *again;

	assert_works(store_open(f->path, STORE_READ, &again, &err));
	assert_works(again->live->site(again, &site, &err));
	assert_string_equal(site.epoch, "99999999-2222-4333-8444-555555555555");
	store_close(again);
}

static void enrols_by_a_code_and_knows_it_again(void **state)
{
	struct fixture *f = *state;
	struct store_enrolled again, other;
	struct crypto_signer *second = new_signer();

	enrolled(f);
	again = enrol_with(f, f->signer, "SN-1", NULL);
	assert_int_equal(again.result, STORE_ENROL_ACTIVE);
	assert_true(again.again);
	assert_string_equal(again.device, f->device);
	assert_int_equal(again.audit_until, NOW + 14 * DAY);
	assert_string_equal(again.adopts, "");
	/* The same hardware with a new key is another device, offered for adoption. */
	other = enrol_with(f, second, "sn-1", NULL);
	assert_int_equal(other.result, STORE_ENROL_ACTIVE);
	assert_string_equal(other.adopts, f->device);
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_NEVER_SEEN), 2);
	crypto_signer_free(second);
}

static void refuses_codes_that_do_not_hold(void **state)
{
	struct fixture *f = *state;
	struct crypto_signer *second = new_signer();
	char wrong[CRYPTO_HASH_B64_LEN + 1];

	code_new(f, 1, false);
	f->signer = new_signer();
	crypto_sha256_b64("guess", 5, wrong);
	assert_int_equal(enrol_with(f, f->signer, "SN-1", wrong).result, STORE_ENROL_WRONG_CODE);
	assert_int_equal(enrol_with(f, f->signer, "SN-1", NULL).result, STORE_ENROL_ACTIVE);
	assert_int_equal(enrol_with(f, second, "SN-2", NULL).result, STORE_ENROL_CODE_USED_UP);
	/* Asking again does not use it up, and works though it is. */
	assert_int_equal(enrol_with(f, f->signer, "SN-1", NULL).result, STORE_ENROL_ACTIVE);
	text_copy(f->code.id, sizeof(f->code.id), "0123456789abcdef");
	assert_int_equal(enrol_with(f, second, "SN-2", NULL).result, STORE_ENROL_WRONG_CODE);
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_NEVER_SEEN), 1);
	crypto_signer_free(second);
}

static void a_shared_code_waits_for_a_yes(void **state)
{
	struct fixture *f = *state;
	struct store_enrolled out;
	struct heartbeat h;

	code_new(f, 0, true);
	f->signer = new_signer();
	out = enrol_with(f, f->signer, "SN-1", NULL);
	assert_int_equal(out.result, STORE_ENROL_WAITING);
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_IS_WAITING), 1);
	assert_works(f->store->live->find_key(
		f->store, crypto_key_kid(crypto_signer_key(f->signer)), &f->key, &err));
	text_copy(f->device, sizeof(f->device), out.device);
	crypto_sha256_b64("request", 7, f->head);
	sample_heartbeat(&h, true);
	{
		struct store_placed placed = beat(f, &h, NOW);

		assert_int_equal(placed.as, STORE_REFUSED);
		assert_int_equal(placed.status, STORE_WAITING);
		assert_string_equal(placed.why, "the device is waiting");
	}
	assert_works(f->store->admin->device_status(f->store, out.device, STORE_ACTIVE, "yes",
						    "test", &err));
	assert_int_equal(enrol_with(f, f->signer, "SN-1", NULL).result, STORE_ENROL_ACTIVE);
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_IS_WAITING), 0);
}

static void counts_a_heartbeat_in_its_transaction(void **state)
{
	struct fixture *f = *state;
	struct heartbeat h;
	struct store_placed placed;

	enrolled(f);
	sample_heartbeat(&h, true);
	placed = beat(f, &h, NOW);
	assert_int_equal(placed.as, STORE_STORED);
	assert_int_equal(placed.acked, 1);
	assert_string_equal(placed.head, f->head);
	assert_true(placed.newest);
	assert_false(placed.need_full);
	assert_int_equal(controls_counted(f, STORE_TRUST, 0), SAMPLE_CONTROLS);
	assert_int_equal(controls_counted(f, STORE_SCHOOL, f->code.school), SAMPLE_CONTROLS);
	assert_int_equal(controls_counted(f, STORE_GROUP, f->code.group), SAMPLE_CONTROLS);
	assert_int_equal(count_of(f, CONTROL_SCREEN_LOCK, STANDING_TO_FIX), 1);
	assert_int_equal(count_of(f, CONTROL_UPDATES, STANDING_DUE_BY), 1);
	assert_int_equal(count_of(f, STORE_COUNT_DEVICE, STANDING_TO_FIX), 1);
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_SEEN), 1);
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_NEVER_SEEN), 0);
	assert_int_equal(count_of(f, STORE_COUNT_POLICY, 7), 1);
}

static void a_delta_changes_what_it_names(void **state)
{
	struct fixture *f = *state;
	struct heartbeat h;

	enrolled(f);
	sample_heartbeat(&h, true);
	(void)beat(f, &h, NOW);
	h.full = false;
	h.event_count = 0;
	h.control_count = 1; /* the screen lock */
	h.controls[0].verdict = VERDICT_PASS;
	assert_false(beat(f, &h, NOW + 900).need_full);
	assert_int_equal(count_of(f, CONTROL_SCREEN_LOCK, STANDING_TO_FIX), 0);
	assert_int_equal(count_of(f, CONTROL_SCREEN_LOCK, STANDING_OK), 1);
	assert_int_equal(controls_counted(f, STORE_TRUST, 0), SAMPLE_CONTROLS);
	/* A full one with fewer takes the others away. */
	h.full = true;
	(void)beat(f, &h, NOW + 1800);
	assert_int_equal(controls_counted(f, STORE_TRUST, 0), 1);
	assert_int_equal(count_of(f, STORE_COUNT_DEVICE, STANDING_OK), 1);
}

static void the_same_heartbeat_twice_is_one(void **state)
{
	struct fixture *f = *state;
	struct heartbeat h;
	struct store_placed placed;

	enrolled(f);
	sample_heartbeat(&h, true);
	(void)beat(f, &h, NOW);
	placed = put(f, &h, "beat 1", NOW + 5);
	assert_int_equal(placed.as, STORE_REPEATED);
	assert_int_equal(placed.acked, 1);
	assert_string_equal(placed.head, f->head);
	assert_int_equal(count_of(f, CONTROL_SCREEN_LOCK, STANDING_TO_FIX), 1);
	(void)beat(f, &h, NOW + 900);
	/* An old one again says where the chain is now. */
	memset(h.prev, 0, sizeof(h.prev));
	crypto_sha256_b64("request", 7, h.prev);
	h.seq = 1;
	placed = put(f, &h, "beat 1", NOW + 905);
	assert_int_equal(placed.as, STORE_REPEATED);
	assert_int_equal(placed.acked, 2);
	assert_false(placed.newest);
}

static void a_rewound_device_hears_of_its_trunk(void **state)
{
	struct fixture *f = *state;
	struct heartbeat h;
	struct store_placed placed;
	char second[HASH_TEXT], trunk[HASH_TEXT];

	enrolled(f);
	sample_heartbeat(&h, true);
	(void)beat(f, &h, NOW);
	(void)beat(f, &h, NOW + 900);
	memcpy(second, f->head, sizeof(second));
	(void)beat(f, &h, NOW + 1800);
	memcpy(trunk, f->head, sizeof(trunk));
	h.seq = 3;
	memcpy(h.prev, second, sizeof(second));
	placed = put(f, &h, "another third", NOW + 2700);
	assert_int_equal(placed.as, STORE_STORED);
	assert_int_equal(placed.acked, 3);
	assert_int_equal(placed.trunk_seq, 3);
	assert_string_equal(placed.trunk_head, trunk);
}

static void time_alone_changes_counters_exactly(void **state)
{
	struct fixture *f = *state;
	struct heartbeat h;
	int64_t next;

	enrolled(f);
	sample_heartbeat(&h, true); /* updates are due in 9 days; seen for 7 */
	(void)beat(f, &h, NOW);
	assert_works(f->store->live->next_change(f->store, &next, &err));
	assert_int_equal(next, NOW + 7 * DAY);
	assert_works(store_settle(f->store, NOW + 7 * DAY - 1, &err));
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_SEEN), 1);
	assert_works(store_settle(f->store, NOW + 7 * DAY, &err));
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_SEEN), 0);
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_NOT_SEEN), 1);
	assert_works(store_settle(f->store, NOW + 9 * DAY, &err));
	assert_int_equal(count_of(f, CONTROL_UPDATES, STANDING_DUE_BY), 1);
	assert_works(store_settle(f->store, NOW + 9 * DAY + 1, &err));
	assert_int_equal(count_of(f, CONTROL_UPDATES, STANDING_DUE_BY), 0);
	assert_int_equal(count_of(f, CONTROL_UPDATES, STANDING_OVERDUE), 1);
	assert_int_equal(count_of(f, STORE_COUNT_DEVICE, STANDING_OVERDUE), 1);
	/* Heard again: seen, and its own word counts. */
	h.controls[10].due_at = NOW + 30 * DAY;
	(void)beat(f, &h, NOW + 9 * DAY + 2);
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_SEEN), 1);
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_NOT_SEEN), 0);
	assert_int_equal(count_of(f, CONTROL_UPDATES, STANDING_OVERDUE), 0);
}

static void an_exception_ends_when_it_says(void **state)
{
	struct fixture *f = *state;
	struct heartbeat h;

	enrolled(f);
	sample_heartbeat(&h, true);
	h.controls[0].verdict = VERDICT_EXCEPTED;
	h.controls[0].until = NOW + DAY;
	(void)beat(f, &h, NOW);
	assert_int_equal(count_of(f, CONTROL_SCREEN_LOCK, STANDING_ALLOWED_UNTIL), 1);
	assert_works(store_settle(f->store, NOW + DAY - 1, &err));
	assert_int_equal(count_of(f, CONTROL_SCREEN_LOCK, STANDING_ALLOWED_UNTIL), 1);
	assert_works(store_settle(f->store, NOW + DAY, &err));
	assert_int_equal(count_of(f, CONTROL_SCREEN_LOCK, STANDING_ALLOWED_UNTIL), 0);
	assert_int_equal(count_of(f, CONTROL_SCREEN_LOCK, STANDING_TO_FIX), 1);
}

static void a_revoked_device_is_counted_out_and_refused(void **state)
{
	struct fixture *f = *state;
	struct heartbeat h;
	struct store_placed placed;

	enrolled(f);
	sample_heartbeat(&h, true);
	(void)beat(f, &h, NOW);
	assert_works(f->store->admin->device_status(f->store, f->device, STORE_REVOKED, "stolen",
						    "test", &err));
	assert_int_equal(controls_counted(f, STORE_TRUST, 0), 0);
	assert_int_equal(count_of(f, STORE_COUNT_PRESENCE, STORE_IS_REVOKED), 1);
	placed = beat(f, &h, NOW + 900);
	assert_int_equal(placed.as, STORE_REFUSED);
	assert_int_equal(placed.status, STORE_REVOKED);
	assert_int_equal(enrol_with(f, f->signer, "SN-1", NULL).result, STORE_ENROL_REVOKED);
}

static void what_is_rolled_back_never_was(void **state)
{
	struct fixture *f = *state;
	struct heartbeat h;
	struct store_heartbeat in = {.key = &f->key, .heartbeat = &h, .jws = "x", .jws_len = 1};
	struct store_placed placed;

	enrolled(f);
	sample_heartbeat(&h, true);
	h.seq = 1;
	memcpy(h.prev, f->head, sizeof(h.prev));
	crypto_sha256_b64("x", 1, in.hash);
	in.received_at = NOW;
	assert_works(f->store->live->begin(f->store, &err));
	assert_works(f->store->live->put_heartbeat(f->store, &in, &placed, &err));
	f->store->live->rollback(f->store);
	assert_int_equal(controls_counted(f, STORE_TRUST, 0), 0);
	assert_int_equal(beat(f, &h, NOW).as, STORE_STORED);
	assert_int_equal(controls_counted(f, STORE_TRUST, 0), SAMPLE_CONTROLS);
}

static void a_key_gives_way_to_the_next_it_names(void **state)
{
	struct fixture *f = *state;
	struct crypto_signer *next = new_signer();
	const struct crypto_key *key = crypto_signer_key(next);
	struct store_key before;
	struct heartbeat h;

	enrolled(f);
	before = f->key;
	sample_heartbeat(&h, true);
	text_copy(h.next_kid, sizeof(h.next_kid), crypto_key_kid(key));
	memcpy(h.next_key, crypto_key_point(key), CRYPTO_POINT_SIZE);
	(void)beat(f, &h, NOW);
	assert_works(f->store->live->find_key(f->store, crypto_key_kid(key), &f->key, &err));
	assert_string_equal(f->key.device, before.device);
	h.next_kid[0] = '\0';
	assert_int_equal(beat(f, &h, NOW + 900).as, STORE_STORED);
	f->key = before;
	{
		struct store_placed placed = beat(f, &h, NOW + 1800);

		assert_int_equal(placed.as, STORE_REFUSED);
		assert_string_equal(placed.why,
				    "its key was replaced at 2026-11-22T06:35:00Z: only "
				    "its successor signs now");
	}
	crypto_signer_free(next);
}

static void controls_newer_than_we_are_are_kept_and_counted(void **state)
{
	struct fixture *f = *state;
	struct heartbeat h;

	enrolled(f);
	sample_heartbeat(&h, true);
	h.control_count = 1;
	text_copy(h.controls[0].id, sizeof(h.controls[0].id), "quantum-lock");
	(void)beat(f, &h, NOW);
	assert_int_equal(count_of(f, STORE_NEW_CONTROLS, STANDING_TO_FIX), 1);
}

static void forgets_bodies_and_keeps_the_chain(void **state)
{
	struct fixture *f = *state;
	struct heartbeat h;
	bool more;

	enrolled(f);
	sample_heartbeat(&h, true);
	(void)beat(f, &h, NOW);
	(void)beat(f, &h, NOW + 100 * DAY);
	assert_works(f->store->live->begin(f->store, &err));
	assert_works(f->store->live->forget_bodies(f->store, NOW + DAY, 100, &more, &err));
	assert_works(f->store->live->commit(f->store, &err));
	assert_false(more);
	h.seq = 1;
	crypto_sha256_b64("request", 7, h.prev);
	assert_int_equal(put(f, &h, "beat 1", NOW).as, STORE_REPEATED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(keeps_what_it_was_made_with),
		T(enrols_by_a_code_and_knows_it_again),
		T(refuses_codes_that_do_not_hold),
		T(a_shared_code_waits_for_a_yes),
		T(counts_a_heartbeat_in_its_transaction),
		T(a_delta_changes_what_it_names),
		T(the_same_heartbeat_twice_is_one),
		T(a_rewound_device_hears_of_its_trunk),
		T(time_alone_changes_counters_exactly),
		T(an_exception_ends_when_it_says),
		T(a_revoked_device_is_counted_out_and_refused),
		T(what_is_rolled_back_never_was),
		T(a_key_gives_way_to_the_next_it_names),
		T(controls_newer_than_we_are_are_kept_and_counted),
		T(forgets_bodies_and_keeps_the_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
