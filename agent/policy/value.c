/* See value.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy/value.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/policy/policy.h"
#include "agent/policy/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

void value_shown(char out[SHOWN_SIZE], const char *text)
{
	size_t used;

	text_clean(out, SHOWN_SIZE - 3, text, strlen(text));
	used = strlen(out);
	if (used + 8 > SHOWN_SIZE - 3 && strcmp(out, text) != 0)
		memcpy(out + used, "...", 4);
}

static int copy_text(const char *text, size_t len, char **out, struct err *err)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return err_set(err, ERR_NOMEM, "out of memory");
	memcpy(copy, text, len);
	copy[len] = '\0';
	*out = copy;
	return 0;
}

/* "bad value 'maybe' for 'guest_allowed': expected yes or no"; an item is "in" its list. */
static int refuse(struct err *err, const struct policy_schema *row, const char *what,
		  const char *text, const char *expected)
{
	char shown[SHOWN_SIZE];

	value_shown(shown, text);
	return err_set(err, ERR_INVALID, "bad %s '%s' %s '%s': expected %s", what, shown,
		       strcmp(what, "item") == 0 ? "in" : "for", row->key, expected);
}

static int refuse_shape(struct err *err, const struct policy_schema *row, const char *what,
			const char *text)
{
	struct buf expected;
	char near[SHOWN_SIZE];
	int ret;

	buf_init(&expected, 256);
	shape_expected(row->choices, &expected);
	if (shape_nearest(row->choices, text, near, sizeof(near)))
		buf_addf(&expected, "; did you mean '%s'?", near);
	ret = refuse(err, row, what, text, buf_text(&expected));
	buf_clear(&expected);
	return ret;
}

/* --- one type each --------------------------------------------------------------------------- */

static int parse_flag(const struct policy_schema *row, const char *text, struct value *value,
		      struct err *err)
{
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return refuse(err, row, "value", text, "yes or no");
	value->number = text[0] == 'y';
	return 0;
}

/* The unit is the name's last word: idle_max_seconds. */
static const char *unit_of(const char *key)
{
	static const char *const units[] = {"seconds", "minutes", "hours", "days", "months", NULL};
	const char *last = strrchr(key, '_');

	for (size_t i = 0; last && units[i]; i++) {
		if (strcmp(last + 1, units[i]) == 0)
			return units[i];
	}
	return NULL;
}

static int parse_number(const struct policy_schema *row, const char *text, struct value *value,
			struct err *err)
{
	const char *unit = unit_of(row->key);
	char expected[120];

	if (text_int(text, row->min, row->max, &value->number) == 0)
		return 0;
	snprintf(expected, sizeof(expected), "a whole number from %lld to %lld%s%s",
		 (long long)row->min, (long long)row->max, unit ? ", in " : "", unit ? unit : "");
	return refuse(err, row, "value", text, expected);
}

static int parse_choice(const struct policy_schema *row, const char *text, struct value *value,
			struct err *err)
{
	int word = shape_word(row->choices, text);

	if (word < 0)
		return refuse_shape(err, row, "value", text);
	value->number = word;
	return 0;
}

static int parse_clock(const struct policy_schema *row, const char *text, struct value *value,
		       struct err *err)
{
	int64_t hour = 0, minute = 0;
	char hours[3] = "";

	if (strlen(text) == 5 && text[2] == ':') {
		memcpy(hours, text, 2);
		if (text_int(hours, 0, 23, &hour) == 0 && text_int(text + 3, 0, 59, &minute) == 0) {
			value->number = hour * 60 + minute;
			return 0;
		}
	}
	return refuse(err, row, "value", text, "a time of day from 00:00 to 23:59");
}

static int day_parse(const char *text, size_t len)
{
	for (int i = 0; day_names[i]; i++) {
		if (len == 3 && strncmp(day_names[i], text, 3) == 0)
			return i;
	}
	return -1;
}

/* "mon-fri, sat"; "fri-mon" goes round the week's end. */
static int parse_days(const struct policy_schema *row, const char *text, struct value *value,
		      struct err *err)
{
	const char *at = text;
	unsigned days = 0;

	value->number = 0;
	if (strcmp(text, "none") == 0)
		return 0;
	for (;;) {
		size_t len = strcspn(at, ", ");
		int first = day_parse(at, len < 3 ? len : 3), last = first;

		if (len == 7 && at[3] == '-')
			last = day_parse(at + 4, 3);
		else if (len != 3)
			first = -1;
		if (first < 0 || last < 0)
			return refuse(err, row, "value", text,
				      "days such as mon-fri, sat; or none");
		for (int day = first;; day = (day + 1) % 7) {
			days |= 1u << day;
			if (day == last)
				break;
		}
		at += len;
		if (!*at)
			break;
		at += strspn(at, " ");
		if (*at++ != ',')
			return refuse(err, row, "value", text,
				      "days such as mon-fri, sat; or none");
		at += strspn(at, " ");
	}
	value->number = days;
	return 0;
}

static int parse_text(const struct policy_schema *row, const char *text, struct value *value,
		      struct err *err)
{
	size_t len = strlen(text);

	if (len < (size_t)row->min)
		return err_set(err, ERR_INVALID, "'%s' is empty: expected text", row->key);
	if (len > (size_t)row->max)
		return err_set(err, ERR_INVALID, "'%s' has %zu bytes: expected at most %lld",
			       row->key, len, (long long)row->max);
	if (len && !shape_holds(row->choices, text))
		return refuse_shape(err, row, "value", text);
	return copy_text(text, len, &value->text, err);
}

/* --- lists ----------------------------------------------------------------------------------- */

static int append_item(const struct policy_schema *row, const char *item, size_t len,
		       struct value *value, struct err *err)
{
	char **items;

	if (value->count >= (size_t)row->max)
		return err_set(err, ERR_INVALID, "more than %lld items in '%s'",
			       (long long)row->max, row->key);
	items = realloc(value->items, (value->count + 1) * sizeof(*items));
	if (!items)
		return err_set(err, ERR_NOMEM, "out of memory");
	value->items = items;
	if (copy_text(item, len, &items[value->count], err))
		return -1;
	item = items[value->count++];
	return shape_holds(row->choices, item) ? 0 : refuse_shape(err, row, "item", item);
}

static int parse_list(const struct policy_schema *row, const char *text, struct value *value,
		      struct err *err)
{
	if (!*text) {
		if (row->min > 0)
			return err_set(err, ERR_INVALID,
				       "'%s' is empty: expected at least one item", row->key);
		return 0;
	}
	if (strcmp(row->choices, "<line>") == 0)
		return append_item(row, text, strlen(text), value, err);
	for (;;) {
		size_t whole = strcspn(text, ","), len = whole;

		while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
			len--;
		if (len == 0)
			return err_set(err, ERR_INVALID, "an empty item in '%s': a comma too many?",
				       row->key);
		if (append_item(row, text, len, value, err))
			return -1;
		text += whole;
		if (!*text)
			return 0;
		text++;
		text += strspn(text, " \t");
	}
}

/* --- all ------------------------------------------------------------------------------------- */

int value_parse(const struct policy_schema *row, const char *text, struct value *value,
		struct err *err)
{
	static int (*const parse[])(const struct policy_schema *, const char *, struct value *,
				    struct err *) = {
		[POLICY_FLAG] = parse_flag,     [POLICY_NUMBER] = parse_number,
		[POLICY_CHOICE] = parse_choice, [POLICY_TEXT] = parse_text,
		[POLICY_LIST] = parse_list,     [POLICY_CLOCK] = parse_clock,
		[POLICY_DAYS] = parse_days,
	};
	return parse[row->type](row, text, value, err);
}

void value_clear(struct value *value)
{
	for (size_t i = 0; i < value->count; i++)
		free(value->items[i]);
	free(value->items);
	free(value->text);
	memset(value, 0, sizeof(*value));
}

static void show_days(unsigned days, struct buf *out)
{
	const char *comma = "";

	if (!days)
		buf_adds(out, "none");
	for (int i = 0; i < 7; i++) {
		int last = i;

		if (!(days & 1u << i))
			continue;
		while (last < 6 && days & 1u << (last + 1))
			last++;
		buf_addf(out, "%s%s", comma, day_names[i]);
		if (last > i)
			buf_addf(out, "-%s", day_names[last]);
		comma = ", ";
		i = last;
	}
}

static void show_choice(const struct policy_schema *row, int64_t index, struct buf *out)
{
	const char *at = row->choices;

	while (index-- > 0)
		at = strchr(at, ',') + 1;
	buf_add(out, at, strcspn(at, ","));
}

void value_show(const struct policy_schema *row, const struct value *value, struct buf *out)
{
	switch (row->type) {
	case POLICY_FLAG: buf_adds(out, value->number ? "yes" : "no"); break;
	case POLICY_NUMBER: buf_addf(out, "%lld", (long long)value->number); break;
	case POLICY_CHOICE: show_choice(row, value->number, out); break;
	case POLICY_TEXT: buf_adds(out, value->text); break;
	case POLICY_CLOCK:
		buf_addf(out, "%02d:%02d", (int)value->number / 60, (int)value->number % 60);
		break;
	case POLICY_DAYS: show_days((unsigned)value->number, out); break;
	case POLICY_LIST:
		for (size_t i = 0; i < value->count; i++)
			buf_addf(out, "%s%s", i ? ", " : "", value->items[i]);
		break;
	}
}
