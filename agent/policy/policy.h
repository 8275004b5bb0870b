/* What a school wants of a machine, as read from a policy's INI text (conf/policies/default.ini).
 *
 * A policy only says what is wanted; nothing here touches the machine.  schema.def is the one list
 * of sections and keys: the parser, "policy lint", the defaults, the man page and a test that holds
 * conf/policies/default.ini to it all come from there.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_POLICY_POLICY_H
#define CARETAKER_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/verdict.h"

struct buf;
struct err;
struct policy;

enum policy_type {
	POLICY_FLAG,   /* yes or no */
	POLICY_NUMBER, /* a whole number; its unit is in the key's name (max_age_days) */
	POLICY_CHOICE, /* one of a list of words */
	POLICY_TEXT,
	POLICY_LIST,  /* comma-separated, and each further line of the same key appends; items may
			 hold '*' and '?' where the key says patterns */
	POLICY_CLOCK, /* HH:MM, as minutes after midnight */
	POLICY_DAYS,  /* mon-fri, sat: bit 0 is Monday */
};

/* POLICY_ANTI_VIRUS_SIGNATURES_MAX_AGE_HOURS ...: one for each row of schema.def. */
enum policy_key {
#define POLICY_KEY(id, section, key, type, fallback, min, max, choices, clauses, help) POLICY_##id,
#include "agent/policy/schema.def"
#undef POLICY_KEY
	POLICY_KEY_COUNT
};

/* Parses 'len' bytes; 'name' appears in messages: "policy.ini:3: unknown key 'max_age' in
 * [anti-virus]; did you mean 'max_age_hours'?".  The text may come from the network: it is never
 * trusted.  On success the caller owns '*out'. */
int policy_parse(const char *name, const char *text, size_t len, struct policy **out,
		 struct err *err);
/* As policy_parse(), for a person who is writing one: goes on after an error as far as it can, and
 * appends each error and then each warning (policy_warnings()) to 'out', a line each.  Returns 0
 * when there was no error; '*out_errors' and '*out_warnings' count the lines.  'out_policy' may be
 * NULL, and is written only when there was no error.  -1 without a line is want of memory. */
int policy_lint(const char *name, const char *text, size_t len, struct policy **out_policy,
		struct buf *out, unsigned *out_errors, unsigned *out_warnings);
/* The built-in default, conf/policies/default.ini. */
int policy_default(struct policy **out, struct err *err);
void policy_free(struct policy *policy);

const char *policy_name(const struct policy *policy);   /* [policy] name */
const char *policy_source(const struct policy *policy); /* 'name' of policy_parse() */
enum mode policy_mode(const struct policy *policy, enum control_id control);

/* Asking for a key by another type than its own is an assertion. */
bool policy_flag(const struct policy *policy, enum policy_key key);
int64_t policy_number(const struct policy *policy, enum policy_key key);
unsigned policy_choice(const struct policy *policy, enum policy_key key); /* index in choices */
const char *policy_text(const struct policy *policy, enum policy_key key);
int policy_clock(const struct policy *policy, enum policy_key key); /* minutes */
unsigned policy_days(const struct policy *policy, enum policy_key key);
size_t policy_count(const struct policy *policy, enum policy_key key);
const char *policy_item(const struct policy *policy, enum policy_key key, size_t i);
/* Any medium may be used by anybody: unencrypted, unscanned, to be read and written. */
bool policy_opens_media_to_all(const struct policy *policy);
/* True when an item of the list means 'text': by pattern (text_match()); where the items are ports
 * ("tcp/22" in tcp/20-30) or networks ("10.20.0.7" in 10.20.0.0/16) by range. */
bool policy_lists(const struct policy *policy, enum policy_key key, const char *text);
/* Line in the text where the key stood; 0 when it is the default. */
int policy_line(const struct policy *policy, enum policy_key key);

/* Appends the value as a policy would write it, a list on one line. */
void policy_show(const struct policy *policy, enum policy_key key, struct buf *out);
/* True when the value is another than the default, whatever the text said. */
bool policy_changed(const struct policy *policy, enum policy_key key);
/* The period that holds 'day' (20260902) in a list of periods ([calendar] terms, closed). */
bool policy_lists_day(const struct policy *policy, enum policy_key key, int day);

/* What is legal but surely not meant (enforce with nothing to enforce, an allowed list that bans
 * what another requires): appends a line each, "NAME:LINE: ...".  Returns how many. */
unsigned policy_warnings(const struct policy *policy, struct buf *out);

struct policy_schema {
	const char *section, *key;
	enum policy_type type;
	const char *fallback; /* the default, as text */
	int64_t min, max;     /* of a NUMBER; a LIST's items; a TEXT's bytes */
	const char *choices;  /* "never,pseudonym,name", or an item's shape: "<port>" */
	const char *clauses;  /* "1, 2" of CLAUSES.md; "" when ours */
	const char *help;     /* one sentence with the unit */
};
const struct policy_schema *policy_schema(enum policy_key key);

#endif
