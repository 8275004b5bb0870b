/* See options.h.  Words that are not options are moved to the front of argv, where the command's
 * name and then the operands are found.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/options.h"

#include "agent/base/compiler.h"
#include "agent/base/text.h"
#include "agent/base/version.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS_MAX 64
#define HELP_COLUMN 28

enum outcome { GO_ON, DONE, WRONG };

struct parse {
	const struct program *program;
	const struct command *command; /* NULL until it is known */
	struct options options;
	char **argv;
	int argc, at; /* the word to look at next */
	int words;    /* those kept so far, in argv[1..words] */
	bool only_operands, help;
};

/* --- help --- */

static void print_option(const struct option_def *def)
{
	char left[64];
	int len = def->letter ? snprintf(left, sizeof(left), "  -%c, --%s", def->letter, def->name)
			      : snprintf(left, sizeof(left), "      --%s", def->name);

	if (def->value && len > 0 && (size_t)len < sizeof(left))
		snprintf(left + len, sizeof(left) - (size_t)len, " %s", def->value);
	printf("%-*s %s\n", HELP_COLUMN - 1, left, def->help);
}

static void print_options(const char *title, const struct option_def *defs)
{
	if (!defs || !defs->name)
		return;
	printf("\n%s:\n", title);
	for (; defs->name; defs++)
		print_option(defs);
}

static bool is_plain_program(const struct program *program)
{
	return program->commands[0].name && !program->commands[0].name[0];
}

static void print_command_help(const struct program *program, const struct command *command)
{
	bool any = (command->options && command->options->name) ||
		   (program->options && program->options->name);

	printf("usage: %s%s%s%s%s%s\n\n%s\n", program->name, command->name[0] ? " " : "",
	       command->name, any ? " [OPTION]..." : "", command->operands ? " " : "",
	       command->operands ? command->operands : "", command->help);
	print_options("options", command->options);
	print_options(command->name[0] ? "options of every command" : "options", program->options);
}

static void print_program_help(const struct program *program)
{
	printf("usage: %s [OPTION]... COMMAND ...\n\n%s\n\ncommands:\n", program->name,
	       program->summary);
	for (const struct command *c = program->commands; c->name; c++)
		printf("  %-*s %s\n", HELP_COLUMN - 3, c->name, c->help);
	print_options("options of every command", program->options);
	printf("\n'%s COMMAND --help' tells more; '%s --version' prints the version\n",
	       program->name, program->name);
}

static void print_help(const struct program *program, const struct command *command)
{
	if (!command && is_plain_program(program))
		command = &program->commands[0];
	if (command)
		print_command_help(program, command);
	else
		print_program_help(program);
	if (program->footer)
		printf("\n%s\n", program->footer);
}

/* --- wrong usage --- */

/* Always returns WRONG. */
static enum outcome wrong(const struct parse *parse, const char *fmt, ...) PRINTF_LIKE(2, 3);

static enum outcome wrong(const struct parse *parse, const char *fmt, ...)
{
	const char *command = parse->command ? parse->command->name : "";
	va_list ap;

	fprintf(stderr, "%s: ", parse->program->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\ntry '%s%s%s --help'\n", parse->program->name, command[0] ? " " : "",
		command);
	return WRONG;
}

/* For display: what was typed, without what would disturb a terminal. */
struct shown {
	char text[96];
};

static struct shown show(const char *text)
{
	struct shown shown = {""};

	text_clean(shown.text, sizeof(shown.text), text, strlen(text));
	return shown;
}

static enum outcome unknown_option(const struct parse *parse, const char *name)
{
	const char *names[2 * OPTIONS_MAX + 3] = {"help", "version"};
	size_t count = 2;
	const char *near;

	for (int table = 0; table < 2; table++) {
		const struct option_def *def = parse->options.defs[table];

		for (; def && def->name; def++)
			names[count++] = def->name;
	}
	near = text_nearest(name, names);
	if (near)
		return wrong(parse, "unknown option '--%s'; did you mean '--%s'?", show(name).text,
			     near);
	return wrong(parse, "unknown option '--%s'", show(name).text);
}

/* --- options --- */

static void set_value(struct parse *parse, int table, const struct option_def *def,
		      const char *value)
{
	parse->options.values[table][def - parse->options.defs[table]] = value;
}

static const struct option_def *find_option(const struct options *options, const char *name,
					    size_t len, char letter, int *out_table)
{
	for (int table = 0; table < 2; table++) {
		const struct option_def *def = options->defs[table];

		for (; def && def->name; def++) {
			if (name ? strlen(def->name) == len && memcmp(def->name, name, len) == 0
				 : def->letter == letter) {
				*out_table = table;
				return def;
			}
		}
	}
	return NULL;
}

/* "--name", "--name=value", "--name value". */
static enum outcome take_long(struct parse *parse, const char *word)
{
	const char *name = word + 2;
	const char *equals = strchr(name, '=');
	const struct option_def *def;
	int table = 0;

	def = find_option(&parse->options, name, equals ? (size_t)(equals - name) : strlen(name), 0,
			  &table);
	if (!def && strcmp(name, "help") == 0) {
		parse->help = true;
		return GO_ON;
	}
	if (!def && strcmp(name, "version") == 0) {
		printf("%s %s\n", parse->program->name, CARETAKER_VERSION);
		return DONE;
	}
	if (!def) {
		struct shown shown = show(name);

		shown.text[strcspn(shown.text, "=")] = '\0';
		return unknown_option(parse, shown.text);
	}
	if (!def->value) {
		if (equals)
			return wrong(parse, "option '--%s' takes no value", def->name);
		set_value(parse, table, def, "");
		return GO_ON;
	}
	if (!equals && parse->at == parse->argc)
		return wrong(parse, "option '--%s' needs a value: %s", def->name, def->value);
	set_value(parse, table, def, equals ? equals + 1 : parse->argv[parse->at++]);
	return GO_ON;
}

/* "-f", "-fVALUE", "-f VALUE", "-fg" (two switches). */
static enum outcome take_short(struct parse *parse, const char *word)
{
	for (const char *letter = word + 1; *letter; letter++) {
		const struct option_def *def;
		int table = 0;

		def = find_option(&parse->options, NULL, 0, *letter, &table);
		if (!def && *letter == 'h') {
			parse->help = true;
			continue;
		}
		if (!def)
			return wrong(parse, "unknown option '-%.*s'",
				     *letter > ' ' && *letter < 0x7f ? 1 : 0, letter);
		if (!def->value) {
			set_value(parse, table, def, "");
			continue;
		}
		if (!letter[1] && parse->at == parse->argc)
			return wrong(parse, "option '-%c' needs a value: %s", *letter, def->value);
		set_value(parse, table, def, letter[1] ? letter + 1 : parse->argv[parse->at++]);
		break;
	}
	return GO_ON;
}

/* Takes options up to the next word that is none; that word is left at argv[at]. */
static enum outcome take_options(struct parse *parse)
{
	while (!parse->only_operands && parse->at < parse->argc) {
		const char *word = parse->argv[parse->at];
		enum outcome outcome;

		if (word[0] != '-' || !word[1])
			break;
		parse->at++;
		if (strcmp(word, "--") == 0) {
			parse->only_operands = true;
			break;
		}
		outcome = word[1] == '-' ? take_long(parse, word) : take_short(parse, word);
		if (outcome != GO_ON)
			return outcome;
	}
	return GO_ON;
}

static void keep_word(struct parse *parse)
{
	parse->argv[++parse->words] = parse->argv[parse->at++];
}

/* --- commands --- */

/* How many of the words at 'words' are the command's name; 0 when they are not. */
static int match_name(const char *name, char *const words[], int count)
{
	int matched = 0;

	while (*name) {
		size_t len = strcspn(name, " ");

		if (matched == count || strlen(words[matched]) != len ||
		    memcmp(words[matched], name, len) != 0)
			return 0;
		matched++;
		name += len;
		name += *name == ' ';
	}
	return matched;
}

static bool begins_with_word(const char *name, const char *word)
{
	size_t len = strlen(word);

	return strncmp(name, word, len) == 0 && name[len] == ' ';
}

static enum outcome unknown_command(const struct parse *parse, char *const words[], int count)
{
	const struct command *commands = parse->program->commands;
	const char *names[COMMANDS_MAX + 1];
	char two[96], list[160] = "";
	const char *near = NULL;
	size_t n = 0, used = 0;

	for (const struct command *c = commands; c->name && n < COMMANDS_MAX; c++) {
		names[n++] = c->name;
		if (begins_with_word(c->name, words[0]) && used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 used ? ", " : "", strchr(c->name, ' ') + 1);
	}
	names[n] = NULL;
	if (count > 1) {
		snprintf(two, sizeof(two), "%s %s", words[0], words[1]);
		near = text_nearest(two, names);
	}
	if (!near && !used)
		near = text_nearest(words[0], names);
	if (used && count < 2)
		return wrong(parse, "'%s' needs one of: %s", words[0], list);
	if (near)
		return wrong(parse, "unknown command '%s'; did you mean '%s'?",
			     show(count > 1 && strchr(near, ' ') ? two : words[0]).text, near);
	if (used)
		return wrong(parse, "'%s' has no command '%s'; it has: %s", words[0],
			     show(words[1]).text, list);
	return wrong(parse, "unknown command '%s'", show(words[0]).text);
}

/* The first words that are not options; options of the program may stand before. */
static enum outcome find_command(struct parse *parse)
{
	const struct program *program = parse->program;
	char *words[4];
	int count = 0, best_len = 0;
	enum outcome outcome;

	if (is_plain_program(program)) {
		parse->command = &program->commands[0];
		parse->options.defs[1] = parse->command->options;
		return GO_ON;
	}
	outcome = take_options(parse);
	if (outcome != GO_ON)
		return outcome;
	while (count < 4 && parse->at + count < parse->argc &&
	       (parse->argv[parse->at + count][0] != '-')) {
		words[count] = parse->argv[parse->at + count];
		count++;
	}
	if (count > 0 && strcmp(words[0], "help") == 0) { /* "help code new" */
		parse->help = true;
		parse->at++;
		return find_command(parse);
	}
	if (count == 0)
		return GO_ON;
	for (const struct command *c = program->commands; c->name; c++) {
		int len = match_name(c->name, words, count);

		if (len > best_len) {
			parse->command = c;
			best_len = len;
		}
	}
	if (!parse->command)
		return unknown_command(parse, words, count);
	parse->at += best_len;
	parse->options.defs[1] = parse->command->options;
	return GO_ON;
}

static enum outcome check_operands(const struct parse *parse)
{
	const struct command *command = parse->command;
	int count = parse->options.operand_count;

	if (count < command->min_operands)
		return wrong(parse, "expected %s",
			     command->operands ? command->operands : "more operands");
	if (command->max_operands >= 0 && count > command->max_operands)
		return wrong(parse, "unexpected '%s'",
			     show(parse->options.operands[command->max_operands]).text);
	return GO_ON;
}

static enum outcome parse_all(struct parse *parse)
{
	enum outcome outcome = find_command(parse);

	while (outcome == GO_ON && parse->at < parse->argc) {
		outcome = take_options(parse);
		if (outcome == GO_ON && parse->at < parse->argc)
			keep_word(parse);
	}
	if (outcome != GO_ON)
		return outcome;
	if (parse->help) {
		print_help(parse->program, parse->command);
		return DONE;
	}
	if (!parse->command)
		return wrong(parse, "expected a command");
	parse->options.operands = parse->argv + 1;
	parse->options.operand_count = parse->words;
	return check_operands(parse);
}

static void check_table(const struct option_def *def)
{
	size_t count = 0;

	while (def && def[count].name)
		count++;
	assert(count <= OPTIONS_MAX);
	(void)count; /* for NDEBUG */
}

int options_run(const struct program *program, int argc, char *argv[])
{
	struct parse parse = {.program = program, .argv = argv, .argc = argc, .at = 1};

	parse.options.defs[0] = program->options;
	check_table(program->options);
	for (const struct command *c = program->commands; c->name; c++)
		check_table(c->options);
	switch (parse_all(&parse)) {
	case DONE: return EXIT_SUCCESS;
	case WRONG: return EXIT_USAGE;
	case GO_ON: break;
	}
	assert(parse.command);
	return parse.command->run(&parse.options);
}

const char *options_get(const struct options *options, const char *name)
{
	int table = 0;
	const struct option_def *def = find_option(options, name, strlen(name), 0, &table);

	assert(def);
	return options->values[table][def - options->defs[table]];
}

bool options_has(const struct options *options, const char *name)
{
	return options_get(options, name) != NULL;
}
