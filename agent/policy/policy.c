/* See policy.h.  What each key may be is in schema.def and value.c; this file takes the text apart
 * and keeps the values.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy/policy.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/ini.h"
#include "agent/base/text.h"
#include "agent/policy/schema.h"
#include "agent/policy/shape.h"
#include "agent/policy/value.h"
#include "conf/policies/default.ini.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct policy {
	char *source; /* the name in messages */
	struct value values[POLICY_KEY_COUNT];
};

/* --- parsing --------------------------------------------------------------------------------- */

/* One policy cannot fill a terminal with complaints. */
#define LINT_MAX_ERRORS 50

struct parse {
	struct policy *policy;
	int section_line[POLICY_KEY_COUNT]; /* by the section's first key */
	bool section_unknown;               /* already said: its keys are not looked at */
	struct buf *complaints;             /* NULL: the first error ends it */
	unsigned errors;
};

static int take_section(struct parse *parse, int line, const char *section, struct err *err)
{
	enum policy_key first;
	char shown[SHOWN_SIZE];
	const char *near;

	parse->section_unknown = !schema_section(section, &first);
	if (parse->section_unknown) {
		value_shown(shown, section);
		near = schema_near_section(section);
		return err_set(err, ERR_INVALID, "unknown section [%s]%s%s%s", shown,
			       near ? "; did you mean [" : "; caretaker-policy(5) lists them",
			       near ? near : "", near ? "]?" : "");
	}
	if (parse->section_line[first])
		return err_set(err, ERR_INVALID, "section [%s] stands twice, first on line %d",
			       section, parse->section_line[first]);
	parse->section_line[first] = line;
	return 0;
}

static int refuse_key(const char *section, const char *key, struct err *err)
{
	const char *near = schema_near_key(section, key);
	const char *other = schema_other_section(key);
	char shown[SHOWN_SIZE];

	value_shown(shown, key);
	if (near)
		return err_set(err, ERR_INVALID, "unknown key '%s' in [%s]; did you mean '%s'?",
			       shown, section, near);
	if (other)
		return err_set(err, ERR_INVALID, "unknown key '%s' in [%s]; [%s] has one", shown,
			       section, other);
	return err_set(err, ERR_INVALID, "unknown key '%s' in [%s]; caretaker-policy(5) lists them",
		       shown, section);
}

/* What turns text around or cannot be seen has no place in what people read and sign. */
static bool can_be_shown(const char *text)
{
	char spaced[INI_MAX_LINE + 1], clean[3 * INI_MAX_LINE + 1];

	if (!text_copy(spaced, sizeof(spaced), text))
		return false;
	for (char *at = spaced; *at; at++) {
		if (*at == '\t') /* a blank to everyone who reads it */
			*at = ' ';
	}
	text_clean(clean, sizeof(clean), spaced, strlen(spaced));
	return strcmp(clean, spaced) == 0;
}

static int take_pair(struct parse *parse, int line, const char *section, const char *key,
		     const char *text, struct err *err)
{
	char shown[SHOWN_SIZE];
	struct value *value;
	enum policy_key id;

	if (!*section) {
		value_shown(shown, key);
		return err_set(err, ERR_INVALID, "'%s' stands before the first [section]", shown);
	}
	if (parse->section_unknown)
		return 0;
	if (!schema_key(section, key, &id))
		return refuse_key(section, key, err);
	value = &parse->policy->values[id];
	if (value->line && policy_schema(id)->type != POLICY_LIST)
		return err_set(err, ERR_INVALID, "'%s' stands twice in [%s], first on line %d", key,
			       section, value->line);
	if (!can_be_shown(text))
		return err_set(err, ERR_INVALID,
			       "the value of '%s' holds a character that cannot be shown", key);
	if (!value->line)
		value->line = line;
	return value_parse(policy_schema(id), text, value, err);
}

static int take(void *ctx, int line, const char *section, const char *key, const char *text,
		struct err *err)
{
	struct parse *parse = ctx;
	int ret = key ? take_pair(parse, line, section, key, text, err)
		      : take_section(parse, line, section, err);

	if (ret == 0 || !parse->complaints || err->code == ERR_NOMEM)
		return ret;
	parse->errors++;
	buf_addf(parse->complaints, "%s:%d: %s\n", parse->policy->source, line, err->msg);
	if (parse->errors < LINT_MAX_ERRORS)
		return 0;
	return err_set(err, ERR_INVALID, "%d errors; the rest was not looked at", LINT_MAX_ERRORS);
}

static int fill_defaults(struct policy *policy, struct err *err)
{
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		const struct policy_schema *row = policy_schema((enum policy_key)i);

		if (!policy->values[i].line &&
		    value_parse(row, row->fallback, &policy->values[i], err))
			return -1;
	}
	return 0;
}

static int parse_into(struct parse *parse, const char *name, const char *text, size_t len,
		      struct err *err)
{
	size_t size = strlen(name) + 1;

	parse->policy = calloc(1, sizeof(*parse->policy));
	if (!parse->policy)
		return err_set(err, ERR_NOMEM, "out of memory");
	parse->policy->source = malloc(size);
	if (!parse->policy->source)
		return err_set(err, ERR_NOMEM, "out of memory");
	memcpy(parse->policy->source, name, size);
	if (ini_parse_text(name, text, len, take, parse, err))
		return -1;
	return parse->errors ? 0 : fill_defaults(parse->policy, err);
}

int policy_parse(const char *name, const char *text, size_t len, struct policy **out,
		 struct err *err)
{
	struct parse parse = {0};

	if (parse_into(&parse, name, text, len, err)) {
		policy_free(parse.policy);
		return -1;
	}
	*out = parse.policy;
	return 0;
}

int policy_lint(const char *name, const char *text, size_t len, struct policy **out_policy,
		struct buf *out, unsigned *out_errors, unsigned *out_warnings)
{
	struct parse parse = {.complaints = out};
	struct err err;

	*out_errors = *out_warnings = 0;
	if (parse_into(&parse, name, text, len, &err)) { /* what ends the parse: not INI at all */
		parse.errors++;
		buf_addf(out, "%s\n", err.msg);
	} else if (!parse.errors) {
		*out_warnings = policy_warnings(parse.policy, out);
	}
	*out_errors = parse.errors;
	if (parse.errors || !out_policy)
		policy_free(parse.policy);
	else
		*out_policy = parse.policy;
	return parse.errors || out->failed ? -1 : 0;
}

int policy_default(struct policy **out, struct err *err)
{
	return policy_parse("default.ini", (const char *)conf_policies_default_ini,
			    conf_policies_default_ini_len, out, err);
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (int i = 0; i < POLICY_KEY_COUNT; i++)
		value_clear(&policy->values[i]);
	free(policy->source);
	free(policy);
}

/* --- asking ---------------------------------------------------------------------------------- */

static const struct value *value_of(const struct policy *policy, enum policy_key key,
				    enum policy_type type)
{
	assert(policy_schema(key)->type == type);
	(void)type; /* of use to assert() alone */
	return &policy->values[key];
}

const char *policy_source(const struct policy *policy)
{
	return policy->source;
}

const char *policy_name(const struct policy *policy)
{
	return policy_text(policy, POLICY_POLICY_NAME);
}

enum mode policy_mode(const struct policy *policy, enum control_id control)
{
	enum policy_key key;
	bool found = schema_key(control_name(control), "mode", &key);

	assert(found); /* a test holds schema.def to the list of controls */
	return found ? (enum mode)policy_choice(policy, key) : MODE_OFF;
}

bool policy_flag(const struct policy *policy, enum policy_key key)
{
	return value_of(policy, key, POLICY_FLAG)->number != 0;
}

int64_t policy_number(const struct policy *policy, enum policy_key key)
{
	return value_of(policy, key, POLICY_NUMBER)->number;
}

unsigned policy_choice(const struct policy *policy, enum policy_key key)
{
	return (unsigned)value_of(policy, key, POLICY_CHOICE)->number;
}

const char *policy_text(const struct policy *policy, enum policy_key key)
{
	return value_of(policy, key, POLICY_TEXT)->text;
}

int policy_clock(const struct policy *policy, enum policy_key key)
{
	return (int)value_of(policy, key, POLICY_CLOCK)->number;
}

unsigned policy_days(const struct policy *policy, enum policy_key key)
{
	return (unsigned)value_of(policy, key, POLICY_DAYS)->number;
}

size_t policy_count(const struct policy *policy, enum policy_key key)
{
	return value_of(policy, key, POLICY_LIST)->count;
}

const char *policy_item(const struct policy *policy, enum policy_key key, size_t i)
{
	const struct value *value = value_of(policy, key, POLICY_LIST);

	assert(i < value->count);
	return value->items[i];
}

bool policy_lists(const struct policy *policy, enum policy_key key, const char *text)
{
	const struct value *value = value_of(policy, key, POLICY_LIST);

	for (size_t i = 0; i < value->count; i++) {
		if (shape_matches(policy_schema(key)->choices, value->items[i], text))
			return true;
	}
	return false;
}

bool policy_lists_day(const struct policy *policy, enum policy_key key, int day)
{
	const struct value *value = value_of(policy, key, POLICY_LIST);
	int first, last;

	for (size_t i = 0; i < value->count; i++) {
		if (shape_period(value->items[i], &first, &last) && first <= day && day <= last)
			return true;
	}
	return false;
}

int policy_line(const struct policy *policy, enum policy_key key)
{
	return policy->values[key].line;
}

void policy_show(const struct policy *policy, enum policy_key key, struct buf *out)
{
	value_show(policy_schema(key), &policy->values[key], out);
}

static bool same_list(const struct value *a, const struct value *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	}
	return true;
}

bool policy_changed(const struct policy *policy, enum policy_key key)
{
	const struct policy_schema *row = policy_schema(key);
	const struct value *value = &policy->values[key];
	struct value fallback = {0};
	struct err err;
	bool changed;

	if (!value->line || value_parse(row, row->fallback, &fallback, &err)) {
		value_clear(&fallback);
		return value->line != 0; /* no memory to compare in: say so rather than not */
	}
	if (row->type == POLICY_TEXT)
		changed = strcmp(value->text, fallback.text) != 0;
	else if (row->type == POLICY_LIST)
		changed = !same_list(value, &fallback);
	else
		changed = value->number != fallback.number;
	value_clear(&fallback);
	return changed;
}
