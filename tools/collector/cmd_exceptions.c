/* caretaker-collector exceptions: what is allowed for a time, for whom, by whom.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/commands.h"

#include "agent/base/text.h"
#include "agent/policy/opening.h"
#include "platform/os.h"
#include "tools/collector/admin.h"
#include "tools/collector/approvers.h"
#include "tools/collector/exceptions_sign.h"
#include "tools/collector/listing.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <string.h>

static int take_text(const struct options *options, const char *name, const char *what, bool needed,
		     char *out, size_t out_size)
{
	const char *text = options_get(options, name);
	char clean[512];

	if (!text && !needed)
		return 0;
	if (!text || !*text)
		return admin_complain("--%s TEXT: %s", name, what);
	text_clean(clean, sizeof(clean), text, strlen(text));
	if (!text_copy(out, out_size, clean))
		return admin_complain("--%s is longer than %zu bytes", name, out_size - 1);
	return 0;
}

/* Exactly one of a device, a group or a school. */
static int take_place(struct admin *admin, const struct options *options,
		      struct store_exception *row, struct store_device_filter *filter)
{
	struct store_school school;
	struct store_device device;
	struct store_group group;

	store_device_filter_init(filter);
	if (options_has(options, "device")) {
		if (admin_device(admin, options_get(options, "device"), &device))
			return -1;
		row->device = device.id;
		filter->word = options_get(options, "device");
		return 0;
	}
	if (!options_has(options, "school") && !options_has(options, "group"))
		return admin_complain("say for whom: --device DEVICE, --group NAME [--school NAME] "
				      "or --school NAME");
	if (admin_school(admin, options_get(options, "school"), &school))
		return -1;
	filter->school = school.id;
	if (!options_has(options, "group")) {
		row->school = school.id;
		return 0;
	}
	if (admin_group(admin, &school, options_get(options, "group"), &group))
		return -1;
	row->group = group.id;
	filter->group = group.id;
	return 0;
}

static int sign_lists(struct admin *admin, const struct store_device_filter *filter)
{
	int64_t count;

	if (exceptions_sign(admin->store, admin->identity, filter, admin->now, &count, &admin->err))
		return admin_fail(admin);
	printf("lists signed for %lld device%s; they take them with their next acknowledgement\n",
	       (long long)count, count == 1 ? "" : "s");
	return EXIT_DONE;
}

/* A device opens nothing for what it does not understand: said here, where somebody can mend it. */
static int check_what(enum control_id control, const char *what)
{
	struct opening opening;
	const char *words;

	(void)opening_split(what, &words);
	if (control != CONTROL_REMOVABLE_STORAGE || opening_parse(words, &opening) == 0)
		return 0;
	return admin_complain("--what '%.120s': expected a stick (vendor:product:serial) or an "
			      "account, and after it what it opens: encrypted, read-only or any, "
			      "and scanned",
			      what);
}

int cmd_exceptions_add(const struct options *options)
{
	struct store_device_filter filter;
	struct store_exception row = {0};
	enum control_id control;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	if (control_parse(options->operands[0], &control)) {
		admin_complain("there is no control '%.40s'; controls are named as in a policy, "
			       "such as removable-storage",
			       options->operands[0]);
		goto out;
	}
	snprintf(row.control, sizeof(row.control), "%s", options->operands[0]);
	if (take_text(options, "what", "", false, row.what, sizeof(row.what)) ||
	    take_text(options, "reason", "why it is allowed; it is recorded", true, row.reason,
		      sizeof(row.reason)) ||
	    take_text(options, "asked", "who asked for it", true, row.asked, sizeof(row.asked)) ||
	    take_text(options, "approved", "who approved it", true, row.approved,
		      sizeof(row.approved)) ||
	    check_what(control, row.what) || admin_end(&admin, options, &row.until))
		goto out;
	if (!row.until) {
		admin_complain("an exception needs an end: --days N or --until DAY");
		goto out;
	}
	if (take_place(&admin, options, &row, &filter) ||
	    approvers_check(&admin, options, &filter, &row))
		goto out;
	plat_uuid(row.id);
	row.created_at = admin.now;
	if (admin.store->desk->exception_add(admin.store, &row, admin.who, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("exception %s: %s%s%s\n", row.id, row.control, row.what[0] ? ", " : "", row.what);
	ret = sign_lists(&admin, &filter);
out:
	admin_close(&admin);
	return ret;
}

struct exception_list {
	struct listing listing;
	int64_t now;
};

static int list_exception(void *ctx, const struct store_exception *row, struct err *err)
{
	struct exception_list *list = ctx;

	(void)err;
	listing_row(&list->listing);
	listing_text(&list->listing, "id", "EXCEPTION", row->id);
	listing_text(&list->listing, "control", "CONTROL", row->control);
	listing_text(&list->listing, "what", "WHAT", row->what);
	listing_text(&list->listing, "for", "FOR",
		     row->device  ? "device"
		     : row->group ? "group"
				  : "school");
	listing_text(&list->listing, "place", "", row->place);
	listing_text(&list->listing, "reason", "REASON", row->reason);
	listing_text(&list->listing, "asked", "ASKED", row->asked);
	listing_text(&list->listing, "approved", "APPROVED", row->approved);
	listing_time(&list->listing, "until", "UNTIL", row->until);
	listing_text(&list->listing, "state", "STATE",
		     row->withdrawn_at         ? "withdrawn"
		     : row->until <= list->now ? "ended"
					       : "in force");
	return 0;
}

int cmd_exceptions_list(const struct options *options)
{
	struct exception_list list;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_READ))
		return EXIT_FAILED;
	listing_init(&list.listing, admin.json, "exceptions");
	list.now = admin.now;
	if (admin.store->desk->exceptions(admin.store, options_has(options, "all"), admin.now,
					  list_exception, &list, &admin.err)) {
		admin_fail(&admin);
	} else {
		listing_print(&list.listing, "no exception is in force");
		ret = EXIT_DONE;
	}
	listing_clear(&list.listing);
	admin_close(&admin);
	return ret;
}

int cmd_exceptions_end(const struct options *options)
{
	struct store_device_filter all;
	struct admin admin;
	int ret = EXIT_FAILED;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	store_device_filter_init(&all);
	if (admin.store->desk->exception_end(admin.store, options->operands[0], admin.now,
					     admin.who, &admin.err)) {
		admin_fail(&admin);
		goto out;
	}
	printf("ended: %s\n", options->operands[0]);
	ret = sign_lists(&admin, &all);
out:
	admin_close(&admin);
	return ret;
}

int cmd_exceptions_sign(const struct options *options)
{
	struct store_device_filter all;
	struct admin admin;
	int ret;

	if (admin_open(&admin, options, ADMIN_WRITE))
		return EXIT_FAILED;
	store_device_filter_init(&all);
	ret = sign_lists(&admin, &all);
	admin_close(&admin);
	return ret;
}
