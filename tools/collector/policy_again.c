/* See policy_again.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/policy_again.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/proto/jws.h"
#include "tools/collector/identity.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct in_use {
	int64_t group, school, serial, new_serial;
	char chain[UUID_LEN + 1];
};

struct again {
	struct store *store;
	const struct identity *identity;
	const char *kid; /* of the key that signs */
	int64_t school;
	const struct store_school *at;
	struct in_use *groups;
	size_t count, size;
};

static int add_group(void *ctx, const struct store_group *group, struct err *err)
{
	struct again *again = ctx;
	struct in_use *u;

	if (!group->policy)
		return 0;
	if (again->count == again->size) {
		size_t size = again->size ? again->size * 2 : 64;
		u = realloc(again->groups, size * sizeof(*u));
		if (!u)
			return err_set(err, ERR_NOMEM, "out of memory");
		again->groups = u;
		again->size = size;
	}
	u = &again->groups[again->count++];
	*u = (struct in_use){.group = group->id, .school = group->school, .serial = group->policy};
	snprintf(u->chain, sizeof(u->chain), "%s", again->at->org);
	return 0;
}

static int add_school(void *ctx, const struct store_school *school, struct err *err)
{
	struct again *again = ctx;
	const struct keys *keys = identity_keys(again->identity, school->org);

	if (again->school && again->school != school->id)
		return 0;
	/* A school that was handed over: its devices would refuse what this key signs. */
	if (!keys || !keys_policy_key(keys, again->kid))
		return 0;
	again->at = school;
	return again->store->desk->groups(again->store, school->id, add_group, again, err);
}

static int sign(const struct policy_document *doc, const struct crypto_signer *signer,
		struct buf *out, struct err *err)
{
	struct buf payload;
	int ret = -1;

	buf_init(&payload, JWS_MAX);
	policy_document_encode(doc, &payload);
	if (!buf_check(&payload, err))
		ret = jws_sign(JWS_POLICY, payload.data, payload.len, true, 0, signer, out, err);
	buf_clear(&payload);
	return ret;
}

static int one(struct store *store, const struct identity *identity, struct in_use *use,
	       const struct crypto_signer *signer, const char *who, int64_t now, struct err *err)
{
	const struct keys *keys = identity_keys(identity, use->chain);
	struct store_policy row = {0};
	struct policy_document doc = {0};
	struct buf jws;
	int ret = -1;

	if (!keys)
		return err_set(err, ERR_NOTFOUND, "the key sets '%s' are not kept here",
			       use->chain);
	buf_init(&jws, JWS_MAX);
	if (store->desk->policy(store, use->chain, use->serial, &row, err) ||
	    store->desk->policy_serial(store, NULL, &doc.serial, err))
		goto out;
	doc.serial++;
	doc.at = now;
	doc.ini = row.ini;
	doc.ini_len = row.ini_len;
	snprintf(doc.org, sizeof(doc.org), "%s", keys->org);
	snprintf(doc.name, sizeof(doc.name), "%s", row.name);
	if (sign(&doc, signer, &jws, err))
		goto out;
	free(row.jws);
	row.jws = jws.data;
	row.serial = doc.serial;
	row.at = row.published_at = now;
	snprintf(row.kid, sizeof(row.kid), "%s", crypto_key_kid(crypto_signer_key(signer)));
	snprintf(row.published_by, sizeof(row.published_by), "%s", who);
	ret = store->admin->policy_add(store, &row, who, err);
	row.jws = NULL;
	use->new_serial = doc.serial;
out:
	free(row.ini);
	free(row.jws);
	buf_clear(&jws);
	return ret;
}

/* Groups that share a policy share the new one. */
static struct in_use *same(struct again *again, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (again->groups[k].serial == again->groups[i].serial &&
		    !strcmp(again->groups[k].chain, again->groups[i].chain))
			return &again->groups[k];
	return NULL;
}

int policy_again(struct store *store, const struct identity *identity, int64_t school,
		 const struct crypto_signer *signer, const char *who, int64_t now,
		 unsigned *out_count, struct err *err)
{
	struct again again = {.store = store,
			      .identity = identity,
			      .school = school,
			      .kid = crypto_key_kid(crypto_signer_key(signer))};
	int ret;

	*out_count = 0;
	ret = store->desk->schools(store, add_school, &again, err);
	for (size_t i = 0; !ret && i < again.count; i++) {
		struct in_use *first = same(&again, i);
		if (first)
			again.groups[i].new_serial = first->new_serial;
		else if (!(ret = one(store, identity, &again.groups[i], signer, who, now, err)))
			++*out_count;
		if (!ret)
			ret = store->admin->group_policy(store, again.groups[i].group,
							 again.groups[i].new_serial, who, err);
	}
	free(again.groups);
	return ret;
}
