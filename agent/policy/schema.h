/* Finding rows of schema.def by name, and the nearest to a name that is not there.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_POLICY_SCHEMA_H
#define CARETAKER_POLICY_SCHEMA_H

#include <stdbool.h>

#include "agent/policy/policy.h"

/* Sections are numbered by their first key. */
bool schema_section(const char *section, enum policy_key *out_first);
bool schema_key(const char *section, const char *key, enum policy_key *out);
/* NULL when none is near. */
const char *schema_near_section(const char *section);
const char *schema_near_key(const char *section, const char *key);
/* A section that has this key, when 'section' has not. */
const char *schema_other_section(const char *key);

#endif
