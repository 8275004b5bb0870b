/* What any store must do, asked through store.h: the same tests run on each.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/base/text.h"
#include "tests/sample_heartbeat.h"
#include "tools/collector/standing.h"
#include "tools/collector/store_desk.h"

#define NOW SAMPLE_AT
#define DAY 86400

struct fixture {
	char folder[64], path[96];
	struct store *store;
	struct crypto_signer *signer;
	struct store_code code;
	uint8_t secret[ENROL_SECRET_SIZE];
	char device[UUID_LEN + 1];
	struct store_key key;
	unsigned serial; /* makes each heartbeat's hash another */
	char head[HASH_TEXT];
	int64_t seq;
};

static int64_t school(struct fixture *f)
{
	struct store_school s = {.created_at = NOW, .audit_days = 14, .not_seen_days = 7};
	int64_t id;

	text_copy(s.name, sizeof(s.name), "Hill School");
	assert_works(f->store->admin->school_add(f->store, &s, "test", &id, &err));
	return id;
}

static int64_t group_of(struct fixture *f, int64_t school_id)
{
	struct err err;
	int64_t id;

	/* A school comes with a group or not: that is the admin part's matter. */
	if (f->store->admin->group_add(f->store, school_id, "laptops", "test", &id, &err) < 0)
		fail_msg("%s", err.msg);
	return id;
}

static void code_new(struct fixture *f, int64_t uses_max, bool shared)
{
	struct enrol_code printed = {0};
	struct store_code code = {.uses_max = uses_max, .shared = shared, .created_at = NOW};

	memset(printed.secret, 7, sizeof(printed.secret));
	memset(printed.policy_kid, 'k', CRYPTO_KID_LEN);
	printed.policy_kid[CRYPTO_KID_LEN - 1] = 'A';
	text_copy(printed.host, sizeof(printed.host), "localhost:1");
	memcpy(code.secret, printed.secret, sizeof(code.secret));
	enrol_code_id(&printed, code.id);
	assert_works(enrol_code_format(&printed, code.text, sizeof(code.text), &err));
	code.school = school(f);
	code.group = group_of(f, code.school);
	assert_works(f->store->admin->code_add(f->store, &code, "test", &err));
	f->code = code;
}

static struct store_enrolled enrol_with(struct fixture *f, struct crypto_signer *signer,
					const char *serial, const char *proof)
{
	struct enrol_request request = {.at = NOW};
	struct store_enrol in = {.request = &request, .now = NOW};
	struct store_enrolled out;

	request.key = (struct crypto_key *)crypto_signer_key(signer);
	text_copy(request.code, sizeof(request.code), f->code.id);
	enrol_code_proof(f->code.secret, crypto_key_kid(request.key), request.proof);
	if (proof)
		text_copy(request.proof, sizeof(request.proof), proof);
	text_copy(request.name, sizeof(request.name), "pc-1");
	text_copy(request.hardware.serial, sizeof(request.hardware.serial), serial);
	crypto_sha256_b64("request", 7, in.request_hash);
	snprintf(in.device, sizeof(in.device), "00000000-0000-4000-8000-%012u", ++f->serial);
	assert_works(f->store->live->begin(f->store, &err));
	assert_works(f->store->live->enrol(f->store, &in, &out, &err));
	assert_works(f->store->live->commit(f->store, &err));
	return out;
}

static struct crypto_signer *new_signer(void)
{
	struct crypto_signer *signer;

	assert_works(crypto_signer_generate(&signer, &err));
	return signer;
}

/* One active device that has sent nothing. */
static void enrolled(struct fixture *f)
{
	struct store_enrolled out;

	code_new(f, 0, false);
	f->signer = new_signer();
	out = enrol_with(f, f->signer, "SN-1", NULL);
	assert_int_equal(out.result, STORE_ENROL_ACTIVE);
	text_copy(f->device, sizeof(f->device), out.device);
	assert_works(f->store->live->find_key(
		f->store, crypto_key_kid(crypto_signer_key(f->signer)), &f->key, &err));
	crypto_sha256_b64("request", 7, f->head);
}

/* Inside a transaction. */
static struct store_placed put_in(struct fixture *f, struct heartbeat *h, const char *name,
				  int64_t now)
{
	struct store_heartbeat in = {.key = &f->key, .heartbeat = h, .received_at = now};
	struct store_placed out;

	in.jws = name;
	in.jws_len = strlen(name);
	crypto_sha256_b64(name, strlen(name), in.hash);
	assert_works(f->store->live->put_heartbeat(f->store, &in, &out, &err));
	return out;
}

static struct store_placed put(struct fixture *f, struct heartbeat *h, const char *name,
			       int64_t now)
{
	struct store_placed out;

	assert_works(f->store->live->begin(f->store, &err));
	out = put_in(f, h, name, now);
	assert_works(f->store->live->commit(f->store, &err));
	return out;
}

/* The next of the chain: 'h' but for seq and prev; inside a transaction. */
static struct store_placed step(struct fixture *f, struct heartbeat *h, int64_t now)
{
	char name[32];
	struct store_placed out;

	h->seq = ++f->seq;
	memcpy(h->prev, f->head, sizeof(h->prev));
	text_copy(h->device, sizeof(h->device), f->device);
	snprintf(name, sizeof(name), "beat %lld", (long long)f->seq);
	out = put_in(f, h, name, now);
	crypto_sha256_b64(name, strlen(name), f->head);
	return out;
}

static struct store_placed beat(struct fixture *f, struct heartbeat *h, int64_t now)
{
	struct store_placed out;

	assert_works(f->store->live->begin(f->store, &err));
	out = step(f, h, now);
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

static int set_up(void **state)
{
	static struct fixture f;
	struct store_site site = {0};

	memset(&f, 0, sizeof(f));
	text_copy(f.folder, sizeof(f.folder), "/tmp/collector-store-XXXXXX");
	if (!mkdtemp(f.folder))
		return -1;
	snprintf(f.path, sizeof(f.path), "%s/store.db", f.folder);
	text_copy(site.org, sizeof(site.org), "b3c7e0d2-91fa-4d08-8f36-52ce17a94b60");
	text_copy(site.epoch, sizeof(site.epoch), "99999999-2222-4333-8444-555555555555");
	text_copy(site.host, sizeof(site.host), "localhost:1");
	assert_works(store_open(f.path, STORE_CREATE, &f.store, &err));
	assert_works(f.store->admin->init(f.store, &site, &err));
	*state = &f;
	return 0;
}

/* Whatever a test did, what is kept is what a count of the rows comes to. */
static void counts_hold(struct fixture *f)
{
	struct buf wrong;
	int64_t count;

	buf_init(&wrong, 0);
	assert_works(f->store->desk->check(f->store, &wrong, &count, &err));
	if (count)
		fail_msg("%s", buf_text(&wrong));
	buf_clear(&wrong);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char wal[112], shm[112];

	counts_hold(f);
	store_close(f->store);
	crypto_signer_free(f->signer);
	snprintf(wal, sizeof(wal), "%s-wal", f->path);
	snprintf(shm, sizeof(shm), "%s-shm", f->path);
	(void)unlink(wal); /* gone when the last handle closed well */
	(void)unlink(shm);
	return unlink(f->path) < 0 || rmdir(f->folder) < 0;
}

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

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
		T(what_to_fix_counts_devices_and_names_the_oldest),
		T(what_to_fix_moves_with_time_and_place),
		T(what_to_fix_holds_whatever_happens),
		T(every_place_is_counted_by_school_and_name_the_empty_ones_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
