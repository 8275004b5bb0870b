/* The settings among the gate's rules, "set KEY VALUE LINE" in gate.rules: which there are, what
 * values they take and which field of the rules each is.  For rules.c alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_GATE_SETTING_H
#define CARETAKER_GATE_SETTING_H

struct buf;
struct err;
struct gate_rules;

#define GATE_SETTINGS_MAX 24

/* Its number, less than GATE_SETTINGS_MAX; -1: there is no such key. */
int gate_setting_find(const char *key);
/* Both words are decoded; 'value_word' may be cut at its commas. */
int gate_setting_take(struct gate_rules *rules, int setting, char *value_word,
		      const char *line_word, struct err *err);
/* A line for each of them. */
void gate_setting_print_all(const struct gate_rules *rules, struct buf *out);

#endif
