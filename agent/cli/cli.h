/* The commands of 'caretaker', one file each; main.c has their table.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CLI_CLI_H
#define CARETAKER_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct buf;
struct err;
struct json;
struct options;

/* What a script may go by. */
enum cli_exit {
	CLI_COMPLIANT = 0,
	CLI_NOT = 1,         /* something is to be fixed; or: the file does not verify */
	CLI_CANNOT_TELL = 2, /* or wrong usage */
};

int cli_status(const struct options *options);
int cli_check(const struct options *options);
int cli_explain(const struct options *options);
int cli_enrol(const struct options *options);
int cli_generalise(const struct options *options);
int cli_hardware(const struct options *options);
int cli_hardware_ports(const struct options *options);
int cli_hardware_ask(const struct options *options);
int cli_hardware_code(const struct options *options);
int cli_policy_lint(const struct options *options);
int cli_verify(const struct options *options);
int cli_version(const struct options *options);

/* How to have a refused stick of RUN/hardware.json opened over the phone, where the policy has
 * codes. */
void cli_print_challenge(const struct options *options, const struct json *device);
#define CLI_ASK_FOLDER "ask" /* of the run folder: what people leave for caretaker-check */

/* How a person does as root what this one may not. */
#define CLI_AS_ROOT "sudo caretaker "

/* The folder that an option names, else the system's. */
const char *cli_state_dir(const struct options *options);
const char *cli_run_dir(const struct options *options);
/* "caretaker: ..." on standard error; returns CLI_CANNOT_TELL. */
int cli_fail(const struct err *err);

/* That line of the policy in force, for who may read it; false: cannot be had. */
bool cli_policy_line(const struct options *options, int64_t line, struct buf *out);

/* status.json, read and checked for being one. */
int cli_read_status(const struct options *options, struct json **out, struct err *err);
/* 'text' is copied to the terminal without what could steer it. */
void cli_print_clean(const char *text);
void cli_put_clean(FILE *to, const char *text);

#endif
