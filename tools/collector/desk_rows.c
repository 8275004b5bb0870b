/* See desk_rows.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/desk_rows.h"

#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"

#include <stdlib.h>
#include <string.h>

void *desk_rows_add(struct desk_rows *rows, struct err *err)
{
	char *item;

	if (rows->count == rows->room) {
		size_t room = rows->room ? rows->room * 2 : 32;
		void *more = realloc(rows->items, room * rows->size);

		if (!more) {
			err_set(err, ERR_NOMEM, "out of memory");
			return NULL;
		}
		rows->items = more;
		rows->room = room;
	}
	item = (char *)rows->items + rows->count++ * rows->size;
	return memset(item, 0, rows->size);
}

void desk_rows_drop(struct desk_rows *rows)
{
	rows->count--;
}

void desk_rows_newest_first(struct desk_rows *rows)
{
	char *low = rows->items;

	for (size_t i = 0; i < rows->count / 2; i++) {
		char *high = (char *)rows->items + (rows->count - 1 - i) * rows->size;

		for (size_t at = 0; at < rows->size; at++, low++) {
			char swap = *low;

			*low = high[at];
			high[at] = swap;
		}
	}
}

struct json *desk_row_data(const struct store_request_row *row)
{
	struct json *data = NULL;
	struct err err;

	if (!row->data || json_parse(row->data, strlen(row->data), &data, &err) < 0)
		return NULL;
	return data;
}

void desk_row_text(const struct json *data, const char *name, char *out, size_t size)
{
	const char *text = json_string(json_get(data, name));

	if (text)
		text_clean(out, size, text, strlen(text));
}

int64_t desk_row_int(const struct json *data, const char *name)
{
	int64_t number = 0;
	struct err err;

	(void)json_opt_int(data, name, 0, INT64_MAX / 2, &number, &err); /* else it stays 0 */
	return number;
}
