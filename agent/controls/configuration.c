/* Required programs are there, and settings are the school's.  Clause 19.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/table.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/controls/hash.h"
#include "agent/controls/list.h"
#include "agent/policy/policy.h"
#include "platform/platform.h"

enum which {
	LIST_MISSING,
	LIST_UNITS,
	LIST_CHANGED,
	LIST_MISSING_FILES,
	LIST_BROWSERS,
	LIST_UNREAD,
	LIST_COUNT,
};

struct findings {
	struct list lists[LIST_COUNT];
	char message[256]; /* of the first thing that could not be looked at */
};

static void unread(struct findings *findings, const char *name, const struct err *err)
{
	if (!*findings->message)
		(void)snprintf(findings->message, sizeof(findings->message), "%s", err->msg);
	list_add(&findings->lists[LIST_UNREAD], name);
}

static void look_at_packages(const struct policy *policy, struct findings *findings)
{
	char version[96];
	struct err err;

	for (size_t i = 0; i < policy_count(policy, POLICY_CONFIGURATION_REQUIRED_PACKAGES); i++) {
		const char *name = policy_item(policy, POLICY_CONFIGURATION_REQUIRED_PACKAGES, i);

		if (plat_package_find(name, version, &err) == 0)
			continue;
		if (err.code == ERR_NOTFOUND)
			list_add(&findings->lists[LIST_MISSING], name);
		else
			unread(findings, name, &err);
	}
}

static void look_at_units(const struct policy *policy, struct findings *findings)
{
	struct plat_service service;
	struct err err;

	for (size_t i = 0; i < policy_count(policy, POLICY_CONFIGURATION_REQUIRED_UNITS); i++) {
		const char *name = policy_item(policy, POLICY_CONFIGURATION_REQUIRED_UNITS, i);

		if (plat_service(name, &service, &err) < 0) {
			unread(findings, name, &err);
		} else if (service.run == PLAT_SERVICE_UNKNOWN) {
			(void)err_set(&err, ERR_UNSUPPORTED, "whether '%.100s' runs", name);
			unread(findings, name, &err);
		} else if (service.run != PLAT_SERVICE_RUNNING) {
			list_add(&findings->lists[LIST_UNITS], name);
		}
	}
}

static void look_at_files(const struct policy *policy, enum policy_key key, enum which changed,
			  enum which missing, struct findings *findings)
{
	for (size_t i = 0; i < policy_count(policy, key); i++) {
		char path[512], hex[HASH_HEX_SIZE];
		const char *wanted;
		struct err err;

		hash_split(policy_item(policy, key, i), path, sizeof(path), &wanted);
		if (hash_file(path, hex, &err) == 0) {
			if (!hash_equal(hex, wanted))
				list_add(&findings->lists[changed], path);
		} else if (err.code == ERR_NOTFOUND) {
			list_add(&findings->lists[missing], path);
		} else {
			unread(findings, path, &err);
		}
	}
}

static bool is_named(const struct policy *policy, const char *path)
{
	char named[512];
	const char *hash;

	for (size_t i = 0; i < policy_count(policy, POLICY_CONFIGURATION_BROWSER_POLICIES); i++) {
		hash_split(policy_item(policy, POLICY_CONFIGURATION_BROWSER_POLICIES, i), named,
			   sizeof(named), &hash);
		if (!strcmp(named, path))
			return true;
	}
	return false;
}

/* A policy file that nobody named can undo the school's. */
static void look_for_others(const struct policy *policy, struct findings *findings)
{
	struct plat_browser_files files;
	struct err err;

	if (!policy_flag(policy, POLICY_CONFIGURATION_BROWSER_POLICIES_ONLY))
		return;
	if (plat_browser_files(&files, &err) < 0) {
		unread(findings, "browser policies", &err);
		return;
	}
	for (size_t i = 0; i < files.count; i++)
		if (!is_named(policy, files.files[i].path))
			list_add(&findings->lists[LIST_BROWSERS], files.files[i].path);
	plat_browser_files_clear(&files);
}

static size_t required(const struct policy *policy)
{
	return policy_count(policy, POLICY_CONFIGURATION_REQUIRED_PACKAGES) +
	       policy_count(policy, POLICY_CONFIGURATION_REQUIRED_UNITS) +
	       policy_count(policy, POLICY_CONFIGURATION_FILES) +
	       policy_count(policy, POLICY_CONFIGURATION_BROWSER_POLICIES) +
	       (policy_flag(policy, POLICY_CONFIGURATION_BROWSER_POLICIES_ONLY) ? 1 : 0);
}

static void say(struct findings *findings, struct jsonw *w, struct control_result *result)
{
	static const struct {
		const char *name, *why;
	} lists[LIST_COUNT] = {
		[LIST_MISSING] = {"missing", "package-missing"},
		[LIST_UNITS] = {"stopped", "unit-stopped"},
		[LIST_CHANGED] = {"changed", "file-changed"},
		[LIST_MISSING_FILES] = {"missing_files", "file-missing"},
		[LIST_BROWSERS] = {"browsers", "browser-policy"},
		[LIST_UNREAD] = {"unread", "cannot-tell"},
	};

	if (*findings->message)
		jsonw_string(w, "message", findings->message);
	for (size_t i = 0; i < LIST_COUNT; i++) {
		if (findings->lists[i].count)
			control_say(result, i == LIST_UNREAD ? VERDICT_UNKNOWN : VERDICT_FAIL,
				    lists[i].why);
		list_write(&findings->lists[i], w, lists[i].name);
	}
	control_say(result, VERDICT_PASS, "ok");
}

static int run(const struct control_input *input, struct jsonw *w, struct control_result *result,
	       struct err *err)
{
	const struct policy *policy = input->policy;
	struct findings findings = {0};

	(void)err;
	if (!required(policy)) {
		control_say(result, VERDICT_NOT_APPLICABLE, "nothing-required");
		return 0;
	}
	for (size_t i = 0; i < LIST_COUNT; i++)
		list_init(&findings.lists[i]);
	look_at_packages(policy, &findings);
	look_at_units(policy, &findings);
	look_at_files(policy, POLICY_CONFIGURATION_FILES, LIST_CHANGED, LIST_MISSING_FILES,
		      &findings);
	look_at_files(policy, POLICY_CONFIGURATION_BROWSER_POLICIES, LIST_BROWSERS, LIST_BROWSERS,
		      &findings);
	look_for_others(policy, &findings);
	jsonw_int(w, "required", (int64_t)required(policy));
	say(&findings, w, result);
	return 0;
}

const struct control control_configuration = {CONTROL_CONFIGURATION, run};
