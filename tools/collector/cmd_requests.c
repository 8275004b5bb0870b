/* caretaker-collector requests: what people asked for at their machines, and the school's answer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/text.h"
#include "agent/policy/opening.h"
#include "platform/os.h"
#include "tools/collector/admin.h"
#include "tools/collector/approvers.h"
#include "tools/collector/day.h"
#include "tools/collector/exceptions_sign.h"
#include "tools/collector/listing.h"
#include "tools/collector/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400

/* --- list --- */

int cmd_requests_list(const struct options *options)
{
	bool all = options_has(options, "all");
	struct request *requests = NULL;
	struct listing list;
	struct admin admin;
	size_t count = 0;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	if (requests_load(admin.store, admin.now, &requests, &count, &admin.err)) {
		admin_fail(&admin);
		admin_close(&admin);
		return EXIT_FAILED;
	}
	listing_init(&list, admin.json, "requests");
	for (size_t i = 0; i < count; i++) {
		const struct request *r = &requests[i];

		if (!all && r->state != REQUEST_OPEN)
			continue;
		listing_row(&list);
		listing_text(&list, "reference", "REFERENCE", r->reference);
		listing_time(&list, "at", "ASKED", r->at);
		listing_text(&list, "device", NULL, r->uuid);
		listing_text(&list, "name", "DEVICE", r->device_name);
		listing_text(&list, "school", "SCHOOL", r->school_name);
		listing_text(&list, "what", "WHAT", r->what);
		listing_text(&list, "maker", "MAKER", r->maker);
		listing_text(&list, "model", "MODEL", r->model);
		listing_text(&list, "why", "REFUSED AS", r->why);
		listing_text(&list, "user", "BY", r->user);
		listing_text(&list, "reason", "REASON", r->reason);
		listing_text(&list, "state", "STATE", request_state_name(r->state));
		listing_text(&list, "exception", NULL, r->exception);
	}
	listing_print(&list, "nobody waits for an approval");
	listing_clear(&list);
	free(requests);
	admin_close(&admin);
	return EXIT_DONE;
}

/* --- answers --- */

/* The newest open one of that reference; with several devices of one reference --device tells. */
static int find_open(struct admin *admin, const struct options *options, struct request *out)
{
	const char *reference = options->operands[0];
	struct request *requests = NULL;
	struct store_device device = {.id = 0};
	bool found = false, several = false;
	size_t count = 0;

	if (options_has(options, "device") &&
	    admin_device(admin, options_get(options, "device"), &device))
		return -1;
	if (requests_load(admin->store, admin->now, &requests, &count, &admin->err)) {
		admin_fail(admin);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		const struct request *r = &requests[i];

		if (r->state != REQUEST_OPEN || strcmp(r->reference, reference) != 0 ||
		    (device.id && device.id != r->device))
			continue;
		several |= found && out->device != r->device;
		if (!found)
			*out = *r;
		found = true;
	}
	free(requests);
	if (!found)
		return admin_complain("nobody waits for an answer to '%.20s': see "
				      "\"caretaker-collector requests list\"",
				      reference);
	if (several)
		return admin_complain("'%.20s' was asked for on several devices: say which by "
				      "--device",
				      reference);
	return 0;
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

/* What of the stick is opened, in the words of opening.h; "": as much as the policy lets. */
static int take_opening(const struct options *options, char out[OPENING_TEXT])
{
	const char *open = options_get(options, "open");
	struct opening opening;
	char words[80];

	/* "read-only" twice is a slip of --open and --read-only, and means one thing. */
	snprintf(words, sizeof(words), "%.40s%s%s", open ? open : "",
		 options_has(options, "read-only") && (!open || strcmp(open, "read-only") != 0)
			 ? open ? " read-only" : "read-only"
			 : "",
		 options_has(options, "scanned") ? " scanned" : "");
	if (open && opening_parse(open, &opening) < 0)
		return admin_complain("--open is encrypted, read-only or any");
	if (opening_parse(words + (*words == ' '), &opening) < 0)
		return admin_complain("--open %.40s and --read-only do not go together", open);
	opening_print(&opening, out);
	return 0;
}

/* "vendor:product:serial", and what of it is opened when that was said. */
static int take_what(const struct options *options, const struct request *request, char out[160])
{
	char words[OPENING_TEXT] = "";

	if (!request->what[0])
		return admin_complain("the device did not say which one it is: approve it by "
				      "\"caretaker-collector exceptions add\"");
	if (take_opening(options, words))
		return -1;
	if (snprintf(out, 160, "%s%s%s", request->what, *words ? " " : "", words) >= 160)
		return admin_complain(
			"the serial number of this stick is too long for that: approve "
			"it without --open, --read-only and --scanned");
	return 0;
}

static int take_end(struct admin *admin, const struct options *options, int64_t *out)
{
	if (!options_has(options, "until-end-of-day"))
		return admin_end(admin, options, out);
	if (options_has(options, "days") || options_has(options, "until"))
		return admin_complain(
			"give --days, --until or --until-end-of-day, not two of them");
	return admin_end_of_day(admin, out);
}

/* For the device that asked, or its group. */
static int take_place(struct admin *admin, const struct options *options,
		      const struct request *request, struct store_exception *row,
		      struct store_device_filter *filter)
{
	struct store_school school;
	struct store_group group;

	store_device_filter_init(filter);
	if (!options_has(options, "group")) {
		row->device = request->device;
		filter->word = request->uuid;
		return 0;
	}
	if (admin_school(admin, request->school_name, &school) ||
	    admin_group(admin, &school, options_get(options, "group"), &group))
		return -1;
	row->group = group.id;
	filter->school = school.id;
	filter->group = group.id;
	return 0;
}

static int fill(struct admin *admin, const struct options *options, const struct request *request,
		struct store_exception *row, struct store_device_filter *filter)
{
	const char *reason = request->reason[0] ? request->reason : "asked for at the machine";
	const char *user = request->user[0] ? request->user : "not told";

	snprintf(row->control, sizeof(row->control), "removable-storage");
	if (take_what(options, request, row->what) ||
	    take_text(options, "reason", reason, row->reason, sizeof(row->reason)) ||
	    take_text(options, "asked", user, row->asked, sizeof(row->asked)) ||
	    take_text(options, "approved", admin->who, row->approved, sizeof(row->approved)) ||
	    take_end(admin, options, &row->until) ||
	    take_place(admin, options, request, row, filter))
		return -1;
	if (!row->until)
		row->until = admin->now + DAY_S;
	plat_uuid(row->id);
	row->created_at = admin->now;
	return 0;
}

static int approve(struct admin *admin, const struct options *options,
		   const struct request *request)
{
	struct store_exception row = {.device = 0};
	struct store_device_filter filter;
	const char *opened;
	char until[DAY_SPOKEN];
	int64_t count;

	if (fill(admin, options, request, &row, &filter) ||
	    approvers_check(admin, options, &filter, &row))
		return EXIT_FAILED;
	if (admin->store->desk->exception_add(admin->store, &row, admin->who, &admin->err) ||
	    exceptions_sign(admin->store, admin->identity, &filter, admin->now, &count,
			    &admin->err) ||
	    request_answer(admin->store, request, row.id, row.reason, admin->now, admin->who,
			   &admin->err) ||
	    day_zone(admin->config.time_zone, &admin->err))
		return admin_fail(admin);
	opened = strchr(row.what, ' ');
	day_spoken(row.until, until);
	admin_say("approved %s on %s until %s%s%s, exception %s", request->reference,
		  request->device_name, until, opened ? ", " : "", opened ? opened + 1 : "",
		  row.id);
	return EXIT_DONE;
}

int cmd_requests_approve(const struct options *options)
{
	struct request request;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (find_open(&admin, options, &request) == 0)
		ret = approve(&admin, options, &request);
	admin_close(&admin);
	return ret;
}

int cmd_requests_refuse(const struct options *options)
{
	struct request request;
	char reason[300];
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (find_open(&admin, options, &request) ||
	    take_text(options, "reason", "", reason, sizeof(reason)))
		goto out;
	if (request_answer(admin.store, &request, "", reason, admin.now, admin.who, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	admin_say("refused %s on %s", request.reference, request.device_name);
	ret = EXIT_DONE;
out:
	admin_close(&admin);
	return ret;
}
