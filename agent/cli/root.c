/* The commands that caretaker-check does for root: check, enrol, generalise.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/options.h"
#include "agent/base/version.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

#define CHECK_TIMEOUT_MS 900000 /* the first check of a slow machine asks apt for minutes */
#define ARGS_MAX 12

struct call {
	const char *typed; /* the command as it is typed */
	char program[512];
	const char *argv[ARGS_MAX];
	size_t count;
};

static void add(struct call *call, const char *arg)
{
	if (call->count < ARGS_MAX - 1)
		call->argv[call->count++] = arg;
}

/* "--state DIR" and the like are handed on. */
static void begin(struct call *call, const char *typed, const struct options *options)
{
	static const char *const flags[][2] = {
		{"state", "--state"}, {"run", "--run"}, {"conf", "--conf"}};

	memset(call, 0, sizeof(*call));
	call->typed = typed;
	snprintf(call->program, sizeof(call->program), "%s/caretaker-check",
		 plat_place(PLAT_LIBEXEC));
	add(call, call->program);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (options_has(options, flags[i][0])) {
			add(call, flags[i][1]);
			add(call, options_get(options, flags[i][0]));
		}
	}
}

/* Its exit code, its words passed through; -1 when it could not be run. */
static int run(const struct options *options, struct call *call, struct err *err)
{
	struct plat_command command = {
		.argv = call->argv, .output_max = 65536, .timeout_ms = CHECK_TIMEOUT_MS};
	struct buf out, errors;
	int status, ret = -1;

	/* With folders of one's own nothing of root's is touched. */
	if (!plat_is_admin() && !options_has(options, "state"))
		return err_set(err, ERR_DENIED, "only root may do that: " CLI_AS_ROOT "%s",
			       call->typed);
	buf_init(&out, 65536 + 1);
	buf_init(&errors, 65536 + 1);
	if (plat_run(&command, &out, &errors, &status, err) == 0) {
		fputs(buf_text(&out), stdout);
		fputs(buf_text(&errors), stderr);
		ret = status;
	}
	buf_clear(&out);
	buf_clear(&errors);
	return ret;
}

int cli_check(const struct options *options)
{
	struct call call;
	struct err err;
	int status;

	begin(&call, "check", options);
	add(&call, "run");
	add(&call, "--now");
	status = run(options, &call, &err);
	if (status < 0)
		return cli_fail(&err);
	if (status != 0)
		return CLI_CANNOT_TELL; /* what was wrong has been said */
	return cli_status(options);
}

static int hand_over(const struct options *options, const char *typed, const char *command,
		     const char *operand)
{
	struct call call;
	struct err err;
	int status;

	begin(&call, typed, options);
	add(&call, command);
	if (operand)
		add(&call, operand);
	status = run(options, &call, &err);
	return status < 0 ? cli_fail(&err) : status;
}

int cli_enrol(const struct options *options)
{
	return hand_over(options, "enrol CODE", "enrol", options->operands[0]);
}

int cli_generalise(const struct options *options)
{
	return hand_over(options, "generalise", "generalise", NULL);
}

int cli_version(const struct options *options)
{
	(void)options;
	printf("caretaker %s\n", CARETAKER_VERSION);
	return CLI_COMPLIANT;
}
