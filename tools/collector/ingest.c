/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/proto/deflate.h"
#include "agent/proto/jws.h"
#include "tools/collector/identity.h"
#include "tools/collector/keycache.h"
#include "tools/collector/policy_served.h"

#define SUCCESSORS_MAX 4

/* --- one line --- */

/* Keys that heartbeats of this request name as the next: whoever sends again what a restored
 * collector lost signs with them in the same request. */
struct successors {
	struct successor {
		struct store_key key; /* id 0: the store has it once its introduction is stored */
		struct crypto_key *parsed;
	} all[SUCCESSORS_MAX];
	unsigned count;
};

static void mark(struct ingest_item *item, enum ingest_state state, const char *why)
{
	item->state = state;
	(void)text_copy(item->why, sizeof(item->why), why); /* cut is good enough */
}

static void read_payload(struct ingest_item *item, const struct jws *jws, struct buf *scratch)
{
	struct err err;

	buf_reset(scratch);
	if (jws_payload(jws, scratch, &err) < 0 ||
	    heartbeat_decode(buf_text(scratch), scratch->len, &item->heartbeat, &err) < 0) {
		mark(item, INGEST_REFUSED, err.msg);
		return;
	}
	item->decoded = true;
	/* A delta need not name it: the key does. */
	if (item->heartbeat.device[0] && strcmp(item->heartbeat.device, item->key.device) != 0)
		mark(item, INGEST_REFUSED,
		     "it names another device than the one whose key signed it");
	else
		item->state = INGEST_GOOD;
}

static const struct successor *find_successor(const struct successors *successors, const char *kid)
{
	for (unsigned i = 0; i < successors->count; i++) {
		if (strcmp(successors->all[i].key.kid, kid) == 0)
			return &successors->all[i];
	}
	return NULL;
}

static int note_successor(struct successors *successors, const struct ingest_item *item,
			  struct err *err)
{
	const struct heartbeat *hb = &item->heartbeat;
	struct successor *to = &successors->all[successors->count];

	if (item->state != INGEST_GOOD || !hb->next_kid[0] || successors->count == SUCCESSORS_MAX ||
	    find_successor(successors, hb->next_kid))
		return 0;
	if (crypto_key_new(hb->next_key, &to->parsed, err) < 0)
		return -1;
	to->key = item->key;
	to->key.id = 0;
	memcpy(to->key.kid, hb->next_kid, sizeof(to->key.kid));
	memcpy(to->key.point, hb->next_key, sizeof(to->key.point));
	successors->count++;
	return 0;
}

static int read_item(struct ingest_item *item, struct keycache *cache, struct store *store,
		     struct successors *successors, struct buf *scratch, struct err *err)
{
	const struct keycache_entry *entry;
	const struct successor *successor;
	const struct crypto_key *parsed;
	struct jws jws;

	if (jws_split(JWS_HEARTBEAT, item->jws, item->jws_len, &jws, err) < 0) {
		mark(item, INGEST_MALFORMED, err->msg);
		return 0;
	}
	if (keycache_find(cache, store, jws.kid, &entry, err) == 0) {
		item->key = entry->key;
		parsed = entry->parsed;
	} else if (err->code != ERR_NOTFOUND) {
		return -1;
	} else if ((successor = find_successor(successors, jws.kid))) {
		item->key = successor->key;
		item->introduced = true;
		parsed = successor->parsed;
	} else {
		mark(item, INGEST_UNKNOWN_KEY, "no device here has the key that it names");
		return 0;
	}
	if (!jws_verify(&jws, parsed)) {
		mark(item, INGEST_BAD_SIGNATURE, "the signature does not hold");
		return 0;
	}
	crypto_sha256_b64(item->jws, item->jws_len, item->hash);
	read_payload(item, &jws, scratch);
	return note_successor(successors, item, err);
}

/* --- a request --- */

static int problem(struct ingest_problem *out, int status, const char *name, const char *title,
		   const char *detail)
{
	*out = (struct ingest_problem){.status = status, .name = name, .title = title};
	(void)text_copy(out->detail, sizeof(out->detail), detail);
	return -1;
}

static unsigned count_lines(const char *body, size_t len)
{
	const char *end = body + len;
	unsigned count = 0;

	while (body < end) {
		const char *newline = memchr(body, '\n', (size_t)(end - body));

		count++;
		body = newline ? newline + 1 : end;
	}
	return count;
}

static void cut_lines(struct ingest_batch *batch, size_t len)
{
	char *at = batch->body, *end = batch->body + len;

	for (unsigned i = 0; i < batch->count; i++) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		char *stop = newline ? newline : end;

		batch->items[i].jws = at;
		batch->items[i].jws_len = (size_t)(stop - at);
		at = stop + 1;
	}
}

/* Nothing in it can be believed: the first line says why. */
static int nothing_signed(const struct ingest_item *item, struct ingest_problem *out)
{
	switch (item->state) {
	case INGEST_UNKNOWN_KEY:
		return problem(out, 403, "unknown-device",
			       "no device here has this key: enrol it, or see that it asks the "
			       "right collector",
			       item->why);
	case INGEST_BAD_SIGNATURE:
		return problem(out, 403, "bad-signature", "the heartbeat's signature does not hold",
			       item->why);
	default:
		return problem(out, 400, "bad-heartbeat",
			       "the body is not one heartbeat JWS a line", item->why);
	}
}

/* One device a request: an acknowledgement is for one. */
static int find_sender(struct ingest_batch *batch, struct ingest_problem *out)
{
	batch->first = -1;
	for (unsigned i = 0; i < batch->count; i++) {
		struct ingest_item *item = &batch->items[i];

		if (item->state != INGEST_GOOD && item->state != INGEST_REFUSED)
			continue;
		if (batch->first < 0)
			batch->first = (int)i;
		else if (item->key.device_id != batch->items[batch->first].key.device_id)
			mark(item, INGEST_REFUSED,
			     "it is another device's: a request carries those of one");
	}
	return batch->first < 0 ? nothing_signed(&batch->items[0], out) : 0;
}

static int read_items(struct ingest_batch *batch, struct keycache *cache, struct store *store,
		      struct buf *scratch, struct err *err)
{
	struct successors successors = {.count = 0};
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < batch->count; i++)
		ret = read_item(&batch->items[i], cache, store, &successors, scratch, err);
	for (unsigned i = 0; i < successors.count; i++)
		crypto_key_free(successors.all[i].parsed);
	return ret;
}

int ingest_read(char *body, size_t len, int64_t now, struct keycache *cache, struct store *store,
		struct buf *scratch, struct ingest_batch **out, struct ingest_problem *out_problem)
{
	unsigned count = body ? count_lines(body, len) : 0;
	struct ingest_batch *batch;
	struct err err;

	if (count == 0 || count > HEARTBEAT_MAX_BATCH) {
		free(body);
		return count ? problem(out_problem, 413, "too-many",
				       "at most 64 heartbeats are taken in one request", "")
			     : problem(out_problem, 400, "bad-heartbeat", "the body is empty", "");
	}
	batch = calloc(1, sizeof(*batch) + count * sizeof(batch->items[0]));
	if (!batch) {
		free(body);
		return problem(out_problem, 503, "busy", "out of memory for now", "");
	}
	batch->body = body;
	batch->body_len = len;
	batch->received_at = now;
	batch->count = count;
	cut_lines(batch, len);
	if (read_items(batch, cache, store, scratch, &err) < 0) {
		ingest_free(batch);
		return problem(out_problem, 503, "store", "the store cannot be read for now",
			       err.msg);
	}
	if (find_sender(batch, out_problem) < 0) {
		ingest_free(batch);
		return -1;
	}
	*out = batch;
	return 0;
}

void ingest_free(struct ingest_batch *batch)
{
	if (!batch)
		return;
	for (unsigned i = 0; i < batch->count; i++) {
		if (batch->items[i].decoded)
			heartbeat_clear(&batch->items[i].heartbeat);
	}
	free(batch->body);
	free(batch);
}

/* --- in the transaction --- */

/* A key that a heartbeat before it in the request introduced has its row by now.  1: it has.  0:
 * that heartbeat was refused, so this one is. */
static int find_introduced(struct ingest_item *item, struct store *store, struct err *err)
{
	struct store_key key;

	if (!item->introduced)
		return 1;
	if (store->live->find_key(store, item->key.kid, &key, err) < 0) {
		if (err->code != ERR_NOTFOUND)
			return -1;
	} else if (key.device_id == item->key.device_id) {
		item->key = key;
		return 1;
	}
	item->placed = (struct store_placed){.as = STORE_REFUSED};
	(void)text_copy(item->placed.why, sizeof(item->placed.why),
			"the heartbeat that names its key was refused");
	return 0;
}

int ingest_store(struct ingest_batch *batch, struct store *store, struct err *err)
{
	batch->any = false;
	for (unsigned i = 0; i < batch->count; i++) {
		struct ingest_item *item = &batch->items[i];
		struct store_heartbeat in = {
			.key = &item->key,
			.heartbeat = &item->heartbeat,
			.jws = item->jws,
			.jws_len = item->jws_len,
			.received_at = batch->received_at,
		};
		int known;

		if (item->state != INGEST_GOOD)
			continue;
		known = find_introduced(item, store, err);
		if (known < 0)
			return -1;
		if (known == 0)
			continue;
		memcpy(in.hash, item->hash, sizeof(in.hash));
		if (store->live->put_heartbeat(store, &in, &item->placed, err) < 0)
			return -1;
		if (item->placed.as == STORE_REFUSED)
			continue;
		batch->last = item->placed;
		batch->any = true;
	}
	if (batch->any)
		return 0;
	return store->live->look(store, &batch->items[batch->first].key, &batch->last, err);
}

int ingest_outcome(const struct ingest_batch *batch, struct ingest_problem *out_problem)
{
	switch (batch->last.status) {
	case STORE_ACTIVE: return 0;
	case STORE_WAITING:
		return problem(out_problem, 403, "device-waiting",
			       "this device waits for a technician's yes", "");
	case STORE_REVOKED:
		return problem(out_problem, 403, "device-revoked",
			       "this device was revoked: it may be enrolled anew", "");
	case STORE_RETIRED:
		return problem(out_problem, 403, "device-retired",
			       "this device was retired: it may be enrolled anew", "");
	}
	return -1;
}

/* --- the acknowledgement --- */

static void list_refused(const struct ingest_batch *batch, struct ack *ack)
{
	for (unsigned i = 0; i < batch->count; i++) {
		const struct ingest_item *item = &batch->items[i];
		struct ack_refused *r = &ack->refused[ack->refused_count];
		bool good = item->state == INGEST_GOOD;

		if (good && item->placed.as != STORE_REFUSED)
			continue;
		r->index = i;
		r->seq = item->decoded ? item->heartbeat.seq : 0;
		crypto_sha256_b64(item->jws, item->jws_len, r->hash);
		(void)text_copy(r->why, sizeof(r->why), good ? item->placed.why : item->why);
		ack->refused_count++;
	}
}

/* The device's latest word: what it has, and what it would not take. */
static const struct heartbeat *latest(const struct ingest_batch *batch)
{
	for (unsigned i = batch->count; i-- > 0;) {
		if (batch->items[i].state == INGEST_GOOD &&
		    batch->items[i].placed.as != STORE_REFUSED)
			return &batch->items[i].heartbeat;
	}
	return NULL;
}

static bool rejected(const struct heartbeat *heartbeat, const char *what, int64_t serial)
{
	for (unsigned i = 0; i < heartbeat->rejected_count; i++) {
		if (heartbeat->rejected[i].serial == serial &&
		    strcmp(heartbeat->rejected[i].what, what) == 0)
			return true;
	}
	return false;
}

static void complain(const struct ingest_context *context, const struct err *err)
{
	uint32_t dropped;

	if (log_allow(context->complaints, (uint64_t)context->now, 3600, 3, &dropped))
		log_error("%s", err->msg);
}

/* Documents that the device lacks; one that it refused is not sent again until there is another. */
static int add_documents(const struct ingest_batch *batch, const struct ingest_context *context,
			 const struct heartbeat *heartbeat, struct ack *ack, struct err *err)
{
	const struct store_key *key = &batch->items[batch->first].key;
	const struct store_live_ops *live = context->store->live;
	const char *keys;
	struct buf text;
	bool have;

	/* Named when it is new, and daily: what got lost is asked for again then. */
	if (heartbeat->inventory[0]) {
		if (live->has_inventory(context->store, key->device_id, heartbeat->inventory, &have,
					err) < 0)
			return -1;
		ack->need_inventory = !have;
	}
	buf_init(&text, 0);
	keys = identity_keys_next(context->identity, key->org, heartbeat->keys_serial);
	if (keys && !rejected(heartbeat, "keys", ack->keys_serial)) {
		buf_adds(&text, keys);
		ack->keys = buf_take(&text, NULL);
	}
	if (ack->policy_serial > batch->last.has_policy &&
	    !rejected(heartbeat, "policy", ack->policy_serial)) {
		if (policy_served(context->store, context->identity, key->org, ack->policy_serial,
				  &text, err) == 0)
			ack->policy = buf_take(&text, NULL);
		else if (err->code == ERR_AUTH)
			complain(context, err); /* the rest may well be given */
		else
			goto out;
	}
	if (ack->exceptions_serial > batch->last.has_exceptions &&
	    !rejected(heartbeat, "exceptions", ack->exceptions_serial)) {
		if (live->exceptions_jws(context->store, key->device_id, &text, err) < 0)
			goto out;
		ack->exceptions = buf_take(&text, NULL);
	}
	return 0;
out:
	buf_clear(&text);
	return -1;
}

static void drop_documents(struct ack *ack)
{
	free(ack->keys);
	free(ack->policy);
	free(ack->exceptions);
	ack->keys = ack->policy = ack->exceptions = NULL;
}

static void fill(const struct ingest_batch *batch, const struct ingest_context *context,
		 struct ack *ack)
{
	const struct store_key *key = &batch->items[batch->first].key;
	const struct store_placed *last = &batch->last;
	const struct keys *keys = identity_keys(context->identity, key->org);

	memcpy(ack->device, key->device, sizeof(ack->device));
	crypto_sha256_b64(batch->body, batch->body_len, ack->request);
	ack->acked = last->acked;
	memcpy(ack->head, last->head, sizeof(ack->head));
	ack->trunk_seq = last->trunk_seq;
	memcpy(ack->trunk_head, last->trunk_head, sizeof(ack->trunk_head));
	ack->need_full = last->need_full;
	ack->time = context->now;
	ack->keys_serial = keys ? keys->serial : 0;
	ack->policy_serial = last->policy_serial;
	ack->exceptions_serial = last->exceptions_serial;
	ack->dicts = 1u << DEFLATE_DICT_NEWEST;
	(void)text_copy(ack->epoch, sizeof(ack->epoch), context->epoch);
	list_refused(batch, ack);
}

/* Which key set to answer by.  What was sent again from the ring names the set of its day; the
 * device has gone on since, as its newest word said. */
static int64_t believed_keys(const struct ingest_batch *batch, const struct heartbeat *heartbeat)
{
	int64_t serial = heartbeat ? heartbeat->keys_serial : 0;

	return !batch->last.newest && batch->last.has_keys > serial ? batch->last.has_keys : serial;
}

int ingest_acknowledge(const struct ingest_batch *batch, const struct ingest_context *context,
		       struct buf *scratch, struct buf *out, struct err *err)
{
	const struct heartbeat *heartbeat = latest(batch);
	const char *org = batch->items[batch->first].key.org;
	const struct crypto_signer *signer =
		identity_signer(context->identity, org, believed_keys(batch, heartbeat));
	struct ack *ack;
	int ret = -1;

	if (!signer)
		return err_set(
			err, ERR_AUTH,
			"the device believes none of our online keys: its key set has serial "
			"%lld; restore the key it knows, or enrol it anew",
			heartbeat ? (long long)heartbeat->keys_serial : 0LL);
	ack = calloc(1, sizeof(*ack));
	if (!ack)
		return err_set(err, ERR_NOMEM, "no memory for an acknowledgement");
	fill(batch, context, ack);
	if (heartbeat && batch->last.newest &&
	    add_documents(batch, context, heartbeat, ack, err) < 0) {
		/* The acknowledgement itself must not fail for it: what is stored is stored. */
		drop_documents(ack);
	}
	buf_reset(scratch);
	ack_encode(ack, scratch);
	if (buf_check(scratch, err) == 0)
		ret = jws_sign(JWS_ACK, scratch->data, scratch->len, false, 0, signer, out, err);
	drop_documents(ack);
	free(ack);
	return ret;
}
