/* CSV with a header line, as spreadsheets save it: comma, semicolon or tab (found in the header),
 * quotes, a byte order mark.  Foreign text: every refusal names file and line.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_CSV_H
#define CARETAKER_COLLECTOR_CSV_H

#include <stddef.h>

struct err;

#define CSV_MAX_COLUMNS 32
#define CSV_MAX_CELL 256

struct csv_row {
	int line;
	unsigned count;
	const char (*names)[CSV_MAX_CELL];
	char cells[CSV_MAX_COLUMNS][CSV_MAX_CELL];
};
/* "" when the file has no such column or the cell is empty. */
const char *csv_get(const struct csv_row *row, const char *name);

/* 'needed' (NULL-terminated): columns the header must have; others may be there.  An 'each' that
 * returns -1 ends it, with "NAME:LINE: " put in front. */
int csv_read(const char *name, const char *text, size_t len, const char *const needed[],
	     int (*each)(void *ctx, const struct csv_row *row, struct err *err), void *ctx,
	     struct err *err);

#endif
