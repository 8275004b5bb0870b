/* See gate_rules.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/gate_rules.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/check/agent.h"
#include "agent/check/hardware_own.h"
#include "agent/check/phone_codes.h"
#include "agent/check/run.h"
#include "agent/gate/hold.h"
#include "agent/gate/rules.h"
#include "agent/policy/opening.h"
#include "agent/policy/policy.h"
#include "platform/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX \
	(EXCEPTIONS_MAX * sizeof(((struct exception_item *)0)->what) + POLICY_MAX_INI + \
	 PHONE_STICKS_MAX * PHONE_ID)
/* The clock's line is not written anew for what the old one tells as well. */
#define CLOCK_OFF_S 60
#define DAY_S 86400
#define MARK_MAX 64 /* "changing was -1" */

struct compile {
	struct agent *agent;
	const struct policy *policy;
	struct gate_rules rules;
	struct gate_rule *items;
	struct hardware_table tables[HARDWARE_TABLE_COUNT];
	char *words; /* first words of exceptions and sticks: the rest says what they open */
	size_t words_len;
	bool full;
};

/* --- the tables ------------------------------------------------------------------------------ */

static int load_table(struct compile *c, enum hardware_table_id id, struct err *err)
{
	struct err refused;

	if (hardware_own_table(&c->agent->places, id, &c->tables[id], &refused, err))
		return -1;
	if (refused.code != ERR_NONE) {
		log_error("the table built in is used: %s", refused.msg);
		agent_event(c->agent, "hardware-table-refused", "why", refused.msg);
	}
	return 0;
}

static int load_tables(struct compile *c, struct err *err)
{
	for (int i = 0; i < HARDWARE_TABLE_COUNT; i++)
		if (load_table(c, (enum hardware_table_id)i, err))
			return -1;
	return 0;
}

/* --- rules ----------------------------------------------------------------------------------- */

static void add(struct compile *c, const struct gate_rule *rule)
{
	struct gate_rule *to;

	if (c->rules.rule_count == GATE_RULES_COUNT_MAX) {
		c->full = true;
		return;
	}
	to = &c->items[c->rules.rule_count++];
	*to = *rule;
	if (!to->name)
		to->name = "";
	if (!to->exception)
		to->exception = "";
}

static void add_list(struct compile *c, enum policy_key key, enum gate_rule_kind kind,
		     enum gate_open open)
{
	for (size_t i = 0; i < policy_count(c->policy, key); i++)
		add(c, &(struct gate_rule){.kind = kind,
					   .what = policy_item(c->policy, key, i),
					   .open = open,
					   .line = policy_line(c->policy, key)});
}

static void add_tables(struct compile *c)
{
	const struct hardware_table *table = &c->tables[HARDWARE_CLASSROOM];
	enum policy_key key = POLICY_REMOVABLE_STORAGE_CLASSROOM;

	for (size_t i = 0; i < table->count; i++)
		if (policy_lists(c->policy, key, table->rows[i].word))
			add(c, &(struct gate_rule){.kind = GATE_RULE_CLASS_SET,
						   .what = table->rows[i].model,
						   .name = table->rows[i].word,
						   .max_bytes = table->rows[i].max_bytes,
						   .line = policy_line(c->policy, key)});
	table = &c->tables[HARDWARE_ENCRYPTED];
	for (size_t i = 0; i < table->count; i++) {
		add(c, &(struct gate_rule){.kind = GATE_RULE_HARDWARE_ENCRYPTED,
					   .what = table->rows[i].model});
		if (table->rows[i].cdrom)
			add(c, &(struct gate_rule){.kind = GATE_RULE_UNLOCKER,
						   .what = table->rows[i].model});
	}
	table = &c->tables[HARDWARE_ASSISTIVE];
	for (size_t i = 0; i < table->count; i++)
		add(c, &(struct gate_rule){.kind = GATE_RULE_ASSIST, .what = table->rows[i].model});
}

/* "WHAT [WORD...]" (opening.h): fills in what is opened, at most 'most', and copies the first word;
 * "" when there is none, or the others are not understood. */
static const char *take_what(struct compile *c, const char *what, enum opening_most most,
			     struct gate_rule *rule)
{
	struct opening opening;
	const char *words;
	size_t len = opening_split(what, &words);
	char *word = c->words + c->words_len;

	if (opening_parse(words, &opening) < 0)
		return "";
	opening_bound(&opening, most);
	rule->open = (enum gate_open)opening.most;
	rule->read_only = opening.read_only;
	rule->scanned = opening.scanned;
	memcpy(word, what, len);
	word[len] = '\0';
	c->words_len += len + 1;
	return word;
}

/* What the policy itself approves for good.  Where media must be encrypted, a stick that is
 * approved must be, too: an exception is for what the conditions refuse. */
static void add_approvals(struct compile *c)
{
	enum gate_open open = c->rules.encrypted ? GATE_OPEN_ENCRYPTED : GATE_OPEN_ANY;
	enum policy_key by = POLICY_REMOVABLE_STORAGE_APPROVED_BY;
	enum policy_key sticks = POLICY_REMOVABLE_STORAGE_APPROVED_STICKS;

	for (size_t i = 0;
	     policy_lists(c->policy, by, "stick") && i < policy_count(c->policy, sticks); i++) {
		struct gate_rule rule = {.kind = GATE_RULE_STICK,
					 .line = policy_line(c->policy, sticks)};

		rule.what = take_what(c, policy_item(c->policy, sticks, i), (enum opening_most)open,
				      &rule);
		if (rule.what[0]) /* the shape of an item holds it to that */
			add(c, &rule);
	}
	if (policy_lists(c->policy, by, "person"))
		add_list(c, POLICY_REMOVABLE_STORAGE_APPROVED_PEOPLE, GATE_RULE_PERSON, open);
}

/* Of a model that only the school lists it is not known how it is unlocked: its CD-ROM may be what
 * it takes. */
static void add_own_encrypted(struct compile *c)
{
	enum policy_key key = POLICY_REMOVABLE_STORAGE_HARDWARE_ENCRYPTED;
	const struct hardware_table *table = &c->tables[HARDWARE_ENCRYPTED];

	add_list(c, key, GATE_RULE_HARDWARE_ENCRYPTED, GATE_OPEN_ANY);
	for (size_t i = 0; i < policy_count(c->policy, key); i++)
		if (!hardware_table_find(table, policy_item(c->policy, key, i)))
			add(c, &(struct gate_rule){.kind = GATE_RULE_UNLOCKER,
						   .what = policy_item(c->policy, key, i),
						   .line = policy_line(c->policy, key)});
}

static void add_hardware(struct compile *c)
{
	enum policy_key classes = POLICY_HARDWARE_REFUSED_CLASSES;

	for (size_t i = 0; i < policy_count(c->policy, classes); i++)
		if (gate_class_known(policy_item(c->policy, classes, i)))
			add(c, &(struct gate_rule){.kind = GATE_RULE_REFUSE_CLASS,
						   .what = policy_item(c->policy, classes, i),
						   .line = policy_line(c->policy, classes)});
	add_list(c, POLICY_HARDWARE_REFUSED_DEVICES, GATE_RULE_REFUSE_MODEL, GATE_OPEN_ANY);
	add_list(c, POLICY_HARDWARE_APPROVED_DEVICES, GATE_RULE_PASS_MODEL, GATE_OPEN_ANY);
	add_list(c, POLICY_HARDWARE_REAR_PORTS, GATE_RULE_REAR_PORT, GATE_OPEN_ANY);
	add_list(c, POLICY_REMOVABLE_STORAGE_FRONT_PORTS, GATE_RULE_FRONT_PORT, GATE_OPEN_ANY);
	add_own_encrypted(c);
}

/* --- exceptions ------------------------------------------------------------------------------ */

static void add_storage_exception(struct compile *c, const struct exception_item *item,
				  int64_t until)
{
	/* The choices of [exceptions] storage, what an exception opens at most, are in that order.
	 */
	enum opening_most most =
		(enum opening_most)policy_choice(c->policy, POLICY_EXCEPTIONS_STORAGE);
	struct gate_rule rule = {.kind = GATE_RULE_STICK, .until = until, .exception = item->id};

	rule.what = take_what(c, item->what[0] ? item->what : "*:*", most, &rule);
	if (!rule.what[0]) {
		log_warn("exception %s does not say what it opens in a way that a gate "
			 "understands, and opens nothing",
			 item->id);
		return;
	}
	if (!strchr(rule.what, ':')) /* no account's name holds one */
		rule.kind = GATE_RULE_PERSON;
	add(c, &rule);
}

/* Of the whole control: every model, which ends as punctually as one does. */
static void add_hardware_exception(struct compile *c, const struct exception_item *item,
				   int64_t until)
{
	add(c, &(struct gate_rule){.kind = GATE_RULE_PASS_MODEL,
				   .what = item->what[0] ? item->what : "*:*",
				   .until = until,
				   .exception = item->id});
}

static void add_exceptions(struct compile *c)
{
	const struct exceptions *exceptions = c->agent->trust.exceptions;
	enum control_id control;

	for (unsigned i = 0; exceptions && i < exceptions->count; i++) {
		const struct exception_item *item = &exceptions->items[i];
		int64_t until = run_exception_end(c->policy, exceptions, i, c->agent->now);

		if (!until || control_parse(item->control, &control) < 0)
			continue;
		if (control == CONTROL_REMOVABLE_STORAGE)
			add_storage_exception(c, item, until);
		else if (control == CONTROL_HARDWARE)
			add_hardware_exception(c, item, until);
	}
}

/* What codes that were read out over the phone opened.  One that ended is told for a day. */
static void add_codes(struct compile *c)
{
	const struct phone_codes *codes = &c->agent->codes;
	enum opening_most most =
		(enum opening_most)policy_choice(c->policy, POLICY_EXCEPTIONS_STORAGE);

	for (unsigned i = 0; i < codes->stick_count; i++) {
		const struct phone_stick *stick = &codes->sticks[i];
		struct gate_rule rule = {.kind = GATE_RULE_STICK, .exception = stick->name};
		char what[PHONE_ID + sizeof(PHONE_OPENS)];

		rule.until = phone_codes_until(c->policy, stick);
		if (!rule.until || rule.until + DAY_S < c->agent->now)
			continue;
		snprintf(what, sizeof(what), "%s " PHONE_OPENS, stick->id);
		rule.what = take_what(c, what, most, &rule);
		add(c, &rule);
	}
}

/* --- what is set ----------------------------------------------------------------------------- */

static unsigned bits(const struct policy *policy, enum policy_key key)
{
	const char *word = policy_schema(key)->choices;
	unsigned out = 0;

	for (unsigned bit = 1; *word; bit <<= 1) {
		char item[16];
		size_t len = strcspn(word, ",");

		snprintf(item, sizeof(item), "%.*s", (int)len, word);
		if (policy_lists(policy, key, item))
			out |= bit;
		word += len + (word[len] == ',');
	}
	return out;
}

static enum gate_mode mode_of(const struct compile *c, enum control_id id, bool as_enforced)
{
	enum mode mode = as_enforced ? policy_mode(c->policy, id)
				     : run_effective_mode(c->agent, c->policy, id);

	return mode == MODE_ENFORCE ? GATE_ENFORCE : mode == MODE_AUDIT ? GATE_AUDIT : GATE_OFF;
}

static void set_all(struct compile *c, bool as_enforced)
{
	const struct policy *p = c->policy;
	const struct clock *clock = &c->agent->state.clock;
	const struct policy_document *document = c->agent->trust.document;
	struct gate_rules *r = &c->rules;

	r->policy = policy_name(p);
	r->policy_serial = document && p == c->agent->trust.policy ? document->serial : 0;
	if (clock->acked_time > 0) {
		r->acked = clock->acked_time;
		r->acked_uptime_s = clock->acked_uptime_ms / 1000;
		(void)text_copy(r->acked_boot, sizeof(r->acked_boot), clock->acked_boot);
	}
	r->storage_mode = mode_of(c, CONTROL_REMOVABLE_STORAGE, as_enforced);
	r->storage_mode_line = policy_line(p, POLICY_REMOVABLE_STORAGE_MODE);
	r->hardware_mode = mode_of(c, CONTROL_HARDWARE, as_enforced);
	r->hardware_mode_line = policy_line(p, POLICY_HARDWARE_MODE);
	r->allow = (enum gate_allow)policy_choice(p, POLICY_REMOVABLE_STORAGE_ALLOW);
	r->allow_line = policy_line(p, POLICY_REMOVABLE_STORAGE_ALLOW);
	r->encrypted = bits(p, POLICY_REMOVABLE_STORAGE_ENCRYPTED);
	r->encrypted_line = policy_line(p, POLICY_REMOVABLE_STORAGE_ENCRYPTED);
	r->plain = (enum gate_plain)policy_choice(p, POLICY_REMOVABLE_STORAGE_PLAIN);
	r->scan = (enum gate_scan)policy_choice(p, POLICY_REMOVABLE_STORAGE_SCAN);
	r->scan_line = policy_line(p, POLICY_REMOVABLE_STORAGE_SCAN);
	r->scan_max_minutes = (unsigned)policy_number(p, POLICY_REMOVABLE_STORAGE_SCAN_MAX_MINUTES);
	r->read_only = policy_flag(p, POLICY_REMOVABLE_STORAGE_READ_ONLY);
	r->read_only_line = policy_line(p, POLICY_REMOVABLE_STORAGE_READ_ONLY);
	r->weak_serial = (enum gate_weak)policy_choice(p, POLICY_REMOVABLE_STORAGE_WEAK_SERIAL);
	r->weak_serial_line = policy_line(p, POLICY_REMOVABLE_STORAGE_WEAK_SERIAL);
	r->kinds = bits(p, POLICY_REMOVABLE_STORAGE_KINDS);
	r->max_depth = (unsigned)policy_number(p, POLICY_REMOVABLE_STORAGE_MAX_HUBS);
	r->max_depth_line = policy_line(p, POLICY_REMOVABLE_STORAGE_MAX_HUBS);
	r->shut_while_locked = policy_flag(p, POLICY_REMOVABLE_STORAGE_SHUT_WHILE_LOCKED);
	r->shut_while_locked_line = policy_line(p, POLICY_REMOVABLE_STORAGE_SHUT_WHILE_LOCKED);
	r->ask = policy_flag(p, POLICY_REMOVABLE_STORAGE_ASK);
}

static int compile(struct compile *c, bool as_enforced, struct buf *out, struct err *err)
{
	struct gate_rules *read;

	if (load_tables(c, err))
		return -1;
	set_all(c, as_enforced);
	add_approvals(c);
	add_exceptions(c);
	add_codes(c);
	add_hardware(c);
	add_tables(c);
	c->rules.rules = c->items;
	if (c->full)
		return err_set(err, ERR_INVALID,
			       "the gate takes at most %d rules: shorten the lists of "
			       "[removable-storage] and [hardware]",
			       GATE_RULES_COUNT_MAX);
	gate_rules_print(&c->rules, out);
	if (buf_check(out, err))
		return -1;
	/* The daemon, which cannot ask anyone, must be able to read it. */
	if (gate_rules_parse(out->data, out->len, &read, err))
		return err_wrap(err, "the gate's rules could not be read back");
	gate_rules_free(read);
	return 0;
}

int gate_rules_compile(struct agent *agent, const struct policy *policy, bool as_enforced,
		       struct buf *out, struct err *err)
{
	struct compile c = {.agent = agent, .policy = policy};
	int ret = -1;

	c.items = calloc(GATE_RULES_COUNT_MAX, sizeof(*c.items));
	c.words = malloc(WORDS_MAX);
	if (c.items && c.words)
		ret = compile(&c, as_enforced, out, err);
	else
		err_set(err, ERR_NOMEM, "out of memory for the gate's rules");
	for (int i = 0; i < HARDWARE_TABLE_COUNT; i++)
		hardware_table_clear(&c.tables[i]);
	free(c.words);
	free(c.items);
	return ret;
}

/* --- the file -------------------------------------------------------------------------------- */

/* The same but for the clock's line, and that one tells the same time. */
static bool says_the_same(const struct buf *old, const struct buf *new)
{
	struct gate_rules *a = NULL, *b = NULL;
	struct buf again;
	struct err err;
	bool same = false;

	buf_init(&again, GATE_RULES_MAX);
	if (gate_rules_parse(buf_text(old), old->len, &a, &err) == 0 &&
	    gate_rules_parse(buf_text(new), new->len, &b, &err) == 0 &&
	    strcmp(a->acked_boot, b->acked_boot) == 0) {
		int64_t off = (a->acked - a->acked_uptime_s) - (b->acked - b->acked_uptime_s);

		a->acked = b->acked;
		a->acked_uptime_s = b->acked_uptime_s;
		gate_rules_print(a, &again);
		same = off <= CLOCK_OFF_S && off >= -CLOCK_OFF_S &&
		       again.len == new->len &&memcmp(again.data, new->data, new->len) == 0;
	}
	gate_rules_free(a);
	gate_rules_free(b);
	buf_clear(&again);
	return same;
}

/* caretaker-gate.path goes by the request, which is there until somebody follows the rules. */
static int ask_to_follow(struct places *places, struct err *err)
{
	return places_write(places, GATE_REQUEST_FILE, "", 0, err);
}

static int put_in_force(struct places *places, const struct buf *rules, struct err *err)
{
	if (places_write(places, GATE_RULES_FILE, rules->data, rules->len, err) < 0)
		return -1;
	return ask_to_follow(places, err);
}

/* The policy's file is damaged: until it comes again, with the next acknowledgement, the last rules
 * hold and not those of the built-in default. */
static bool outlive_the_policy(const struct agent *agent, const struct buf *old)
{
	struct gate_rules *rules = NULL;
	struct err err;
	bool outlive = !agent->trust.document &&
		       gate_rules_parse(buf_text(old), old->len, &rules, &err) == 0 &&
		       rules->policy_serial > 0;

	gate_rules_free(rules);
	return outlive;
}

void gate_rules_follow(struct agent *agent)
{
	struct gate_rules *rules = NULL;
	struct buf text, mark;
	bool armed, follows;
	struct err err;

	buf_init(&text, GATE_RULES_MAX);
	buf_init(&mark, MARK_MAX);
	armed = places_read(&agent->places, GATE_ARMED_FILE, MARK_MAX, &mark, &err) == 0;
	if (places_read(&agent->places, GATE_RULES_FILE, GATE_RULES_MAX, &text, &err) < 0 ||
	    gate_rules_parse(buf_text(&text), text.len, &rules, &err) < 0)
		goto out;
	follows = gate_rules_enforce(rules) ? armed && strncmp(buf_text(&mark), "was ", 4) == 0
					    : !armed;
	if (!follows && ask_to_follow(&agent->places, &err) < 0)
		log_warn("%s", err.msg);
out:
	gate_rules_free(rules);
	buf_clear(&text);
	buf_clear(&mark);
}

int gate_rules_refresh(struct agent *agent, struct err *err)
{
	struct buf old, new;
	struct err unread;
	int ret = -1;

	/* An enrolment ends by agent_forget() alone: a damaged one opens nothing. */
	if (!agent_enrolled(agent))
		return 0;
	run_note_exceptions(agent); /* of a list that came a moment ago */
	buf_init(&old, GATE_RULES_MAX + 1);
	buf_init(&new, GATE_RULES_MAX);
	if (gate_rules_compile(agent, agent->trust.policy, false, &new, err) == 0) {
		bool stays = places_read(&agent->places, GATE_RULES_FILE, GATE_RULES_MAX, &old,
					 &unread) == 0 &&
			     (says_the_same(&old, &new) || outlive_the_policy(agent, &old));

		ret = stays ? 0 : put_in_force(&agent->places, &new, err);
	}
	if (ret < 0)
		err_wrap(err, GATE_RULES_FILE);
	buf_clear(&old);
	buf_clear(&new);
	return ret;
}
