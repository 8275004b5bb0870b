/* caretaker explain CONTROL: what it checks, by which settings and for which clauses, what it
 * found.
 *
 * Verdict and sentences come from status.json, which everyone reads; this school's settings from
 * the policy in the state folder, which root reads. SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "agent/policy/policy.h"
#include "agent/proto/documents.h"
#include "agent/proto/jws.h"
#include "agent/proto/verdict.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

static const char *const checks[CONTROL_COUNT] = {
	[CONTROL_SCREEN_LOCK] = "The screen locks by itself when nobody uses the machine.",
	[CONTROL_END_OF_DAY] =
		"People are logged off and the machine is off at the end of the day.",
	[CONTROL_ACCOUNTS] =
		"Everyone has an account of their own: no guests, no empty passwords, no "
		"automatic log-in, no unknown administrators.",
	[CONTROL_PASSWORD_POLICY] = "New passwords are long enough and guessing is slowed down.",
	[CONTROL_HOURS] = "The machine is used in the hours the school allows.",
	[CONTROL_REMOVABLE_STORAGE] =
		"USB sticks and other removable storage stay out unless allowed.",
	[CONTROL_HARDWARE] = "The machine's hardware is the one the school knows.",
	[CONTROL_SOFTWARE] = "What is installed is what the school wants, from where it wants it.",
	[CONTROL_CONFIGURATION] = "Required packages and settings are there, unchanged.",
	[CONTROL_SERVICES] = "Only allowed programs listen for connections from other machines.",
	[CONTROL_NETWORK] =
		"The machine uses the school's network and filtering, not a way around it.",
	[CONTROL_REMOTE_ACCESS] = "Nobody can take the machine over from outside unless allowed.",
	[CONTROL_ANTI_VIRUS] =
		"Anti-virus runs, its signatures are fresh, and files are scanned when "
		"they are opened.",
	[CONTROL_UPDATES] =
		"Security fixes are installed in time and the system is still supported.",
	[CONTROL_CHECK_IN] = "The machine reports to the collector regularly.",
	[CONTROL_DISK_ENCRYPTION] =
		"What is on the disk cannot be read when the machine is stolen.",
	[CONTROL_FIREWALL] = "A firewall filters what comes in.",
	[CONTROL_TAMPER] = "Caretaker itself and the safeguards were not stopped or changed.",
	[CONTROL_BACKUP] = "What people make is backed up, recently.",
	[CONTROL_FILTERING] = "The school's web filter and monitoring are present and running.",
};

/* --- the policy in force: two lines, the policy and the key set it was believed by --- */

static int open_document(const struct buf *text, struct keys **out_keys,
			 struct policy_document **out, struct err *err)
{
	const char *end = memchr(buf_text(text), '\n', text->len);
	size_t first, second;

	if (!end)
		return err_set(err, ERR_INVALID, "the policy's file is damaged");
	first = (size_t)(end - text->data);
	second = text->len - first - 1;
	while (second && end[second] == '\n')
		second--;
	if (keys_open_pinned(end + 1, second, out_keys, err) < 0)
		return -1;
	return policy_document_open(text->data, first, *out_keys, out, err);
}

static int open_in_force(const struct buf *text, struct policy **out, struct err *err)
{
	struct policy_document *document = NULL;
	struct keys *keys = NULL;
	int ret = -1;

	if (open_document(text, &keys, &document, err) == 0)
		ret = policy_parse("policy", document->ini, document->ini_len, out, err);
	policy_document_free(document);
	keys_free(keys);
	return ret;
}

/* 1: the school's.  0: the built-in one, for none came.  -1: it cannot be read by this user. */
static int read_policy(const struct options *options, struct policy **out, struct err *err)
{
	char path[512];
	struct buf text;
	int ret;

	snprintf(path, sizeof(path), "%s/policy.jws", cli_state_dir(options));
	buf_init(&text, 2 * JWS_MAX + 1);
	if (plat_file_read(path, 2 * JWS_MAX, &text, err) == 0)
		ret = open_in_force(&text, out, err) < 0 ? -1 : 1;
	else if (err->code == ERR_NOTFOUND)
		ret = policy_default(out, err);
	else
		ret = -1;
	buf_clear(&text);
	return ret;
}

bool cli_policy_line(const struct options *options, int64_t line, struct buf *out)
{
	struct policy_document *document = NULL;
	struct keys *keys = NULL;
	const char *at, *end;
	char path[512];
	struct buf text;
	struct err err;
	bool found = false;

	snprintf(path, sizeof(path), "%s/policy.jws", cli_state_dir(options));
	buf_init(&text, 2 * JWS_MAX + 1);
	if (plat_file_read(path, 2 * JWS_MAX, &text, &err) == 0 &&
	    open_document(&text, &keys, &document, &err) == 0) {
		at = document->ini;
		while (--line > 0 && at)
			at = (end = strchr(at, '\n')) ? end + 1 : NULL;
		if (at && *at) {
			buf_add(out, at, strcspn(at, "\r\n"));
			found = true;
		}
	}
	policy_document_free(document);
	keys_free(keys);
	buf_clear(&text);
	return found;
}

/* --- printing --- */

static void print_flags(const char *choices, unsigned index)
{
	while (index-- > 0 && strchr(choices, ','))
		choices = strchr(choices, ',') + 1;
	printf("%.*s", (int)strcspn(choices, ","), choices);
}

static void print_days(unsigned days)
{
	static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
	const char *comma = "";

	for (int i = 0; i < 7; i++) {
		if (days >> i & 1) {
			printf("%s%s", comma, names[i]);
			comma = ", ";
		}
	}
}

static void print_list(const struct policy *policy, enum policy_key key)
{
	size_t count = policy_count(policy, key);

	for (size_t i = 0; i < count; i++) {
		printf("%s", i ? ", " : "");
		cli_print_clean(policy_item(policy, key, i));
	}
	if (!count)
		printf("(none)");
}

static void print_value(const struct policy *policy, enum policy_key key)
{
	const struct policy_schema *schema = policy_schema(key);
	int clock;

	switch (schema->type) {
	case POLICY_FLAG: printf("%s", policy_flag(policy, key) ? "yes" : "no"); break;
	case POLICY_NUMBER: printf("%lld", (long long)policy_number(policy, key)); break;
	case POLICY_CHOICE: print_flags(schema->choices, policy_choice(policy, key)); break;
	case POLICY_TEXT: cli_print_clean(policy_text(policy, key)); break;
	case POLICY_LIST: print_list(policy, key); break;
	case POLICY_CLOCK:
		clock = policy_clock(policy, key);
		printf("%02d:%02d", clock / 60, clock % 60);
		break;
	case POLICY_DAYS: print_days(policy_days(policy, key)); break;
	}
}

static void print_settings(const struct policy *policy, const char *section)
{
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		const struct policy_schema *schema = policy_schema((enum policy_key)i);

		if (strcmp(schema->section, section) != 0)
			continue;
		printf("  %s = ", schema->key);
		print_value(policy, (enum policy_key)i);
		printf("\n      %s", schema->help);
		if (schema->clauses[0])
			printf(" (clause %s)", schema->clauses);
		printf("\n");
	}
}

static const char *member(const struct json *object, const char *name)
{
	const struct json *value = json_get(object, name);
	const char *text = value ? json_string(value) : NULL;

	return text ? text : "";
}

static void print_part(const char *label, const char *text)
{
	if (!text[0])
		return;
	printf("%s", label);
	cli_print_clean(text);
}

static void print_line(const char *label, const char *text)
{
	print_part(label, text);
	if (text[0])
		printf("\n");
}

/* A date alone is what people plan with. */
static void print_day(const char *label, const char *time)
{
	char day[11];

	snprintf(day, sizeof(day), "%.10s", time);
	print_line(label, day);
}

/* 0 compliant, 1 not, 2 cannot tell: as this control stands. */
static int print_finding(const struct json *control)
{
	const char *verdict = member(control, "verdict");
	char when[11];

	printf("\nNow: ");
	cli_print_clean(strcmp(verdict, "not-applicable") == 0 ? "not applicable" : verdict);
	snprintf(when, sizeof(when), "%.10s", member(control, "since"));
	print_part(", since ", when);
	printf("\n");
	print_line("  ", member(control, "wrong"));
	print_line("  To do: ", member(control, "todo"));
	print_day("  Due: ", member(control, "due_at"));
	print_day("  Allowed until: ", member(control, "until"));
	if (strcmp(verdict, "fail") == 0)
		return CLI_NOT;
	return strcmp(verdict, "unknown") == 0 ? CLI_CANNOT_TELL : CLI_COMPLIANT;
}

static int explain_finding(const struct options *options, const char *name)
{
	struct json *root = NULL;
	const struct json *controls;
	int code = CLI_CANNOT_TELL;
	struct err err;

	if (cli_read_status(options, &root, &err) < 0) {
		print_line("\nNow: not known; ", err.msg);
		return code;
	}
	controls = json_get(root, "controls");
	for (const struct json *c = controls ? json_first(controls) : NULL; c; c = json_next(c)) {
		if (strcmp(member(c, "id"), name) == 0) {
			code = print_finding(c);
			json_free(root);
			return code;
		}
	}
	printf("\nNow: this version of Caretaker does not check it on this machine.\n");
	json_free(root);
	return code;
}

static int unknown_control(const char *name)
{
	const char *names[CONTROL_COUNT + 1] = {NULL};
	const char *near;
	struct err err;

	for (int i = 0; i < CONTROL_COUNT; i++)
		names[i] = control_name((enum control_id)i);
	near = text_nearest(name, names);
	if (near)
		err_set(&err, ERR_INVALID, "unknown control '%.40s'; did you mean '%s'?", name,
			near);
	else
		err_set(&err, ERR_INVALID, "unknown control '%.40s'; 'caretaker status' lists them",
			name);
	return cli_fail(&err);
}

int cli_explain(const struct options *options)
{
	const char *name = options->operands[0];
	struct policy *policy = NULL;
	enum control_id id;
	struct err err;
	int whose;

	if (control_parse(name, &id) < 0)
		return unknown_control(name);
	printf("%s: %s\n\n", name, checks[id]);
	whose = read_policy(options, &policy, &err);
	if (whose < 0 && err.code == ERR_DENIED && policy_default(&policy, &err) == 0)
		printf("Settings, as built in; this school's are for root to see: " CLI_AS_ROOT
		       "explain %s\n",
		       name);
	else if (whose < 0)
		return cli_fail(&err);
	else
		printf("Settings, %s:\n", whose ? "as this school's policy says" : "as built in");
	print_settings(policy, name);
	policy_free(policy);
	return explain_finding(options, name);
}
