/* Files that people hand to the collector's commands: spreadsheets, the recovery kit, a school's
 * rows from another collector.  Input: a first byte says which, the rest is the file.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "tools/collector/csv.h"
#include "tools/collector/kit.h"
#include "tools/collector/store_desk.h"

static int take_row(void *ctx, const struct csv_row *row, struct err *err)
{
	const char *serial = csv_get(row, "serial");

	(void)ctx;
	assert(strlen(serial) < CSV_MAX_CELL && row->line > 1);
	return *serial ? 0 : err_set(err, ERR_INVALID, "no serial number");
}

static void try_csv(const char *text, size_t len)
{
	static const char *const needed[] = {"serial", NULL};
	struct err err = {.code = ERR_NONE};

	if (csv_read("rooms.csv", text, len, needed, take_row, NULL, &err))
		assert(strncmp(err.msg, "rooms.csv", 9) == 0);
}

static void try_kit(const char *text)
{
	struct kit kit;
	struct err err;

	if (kit_parse(text, &kit, &err) == 0)
		kit_clear(&kit);
}

struct lines {
	char *next;
};

static int next_line(void *ctx, const char **out_line, struct err *err)
{
	struct lines *lines = ctx;
	char *end;

	(void)err;
	*out_line = lines->next;
	if (!lines->next)
		return 0;
	end = strchr(lines->next, '\n');
	if (end)
		*end++ = '\0';
	lines->next = end && *end ? end : NULL;
	return 0;
}

/* What was taken in is counted right, and goes out again; what was refused left nothing. */
static void try_school(char *text)
{
	struct lines lines = {*text ? text : NULL};
	struct store_site site = {.org = "b3c7e0d2-91fa-4d08-8f36-52ce17a94b60",
				  .epoch = "99999999-2222-4333-8444-555555555555"};
	struct store *store;
	struct buf wrong;
	int64_t school, count;
	struct err err;

	assert(store_open(":memory:", STORE_CREATE, &store, &err) == 0);
	assert(store->admin->init(store, &site, &err) == 0);
	buf_init(&wrong, 0);
	if (store->desk->school_import(store, next_line, &lines, "Hill", "", "fuzz", &school,
				       &err) == 0 &&
	    store_settle(store, 1795328400, &err) == 0) {
		assert(store->desk->check(store, &wrong, &count, &err) == 0);
		if (strstr(buf_text(&wrong), "roll-up"))
			abort();
	}
	buf_clear(&wrong);
	store_close(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text;

	if (len < 1 || len > 65536)
		return 0;
	text = malloc(len);
	assert(text);
	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	if (data[0] == 'c')
		try_csv(text, len - 1);
	else if (data[0] == 'k')
		try_kit(text);
	else
		try_school(text);
	free(text);
	return 0;
}
