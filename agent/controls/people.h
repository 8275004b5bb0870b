/* How people, lists and places appear in evidence: as the policy's [privacy] and [network] say.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CONTROLS_PEOPLE_H
#define CARETAKER_CONTROLS_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>

struct jsonw;
struct policy;

/* A list that becomes an array in the evidence; nothing is written for an empty one. */
#define NAMES_MAX 12
struct names {
	char items[NAMES_MAX][64];
	size_t count; /* of all; those over NAMES_MAX are counted only */
};
void names_add(struct names *names, const char *name); /* no two alike */
void names_write(const struct names *names, struct jsonw *w, const char *member);

bool people_is_pupil(const struct policy *policy, const char *account, bool admin);
/* The account's name, a pseudonym that is the same on every machine of the school, or "a pupil". */
#define PEOPLE_NAME_MAX 64
void people_name(const struct policy *policy, const char *account, bool admin,
		 char out[PEOPLE_NAME_MAX]);

/* On one of the school's networks, as far as the policy names any. */
bool place_at_school(const struct policy *policy);

#endif
