/* The words that a line of gate.rules is made of (rules.h), and what stands in them: names,
 * numbers, sets of names.  For agent/gate alone.  Errors name the word, not its line.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_GATE_WORD_H
#define CARETAKER_GATE_WORD_H

#include <stdint.h>

struct buf;
struct err;

/* %XX in place; "-" alone is nothing.  -1: no word that gate_word_print() writes. */
int gate_word_decode(char *word);
void gate_word_print(struct buf *out, const char *word);

/* 'names' end with NULL; '*out' is the place of the one that 'word' is. */
int gate_word_name(const char *const names[], const char *word, unsigned *out, struct err *err);
/* "luks,bitlocker", the first name being bit 0; "none" is no bit.  'word' is cut at its commas. */
int gate_word_bits(const char *const names[], char *word, unsigned *out, struct err *err);
void gate_word_print_bits(struct buf *out, const char *const names[], unsigned bits);

/* From 0 to 'max'. */
int gate_word_number(const char *word, int64_t max, int64_t *out, struct err *err);
/* A line of the policy; 0: not from there. */
int gate_word_line(const char *word, int *out, struct err *err);

#endif
