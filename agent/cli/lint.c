/* caretaker policy lint FILE...: what is wrong in policy files, with file, line and what was meant.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/options.h"
#include "agent/base/text.h"
#include "agent/policy/policy.h"
#include "agent/proto/documents.h"
#include "platform/os.h"

#include <stdio.h>

/* -1: refused, said on standard error; else the number of warnings. */
static int lint(const char *path, struct err *err)
{
	struct policy *policy = NULL;
	struct buf text, warnings, shown;
	int ret = -1;

	buf_init(&text, POLICY_MAX_INI + 1);
	buf_init(&warnings, 0);
	buf_init(&shown, 0);
	if (plat_file_read(path, POLICY_MAX_INI, &text, err) == 0 &&
	    policy_parse(path, buf_text(&text), text.len, &policy, err) == 0) {
		ret = (int)policy_warnings(policy, &warnings);
		text_clean_lines(&shown, buf_text(&warnings), warnings.len); /* a file's name */
		fputs(buf_text(&shown), stderr);
	}
	policy_free(policy);
	buf_clear(&text);
	buf_clear(&warnings);
	buf_clear(&shown);
	return ret;
}

int cli_policy_lint(const struct options *options)
{
	int code = CLI_COMPLIANT;
	struct err err;

	for (int i = 0; i < options->operand_count; i++) {
		int warnings = lint(options->operands[i], &err);

		if (warnings < 0) {
			cli_put_clean(stderr, err.msg);
			fputs("\n", stderr);
			code = CLI_NOT;
		} else if (warnings > 0) {
			if (options_has(options, "strict"))
				code = CLI_NOT;
		} else {
			cli_print_clean(options->operands[i]);
			printf(": good\n");
		}
	}
	return code;
}
