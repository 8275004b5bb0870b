/* See phone_codes.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/phone_codes.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "tools/collector/desk_rows.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S 86400

const char *phone_state_name(enum phone_state state)
{
	static const char *const names[] = {"read out", "used", "ended", "used, not made here"};

	return names[state];
}

static struct phone_code_row *add(struct desk_rows *all, const struct store_request_row *from,
				  const struct json *data, struct err *err)
{
	struct phone_code_row *row = desk_rows_add(all, err);

	if (!row)
		return NULL;
	row->device = from->device;
	row->at = from->received_at;
	memcpy(row->uuid, from->uuid, sizeof(row->uuid));
	memcpy(row->device_name, from->name, sizeof(row->device_name));
	memcpy(row->school_name, from->school_name, sizeof(row->school_name));
	desk_row_text(data, "challenge", row->challenge, sizeof(row->challenge));
	row->until = desk_row_int(data, "until");
	return row;
}

static struct phone_code_row *find(struct desk_rows *all, const struct store_request_row *from,
				   const struct json *data)
{
	struct phone_code_row *rows = all->items;
	char challenge[PHONE_SHOWN] = "";

	desk_row_text(data, "challenge", challenge, sizeof(challenge));
	/* The same challenge may have been answered twice: the newest one is what was typed. */
	for (size_t i = all->count; i > 0; i--)
		if (rows[i - 1].device == from->device && !rows[i - 1].used_at &&
		    strcmp(rows[i - 1].challenge, challenge) == 0)
			return &rows[i - 1];
	return NULL;
}

static int take_data(struct desk_rows *all, const struct store_request_row *from,
		     const struct json *data, struct err *err)
{
	struct phone_code_row *row = from->ours ? NULL : find(all, from, data);
	bool known = row || from->ours;

	if (!row)
		row = add(all, from, data, err);
	if (!row)
		return -1;
	if (from->ours) {
		desk_row_text(data, "day", row->day, sizeof(row->day));
		desk_row_text(data, "reason", row->reason, sizeof(row->reason));
		desk_row_text(data, "asked", row->asked, sizeof(row->asked));
		desk_row_text(data, "approved", row->approved, sizeof(row->approved));
		return 0;
	}
	row->used_at = from->received_at; /* a device's clock may be anything */
	row->state = known ? PHONE_USED : PHONE_UNKNOWN;
	desk_row_text(data, "id", row->what, sizeof(row->what));
	desk_row_text(data, "user", row->user, sizeof(row->user));
	return 0;
}

static int take_row(void *ctx, const struct store_request_row *row, struct err *err)
{
	struct json *data = desk_row_data(row);
	int ret = data ? take_data(ctx, row, data, err) : 0;

	json_free(data);
	return ret;
}

int phone_codes_load(struct store *store, int64_t now, struct phone_code_row **out,
		     size_t *out_count, struct err *err)
{
	struct desk_rows all = {.size = sizeof(struct phone_code_row)};
	struct phone_code_row *rows;

	if (store->desk->phone_codes(store, now - PHONE_CODES_KEPT_DAYS * DAY_S, take_row, &all,
				     err)) {
		free(all.items);
		return -1;
	}
	desk_rows_newest_first(&all);
	rows = all.items;
	for (size_t i = 0; i < all.count; i++)
		if (rows[i].state == PHONE_READ_OUT && rows[i].until < now)
			rows[i].state = PHONE_ENDED;
	*out = rows;
	*out_count = all.count;
	return 0;
}

int phone_code_note(struct store *store, const struct phone_code_row *row, const char *who,
		    struct err *err)
{
	struct jsonw w;
	struct buf data;
	int ret;

	buf_init(&data, 4096);
	jsonw_init(&w, &data);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "challenge", row->challenge);
	jsonw_string(&w, "day", row->day);
	jsonw_int(&w, "until", row->until);
	jsonw_string(&w, "reason", row->reason);
	jsonw_string(&w, "asked", row->asked);
	jsonw_string(&w, "approved", row->approved);
	jsonw_object_end(&w);
	ret = buf_check(&data, err);
	if (ret == 0)
		ret = store->desk->phone_code_issued(store, row->device, data.data, row->at, who,
						     err);
	buf_clear(&data);
	return ret;
}
