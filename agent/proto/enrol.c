/* See enrol.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/enrol.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/proto/jws.h"
#include "agent/proto/member.h"
#include "agent/proto/signed.h"

/* --- the code: version, flags, secret, CA, policy key's thumbprint, host's length, host, checksum
 */

#define CODE_PREFIX "CT1-"
#define CODE_VERSION 1
#define CODE_TRUST_SYSTEM 0x01
#define CODE_AT_SECRET 2
#define CODE_AT_CA (CODE_AT_SECRET + ENROL_SECRET_SIZE)
#define CODE_AT_POLICY (CODE_AT_CA + CRYPTO_HASH_SIZE)
#define CODE_AT_HOST_LEN (CODE_AT_POLICY + CRYPTO_HASH_SIZE)
#define CODE_AT_HOST (CODE_AT_HOST_LEN + 1)
#define CODE_CHECK_SIZE 4
#define CODE_MAX_SIZE (CODE_AT_HOST + 255 + CODE_CHECK_SIZE)

#define SLIP "the code has a typing error or is cut"

/* What a URL's authority can hold without a user: names, addresses, [IPv6], a port. */
static bool host_valid(const char *host, size_t len)
{
	if (len == 0 || len > 255)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)host[i]) && !strchr(".-_:[]", host[i]))
			return false;
	return memchr(host, '\0', len) == NULL;
}

static void code_checksum(const uint8_t *bytes, size_t len, uint8_t out[CODE_CHECK_SIZE])
{
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_sha256(bytes, len, hash);
	memcpy(out, hash, CODE_CHECK_SIZE);
}

int enrol_code_format(const struct enrol_code *code, char *out, size_t out_size, struct err *err)
{
	uint8_t bytes[CODE_MAX_SIZE] = {CODE_VERSION};
	size_t host_len = strlen(code->host), len = CODE_AT_HOST + host_len, thumb_len;

	if (!host_valid(code->host, host_len))
		return err_set(err, ERR_INVALID, "'%s' is no host for an enrolment code",
			       code->host);
	if (text_b64url_decode(code->policy_kid, strlen(code->policy_kid), bytes + CODE_AT_POLICY,
			       CRYPTO_HASH_SIZE, &thumb_len) != 0 ||
	    thumb_len != CRYPTO_HASH_SIZE)
		return err_set(err, ERR_INVALID, "'%s' is no key's thumbprint", code->policy_kid);
	bytes[1] = code->trust_system ? CODE_TRUST_SYSTEM : 0;
	memcpy(bytes + CODE_AT_SECRET, code->secret, sizeof(code->secret));
	memcpy(bytes + CODE_AT_CA, code->ca, sizeof(code->ca));
	bytes[CODE_AT_HOST_LEN] = (uint8_t)host_len;
	memcpy(bytes + CODE_AT_HOST, code->host, host_len);
	code_checksum(bytes, len, bytes + len);
	len += CODE_CHECK_SIZE;
	if (out_size < sizeof(CODE_PREFIX) + B64URL_LEN(len))
		return err_set(err, ERR_INVALID, "no room for an enrolment code");
	memcpy(out, CODE_PREFIX, sizeof(CODE_PREFIX));
	text_b64url_into(out + sizeof(CODE_PREFIX) - 1, bytes, len);
	crypto_wipe(bytes, sizeof(bytes));
	return 0;
}

/* Copies without the blanks and line breaks of a printed page; false when it is too long. */
static bool without_blanks(const char *text, size_t len, char out[ENROL_CODE_MAX], size_t *out_len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (strchr(" \t\r\n", text[i]) && text[i])
			continue;
		if (n == ENROL_CODE_MAX - 1)
			return false;
		out[n++] = text[i];
	}
	out[n] = '\0';
	*out_len = n;
	return true;
}

static int code_read(const uint8_t *bytes, size_t len, struct enrol_code *out, struct err *err)
{
	uint8_t check[CODE_CHECK_SIZE];
	size_t host_len;

	if (len < CODE_AT_HOST + CODE_CHECK_SIZE)
		return err_set(err, ERR_INVALID, SLIP);
	code_checksum(bytes, len - CODE_CHECK_SIZE, check);
	if (memcmp(check, bytes + len - CODE_CHECK_SIZE, CODE_CHECK_SIZE) != 0)
		return err_set(err, ERR_INVALID, SLIP);
	/* From here on the code is as its maker wrote it. */
	if (bytes[0] != CODE_VERSION || (bytes[1] & ~CODE_TRUST_SYSTEM) != 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "the code is of a newer kind (version %d, flags %d): update "
			       "Caretaker on this machine",
			       bytes[0], bytes[1]);
	host_len = bytes[CODE_AT_HOST_LEN];
	if (len != CODE_AT_HOST + host_len + CODE_CHECK_SIZE ||
	    !host_valid((const char *)bytes + CODE_AT_HOST, host_len))
		return err_set(err, ERR_INVALID, "the code names no host that can be reached");
	*out = (struct enrol_code){.trust_system = bytes[1] & CODE_TRUST_SYSTEM};
	memcpy(out->secret, bytes + CODE_AT_SECRET, sizeof(out->secret));
	memcpy(out->ca, bytes + CODE_AT_CA, sizeof(out->ca));
	text_b64url_into(out->policy_kid, bytes + CODE_AT_POLICY, CRYPTO_HASH_SIZE);
	memcpy(out->host, bytes + CODE_AT_HOST, host_len);
	return 0;
}

int enrol_code_parse(const char *text, size_t len, struct enrol_code *out, struct err *err)
{
	const size_t prefix_len = sizeof(CODE_PREFIX) - 1;
	char code[ENROL_CODE_MAX];
	uint8_t bytes[CODE_MAX_SIZE];
	size_t code_len, bytes_len;
	int ret;

	if (!without_blanks(text, len, code, &code_len))
		return err_set(err, ERR_INVALID, "not an enrolment code: longer than %d characters",
			       ENROL_CODE_MAX - 1);
	if (strncmp(code, CODE_PREFIX, prefix_len) != 0)
		return err_set(err, ERR_INVALID,
			       "not an enrolment code: it begins with '" CODE_PREFIX "'");
	if (text_b64url_decode(code + prefix_len, code_len - prefix_len, bytes, sizeof(bytes),
			       &bytes_len) != 0)
		return err_set(err, ERR_INVALID, SLIP);
	ret = code_read(bytes, bytes_len, out, err);
	crypto_wipe(bytes, sizeof(bytes));
	crypto_wipe(code, sizeof(code));
	return ret;
}

void enrol_code_id(const struct enrol_code *code, char out[ENROL_CODE_ID_LEN + 1])
{
	static const char domain[] = "caretaker code id";
	uint8_t text[sizeof(domain) - 1 + ENROL_SECRET_SIZE], hash[CRYPTO_HASH_SIZE];

	memcpy(text, domain, sizeof(domain) - 1);
	memcpy(text + sizeof(domain) - 1, code->secret, ENROL_SECRET_SIZE);
	crypto_sha256(text, sizeof(text), hash);
	text_hex(out, hash, ENROL_CODE_ID_LEN / 2);
	crypto_wipe(text, sizeof(text));
}

void enrol_code_proof(const uint8_t secret[ENROL_SECRET_SIZE], const char *kid,
		      char out[CRYPTO_HASH_B64_LEN + 1])
{
	static const char domain[] = "caretaker-enrol-v1"; /* its NUL parts it from the kid */
	uint8_t text[sizeof(domain) + CRYPTO_KID_LEN], mac[CRYPTO_HASH_SIZE];
	size_t kid_len = strlen(kid);

	assert(kid_len <= CRYPTO_KID_LEN);
	memcpy(text, domain, sizeof(domain));
	memcpy(text + sizeof(domain), kid, kid_len);
	crypto_hmac_sha256(secret, ENROL_SECRET_SIZE, text, sizeof(domain) + kid_len, mac);
	text_b64url_into(out, mac, sizeof(mac));
}

/* --- hardware --- */

/* Letters and digits alone, in lower case: makers differ in blanks and points. */
static void squeeze(const char *text, char *out, size_t out_size)
{
	size_t n = 0;

	for (; *text && n < out_size - 1; text++)
		if (isalnum((unsigned char)*text))
			out[n++] = (char)tolower((unsigned char)*text);
	out[n] = '\0';
}

static bool all_the_same(const char *text)
{
	return text[strspn(text, (char[]){text[0], '\0'})] == '\0';
}

/* "12345678", "0123456789abcdef", and UUIDs like 03000200-0400-0500-0006-000700080009. */
static bool counts_up(const char *text)
{
	return strstr("01234567890123456789abcdefghijklmnopqrstuvwxyz", text) != NULL;
}

bool enrol_placeholder(const char *serial)
{
	static const char *const words[] = {
		"tobefilledbyoem",
		"tobefilledbyoemtobefilledbyoem",
		"defaultstring",
		"default",
		"systemserialnumber",
		"serialnumber",
		"systemproductname",
		"baseboardserialnumber",
		"chassisserialnumber",
		"notspecified",
		"notapplicable",
		"notavailable",
		"notset",
		"none",
		"null",
		"na",
		"nil",
		"unknown",
		"invalid",
		"empty",
		"oem",
		"oemserial",
		"empstring",
		"system",
		"filledbyoem",
		"xxxxxxxx",
		"sernum",
		"sn",
		"asset",
		"noassettag",
		"noassetinformation",
		"123456789",
		"1234567890",
		"0123456789",
		"03000200040005000006000700080009", /* one board maker's every UUID */
		"fefefefefefefefefefefefefefefefe",
		NULL,
	};
	char word[80];

	squeeze(serial, word, sizeof(word));
	if (strlen(word) < 2 || all_the_same(word) || counts_up(word))
		return true;
	for (size_t i = 0; words[i]; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* --- the request --- */

void enrol_request_encode(const struct enrol_request *request, struct buf *out)
{
	const struct enrol_hardware *hardware = &request->hardware;
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "code", request->code);
	jsonw_string(&w, "proof", request->proof);
	jsonw_object(&w, "cnf"); /* RFC 7800 */
	crypto_key_write_jwk(request->key, &w, "jwk");
	jsonw_object_end(&w);
	member_write_time(&w, "at", request->at);
	jsonw_string(&w, "nonce", request->nonce);
	jsonw_string(&w, "name", request->name);
	jsonw_object(&w, "hardware");
	jsonw_string(&w, "serial", hardware->serial);
	jsonw_string(&w, "uuid", hardware->uuid);
	jsonw_string(&w, "board", hardware->board);
	jsonw_string(&w, "vendor", hardware->vendor);
	jsonw_string(&w, "model", hardware->model);
	jsonw_object_end(&w);
	jsonw_string(&w, "agent", request->agent);
	jsonw_bool(&w, "volatile", request->is_volatile);
	jsonw_object_end(&w);
}

static int read_code(const struct json *root, struct enrol_request *out, struct err *err)
{
	uint8_t id[ENROL_CODE_ID_LEN / 2];

	if (member_text(root, "code", out->code, sizeof(out->code), err) != 0)
		return -1;
	if (strlen(out->code) != ENROL_CODE_ID_LEN ||
	    text_hex_decode(out->code, id, sizeof(id)) != 0)
		return err_set(err, ERR_INVALID, "member 'code': expected %d hexadecimal digits",
			       ENROL_CODE_ID_LEN);
	return member_hash(root, "proof", out->proof, err);
}

static int read_hardware(const struct json *root, struct enrol_hardware *out, struct err *err)
{
	const struct json *hardware;

	if (json_get_object(root, "hardware", &hardware, err) != 0)
		return -1;
	if (member_opt_text(hardware, "serial", out->serial, sizeof(out->serial), err) != 0 ||
	    member_opt_text(hardware, "uuid", out->uuid, sizeof(out->uuid), err) != 0 ||
	    member_opt_text(hardware, "board", out->board, sizeof(out->board), err) != 0 ||
	    member_opt_text(hardware, "vendor", out->vendor, sizeof(out->vendor), err) != 0 ||
	    member_opt_text(hardware, "model", out->model, sizeof(out->model), err) != 0)
		return err_wrap(err, "hardware");
	return 0;
}

static int read_key(const struct json *root, struct crypto_key **out, struct err *err)
{
	const struct json *cnf, *jwk;

	if (json_get_object(root, "cnf", &cnf, err) != 0 ||
	    json_get_object(cnf, "jwk", &jwk, err) != 0 || crypto_key_from_jwk(jwk, out, err) != 0)
		return err_wrap(err, "cnf.jwk");
	return 0;
}

static int read_request(const struct json *root, struct enrol_request *out, struct err *err)
{
	if (read_code(root, out, err) != 0 || member_time(root, "at", &out->at, err) != 0 ||
	    member_text(root, "nonce", out->nonce, sizeof(out->nonce), err) != 0 ||
	    member_opt_text(root, "name", out->name, sizeof(out->name), err) != 0 ||
	    member_text(root, "agent", out->agent, sizeof(out->agent), err) != 0 ||
	    read_hardware(root, &out->hardware, err) != 0 ||
	    json_opt_bool(root, "volatile", &out->is_volatile, err) != 0)
		return -1;
	if (strlen(out->nonce) < 16)
		return err_set(err, ERR_INVALID, "member 'nonce': expected 16 to %zu characters",
			       sizeof(out->nonce) - 1);
	return read_key(root, &out->key, err);
}

int enrol_request_open(const char *jws, size_t len, struct enrol_request **out, struct err *err)
{
	struct enrol_request *request = NULL;
	struct json *root = NULL;
	struct jws parts;
	int ret = -1;

	if (jws_split(JWS_ENROL, jws, len, &parts, err) != 0 ||
	    signed_payload(&parts, &root, err) != 0)
		goto out;
	request = calloc(1, sizeof(*request));
	if (!request) {
		err_set(err, ERR_NOMEM, "no memory for an enrolment");
		goto out;
	}
	if (read_request(root, request, err) != 0)
		goto out;
	if (strcmp(parts.kid, crypto_key_kid(request->key)) != 0) {
		err_set(err, ERR_AUTH, "the header's kid is not the thumbprint of cnf.jwk");
		goto out;
	}
	if (!jws_verify(&parts, request->key)) {
		err_set(err, ERR_AUTH, "the signature does not hold");
		goto out;
	}
	*out = request;
	request = NULL;
	ret = 0;
out:
	json_free(root);
	enrol_request_free(request);
	return ret;
}

void enrol_request_free(struct enrol_request *request)
{
	if (!request)
		return;
	crypto_key_free(request->key);
	free(request);
}

/* --- the answer --- */

void enrol_answer_encode(const struct enrol_answer *answer, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "device", answer->device);
	jsonw_string(&w, "request", answer->request);
	jsonw_string(&w, "status", answer->waiting ? "waiting" : "active");
	member_write_time(&w, "time", answer->time);
	jsonw_string(&w, "org", answer->org);
	jsonw_string(&w, "epoch", answer->epoch);
	jsonw_string(&w, "school", answer->school);
	jsonw_string(&w, "group", answer->group);
	if (answer->audit_until)
		member_write_time(&w, "audit_until", answer->audit_until);
	jsonw_string(&w, "keys", answer->keys);
	if (answer->policy)
		jsonw_string(&w, "policy", answer->policy);
	if (answer->exceptions)
		jsonw_string(&w, "exceptions", answer->exceptions);
	jsonw_object_end(&w);
}

static int read_status(const struct json *root, bool *out_waiting, struct err *err)
{
	const char *status;

	if (json_get_string(root, "status", 16, &status, err) != 0)
		return -1;
	if (strcmp(status, "active") != 0 && strcmp(status, "waiting") != 0)
		return err_set(err, ERR_INVALID, "member 'status': expected 'active' or 'waiting'");
	*out_waiting = status[0] == 'w';
	return 0;
}

static int read_answer(const struct json *root, struct enrol_answer *out, struct err *err)
{
	if (member_uuid(root, "device", out->device, err) != 0 ||
	    member_hash(root, "request", out->request, err) != 0 ||
	    read_status(root, &out->waiting, err) != 0 ||
	    member_time(root, "time", &out->time, err) != 0 ||
	    member_uuid(root, "org", out->org, err) != 0 ||
	    member_uuid(root, "epoch", out->epoch, err) != 0 ||
	    member_text(root, "school", out->school, sizeof(out->school), err) != 0 ||
	    member_text(root, "group", out->group, sizeof(out->group), err) != 0 ||
	    member_opt_time(root, "audit_until", &out->audit_until, err) != 0 ||
	    member_opt_copy(root, "keys", jws_typ_max(JWS_KEYS), &out->keys, err) != 0 ||
	    member_opt_copy(root, "policy", jws_typ_max(JWS_POLICY), &out->policy, err) != 0 ||
	    member_opt_copy(root, "exceptions", jws_typ_max(JWS_EXCEPTIONS), &out->exceptions,
			    err) != 0)
		return -1;
	if (!out->keys)
		return err_set(err, ERR_INVALID, "member 'keys': missing");
	return 0;
}

/* The path of trust: the code names a policy key, which signed the key set, whose online key signed
 * the answer, which names our own request. */
static int check_trust(const struct jws *jws, const struct enrol_answer *answer,
		       const struct enrol_code *code, const char *request_hash,
		       struct keys **out_keys, struct err *err)
{
	const struct crypto_key *key;
	struct keys *keys;

	if (keys_open_first(answer->keys, strlen(answer->keys), code->policy_kid, &keys, err) != 0)
		return err_wrap(err, "key set");
	key = keys_online_key(keys, jws->kid);
	if (!key)
		err_set(err, ERR_AUTH, "signed by key '%s', which is no online key of its key set",
			jws->kid);
	else if (!jws_verify(jws, key))
		err_set(err, ERR_AUTH, "the signature does not hold");
	else if (strcmp(answer->org, keys->org) != 0)
		err_set(err, ERR_AUTH, "its organisation is not that of its key set");
	else if (strcmp(answer->request, request_hash) != 0)
		err_set(err, ERR_AUTH, "it answers another request than ours");
	else {
		*out_keys = keys;
		return 0;
	}
	keys_free(keys);
	return -1;
}

int enrol_answer_open(const char *jws, size_t len, const struct enrol_code *code,
		      const char *request_hash, struct enrol_answer **out, struct keys **out_keys,
		      struct err *err)
{
	struct enrol_answer *answer = NULL;
	struct json *root = NULL;
	struct jws parts;
	int ret = -1;

	/* What is read before the signature is known to hold is bounded and strictly parsed. */
	if (jws_split(JWS_ENROLLED, jws, len, &parts, err) != 0 ||
	    signed_payload(&parts, &root, err) != 0)
		goto out;
	answer = calloc(1, sizeof(*answer));
	if (!answer) {
		err_set(err, ERR_NOMEM, "no memory for an answer");
		goto out;
	}
	if (read_answer(root, answer, err) != 0 ||
	    check_trust(&parts, answer, code, request_hash, out_keys, err) != 0)
		goto out;
	*out = answer;
	answer = NULL;
	ret = 0;
out:
	json_free(root);
	enrol_answer_free(answer);
	return ret;
}

void enrol_answer_free(struct enrol_answer *answer)
{
	if (!answer)
		return;
	free(answer->keys);
	free(answer->policy);
	free(answer->exceptions);
	free(answer);
}
