/* A policy's text, from a signed document or a technician's editor: policy_parse(), policy_lint(),
 * every accessor, and lists asked about things that were measured.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/policy/policy.h"

#include <stdlib.h>
#include <string.h>

static void ask_all(const struct policy *policy)
{
	static const char *const measured[] = {"tcp/22", "10.20.0.7", "2001:db8::1%eth0",
					       "0951:1666:60A44C41", "firefox"};
	struct buf shown;

	buf_init(&shown, 0);
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		enum policy_key key = (enum policy_key)i;

		policy_show(policy, key, &shown);
		(void)policy_changed(policy, key);
		if (policy_schema(key)->type != POLICY_LIST)
			continue;
		for (size_t j = 0; j < sizeof(measured) / sizeof(*measured); j++)
			(void)policy_lists(policy, key, measured[j]);
		(void)policy_lists_day(policy, key, 20261122);
		if (policy_count(policy, key) > (size_t)policy_schema(key)->max)
			abort();
	}
	buf_clear(&shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct policy *policy = NULL, *linted = NULL;
	unsigned errors, warnings;
	struct err err;
	struct buf out;
	int ret;

	buf_init(&out, 0);
	ret = policy_parse("fuzz", (const char *)data, len, &policy, &err);
	if (ret == 0)
		ask_all(policy);
	/* Lint and parse agree on what is a policy, and say why when it is none. */
	if (policy_lint("fuzz", (const char *)data, len, &linted, &out, &errors, &warnings) != ret)
		abort();
	if ((ret == 0) != (errors == 0) || (ret && (linted || out.len == 0)))
		abort();
	policy_free(policy);
	policy_free(linted);
	buf_clear(&out);
	return 0;
}
