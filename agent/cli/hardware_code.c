/* caretaker hardware code: a one-time code that the school read out over the phone, for a machine
 * without a network (proto/phone_code.h).  caretaker-check, which has the key, answers by
 * RUN/phone-codes.json (check/phone_codes.h has its form).
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "agent/proto/ask.h"
#include "platform/ask.h"
#include "platform/os.h"
#include "platform/system.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 16384
#define WAIT_MS 60000 /* a check that runs is waited for */
#define LOOK_MS 200

static int read_codes(const struct options *options, struct json **out, struct err *err)
{
	char path[512];
	struct buf text;
	int64_t v;
	int ret;

	snprintf(path, sizeof(path), "%s/phone-codes.json", cli_run_dir(options));
	buf_init(&text, SHOWN_MAX + 1);
	ret = plat_file_read(path, SHOWN_MAX, &text, err);
	if (ret == 0 && json_parse(buf_text(&text), text.len, out, err) < 0)
		ret = err_wrap(err, "'%s'", path);
	if (ret == 0 && json_get_int(*out, "v", 1, 1, &v, err) < 0) {
		json_free(*out);
		ret = err_set(err, ERR_INVALID, "'%s' is of another version of Caretaker", path);
	}
	buf_clear(&text);
	return ret;
}

static const char *text_of(const struct json *object, const char *name)
{
	const char *text = json_string(json_get(object, name));

	return text ? text : "";
}

/* The member of the list whose 'name' is 'value'. */
static const struct json *find(const struct json *root, const char *list, const char *name,
			       const char *value)
{
	const struct json *all = json_get(root, list);

	for (const struct json *each = all ? json_first(all) : NULL; each; each = json_next(each))
		if (strcmp(text_of(each, name), value) == 0)
			return each;
	return NULL;
}

/* What an approval would open, and has a serial number: a check will show what to read out. */
static bool is_awaited(const struct json *root, const struct json *device)
{
	const char *why = text_of(device, "why"), *id = text_of(device, "id");
	int64_t days = 0;
	struct err err;

	return json_opt_int(root, "days", 0, 366, &days, &err) == 0 && days > 0 && *id &&
	       id[strlen(id) - 1] != ':' &&
	       (strcmp(why, "not-approved") == 0 || strcmp(why, "not-allowed") == 0 ||
		strcmp(why, "approval-ended") == 0);
}

void cli_print_challenge(const struct options *options, const struct json *device)
{
	const struct json *stick;
	struct json *root = NULL;
	char host[64];
	struct err err;

	if (read_codes(options, &root, &err) < 0)
		return; /* the policy has no codes */
	stick = find(root, "sticks", "reference", text_of(device, "reference"));
	if (stick) {
		plat_host_name(host);
		printf("          without a network, read this out to the school: ");
		cli_print_clean(host);
		printf("%s", *host ? ", " : "");
		cli_print_clean(text_of(root, "machine"));
		printf(", ");
		cli_print_clean(text_of(stick, "challenge"));
		printf("\n          and type what they read back: caretaker hardware code CODE\n");
	} else if (is_awaited(root, device)) {
		printf("          without a network: within a minute this shows what to read out "
		       "to "
		       "the school\n");
	}
	json_free(root);
}

/* --- typing one ------------------------------------------------------------------------------ */

static int64_t number_of(const struct json *object, const char *name)
{
	int64_t number = 0;
	struct err err;

	(void)json_opt_int(object, name, 0, INT64_MAX / 2, &number, &err); /* else it stays 0 */
	return number;
}

static void print_opened(const struct json *answer)
{
	const char *reference = text_of(answer, "reference");
	char until[TEXT_TIME_SIZE];

	text_time(until, plat_local_day(number_of(answer, "until")) * 86400);
	printf("The code is right: ");
	cli_print_clean(*reference ? reference : "the stick");
	printf(" opens until the end of %.10s, to be read. It is scanned first; 'caretaker "
	       "hardware' shows how far that is.\n",
	       until);
}

static void print_wrong(const struct json *root, const struct json *answer)
{
	long long left = (long long)number_of(answer, "left");

	printf("That code opens nothing that is plugged in here. It opens one stick, once, up to "
	       "the end of its day: compare what was read out with what 'caretaker hardware' shows "
	       "now, and today's date, which is ");
	cli_print_clean(text_of(root, "today"));
	printf(" for this machine.\n");
	if (left)
		printf("%lld %s left.\n", left, left == 1 ? "try is" : "tries are");
	else
		printf("That was the last try for an hour.\n");
}

static int print_answer(const struct json *root, const struct json *answer)
{
	const char *word = text_of(answer, "answer");
	char rest[40];

	if (strcmp(word, "opened") == 0) {
		print_opened(answer);
		return CLI_COMPLIANT;
	}
	if (strcmp(word, "wrong") == 0) {
		print_wrong(root, answer);
	} else if (strcmp(word, "wait") == 0) {
		text_duration(rest, sizeof(rest), number_of(answer, "wait_s") + 59);
		printf("Too many codes were wrong: try again in %s. Nobody else has to wait.\n",
		       rest);
	} else if (strcmp(word, "none") == 0) {
		printf("The school's policy opens nothing by codes.\n");
	} else if (strcmp(word, "clock") == 0) {
		printf("This machine cannot know what day it is: its clock was set back, or its "
		       "battery is flat. Set the clock first; that was no try.\n");
	} else if (strcmp(word, "full") == 0) {
		printf("Codes have opened as many sticks here as can be open at once. That was no "
		       "try.\n");
	} else {
		printf("A newer Caretaker answered: '");
		cli_print_clean(word);
		printf("'.\n");
	}
	return CLI_NOT;
}

static int wait_for_answer(const struct options *options, const char *ticket)
{
	int64_t end = plat_uptime_ms() + WAIT_MS;

	do {
		const struct json *answer = NULL;
		struct json *root = NULL;
		struct err err;
		int code = CLI_CANNOT_TELL;

		if (read_codes(options, &root, &err) == 0)
			answer = find(root, "answers", "ticket", ticket);
		if (answer)
			code = print_answer(root, answer);
		json_free(root);
		if (answer)
			return code;
		plat_pause_ms(LOOK_MS);
	} while (plat_uptime_ms() < end);
	printf("The code is left for Caretaker, which has not looked at it yet: 'caretaker "
	       "hardware' will show what became of it.\n");
	return CLI_CANNOT_TELL;
}

int cli_hardware_code(const struct options *options)
{
	unsigned char frame[ASK_SIZE], random[ASK_TICKET_HEX / 2];
	struct ask_code ask;
	struct buf typed; /* in groups, as several words */
	char folder[512];
	struct err err;
	int ret;

	buf_init(&typed, 256);
	for (int i = 0; i < options->operand_count; i++)
		buf_adds(&typed, options->operands[i]);
	snprintf(folder, sizeof(folder), "%s/" CLI_ASK_FOLDER, cli_run_dir(options));
	ret = buf_check(&typed, &err);
	if (ret == 0)
		ret = phone_text_read(buf_text(&typed), PHONE_CODE_LEN, ask.code, &err);
	if (ret == 0)
		ret = plat_random(random, sizeof(random), &err);
	buf_clear(&typed);
	if (ret < 0)
		return cli_fail(&err);
	text_hex(ask.ticket, random, sizeof(random));
	if (ask_code_encode(&ask, frame, &err) < 0 ||
	    plat_ask_put(folder, frame, sizeof(frame), &err) < 0)
		return cli_fail(&err);
	return wait_for_answer(options, ask.ticket);
}
