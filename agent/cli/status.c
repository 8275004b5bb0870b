/* caretaker status: a table of the controls and the contact with the collector, from the file that
 * caretaker-check writes for everyone.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "agent/proto/verdict.h"
#include "platform/os.h"
#include "platform/terminal.h"

#include <stdio.h>
#include <string.h>

#define STATUS_MAX (1024 * 1024)
#define NAME_WIDTH 18
#define STANDING_WIDTH 24

int cli_read_status(const struct options *options, struct json **out, struct err *err)
{
	char path[512];
	struct buf text;
	struct json *root;
	int64_t v;
	int ret = -1;

	snprintf(path, sizeof(path), "%s/status.json", cli_run_dir(options));
	buf_init(&text, STATUS_MAX + 1);
	if (plat_file_read(path, STATUS_MAX, &text, err) < 0) {
		if (err->code == ERR_NOTFOUND)
			err_set(err, ERR_NOTFOUND,
				"this machine was not checked since it was started: " CLI_AS_ROOT
				"check");
		else if (err->code == ERR_DENIED)
			err_set(err, ERR_DENIED, "only root may read '%s': " CLI_AS_ROOT "status",
				path);
		goto out;
	}
	if (json_parse(buf_text(&text), text.len, &root, err) < 0)
		goto out;
	if (!json_is_object(root) || json_get_int(root, "v", 1, 1, &v, err) < 0) {
		json_free(root);
		err_set(err, ERR_INVALID, "'%s' is of another version of Caretaker", path);
		goto out;
	}
	*out = root;
	ret = 0;
out:
	buf_clear(&text);
	return ret;
}

/* A member as text; "" where there is none. */
static const char *text_of(const struct json *object, const char *name)
{
	const struct json *member = json_get(object, name);
	const char *text = member ? json_string(member) : NULL;

	return text ? text : "";
}

/* 0: no time there. */
static int64_t time_of(const struct json *object, const char *name)
{
	int64_t time = 0;

	return text_time_parse(text_of(object, name), &time) == 0 ? time : 0;
}

struct count {
	unsigned to_fix, cannot_tell, other;
};

static const char *colour(enum standing standing, bool colours)
{
	if (!colours)
		return "";
	switch (standing) {
	case STANDING_TO_FIX:
	case STANDING_OVERDUE: return "\033[31m";
	case STANDING_DUE_BY:
	case STANDING_CANNOT_TELL:
	case STANDING_ALLOWED_UNTIL: return "\033[33m";
	case STANDING_OK: return "\033[32m";
	case STANDING_NOT_APPLICABLE: break;
	}
	return "";
}

/* "due by 2026-12-01": a date alone is what people plan with. */
static void standing_text(const struct json *control, enum standing standing, char *out,
			  size_t out_size)
{
	const char *name = standing_name(standing);
	char when[TEXT_TIME_SIZE];
	int64_t time = 0;

	if (standing == STANDING_DUE_BY || standing == STANDING_OVERDUE)
		time = time_of(control, "due_at");
	else if (standing == STANDING_ALLOWED_UNTIL)
		time = time_of(control, "until");
	if (!time) {
		snprintf(out, out_size, "%s", name);
		return;
	}
	text_time(when, time);
	snprintf(out, out_size, "%s%s %.10s", name, standing == STANDING_OVERDUE ? " since" : "",
		 when);
}

static enum standing standing_of(const struct json *control, int64_t now)
{
	enum verdict verdict;

	if (verdict_parse(text_of(control, "verdict"), &verdict) < 0)
		return STANDING_CANNOT_TELL;
	return verdict_standing(verdict, time_of(control, "due_at"), now);
}

static void count_standing(enum standing standing, struct count *count)
{
	switch (standing) {
	case STANDING_TO_FIX:
	case STANDING_OVERDUE: count->to_fix++; break;
	case STANDING_CANNOT_TELL: count->cannot_tell++; break;
	default: count->other++; break;
	}
}

static void print_sentence(const char *text, bool colours)
{
	if (!text[0])
		return;
	printf("  %*s  %s", NAME_WIDTH, "", colours ? "\033[2m" : "");
	cli_print_clean(text);
	printf("%s\n", colours ? "\033[0m" : "");
}

static void print_control(const struct json *control, int64_t now, bool colours,
			  struct count *count)
{
	enum standing standing = standing_of(control, now);
	char text[64], name[40];
	const char *id = text_of(control, "id");

	text_clean(name, sizeof(name), id, strlen(id));
	standing_text(control, standing, text, sizeof(text));
	count_standing(standing, count);
	printf("  %-*s  %s%-*s%s%s\n", NAME_WIDTH, name, colour(standing, colours), STANDING_WIDTH,
	       text, colours ? "\033[0m" : "",
	       strcmp(text_of(control, "mode"), "enforce") == 0 ? "enforced" : "");
	if (standing == STANDING_OK || standing == STANDING_NOT_APPLICABLE)
		return;
	print_sentence(text_of(control, "wrong"), colours);
	if (standing != STANDING_ALLOWED_UNTIL)
		print_sentence(text_of(control, "todo"), colours);
}

static void print_ago(const char *before, int64_t then, int64_t now)
{
	char span[40];

	text_duration(span, sizeof(span), now - then);
	printf("%s%s ago", before, span);
}

static void print_collector(const struct json *root, int64_t now)
{
	const struct json *c = json_get(root, "collector");
	const char *enrolment = text_of(c, "enrolment"), *trouble = text_of(c, "trouble");
	int64_t contact = time_of(c, "contact_at");

	if (strcmp(enrolment, "none") == 0) {
		printf("Collector: none. Enrol this machine: " CLI_AS_ROOT "enrol CODE\n");
		return;
	}
	printf("Collector: ");
	cli_print_clean(text_of(c, "host")[0] ? text_of(c, "host") : "not reached yet");
	if (text_of(c, "school")[0]) {
		printf(", ");
		cli_print_clean(text_of(c, "school"));
	}
	if (strcmp(enrolment, "waiting") == 0)
		printf(", waiting for a technician to accept this machine");
	if (contact)
		print_ago(", last heard ", contact, now);
	printf("\n");
	if (trouble[0]) {
		printf("           last try failed: ");
		cli_print_clean(trouble);
		printf("\n");
	}
}

static void print_policy(const struct json *root)
{
	const struct json *p = json_get(root, "policy");
	int64_t serial = 0, audit = time_of(p, "audit_until");
	char when[TEXT_TIME_SIZE];
	struct err err;

	(void)json_opt_int(p, "serial", 0, INT64_MAX / 2, &serial, &err); /* else it stays 0 */
	printf("Policy:    ");
	cli_print_clean(text_of(p, "name"));
	if (serial)
		printf(", number %lld", (long long)serial);
	else
		printf(", as built in");
	if (audit) {
		text_time(when, audit);
		printf(", only looking until %.10s", when);
	}
	printf("\n");
}

static int64_t best_now(const struct json *root)
{
	int64_t written = time_of(root, "at"), wall = plat_now();
	int64_t off = 0;
	struct err err;

	/* The file knows how wrong the clock on the wall was when it was written. */
	(void)json_opt_int(root, "clock_off_s", INT64_MIN / 2, INT64_MAX / 2, &off, &err);
	return wall - off >= written ? wall - off : written;
}

static enum cli_exit conclude(const struct count *count)
{
	if (count->to_fix)
		return CLI_NOT;
	return count->cannot_tell || !count->other ? CLI_CANNOT_TELL : CLI_COMPLIANT;
}

static void print_conclusion(const struct count *count, int64_t at, int64_t now)
{
	if (count->to_fix)
		printf("%u thing%s to fix", count->to_fix, count->to_fix == 1 ? "" : "s");
	else if (count->cannot_tell)
		printf("Nothing to fix that could be seen");
	else
		printf("All is well");
	if (count->cannot_tell)
		printf(", %u that cannot be told", count->cannot_tell);
	print_ago("; checked ", at, now);
	printf(".\n");
}

static enum cli_exit print_status(const struct json *root)
{
	const struct json *controls = json_get(root, "controls");
	bool colours = plat_stdout_colours();
	struct count count = {0};
	int64_t now = best_now(root);

	print_collector(root, now);
	print_policy(root);
	printf("\n");
	for (const struct json *c = controls ? json_first(controls) : NULL; c; c = json_next(c))
		print_control(c, now, colours, &count);
	printf("\n");
	print_conclusion(&count, time_of(root, "at"), now);
	if (count.to_fix)
		printf("'caretaker explain CONTROL' says more about one.%s\n",
		       plat_is_admin() ? ""
				       : "  To mend it takes an administrator: "
					 "show them this.");
	return conclude(&count);
}

/* The file itself is the JSON; only the exit code is worked out. */
static enum cli_exit print_json(const struct options *options, const struct json *root)
{
	const struct json *controls = json_get(root, "controls");
	struct count count = {0};
	int64_t now = best_now(root);
	struct buf text, shown;
	struct jsonw w;
	char path[512];
	struct err err;

	for (const struct json *c = controls ? json_first(controls) : NULL; c; c = json_next(c))
		count_standing(standing_of(c, now), &count);
	snprintf(path, sizeof(path), "%s/status.json", cli_run_dir(options));
	buf_init(&text, STATUS_MAX + 1);
	buf_init(&shown, 0);
	if (plat_file_read(path, STATUS_MAX, &text, &err) == 0) {
		jsonw_init(&w, &shown);
		jsonw_foreign(&w, NULL, buf_text(&text), text.len);
		printf("%s\n", buf_text(&shown));
	}
	buf_clear(&text);
	buf_clear(&shown);
	return conclude(&count);
}

int cli_status(const struct options *options)
{
	enum cli_exit code;
	struct json *root;
	struct err err;

	if (cli_read_status(options, &root, &err) < 0)
		return cli_fail(&err);
	code = options_has(options, "json") ? print_json(options, root) : print_status(root);
	json_free(root);
	return code;
}
