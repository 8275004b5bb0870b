/* What the collector makes of a request's body: lines, JWS, signatures, payloads, the chain, the
 * store.  Input: a first byte says how; then either the body as it is, or payloads (a line each)
 * that are signed by a device that the store knows.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/proto/jws.h"
#include "tools/collector/ingest.h"
#include "tools/collector/keycache.h"

#define NOW 1795328400

/* Made once: a store in memory with one device. */
static struct store *store;
static struct keycache *cache;
static struct crypto_signer *signer;
static struct buf scratch;

static const char device_uuid[] = "6f1cb9a4-3c0e-4b57-9a55-0d9e8a7c41f2";

static void set_up(void)
{
	struct store_site site = {.org = "b3c7e0d2-91fa-4d08-8f36-52ce17a94b60",
				  .epoch = "99999999-2222-4333-8444-555555555555"};
	struct store_school school = {.name = "Hill", .not_seen_days = 7};
	struct enrol_request request = {.at = NOW};
	struct store_enrol in = {.request = &request, .now = NOW};
	struct store_code code = {.uses_max = 0};
	struct enrol_code printed = {0};
	struct store_enrolled out;
	struct err err;

	assert(store_open(":memory:", STORE_CREATE, &store, &err) == 0);
	assert(store->admin->init(store, &site, &err) == 0);
	assert(store->admin->school_add(store, &school, "fuzz", &code.school, &err) == 0);
	assert(store->admin->group_add(store, code.school, "all", "fuzz", &code.group, &err) == 0);
	enrol_code_id(&printed, code.id);
	assert(store->admin->code_add(store, &code, "fuzz", &err) == 0);
	assert(crypto_signer_generate(&signer, &err) == 0);
	request.key = (struct crypto_key *)crypto_signer_key(signer);
	memcpy(request.code, code.id, sizeof(request.code));
	enrol_code_proof(code.secret, crypto_key_kid(request.key), request.proof);
	memcpy(in.device, device_uuid, sizeof(device_uuid));
	crypto_sha256_b64("request", 7, in.request_hash);
	assert(store->live->begin(store, &err) == 0);
	assert(store->live->enrol(store, &in, &out, &err) == 0);
	assert(store->live->commit(store, &err) == 0);
	assert(out.result == STORE_ENROL_ACTIVE);
	assert(keycache_new(16, &cache, &err) == 0);
	buf_init(&scratch, JWS_MAX_PAYLOAD + 1024);
}

/* Each line becomes a heartbeat that the device signed. */
static void sign_lines(const char *data, size_t len, bool zip, struct buf *out)
{
	const char *end = data + len;
	struct err err;

	while (data < end) {
		const char *newline = memchr(data, '\n', (size_t)(end - data));
		const char *stop = newline ? newline : end;

		if (out->len)
			buf_addc(out, '\n');
		(void)jws_sign(JWS_HEARTBEAT, data, (size_t)(stop - data), zip, zip, signer, out,
			       &err);
		data = stop + 1;
	}
}

static void take(char *body, size_t len)
{
	struct ingest_problem problem = {0};
	struct ingest_batch *batch;
	struct err err = {.msg = ""};

	if (ingest_read(body, len, NOW, cache, store, &scratch, &batch, &problem) < 0) {
		assert(problem.status >= 400 && problem.name && problem.title);
		return;
	}
	assert(store->live->begin(store, &err) == 0);
	if (ingest_store(batch, store, &err) == 0) {
		assert(store->live->commit(store, &err) == 0);
		(void)ingest_outcome(batch, &problem);
	} else {
		assert(err.msg[0]);
		store->live->rollback(store);
	}
	ingest_free(batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf body;
	size_t body_len;
	char *text;

	if (!store)
		set_up();
	if (len < 1 || len > 65536)
		return 0;
	buf_init(&body, 0);
	if (data[0] & 1)
		sign_lines((const char *)data + 1, len - 1, data[0] & 2, &body);
	else
		buf_add(&body, data + 1, len - 1);
	text = buf_take(&body, &body_len);
	take(text, text ? body_len : 0);
	return 0;
}
