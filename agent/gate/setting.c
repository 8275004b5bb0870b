/* See setting.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate/setting.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/gate/rules.h"
#include "agent/gate/word.h"

#include <string.h>

/* Names of values, in the order of their enum. */
static const char *const allow_names[] = {"none", "approved", "any", NULL};
static const char *const scan_names[] = {"none", "full", "on-open", NULL};
static const char *const weak_names[] = {"refuse", "ask", NULL};
static const char *const plain_names[] = {"refuse", "read-only", NULL};
static const char *const flag_names[] = {"no", "yes", NULL};
/* bit 0 first */
static const char *const encrypted_names[] = {"luks", "bitlocker", "hardware", NULL};
static const char *const kind_names[] = {"usb",    "card",  "optical", "phone",
					 "camera", "esata", NULL};

enum key {
	SET_ALLOW,
	SET_ENCRYPTED,
	SET_PLAIN,
	SET_SCAN,
	SET_SCAN_MAX_MINUTES,
	SET_READ_ONLY,
	SET_WEAK_SERIAL,
	SET_KINDS,
	SET_MAX_DEPTH,
	SET_SHUT_WHILE_LOCKED,
	SET_ASK,
	SET_COUNT,
};
_Static_assert(SET_COUNT <= GATE_SETTINGS_MAX, "each has its bit in rules.c");

enum key_type { KEY_NAME, KEY_BITS, KEY_NUMBER };

static const struct {
	const char *name;
	enum key_type type;
	const char *const *names;
	int64_t max;
} keys[SET_COUNT] = {
	[SET_ALLOW] = {"allow", KEY_NAME, allow_names, 0},
	[SET_ENCRYPTED] = {"encrypted", KEY_BITS, encrypted_names, 0},
	[SET_PLAIN] = {"plain", KEY_NAME, plain_names, 0},
	[SET_SCAN] = {"scan", KEY_NAME, scan_names, 0},
	[SET_SCAN_MAX_MINUTES] = {"scan_max_minutes", KEY_NUMBER, NULL, 1440},
	[SET_READ_ONLY] = {"read_only", KEY_NAME, flag_names, 0},
	[SET_WEAK_SERIAL] = {"weak_serial", KEY_NAME, weak_names, 0},
	[SET_KINDS] = {"kinds", KEY_BITS, kind_names, 0},
	[SET_MAX_DEPTH] = {"max_depth", KEY_NUMBER, NULL, 7},
	[SET_SHUT_WHILE_LOCKED] = {"shut_while_locked", KEY_NAME, flag_names, 0},
	[SET_ASK] = {"ask", KEY_NAME, flag_names, 0},
};

static unsigned get_key(const struct gate_rules *rules, enum key key, int *out_line)
{
	*out_line = 0;
	switch (key) {
	case SET_ALLOW: *out_line = rules->allow_line; return rules->allow;
	case SET_ENCRYPTED: *out_line = rules->encrypted_line; return rules->encrypted;
	case SET_PLAIN: return rules->plain;
	case SET_SCAN: *out_line = rules->scan_line; return rules->scan;
	case SET_SCAN_MAX_MINUTES: return rules->scan_max_minutes;
	case SET_READ_ONLY: *out_line = rules->read_only_line; return rules->read_only;
	case SET_WEAK_SERIAL: *out_line = rules->weak_serial_line; return rules->weak_serial;
	case SET_KINDS: return rules->kinds;
	case SET_MAX_DEPTH: *out_line = rules->max_depth_line; return rules->max_depth;
	case SET_SHUT_WHILE_LOCKED:
		*out_line = rules->shut_while_locked_line;
		return rules->shut_while_locked;
	case SET_ASK: return rules->ask;
	case SET_COUNT: break;
	}
	return 0;
}

static void put_key(struct gate_rules *rules, enum key key, unsigned value, int line)
{
	switch (key) {
	case SET_ALLOW:
		rules->allow = (enum gate_allow)value;
		rules->allow_line = line;
		break;
	case SET_ENCRYPTED:
		rules->encrypted = value;
		rules->encrypted_line = line;
		break;
	case SET_PLAIN: rules->plain = (enum gate_plain)value; break;
	case SET_SCAN:
		rules->scan = (enum gate_scan)value;
		rules->scan_line = line;
		break;
	case SET_SCAN_MAX_MINUTES: rules->scan_max_minutes = value; break;
	case SET_READ_ONLY:
		rules->read_only = value;
		rules->read_only_line = line;
		break;
	case SET_WEAK_SERIAL:
		rules->weak_serial = (enum gate_weak)value;
		rules->weak_serial_line = line;
		break;
	case SET_KINDS: rules->kinds = value; break;
	case SET_MAX_DEPTH:
		rules->max_depth = value;
		rules->max_depth_line = line;
		break;
	case SET_SHUT_WHILE_LOCKED:
		rules->shut_while_locked = value;
		rules->shut_while_locked_line = line;
		break;
	case SET_ASK: rules->ask = value; break;
	case SET_COUNT: break;
	}
}

int gate_setting_find(const char *key)
{
	for (int setting = 0; setting < SET_COUNT; setting++)
		if (strcmp(key, keys[setting].name) == 0)
			return setting;
	return -1;
}

int gate_setting_take(struct gate_rules *rules, int setting, char *value_word,
		      const char *line_word, struct err *err)
{
	unsigned value = 0;
	int64_t number;
	int line;

	if (keys[setting].type == KEY_NAME &&
	    gate_word_name(keys[setting].names, value_word, &value, err))
		return -1;
	if (keys[setting].type == KEY_BITS &&
	    gate_word_bits(keys[setting].names, value_word, &value, err))
		return -1;
	if (keys[setting].type == KEY_NUMBER) {
		if (gate_word_number(value_word, keys[setting].max, &number, err))
			return -1;
		value = (unsigned)number;
	}
	if (gate_word_line(line_word, &line, err))
		return -1;
	put_key(rules, (enum key)setting, value, line);
	return 0;
}

void gate_setting_print_all(const struct gate_rules *rules, struct buf *out)
{
	for (unsigned key = 0; key < SET_COUNT; key++) {
		int line;
		unsigned value = get_key(rules, (enum key)key, &line);

		buf_addf(out, "set %s ", keys[key].name);
		if (keys[key].type == KEY_NAME)
			buf_adds(out, keys[key].names[value]);
		else if (keys[key].type == KEY_BITS)
			gate_word_print_bits(out, keys[key].names, value);
		else
			buf_addf(out, "%u", value);
		buf_addf(out, " %d\n", line);
	}
}
