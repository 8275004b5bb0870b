/* See rules.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/gate/rules.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/gate/hold.h"
#include "agent/gate/setting.h"
#include "agent/gate/word.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 6
#define LINE_MAX_BYTES 1024

/* The rules, the array and the text that their words lie in: freed as one. */
struct whole {
	struct gate_rules rules; /* first: what the caller holds */
	struct gate_rule *array;
	char *text;
};

struct parse {
	struct whole *whole;
	char *words[WORDS_MAX + 1];
	unsigned count;
	bool ended;
	unsigned seen; /* a bit for each line that stands once: see 'enum head' */
};

static const char *const mode_names[] = {"off", "audit", "enforce", NULL};
/* What an approval opens, bit 0 first. */
enum { OPENS_ENCRYPTED = 1, OPENS_READ_ONLY = 2, OPENS_ANY = 4, OPENS_SCANNED = 8 };
static const char *const opens_names[] = {"encrypted", "read-only", "any", "scanned", NULL};

/* --- lines --- */

/* Those that stand once; the settings' bits follow. */
enum head { HEAD_POLICY, HEAD_CLOCK, HEAD_STORAGE_MODE, HEAD_HARDWARE_MODE, HEAD_COUNT };
_Static_assert(HEAD_COUNT + GATE_SETTINGS_MAX <= 32, "'seen' holds a bit for each");

static int once(struct parse *p, unsigned bit, struct err *err)
{
	if (p->seen & 1u << bit)
		return err_set(err, ERR_INVALID, "a second '%.40s'", p->words[0]);
	p->seen |= 1u << bit;
	return 0;
}

static int line_policy(struct parse *p, struct err *err)
{
	p->whole->rules.policy = p->words[1];
	return once(p, HEAD_POLICY, err) || gate_word_number(p->words[2], INT64_MAX,
							     &p->whole->rules.policy_serial, err)
		       ? -1
		       : 0;
}

static int line_clock(struct parse *p, struct err *err)
{
	struct gate_rules *rules = &p->whole->rules;

	if (once(p, HEAD_CLOCK, err) ||
	    gate_word_number(p->words[1], INT64_MAX, &rules->acked, err) ||
	    gate_word_number(p->words[2], INT64_MAX, &rules->acked_uptime_s, err))
		return -1;
	if (!text_copy(rules->acked_boot, sizeof(rules->acked_boot), p->words[3]))
		return err_set(err, ERR_INVALID, "the name of a boot is too long");
	return 0;
}

static int line_mode(struct parse *p, struct err *err)
{
	struct gate_rules *rules = &p->whole->rules;
	bool storage = strcmp(p->words[1], "storage") == 0;
	unsigned mode;
	int line;

	if (!storage && strcmp(p->words[1], "hardware") != 0)
		return err_set(err, ERR_INVALID, "'%.40s' has no mode", p->words[1]);
	if (once(p, storage ? HEAD_STORAGE_MODE : HEAD_HARDWARE_MODE, err) ||
	    gate_word_name(mode_names, p->words[2], &mode, err) ||
	    gate_word_line(p->words[3], &line, err))
		return -1;
	if (storage) {
		rules->storage_mode = (enum gate_mode)mode;
		rules->storage_mode_line = line;
	} else {
		rules->hardware_mode = (enum gate_mode)mode;
		rules->hardware_mode_line = line;
	}
	return 0;
}

static int line_set(struct parse *p, struct err *err)
{
	int setting = gate_setting_find(p->words[1]);

	if (setting < 0)
		return err_set(err, ERR_INVALID, "'%.40s' is nothing that can be set", p->words[1]);
	if (once(p, HEAD_COUNT + (unsigned)setting, err))
		return -1;
	return gate_setting_take(&p->whole->rules, setting, p->words[2], p->words[3], err);
}

static int add_rule(struct parse *p, const struct gate_rule *rule, struct err *err)
{
	struct whole *whole = p->whole;

	if (whole->rules.rule_count == GATE_RULES_COUNT_MAX)
		return err_set(err, ERR_INVALID, "more than %d rules", GATE_RULES_COUNT_MAX);
	if (!rule->what[0])
		return err_set(err, ERR_INVALID, "a rule for nothing");
	whole->array[whole->rules.rule_count++] = *rule;
	return 0;
}

/* "encrypted,read-only,scanned": one of the first three at least, "any" beside neither. */
static int take_opens(char *word, struct gate_rule *rule, struct err *err)
{
	unsigned opens;

	if (gate_word_bits(opens_names, word, &opens, err))
		return -1;
	if (!(opens & ~(unsigned)OPENS_SCANNED) ||
	    (opens & OPENS_ANY && opens & (OPENS_ENCRYPTED | OPENS_READ_ONLY)))
		return err_set(err, ERR_INVALID, "an approval that opens no one thing");
	rule->open = opens & OPENS_ENCRYPTED   ? GATE_OPEN_ENCRYPTED
		     : opens & OPENS_READ_ONLY ? GATE_OPEN_READ_ONLY
					       : GATE_OPEN_ANY;
	rule->read_only = opens & OPENS_READ_ONLY;
	rule->scanned = opens & OPENS_SCANNED;
	return 0;
}

static unsigned opens_of(const struct gate_rule *rule)
{
	unsigned opens = 1u << rule->open;

	if (rule->read_only && rule->open != GATE_OPEN_ANY)
		opens |= OPENS_READ_ONLY;
	return opens | (rule->scanned ? OPENS_SCANNED : 0);
}

static int take_exception(char *word, struct gate_rule *rule, struct err *err)
{
	if (strlen(word) > 63)
		return err_set(err, ERR_INVALID, "the id of an exception is too long");
	rule->exception = word;
	return 0;
}

/* stick, person: WHAT END OPENS EXCEPTION LINE */
static int line_approval(struct parse *p, struct err *err)
{
	struct gate_rule rule = {
		.kind = strcmp(p->words[0], "stick") == 0 ? GATE_RULE_STICK : GATE_RULE_PERSON,
		.what = p->words[1],
		.name = "",
	};

	if (gate_word_number(p->words[2], INT64_MAX, &rule.until, err) ||
	    take_opens(p->words[3], &rule, err) || take_exception(p->words[4], &rule, err) ||
	    gate_word_line(p->words[5], &rule.line, err))
		return -1;
	return add_rule(p, &rule, err);
}

/* "model" WHAT END EXCEPTION LINE */
static int line_pass(struct parse *p, struct err *err)
{
	struct gate_rule rule = {.kind = GATE_RULE_PASS_MODEL, .what = p->words[2], .name = ""};

	if (strcmp(p->words[1], "model") != 0)
		return err_set(err, ERR_INVALID, "no rule begins 'pass %.40s'", p->words[1]);
	if (gate_word_number(p->words[3], INT64_MAX, &rule.until, err) ||
	    take_exception(p->words[4], &rule, err) || gate_word_line(p->words[5], &rule.line, err))
		return -1;
	return add_rule(p, &rule, err);
}

static int line_class_set(struct parse *p, struct err *err)
{
	struct gate_rule rule = {.kind = GATE_RULE_CLASS_SET,
				 .name = p->words[1],
				 .what = p->words[2],
				 .exception = ""};
	int64_t bytes;

	if (gate_word_number(p->words[3], INT64_MAX, &bytes, err) ||
	    gate_word_line(p->words[4], &rule.line, err))
		return -1;
	if (bytes == 0)
		return err_set(err, ERR_INVALID, "a class set without a bound on its size");
	rule.max_bytes = (uint64_t)bytes;
	return add_rule(p, &rule, err);
}

/* "WORD SORT WHAT LINE" */
static const struct {
	const char *word, *sort;
	enum gate_rule_kind kind;
} sorts[] = {
	{"model", "hardware-encrypted", GATE_RULE_HARDWARE_ENCRYPTED},
	{"model", "unlocker", GATE_RULE_UNLOCKER},
	{"port", "front", GATE_RULE_FRONT_PORT},
	{"port", "rear", GATE_RULE_REAR_PORT},
	{"refuse", "class", GATE_RULE_REFUSE_CLASS},
	{"refuse", "model", GATE_RULE_REFUSE_MODEL},
};

static int line_sorted(struct parse *p, struct err *err)
{
	struct gate_rule rule = {
		.kind = GATE_RULE_COUNT, .what = p->words[2], .name = "", .exception = ""};

	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
		if (strcmp(p->words[0], sorts[i].word) == 0 &&
		    strcmp(p->words[1], sorts[i].sort) == 0)
			rule.kind = sorts[i].kind;
	if (rule.kind == GATE_RULE_COUNT)
		return err_set(err, ERR_INVALID, "no rule begins '%.20s %.40s'", p->words[0],
			       p->words[1]);
	if (rule.kind == GATE_RULE_REFUSE_CLASS && !gate_class_known(rule.what))
		return err_set(err, ERR_INVALID, "'%.40s' is no class of devices", rule.what);
	return gate_word_line(p->words[3], &rule.line, err) || add_rule(p, &rule, err) ? -1 : 0;
}

static int line_assist(struct parse *p, struct err *err)
{
	struct gate_rule rule = {
		.kind = GATE_RULE_ASSIST, .what = p->words[1], .name = "", .exception = ""};

	return gate_word_line(p->words[2], &rule.line, err) || add_rule(p, &rule, err) ? -1 : 0;
}

static int line_end(struct parse *p, struct err *err)
{
	(void)err;
	p->ended = true;
	return 0;
}

static const struct {
	const char *word;
	unsigned words;
	int (*take)(struct parse *p, struct err *err);
} lines[] = {
	{"policy", 3, line_policy}, {"clock", 4, line_clock},         {"mode", 4, line_mode},
	{"set", 4, line_set},       {"stick", 6, line_approval},      {"person", 6, line_approval},
	{"model", 4, line_sorted},  {"class-set", 5, line_class_set}, {"port", 4, line_sorted},
	{"refuse", 4, line_sorted}, {"pass", 6, line_pass},           {"assist", 3, line_assist},
	{"end", 1, line_end},
};

static int split(struct parse *p, char *line, struct err *err)
{
	p->count = 0;
	for (char *blank; line; line = blank ? blank + 1 : NULL) {
		blank = strchr(line, ' ');
		if (blank)
			*blank = '\0';
		if (p->count == WORDS_MAX)
			return err_set(err, ERR_INVALID, "more than %d words", WORDS_MAX);
		if (!*line || gate_word_decode(line))
			return err_set(err, ERR_INVALID, "word %u is not written as it should be",
				       p->count + 1);
		p->words[p->count++] = line;
	}
	return 0;
}

static int take_text_line(struct parse *p, char *line, unsigned number, struct err *err)
{
	if (p->ended)
		return err_set(err, ERR_INVALID, "there is more after 'end'");
	if (strlen(line) > LINE_MAX_BYTES)
		return err_set(err, ERR_INVALID, "longer than %d bytes", LINE_MAX_BYTES);
	if (number == 1)
		return strcmp(line, "caretaker-gate 1") == 0
			       ? 0
			       : err_set(err, ERR_INVALID,
					 "not 'caretaker-gate 1': another program's file, or a "
					 "newer one's");
	if (split(p, line, err))
		return -1;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strcmp(p->words[0], lines[i].word) != 0)
			continue;
		if (p->count != lines[i].words)
			return err_set(err, ERR_INVALID, "'%s' takes %u words, not %u",
				       lines[i].word, lines[i].words - 1, p->count - 1);
		return lines[i].take(p, err);
	}
	return err_set(err, ERR_INVALID, "unknown rule '%.40s'", p->words[0]);
}

static int take_text(struct parse *p, struct err *err)
{
	const unsigned needed =
		1u << HEAD_POLICY | 1u << HEAD_STORAGE_MODE | 1u << HEAD_HARDWARE_MODE;
	unsigned number = 0;

	for (char *line = p->whole->text, *stop; *line; line = stop) {
		number++;
		stop = strchr(line, '\n');
		if (!stop)
			return err_set(err, ERR_INVALID, "line %u: it does not end", number);
		*stop++ = '\0';
		if (take_text_line(p, line, number, err))
			return err_wrap(err, "line %u", number);
	}
	if (!p->ended)
		return err_set(err, ERR_INVALID, "it does not end with 'end': the file was cut");
	if ((p->seen & needed) != needed)
		return err_set(err, ERR_INVALID, "'policy' or a 'mode' is missing");
	return 0;
}

static struct whole *whole_new(const char *text, size_t len)
{
	struct whole *whole = calloc(1, sizeof(*whole));
	size_t rules = 0;

	if (!whole)
		return NULL;
	for (size_t i = 0; i < len; i++)
		rules += text[i] == '\n';
	if (rules > GATE_RULES_COUNT_MAX)
		rules = GATE_RULES_COUNT_MAX;
	whole->text = malloc(len + 1);
	whole->array = calloc(rules + 1, sizeof(*whole->array));
	if (!whole->text || !whole->array) {
		gate_rules_free(&whole->rules);
		return NULL;
	}
	if (len > 0)
		memcpy(whole->text, text, len);
	whole->text[len] = '\0';
	whole->rules = (struct gate_rules){
		.policy = "",
		.plain = GATE_PLAIN_REFUSE,
		.kinds = GATE_KIND_USB | GATE_KIND_CARD | GATE_KIND_OPTICAL | GATE_KIND_PHONE |
			 GATE_KIND_CAMERA | GATE_KIND_ESATA,
		.scan_max_minutes = 30,
		.max_depth = 7,
		.rules = whole->array,
	};
	return whole;
}

int gate_rules_parse(const char *text, size_t len, struct gate_rules **out, struct err *err)
{
	struct parse p = {.whole = NULL};

	if (len > GATE_RULES_MAX)
		return err_set(err, ERR_INVALID, "the rules are larger than %d bytes",
			       GATE_RULES_MAX);
	if (len > 0 && memchr(text, '\0', len))
		return err_set(err, ERR_INVALID, "the rules hold a NUL byte");
	p.whole = whole_new(text, len);
	if (!p.whole)
		return err_set(err, ERR_NOMEM, "no memory for the rules");
	if (take_text(&p, err)) {
		gate_rules_free(&p.whole->rules);
		return -1;
	}
	*out = &p.whole->rules;
	return 0;
}

void gate_rules_free(struct gate_rules *rules)
{
	struct whole *whole = (struct whole *)rules; /* its first member */

	if (!whole)
		return;
	free(whole->array);
	free(whole->text);
	free(whole);
}

bool gate_rule_lasts(const struct gate_rule *rule)
{
	return !rule->until && !rule->exception[0];
}

bool gate_rules_enforce(const struct gate_rules *rules)
{
	return rules->storage_mode == GATE_ENFORCE || rules->hardware_mode == GATE_ENFORCE;
}

bool gate_rules_open_to_all(const struct gate_rules *rules)
{
	return rules->storage_mode != GATE_ENFORCE ||
	       (rules->allow == GATE_ALLOW_ANY && !rules->encrypted &&
		rules->scan == GATE_SCAN_NONE && !rules->read_only);
}

/* --- printing --- */

static void print_rule(const struct gate_rule *rule, struct buf *out)
{
	switch (rule->kind) {
	case GATE_RULE_STICK:
	case GATE_RULE_PERSON:
		buf_adds(out, rule->kind == GATE_RULE_STICK ? "stick " : "person ");
		gate_word_print(out, rule->what);
		buf_addf(out, " %" PRId64 " ", rule->until);
		gate_word_print_bits(out, opens_names, opens_of(rule));
		buf_addc(out, ' ');
		gate_word_print(out, rule->exception ? rule->exception : "");
		break;
	case GATE_RULE_PASS_MODEL:
		buf_adds(out, "pass model ");
		gate_word_print(out, rule->what);
		buf_addf(out, " %" PRId64 " ", rule->until);
		gate_word_print(out, rule->exception ? rule->exception : "");
		break;
	case GATE_RULE_CLASS_SET:
		buf_adds(out, "class-set ");
		gate_word_print(out, rule->name);
		buf_addc(out, ' ');
		gate_word_print(out, rule->what);
		buf_addf(out, " %" PRIu64, rule->max_bytes);
		break;
	case GATE_RULE_ASSIST:
		buf_adds(out, "assist ");
		gate_word_print(out, rule->what);
		break;
	default:
		for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
			if (sorts[i].kind == rule->kind)
				buf_addf(out, "%s %s ", sorts[i].word, sorts[i].sort);
		gate_word_print(out, rule->what);
	}
	buf_addf(out, " %d\n", rule->line);
}

void gate_rules_print(const struct gate_rules *rules, struct buf *out)
{
	buf_adds(out, "caretaker-gate 1\npolicy ");
	gate_word_print(out, rules->policy ? rules->policy : "");
	buf_addf(out, " %" PRId64 "\nclock %" PRId64 " %" PRId64 " ", rules->policy_serial,
		 rules->acked, rules->acked_uptime_s);
	gate_word_print(out, rules->acked_boot);
	buf_addf(out, "\nmode storage %s %d\nmode hardware %s %d\n",
		 mode_names[rules->storage_mode], rules->storage_mode_line,
		 mode_names[rules->hardware_mode], rules->hardware_mode_line);
	gate_setting_print_all(rules, out);
	for (size_t i = 0; i < rules->rule_count; i++)
		print_rule(&rules->rules[i], out);
	buf_adds(out, "end\n");
}
