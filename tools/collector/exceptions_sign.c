/* See exceptions_sign.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/exceptions_sign.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/proto/jws.h"
#include "tools/collector/identity.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DAYS 400 /* a list's own end: later than any exception of a school year */
#define DAY (24 * 60 * 60)

struct work {
	struct store_exception_target *targets;
	size_t count, size;
	const struct store_exception_target *at;
	struct exceptions list;
	struct exception_item items[EXCEPTIONS_MAX];
	bool full;
};

static int add_target(void *ctx, const struct store_device *device, struct err *err)
{
	struct work *work = ctx;
	struct store_exception_target *t;

	if (work->count == work->size) {
		size_t size = work->size ? work->size * 2 : 128;
		t = realloc(work->targets, size * sizeof(*t));
		if (!t)
			return err_set(err, ERR_NOMEM, "out of memory");
		work->targets = t;
		work->size = size;
	}
	t = &work->targets[work->count++];
	*t = (struct store_exception_target){
		.id = device->id, .school = device->school, .group = device->group};
	snprintf(t->uuid, sizeof(t->uuid), "%s", device->uuid);
	return 0;
}

static int add_item(void *ctx, const struct store_exception *row, struct err *err)
{
	struct work *work = ctx;
	struct exception_item *item;

	(void)err;
	if (row->device != work->at->id && row->group != work->at->group &&
	    row->school != work->at->school)
		return 0;
	if (work->list.count == EXCEPTIONS_MAX) {
		work->full = true;
		return 0;
	}
	item = &work->items[work->list.count++];
	memset(item, 0, sizeof(*item));
	snprintf(item->id, sizeof(item->id), "%s", row->id);
	snprintf(item->control, sizeof(item->control), "%s", row->control);
	snprintf(item->what, sizeof(item->what), "%s", row->what);
	snprintf(item->reason, sizeof(item->reason), "%s", row->reason);
	snprintf(item->asked, sizeof(item->asked), "%s", row->asked);
	snprintf(item->approved, sizeof(item->approved), "%s", row->approved);
	item->until = row->until;
	return 0;
}

struct chains {
	int64_t school;
	char chain[UUID_LEN + 1];
};

static int chain_of(void *ctx, const struct store_school *school, struct err *err)
{
	struct chains *chains = ctx;

	(void)err;
	if (school->id == chains->school)
		snprintf(chains->chain, sizeof(chains->chain), "%s", school->org);
	return 0;
}

static int sign(const struct crypto_signer *signer, struct work *work, struct store_exceptions *out,
		struct err *err)
{
	struct buf payload, jws;
	int ret;

	buf_init(&payload, 0);
	buf_init(&jws, 0);
	exceptions_encode(&work->list, &payload);
	ret = buf_check(&payload, err);
	if (!ret)
		ret = jws_sign(JWS_EXCEPTIONS, payload.data, payload.len, false, 0, signer, &jws,
			       err);
	if (!ret)
		*out = (struct store_exceptions){work->at->id, work->list.serial, work->list.at,
						 work->list.until, buf_take(&jws, NULL)};
	buf_clear(&payload);
	buf_clear(&jws);
	return ret;
}

static int make(struct store *store, const struct identity *identity, const char *chain,
		struct work *work, int64_t now, struct store_exceptions *out, struct err *err)
{
	const struct keys *keys = identity_keys(identity, chain);
	const struct crypto_signer *signer;
	int64_t serial;

	if (!keys)
		return err_set(err, ERR_NOTFOUND, "the key sets '%s' are not kept here", chain);
	signer = identity_signer(identity, chain, keys->serial);
	if (!signer)
		return err_set(err, ERR_AUTH,
			       "no online key of ours is in the newest key set of '%s'", chain);
	work->full = false;
	work->list = (struct exceptions){
		.at = now, .until = now + (int64_t)LIST_DAYS * DAY, .items = work->items};
	snprintf(work->list.device, sizeof(work->list.device), "%s", work->at->uuid);
	if (store->desk->exceptions(store, false, now, add_item, work, err) ||
	    store->desk->exception_serial(store, work->at->id, &serial, err))
		return -1;
	if (work->full)
		return err_set(err, ERR_FULL, "more than %d exceptions concern device %s",
			       EXCEPTIONS_MAX, work->at->uuid);
	*out = (struct store_exceptions){0};
	/* Never had one, has none: nothing to say. */
	if (!work->list.count && serial == 1)
		return 0;
	work->list.serial = serial;
	return sign(signer, work, out, err);
}

int exceptions_sign_one(struct store *store, const struct identity *identity,
			const struct store_exception_target *target, int64_t now,
			struct store_exceptions *out, struct err *err)
{
	struct work *work = calloc(1, sizeof(*work));
	struct chains chains = {.school = target->school};
	int ret;

	if (!work)
		return err_set(err, ERR_NOMEM, "out of memory");
	work->at = target;
	ret = store->desk->schools(store, chain_of, &chains, err);
	if (!ret)
		ret = make(store, identity, chains.chain, work, now, out, err);
	free(work);
	return ret;
}

static int make_and_store(struct store *store, const struct identity *identity, const char *chain,
			  struct work *work, int64_t now, int64_t *count, struct err *err)
{
	struct store_exceptions list;
	int ret;

	if (make(store, identity, chain, work, now, &list, err))
		return -1;
	if (!list.jws)
		return 0;
	++*count;
	ret = store->desk->exception_document(store, &list, err);
	free(list.jws);
	return ret;
}

int exceptions_sign(struct store *store, const struct identity *identity,
		    const struct store_device_filter *filter, int64_t now, int64_t *out_count,
		    struct err *err)
{
	struct store_device_filter active = *filter;
	struct work *work = calloc(1, sizeof(*work));
	struct chains chains = {.school = -1};
	int ret = -1;

	*out_count = 0;
	if (!work)
		return err_set(err, ERR_NOMEM, "out of memory");
	active.status = STORE_ACTIVE;
	ret = store->desk->devices(store, &active, add_target, work, err);
	for (size_t i = 0; !ret && i < work->count; i++) {
		work->at = &work->targets[i];
		if (work->at->school != chains.school) {
			chains.school = work->at->school;
			ret = store->desk->schools(store, chain_of, &chains, err);
		}
		if (!ret)
			ret = make_and_store(store, identity, chains.chain, work, now, out_count,
					     err);
	}
	free(work->targets);
	free(work);
	return ret;
}

int exceptions_sign_device(struct store *store, const struct identity *identity, const char *uuid,
			   int64_t now, struct err *err)
{
	struct store_device_filter filter;
	int64_t ignored;

	store_device_filter_init(&filter);
	filter.word = uuid;
	return exceptions_sign(store, identity, &filter, now, &ignored, err);
}
