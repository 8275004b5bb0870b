/* agent/proto/documents*.c and the enrolment's answer.  The first byte says which; the rest is the
 * payload, signed by the key that may: k, n key sets, a acknowledgement, p policy, e exceptions,
 * r answer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/proto/enrol.h"
#include "tests/fuzz/fuzz_keys.h"

#define DEVICE "6f1cb9a4-3c0e-4b57-9a55-0d9e8a7c41f2"
#define ORG "b3c7e0d2-91fa-4d08-8f36-52ce17a94b60"

static struct crypto_signer *policy, *online;
static struct keys pinned;

static void start(void)
{
	struct err err;

	policy = fuzz_signer(fuzz_policy_pem);
	online = fuzz_signer(fuzz_online_pem);
	memcpy(pinned.org, ORG, sizeof(ORG));
	pinned.serial = 1;
	pinned.policy_count = pinned.online_count = 1;
	must(crypto_key_new(crypto_key_point(crypto_signer_key(policy)), &pinned.policy[0], &err) ==
	     0);
	must(crypto_key_new(crypto_key_point(crypto_signer_key(online)), &pinned.online[0], &err) ==
	     0);
}

static void open_keys(const struct buf *jws, bool next, struct err *err)
{
	const char *kid = crypto_key_kid(crypto_signer_key(policy));
	struct keys *keys;
	struct buf text;

	if ((next ? keys_open_next(jws->data, jws->len, &pinned, &keys, err)
		  : keys_open_first(jws->data, jws->len, kid, &keys, err)) != 0)
		return;
	must(keys->policy_count >= 1 && keys->policy_count <= KEYS_MAX);
	must(keys->online_count >= 1 && keys->online_count <= KEYS_MAX);
	must(keys->ca_count <= KEYS_MAX);
	buf_init(&text, 0);
	keys_encode(keys, &text);
	must(!text.failed);
	buf_clear(&text);
	keys_free(keys);
}

static void open_ack(const struct buf *jws, struct err *err)
{
	struct buf text, again;
	struct ack *ack, *same;

	if (ack_open(jws->data, jws->len, &pinned, DEVICE, &ack, err) != 0)
		return;
	buf_init(&text, 0);
	buf_init(&again, 0);
	ack_encode(ack, &text);
	/* U+FFFD for what was unclean may make it longer than its bound. */
	if (fuzz_sign(JWS_ACK, text.data, text.len, online, &again)) {
		must(ack_open(again.data, again.len, &pinned, DEVICE, &same, err) == 0);
		must(same->acked == ack->acked && same->refused_count == ack->refused_count);
		must(same->dicts == ack->dicts);
		ack_free(same);
	}
	buf_clear(&text);
	buf_clear(&again);
	ack_free(ack);
}

static void open_policy(const struct buf *jws, struct err *err)
{
	struct policy_document *doc;

	if (policy_document_open(jws->data, jws->len, &pinned, &doc, err) != 0)
		return;
	must(doc->ini_len <= POLICY_MAX_INI && strlen(doc->ini) == doc->ini_len);
	policy_document_free(doc);
}

static void open_exceptions(const struct buf *jws, struct err *err)
{
	struct exceptions *exceptions;
	struct buf text;

	if (exceptions_open(jws->data, jws->len, &pinned, DEVICE, &exceptions, err) != 0)
		return;
	must(exceptions->count <= EXCEPTIONS_MAX);
	buf_init(&text, 0);
	exceptions_encode(exceptions, &text);
	must(!text.failed);
	buf_clear(&text);
	exceptions_free(exceptions);
}

static void open_answer(const struct buf *jws, struct err *err)
{
	struct enrol_code code = {0};
	struct enrol_answer *answer;
	struct keys *keys;

	memcpy(code.policy_kid, crypto_key_kid(crypto_signer_key(policy)), CRYPTO_KID_LEN + 1);
	if (enrol_answer_open(jws->data, jws->len, &code,
			      "bbfYA-dPH_p9j1rcC_lbPhW_TINz__rfVGInzGxnQss", &answer, &keys,
			      err) != 0)
		return;
	enrol_answer_free(answer);
	keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = {0};
	struct buf jws;
	bool by_policy;
	enum jws_typ typ;

	if (!policy)
		start();
	if (len == 0)
		return 0;
	by_policy = data[0] == 'k' || data[0] == 'n' || data[0] == 'p';
	typ = data[0] == 'a'   ? JWS_ACK
	      : data[0] == 'p' ? JWS_POLICY
	      : data[0] == 'e' ? JWS_EXCEPTIONS
	      : data[0] == 'r' ? JWS_ENROLLED
			       : JWS_KEYS;
	buf_init(&jws, 0);
	if (fuzz_sign(typ, data + 1, len - 1, by_policy ? policy : online, &jws)) {
		switch (typ) {
		case JWS_ACK: open_ack(&jws, &err); break;
		case JWS_POLICY: open_policy(&jws, &err); break;
		case JWS_EXCEPTIONS: open_exceptions(&jws, &err); break;
		case JWS_ENROLLED: open_answer(&jws, &err); break;
		default: open_keys(&jws, data[0] == 'n', &err); break;
		}
		must(err.code == ERR_NONE || err.msg[0]);
	}
	buf_clear(&jws);
	return 0;
}
