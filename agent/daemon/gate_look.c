/* Looking at what is plugged in: a port, the disks that hang on no USB device, or everything.
 * What is found is judged, what is gone is forgotten.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_plugged.h"
#include "agent/gate/compatible.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"

/* Once a configuration: what is asked goes to the device itself. */
static void ask(struct gate *gate, const struct plat_port_device *raw, struct gate_plugged *plugged)
{
	unsigned char ids[GATE_COMPATIBLE_MAX];
	size_t len = 0;
	struct err err;

	if (!gate->rules || !gate_compatible_asks(&gate->device, gate->rules))
		return;
	if (plugged->asked != raw->configuration + 1) {
		plugged->asked = raw->configuration + 1;
		plugged->says_mtp = 0;
		if (plat_gate_compatible(gate->platform, raw->port, ids, sizeof(ids), &len, &err) ==
		    0)
			plugged->says_mtp = gate_compatible_media(&gate->device, ids, len);
		else if (err.code != ERR_NOTFOUND)
			log_warn("%s is not asked whether it is MTP: %s", raw->port, err.msg);
	}
	gate_compatible_hold(&gate->device, gate->rules, plugged->says_mtp);
}

/* Looks come before events do: of a twin that went, of a disk.  What is there by now may have been
 * plugged in since: then nothing of the one before it is known of this one, and 'gone' is its id.
 */
static struct gate_plugged *find_plugging(struct gate *gate, const struct plat_port_device *raw,
					  char gone[GATE_ID])
{
	struct gate_plugged *plugged = gate_find(gate, raw->port);

	gone[0] = '\0';
	if (plugged && gate_is_other_plugging(plugged, raw->number)) {
		(void)text_copy(gone, GATE_ID, plugged->shown.id);
		gate_forget(gate, raw->port);
	}
	plugged = gate_find_or_add(gate, raw->port);
	if (plugged) {
		plugged->marked = true;
		plugged->number = raw->number;
		gate_facts(raw, &gate->aliases, gate->rules, &gate->device);
	}
	return plugged;
}

static void look_at_device(struct gate *gate, const struct plat_port_device *raw)
{
	char gone[GATE_ID];
	struct gate_plugged *plugged = find_plugging(gate, raw, gone);
	bool was_let = false;

	if (!plugged)
		return;
	ask(gate, raw, plugged);
	/* What an earlier run of ours let through is not plugged in newly. */
	for (unsigned i = 0; i < gate->device.interface_count; i++)
		was_let |= gate->device.interfaces[i].held != GATE_FREE &&
			   gate->device.interfaces[i].authorized && !gate->looked;
	if (!plugged->judged)
		plugged->locked_out = gate->locked && !was_let;
	gate_judge(gate, plugged);
	if (*gone && strcmp(gone, plugged->shown.id) != 0)
		gate_look_at_twins(gate, raw->port, gone);
}

void gate_look_at_port(struct gate *gate, const char *port)
{
	struct plat_port_device *raw = malloc(sizeof(*raw));
	struct err err;

	if (!raw)
		return;
	if (plat_gate_device(gate->platform, port, raw, &err) == 0)
		look_at_device(gate, raw);
	else if (err.code == ERR_NOTFOUND)
		gate_forget(gate, port);
	else
		log_warn("port %s cannot be looked at, what waits there waits on: %s", port,
			 err.msg);
	free(raw);
}

void gate_look_at_twins(struct gate *gate, const char *place, const char *id)
{
	char places[8][GATE_NAME], copy[GATE_ID];
	unsigned count = 0;

	(void)text_copy(copy, sizeof(copy), id);
	for (const struct gate_plugged *other = gate->plugged; other && count < 8;
	     other = other->next)
		if (strcmp(other->place, place) != 0 && !other->alone && other->held &&
		    strcmp(other->shown.id, copy) == 0)
			(void)text_copy(places[count++], GATE_NAME, other->place);
	for (unsigned i = 0; i < count; i++)
		gate_look_at_port(gate, places[i]);
}

static void look_at_disk(struct gate *gate, const struct plat_medium *disk, bool is_open)
{
	struct gate_plugged *plugged = gate_find_or_add(gate, disk->name);

	if (!plugged)
		return;
	if (!plugged->judged)
		/* As above: an earlier run of ours opened it. */
		plugged->locked_out = gate->locked && (gate->looked || !is_open);
	plugged->alone = plugged->marked = true;
	memset(&gate->device, 0, sizeof(gate->device));
	gate_judge(gate, plugged);
}

struct disks {
	struct {
		struct plat_medium disk;
		bool is_open; /* or some part of it */
	} * all;
	unsigned count;
};

static void note_open(struct disks *disks, const struct plat_medium *medium)
{
	for (unsigned i = 0; i < disks->count; i++)
		if (strcmp(disks->all[i].disk.name, medium->disk) == 0)
			disks->all[i].is_open |= medium->told && !medium->closed;
}

static int one_disk(void *ctx, const struct plat_medium *medium)
{
	struct disks *disks = ctx;
	void *more;

	if (!*medium->parent && disks->count < GATE_PARTS_MAX) {
		more = realloc(disks->all, (disks->count + 1) * sizeof(*disks->all));
		if (!more)
			return -1;
		disks->all = more;
		disks->all[disks->count].disk = *medium;
		disks->all[disks->count++].is_open = false;
	}
	note_open(disks, medium);
	return 0;
}

void gate_look_at_disks(struct gate *gate)
{
	struct disks disks = {0};
	struct err err;

	if (plat_gate_media(gate->platform, "", one_disk, &disks, &err) < 0)
		log_warn("disks cannot be looked at: %s", err.msg);
	for (unsigned i = 0; i < disks.count; i++)
		look_at_disk(gate, &disks.all[i].disk, disks.all[i].is_open);
	free(disks.all);
}

/* Each is known by its id before any is judged: it may be another's twin. */
static int name_device(void *ctx, const struct plat_port_device *raw)
{
	struct gate *gate = ctx;
	char gone[GATE_ID];
	struct gate_plugged *plugged = find_plugging(gate, raw, gone);

	if (plugged)
		gate_device_id(&gate->device, plugged->shown.id);
	return 0;
}

static int one_device(void *ctx, const struct plat_port_device *raw)
{
	look_at_device(ctx, raw);
	return 0;
}

static void forget_unmarked(struct gate *gate, bool alone)
{
	struct gate_plugged *next;

	for (struct gate_plugged *plugged = gate->plugged; plugged; plugged = next) {
		next = plugged->next;
		if (!plugged->marked && plugged->alone == alone)
			gate_forget(gate, plugged->place);
	}
}

void gate_look_at_all(struct gate *gate)
{
	struct err err;

	gate->baseline = gate->memory.fresh;
	gate->memory.fresh = false;
	for (struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next)
		plugged->marked = false;
	if (plat_gate_devices(gate->platform, name_device, gate, &err) == 0)
		forget_unmarked(gate, false);
	if (plat_gate_devices(gate->platform, one_device, gate, &err) < 0)
		log_error("what is plugged in cannot be looked at: %s", err.msg);
	gate_look_at_disks(gate);
	gate->baseline = false;
	gate->looked = true;
	forget_unmarked(gate, true);
}
