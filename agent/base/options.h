/* Command lines and --help, the same way in every program.
 *
 * A program states its commands and options in tables; --help, --version, "unknown command" with
 * the nearest known one, and the exit code for wrong usage (2) fall out.  "--name VALUE",
 * "--name=VALUE", "-n VALUE", "-nVALUE"; "--" ends options; "help COMMAND" is COMMAND --help.  An
 * option of a command stands after it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_BASE_OPTIONS_H
#define CARETAKER_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define EXIT_USAGE 2
#define OPTIONS_MAX 24

struct option_def {
	const char *name;  /* "full" is --full */
	char letter;       /* 'f' is -f; 0: none */
	const char *value; /* "FILE": takes one; NULL: a switch */
	const char *help;
};

struct options {
	const struct option_def *defs[2]; /* the program's, the command's */
	const char *values[2][OPTIONS_MAX];
	int operand_count;
	char **operands;
};

struct command {
	const char *name;                 /* "code new"; "" where the program has no commands */
	const char *operands;             /* "[DEVICE]" for --help; NULL: none */
	const char *help;                 /* one line */
	const struct option_def *options; /* ends with a NULL name; NULL: none */
	int min_operands, max_operands;   /* max -1: any number */
	int (*run)(const struct options *options);
};

struct program {
	const char *name, *summary;
	const char *footer;               /* examples, exit codes; NULL: none */
	const struct option_def *options; /* before or after the command; NULL: none */
	const struct command *commands;   /* ends with a NULL name */
};

/* Parses, runs the command, returns the exit code.  Prints help and usage errors itself. */
int options_run(const struct program *program, int argc, char *argv[]);

/* The value of --name ("" for a switch that was given); NULL when absent.  The last one given
 * counts.  Asking for an option that is in no table is an assertion. */
const char *options_get(const struct options *options, const char *name);
bool options_has(const struct options *options, const char *name);

#endif
