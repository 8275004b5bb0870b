/* Which reasons the tests of a program have made their controls give: every row of a control's
 * table is one that the control can say, with every {member} of its sentences in the evidence.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_SAID_TOKENS_H
#define CARETAKER_TESTS_SAID_TOKENS_H

#include "agent/base/buf.h"
#include "agent/base/json.h"
#include "agent/proto/reason.h"
#include "tests/unit/unit.h"

#define ROWS_MAX 64

static bool row_was_said[CONTROL_COUNT][ROWS_MAX];

/* Looks at both sentences of what was said, and remembers its row. */
static inline void look_at_words(enum control_id id, const char *why, const char *evidence)
{
	struct buf wrong, todo;
	struct json *root = NULL;
	const struct reason *row;

	buf_init(&wrong, 0);
	buf_init(&todo, 0);
	assert_true(reason_known(id, why));
	assert_works(json_parse(evidence, strlen(evidence), &root, &err));
	reason_wrong(id, why, root, &wrong);
	reason_todo(id, why, root, &todo);
	/* A sentence that lacks its member is a row that does not fit its control. */
	if (strstr(buf_text(&wrong), "(not known)") || strstr(buf_text(&todo), "(not known)"))
		fail_msg("%s %s: '%s' '%s' of %s", control_name(id), why, buf_text(&wrong),
			 buf_text(&todo), evidence);
	for (size_t i = 0; i < ROWS_MAX && (row = reason_at(id, i)); i++)
		if (strcmp(row->token, why) == 0)
			row_was_said[id][i] = true;
	json_free(root);
	buf_clear(&wrong);
	buf_clear(&todo);
}

/* The last test of a program: the rows of these controls up to the ones that all have ("ok"). */
static inline void assert_every_row_was_said(const enum control_id *ids, size_t count)
{
	const struct reason *row;
	char missing[1024] = "";
	size_t len = 0;

	for (size_t c = 0; c < count; c++)
		for (size_t i = 0; (row = reason_at(ids[c], i)) && strcmp(row->token, "ok") != 0;
		     i++)
			if (!row_was_said[ids[c]][i] && len < sizeof(missing) - 80)
				len += (size_t)snprintf(missing + len, sizeof(missing) - len,
							" %s/%s", control_name(ids[c]), row->token);
	if (len)
		fail_msg("no test makes a control say:%s", missing);
}

#endif
