/* A list of rows for people (an aligned table) or programs (JSON), from the same calls.
 *
 * The first row's fields are the columns; every row gives the same fields in the same order.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_LISTING_H
#define CARETAKER_COLLECTOR_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/jsonw.h"

struct listing {
	bool json;
	struct jsonw w;
	struct buf text; /* JSON */
	char **cells;
	size_t count, size;
	unsigned columns; /* counted in the first row */
	unsigned rows;
	uint32_t right; /* bit n: column n holds numbers */
	const char *titles[32];
};

/* 'name': the member that holds the rows, "schools". */
void listing_init(struct listing *listing, bool json, const char *name);
void listing_clear(struct listing *listing);

void listing_row(struct listing *listing);
/* 'key' in JSON, 'title' over the column; a NULL title keeps the field out of the table, a NULL key
 * out of the JSON. */
void listing_text(struct listing *listing, const char *key, const char *title, const char *value);
void listing_int(struct listing *listing, const char *key, const char *title, int64_t value);
void listing_bool(struct listing *listing, const char *key, const char *title, bool value);
/* A moment: RFC 3339 in JSON, "2026-11-22 06:20" in a table, "-" and null for 0. */
void listing_time(struct listing *listing, const char *key, const char *title, int64_t value);

/* Prints to stdout; 'none' is said instead of an empty table. */
void listing_print(struct listing *listing, const char *none);

/* Columns that a text takes on a terminal (one a character, which holds for what we print). */
size_t listing_width(const char *text);

#endif
