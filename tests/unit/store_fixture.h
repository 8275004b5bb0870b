/* A store of each test's own, with a code, a device and its chain of heartbeats, for tests of what
 * is asked through store.h.  After each test its counts must still hold.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_STORE_FIXTURE_H
#define CARETAKER_TESTS_STORE_FIXTURE_H

#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/base/text.h"
#include "tests/sample_heartbeat.h"
#include "tests/unit/unit.h"
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

static inline int64_t school(struct fixture *f)
{
	struct store_school s = {.created_at = NOW, .audit_days = 14, .not_seen_days = 7};
	int64_t id;

	text_copy(s.name, sizeof(s.name), "Hill School");
	assert_works(f->store->admin->school_add(f->store, &s, "test", &id, &err));
	return id;
}

static inline int64_t group_of(struct fixture *f, int64_t school_id)
{
	struct err err;
	int64_t id;

	/* A school comes with a group or not: that is the admin part's matter. */
	if (f->store->admin->group_add(f->store, school_id, "laptops", "test", &id, &err) < 0)
		fail_msg("%s", err.msg);
	return id;
}

static inline void code_new(struct fixture *f, int64_t uses_max, bool shared)
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

static inline struct store_enrolled enrol_with(struct fixture *f, struct crypto_signer *signer,
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

static inline struct crypto_signer *new_signer(void)
{
	struct crypto_signer *signer;

	assert_works(crypto_signer_generate(&signer, &err));
	return signer;
}

/* One active device that has sent nothing. */
static inline void enrolled(struct fixture *f)
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
static inline struct store_placed put_in(struct fixture *f, struct heartbeat *h, const char *name,
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

/* The next of the chain: 'h' but for seq and prev; inside a transaction. */
static inline struct store_placed step(struct fixture *f, struct heartbeat *h, int64_t now)
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

static inline struct store_placed beat(struct fixture *f, struct heartbeat *h, int64_t now)
{
	struct store_placed out;

	assert_works(f->store->live->begin(f->store, &err));
	out = step(f, h, now);
	assert_works(f->store->live->commit(f->store, &err));
	return out;
}

static inline int set_up(void **state)
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
static inline void counts_hold(struct fixture *f)
{
	struct buf wrong;
	int64_t count;

	buf_init(&wrong, 0);
	assert_works(f->store->desk->check(f->store, &wrong, &count, &err));
	if (count)
		fail_msg("%s", buf_text(&wrong));
	buf_clear(&wrong);
}

static inline int tear_down(void **state)
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

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
