/* caretaker hardware: what is plugged in, what the gate did with it, by which line of the policy,
 * and how to ask for it.  From the file that caretakerd writes for everyone.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "agent/proto/ask.h"
#include "agent/proto/reason.h"
#include "platform/ask.h"
#include "platform/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX (256 * 1024)
#define DEVICES_MAX 256

static int read_shown(const struct options *options, struct buf *text, struct json **out,
		      struct err *err)
{
	char path[512];
	int64_t v;

	snprintf(path, sizeof(path), "%s/hardware.json", cli_run_dir(options));
	if (plat_file_read(path, SHOWN_MAX, text, err) < 0)
		return err->code == ERR_NOTFOUND
			       ? err_set(err, ERR_NOTFOUND,
					 "what is plugged in is not watched: caretakerd does not "
					 "run ('systemctl status caretakerd')")
			       : -1;
	if (json_parse(buf_text(text), text->len, out, err) < 0)
		return err_wrap(err, "'%s'", path);
	if (!json_is_object(*out) || json_get_int(*out, "v", 1, 1, &v, err) < 0) {
		json_free(*out);
		return err_set(err, ERR_INVALID, "'%s' is of another version of Caretaker", path);
	}
	return 0;
}

static const char *text_of(const struct json *object, const char *name)
{
	const char *text = json_string(json_get(object, name));

	return text ? text : "";
}

static int64_t number_of(const struct json *object, const char *name)
{
	int64_t number = 0;
	struct err err;

	(void)json_opt_int(object, name, 0, INT64_MAX / 2, &number, &err); /* else it stays 0 */
	return number;
}

static bool flag_of(const struct json *object, const char *name, bool fallback)
{
	bool flag = fallback;
	struct err err;

	(void)json_opt_bool(object, name, &flag, &err); /* else it stays as it is */
	return flag;
}

/* --- the table ------------------------------------------------------------------------------- */

static void print_size(int64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	unsigned unit = 0;

	while (bytes >= 10240 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	printf("%" PRId64 " %s", bytes, units[unit]);
}

static void print_because(const char *token)
{
	const char *words = reason_storage(token);

	if (!*token)
		return;
	printf(" because ");
	if (words)
		printf("%s", words);
	else /* of a newer daemon */
		cli_print_clean(token);
}

static void print_verdict(const struct json *of, bool enforced)
{
	const char *why = text_of(of, "why");

	if (strcmp(why, "was-storage") == 0) {
		printf("works, but %s", reason_storage(why));
		return;
	}
	printf("%s", enforced ? "" : "would be ");
	cli_print_clean(text_of(of, "verdict"));
	print_because(why);
}

static void print_line(const struct options *options, const struct json *device)
{
	int64_t line = number_of(device, "line");
	struct buf text;

	if (!line)
		return;
	buf_init(&text, 1024);
	printf("          policy line %" PRId64, line);
	if (cli_policy_line(options, line, &text) && text.len) {
		printf(": ");
		cli_print_clean(buf_text(&text));
	}
	printf("\n");
	buf_clear(&text);
}

static void print_exception(const struct json *device)
{
	int64_t until = number_of(device, "until");
	const char *id = text_of(device, "exception");
	char when[TEXT_TIME_SIZE];

	if (!*id && !until)
		return;
	printf("          ");
	if (*id) {
		printf("exception ");
		cli_print_clean(id);
	}
	if (until) {
		text_time(when, until);
		printf("%suntil %.16s UTC", *id ? ", " : "", when);
	}
	printf("\n");
}

/* How far the scan is; what the daemon of another version says of it is left out. */
static void print_scan(const struct json *medium)
{
	const struct json *scan = json_get(medium, "scan");
	const char *stage = scan && json_is_object(scan) ? text_of(scan, "stage") : "";
	int64_t left = scan ? number_of(scan, "left_s") : 0;

	if (strcmp(stage, "waiting") == 0) {
		printf("            it waits to be scanned\n");
	} else if (strcmp(stage, "on-open") == 0) {
		printf("            each file is scanned when it is opened\n");
		if (*text_of(scan, "not_opened")) {
			printf("            a file was not opened");
			print_because(text_of(scan, "not_opened"));
			printf("\n");
		}
	} else if (strcmp(stage, "scanning") == 0) {
		printf("            being scanned: %" PRId64 " files, ", number_of(scan, "files"));
		print_size(number_of(scan, "bytes"));
		if (number_of(scan, "total_bytes")) {
			printf(" of ");
			print_size(number_of(scan, "total_bytes"));
		}
		if (left)
			printf(", about %" PRId64 " %s left", left < 90 ? left : (left + 30) / 60,
			       left < 90 ? "s" : "min");
		printf("\n");
	}
}

static void print_media(const struct json *device, bool enforced)
{
	const struct json *media = json_get(device, "media");

	for (const struct json *m = media ? json_first(media) : NULL; m; m = json_next(m)) {
		printf("          ");
		cli_print_clean(text_of(m, "name"));
		printf(", ");
		print_size(number_of(m, "bytes"));
		if (*text_of(m, "file_system")) {
			printf(", ");
			cli_print_clean(text_of(m, "file_system"));
		}
		printf(": ");
		print_verdict(m, enforced);
		printf("\n");
		print_scan(m);
	}
}

/* What to do, for who sits here and for who may grant it. */
static void print_approval(const struct options *options, const struct json *device)
{
	const char *reference = text_of(device, "reference"), *id = text_of(device, "id");
	const char *todo = reason_storage_todo(text_of(device, "why"));
	bool refused = strcmp(text_of(device, "verdict"), "refused") == 0;

	if (todo && (refused || strcmp(text_of(device, "verdict"), "passed") == 0))
		printf("          what helps: %s\n", todo);
	if (flag_of(device, "may_ask", false) && *reference) {
		printf("          to ask for it: caretaker hardware ask ");
		cli_print_clean(reference);
		printf(" --reason \"...\"\n          to approve it: caretaker-collector requests "
		       "approve ");
		cli_print_clean(reference);
		printf("\n");
		cli_print_challenge(options, device);
	}
	if (refused && *id) {
		printf("          its id, for a policy or an exception: ");
		cli_print_clean(id);
		printf("\n");
	}
}

/* True: it was refused, or would be. */
static bool print_device(const struct options *options, const struct json *device)
{
	const char *reference = text_of(device, "reference"), *maker = text_of(device, "maker");
	const char *model = text_of(device, "model"), *verdict = text_of(device, "verdict");
	bool enforced = flag_of(device, "enforced", true);

	printf("%-8.8s  ", ask_reference_holds(reference) ? reference : "-");
	cli_print_clean(*maker || *model ? maker : text_of(device, "kind"));
	if (*maker && *model)
		printf(" ");
	cli_print_clean(model);
	if (*maker || *model) {
		printf(", ");
		cli_print_clean(text_of(device, "kind"));
	}
	if (*text_of(device, "port")) {
		printf(", port ");
		cli_print_clean(text_of(device, "port"));
	}
	printf("\n          ");
	print_verdict(device, enforced);
	printf("\n");
	print_line(options, device);
	print_exception(device);
	print_media(device, enforced);
	print_approval(options, device);
	return strcmp(verdict, "refused") == 0;
}

/* What is let be is counted alone, but for what is not what it was. */
static bool passes_unseen(const struct json *device)
{
	return strcmp(text_of(device, "verdict"), "passed") == 0 &&
	       strcmp(text_of(device, "why"), "was-storage") != 0;
}

static void print_head(const struct json *root)
{
	const char *storage = text_of(root, "storage");

	if (strcmp(text_of(root, "rules"), "none") == 0) {
		printf("No rules are in force: this machine is not enrolled, and nothing is "
		       "refused.\n\n");
		return;
	}
	printf("Policy:   ");
	cli_print_clean(text_of(root, "policy"));
	if (number_of(root, "serial"))
		printf(", number %" PRId64, number_of(root, "serial"));
	printf("\nStorage:  %s\n\n",
	       strcmp(storage, "enforce") == 0 ? "what is not allowed is refused"
	       : strcmp(storage, "audit") == 0 ? "only looked at, nothing is refused"
					       : "not controlled");
}

static int print_table(const struct options *options, const struct json *root, struct err *err)
{
	const struct json *devices;
	unsigned refused = 0, count = 0, free = 0;

	if (json_get_array(root, "devices", DEVICES_MAX, &devices, err) < 0)
		return cli_fail(err);
	print_head(root);
	for (const struct json *d = json_first(devices); d; d = json_next(d)) {
		if (passes_unseen(d)) {
			free++;
			continue;
		}
		refused += print_device(options, d);
		count++;
	}
	if (!count)
		printf("No storage is plugged in, and nothing was refused.\n");
	if (free)
		printf("%s%u other device%s the policy lets be.\n", count ? "\n" : "", free,
		       free == 1 ? "" : "s");
	return refused ? CLI_NOT : CLI_COMPLIANT;
}

int cli_hardware(const struct options *options)
{
	struct json *root = NULL;
	struct buf text;
	struct err err;
	int code;

	buf_init(&text, SHOWN_MAX + 1);
	if (read_shown(options, &text, &root, &err) < 0) {
		buf_clear(&text);
		return cli_fail(&err);
	}
	if (options_has(options, "json")) { /* the file itself is the JSON */
		fputs(buf_text(&text), stdout);
		code = CLI_COMPLIANT;
	} else {
		code = print_table(options, root, &err);
	}
	json_free(root);
	buf_clear(&text);
	return code;
}

/* --- asking ---------------------------------------------------------------------------------- */

/* 1: one may ask about it.  0: one may not, said why.  -1: it is not there. */
static int may_ask(const struct json *root, const char *reference)
{
	const struct json *devices = json_get(root, "devices");

	for (const struct json *d = devices ? json_first(devices) : NULL; d; d = json_next(d))
		if (strcmp(text_of(d, "reference"), reference) == 0)
			return flag_of(d, "may_ask", false);
	return -1;
}

static int check_asked(const struct options *options, const char *reference, struct err *err)
{
	struct json *root = NULL;
	struct buf text;
	int may = -1;

	buf_init(&text, SHOWN_MAX + 1);
	if (read_shown(options, &text, &root, err) < 0) {
		buf_clear(&text);
		return -1;
	}
	may = may_ask(root, reference);
	json_free(root);
	buf_clear(&text);
	if (may == 1)
		return 0;
	return may == 0 ? err_set(err, ERR_DENIED,
				  "nobody can be asked about '%s': the school's policy allows no "
				  "approval of it, or it works already",
				  reference)
			: err_set(err, ERR_NOTFOUND,
				  "nothing with the reference '%s' is plugged in: 'caretaker "
				  "hardware' shows what is",
				  reference);
}

int cli_hardware_ask(const struct options *options)
{
	const char *reason = options_get(options, "reason");
	unsigned char frame[ASK_SIZE];
	struct ask ask = {"", ""};
	char folder[512];
	struct err err;

	if (!text_copy(ask.reference, sizeof(ask.reference), options->operands[0]))
		ask.reference[0] = '\0'; /* ask_encode() says that it is none */
	if (reason && !text_copy(ask.reason, sizeof(ask.reason), reason)) {
		err_set(&err, ERR_INVALID, "the reason is longer than %d bytes", ASK_REASON - 1);
		return cli_fail(&err);
	}
	snprintf(folder, sizeof(folder), "%s/" CLI_ASK_FOLDER, cli_run_dir(options));
	if (ask_encode(&ask, frame, &err) < 0 || check_asked(options, ask.reference, &err) < 0 ||
	    plat_ask_put(folder, frame, sizeof(frame), &err) < 0)
		return cli_fail(&err);
	printf("Asked for %s. Leave it plugged in: once it is approved it works by itself.\n",
	       ask.reference);
	return CLI_COMPLIANT;
}
