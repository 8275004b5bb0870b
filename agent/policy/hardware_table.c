/* See hardware_table.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy/hardware_table.h"

#include "agent/base/err.h"
#include "agent/base/ini.h"
#include "agent/base/text.h"
#include "agent/policy/shape.h"
#include "conf/hardware/assistive.ini.h"
#include "conf/hardware/classroom.ini.h"
#include "conf/hardware/encrypted.ini.h"

#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1024) * 1024)

/* What a table's sections hold beside 'model', 'why' and 'source', which all have. */
static const struct kind {
	const char *file, *key; /* its own key, which each section has once */
	const char *words;      /* NULL: yes or no */
	bool sized;             /* and max_mib */
} kinds[HARDWARE_TABLE_COUNT] = {
	[HARDWARE_CLASSROOM] = {"classroom.ini", "set", "microbit,pico,circuitpython,lego", true},
	[HARDWARE_ENCRYPTED] = {"encrypted.ini", "cdrom", NULL, false},
	[HARDWARE_ASSISTIVE] = {"assistive.ini", "kind", "eye-tracker,switch,braille,other", false},
};

enum { HAS_OWN = 1, HAS_SIZE = 2, HAS_WHY = 4, HAS_SOURCE = 8, HAS_MODEL = 16 };

struct parse {
	const struct kind *kind;
	struct hardware_table table;
	struct hardware_row now; /* of the section */
	size_t first;            /* its first row */
	int line;                /* its own; 0: none begun */
	unsigned has;
};

const char *hardware_table_file(enum hardware_table_id id)
{
	return kinds[id].file;
}

/* --- a section ------------------------------------------------------------------------------- */

/* Whatever came after the models concerns them as well. */
static int end_section(struct parse *parse, struct err *err)
{
	const struct {
		unsigned bit;
		const char *key;
	} needs[] = {{HAS_OWN, parse->kind->key},
		     {HAS_MODEL, "model"},
		     {HAS_WHY, "why"},
		     {HAS_SOURCE, "source"},
		     {parse->kind->sized ? HAS_SIZE : 0, "max_mib"}};

	if (!parse->line)
		return 0;
	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++)
		if ((parse->has & needs[i].bit) != needs[i].bit)
			return err_set(err, ERR_INVALID, "section [%s] on line %d has no '%s'",
				       parse->now.product, parse->line, needs[i].key);
	for (size_t i = parse->first; i < parse->table.count; i++) {
		struct hardware_row *row = &parse->table.rows[i];

		memcpy(parse->now.model, row->model, sizeof(row->model));
		*row = parse->now;
	}
	return 0;
}

static int begin_section(struct parse *parse, int line, const char *section, struct err *err)
{
	if (end_section(parse, err))
		return -1;
	for (size_t i = 0; i < parse->table.count; i++)
		if (strcmp(parse->table.rows[i].product, section) == 0)
			return err_set(err, ERR_INVALID, "section [%s] stands twice", section);
	memset(&parse->now, 0, sizeof(parse->now));
	text_clean(parse->now.product, sizeof(parse->now.product), section, strlen(section));
	parse->line = line;
	parse->first = parse->table.count;
	parse->has = 0;
	return 0;
}

/* --- its keys -------------------------------------------------------------------------------- */

static int add_model(struct parse *parse, const char *model, struct err *err)
{
	struct hardware_table *table = &parse->table;
	const char *colon = strchr(model, ':');
	struct hardware_row *row;

	if (!shape_holds("<usb>", model) || !colon || strchr(colon + 1, ':'))
		return err_set(err, ERR_INVALID,
			       "bad model '%.40s': expected vendor:product such as 0d28:0204",
			       model);
	if (table->count == HARDWARE_TABLE_ROWS_MAX)
		return err_set(err, ERR_INVALID, "more than %d models", HARDWARE_TABLE_ROWS_MAX);
	if (table->count % 64 == 0) {
		row = realloc(table->rows, (table->count + 64) * sizeof(*row));
		if (!row)
			return err_set(err, ERR_NOMEM, "out of memory");
		table->rows = row;
	}
	row = &table->rows[table->count];
	memset(row, 0, sizeof(*row));
	for (size_t i = 0; model[i]; i++) /* shape: at most four digits on each side */
		row->model[i] =
			(char)(model[i] >= 'A' && model[i] <= 'F' ? model[i] + 32 : model[i]);
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->rows[i].model, row->model) == 0)
			return err_set(err, ERR_INVALID, "model '%s' stands twice", row->model);
	table->count++;
	parse->has |= HAS_MODEL;
	return 0;
}

static int take_models(struct parse *parse, const char *value, struct err *err)
{
	while (*value) {
		size_t len = strcspn(value, ","), shown;
		char model[INI_MAX_LINE + 1];

		shown = len < INI_MAX_LINE ? len : INI_MAX_LINE;
		memcpy(model, value, shown);
		while (shown && model[shown - 1] == ' ')
			shown--;
		model[shown] = '\0';
		if (add_model(parse, model, err))
			return -1;
		value += len;
		if (*value == ',')
			value += 1 + strspn(value + 1, " ");
	}
	return 0;
}

static int take_own(struct parse *parse, const char *value, struct err *err)
{
	const char *words = parse->kind->words ? parse->kind->words : "no,yes";
	int at = shape_word(words, value);

	if (at < 0)
		return err_set(err, ERR_INVALID, "bad value '%.40s' for '%s': expected one of %s",
			       value, parse->kind->key, words);
	if (parse->kind->words)
		(void)text_copy(parse->now.word, sizeof(parse->now.word), value);
	else
		parse->now.cdrom = at == 1;
	return 0;
}

static int take_size(struct parse *parse, const char *value, struct err *err)
{
	int64_t mib;

	if (text_int(value, 1, 1024, &mib) < 0)
		return err_set(err, ERR_INVALID,
			       "bad value '%.40s' for 'max_mib': expected 1 to 1024", value);
	parse->now.max_bytes = (uint64_t)mib * MIB;
	return 0;
}

static int once(struct parse *parse, unsigned bit, const char *key, struct err *err)
{
	if (parse->has & bit)
		return err_set(err, ERR_INVALID, "'%s' stands twice in [%s]", key,
			       parse->now.product);
	parse->has |= bit;
	return 0;
}

static int take(void *ctx, int line, const char *section, const char *key, const char *value,
		struct err *err)
{
	struct parse *parse = ctx;

	if (!key)
		return begin_section(parse, line, section, err);
	if (!parse->line)
		return err_set(err, ERR_INVALID, "'%.40s' stands before the first [section]", key);
	if (!*value)
		return err_set(err, ERR_INVALID, "'%.40s' is empty", key);
	if (strcmp(key, "model") == 0)
		return take_models(parse, value, err);
	if (strcmp(key, "source") == 0) { /* a further line names a further one */
		parse->has |= HAS_SOURCE;
		return 0;
	}
	if (strcmp(key, "why") == 0)
		return once(parse, HAS_WHY, key, err);
	if (strcmp(key, parse->kind->key) == 0)
		return once(parse, HAS_OWN, key, err) ? -1 : take_own(parse, value, err);
	if (parse->kind->sized && strcmp(key, "max_mib") == 0)
		return once(parse, HAS_SIZE, key, err) ? -1 : take_size(parse, value, err);
	return err_set(err, ERR_INVALID, "unknown key '%.40s': expected model, why, source, %s%s",
		       key, parse->kind->key, parse->kind->sized ? " or max_mib" : "");
}

/* --- the table ------------------------------------------------------------------------------- */

int hardware_table_parse(enum hardware_table_id id, const char *name, const char *text, size_t len,
			 struct hardware_table *out, struct err *err)
{
	struct parse parse = {.kind = &kinds[id]};
	int ret = ini_parse_text(name, text, len, take, &parse, err);

	if (ret == 0 && end_section(&parse, err))
		ret = err_wrap(err, "%s", name);
	if (ret == 0)
		*out = parse.table;
	else
		hardware_table_clear(&parse.table);
	return ret;
}

int hardware_table_builtin(enum hardware_table_id id, struct hardware_table *out, struct err *err)
{
	static const struct {
		const unsigned char *text;
		unsigned len;
	} texts[HARDWARE_TABLE_COUNT] = {
		[HARDWARE_CLASSROOM] = {conf_hardware_classroom_ini,
					sizeof(conf_hardware_classroom_ini) - 1},
		[HARDWARE_ENCRYPTED] = {conf_hardware_encrypted_ini,
					sizeof(conf_hardware_encrypted_ini) - 1},
		[HARDWARE_ASSISTIVE] = {conf_hardware_assistive_ini,
					sizeof(conf_hardware_assistive_ini) - 1},
	};

	return hardware_table_parse(id, kinds[id].file, (const char *)texts[id].text, texts[id].len,
				    out, err);
}

void hardware_table_clear(struct hardware_table *table)
{
	free(table->rows);
	memset(table, 0, sizeof(*table));
}

const struct hardware_row *hardware_table_find(const struct hardware_table *table,
					       const char *model)
{
	for (size_t i = 0; i < table->count; i++)
		if (shape_matches("<usb>", table->rows[i].model, model))
			return &table->rows[i];
	return NULL;
}
