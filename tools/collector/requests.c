/* See requests.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/requests.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/proto/ask.h"
#include "tools/collector/desk_rows.h"
#include "tools/collector/store_desk.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S 86400

const char *request_state_name(enum request_state state)
{
	static const char *const names[] = {"open", "approved", "refused"};

	return names[state];
}

static int add(struct desk_rows *all, const struct store_request_row *row, const struct json *data,
	       struct err *err)
{
	struct request *r = desk_rows_add(all, err);

	if (!r)
		return -1;
	r->event = row->event;
	r->device = row->device;
	r->school = row->school;
	r->at = row->received_at; /* a device's clock may be anything */
	memcpy(r->uuid, row->uuid, sizeof(r->uuid));
	memcpy(r->device_name, row->name, sizeof(r->device_name));
	memcpy(r->school_name, row->school_name, sizeof(r->school_name));
	desk_row_text(data, "reference", r->reference, sizeof(r->reference));
	desk_row_text(data, "id", r->what, sizeof(r->what));
	desk_row_text(data, "kind", r->kind, sizeof(r->kind));
	desk_row_text(data, "maker", r->maker, sizeof(r->maker));
	desk_row_text(data, "model", r->model, sizeof(r->model));
	desk_row_text(data, "why", r->why, sizeof(r->why));
	desk_row_text(data, "user", r->user, sizeof(r->user));
	desk_row_text(data, "reason", r->reason, sizeof(r->reason));
	if (!ask_reference_holds(r->reference))
		desk_rows_drop(all);
	return 0;
}

static void answer(struct desk_rows *all, const struct store_request_row *row,
		   const struct json *data)
{
	struct request *requests = all->items;
	int64_t event = desk_row_int(data, "event");
	char reference[16] = "";

	desk_row_text(data, "reference", reference, sizeof(reference));
	for (size_t i = 0; i < all->count; i++) {
		struct request *r = &requests[i];

		if (r->device != row->device || r->event > event ||
		    strcmp(r->reference, reference) != 0)
			continue;
		r->state = row->approved ? REQUEST_APPROVED : REQUEST_REFUSED;
		r->answered_at = row->at;
		desk_row_text(data, "exception", r->exception, sizeof(r->exception));
	}
}

static int take_row(void *ctx, const struct store_request_row *row, struct err *err)
{
	struct json *data = desk_row_data(row);
	int ret = 0;

	if (data && row->ours)
		answer(ctx, row, data);
	else if (data)
		ret = add(ctx, row, data, err);
	json_free(data);
	return ret;
}

int requests_load(struct store *store, int64_t now, struct request **out, size_t *out_count,
		  struct err *err)
{
	struct desk_rows all = {.size = sizeof(struct request)};

	if (store->desk->requests(store, now - REQUESTS_DAYS * DAY_S, take_row, &all, err)) {
		free(all.items);
		return -1;
	}
	desk_rows_newest_first(&all);
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
