/* See csv.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/csv.h"

#include "agent/base/err.h"
#include "agent/base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct reader {
	const char *at, *end;
	char separator;
	int line;
};

const char *csv_get(const struct csv_row *row, const char *name)
{
	for (unsigned i = 0; i < row->count; i++)
		if (!strcasecmp(row->names[i], name))
			return row->cells[i];
	return "";
}

static char find_separator(const char *text, size_t len)
{
	size_t line = 0;

	while (line < len && text[line] != '\n' && text[line] != '\r')
		line++;
	if (memchr(text, '\t', line))
		return '\t';
	return memchr(text, ';', line) && !memchr(text, ',', line) ? ';' : ',';
}

/* Reads one cell; leaves 'at' on the separator, the line's end or the text's. */
static int read_cell(struct reader *r, char out[CSV_MAX_CELL], struct err *err)
{
	size_t len = 0;
	bool quoted = r->at < r->end && *r->at == '"';

	if (quoted)
		r->at++;
	for (; r->at < r->end; r->at++) {
		if (quoted && *r->at == '"') {
			r->at++;
			if (r->at == r->end || *r->at != '"') {
				quoted = false;
				break;
			}
		} else if (!quoted &&
			   (*r->at == r->separator || *r->at == '\n' || *r->at == '\r')) {
			break;
		}
		if (*r->at == '\n' || *r->at == '\r' || *r->at == '\0')
			return err_set(err, ERR_INVALID,
				       "a cell goes over the line's end: a quote is missing");
		if (len + 1 >= CSV_MAX_CELL)
			return err_set(err, ERR_INVALID, "a cell is longer than %d bytes",
				       CSV_MAX_CELL - 1);
		out[len++] = *r->at;
	}
	if (quoted)
		return err_set(err, ERR_INVALID, "a quote is not closed");
	while (len && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
	if (r->at < r->end && *r->at != r->separator && *r->at != '\n' && *r->at != '\r')
		return err_set(err, ERR_INVALID, "there is text behind a closing quote");
	if (!text_utf8_valid(out, len))
		return err_set(err, ERR_INVALID,
			       "the text is not UTF-8: save the file as "
			       "\"CSV UTF-8\"");
	return 0;
}

/* False at the end of the text. */
static bool skip_blank_lines(struct reader *r)
{
	for (; r->at < r->end && (*r->at == '\n' || *r->at == '\r'); r->at++)
		/* A carriage return alone ends a line too, as old spreadsheets write it. */
		r->line += *r->at == '\n' || r->at + 1 == r->end || r->at[1] != '\n';
	return r->at < r->end;
}

static int read_row(struct reader *r, char cells[][CSV_MAX_CELL], unsigned *out_count,
		    struct err *err)
{
	unsigned count = 0;

	for (;;) {
		if (count == CSV_MAX_COLUMNS)
			return err_set(err, ERR_INVALID, "more than %d columns", CSV_MAX_COLUMNS);
		if (read_cell(r, cells[count++], err))
			return -1;
		if (r->at == r->end || *r->at != r->separator)
			break;
		r->at++;
	}
	*out_count = count;
	return 0;
}

static int check_header(char names[][CSV_MAX_CELL], unsigned count, const char *const needed[],
			struct err *err)
{
	for (size_t i = 0; needed[i]; i++) {
		unsigned c = 0;
		while (c < count && strcasecmp(names[c], needed[i]) != 0)
			c++;
		if (c == count)
			return err_set(err, ERR_INVALID, "the first line names no column '%s'",
				       needed[i]);
	}
	return 0;
}

int csv_read(const char *name, const char *text, size_t len, const char *const needed[],
	     int (*each)(void *ctx, const struct csv_row *row, struct err *err), void *ctx,
	     struct err *err)
{
	char names[CSV_MAX_COLUMNS][CSV_MAX_CELL] = {{0}};
	struct csv_row row = {.names = names};
	struct reader r = {text, text + len, ',', 1};
	unsigned count;

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		r.at += 3;
	r.separator = find_separator(r.at, (size_t)(r.end - r.at));
	if (!skip_blank_lines(&r))
		return err_set(err, ERR_INVALID, "%s: the file is empty", name);
	if (read_row(&r, names, &row.count, err) || check_header(names, row.count, needed, err))
		return err_wrap(err, "%s:%d", name, r.line);
	while (skip_blank_lines(&r)) {
		memset(row.cells, 0, sizeof(row.cells));
		row.line = r.line;
		if (read_row(&r, row.cells, &count, err))
			return err_wrap(err, "%s:%d", name, r.line);
		if (count > row.count) {
			err_set(err, ERR_INVALID, "%u cells under %u columns", count, row.count);
			return err_wrap(err, "%s:%d", name, r.line);
		}
		if (each(ctx, &row, err))
			return err_wrap(err, "%s:%d", name, r.line);
	}
	return 0;
}
