/* One device or disk, judged: what is known of it beside its own word (gate_memory.h, its twins,
 * who sits here), the decision, and what follows.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_plugged.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/text.h"
#include "agent/gate/rules.h"

enum { CLASS_HID = 0x03 };

static bool has_twin(const struct gate *gate, const struct gate_plugged *one)
{
	size_t len = strlen(one->shown.id);

	if (one->alone || !len || one->shown.id[len - 1] == ':')
		return false; /* without a serial it is weak, not a twin */
	for (const struct gate_plugged *other = gate->plugged; other; other = other->next)
		if (other != one && strcmp(other->shown.id, one->shown.id) == 0)
			return true;
	return false;
}

static bool by_approval(const struct gate_decision *decision)
{
	return strncmp(decision->why, "approved-", 9) == 0;
}

/* What a stick looked like when it was approved; another approval takes it as it is then. */
static bool is_changed(const struct gate_plugged *plugged, const struct gate_known *known)
{
	return known->print && known->print != plugged->print;
}

static void remember_approval(struct gate *gate, const struct gate_plugged *plugged,
			      struct gate_known *known)
{
	const struct gate_decision *decision = &plugged->decision;

	if (by_approval(decision) && !known->print) {
		known->print = plugged->print;
		(void)text_copy(known->approval, sizeof(known->approval), decision->exception);
		gate->memory.changed = true;
	} else if (known->print && (strcmp(decision->why, "not-approved") == 0 ||
				    strcmp(decision->why, "not-allowed") == 0 ||
				    strcmp(decision->why, "approval-ended") == 0)) {
		known->print = 0; /* whatever is approved next is looked at afresh */
		known->approval[0] = '\0';
		gate->memory.changed = true;
	}
}

/* Of a disk that hangs on no USB device. */
static unsigned kind_of(const struct plat_medium *disk)
{
	if (disk->optical)
		return GATE_KIND_OPTICAL;
	/* A drive in a bay, or by a cable out of the case; SAS as SATA. */
	if (strcmp(disk->bus, "ata") == 0 || strcmp(disk->bus, "scsi") == 0)
		return GATE_KIND_ESATA;
	/* A drive in a case of its own, as one on USB is. */
	return strcmp(disk->bus, "thunderbolt") == 0 ? GATE_KIND_USB : GATE_KIND_CARD;
}

static void decide(struct gate *gate, struct gate_plugged *plugged)
{
	struct gate_known *known = gate_memory_find(&gate->memory, plugged->shown.id);
	struct gate_around around = {
		.locked = gate->locked && plugged->locked_out,
		.holds_system = plugged->holds_system,
		.known_since_enrolment = known && known->baseline,
		.twin = has_twin(gate, plugged),
		.changed = known && is_changed(plugged, known),
		.user = gate->user,
	};

	around.now = gate_now(gate, &around.now_known);
	if (plugged->alone && plugged->part_count)
		around.kind = kind_of(&plugged->parts[0].medium);
	else if (plugged->alone)
		around.kind = GATE_KIND_CARD;
	gate_decide(gate->rules, &gate->device, &around, &plugged->decision);
	/* Another approval than the one it changed under: whoever gave it knows it as it is now,
	 * where the policy takes somebody's word for what a serial cannot tell. */
	if (known && around.changed && gate->rules->weak_serial == GATE_WEAK_ASK &&
	    strcmp(plugged->decision.why, "changed-device") == 0 &&
	    strcmp(known->approval, plugged->decision.exception) != 0) {
		known->print = 0;
		around.changed = false;
		gate_decide(gate->rules, &gate->device, &around, &plugged->decision);
	}
	if (known)
		remember_approval(gate, plugged, known);
}

static void take_shown(struct gate *gate, struct gate_plugged *plugged)
{
	const struct gate_device *device = &gate->device;
	struct gate_facts_shown *shown = &plugged->shown;
	const struct gate_known *known;

	memset(shown, 0, sizeof(*shown));
	gate_device_id(device, shown->id);
	(void)text_copy(shown->port, sizeof(shown->port), device->port);
	(void)text_copy(shown->maker, sizeof(shown->maker), device->maker);
	(void)text_copy(shown->model, sizeof(shown->model), device->model);
	(void)text_copy(shown->kind, sizeof(shown->kind),
			plugged->alone ? "storage" : gate_facts_kind(device));
	for (unsigned i = 0; i < device->interface_count && i < GATE_RECORD_CODES; i++)
		(void)snprintf(shown->codes[shown->code_count++], sizeof(shown->codes[0]),
			       "%02x%02x%02x", device->interfaces[i].class,
			       device->interfaces[i].subclass, device->interfaces[i].protocol);
	plugged->held = plugged->alone;
	for (unsigned i = 0; i < device->interface_count; i++)
		plugged->held |= device->interfaces[i].held != GATE_FREE;
	known = plugged->held || gate->baseline ? gate_memory_find(&gate->memory, shown->id) : NULL;
	if (known)
		(void)text_copy(shown->reference, sizeof(shown->reference), known->reference);
}

/* A stick that comes back as a keyboard: nobody's keyboard is refused, but it is told of. */
static void compare_with_before(struct gate *gate, struct gate_plugged *plugged)
{
	struct gate_known *known = gate_memory_known(&gate->memory, plugged->shown.id);
	bool stores = strcmp(plugged->shown.kind, "storage") == 0, types = false;

	for (unsigned i = 0; i < gate->device.interface_count; i++)
		types |= gate->device.interfaces[i].class == CLASS_HID;
	if (!known || plugged->alone || gate_serial_is_weak(&gate->device))
		return;
	if (types && known->stored && !plugged->was_storage)
		gate_record_change(gate, plugged);
	plugged->was_storage = types && known->stored;
	if (stores && !types && !known->stored)
		known->stored = gate->memory.changed = true;
}

/* Whether media that were refused are to be looked at once more. */
static bool asks_other_things(const struct gate_decision *a, const struct gate_decision *b)
{
	return a->verb != b->verb || a->mode != b->mode || a->encrypted != b->encrypted ||
	       a->self_encrypting != b->self_encrypting || a->unlocker != b->unlocker ||
	       a->plain != b->plain || a->scan != b->scan || a->read_only != b->read_only ||
	       a->max_bytes != b->max_bytes || strcmp(a->exception, b->exception) != 0;
}

void gate_judge(struct gate *gate, struct gate_plugged *plugged)
{
	uint64_t print = gate_facts_print(&gate->device);
	const struct gate_decision before = plugged->decision;

	if (plugged->print && plugged->print != print) { /* another device, and no event said so */
		plugged->recorded = false;
		gate_recorded_forget(gate, plugged->place);
		plugged->parts_refused = false;
		for (unsigned i = 0; i < plugged->part_count; i++)
			gate_scan_end(gate, &plugged->parts[i]);
		plugged->part_count = 0;
	}
	plugged->print = print;
	plugged->judged = true;
	take_shown(gate, plugged);
	if (gate->baseline) {
		struct gate_known *known = gate_memory_find(&gate->memory, plugged->shown.id);

		if (known)
			known->baseline = gate->memory.changed = true;
	}
	gate->changed = true;
	if (gate->rules && gate->rules->storage_mode != GATE_OFF)
		compare_with_before(gate, plugged);
	if (!gate->rules) { /* nothing was decided: what waits goes on waiting */
		plugged->decision = (struct gate_decision){.verb = GATE_PASS, .mode = GATE_OFF};
		plugged->verdict = plugged->held && strcmp(gate->rules_state, "damaged") == 0
					   ? VERDICT_REFUSED
					   : VERDICT_PASSED;
		(void)text_copy(plugged->why, sizeof(plugged->why),
				plugged->held ? "no-rules" : "free");
		return;
	}
	if (plugged->held)
		gate_read_parts(gate, plugged);
	decide(gate, plugged);
	if (asks_other_things(&before, &plugged->decision))
		plugged->parts_refused = false;
	gate_judge_parts(gate, plugged);
	if (plugged->was_storage && plugged->verdict == VERDICT_PASSED)
		(void)text_copy(plugged->why, sizeof(plugged->why), "was-storage");
	gate_act(gate, plugged);
	gate_put_on_record(gate, plugged);
}
