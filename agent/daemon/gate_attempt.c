/* An attempt, put on record: once when its answer stands, and again when that changes.  How the
 * lines are written, and which repeats are counted together, is gate_record.c's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_plugged.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/text.h"
#include "platform/os.h"

static bool is_storage(const struct gate_plugged *plugged)
{
	return !plugged->decision.hardware;
}

static void name_event(const struct gate_plugged *plugged, char out[24])
{
	bool was_open = plugged->unsaid ||
			(plugged->recorded && (plugged->on_record.verdict == VERDICT_OPEN ||
					       plugged->on_record.verdict == VERDICT_READ_ONLY));
	const char *what = "opened";

	if (plugged->verdict == VERDICT_REFUSED)
		what = was_open ? "shut" : "refused";
	(void)snprintf(out, 24, "%s-%s", is_storage(plugged) ? "storage" : "hardware", what);
}

static void fill_event(const struct gate *gate, const struct gate_plugged *plugged,
		       struct gate_event *event)
{
	bool known;

	memset(event, 0, sizeof(*event));
	event->at = gate_now(gate, &known);
	event->count = 1;
	event->enforced = plugged->decision.mode == GATE_ENFORCE;
	event->device = plugged->shown;
	event->verdict = gate_verdict_name(plugged->verdict);
	event->line = plugged->line;
	event->until = plugged->decision.until;
	(void)text_copy(event->why, sizeof(event->why), plugged->why);
	(void)text_copy(event->exception, sizeof(event->exception), plugged->decision.exception);
	(void)text_copy(event->user, sizeof(event->user), gate->user);
	if (plugged->deciding) {
		const struct plat_medium *medium = &plugged->parts[plugged->deciding - 1].medium;

		event->bytes = medium->bytes;
		(void)text_copy(event->file_system, sizeof(event->file_system),
				medium->file_system);
	}
}

/* Once a day a device; those in between are counted to the next day's. */
static void record_quiet(struct gate *gate, const struct gate_plugged *plugged)
{
	struct gate_known *known = gate_memory_find(&gate->memory, plugged->shown.id);
	struct gate_event event;
	int64_t today;
	bool clock;

	if (!known)
		return;
	today = gate_now(gate, &clock) / 86400;
	gate->memory.changed = true;
	if (known->day == today) {
		known->count++;
		return;
	}
	fill_event(gate, plugged, &event);
	(void)text_copy(event.type, sizeof(event.type), "hardware-seen");
	event.count = known->count + 1;
	known->day = today;
	known->count = 0;
	gate_record_event(&gate->record, &event, plat_uptime_ms());
}

/* The medium stays open; what it was is said as a refusal. */
static void record_file(struct gate *gate, const struct gate_plugged *plugged,
			const struct gate_part *part)
{
	struct gate_event event;

	fill_event(gate, plugged, &event);
	(void)text_copy(event.type, sizeof(event.type), "storage-refused");
	(void)text_copy(event.why, sizeof(event.why), part->scan.word);
	event.bytes = part->medium.bytes;
	(void)text_copy(event.file_system, sizeof(event.file_system), part->medium.file_system);
	gate_record_event(&gate->record, &event, plat_uptime_ms());
}

static void record_files(struct gate *gate, struct gate_plugged *plugged)
{
	for (unsigned i = 0; i < plugged->part_count; i++) {
		if (plugged->parts[i].file_refused)
			record_file(gate, plugged, &plugged->parts[i]);
		plugged->parts[i].file_refused = false;
	}
}

void gate_record_change(struct gate *gate, const struct gate_plugged *plugged)
{
	struct gate_event event;

	fill_event(gate, plugged, &event);
	event.enforced = false;
	event.verdict = gate_verdict_name(VERDICT_PASSED);
	event.line = 0;
	(void)text_copy(event.type, sizeof(event.type), "hardware-changed");
	(void)text_copy(event.why, sizeof(event.why), "was-storage");
	gate_record_event(&gate->record, &event, plat_uptime_ms());
}

static bool is_quiet(const struct gate_plugged *plugged)
{
	return plugged->deciding ? plugged->parts[plugged->deciding - 1].quiet
				 : plugged->decision.quiet;
}

static bool is_same(const struct gate_on_record *a, const struct gate_on_record *b)
{
	return a->verdict == b->verdict && a->enforced == b->enforced &&
	       strcmp(a->exception, b->exception) == 0;
}

void gate_put_on_record(struct gate *gate, struct gate_plugged *plugged)
{
	struct gate_on_record now = {.verdict = plugged->verdict,
				     .enforced = plugged->decision.mode == GATE_ENFORCE};
	struct gate_event event;

	(void)text_copy(now.exception, sizeof(now.exception), plugged->decision.exception);
	record_files(gate, plugged);
	if (!plugged->settled || !plugged->held || plugged->decision.mode == GATE_OFF)
		return;
	if (!plugged->recorded)
		plugged->recorded = gate_recorded_earlier(gate, plugged, &plugged->on_record);
	if (plugged->recorded && is_same(&plugged->on_record, &now))
		return;
	if (plugged->verdict == VERDICT_PASSED || is_quiet(plugged)) {
		if (!plugged->recorded && is_quiet(plugged))
			record_quiet(gate, plugged);
	} else {
		fill_event(gate, plugged, &event);
		name_event(plugged, event.type);
		gate_record_event(&gate->record, &event, plat_uptime_ms());
	}
	plugged->unsaid = false;
	plugged->recorded = gate->recorded_changed = true;
	plugged->on_record = now;
}
