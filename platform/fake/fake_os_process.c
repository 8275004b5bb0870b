/* Commands and the uplink of platform/os.h: they answer from a table (fake_os.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/fake/fake_os.h"

#include "platform/fake/fake_parts.h"
#include "platform/os.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_COMMANDS 64
#define FAKE_RUNS 256
#define PROCESS_ERROR_MAX 4096

struct answer {
	const char *pattern, *output, *errors;
	int status;
	enum err_code fails;
};

struct run {
	char *words, *input;
};

static struct {
	struct answer answers[FAKE_COMMANDS];
	size_t answer_count;
	struct run runs[FAKE_RUNS];
	size_t run_count;
	fake_uplink *uplink;
	void *uplink_ctx;
} machine;

void fake_processes_reset(void)
{
	for (size_t i = 0; i < machine.run_count; i++) {
		free(machine.runs[i].words);
		free(machine.runs[i].input);
	}
	memset(&machine, 0, sizeof(machine));
}

static struct answer *new_answer(const char *pattern)
{
	fake_must(machine.answer_count < FAKE_COMMANDS, "too many commands");
	machine.answers[machine.answer_count] = (struct answer){.pattern = pattern};
	return &machine.answers[machine.answer_count++];
}

void fake_command(const char *pattern, int status, const char *output, const char *errors)
{
	struct answer *answer = new_answer(pattern);

	answer->status = status;
	answer->output = output;
	answer->errors = errors;
}

void fake_command_fails(const char *pattern, enum err_code code)
{
	new_answer(pattern)->fails = code;
}

size_t fake_command_count(void)
{
	return machine.run_count;
}

const char *fake_command_run(size_t i)
{
	fake_must(i < machine.run_count, "a command that was not run");
	return machine.runs[i].words;
}

const char *fake_command_input(size_t i)
{
	fake_must(i < machine.run_count, "a command that was not run");
	return machine.runs[i].input;
}

static const char *record_run(const struct plat_command *command)
{
	struct run *run = &machine.runs[machine.run_count];
	struct buf words, input;

	fake_must(machine.run_count < FAKE_RUNS, "too many commands run");
	buf_init(&words, 0);
	for (size_t i = 0; command->argv[i]; i++)
		buf_addf(&words, "%s%s", i ? " " : "", command->argv[i]);
	run->words = buf_take(&words, NULL);
	run->input = NULL;
	if (command->input) {
		buf_init(&input, 0);
		buf_add(&input, command->input, command->input_len);
		run->input = buf_take(&input, NULL);
	}
	machine.run_count++;
	return run->words;
}

int plat_run(const struct plat_command *command, struct buf *out, struct buf *out_error,
	     int *out_status, struct err *err)
{
	const char *words = record_run(command);
	const struct answer *answer = NULL;

	for (size_t i = machine.answer_count; i > 0 && !answer; i--) {
		if (text_match(machine.answers[i - 1].pattern, words))
			answer = &machine.answers[i - 1];
	}
	if (!answer)
		return err_set(err, ERR_NOTFOUND,
			       "there is no program '%s' in the system's folders",
			       command->argv[0]);
	if (answer->fails != ERR_NONE)
		return fake_why(err, answer->fails, "run", command->argv[0]);
	if (answer->output && strlen(answer->output) > command->output_max)
		return err_set(err, ERR_INVALID, "'%s' wrote more than %zu bytes", command->argv[0],
			       command->output_max);
	if (out && answer->output)
		buf_adds(out, answer->output);
	if (out_error && answer->errors) {
		size_t len = strlen(answer->errors);

		buf_add(out_error, answer->errors,
			len < PROCESS_ERROR_MAX ? len : PROCESS_ERROR_MAX);
	}
	if ((out && buf_check(out, err)) || (out_error && buf_check(out_error, err)))
		return -1;
	*out_status = answer->status;
	return 0;
}

void fake_set_uplink(fake_uplink *uplink, void *ctx)
{
	machine.uplink = uplink;
	machine.uplink_ctx = ctx;
}

int plat_uplink_exchange(const char *socket_path, const char *program, const void *request,
			 size_t len, size_t max, unsigned timeout_ms, struct buf *out,
			 struct err *err)
{
	size_t before = out->len;

	(void)program;    /* there is only the one */
	(void)timeout_ms; /* the test's function says when it was passed */
	if (!machine.uplink)
		return err_set(err, ERR_NOTFOUND, "the uplink's socket '%s' is not there",
			       socket_path ? socket_path : "");
	if (machine.uplink(machine.uplink_ctx, request, len, out, err))
		return -1;
	if (out->len - before > max)
		return err_set(err, ERR_INVALID, "the uplink's answer is larger than %zu bytes",
			       max);
	return buf_check(out, err);
}
