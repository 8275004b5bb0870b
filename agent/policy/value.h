/* One key's value: read from its text by its row of the schema, with a message that says what was
 * expected.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_POLICY_VALUE_H
#define CARETAKER_POLICY_VALUE_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct policy_schema;

struct value {
	int line;       /* where it stood first; 0: not given */
	int64_t number; /* FLAG, NUMBER, CHOICE, CLOCK, DAYS */
	char *text;     /* TEXT */
	char **items;   /* LIST */
	size_t count;
};

/* 'text' is one line's value, trimmed.  A LIST appends, so that a long one may go over several
 * lines of the same key.  On failure 'value' may hold part of the list; clear it. */
int value_parse(const struct policy_schema *row, const char *text, struct value *value,
		struct err *err);
void value_clear(struct value *value);
/* Appends the value as a policy would write it, lists on one line. */
void value_show(const struct policy_schema *row, const struct value *value, struct buf *out);

/* Text from outside as a message may show it: cleaned, cut with "..." at SHOWN_SIZE. */
#define SHOWN_SIZE 48
void value_shown(char out[SHOWN_SIZE], const char *text);

#endif
