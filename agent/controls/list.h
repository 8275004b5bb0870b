/* Short lists of names in a control's evidence: the first few, how many there were, and never more
 * bytes than one control may send.  For controls alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_CONTROLS_LIST_H
#define CARETAKER_CONTROLS_LIST_H

#include <stdbool.h>

#include "agent/base/buf.h"
#include "agent/base/jsonw.h"

struct list {
	struct buf text;
	struct jsonw w;
	unsigned count, shown;
};

void list_init(struct list *list);
void list_add(struct list *list, const char *text);
void list_add_once(struct list *list, const char *text);
/* Writes member 'name' (and "NAME_count" when some are not shown), or nothing when it is empty;
 * frees the list either way. */
void list_write(struct list *list, struct jsonw *w, const char *name);

#endif
