/* agent/gate/rules.c: what is taken prints as text that is taken again, alike.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/gate/rules.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct gate_rules *rules = NULL, *again = NULL;
	struct err err = {ERR_NONE, ""};
	struct buf first, second;

	if (gate_rules_parse((const char *)data, len, &rules, &err)) {
		must(!rules && err.msg[0]);
		return 0;
	}
	must(rules->rule_count <= GATE_RULES_COUNT_MAX);
	buf_init(&first, 0);
	buf_init(&second, 0);
	gate_rules_print(rules, &first);
	/* Escapes may make it longer than what may be read. */
	if (first.len <= GATE_RULES_MAX &&
	    gate_rules_parse(first.data, first.len, &again, &err) == 0) {
		gate_rules_print(again, &second);
		must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	} else {
		must(first.len > GATE_RULES_MAX || strstr(err.msg, "longer than"));
	}
	buf_clear(&first);
	buf_clear(&second);
	gate_rules_free(rules);
	gate_rules_free(again);
	return 0;
}
