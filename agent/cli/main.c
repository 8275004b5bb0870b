/* caretaker: what a person at this machine asks of it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "agent/cli/cli.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

static const struct option_def json_option[] = {
	{"json", 0, NULL, "print JSON instead of a table"},
	{NULL, 0, NULL, NULL},
};

static const struct option_def lint_options[] = {
	{"strict", 0, NULL, "warnings count as errors"},
	{NULL, 0, NULL, NULL},
};

static const struct option_def ask_options[] = {
	{"reason", 0, "TEXT", "why you need it: the approver reads this (staff only)"},
	{NULL, 0, NULL, NULL},
};

static const struct option_def verify_options[] = {
	{"key", 0, "FILE", "the device's public key: PEM or JWK"},
	{"ca", 0, "FILE", "the collector's key sets, for a chain exported as evidence"},
	{"json", 0, NULL, "print JSON"},
	{NULL, 0, NULL, NULL},
};

static const struct option_def program_options[] = {
	{"state", 0, "DIR", "the agent's state (/var/lib/caretaker)"},
	{"run", 0, "DIR", "where its status file is (/run/caretaker)"},
	{"conf", 0, "DIR", "its configuration (/etc/caretaker)"},
	{NULL, 0, NULL, NULL},
};

static const struct command commands[] = {
	{"status", NULL, "what is right and what is to be fixed on this machine", json_option, 0, 0,
	 cli_status},
	{"check", NULL, "checks this machine now, reports, then shows the status (root)",
	 json_option, 0, 0, cli_check},
	{"explain", "CONTROL", "what a control checks, what it found, what to do", NULL, 1, 1,
	 cli_explain},
	{"enrol", "CODE", "enrols this machine with your school's collector (root)", NULL, 1, 1,
	 cli_enrol},
	{"enroll", "CODE", "the same", NULL, 1, 1, cli_enrol},
	{"hardware", NULL, "what is plugged in, what became of it, and why", json_option, 0, 0,
	 cli_hardware},
	{"hardware ports", NULL, "names the ports, as you plug something into each", NULL, 0, 0,
	 cli_hardware_ports},
	{"hardware ask", "REFERENCE", "asks the school to approve what was refused", ask_options, 1,
	 1, cli_hardware_ask},
	{"hardware code", "CODE", "opens what was refused by a code read out over the phone", NULL,
	 1, 4, cli_hardware_code},
	{"policy lint", "FILE...", "finds the errors in policy files", lint_options, 1, -1,
	 cli_policy_lint},
	{"verify", "FILE", "checks a chain of heartbeats without the collector", verify_options, 1,
	 1, cli_verify},
	{"generalise", NULL, "forgets key and enrolment before this machine is cloned (root)", NULL,
	 0, 0, cli_generalise},
	{"generalize", NULL, "the same", NULL, 0, 0, cli_generalise},
	{"version", NULL, "the version", NULL, 0, 0, cli_version},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct program program = {
	.name = "caretaker",
	.summary = "Is this machine as the school wants it?",
	.footer = "Exit code: 0 all is well, 1 something is to be fixed, 2 it cannot be told (or "
		  "wrong "
		  "usage).",
	.options = program_options,
	.commands = commands,
};

const char *cli_state_dir(const struct options *options)
{
	const char *dir = options_get(options, "state");

	return dir ? dir : plat_place(PLAT_STATE);
}

const char *cli_run_dir(const struct options *options)
{
	const char *dir = options_get(options, "run");

	return dir ? dir : plat_place(PLAT_RUN);
}

void cli_put_clean(FILE *to, const char *text)
{
	char clean[3 * 1024];

	text_clean(clean, sizeof(clean), text, strlen(text));
	fputs(clean, to);
}

void cli_print_clean(const char *text)
{
	cli_put_clean(stdout, text);
}

int cli_fail(const struct err *err)
{
	fputs("caretaker: ", stderr);
	cli_put_clean(stderr, err->msg); /* file names and what stood in files */
	fputs("\n", stderr);
	return CLI_CANNOT_TELL;
}

int main(int argc, char *argv[])
{
	log_init("caretaker", LOG_INFO);
	return options_run(&program, argc, argv);
}
