/* Anti-virus that really works: it answers, its signatures are fresh, it scans what people open.
 * Clauses 11, 23 and 24.
 *
 * When several products are installed the machine is as good as its best one.  What was found goes
 * out as events, and keeps the verdict on "to fix" until the file is gone or the days are over.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/controls/memory.h"
#include "agent/policy/policy.h"
#include "platform/platform.h"

#define DAY_S 86400
#define HOUR_S 3600
#define FOUND_MAX 900 /* bytes of what is remembered of detections: the last few */

struct judged {
	enum verdict verdict;
	const char *why;
	char message[200]; /* for "cannot-tell" */
	char excluded[96]; /* the first that the policy does not allow */
	int64_t age_s;     /* of the signatures; -1: not known */
};

static int rank(enum verdict verdict)
{
	return verdict == VERDICT_PASS ? 0 : verdict == VERDICT_UNKNOWN ? 1 : 2;
}

static void judge(struct judged *judged, enum verdict verdict, const char *why)
{
	if (rank(verdict) > rank(judged->verdict)) {
		judged->verdict = verdict;
		judged->why = why;
	}
}

static void cannot_tell(struct judged *judged, const struct plat_av_product *product,
			const char *what)
{
	if (judged->verdict == VERDICT_PASS)
		(void)snprintf(judged->message, sizeof(judged->message), "%s: %.60s%s%.100s",
			       product->name, what, *product->detail ? "; " : "", product->detail);
	judge(judged, VERDICT_UNKNOWN, "cannot-tell");
}

static void judge_signatures(const struct control_input *input,
			     const struct plat_av_product *product, struct judged *judged)
{
	int64_t max_s =
		policy_number(input->policy, POLICY_ANTI_VIRUS_SIGNATURES_MAX_AGE_HOURS) * HOUR_S;

	if (!product->signatures_at) {
		/* ClamAV says when it has none; of the others it is not known. */
		if (product->tried && product->running == PLAT_YES)
			judge(judged, VERDICT_FAIL, "signatures-missing");
		else
			cannot_tell(judged, product, "how old its signatures are");
		return;
	}
	judged->age_s =
		input->now > product->signatures_at ? input->now - product->signatures_at : 0;
	if (judged->age_s > max_s)
		judge(judged, VERDICT_FAIL, "signatures-old");
}

static void judge_answer(struct judged *judged, const struct plat_av_product *product,
			 enum plat_answer answer, const char *why, const char *what)
{
	if (answer == PLAT_NO)
		judge(judged, VERDICT_FAIL, why);
	else if (answer == PLAT_CANNOT_TELL)
		cannot_tell(judged, product, what);
}

static void judge_scan(const struct control_input *input, const struct plat_av_product *product,
		       struct judged *judged)
{
	int64_t days = policy_number(input->policy, POLICY_ANTI_VIRUS_LAST_SCAN_MAX_DAYS);

	if (!days)
		return;
	if (!product->last_scan_at && !product->tried)
		cannot_tell(judged, product, "when it last scanned the machine");
	else if (!product->last_scan_at)
		judge(judged, VERDICT_FAIL, "never-scanned");
	else if (input->now - product->last_scan_at > days * DAY_S)
		judge(judged, VERDICT_FAIL, "scan-old");
}

/* ClamAV's ExcludePath is a regular expression, mostly "^/proc/": compared without its anchors. */
static bool exclusion_allowed(const struct policy *policy, const char *excluded)
{
	static const char *const always[] = {"/proc", "/sys", "/dev", "/run"};
	char path[96];
	size_t len;

	(void)text_copy(path, sizeof(path), excluded + (*excluded == '^'));
	for (len = strlen(path); len > 1 && (path[len - 1] == '$' || path[len - 1] == '/');)
		path[--len] = '\0';
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++) {
		size_t n = strlen(always[i]);

		if (!strncmp(path, always[i], n) && (!path[n] || path[n] == '/'))
			return true;
	}
	return policy_lists(policy, POLICY_ANTI_VIRUS_ALLOWED_EXCLUSIONS, path);
}

static void judge_exclusions(const struct control_input *input,
			     const struct plat_av_product *product, struct judged *judged)
{
	for (size_t i = 0; i < product->excluded_count; i++)
		if (!exclusion_allowed(input->policy, product->excluded[i])) {
			(void)text_copy(judged->excluded, sizeof(judged->excluded),
					product->excluded[i]);
			judge(judged, VERDICT_FAIL, "excluded");
			return;
		}
}

static struct judged judge_product(const struct control_input *input,
				   const struct plat_av_product *product)
{
	struct judged judged = {.verdict = VERDICT_PASS, .why = "ok", .age_s = -1};

	if (!product->tried)
		judged.why = "product-untried";
	judge_answer(&judged, product, product->running, "not-running", "whether it runs");
	judge_signatures(input, product, &judged);
	if (policy_flag(input->policy, POLICY_ANTI_VIRUS_ON_ACCESS_REQUIRED))
		judge_answer(&judged, product, product->on_access, "not-on-access",
			     "whether it scans what is opened");
	if (policy_flag(input->policy, POLICY_ANTI_VIRUS_UPDATES_ITSELF_REQUIRED))
		judge_answer(&judged, product, product->auto_update, "updater-off",
			     "whether it fetches signatures by itself");
	judge_scan(input, product, &judged);
	judge_exclusions(input, product, &judged);
	return judged;
}

/* "clamav", "defender", "sophos": a word of the name, or a pattern over all of it. */
static bool counts(const struct policy *policy, const char *name)
{
	char word[48];

	if (policy_lists(policy, POLICY_ANTI_VIRUS_PRODUCTS, name))
		return true;
	for (const char *at = name; *at;) {
		size_t len = strcspn(at, " ");

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, at);
		if (policy_lists(policy, POLICY_ANTI_VIRUS_PRODUCTS, word))
			return true;
		at += len;
		at += strspn(at, " ");
	}
	return false;
}

static void write_answer(struct jsonw *w, const char *name, enum plat_answer answer)
{
	if (answer == PLAT_CANNOT_TELL)
		jsonw_null(w, name);
	else
		jsonw_bool(w, name, answer == PLAT_YES);
}

static void write_products(struct jsonw *w, const struct plat_antivirus *all)
{
	jsonw_array(w, "products");
	for (size_t i = 0; i < all->count; i++) {
		const struct plat_av_product *product = &all->products[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "name", product->name);
		if (*product->version)
			jsonw_string(w, "version", product->version);
		write_answer(w, "running", product->running);
		write_answer(w, "on_access", product->on_access);
		write_answer(w, "updates_itself", product->auto_update);
		if (product->signatures_at) {
			jsonw_time(w, "signatures_at", product->signatures_at);
			jsonw_string(w, "signatures", product->signatures);
		}
		if (product->last_scan_at)
			jsonw_time(w, "last_scan", product->last_scan_at);
		if (!product->tried)
			jsonw_bool(w, "tried", false);
		if (*product->detail)
			jsonw_string(w, "detail", product->detail);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static bool is_why(const struct judged *judged, const char *why)
{
	return judged->why && strcmp(judged->why, why) == 0;
}

/* What the sentence needs beside the products: the dates are there, and an age that changes by
 * itself would be news in each heartbeat. */
static void write_best(struct jsonw *w, const struct control_input *input,
		       const struct plat_av_product *product, const struct judged *judged)
{
	jsonw_string(w, "product", product->name);
	if (is_why(judged, "signatures-old")) {
		jsonw_int(w, "signature_age_s", judged->age_s);
		jsonw_int(w, "signature_max_s",
			  policy_number(input->policy, POLICY_ANTI_VIRUS_SIGNATURES_MAX_AGE_HOURS) *
				  HOUR_S);
	}
	if (is_why(judged, "scan-old"))
		jsonw_time(w, "last_scan", product->last_scan_at);
	if (*judged->excluded)
		jsonw_string(w, "excluded", judged->excluded);
	if (judged->verdict == VERDICT_UNKNOWN)
		jsonw_string(w, "message", judged->message);
}

/* --- detections --- */

static void tell(struct control_result *result, const struct plat_detection *found)
{
	struct jsonw w;
	struct buf data;

	buf_init(&data, 4096);
	jsonw_init(&w, &data);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "product", found->product);
	jsonw_string(&w, "signature", found->signature);
	if (*found->path)
		jsonw_string(&w, "path", found->path);
	if (found->at)
		jsonw_time(&w, "at", found->at);
	jsonw_object_end(&w);
	control_event(result, "virus-found", &data);
	buf_clear(&data);
}

/* Remembered as lines "time signature file", the newest first, cut to what memory holds. */
static void remember(struct memory *memory, const struct plat_detection *found, int64_t at)
{
	const char *before = memory_text(memory, "anti-virus/found");
	struct buf text;

	buf_init(&text, 4096);
	buf_addf(&text, "%" PRId64 "\t%s\t%s\n", at, found->signature, found->file);
	if (before && (!text.len || !strstr(before, text.data + strcspn(text.data, "\t"))))
		buf_adds(&text, before);
	while (text.len > FOUND_MAX) {
		char *end = text.data + text.len - 1;

		while (end > text.data && end[-1] != '\n')
			end--;
		if (end == text.data)
			break; /* one line; its path was long */
		*end = '\0';
		text.len = (size_t)(end - text.data);
	}
	if (!text.failed)
		memory_set_text(memory, "anti-virus/found", buf_text(&text));
	buf_clear(&text);
}

static int read_detections(const struct control_input *input, struct control_result *result,
			   struct err *err)
{
	struct plat_detection *found = calloc(PLAT_DETECTIONS_MAX, sizeof(*found));
	size_t count = 0;
	struct buf position;
	int ret;

	if (!found)
		return err_set(err, ERR_NOMEM, "out of memory for detections");
	buf_init(&position, 900);
	ret = plat_antivirus_detections(memory_text(input->memory, "anti-virus/position"), found,
					&count, &position, err);
	for (size_t i = 0; ret == 0 && i < count; i++) {
		tell(result, &found[i]);
		remember(input->memory, &found[i], found[i].at ? found[i].at : input->now);
	}
	if (ret == 0)
		memory_set_text(input->memory, "anti-virus/position", buf_text(&position));
	buf_clear(&position);
	free(found);
	return ret;
}

static bool is_gone(const char *file)
{
	struct plat_looked_file looked;
	struct err err;

	return *file && plat_look(file, &looked, &err) < 0 && err.code == ERR_NOTFOUND;
}

/* A line of what is remembered; false when it is none. */
static bool read_found(char *line, int64_t *out_at, char **out_signature, char **out_file)
{
	char *signature = strchr(line, '\t');
	char *file = signature ? strchr(signature + 1, '\t') : NULL;

	if (!file)
		return false;
	*signature++ = '\0';
	*file++ = '\0';
	*out_signature = signature;
	*out_file = file;
	return text_int(line, 0, INT64_MAX / 2, out_at) == 0;
}

/* Writes what still counts, which alone stays remembered; returns how many. */
static unsigned write_detections(const struct control_input *input, struct jsonw *w)
{
	int64_t days = policy_number(input->policy, POLICY_ANTI_VIRUS_DETECTION_FAIL_DAYS), at;
	const char *text = memory_text(input->memory, "anti-virus/found");
	char line[FOUND_MAX + 1], *signature, *file;
	unsigned count = 0;
	struct buf kept;

	buf_init(&kept, sizeof(line) + 256);
	while (text && *text) {
		size_t len = strcspn(text, "\n");

		(void)snprintf(line, sizeof(line), "%.*s", (int)len, text);
		text += len + (text[len] == '\n');
		if (!read_found(line, &at, &signature, &file))
			continue;
		/* Noted by a wrong clock: its days begin now, rather than never end. */
		if (!memory_believes(input->memory, at))
			at = input->now;
		if (input->now - at > days * DAY_S || is_gone(file))
			continue;
		if (!count++)
			jsonw_array(w, "detections");
		jsonw_string(w, NULL, signature);
		buf_addf(&kept, "%" PRId64 "\t%s\t%s\n", at, signature, file);
	}
	if (count)
		jsonw_array_end(w);
	if (!kept.failed && memory_text(input->memory, "anti-virus/found"))
		memory_set_text(input->memory, "anti-virus/found", buf_text(&kept));
	buf_clear(&kept);
	return count;
}

/* --- the control --- */

static void say_none(const struct plat_antivirus *all, struct jsonw *w,
		     const struct control_input *input, struct control_result *result)
{
	char name[32];

	if (all->count) {
		const struct policy *policy = input->policy;

		jsonw_string(w, "product", all->products[0].name);
		jsonw_string(w, "product_wanted",
			     policy_count(policy, POLICY_ANTI_VIRUS_PRODUCTS)
				     ? policy_item(policy, POLICY_ANTI_VIRUS_PRODUCTS, 0)
				     : "");
		control_say(result, VERDICT_FAIL, "other-product");
	} else if (plat_machine(name, sizeof(name)) == PLAT_MACHINE_CONTAINER) {
		/* What people open is opened through the host's kernel. */
		jsonw_string(w, "container", name);
		control_say(result, VERDICT_NOT_APPLICABLE, "container");
	} else {
		control_say(result, VERDICT_FAIL, "none");
	}
}

static int run(const struct control_input *input, struct jsonw *w, struct control_result *result,
	       struct err *err)
{
	struct judged best = {.verdict = VERDICT_FAIL, .why = NULL};
	struct plat_antivirus all;
	size_t best_i = 0;
	struct err why = {0};

	if (plat_antivirus(&all, err) < 0)
		return -1;
	write_products(w, &all);
	for (size_t i = 0; i < all.count; i++) {
		struct judged judged;

		if (!counts(input->policy, all.products[i].name))
			continue;
		judged = judge_product(input, &all.products[i]);
		if (!best.why || rank(judged.verdict) < rank(best.verdict)) {
			best = judged;
			best_i = i;
		}
	}
	/* A log that cannot be read does not make the product worse; it is said. */
	if (all.count && read_detections(input, result, &why) < 0)
		jsonw_string(w, "detections_unread", why.msg);
	if (write_detections(input, w))
		control_say(result, VERDICT_FAIL, "virus-found");
	if (!best.why) {
		say_none(&all, w, input, result);
		return 0;
	}
	write_best(w, input, &all.products[best_i], &best);
	control_say(result, best.verdict, best.why);
	return 0;
}

const struct control control_anti_virus = {CONTROL_ANTI_VIRUS, run};
