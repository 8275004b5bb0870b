/* caretaker-collector requests code, requests codes: what the school reads out to somebody whose
 * machine has no network (agent/proto/phone_code.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "agent/policy/policy.h"
#include "tools/collector/admin.h"
#include "tools/collector/approvers.h"
#include "tools/collector/day.h"
#include "tools/collector/listing.h"
#include "tools/collector/phone_codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400

/* --- what the machine's policy lets --- */

/* The one that it last said it has in force; NULL after a complaint. */
static struct policy *policy_of(struct admin *admin, const struct store_device *device,
				const struct store_school *school)
{
	struct store_policy row = {.serial = 0};
	struct policy *policy = NULL;

	if (!device->policy_serial) {
		admin_complain("%s has no policy of yours in force, and codes need one with "
			       "[exceptions] phone_code_days",
			       device->name);
		return NULL;
	}
	if (admin->store->desk->policy(admin->store, school->org, device->policy_serial, &row,
				       &admin->err) ||
	    policy_parse(row.name, row.ini, row.ini_len, &policy, &admin->err))
		admin_fail(admin);
	free(row.ini);
	free(row.jws);
	return policy;
}

static int check_policy(const struct policy *policy, const struct store_device *device,
			int64_t ahead, bool reason)
{
	int64_t days = policy_number(policy, POLICY_EXCEPTIONS_PHONE_CODE_DAYS);
	int64_t most = policy_number(policy, POLICY_EXCEPTIONS_MAX_DAYS);

	if (!days || !policy_flag(policy, POLICY_EXCEPTIONS_ALLOWED) ||
	    !policy_lists(policy, POLICY_EXCEPTIONS_CONTROLS, "removable-storage"))
		return admin_complain("policy '%s', number %lld, which %s has in force, opens "
				      "nothing by codes: see [exceptions] phone_code_days",
				      policy_name(policy), (long long)device->policy_serial,
				      device->name);
	if (most < days)
		days = most;
	if (ahead >= days)
		return admin_complain("policy '%s' lets a code last for %lld day%s, today counted",
				      policy_name(policy), (long long)days, days == 1 ? "" : "s");
	if (!reason && policy_flag(policy, POLICY_EXCEPTIONS_REASON_REQUIRED))
		return admin_complain("--reason TEXT: why it is allowed; policy '%s' wants it "
				      "recorded",
				      policy_name(policy));
	return 0;
}

/* Whoever may not grant it by an exception may not by a code. */
static int check_approver(struct admin *admin, const struct options *options,
			  const struct store_device *device, struct phone_code_row *row)
{
	struct store_exception as = {.device = device->id, .until = row->until};
	struct store_device_filter filter;

	store_device_filter_init(&filter);
	filter.word = device->uuid;
	snprintf(as.control, sizeof(as.control), "removable-storage");
	snprintf(as.what, sizeof(as.what), "*:* " PHONE_OPENS);
	snprintf(as.approved, sizeof(as.approved), "%s", row->approved);
	if (approvers_check(admin, options, &filter, &as))
		return -1;
	snprintf(row->approved, sizeof(row->approved), "%s", as.approved);
	return 0;
}

/* --- the code --- */

struct chosen {
	struct store_key key;
	bool found;
};

static int choose_key(void *ctx, const struct store_key *key, struct err *err)
{
	struct chosen *chosen = ctx;

	(void)err;
	if (key->role == STORE_KEY_CURRENT) {
		chosen->key = *key;
		chosen->found = true;
	}
	return 0;
}

/* The secret that this device's key and our online key, as it pins it, agree on. */
static int agree(struct admin *admin, const struct store_device *device,
		 const struct store_school *school, uint8_t out[CRYPTO_HASH_SIZE])
{
	const struct crypto_signer *online =
		identity_signer(admin->identity, school->org, device->keys_serial);
	struct chosen chosen = {.found = false};
	struct crypto_key *key = NULL;
	int ret = -1;

	if (!online)
		return admin_complain("no online key of ours is in a key set that %s has",
				      device->name);
	if (admin->store->desk->keys(admin->store, device->id, choose_key, &chosen, &admin->err) ==
		    0 &&
	    !chosen.found)
		return admin_complain("%s has no key in use", device->name);
	if (chosen.found && crypto_key_new(chosen.key.point, &key, &admin->err) == 0)
		ret = phone_secret(online, key, device->uuid, out, &admin->err);
	crypto_key_free(key);
	return ret ? admin_fail(admin) : 0;
}

static int64_t day_number(const char *day)
{
	int64_t at = 0;
	char noon[32];

	snprintf(noon, sizeof(noon), "%.10sT00:00:00Z", day);
	(void)text_time_parse(noon, &at); /* it came out of day_of() or through day_end() */
	return at / DAY_S;
}

static int take_text(const struct options *options, const char *name, const char *fallback,
		     char *out, size_t size)
{
	const char *text = options_get(options, name);
	char clean[512];

	if (!text || !*text)
		text = fallback;
	text_clean(clean, sizeof(clean), text, strlen(text));
	if (!text_copy(out, size, clean))
		return admin_complain("--%s is longer than %zu bytes", name, size - 1);
	return 0;
}

/* '*out_ahead': days from today. */
static int take_day(struct admin *admin, const struct options *options, struct phone_code_row *row,
		    int64_t *out_ahead)
{
	const char *zone = admin->config.time_zone, *until = options_get(options, "until");
	char today[DAY_TEXT];

	if (day_of(zone, admin->now, today, &admin->err) ||
	    day_end(zone, until ? until : today, &row->until, &admin->err))
		return admin_fail(admin);
	(void)text_copy(row->day, sizeof(row->day), until ? until : today);
	*out_ahead = day_number(row->day) - day_number(today);
	if (*out_ahead < 0)
		return admin_complain("--until '%.40s': that day is over", until);
	return 0;
}

static void print_code(const struct admin *admin, const struct store_device *device,
		       const struct phone_code_row *row, const char *code)
{
	char shown[PHONE_SHOWN];
	struct jsonw w;
	struct buf text;

	phone_text_show(code, shown);
	if (!admin->json) {
		admin_say("%s", shown);
		admin_say("Read it out to whoever sits at %s; they type: caretaker hardware code "
			  "%s",
			  device->name, shown);
		admin_say(
			"It opens the stick of %s there, once, to be read and after a scan, until "
			"the end of %s.",
			row->challenge, row->day);
		return;
	}
	buf_init(&text, 0);
	jsonw_init(&w, &text);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "code", shown);
	jsonw_string(&w, "device", device->uuid);
	jsonw_string(&w, "name", device->name);
	jsonw_string(&w, "challenge", row->challenge);
	jsonw_string(&w, "day", row->day);
	jsonw_object_end(&w);
	printf("%s\n", buf_text(&text));
	buf_clear(&text);
}

static int make(struct admin *admin, const struct options *options,
		const struct store_device *device, const struct store_school *school)
{
	char plain[PHONE_CHALLENGE_LEN + 1], code[PHONE_CODE_LEN + 1];
	struct phone_code_row row = {.device = device->id, .at = admin->now};
	uint8_t secret[CRYPTO_HASH_SIZE];
	struct policy *policy;
	int64_t ahead = 0;
	int ret;

	if (device->status != STORE_ACTIVE)
		return admin_complain("%s is %s", device->name, store_status_name(device->status));
	if (phone_text_read(options->operands[1], PHONE_CHALLENGE_LEN, plain, &admin->err)) {
		admin_complain("'%.40s': %s; ask for it once more", options->operands[1],
			       admin->err.msg);
		return -1;
	}
	phone_text_show(plain, row.challenge);
	if (take_day(admin, options, &row, &ahead) ||
	    take_text(options, "reason", "", row.reason, sizeof(row.reason)) ||
	    take_text(options, "asked", "not told", row.asked, sizeof(row.asked)) ||
	    take_text(options, "approved", admin->who, row.approved, sizeof(row.approved)))
		return -1;
	policy = policy_of(admin, device, school);
	ret = policy ? check_policy(policy, device, ahead, row.reason[0]) : -1;
	policy_free(policy);
	if (ret || check_approver(admin, options, device, &row) ||
	    agree(admin, device, school, secret))
		return -1;
	phone_code_make(secret, plain, day_number(row.day), code);
	crypto_wipe(secret, sizeof(secret));
	/* On record before anybody hears it. */
	if (phone_code_note(admin->store, &row, admin->who, &admin->err))
		return admin_fail(admin);
	print_code(admin, device, &row, code);
	return 0;
}

int cmd_requests_code(const struct options *options)
{
	struct store_school school;
	struct store_device device;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (admin_device(&admin, options->operands[0], &device) == 0 &&
	    admin_school(&admin, device.school_name, &school) == 0 &&
	    make(&admin, options, &device, &school) == 0)
		ret = EXIT_DONE;
	admin_close(&admin);
	return ret;
}

/* --- the list --- */

int cmd_requests_codes(const struct options *options)
{
	struct phone_code_row *codes = NULL;
	struct listing list;
	struct admin admin;
	size_t count = 0;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	if (phone_codes_load(admin.store, admin.now, &codes, &count, &admin.err)) {
		admin_fail(&admin);
		admin_close(&admin);
		return EXIT_FAILED;
	}
	listing_init(&list, admin.json, "codes");
	for (size_t i = 0; i < count; i++) {
		const struct phone_code_row *r = &codes[i];

		listing_row(&list);
		listing_text(&list, "challenge", "CHALLENGE", r->challenge);
		listing_time(&list, "at", "READ OUT", r->state == PHONE_UNKNOWN ? 0 : r->at);
		listing_text(&list, "device", NULL, r->uuid);
		listing_text(&list, "name", "DEVICE", r->device_name);
		listing_text(&list, "school", "SCHOOL", r->school_name);
		listing_text(&list, "day", "UNTIL", r->day);
		listing_text(&list, "approved", "APPROVED", r->approved);
		listing_text(&list, "asked", "ASKED", r->asked);
		listing_text(&list, "reason", "REASON", r->reason);
		listing_text(&list, "state", "STATE", phone_state_name(r->state));
		listing_time(&list, "used_at", "USED", r->used_at);
		listing_text(&list, "what", "WHAT", r->what);
		listing_text(&list, "user", "BY", r->user);
	}
	listing_print(&list, "no code was read out");
	listing_clear(&list);
	free(codes);
	admin_close(&admin);
	return EXIT_DONE;
}
