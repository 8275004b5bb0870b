/* Acknowledgements: see documents.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/documents.h"

#include <assert.h>
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

#define DICT_MAX 31
#define POLL_MAX_S 86400

/* --- writing --- */

static void write_refused(struct jsonw *w, const struct ack *ack)
{
	jsonw_array(w, "refused");
	for (unsigned i = 0; i < ack->refused_count; i++) {
		jsonw_object(w, NULL);
		jsonw_int(w, "i", ack->refused[i].index);
		if (ack->refused[i].seq)
			jsonw_int(w, "seq", ack->refused[i].seq);
		if (ack->refused[i].hash[0])
			jsonw_string(w, "hash", ack->refused[i].hash);
		jsonw_string(w, "why", ack->refused[i].why);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void write_serials(struct jsonw *w, const struct ack *ack)
{
	jsonw_object(w, "serials");
	jsonw_int(w, "keys", ack->keys_serial);
	jsonw_int(w, "policy", ack->policy_serial);
	jsonw_int(w, "exceptions", ack->exceptions_serial);
	jsonw_object_end(w);
	jsonw_array(w, "dicts");
	for (unsigned i = 1; i <= DICT_MAX; i++)
		if (ack->dicts >> i & 1)
			jsonw_int(w, NULL, i);
	jsonw_array_end(w);
}

static void write_documents(struct jsonw *w, const struct ack *ack)
{
	if (ack->keys)
		jsonw_string(w, "keys", ack->keys);
	if (ack->policy)
		jsonw_string(w, "policy", ack->policy);
	if (ack->exceptions)
		jsonw_string(w, "exceptions", ack->exceptions);
}

void ack_encode(const struct ack *ack, struct buf *out)
{
	struct jsonw w;

	assert(ack->refused_count <= HEARTBEAT_MAX_BATCH);
	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "device", ack->device);
	if (ack->request[0])
		jsonw_string(&w, "request", ack->request);
	jsonw_int(&w, "acked", ack->acked);
	if (ack->head[0])
		jsonw_string(&w, "head", ack->head);
	if (ack->trunk_seq) {
		jsonw_object(&w, "trunk");
		jsonw_int(&w, "seq", ack->trunk_seq);
		jsonw_string(&w, "head", ack->trunk_head);
		jsonw_object_end(&w);
	}
	if (ack->need_full)
		jsonw_string(&w, "need", "full");
	if (ack->need_inventory)
		jsonw_bool(&w, "need_inventory", true);
	member_write_time(&w, "time", ack->time);
	write_refused(&w, ack);
	write_serials(&w, ack);
	jsonw_string(&w, "epoch", ack->epoch);
	if (ack->poll_s)
		jsonw_int(&w, "poll", ack->poll_s);
	write_documents(&w, ack);
	jsonw_object_end(&w);
}

/* --- reading --- */

static int read_trunk(const struct json *root, struct ack *out, struct err *err)
{
	const struct json *trunk;

	if (!json_get(root, "trunk"))
		return 0;
	if (json_get_object(root, "trunk", &trunk, err) != 0)
		return -1;
	if (json_get_int(trunk, "seq", 1, MEMBER_INT_MAX, &out->trunk_seq, err) != 0 ||
	    member_hash(trunk, "head", out->trunk_head, err) != 0)
		return err_wrap(err, "trunk");
	return 0;
}

static int read_need(const struct json *root, struct ack *out, struct err *err)
{
	const char *need = NULL;

	if (json_opt_string(root, "need", 16, &need, err) != 0 ||
	    json_opt_bool(root, "need_inventory", &out->need_inventory, err) != 0)
		return -1;
	/* A collector may come to want more than this program knows of. */
	out->need_full = need && strcmp(need, "full") == 0;
	return 0;
}

static int read_one_refused(const struct json *entry, struct ack_refused *out, struct err *err)
{
	const char *why;
	int64_t index;

	if (json_get_int(entry, "i", 0, HEARTBEAT_MAX_BATCH - 1, &index, err) != 0 ||
	    json_opt_int(entry, "seq", 0, MEMBER_INT_MAX, &out->seq, err) != 0 ||
	    member_opt_hash(entry, "hash", out->hash, err) != 0 ||
	    json_get_string(entry, "why", 4096, &why, err) != 0)
		return -1;
	out->index = (unsigned)index;
	text_clean(out->why, sizeof(out->why), why, strlen(why));
	return 0;
}

static int read_refused(const struct json *root, struct ack *out, struct err *err)
{
	const struct json *array;

	if (json_get_array(root, "refused", HEARTBEAT_MAX_BATCH, &array, err) != 0)
		return -1;
	for (const struct json *entry = json_first(array); entry; entry = json_next(entry)) {
		if (read_one_refused(entry, &out->refused[out->refused_count], err) != 0)
			return err_wrap(err, "refused, entry %u", out->refused_count + 1);
		out->refused_count++;
	}
	return 0;
}

static int read_serials(const struct json *root, struct ack *out, struct err *err)
{
	const struct json *serials;

	if (json_get_object(root, "serials", &serials, err) != 0)
		return -1;
	if (json_get_int(serials, "keys", 0, MEMBER_INT_MAX, &out->keys_serial, err) != 0 ||
	    json_get_int(serials, "policy", 0, MEMBER_INT_MAX, &out->policy_serial, err) != 0 ||
	    json_get_int(serials, "exceptions", 0, MEMBER_INT_MAX, &out->exceptions_serial, err) !=
		    0)
		return err_wrap(err, "serials");
	return 0;
}

static int read_dicts(const struct json *root, struct ack *out, struct err *err)
{
	const struct json *array;
	double number;

	if (json_get_array(root, "dicts", 1000, &array, err) != 0)
		return -1;
	for (const struct json *dict = json_first(array); dict; dict = json_next(dict)) {
		if (!json_number(dict, &number))
			return err_set(err, ERR_INVALID, "member 'dicts': expected numbers");
		for (unsigned i = 1; i <= DICT_MAX; i++)
			if (number == i) /* a newer one means nothing here */
				out->dicts |= 1u << i;
	}
	return 0;
}

static int read_ack(const struct json *root, struct ack *out, struct err *err)
{
	if (member_uuid(root, "device", out->device, err) != 0 ||
	    member_opt_hash(root, "request", out->request, err) != 0 ||
	    json_get_int(root, "acked", 0, MEMBER_INT_MAX, &out->acked, err) != 0 ||
	    member_opt_hash(root, "head", out->head, err) != 0 || read_trunk(root, out, err) != 0 ||
	    read_need(root, out, err) != 0 || member_time(root, "time", &out->time, err) != 0 ||
	    read_refused(root, out, err) != 0 || read_serials(root, out, err) != 0 ||
	    read_dicts(root, out, err) != 0 || member_uuid(root, "epoch", out->epoch, err) != 0 ||
	    json_opt_int(root, "poll", 1, POLL_MAX_S, &out->poll_s, err) != 0 ||
	    member_opt_copy(root, "keys", jws_typ_max(JWS_KEYS), &out->keys, err) != 0 ||
	    member_opt_copy(root, "policy", jws_typ_max(JWS_POLICY), &out->policy, err) != 0 ||
	    member_opt_copy(root, "exceptions", jws_typ_max(JWS_EXCEPTIONS), &out->exceptions,
			    err) != 0)
		return -1;
	if (out->acked > 0 && !out->head[0])
		return err_set(err, ERR_INVALID, "member 'head': missing beside 'acked'");
	return 0;
}

int ack_open(const char *jws, size_t len, const struct keys *keys, const char *device,
	     struct ack **out, struct err *err)
{
	struct ack *ack = NULL;
	struct json *root = NULL;
	int ret = -1;

	if (signed_open(JWS_ACK, jws, len, keys, keys_online_key, "online", &root, err) != 0)
		return -1;
	ack = calloc(1, sizeof(*ack));
	if (!ack) {
		err_set(err, ERR_NOMEM, "no memory for an acknowledgement");
		goto out;
	}
	if (read_ack(root, ack, err) != 0)
		goto out;
	if (strcmp(ack->device, device) != 0) {
		err_set(err, ERR_AUTH, "for device '%s', ours is '%s'", ack->device, device);
		goto out;
	}
	*out = ack;
	ack = NULL;
	ret = 0;
out:
	json_free(root);
	ack_free(ack);
	return ret;
}

bool ack_answers(const struct ack *ack, const char *body, size_t len)
{
	char hash[HASH_TEXT];

	crypto_sha256_b64(body, len, hash);
	return strcmp(ack->request, hash) == 0;
}

void ack_free(struct ack *ack)
{
	if (!ack)
		return;
	free(ack->keys);
	free(ack->policy);
	free(ack->exceptions);
	free(ack);
}
