/* What one item of a list, or a text, must look like: the words of schema.def's 'choices', or a
 * shape in angle brackets ("<port>").  Says whether an item holds to it, what was expected, and
 * whether something measured is meant by the item.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_POLICY_SHAPE_H
#define CARETAKER_POLICY_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* 'choices' as in schema.def: "" takes any item. */
bool shape_holds(const char *choices, const char *item);
/* Appends what follows "expected ...": "a port such as tcp/22 or udp/5000-5010". */
void shape_expected(const char *choices, struct buf *out);
/* Whether the item of the policy means 'text': by pattern, port range or network. */
bool shape_matches(const char *choices, const char *item, const char *text);

/* Place of 'word' among the comma-separated 'choices'; -1 when it is none of them. */
int shape_word(const char *choices, const char *word);
/* The one nearest to 'word', copied into 'out'; false when none is near. */
bool shape_nearest(const char *choices, const char *word, char *out, size_t out_size);

/* "2026-09-02..2026-12-18" or one day, as days written 20260902; false when it is neither. */
bool shape_period(const char *item, int *first, int *last);

#endif
