/* See trust.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/trust.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/places.h"
#include "agent/check/state.h"
#include "agent/policy/policy.h"
#include "agent/proto/jws.h"

#include <stdio.h>
#include <string.h>

#define TWO_LINES_MAX (2 * JWS_MAX)

void trust_clear(struct trust *trust)
{
	keys_free(trust->keys);
	policy_free(trust->policy);
	policy_document_free(trust->document);
	exceptions_free(trust->exceptions);
	memset(trust, 0, sizeof(*trust));
}

/* --- two lines: what was signed, and the key set it was believed by --- */

struct two_lines {
	struct buf text;
	size_t first_len;
	const char *second;
	size_t second_len;
};

static int read_two(const struct places *places, const char *name, struct two_lines *out,
		    struct err *err)
{
	const char *end;

	buf_init(&out->text, TWO_LINES_MAX + 1);
	if (places_read(places, name, TWO_LINES_MAX, &out->text, err) < 0)
		return -1;
	end = memchr(buf_text(&out->text), '\n', out->text.len);
	if (!end)
		return err_set(err, ERR_INVALID, "expected two lines");
	out->first_len = (size_t)(end - out->text.data);
	out->second = end + 1;
	out->second_len = out->text.len - out->first_len - 1;
	if (out->second_len && out->second[out->second_len - 1] == '\n')
		out->second_len--;
	return 0;
}

static int write_two(struct places *places, const char *name, const char *first, struct err *err)
{
	struct buf text;
	int ret = -1;

	buf_init(&text, TWO_LINES_MAX);
	buf_adds(&text, first);
	buf_addc(&text, '\n');
	if (places_read(places, TRUST_KEYS, JWS_MAX, &text, err) == 0) {
		buf_addc(&text, '\n');
		if (buf_check(&text, err) == 0)
			ret = places_write(places, name, text.data, text.len, err);
	}
	buf_clear(&text);
	return ret;
}

/* --- policy --- */

static int open_policy(const char *jws, size_t len, const struct keys *keys,
		       struct policy_document **out, struct policy **out_policy, struct err *err)
{
	struct policy_document *document;
	char name[80];

	if (policy_document_open(jws, len, keys, &document, err) < 0)
		return -1;
	snprintf(name, sizeof(name), "policy %lld", (long long)document->serial);
	if (policy_parse(name, document->ini, document->ini_len, out_policy, err) < 0) {
		policy_document_free(document);
		return -1;
	}
	*out = document;
	return 0;
}

static void use_policy(struct trust *trust, struct policy_document *document, struct policy *policy)
{
	policy_free(trust->policy);
	policy_document_free(trust->document);
	trust->policy = policy;
	trust->document = document;
	crypto_sha256_b64(document->ini, document->ini_len, trust->policy_sha256);
}

static int signer_of(enum jws_typ typ, const char *text, char out[CRYPTO_KID_LEN + 1],
		     struct err *err)
{
	struct jws jws;

	if (jws_split(typ, text, strlen(text), &jws, err) < 0)
		return -1;
	memcpy(out, jws.kid, sizeof(jws.kid));
	return 0;
}

/* 1: in force now.  0: it is the one in force already.  -1: refused, or could not be kept. */
static int apply_policy(struct trust *trust, struct places *places, struct state *state,
			const struct trust_news *news, int64_t *out_serial, struct err *err)
{
	const char *jws = news->policy;
	struct policy_document *document = NULL;
	struct policy *policy = NULL;
	char kid[CRYPTO_KID_LEN + 1], sha256[HASH_TEXT];
	int64_t seen;

	if (signer_of(JWS_POLICY, jws, kid, err) < 0 ||
	    open_policy(jws, strlen(jws), trust->keys, &document, &policy, err) < 0)
		return -1;
	*out_serial = document->serial;
	seen = state_policy_serial(state, kid);
	crypto_sha256_b64(document->ini, document->ini_len, sha256);
	if (document->serial == seen && trust->document && trust->document->serial == seen &&
	    strcmp(sha256, trust->policy_sha256) == 0) {
		policy_document_free(document);
		policy_free(policy);
		return 0;
	}
	/* The one seen last may come again when our copy of it was damaged. */
	if (document->serial < seen || (document->serial == seen && trust->document))
		err_set(err, ERR_INVALID,
			"its serial is %lld, but %lld was seen: an older policy does not come back",
			(long long)document->serial, (long long)seen);
	else if ((!news->judge || news->judge(news->judge_ctx, policy, err) == 0) &&
		 write_two(places, TRUST_POLICY, jws, err) == 0) {
		state_note_policy(state, kid, document->serial);
		use_policy(trust, document, policy);
		return 1;
	}
	policy_document_free(document);
	policy_free(policy);
	return -1;
}

/* --- exceptions --- */

static int apply_exceptions(struct trust *trust, struct places *places, struct state *state,
			    const char *device, const char *jws, int64_t *out_serial,
			    struct err *err)
{
	struct exceptions *exceptions;

	if (exceptions_open(jws, strlen(jws), trust->keys, device, &exceptions, err) < 0)
		return -1;
	*out_serial = exceptions->serial;
	if (trust->exceptions && exceptions->serial == trust->exceptions->serial &&
	    exceptions->serial == state->exceptions_serial) {
		exceptions_free(exceptions);
		return 0;
	}
	if (exceptions->serial < state->exceptions_serial ||
	    (exceptions->serial == state->exceptions_serial && trust->exceptions))
		err_set(err, ERR_INVALID,
			"their serial is %lld, but %lld was seen: older ones do not come back",
			(long long)exceptions->serial, (long long)state->exceptions_serial);
	else if (write_two(places, TRUST_EXCEPTIONS, jws, err) == 0) {
		state->exceptions_serial = exceptions->serial;
		exceptions_free(trust->exceptions);
		trust->exceptions = exceptions;
		return 1;
	}
	exceptions_free(exceptions);
	return -1;
}

/* --- keys --- */

/* An acknowledgement that was lost brings the same key set twice. */
static bool have_keys(const struct places *places, const char *jws)
{
	struct buf text;
	struct err err;
	bool same;

	buf_init(&text, JWS_MAX + 1);
	same = places_read(places, TRUST_KEYS, JWS_MAX, &text, &err) == 0 &&
	       strcmp(buf_text(&text), jws) == 0;
	buf_clear(&text);
	return same;
}

static int apply_keys(struct trust *trust, struct places *places, const char *jws, struct err *err)
{
	struct keys *keys;

	if (have_keys(places, jws))
		return 0;
	if (keys_open_next(jws, strlen(jws), trust->keys, &keys, err) < 0)
		return -1;
	if (places_write(places, TRUST_KEYS, jws, strlen(jws), err) < 0) {
		keys_free(keys);
		return -1;
	}
	keys_free(trust->keys);
	trust->keys = keys;
	return 1;
}

/* Told apart from a refusal: nothing is wrong with what came. */
static bool could_not_keep(const struct err *err)
{
	return err->code == ERR_FULL || err->code == ERR_IO || err->code == ERR_NOMEM ||
	       err->code == ERR_DENIED;
}

/* 'result' is what an apply_ function returned. */
static int judge(int result, struct state *state, const char *what, int64_t serial,
		 bool *out_changed, struct err *err)
{
	if (result >= 0) {
		state_accept(state, what);
		if (result > 0 && out_changed)
			*out_changed = true;
		return 0;
	}
	if (could_not_keep(err))
		return err_wrap(err, "%s from the collector", what);
	log_warn("%s from the collector refused, the last good one stays in force: %s", what,
		 err->msg);
	state_reject(state, what, serial, err->msg);
	return 0;
}

int trust_apply(struct trust *trust, struct places *places, struct state *state, const char *device,
		const struct trust_news *news, bool *out_changed, struct err *err)
{
	int64_t serial;
	int result;

	/* A refusal reported with another serial than the collector's would bring the same document
	 * with each acknowledgement. */
	if (news->keys) {
		result = apply_keys(trust, places, news->keys, err);
		if (judge(result, state, "keys", news->keys_serial, NULL, err) < 0)
			return -1;
		/* What the set before did not believe, this one may: it is to be sent once more. */
		if (result > 0) {
			state_accept(state, "policy");
			state_accept(state, "exceptions");
		}
	}
	if (news->policy) {
		serial = news->policy_serial;
		result = apply_policy(trust, places, state, news, &serial, err);
		if (judge(result, state, "policy", serial, out_changed, err) < 0)
			return -1;
	}
	if (news->exceptions) {
		serial = news->exceptions_serial;
		result = apply_exceptions(trust, places, state, device, news->exceptions, &serial,
					  err);
		if (judge(result, state, "exceptions", serial, out_changed, err) < 0)
			return -1;
	}
	return 0;
}

int trust_begin(struct trust *trust, struct places *places, const char *keys_jws, struct keys *keys,
		struct err *err)
{
	if (places_write(places, TRUST_KEYS, keys_jws, strlen(keys_jws), err) < 0)
		return -1;
	keys_free(trust->keys);
	trust->keys = keys;
	return 0;
}

/* --- from our own files --- */

static int load_keys(const struct places *places, struct trust *out, struct err *err)
{
	struct buf text;
	int ret;

	buf_init(&text, JWS_MAX + 1);
	ret = places_read(places, TRUST_KEYS, JWS_MAX, &text, err);
	if (ret == 0)
		ret = keys_open_pinned(buf_text(&text), text.len, &out->keys, err);
	buf_clear(&text);
	return ret;
}

static int load_policy(const struct places *places, struct state *state, struct trust *out,
		       struct err *err)
{
	struct policy_document *document;
	struct policy *policy;
	struct keys *keys = NULL;
	struct two_lines lines;
	char kid[CRYPTO_KID_LEN + 1];
	int ret = -1;

	if (read_two(places, TRUST_POLICY, &lines, err) < 0 ||
	    keys_open_pinned(lines.second, lines.second_len, &keys, err) < 0 ||
	    open_policy(lines.text.data, lines.first_len, keys, &document, &policy, err) < 0)
		goto out;
	use_policy(out, document, policy);
	lines.text.data[lines.first_len] = '\0';
	if (signer_of(JWS_POLICY, lines.text.data, kid, err) == 0)
		state_note_policy(state, kid,
				  document->serial); /* a crash came before state.json */
	ret = 0;
out:
	keys_free(keys);
	buf_clear(&lines.text);
	return ret;
}

static int load_exceptions(const struct places *places, const char *device, struct state *state,
			   struct trust *out, struct err *err)
{
	struct keys *keys = NULL;
	struct two_lines lines;
	int ret = -1;

	if (read_two(places, TRUST_EXCEPTIONS, &lines, err) == 0 &&
	    keys_open_pinned(lines.second, lines.second_len, &keys, err) == 0)
		ret = exceptions_open(lines.text.data, lines.first_len, keys, device,
				      &out->exceptions, err);
	if (ret == 0 && out->exceptions->serial > state->exceptions_serial)
		state->exceptions_serial = out->exceptions->serial;
	keys_free(keys);
	buf_clear(&lines.text);
	return ret;
}

/* What does not load is out of the way, said, and asked for again by its serial of 0. */
static int give_up(int result, struct places *places, struct state *state, const char *name,
		   const char *what, struct err *err)
{
	char as[40];

	if (result == 0 || err->code == ERR_NOTFOUND)
		return 0;
	if (could_not_keep(err))
		return -1;
	log_error("'%s/%s' is damaged and set aside: %s", places->state, name, err->msg);
	state_reject(state, what, 0, err->msg);
	snprintf(as, sizeof(as), "%s.damaged", name);
	return places_set_aside(places, name, as, err);
}

int trust_load(struct places *places, const char *device, struct state *state, struct trust *out,
	       struct err *err)
{
	struct trust trust = {0};
	int result;

	result = load_keys(places, &trust, err);
	if (give_up(result, places, state, TRUST_KEYS, "keys", err) < 0)
		goto fail;
	result = load_policy(places, state, &trust, err);
	if (give_up(result, places, state, TRUST_POLICY, "policy", err) < 0)
		goto fail;
	if (!trust.policy && policy_default(&trust.policy, err) < 0)
		goto fail;
	if (device[0]) {
		result = load_exceptions(places, device, state, &trust, err);
		if (give_up(result, places, state, TRUST_EXCEPTIONS, "exceptions", err) < 0)
			goto fail;
	}
	*out = trust;
	return 0;
fail:
	trust_clear(&trust);
	return -1;
}
