/* See schema.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy/schema.h"

#include "agent/base/text.h"

#include <assert.h>
#include <string.h>

static const struct policy_schema rows[POLICY_KEY_COUNT] = {
#define POLICY_KEY(id, section, key, type, fallback, min, max, choices, clauses, help) \
	{section, key, POLICY_##type, fallback, min, max, choices, clauses, help},
#include "agent/policy/schema.def"
#undef POLICY_KEY
};

const struct policy_schema *policy_schema(enum policy_key key)
{
	assert((unsigned)key < POLICY_KEY_COUNT);
	return &rows[key];
}

bool schema_section(const char *section, enum policy_key *out_first)
{
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		if (strcmp(rows[i].section, section) == 0) {
			*out_first = (enum policy_key)i;
			return true;
		}
	}
	return false;
}

bool schema_key(const char *section, const char *key, enum policy_key *out)
{
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		if (strcmp(rows[i].section, section) == 0 && strcmp(rows[i].key, key) == 0) {
			*out = (enum policy_key)i;
			return true;
		}
	}
	return false;
}

const char *schema_near_section(const char *section)
{
	const char *names[POLICY_KEY_COUNT + 1];
	size_t count = 0;

	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		if (i == 0 || strcmp(rows[i].section, rows[i - 1].section) != 0)
			names[count++] = rows[i].section;
	}
	names[count] = NULL;
	return text_nearest(section, names);
}

/* A slip of the typist first; then a name that was cut short ("max_age" of
 * "signatures_max_age_hours"), when only one key can be meant. */
const char *schema_near_key(const char *section, const char *key)
{
	const char *names[POLICY_KEY_COUNT + 1], *near, *holds = NULL;
	size_t count = 0, holding = 0;

	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		if (strcmp(rows[i].section, section) == 0)
			names[count++] = rows[i].key;
	}
	names[count] = NULL;
	near = text_nearest(key, names);
	if (near || strlen(key) < 4)
		return near;
	for (size_t i = 0; i < count; i++) {
		if (strstr(names[i], key) || strstr(key, names[i])) {
			holds = names[i];
			holding++;
		}
	}
	return holding == 1 ? holds : NULL;
}

const char *schema_other_section(const char *key)
{
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		if (strcmp(rows[i].key, key) == 0 && strcmp(key, "mode") != 0)
			return rows[i].section;
	}
	return NULL;
}
