/* What is plugged in, by place: at most GATE_PLUGGED_MAX.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_plugged.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"
#include "agent/gate/scan_ask.h"
#include "platform/os.h"

const char *gate_verdict_name(enum gate_verdict verdict)
{
	static const char *const names[] = {"passed", "refused", "judging", "read-only", "open"};

	return names[verdict];
}

struct gate_plugged *gate_find(const struct gate *gate, const char *place)
{
	for (struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next)
		if (strcmp(plugged->place, place) == 0)
			return plugged;
	return NULL;
}

struct gate_plugged *gate_find_or_add(struct gate *gate, const char *place)
{
	struct gate_plugged *plugged = gate_find(gate, place), **end = &gate->plugged;

	if (plugged || gate->plugged_count == GATE_PLUGGED_MAX)
		return plugged;
	plugged = calloc(1, sizeof(*plugged));
	if (!plugged)
		return NULL; /* undecided is shut */
	(void)text_copy(plugged->place, sizeof(plugged->place), place);
	while (*end)
		end = &(*end)->next;
	*end = plugged;
	gate->plugged_count++;
	return plugged;
}

bool gate_is_other_plugging(const struct gate_plugged *plugged, unsigned number)
{
	return plugged->number && number && plugged->number != number;
}

void gate_forget(struct gate *gate, const char *place)
{
	for (struct gate_plugged **at = &gate->plugged; *at; at = &(*at)->next) {
		struct gate_plugged *gone = *at;

		if (strcmp(gone->place, place) != 0)
			continue;
		*at = gone->next;
		for (unsigned i = 0; i < gone->part_count; i++)
			gate_scan_end(gate, &gone->parts[i]);
		gate_recorded_forget(gate, gone->place);
		free(gone);
		gate->plugged_count--;
		gate->changed = gate->gone = gate->recorded_changed = true;
		return;
	}
}
