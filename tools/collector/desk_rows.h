/* What the store has of people's wishes, as a list of structs of the caller's: the rows come oldest
 * first, say what they say in JSON, and are wanted newest first.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_DESK_ROWS_H
#define CARETAKER_COLLECTOR_DESK_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "tools/collector/store_desk.h"

struct json;

struct desk_rows {
	size_t size; /* of one item: the caller's to say, the rest begins as zeros */
	void *items; /* the caller's to free() */
	size_t count, room;
};

/* One more, all zeros; NULL when there is no memory, with 'err'.  What an earlier call gave may
 * have moved. */
void *desk_rows_add(struct desk_rows *rows, struct err *err);
/* Takes the last one away again. */
void desk_rows_drop(struct desk_rows *rows);
void desk_rows_newest_first(struct desk_rows *rows);

/* What a row says; NULL when it is no JSON, and then it says nothing.  Freed by json_free(). */
struct json *desk_row_data(const struct store_request_row *row);
/* One of its texts, cleaned for a terminal, cut to 'size'; 'out' stays as it is without one. */
void desk_row_text(const struct json *data, const char *name, char *out, size_t size);
/* One of its numbers; 0 without one, or when it is no number from 0 up. */
int64_t desk_row_int(const struct json *data, const char *name);

#endif
