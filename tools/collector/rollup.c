/* See rollup.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/rollup.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/proto/reason.h"
#include "tools/collector/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAUSES_MAX 500 /* kept; people are shown the first few */
#define CAUSES_SHOWN 8

static const char *const by_names[] = {"school", "room", "group", "control"};

const char *rollup_by_name(enum rollup_by by)
{
	return by_names[by];
}

int rollup_by_parse(const char *name, enum rollup_by *out)
{
	for (unsigned i = 0; i < sizeof(by_names) / sizeof(by_names[0]); i++)
		if (!strcmp(name, by_names[i])) {
			*out = (enum rollup_by)i;
			return 0;
		}
	return -1;
}

/* --- reading --- */

struct reading {
	struct store *store;
	struct rollup *rollup;
	struct rollup_row *row; /* being filled */
	int64_t place;          /* whose it is */
	bool controls;          /* a row for each control */
	const struct store_school *school;
};

static struct rollup_row *add_row(struct rollup *rollup, const char *prefix, const char *name,
				  struct err *err)
{
	struct rollup_row *row;

	if (rollup->row_count == rollup->row_size) {
		unsigned size = rollup->row_size ? rollup->row_size * 2 : 64;
		struct rollup_row *rows = realloc(rollup->rows, size * sizeof(*rows));
		if (!rows) {
			err_set(err, ERR_NOMEM, "out of memory");
			return NULL;
		}
		rollup->rows = rows;
		rollup->row_size = size;
	}
	row = &rollup->rows[rollup->row_count++];
	memset(row, 0, sizeof(*row));
	snprintf(row->name, sizeof(row->name), "%s%s%s", prefix, *prefix ? " / " : "", name);
	return row;
}

static void take_policy(struct rollup *rollup, const struct store_count *count)
{
	if (rollup->policy_count == ROLLUP_POLICIES) {
		/* The last one gathers what does not fit. */
		rollup->policies[ROLLUP_POLICIES - 1].devices += count->count;
		return;
	}
	rollup->policies[rollup->policy_count].serial = count->standing;
	rollup->policies[rollup->policy_count++].devices = count->count;
}

static void take_device_count(struct rollup_row *row, const struct store_count *count)
{
	if (count->control == STORE_COUNT_DEVICE && count->standing >= 0 &&
	    count->standing < STANDING_COUNT)
		row->standing[count->standing] += count->count;
	if (count->control == STORE_COUNT_PRESENCE && count->standing >= 0 &&
	    count->standing < STORE_PRESENCE_COUNT) {
		row->presence[count->standing] += count->count;
		if (count->standing <= STORE_NEVER_SEEN)
			row->devices += count->count;
	}
}

/* Counts come sorted by control, so a control's row is the one before or a new one. */
static int take_control(struct reading *r, const struct store_count *count, struct err *err)
{
	char number[32];
	const char *name = number;

	if (count->standing < 0 || count->standing >= STANDING_COUNT)
		return 0;
	if (count->control < CONTROL_COUNT)
		name = control_name((enum control_id)count->control);
	else
		snprintf(number, sizeof(number), "control-%d", count->control);
	if (!r->row || strcmp(r->row->name, name) != 0) {
		r->row = add_row(r->rollup, "", name, err);
		if (!r->row)
			return -1;
	}
	r->row->standing[count->standing] += count->count;
	r->row->devices += count->count;
	return 0;
}

static int take_count(void *ctx, const struct store_count *count, struct err *err)
{
	struct reading *r = ctx;

	if (count->control == STORE_COUNT_POLICY) {
		take_policy(r->rollup, count);
		return 0;
	}
	if (count->control >= 0) /* those of whole devices came before */
		return r->controls ? take_control(r, count, err) : 1;
	take_device_count(&r->rollup->total, count);
	return 0;
}

static int take_place(void *ctx, const struct store_place_count *count, struct err *err)
{
	struct reading *r = ctx;
	const char *prefix = r->school || r->rollup->by == ROLLUP_SCHOOL ? "" : count->school;

	if (!r->row || r->place != count->place) {
		r->row = add_row(r->rollup, prefix, count->name, err);
		if (!r->row)
			return -1;
		r->place = count->place;
	}
	take_device_count(r->row, &count->count);
	return 0;
}

static int read_places(struct reading *r, struct err *err)
{
	static const enum store_scope scopes[] = {[ROLLUP_SCHOOL] = STORE_SCHOOL,
						  [ROLLUP_ROOM] = STORE_ROOM,
						  [ROLLUP_GROUP] = STORE_GROUP};

	return r->store->desk->place_counts(r->store, scopes[r->rollup->by],
					    r->school ? r->school->id : 0, take_place, r, err);
}

static int name_policy(void *ctx, const struct store_policy *policy, struct err *err)
{
	struct rollup *rollup = ctx;

	(void)err;
	for (unsigned i = 0; i < rollup->policy_count; i++)
		if (rollup->policies[i].serial == policy->serial)
			snprintf(rollup->policies[i].name, sizeof(rollup->policies[i].name), "%s",
				 policy->name);
	return 0;
}

static int add_cause(void *ctx, const struct store_cause *cause, struct err *err)
{
	struct rollup *rollup = ctx;
	struct store_cause *causes;

	if (rollup->cause_count == rollup->cause_size) {
		unsigned size = rollup->cause_size ? rollup->cause_size * 2 : 32;
		causes = realloc(rollup->causes, size * sizeof(*causes));
		if (!causes)
			return err_set(err, ERR_NOMEM, "out of memory");
		rollup->causes = causes;
		rollup->cause_size = size;
	}
	causes = rollup->causes;
	causes[rollup->cause_count] = *cause;
	causes[rollup->cause_count].evidence = strdup(cause->evidence ? cause->evidence : "");
	if (!causes[rollup->cause_count].evidence)
		return err_set(err, ERR_NOMEM, "out of memory");
	rollup->cause_count++;
	return 0;
}

static int read_all(struct reading *r, struct err *err)
{
	struct rollup *rollup = r->rollup;
	int64_t id = r->school ? r->school->id : 0;

	r->controls = rollup->by == ROLLUP_CONTROL;
	if (r->store->live->counts(r->store, r->school ? STORE_SCHOOL : STORE_TRUST, id, take_count,
				   r, err))
		return -1;
	if (!r->controls && read_places(r, err))
		return -1;
	return r->store->desk->policies(r->store, name_policy, rollup, err) ||
			       r->store->desk->causes(r->store,
						      r->school ? STORE_SCHOOL : STORE_TRUST, id,
						      CAUSES_MAX, add_cause, rollup, err)
		       ? -1
		       : 0;
}

int rollup_read(struct store *store, enum rollup_by by, const struct store_school *school,
		int64_t now, struct rollup *out, struct err *err)
{
	struct rollup rollup = {.by = by, .at = now};
	struct reading reading = {.store = store, .rollup = &rollup, .school = school};

	snprintf(rollup.total.name, sizeof(rollup.total.name), "all");
	if (school)
		snprintf(rollup.school, sizeof(rollup.school), "%s", school->name);
	if (read_all(&reading, err)) {
		rollup_clear(&rollup);
		return -1;
	}
	*out = rollup;
	return 0;
}

void rollup_clear(struct rollup *rollup)
{
	for (unsigned i = 0; i < rollup->cause_count; i++)
		free((char *)(uintptr_t)rollup->causes[i].evidence);
	free(rollup->causes);
	free(rollup->rows);
	memset(rollup, 0, sizeof(*rollup));
}

/* --- sentences --- */

void rollup_sentences(const char *control, const char *why, const char *evidence, struct buf *wrong,
		      struct buf *todo)
{
	struct json *root = NULL;
	enum control_id id;
	struct err ignored;

	/* Evidence that cannot be read leaves the sentences without its figures. */
	if (evidence && *evidence)
		(void)json_parse(evidence, strlen(evidence), &root, &ignored);
	if (!control_parse(control, &id)) {
		reason_wrong(id, why, root, wrong);
		reason_todo(id, why, root, todo);
	} else {
		buf_adds(wrong, why);
	}
	json_free(root);
}

/* One device's sentence, which stands for all when its evidence does not show in it. */
static bool add_sentence(const struct store_cause *cause, const struct buf *with,
			 const struct buf *without, struct buf *out)
{
	bool example = cause->count > 1 && strcmp(buf_text(with), buf_text(without)) != 0;

	if (example)
		buf_addf(out, "for example on %s: ",
			 *cause->device_name ? cause->device_name : cause->device);
	buf_adds(out, buf_text(with));
	return example;
}

bool rollup_cause_sentences(const struct store_cause *cause, struct buf *wrong, struct buf *todo)
{
	struct buf with[2], without[2];
	bool example;

	for (int i = 0; i < 2; i++) {
		buf_init(&with[i], 0);
		buf_init(&without[i], 0);
	}
	rollup_sentences(cause->control, cause->why, cause->evidence, &with[0], &with[1]);
	rollup_sentences(cause->control, cause->why, "", &without[0], &without[1]);
	example = add_sentence(cause, &with[0], &without[0], wrong);
	example |= add_sentence(cause, &with[1], &without[1], todo);
	for (int i = 0; i < 2; i++) {
		buf_clear(&with[i]);
		buf_clear(&without[i]);
	}
	return example;
}

/* --- JSON --- */

static void json_counts(struct jsonw *w, const struct rollup_row *row, bool presence)
{
	jsonw_int(w, "devices", row->devices);
	for (int i = 0; i < STANDING_COUNT; i++)
		jsonw_int(w, standing_key((enum standing)i), row->standing[i]);
	if (!presence)
		return;
	jsonw_int(w, "not_seen", row->presence[STORE_NOT_SEEN]);
	jsonw_int(w, "never_seen", row->presence[STORE_NEVER_SEEN]);
	jsonw_int(w, "waiting", row->presence[STORE_IS_WAITING]);
	jsonw_int(w, "revoked", row->presence[STORE_IS_REVOKED]);
	jsonw_int(w, "retired", row->presence[STORE_IS_RETIRED]);
}

static void json_cause(struct jsonw *w, const struct store_cause *cause, bool sentences)
{
	struct buf wrong, todo;

	jsonw_object(w, NULL);
	jsonw_string(w, "control", cause->control);
	jsonw_string(w, "standing", standing_key((enum standing)cause->standing));
	jsonw_string(w, "why", cause->why);
	jsonw_int(w, "devices", cause->count);
	jsonw_time(w, "oldest", cause->oldest);
	if (sentences) {
		buf_init(&wrong, 0);
		buf_init(&todo, 0);
		rollup_cause_sentences(cause, &wrong, &todo);
		jsonw_string(w, "wrong", buf_text(&wrong));
		jsonw_string(w, "todo", buf_text(&todo));
		jsonw_object(w, "example");
		jsonw_string(w, "device", cause->device);
		jsonw_string(w, "name", cause->device_name);
		jsonw_object_end(w);
		buf_clear(&wrong);
		buf_clear(&todo);
	}
	jsonw_object_end(w);
}

void rollup_json(const struct rollup *rollup, bool sentences, bool indent, struct buf *out)
{
	bool presence = rollup->by != ROLLUP_CONTROL;
	struct jsonw w;

	jsonw_init(&w, out);
	w.indent = indent;
	jsonw_object(&w, NULL);
	jsonw_time(&w, "at", rollup->at);
	jsonw_string(&w, "by", rollup_by_name(rollup->by));
	jsonw_string(&w, "school", rollup->school[0] ? rollup->school : NULL);
	jsonw_object(&w, "total");
	json_counts(&w, &rollup->total, true);
	jsonw_object_end(&w);
	jsonw_array(&w, "rows");
	for (unsigned i = 0; i < rollup->row_count; i++) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "name", rollup->rows[i].name);
		json_counts(&w, &rollup->rows[i], presence);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_array(&w, "policies");
	for (unsigned i = 0; i < rollup->policy_count; i++) {
		jsonw_object(&w, NULL);
		jsonw_int(&w, "serial", rollup->policies[i].serial);
		jsonw_string(&w, "name", rollup->policies[i].name);
		jsonw_int(&w, "devices", rollup->policies[i].devices);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_array(&w, "first");
	for (unsigned i = 0; i < rollup->cause_count; i++)
		json_cause(&w, &rollup->causes[i], sentences);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_addc(out, '\n');
}

/* --- text --- */

static const struct column {
	const char *title;
	int standing; /* -1: not a standing */
} columns[] = {
	{"ok", STANDING_OK},
	{"to fix", STANDING_TO_FIX},
	{"overdue", STANDING_OVERDUE},
	{"due by", STANDING_DUE_BY},
	{"cannot tell", STANDING_CANNOT_TELL},
	{"allowed until", STANDING_ALLOWED_UNTIL},
};
#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

static void pad(struct buf *out, size_t width, const char *text)
{
	buf_adds(out, text);
	for (size_t used = listing_width(text); used < width; used++)
		buf_addc(out, ' ');
}

/* A zero is a dot: what is there stands out. */
static void number(struct buf *out, size_t width, int64_t value)
{
	if (value)
		buf_addf(out, "  %*lld", (int)width, (long long)value);
	else
		buf_addf(out, "  %*s", (int)width, ".");
}

static void text_row(struct buf *out, const struct rollup_row *row, size_t width, bool controls)
{
	pad(out, width, row->name);
	number(out, 7, row->devices);
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		int64_t value = row->standing[columns[i].standing];
		/* A machine to which nothing applies has nothing to fix; a control is another
		 * matter and has a column of its own. */
		if (columns[i].standing == STANDING_OK && !controls)
			value += row->standing[STANDING_NOT_APPLICABLE];
		number(out, strlen(columns[i].title), value);
	}
	if (controls)
		number(out, 14, row->standing[STANDING_NOT_APPLICABLE]);
	else
		number(out, 8, row->presence[STORE_NOT_SEEN] + row->presence[STORE_NEVER_SEEN]);
	buf_addc(out, '\n');
}

static void text_table(const struct rollup *rollup, struct buf *out)
{
	bool controls = rollup->by == ROLLUP_CONTROL;
	size_t width = listing_width(rollup_by_name(rollup->by)), w;

	for (unsigned i = 0; i < rollup->row_count; i++)
		if ((w = listing_width(rollup->rows[i].name)) > width)
			width = w;
	pad(out, width, rollup_by_name(rollup->by));
	buf_adds(out, "  devices");
	for (size_t i = 0; i < COLUMN_COUNT; i++)
		buf_addf(out, "  %s", columns[i].title);
	buf_adds(out, controls ? "  not applicable\n" : "  not seen\n");
	for (unsigned i = 0; i < rollup->row_count; i++)
		text_row(out, &rollup->rows[i], width, controls);
	if (!controls && rollup->row_count > 1)
		text_row(out, &rollup->total, width, false);
}

static void text_cause(const struct store_cause *cause, unsigned n, struct buf *out)
{
	char day[TEXT_TIME_SIZE];
	struct buf wrong, todo;

	buf_init(&wrong, 0);
	buf_init(&todo, 0);
	rollup_cause_sentences(cause, &wrong, &todo);
	text_time(day, cause->oldest);
	day[10] = '\0';
	buf_addf(out, "%2u. %-11s  %4lld device%s  %s: %s", n,
		 standing_name((enum standing)cause->standing), (long long)cause->count,
		 cause->count == 1 ? " " : "s", cause->control, buf_text(&wrong));
	if (cause->oldest)
		buf_addf(out, " (%s %s)",
			 cause->standing == STANDING_DUE_BY    ? "first due by"
			 : cause->standing == STANDING_OVERDUE ? "due since"
							       : "since",
			 day);
	buf_addf(out, "\n    %s\n", buf_text(&todo));
	buf_clear(&wrong);
	buf_clear(&todo);
}

static void text_policies(const struct rollup *rollup, struct buf *out)
{
	buf_adds(out, "\npolicies that devices really run\n");
	for (unsigned i = 0; i < rollup->policy_count; i++) {
		const char *name = rollup->policies[i].name;
		if (rollup->policies[i].serial)
			buf_addf(out, "  %5lld  serial %lld  %s\n",
				 (long long)rollup->policies[i].devices,
				 (long long)rollup->policies[i].serial,
				 *name ? name : "(not published here)");
		else
			buf_addf(out, "  %5lld  the built-in default\n",
				 (long long)rollup->policies[i].devices);
	}
}

void rollup_text(const struct rollup *rollup, struct buf *out)
{
	const struct rollup_row *total = &rollup->total;
	char at[TEXT_TIME_SIZE];

	text_time(at, rollup->at);
	at[10] = ' ';
	at[16] = '\0';
	buf_addf(out, "%s  %s UTC  %lld device%s\n\n",
		 rollup->school[0] ? rollup->school : "all schools", at, (long long)total->devices,
		 total->devices == 1 ? "" : "s");
	text_table(rollup, out);
	if (total->presence[STORE_NOT_SEEN] || total->presence[STORE_NEVER_SEEN])
		buf_adds(out, "(a device that is not seen counts by what it said last)\n");
	if (total->presence[STORE_IS_WAITING])
		buf_addf(out, "%lld waiting for a yes: caretaker-collector waiting list\n",
			 (long long)total->presence[STORE_IS_WAITING]);
	buf_adds(out, "\nwhat to fix first\n");
	for (unsigned i = 0; i < rollup->cause_count && i < CAUSES_SHOWN; i++)
		text_cause(&rollup->causes[i], i + 1, out);
	if (!rollup->cause_count)
		buf_adds(out, "  nothing\n");
	if (rollup->cause_count > CAUSES_SHOWN)
		buf_addf(out, "    and %u more: caretaker-collector rollup --by control\n",
			 rollup->cause_count - CAUSES_SHOWN);
	if (rollup->policy_count)
		text_policies(rollup, out);
}
