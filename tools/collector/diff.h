/* What differs between two policies in what they mean: setting by setting, defaults filled in, so
 * that moved lines and comments are no difference.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_DIFF_H
#define CARETAKER_COLLECTOR_DIFF_H

struct buf;
struct err;

/* Appends "[section] key: before -> after" a line each. */
int diff_policies(const char *name_before, const struct buf *before, const char *name_after,
		  const struct buf *after, struct buf *out, unsigned *out_changes, struct err *err);

#endif
