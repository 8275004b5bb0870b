/* See diff.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/diff.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/policy/policy.h"

#include <string.h>

static void put(struct buf *out, const struct buf *value)
{
	buf_adds(out, value->len ? buf_text(value) : "(empty)");
}

static int compare(const struct policy *before, const struct policy *after, struct buf *out,
		   unsigned *out_changes, struct err *err)
{
	struct buf a, b;

	buf_init(&a, 0);
	buf_init(&b, 0);
	*out_changes = 0;
	for (int i = 0; i < POLICY_KEY_COUNT; i++) {
		const struct policy_schema *schema = policy_schema((enum policy_key)i);
		buf_reset(&a);
		buf_reset(&b);
		policy_show(before, (enum policy_key)i, &a);
		policy_show(after, (enum policy_key)i, &b);
		if (!strcmp(buf_text(&a), buf_text(&b)))
			continue;
		++*out_changes;
		buf_addf(out, "[%s] %s: ", schema->section, schema->key);
		put(out, &a);
		buf_adds(out, " -> ");
		put(out, &b);
		buf_addc(out, '\n');
	}
	buf_clear(&a);
	buf_clear(&b);
	return buf_check(out, err);
}

int diff_policies(const char *name_before, const struct buf *before, const char *name_after,
		  const struct buf *after, struct buf *out, unsigned *out_changes, struct err *err)
{
	struct policy *a = NULL, *b = NULL;
	int ret = -1;

	if (!policy_parse(name_before, buf_text(before), before->len, &a, err) &&
	    !policy_parse(name_after, buf_text(after), after->len, &b, err))
		ret = compare(a, b, out, out_changes, err);
	policy_free(a);
	policy_free(b);
	return ret;
}
