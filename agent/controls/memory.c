/* A sorted array: 4,000 entries at most, looked up a few hundred times a run.
 *
 * On disk: {"v":1,"entries":{"updates/first/x":{"n":1,"at":…},"av/log":{"t":"…","at":…}}}, where
 * "at" is when the entry was last asked for or set.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/base/version.h"

#define NAME_MAX_LEN 240
#define TEXT_MAX_LEN 1000
#define DAY_S 86400
#define EXACT_MAX ((INT64_C(1) << 53) - 1)

struct entry {
	char *name;
	char *text; /* NULL: a number */
	int64_t number;
	int64_t touched_at;
};

struct memory {
	struct entry *entries; /* sorted by name */
	size_t count;
	int64_t now;
};

int memory_new(int64_t now, struct memory **out, struct err *err)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	if (memory)
		memory->entries = calloc(MEMORY_MAX_ENTRIES, sizeof(*memory->entries));
	if (!memory || !memory->entries) {
		free(memory);
		return err_set(err, ERR_NOMEM, "out of memory for what is remembered");
	}
	memory->now = now;
	*out = memory;
	return 0;
}

void memory_free(struct memory *memory)
{
	if (!memory)
		return;
	for (size_t i = 0; i < memory->count; i++) {
		free(memory->entries[i].name);
		free(memory->entries[i].text);
	}
	free(memory->entries);
	free(memory);
}

/* Where 'name' is, or where it would be put in. */
static size_t position(const struct memory *memory, const char *name, int *out_differs)
{
	size_t low = 0, high = memory->count;

	*out_differs = 1;
	while (low < high && *out_differs) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(memory->entries[middle].name, name);

		if (order == 0) {
			*out_differs = 0;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry *find(struct memory *memory, const char *name)
{
	int differs;
	size_t i = position(memory, name, &differs);

	if (differs)
		return NULL;
	memory->entries[i].touched_at = memory->now;
	return &memory->entries[i];
}

static void drop(struct memory *memory, size_t i)
{
	free(memory->entries[i].name);
	free(memory->entries[i].text);
	memory->count--;
	memmove(&memory->entries[i], &memory->entries[i + 1],
		(memory->count - i) * sizeof(*memory->entries));
}

static void drop_oldest(struct memory *memory)
{
	size_t oldest = 0;

	for (size_t i = 1; i < memory->count; i++)
		if (memory->entries[i].touched_at < memory->entries[oldest].touched_at)
			oldest = i;
	drop(memory, oldest);
}

/* NULL when there is no memory: what is not remembered is asked anew, which is never wrong. */
static struct entry *make(struct memory *memory, const char *name)
{
	struct entry *entry = find(memory, name);
	char *copy;
	int differs;
	size_t i;

	if (entry)
		return entry;
	if (strlen(name) > NAME_MAX_LEN)
		return NULL;
	copy = strdup(name);
	if (!copy)
		return NULL;
	if (memory->count == MEMORY_MAX_ENTRIES)
		drop_oldest(memory);
	i = position(memory, name, &differs);
	entry = &memory->entries[i];
	memmove(entry + 1, entry, (memory->count - i) * sizeof(*entry));
	memory->count++;
	*entry = (struct entry){.name = copy, .touched_at = memory->now};
	return entry;
}

int64_t memory_number(struct memory *memory, const char *name, int64_t fallback)
{
	const struct entry *entry = find(memory, name);

	return entry && !entry->text ? entry->number : fallback;
}

void memory_set_number(struct memory *memory, const char *name, int64_t value)
{
	struct entry *entry = make(memory, name);

	if (!entry)
		return;
	free(entry->text);
	entry->text = NULL;
	entry->number = value;
}

const char *memory_text(struct memory *memory, const char *name)
{
	const struct entry *entry = find(memory, name);

	return entry ? entry->text : NULL;
}

void memory_set_text(struct memory *memory, const char *name, const char *value)
{
	struct entry *entry;
	char *copy;

	if (strlen(value) > TEXT_MAX_LEN)
		return;
	copy = strdup(value);
	entry = copy ? make(memory, name) : NULL;
	if (!entry) {
		free(copy);
		return;
	}
	free(entry->text);
	entry->text = copy;
}

bool memory_believes(const struct memory *memory, int64_t time)
{
	return time <= memory->now && (time >= CARETAKER_MADE || memory->now < CARETAKER_MADE);
}

int64_t memory_time(struct memory *memory, const char *name)
{
	int64_t time = memory_number(memory, name, 0);

	if (time && !memory_believes(memory, time)) {
		time = memory->now;
		memory_set_number(memory, name, time);
	}
	return time;
}

int64_t memory_first_seen(struct memory *memory, const char *name)
{
	int64_t seen = memory_time(memory, name);

	if (!seen) {
		seen = memory->now;
		memory_set_number(memory, name, seen);
	}
	return seen;
}

/* --- on disk --- */

static int read_entry(struct memory *memory, const struct json *value, struct err *err)
{
	static const char *const members[] = {"n", "big", "t", "at", NULL};
	const char *name = json_name(value), *text = NULL, *big = NULL;
	int64_t number = 0, at = 0;
	struct entry *entry;

	if (!json_is_object(value) || strlen(name) > NAME_MAX_LEN)
		return err_set(err, ERR_INVALID, "not an entry");
	if (json_only(value, members, err) < 0 ||
	    json_opt_string(value, "t", TEXT_MAX_LEN, &text, err) < 0 ||
	    json_opt_string(value, "big", 24, &big, err) < 0 ||
	    json_opt_int(value, "n", -EXACT_MAX, EXACT_MAX, &number, err) < 0 ||
	    json_get_int(value, "at", 0, EXACT_MAX, &at, err) < 0)
		return -1;
	if (big && text_int(big, INT64_MIN, INT64_MAX, &number) < 0)
		return err_set(err, ERR_INVALID, "member 'big': expected a whole number");
	/* A clock that ran ahead must not keep an entry for ever, nor one that stood in 1970 make
	 * it old. */
	if (memory->now >= CARETAKER_MADE && !memory_believes(memory, at))
		at = memory->now;
	if (text)
		memory_set_text(memory, name, text);
	else
		memory_set_number(memory, name, number);
	entry = find(memory, name);
	if (!entry)
		return err_set(err, ERR_NOMEM, "out of memory");
	entry->touched_at = at;
	return 0;
}

/* What was not asked for while others were.  The clock says nothing here: one that jumped, or a
 * machine that lay in a cupboard, would make a memory forget itself. */
static void prune(struct memory *memory)
{
	int64_t newest = 0;

	for (size_t i = 0; i < memory->count; i++)
		if (memory->entries[i].touched_at > newest)
			newest = memory->entries[i].touched_at;
	for (size_t i = memory->count; i-- > 0;)
		if (newest - memory->entries[i].touched_at > (int64_t)MEMORY_KEEP_DAYS * DAY_S)
			drop(memory, i);
}

static int read_entries(struct memory *memory, const struct json *root, struct err *err)
{
	static const char *const members[] = {"v", "entries", NULL};
	const struct json *entries = NULL;
	int64_t version;

	if (!json_is_object(root))
		return err_set(err, ERR_INVALID, "expected an object");
	if (json_only(root, members, err) < 0 || json_get_int(root, "v", 1, 1, &version, err) < 0 ||
	    json_get_object(root, "entries", &entries, err) < 0)
		return -1;
	for (const struct json *value = json_first(entries); value; value = json_next(value))
		if (read_entry(memory, value, err) < 0)
			return err_wrap(err, "entry '%.60s'", json_name(value));
	prune(memory);
	return 0;
}

int memory_read(const char *text, size_t len, int64_t now, struct memory **out, struct err *err)
{
	struct memory *memory = NULL;
	struct json *root = NULL;
	int ret = -1;

	if (json_parse(text, len, &root, err) < 0 || memory_new(now, &memory, err) < 0)
		goto out;
	if (read_entries(memory, root, err) < 0)
		goto out;
	*out = memory;
	memory = NULL;
	ret = 0;
out:
	memory_free(memory);
	json_free(root);
	return ret;
}

/* A file's identity has 64 bits, of which JSON's numbers hold 53: as text. */
static void write_big(int64_t number, struct jsonw *w)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	jsonw_string(w, "big", text);
}

int memory_write(struct memory *memory, struct buf *out, struct err *err)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_object(&w, "entries");
	for (size_t i = 0; i < memory->count; i++) {
		const struct entry *entry = &memory->entries[i];

		jsonw_object(&w, entry->name);
		if (entry->text)
			jsonw_string(&w, "t", entry->text);
		else if (entry->number > EXACT_MAX || entry->number < -EXACT_MAX)
			write_big(entry->number, &w);
		else
			jsonw_int(&w, "n", entry->number);
		jsonw_int(&w, "at", entry->touched_at);
		jsonw_object_end(&w);
	}
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	return buf_check(out, err);
}
