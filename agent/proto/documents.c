/* Policies and exceptions: see documents.h; key sets and acknowledgements are in documents_*.c.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/proto/documents.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/proto/jws.h"
#include "agent/proto/member.h"
#include "agent/proto/signed.h"

/* --- policy --- */

void policy_document_encode(const struct policy_document *doc, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "org", doc->org);
	jsonw_int(&w, "serial", doc->serial);
	jsonw_string(&w, "name", doc->name);
	member_write_time(&w, "at", doc->at);
	jsonw_stringn(&w, "ini", doc->ini, doc->ini_len);
	jsonw_object_end(&w);
}

static int read_policy(const struct json *root, const struct keys *keys,
		       struct policy_document *out, struct err *err)
{
	if (member_uuid(root, "org", out->org, err) != 0 ||
	    json_get_int(root, "serial", 1, MEMBER_INT_MAX, &out->serial, err) != 0 ||
	    member_text(root, "name", out->name, sizeof(out->name), err) != 0 ||
	    member_time(root, "at", &out->at, err) != 0 ||
	    member_opt_copy(root, "ini", POLICY_MAX_INI, &out->ini, err) != 0)
		return -1;
	if (!out->ini)
		return err_set(err, ERR_INVALID, "member 'ini': missing");
	if (strcmp(out->org, keys->org) != 0)
		return err_set(err, ERR_AUTH, "for organisation '%s', ours is '%s'", out->org,
			       keys->org);
	out->ini_len = strlen(out->ini);
	return 0;
}

int policy_document_open(const char *jws, size_t len, const struct keys *keys,
			 struct policy_document **out, struct err *err)
{
	struct policy_document *doc;
	struct json *root;
	int ret = -1;

	if (signed_open(JWS_POLICY, jws, len, keys, keys_policy_key, "policy", &root, err) != 0)
		return -1;
	doc = calloc(1, sizeof(*doc));
	if (!doc)
		err_set(err, ERR_NOMEM, "no memory for a policy");
	else
		ret = read_policy(root, keys, doc, err);
	json_free(root);
	if (ret == 0)
		*out = doc;
	else
		policy_document_free(doc);
	return ret;
}

void policy_document_free(struct policy_document *doc)
{
	if (!doc)
		return;
	free(doc->ini);
	free(doc);
}

/* --- exceptions --- */

static void write_item(struct jsonw *w, const struct exception_item *item)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "id", item->id);
	jsonw_string(w, "control", item->control);
	jsonw_string(w, "what", item->what);
	jsonw_string(w, "reason", item->reason);
	jsonw_string(w, "asked", item->asked);
	jsonw_string(w, "approved", item->approved);
	member_write_time(w, "until", item->until);
	jsonw_object_end(w);
}

void exceptions_encode(const struct exceptions *exceptions, struct buf *out)
{
	struct jsonw w;

	assert(exceptions->count <= EXCEPTIONS_MAX);
	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "device", exceptions->device);
	jsonw_int(&w, "serial", exceptions->serial);
	member_write_time(&w, "at", exceptions->at);
	member_write_time(&w, "until", exceptions->until);
	jsonw_array(&w, "items");
	for (unsigned i = 0; i < exceptions->count; i++)
		write_item(&w, &exceptions->items[i]);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

static int read_item(const struct json *entry, struct exception_item *out, struct err *err)
{
	if (member_uuid(entry, "id", out->id, err) != 0 ||
	    member_token(entry, "control", out->control, sizeof(out->control), err) != 0 ||
	    member_text(entry, "what", out->what, sizeof(out->what), err) != 0 ||
	    member_text(entry, "reason", out->reason, sizeof(out->reason), err) != 0 ||
	    member_text(entry, "asked", out->asked, sizeof(out->asked), err) != 0 ||
	    member_text(entry, "approved", out->approved, sizeof(out->approved), err) != 0 ||
	    member_time(entry, "until", &out->until, err) != 0)
		return -1;
	return 0;
}

static int read_items(const struct json *root, struct exceptions *out, struct err *err)
{
	const struct json *array;
	unsigned count = 0;

	if (json_get_array(root, "items", EXCEPTIONS_MAX, &array, err) != 0)
		return -1;
	for (const struct json *entry = json_first(array); entry; entry = json_next(entry))
		count++;
	out->items = calloc(count ? count : 1, sizeof(*out->items));
	if (!out->items)
		return err_set(err, ERR_NOMEM, "no memory for %u exceptions", count);
	for (const struct json *entry = json_first(array); entry; entry = json_next(entry)) {
		if (read_item(entry, &out->items[out->count], err) != 0)
			return err_wrap(err, "exception %u", out->count + 1);
		out->count++;
	}
	return 0;
}

static int read_exceptions(const struct json *root, const char *device, struct exceptions *out,
			   struct err *err)
{
	if (member_uuid(root, "device", out->device, err) != 0 ||
	    json_get_int(root, "serial", 1, MEMBER_INT_MAX, &out->serial, err) != 0 ||
	    member_time(root, "at", &out->at, err) != 0 ||
	    member_time(root, "until", &out->until, err) != 0 || read_items(root, out, err) != 0)
		return -1;
	if (strcmp(out->device, device) != 0)
		return err_set(err, ERR_AUTH, "for device '%s', ours is '%s'", out->device, device);
	return 0;
}

int exceptions_open(const char *jws, size_t len, const struct keys *keys, const char *device,
		    struct exceptions **out, struct err *err)
{
	struct exceptions *exceptions;
	struct json *root;
	int ret = -1;

	if (signed_open(JWS_EXCEPTIONS, jws, len, keys, keys_online_key, "online", &root, err) != 0)
		return -1;
	exceptions = calloc(1, sizeof(*exceptions));
	if (!exceptions)
		err_set(err, ERR_NOMEM, "no memory for exceptions");
	else
		ret = read_exceptions(root, device, exceptions, err);
	json_free(root);
	if (ret == 0)
		*out = exceptions;
	else
		exceptions_free(exceptions);
	return ret;
}

void exceptions_free(struct exceptions *exceptions)
{
	if (!exceptions)
		return;
	free(exceptions->items);
	free(exceptions);
}
