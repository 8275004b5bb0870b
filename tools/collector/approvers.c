/* See approvers.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/approvers.h"

#include "agent/base/buf.h"
#include "agent/base/options.h"
#include "agent/policy/opening.h"
#include "agent/policy/policy.h"
#include "tools/collector/admin.h"
#include "tools/collector/store_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400

static int take_role(const struct options *options, const char **out)
{
	static const char *const roles[] = {"approver", "office", "technician", "admin"};
	const char *said = options_get(options, "role");

	*out = "admin";
	for (size_t i = 0; said && i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(said, roles[i]) == 0) {
			*out = roles[i];
			return 0;
		}
	}
	return said ? admin_complain("--role '%.40s': expected approver, office, technician or "
				     "admin",
				     said)
		    : 0;
}

/* --- which policies hold there --- */

struct place {
	int64_t serial;
	char school[STORE_NAME_SIZE];
};

struct places {
	struct place *all;
	size_t count;
};

static int add_place(void *ctx, const struct store_device *device, struct err *err)
{
	struct places *places = ctx;
	struct place *more;

	if (!device->group_policy_serial)
		return 0; /* it runs what it has built in, which names nobody */
	for (size_t i = 0; i < places->count; i++)
		if (places->all[i].serial == device->group_policy_serial &&
		    strcmp(places->all[i].school, device->school_name) == 0)
			return 0;
	more = realloc(places->all, (places->count + 1) * sizeof(*more));
	if (!more)
		return err_set(err, ERR_NOMEM, "no memory for the policies in force");
	places->all = more;
	more[places->count].serial = device->group_policy_serial;
	snprintf(more[places->count++].school, sizeof(more->school), "%s", device->school_name);
	return 0;
}

static struct policy *read_policy(struct admin *admin, const struct place *place)
{
	struct store_policy row = {.serial = 0};
	struct policy *policy = NULL;
	struct store_school school;

	if (admin_school(admin, place->school, &school))
		return NULL;
	if (admin->store->desk->policy(admin->store, school.org, place->serial, &row,
				       &admin->err) ||
	    policy_parse(row.name, row.ini, row.ini_len, &policy, &admin->err))
		admin_fail(admin);
	free(row.ini);
	free(row.jws);
	return policy;
}

/* --- what they say --- */

static int check_listed(const struct policy *policy, const char *role)
{
	struct buf listed;

	if (!policy_line(policy, POLICY_EXCEPTIONS_APPROVERS) ||
	    policy_lists(policy, POLICY_EXCEPTIONS_APPROVERS, role))
		return 0;
	buf_init(&listed, 256);
	policy_show(policy, POLICY_EXCEPTIONS_APPROVERS, &listed);
	(void)admin_complain("[exceptions] approvers of policy '%s' (line %d) lets %s grant an "
			     "exception, not %s: say whose word it is by --role",
			     policy_name(policy), policy_line(policy, POLICY_EXCEPTIONS_APPROVERS),
			     buf_text(&listed), role);
	buf_clear(&listed);
	return -1;
}

static int check_office(const struct policy *policy, int64_t now, int64_t until)
{
	int64_t days = policy_number(policy, POLICY_EXCEPTIONS_OFFICE_MAX_DAYS);

	if (until <= now + days * DAY_S)
		return 0;
	return admin_complain("[exceptions] office_max_days of policy '%s' is %lld: the office "
			      "grants nothing for longer",
			      policy_name(policy), (long long)days);
}

/* What a school office may open of removable storage: what it cannot judge is scanned, and nothing
 * is carried out. */
static int check_opening(const struct store_exception *row)
{
	struct opening opening;
	const char *words;

	(void)opening_split(row->what, &words);
	if (strcmp(row->control, "removable-storage") != 0 ||
	    (opening_parse(words, &opening) == 0 && opening.read_only && opening.scanned))
		return 0;
	return admin_complain("the office opens media scanned and read-only: add --scanned and "
			      "--read-only (for \"exceptions add\", 'read-only scanned' after the "
			      "stick of --what)");
}

static int check_policy(struct admin *admin, const struct place *place, const char *role,
			int64_t until)
{
	struct policy *policy = read_policy(admin, place);
	int ret;

	if (!policy)
		return -1;
	ret = check_listed(policy, role);
	if (ret == 0 && strcmp(role, "office") == 0)
		ret = check_office(policy, admin->now, until);
	policy_free(policy);
	return ret ? -1 : 0;
}

static int note_role(const char *role, struct store_exception *row)
{
	size_t len = strlen(row->approved);

	if (snprintf(row->approved + len, sizeof(row->approved) - len, " (%s)", role) >=
	    (int)(sizeof(row->approved) - len))
		return admin_complain("--approved with the role behind it is longer than %zu bytes",
				      sizeof(row->approved) - 1);
	return 0;
}

int approvers_check(struct admin *admin, const struct options *options,
		    const struct store_device_filter *filter, struct store_exception *row)
{
	struct places places = {NULL, 0};
	const char *role;
	int ret = -1;

	if (take_role(options, &role))
		return -1;
	if (admin->store->desk->devices(admin->store, filter, add_place, &places, &admin->err)) {
		admin_fail(admin);
		goto out;
	}
	for (size_t i = 0; i < places.count; i++)
		if (check_policy(admin, &places.all[i], role, row->until))
			goto out;
	if (strcmp(role, "office") == 0 && check_opening(row))
		goto out;
	ret = options_has(options, "role") ? note_role(role, row) : 0;
out:
	free(places.all);
	return ret;
}
