/* See requests.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/requests.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/proto/ask.h"
#include "tools/collector/store_desk.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S 86400

struct loading {
	struct request *items;
	size_t count, size;
};

const char *request_state_name(enum request_state state)
{
	static const char *const names[] = {"open", "approved", "refused"};

	return names[state];
}

static void take_text(const struct json *data, const char *name, char *out, size_t size)
{
	const char *text = json_string(json_get(data, name));

	if (text)
		text_clean(out, size, text, strlen(text));
}

static int add(struct loading *all, const struct store_request_row *row, const struct json *data,
	       struct err *err)
{
	struct request *r;

	if (all->count == all->size) {
		all->size = all->size ? all->size * 2 : 64;
		r = realloc(all->items, all->size * sizeof(*r));
		if (!r)
			return err_set(err, ERR_NOMEM, "out of memory");
		all->items = r;
	}
	r = &all->items[all->count];
	memset(r, 0, sizeof(*r));
	r->event = row->event;
	r->device = row->device;
	r->school = row->school;
	r->at = row->received_at; /* a device's clock may be anything */
	memcpy(r->uuid, row->uuid, sizeof(r->uuid));
	memcpy(r->device_name, row->name, sizeof(r->device_name));
	memcpy(r->school_name, row->school_name, sizeof(r->school_name));
	take_text(data, "reference", r->reference, sizeof(r->reference));
	take_text(data, "id", r->what, sizeof(r->what));
	take_text(data, "kind", r->kind, sizeof(r->kind));
	take_text(data, "maker", r->maker, sizeof(r->maker));
	take_text(data, "model", r->model, sizeof(r->model));
	take_text(data, "why", r->why, sizeof(r->why));
	take_text(data, "user", r->user, sizeof(r->user));
	take_text(data, "reason", r->reason, sizeof(r->reason));
	all->count += ask_reference_holds(r->reference);
	return 0;
}

static void answer(struct loading *all, const struct store_request_row *row,
		   const struct json *data)
{
	char reference[16] = "";
	int64_t event = 0;
	struct err err;

	take_text(data, "reference", reference, sizeof(reference));
	(void)json_opt_int(data, "event", 0, INT64_MAX / 2, &event,
			   &err); /* else it answers none */
	for (size_t i = 0; i < all->count; i++) {
		struct request *r = &all->items[i];

		if (r->device != row->device || r->event > event ||
		    strcmp(r->reference, reference) != 0)
			continue;
		r->state = row->approved ? REQUEST_APPROVED : REQUEST_REFUSED;
		r->answered_at = row->at;
		take_text(data, "exception", r->exception, sizeof(r->exception));
	}
}

static int take_row(void *ctx, const struct store_request_row *row, struct err *err)
{
	struct json *data = NULL;
	struct err bad;
	int ret = 0;

	if (json_parse(row->data ? row->data : "", row->data ? strlen(row->data) : 0, &data, &bad) <
	    0)
		return 0;
	if (row->ours)
		answer(ctx, row, data);
	else
		ret = add(ctx, row, data, err);
	json_free(data);
	return ret;
}

int requests_load(struct store *store, int64_t now, struct request **out, size_t *out_count,
		  struct err *err)
{
	struct loading all = {NULL, 0, 0};

	if (store->desk->requests(store, now - REQUESTS_DAYS * DAY_S, take_row, &all, err)) {
		free(all.items);
		return -1;
	}
	for (size_t i = 0; i < all.count / 2; i++) {
		struct request swap = all.items[i];

		all.items[i] = all.items[all.count - 1 - i];
		all.items[all.count - 1 - i] = swap;
	}
	*out = all.items;
	*out_count = all.count;
	return 0;
}

int request_answer(struct store *store, const struct request *request, const char *exception,
		   const char *why, int64_t now, const char *who, struct err *err)
{
	struct jsonw w;
	struct buf data;
	int ret;

	buf_init(&data, 4096);
	jsonw_init(&w, &data);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "event", request->event);
	jsonw_string(&w, "reference", request->reference);
	if (*exception)
		jsonw_string(&w, "exception", exception);
	if (*why)
		jsonw_string(&w, "why", why);
	jsonw_object_end(&w);
	ret = buf_check(&data, err);
	if (ret == 0)
		ret = store->desk->request_answer(store, request->device, *exception != '\0',
						  data.data, now, who, err);
	buf_clear(&data);
	return ret;
}
