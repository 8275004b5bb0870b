/* See phone_codes.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/phone_codes.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"

#include <stdlib.h>
#include <string.h>

#define DAY_S 86400

struct loading {
	struct phone_code_row *items;
	size_t count, size;
};

const char *phone_state_name(enum phone_state state)
{
	static const char *const names[] = {"read out", "used", "ended", "used, not made here"};

	return names[state];
}

static void take_text(const struct json *data, const char *name, char *out, size_t size)
{
	const char *text = json_string(json_get(data, name));

	if (text)
		text_clean(out, size, text, strlen(text));
}

static int64_t take_int(const struct json *data, const char *name)
{
	int64_t number = 0;
	struct err err;

	(void)json_opt_int(data, name, 0, INT64_MAX / 2, &number, &err); /* else it stays 0 */
	return number;
}

static struct phone_code_row *add(struct loading *all, const struct store_request_row *from,
				  const struct json *data, struct err *err)
{
	struct phone_code_row *row;

	if (all->count == all->size) {
		all->size = all->size ? all->size * 2 : 32;
		row = realloc(all->items, all->size * sizeof(*row));
		if (!row) {
			err_set(err, ERR_NOMEM, "out of memory");
			return NULL;
		}
		all->items = row;
	}
	row = &all->items[all->count++];
	memset(row, 0, sizeof(*row));
	row->device = from->device;
	row->at = from->received_at;
	memcpy(row->uuid, from->uuid, sizeof(row->uuid));
	memcpy(row->device_name, from->name, sizeof(row->device_name));
	memcpy(row->school_name, from->school_name, sizeof(row->school_name));
	take_text(data, "challenge", row->challenge, sizeof(row->challenge));
	row->until = take_int(data, "until");
	return row;
}

static struct phone_code_row *find(struct loading *all, const struct store_request_row *from,
				   const struct json *data)
{
	char challenge[PHONE_SHOWN] = "";

	take_text(data, "challenge", challenge, sizeof(challenge));
	/* The same challenge may have been answered twice: the newest one is what was typed. */
	for (size_t i = all->count; i > 0; i--)
		if (all->items[i - 1].device == from->device && !all->items[i - 1].used_at &&
		    strcmp(all->items[i - 1].challenge, challenge) == 0)
			return &all->items[i - 1];
	return NULL;
}

static int take_data(struct loading *all, const struct store_request_row *from,
		     const struct json *data, struct err *err)
{
	struct phone_code_row *row = from->ours ? NULL : find(all, from, data);
	bool known = row || from->ours;

	if (!row)
		row = add(all, from, data, err);
	if (!row)
		return -1;
	if (from->ours) {
		take_text(data, "day", row->day, sizeof(row->day));
		take_text(data, "reason", row->reason, sizeof(row->reason));
		take_text(data, "asked", row->asked, sizeof(row->asked));
		take_text(data, "approved", row->approved, sizeof(row->approved));
		return 0;
	}
	row->used_at = from->received_at; /* a device's clock may be anything */
	row->state = known ? PHONE_USED : PHONE_UNKNOWN;
	take_text(data, "id", row->what, sizeof(row->what));
	take_text(data, "user", row->user, sizeof(row->user));
	return 0;
}

static int take_row(void *ctx, const struct store_request_row *row, struct err *err)
{
	struct json *data = NULL;
	struct err bad;
	int ret = 0;

	if (json_parse(row->data ? row->data : "", row->data ? strlen(row->data) : 0, &data, &bad) <
	    0)
		return 0;
	ret = take_data(ctx, row, data, err);
	json_free(data);
	return ret;
}

int phone_codes_load(struct store *store, int64_t now, struct phone_code_row **out,
		     size_t *out_count, struct err *err)
{
	struct loading all = {NULL, 0, 0};

	if (store->desk->phone_codes(store, now - PHONE_CODES_KEPT_DAYS * DAY_S, take_row, &all,
				     err)) {
		free(all.items);
		return -1;
	}
	for (size_t i = 0; i < all.count; i++)
		if (all.items[i].state == PHONE_READ_OUT && all.items[i].until < now)
			all.items[i].state = PHONE_ENDED;
	for (size_t i = 0; i < all.count / 2; i++) {
		struct phone_code_row swap = all.items[i];

		all.items[i] = all.items[all.count - 1 - i];
		all.items[all.count - 1 - i] = swap;
	}
	*out = all.items;
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
