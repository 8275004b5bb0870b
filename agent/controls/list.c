/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/controls/list.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 20
#define BYTES_MAX 4096

void list_init(struct list *list)
{
	memset(list, 0, sizeof(*list));
	buf_init(&list->text, BYTES_MAX);
	jsonw_init(&list->w, &list->text);
	jsonw_array(&list->w, NULL);
}

void list_add(struct list *list, const char *text)
{
	list->count++;
	/* A control character takes six bytes as JSON: half the room is kept free for that. */
	if (list->shown < SHOWN_MAX && list->text.len + 2 * strlen(text) < BYTES_MAX / 2) {
		jsonw_string(&list->w, NULL, text);
		list->shown++;
	}
}

void list_add_once(struct list *list, const char *text)
{
	char quoted[160];

	(void)snprintf(quoted, sizeof(quoted), "\"%.150s\"", text);
	if (!list->text.data || !strstr(list->text.data, quoted))
		list_add(list, text);
}

void list_write(struct list *list, struct jsonw *w, const char *name)
{
	char count[48];

	jsonw_array_end(&list->w);
	if (list->count && !list->text.failed) {
		jsonw_raw(w, name, list->text.data, list->text.len);
		if (list->count > list->shown) {
			(void)snprintf(count, sizeof(count), "%s_count", name);
			jsonw_int(w, count, list->count);
		}
	}
	buf_clear(&list->text);
}
