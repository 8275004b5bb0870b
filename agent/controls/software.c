/* What is installed, against what the school forbids and where it may come from.  Clauses 16 to 18.
 *
 * Packages no archive offers were put there by hand; programs in homes, by whoever lives there.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/table.h"

#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/controls/list.h"
#include "agent/policy/policy.h"
#include "platform/platform.h"

enum which {
	LIST_BANNED,
	LIST_NOT_APPROVED,
	LIST_FOREIGN,
	LIST_SOURCES,
	LIST_IN_HOME,
	LIST_LICENSED,
	LIST_COUNT,
};

struct lists {
	struct list all[LIST_COUNT];
	unsigned by_kind[PLAT_PACKAGE_KINDS];
	bool origin_unknown;
};

static void lists_init(struct lists *lists)
{
	memset(lists, 0, sizeof(*lists));
	for (size_t i = 0; i < LIST_COUNT; i++)
		list_init(&lists->all[i]);
}

static void lists_write(struct lists *lists, struct jsonw *w)
{
	static const char *const names[LIST_COUNT] = {"banned",  "not_approved", "foreign",
						      "sources", "in_home",      "needs_licence"};

	for (size_t i = 0; i < LIST_COUNT; i++)
		list_write(&lists->all[i], w, names[i]);
}

static const char *program_name(const struct plat_package *package)
{
	const char *slash = strrchr(package->name, '/');

	return slash ? slash + 1 : package->name;
}

/* Our own packages may be installed from a file that the technician carries. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = {"caretaker", "caretaker-session", "caretaker-collector",
					   "caretaker-fleet"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (!strcmp(ours[i], name))
			return true;
	return false;
}

/* An older kernel stays installed after the archive has dropped it: nobody put it there by hand. */
static bool is_left_over(const char *name)
{
	static const char *const beginnings[] = {"linux-image-", "linux-headers-", "linux-modules-",
						 "linux-kbuild-", "linux-modules-extra-"};

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
		size_t n = strlen(beginnings[i]);

		/* With a version in its name, "linux-image-6.1.0-35-amd64". */
		if (!strncmp(name, beginnings[i], n) && name[n] >= '0' && name[n] <= '9')
			return true;
	}
	return false;
}

/* What is being judged, and what is said of it. */
struct judging {
	const struct control_input *input;
	struct control_result *result;
	struct lists lists;
};

static void add_unless_excepted(struct judging *judging, enum which list,
				const struct plat_package *package)
{
	const char *name = program_name(package);

	if (control_excepts(judging->input, judging->result, name, name))
		return;
	list_add(&judging->lists.all[list], package->name);
	if (list == LIST_FOREIGN)
		list_add_once(&judging->lists.all[LIST_SOURCES], package->origin);
}

static void judge_source(struct judging *judging, const struct plat_package *package)
{
	const struct policy *policy = judging->input->policy;
	const char *name = program_name(package);

	if (is_ours(name) || policy_lists(policy, POLICY_SOFTWARE_APPROVED, name))
		return;
	if (!strcmp(package->origin, "home")) {
		if (!policy_flag(policy, POLICY_SOFTWARE_IN_HOME_ALLOWED))
			add_unless_excepted(judging, LIST_IN_HOME, package);
		return;
	}
	if (package->from_archive == PLAT_CANNOT_TELL) {
		judging->lists.origin_unknown = true;
	} else if (package->from_archive == PLAT_NO) {
		if (!is_left_over(name) &&
		    !policy_lists(policy, POLICY_SOFTWARE_ALLOWED_SOURCES, ""))
			add_unless_excepted(judging, LIST_NOT_APPROVED, package);
	} else if (!policy_lists(policy, POLICY_SOFTWARE_ALLOWED_SOURCES, package->origin)) {
		add_unless_excepted(judging, LIST_FOREIGN, package);
	}
}

static void judge_package(struct judging *judging, const struct plat_package *package)
{
	const struct policy *policy = judging->input->policy;
	const char *name = program_name(package);
	struct lists *lists = &judging->lists;

	lists->by_kind[package->kind]++;
	if (policy_lists(policy, POLICY_SOFTWARE_NEEDS_LICENCE, name))
		list_add(&lists->all[LIST_LICENSED], package->name);
	if (policy_lists(policy, POLICY_SOFTWARE_SPARED, name))
		return;
	if (policy_lists(policy, POLICY_SOFTWARE_BANNED, name)) {
		add_unless_excepted(judging, LIST_BANNED, package);
		return;
	}
	judge_source(judging, package);
}

static void say(const struct lists *lists, const struct plat_software *software, struct jsonw *w,
		struct control_result *result)
{
	static const struct {
		enum which list;
		const char *why;
	} fails[] = {
		{LIST_BANNED, "banned"},
		{LIST_NOT_APPROVED, "not-approved"},
		{LIST_FOREIGN, "foreign-source"},
		{LIST_IN_HOME, "in-home"},
	};

	for (size_t i = 0; i < sizeof(fails) / sizeof(*fails); i++)
		if (lists->all[fails[i].list].count)
			control_say(result, VERDICT_FAIL, fails[i].why);
	if (lists->origin_unknown || *software->detail || software->more) {
		jsonw_string(w, "message",
			     *software->detail ? software->detail
			     : software->more  ? "there are more packages than are looked at"
					       : "where some packages are from is not known");
		control_say(result, VERDICT_UNKNOWN, "cannot-tell");
	}
	control_say(result, VERDICT_PASS, "ok");
}

static int run(const struct control_input *input, struct jsonw *w, struct control_result *result,
	       struct err *err)
{
	struct judging judging = {.input = input, .result = result};
	struct lists *lists = &judging.lists;
	struct plat_software software;

	if (plat_software(input->cache_dir, &software, err) < 0)
		return -1;
	lists_init(lists);
	for (size_t i = 0; i < software.count; i++)
		judge_package(&judging, &software.packages[i]);
	jsonw_object(w, "kinds");
	for (unsigned kind = 0; kind < PLAT_PACKAGE_KINDS; kind++)
		if (lists->by_kind[kind])
			jsonw_int(w, plat_package_kind_name((enum plat_package_kind)kind),
				  lists->by_kind[kind]);
	jsonw_object_end(w);
	say(lists, &software, w, result);
	lists_write(lists, w);
	plat_software_clear(&software);
	return 0;
}

const struct control control_software = {CONTROL_SOFTWARE, run};
