/* See listing.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/listing.h"

#include "agent/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 32
#define CELL_MAX 96

void listing_init(struct listing *listing, bool json, const char *name)
{
	memset(listing, 0, sizeof(*listing));
	listing->json = json;
	buf_init(&listing->text, 256u * 1024 * 1024);
	jsonw_init(&listing->w, &listing->text);
	listing->w.indent = true;
	if (json) {
		jsonw_object(&listing->w, NULL);
		jsonw_array(&listing->w, name);
	}
}

void listing_clear(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->cells[i]);
	free(listing->cells);
	buf_clear(&listing->text);
	memset(listing, 0, sizeof(*listing));
}

void listing_row(struct listing *listing)
{
	if (listing->json) {
		if (listing->rows)
			jsonw_object_end(&listing->w);
		jsonw_object(&listing->w, NULL);
	}
	listing->rows++;
}

static void cell(struct listing *listing, const char *title, const char *value, bool right)
{
	char clean[CELL_MAX];

	if (listing->json || !title)
		return;
	if (listing->count == listing->size) {
		size_t size = listing->size ? listing->size * 2 : 256;
		char **cells = realloc(listing->cells, size * sizeof(*cells));
		if (!cells)
			return; /* the table is cut; listing_print says so */
		listing->cells = cells;
		listing->size = size;
	}
	if (listing->rows == 1 && listing->columns < COLUMNS_MAX) {
		if (right)
			listing->right |= 1u << listing->columns;
		listing->titles[listing->columns++] = title;
	}
	text_clean(clean, sizeof(clean), value, strlen(value));
	listing->cells[listing->count] = strdup(clean);
	if (listing->cells[listing->count])
		listing->count++;
}

void listing_text(struct listing *listing, const char *key, const char *title, const char *value)
{
	if (listing->json && key)
		jsonw_string(&listing->w, key, value);
	cell(listing, title, value && *value ? value : "-", false);
}

void listing_int(struct listing *listing, const char *key, const char *title, int64_t value)
{
	char text[24];

	if (listing->json && key)
		jsonw_int(&listing->w, key, value);
	snprintf(text, sizeof(text), "%lld", (long long)value);
	cell(listing, title, text, true);
}

void listing_bool(struct listing *listing, const char *key, const char *title, bool value)
{
	if (listing->json && key)
		jsonw_bool(&listing->w, key, value);
	cell(listing, title, value ? "yes" : "no", false);
}

void listing_time(struct listing *listing, const char *key, const char *title, int64_t value)
{
	char text[TEXT_TIME_SIZE];

	if (listing->json && key)
		jsonw_time(&listing->w, key, value);
	text_time(text, value);
	text[10] = ' ';
	text[16] = '\0';
	cell(listing, title, value ? text : "-", false);
}

size_t listing_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80; /* not a continuation byte of UTF-8 */
	return width;
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
	int pad = (int)(width - listing_width(text));

	if (right)
		printf("%*s%s", pad, "", text);
	else
		printf("%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

static void print_table(const struct listing *listing)
{
	size_t widths[COLUMNS_MAX] = {0};
	unsigned columns = listing->columns;

	for (unsigned c = 0; c < columns; c++)
		widths[c] = listing_width(listing->titles[c]);
	for (size_t i = 0; i < listing->count; i++)
		if (listing_width(listing->cells[i]) > widths[i % columns])
			widths[i % columns] = listing_width(listing->cells[i]);
	for (unsigned c = 0; c < columns; c++)
		print_cell(listing->titles[c], widths[c], listing->right >> c & 1,
			   c + 1 == columns);
	for (size_t i = 0; i < listing->count; i++)
		print_cell(listing->cells[i], widths[i % columns],
			   listing->right >> (i % columns) & 1, i % columns + 1 == columns);
	if (listing->count < (size_t)listing->rows * columns)
		puts("(cut: out of memory)");
}

void listing_print(struct listing *listing, const char *none)
{
	if (listing->json) {
		if (listing->rows)
			jsonw_object_end(&listing->w);
		jsonw_array_end(&listing->w);
		jsonw_object_end(&listing->w);
		puts(buf_text(&listing->text));
	} else if (!listing->rows) {
		puts(none);
	} else if (listing->columns) {
		print_table(listing);
	}
}
