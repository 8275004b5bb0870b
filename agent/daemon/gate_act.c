/* What was decided, done: interfaces, then the media behind them.
 *
 * The order matters.  Closing: unmount, read-only, take the file by which udev opens it, then the
 * interface.  Opening: read-only as it is to be, then udev's file.  Each step is harmless when it
 * is done already, as after the daemon was killed in between.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_plugged.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/gate/hold.h"
#include "agent/gate/rules.h"

enum { CLASS_STORAGE = 0x08 };

/* --- the media --- */

struct reading {
	struct gate_plugged *plugged;
	struct gate_part old[GATE_PARTS_MAX];
	unsigned old_count;
};

static int take_part(void *ctx, const struct plat_medium *medium)
{
	struct reading *reading = ctx;
	struct gate_plugged *plugged = reading->plugged;
	struct gate_part *part;

	/* Of disks by themselves the one that is meant, and its partitions. */
	if (plugged->alone && strcmp(medium->name, plugged->place) != 0 &&
	    strcmp(medium->disk, plugged->place) != 0)
		return 0;
	plugged->holds_system |= medium->holds_system;
	if (plugged->part_count == GATE_PARTS_MAX)
		return 0; /* never released: closed is what udev's rule leaves it */
	part = &plugged->parts[plugged->part_count++];
	memset(part, 0, sizeof(*part));
	for (unsigned i = 0; i < reading->old_count; i++)
		if (strcmp(reading->old[i].medium.name, medium->name) == 0 &&
		    reading->old[i].medium.sequence == medium->sequence)
			*part = reading->old[i];
	part->medium = *medium;
	return 0;
}

/* As a rule udev is about to.  A medium that was changed in its reader while a partition of it was
 * in use is the exception: no event comes of that partition, which would wait for ever. */
static void look_again(struct gate *gate, struct gate_part *part)
{
	struct err err;

	if (!part->medium.stale || part->looked_again)
		return;
	part->looked_again = true;
	if (plat_gate_look_again(gate->platform, part->medium.name, &err) < 0 &&
	    err.code != ERR_NOTFOUND)
		log_warn("udev does not look at '%s', it stays closed: %s", part->medium.name,
			 err.msg);
}

static bool is_still_there(const struct gate_plugged *plugged, const struct gate_part *old)
{
	for (unsigned i = 0; i < plugged->part_count; i++)
		if (strcmp(plugged->parts[i].medium.name, old->medium.name) == 0 &&
		    plugged->parts[i].medium.sequence == old->medium.sequence)
			return true;
	return false;
}

void gate_read_parts(struct gate *gate, struct gate_plugged *plugged)
{
	struct reading reading = {.plugged = plugged, .old_count = plugged->part_count};
	struct err err;

	memcpy(reading.old, plugged->parts, sizeof(reading.old));
	plugged->part_count = 0;
	plugged->holds_system = false;
	if (plat_gate_media(gate->platform, plugged->alone ? "" : plugged->place, take_part,
			    &reading, &err) < 0)
		log_warn("the media of %s cannot be looked at, they stay closed: %s",
			 plugged->place, err.msg);
	/* A disk goes a moment before its device does. */
	for (unsigned i = 0; i < reading.old_count; i++)
		if (!is_still_there(plugged, &reading.old[i])) {
			gate_scan_end(gate, &reading.old[i]);
			gate->gone = true;
		}
	for (unsigned i = 0; i < plugged->part_count; i++)
		look_again(gate, &plugged->parts[i]);
}

/* --- judging --- */

static enum gate_verdict verdict_of(enum gate_verb verb)
{
	switch (verb) {
	case GATE_PASS: return VERDICT_PASSED;
	case GATE_REFUSE: return VERDICT_REFUSED;
	case GATE_JUDGE: return VERDICT_JUDGING;
	case GATE_READ_ONLY: return VERDICT_READ_ONLY;
	case GATE_OPEN: break;
	}
	return VERDICT_OPEN;
}

static uint64_t disk_bytes(const struct gate_plugged *plugged)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < plugged->part_count; i++)
		if (!*plugged->parts[i].medium.parent)
			bytes += plugged->parts[i].medium.bytes;
	return bytes;
}

/* For as long as it is so, each of its files is scanned when it is opened. */
static bool wants_guard(const struct gate_decision *device, const struct gate_part *part)
{
	return device->verb == GATE_JUDGE && device->mode == GATE_ENFORCE &&
	       device->scan == GATE_SCAN_ON_OPEN && gate_opens_by_file(part->medium.file_system) &&
	       part->verdict != VERDICT_REFUSED;
}

static void judge_part(struct gate *gate, const struct gate_plugged *plugged,
		       struct gate_part *part)
{
	const struct gate_decision *device = &plugged->decision;
	struct gate_medium medium = {
		.bytes = part->medium.bytes,
		.device_bytes = disk_bytes(plugged),
		.whole_disk = part->medium.has_parts,
		.null_cipher = part->medium.null_cipher,
		.unlocked = part->medium.unlocked,
		.optical = part->medium.optical,
	};
	struct gate_decision said;

	if (part->bytes_judged && part->bytes_judged != part->medium.bytes) {
		gate_scan_end(gate, part); /* another card in the same reader */
		part->scanned = PART_UNSCANNED;
	}
	if (part->asked)
		part->file_refused |= gate_scan_read(gate, part);
	(void)text_copy(medium.file_system, sizeof(medium.file_system), part->medium.file_system);
	medium.scanned = part->scanned == PART_CLEAN         ? GATE_CLEAN
			 : part->scanned == PART_INFECTED    ? GATE_INFECTED
			 : part->scanned == PART_UNSCANNABLE ? GATE_UNSCANNABLE
			 : part->scanned == PART_GUARDED     ? GATE_GUARDED
							     : GATE_UNSCANNED;
	if (device->mode != GATE_ENFORCE && medium.scanned == GATE_UNSCANNED &&
	    gate_opens_by_file(medium.file_system))
		medium.scanned = GATE_GUARDED; /* as it would be */
	gate_decide_medium(device, &medium, &said);
	part->verdict = verdict_of(said.verb);
	part->quiet = said.quiet;
	part->line = said.line;
	(void)text_copy(part->why, sizeof(part->why), said.why);
	if (!part->medium.told) {
		part->verdict = VERDICT_JUDGING;
	} else if (strcmp(said.why, "not-scanned") == 0 && device->mode == GATE_ENFORCE) {
		if (!part->asked)
			gate_scan_ask(gate, part,
				      device->scan == GATE_SCAN_ON_OPEN &&
					      gate_opens_by_file(medium.file_system));
		if (part->asked)
			part->verdict = VERDICT_JUDGING;
	}
}

static struct gate_part *part_named(struct gate_plugged *plugged, const char *name)
{
	for (unsigned i = 0; i < plugged->part_count; i++)
		if (strcmp(plugged->parts[i].medium.name, name) == 0)
			return &plugged->parts[i];
	return NULL;
}

static bool is_usable(const struct gate_part *part)
{
	return part->verdict == VERDICT_OPEN || part->verdict == VERDICT_READ_ONLY;
}

/* What was made of a part of it, by unlocking it or otherwise, is judged after that part, and is
 * nothing that the part is not. */
static void judge_mapped(struct gate *gate, struct gate_plugged *plugged, struct gate_part *part,
			 unsigned depth)
{
	struct gate_part *below = part_named(plugged, part->medium.parent);

	if (below && below->medium.mapped && depth < GATE_PARTS_MAX)
		judge_mapped(gate, plugged, below, depth + 1);
	if (below && !is_usable(below) && below->verdict != VERDICT_PASSED) {
		gate_scan_end(gate, part);
		part->verdict = below->verdict;
		part->line = below->line;
		part->quiet = below->quiet;
		(void)text_copy(part->why, sizeof(part->why), below->why);
		return;
	}
	judge_part(gate, plugged, part);
	if (below && below->verdict == VERDICT_READ_ONLY && part->verdict == VERDICT_OPEN) {
		part->verdict = VERDICT_READ_ONLY;
		part->line = below->line;
		(void)text_copy(part->why, sizeof(part->why), below->why);
	}
}

/* Somebody has made another disk of it, which is judged in its place. */
static bool stands_behind(const struct gate_plugged *plugged, const struct gate_part *part)
{
	for (unsigned i = 0; i < plugged->part_count; i++)
		if (plugged->parts[i].medium.mapped &&
		    strcmp(plugged->parts[i].medium.parent, part->medium.name) == 0)
			return is_usable(part);
	return false;
}

/* A card reader whose slots are all empty. */
static bool is_empty(const struct gate_plugged *plugged)
{
	for (unsigned i = 0; i < plugged->part_count; i++)
		if (!plugged->parts[i].medium.told || plugged->parts[i].medium.bytes)
			return false;
	return plugged->part_count > 0;
}

static void pass_empty(struct gate_plugged *plugged)
{
	plugged->verdict = VERDICT_PASSED;
	plugged->settled = true;
	plugged->deciding = 1;
	(void)text_copy(plugged->why, sizeof(plugged->why), plugged->parts[0].why);
}

/* Phones bring none, and what cannot be read need not. */
static bool brings_disks(const struct gate *gate, const struct gate_plugged *plugged)
{
	for (unsigned i = 0; i < gate->device.interface_count; i++)
		if (gate->device.interfaces[i].held == GATE_HELD_DRIVER ||
		    gate->device.interfaces[i].held == GATE_HELD_STORAGE)
			return true;
	return plugged->alone;
}

/* What the device's own facts let in: whether there is anything in it shows a moment later. */
static void settle_open(struct gate_plugged *plugged)
{
	if (is_empty(plugged)) {
		pass_empty(plugged);
		return;
	}
	for (unsigned i = 0; i < plugged->part_count && !plugged->deciding; i++)
		if (plugged->parts[i].medium.told && plugged->parts[i].medium.bytes)
			plugged->deciding = i + 1;
	plugged->settled = plugged->deciding > 0;
	plugged->unsaid |= !plugged->settled && !plugged->recorded;
}

/* The media together: the widest answer is the device's, and only if all are refused is it. */
static void add_up(struct gate_plugged *plugged)
{
	enum gate_verdict widest = VERDICT_PASSED;
	bool pending = !plugged->part_count;

	plugged->deciding = 0;
	if (is_empty(plugged)) {
		pass_empty(plugged);
		return;
	}
	for (unsigned i = 0; i < plugged->part_count; i++) {
		const struct gate_part *part = &plugged->parts[i];

		if (stands_behind(plugged, part))
			continue;
		pending |= part->verdict == VERDICT_JUDGING;
		if (part->verdict > widest && part->verdict != VERDICT_JUDGING) {
			widest = part->verdict;
			plugged->deciding = i + 1;
		}
	}
	/* What is open is open, though another partition is still being scanned. */
	if (pending && widest < VERDICT_READ_ONLY) {
		plugged->verdict = VERDICT_JUDGING;
		plugged->settled = false;
		plugged->deciding = 0;
		return;
	}
	plugged->settled = !pending;
	plugged->verdict = widest;
	plugged->parts_refused = widest == VERDICT_REFUSED && !pending;
	if (plugged->deciding) {
		(void)text_copy(plugged->why, sizeof(plugged->why),
				plugged->parts[plugged->deciding - 1].why);
		plugged->line = plugged->parts[plugged->deciding - 1].line;
	}
}

void gate_judge_parts(struct gate *gate, struct gate_plugged *plugged)
{
	const struct gate_decision *decision = &plugged->decision;

	if (decision->verb == GATE_JUDGE && plugged->parts_refused && !plugged->part_count) {
		plugged->settled = true;
		return; /* they were judged, and shut with the device: their word stands */
	}
	plugged->parts_refused = false;
	plugged->settled = true;
	plugged->deciding = 0;
	plugged->verdict = verdict_of(decision->verb);
	plugged->line = decision->line;
	(void)text_copy(plugged->why, sizeof(plugged->why), decision->why);
	for (unsigned i = 0; i < plugged->part_count; i++)
		if (!plugged->parts[i].medium.mapped)
			judge_part(gate, plugged, &plugged->parts[i]);
	for (unsigned i = 0; i < plugged->part_count; i++)
		if (plugged->parts[i].medium.mapped)
			judge_mapped(gate, plugged, &plugged->parts[i], 0);
	if (decision->verb == GATE_JUDGE)
		add_up(plugged);
	else if ((decision->verb == GATE_OPEN || decision->verb == GATE_READ_ONLY) &&
		 brings_disks(gate, plugged))
		settle_open(plugged);
}

/* --- acting --- */

static void warn(const char *what, const struct gate_plugged *plugged, const struct err *err)
{
	if (err->code != ERR_NOTFOUND) /* pulled out meanwhile */
		log_warn("%s of %s failed: %s", what, plugged->place, err->msg);
}

static void out_of_use(struct gate *gate, const struct gate_plugged *plugged,
		       struct gate_part *part)
{
	struct err err;

	if (!part->medium.mounted)
		return;
	if (plat_gate_unmount(gate->platform, part->medium.name, GATE_PATIENCE_MS, &err) < 0)
		warn("taking out of use", plugged, &err);
	part->medium.mounted = false;
}

static void set_read_only(struct gate *gate, const struct gate_plugged *plugged,
			  struct gate_part *part, bool on)
{
	struct err err;

	if (part->medium.read_only == on)
		return;
	if (plat_gate_read_only(gate->platform, part->medium.name, on, &err) < 0)
		warn("the read-only switch", plugged, &err);
	else
		part->medium.read_only = on;
}

static void set_open(struct gate *gate, const struct gate_plugged *plugged, struct gate_part *part,
		     bool open)
{
	struct err err;

	if (!open && part->closed)
		return;
	if (plat_gate_release(gate->platform, &part->medium, open, &err) < 0)
		warn(open ? "opening a medium" : "closing a medium", plugged, &err);
	part->closed = !open;
}

/* What was unlocked of it is locked again. */
static void lock(struct gate *gate, const struct gate_plugged *plugged, struct gate_part *part)
{
	struct err err;

	if (part->medium.mapped && plat_gate_lock(gate->platform, part->medium.name, &err) < 0)
		warn("locking what was unlocked", plugged, &err);
}

static void act_on_part(struct gate *gate, const struct gate_plugged *plugged,
			struct gate_part *part)
{
	bool open = is_usable(part);
	bool write = part->verdict == VERDICT_OPEN;
	bool unguard = part->guarded && !wants_guard(&plugged->decision, part);

	/* A disk is in use where its partition is: each partition answers for itself. */
	if (part->verdict != VERDICT_PASSED &&
	    (!open || unguard || (!write && !part->medium.read_only)))
		out_of_use(gate, plugged, part);
	/* Where it stays mounted all the same, no file of it opens any more. */
	if (unguard)
		gate_scan_end(gate, part);
	/* A disk's own switch holds for its partitions too. */
	for (unsigned i = 0; !write && i < plugged->part_count; i++)
		write = strcmp(plugged->parts[i].medium.parent, part->medium.name) == 0 &&
			plugged->parts[i].verdict == VERDICT_OPEN;
	set_read_only(gate, plugged, part, !write);
	/* A disk that stalls may not let itself be switched. */
	open = open && (write || part->medium.read_only);
	if (open || part->medium.told) /* else udev's rule is about to close it */
		set_open(gate, plugged, part, open);
	if (part->verdict == VERDICT_REFUSED)
		lock(gate, plugged, part);
}

static void act_on_parts(struct gate *gate, struct gate_plugged *plugged)
{
	/* The disk comes first: one that is read-only keeps its partitions so. */
	for (unsigned i = 0; i < plugged->part_count; i++)
		act_on_part(gate, plugged, &plugged->parts[i]);
}

static void let(struct gate *gate, struct gate_plugged *plugged, struct gate_interface *interface)
{
	struct err err;

	if (plat_gate_let(gate->platform, interface->name, &err) < 0) {
		warn("letting an interface through", plugged, &err);
		return;
	}
	interface->authorized = true;
}

/* Not the network card beside the storage: the stick in use is none of its. */
static bool may_store(const struct gate_interface *interface)
{
	return interface->held != GATE_HELD_POLICY || interface->class == CLASS_STORAGE ||
	       interface->drivers[0][0] || interface->shifts;
}

static void shut(struct gate *gate, struct gate_plugged *plugged, struct gate_interface *interface)
{
	bool stores = may_store(interface);
	struct err err;

	for (unsigned i = 0; stores && i < plugged->part_count; i++) {
		out_of_use(gate, plugged, &plugged->parts[i]);
		set_open(gate, plugged, &plugged->parts[i], false);
		gate_scan_end(gate, &plugged->parts[i]);
		lock(gate, plugged, &plugged->parts[i]);
	}
	if (plat_gate_shut(gate->platform, interface->name, &err) < 0) {
		warn("shutting an interface", plugged, &err);
		return;
	}
	interface->authorized = false;
	if (stores)
		plugged->part_count = 0;
}

/* What nobody asks about is as it would be without us. */
static void leave_parts(struct gate *gate, struct gate_plugged *plugged)
{
	for (unsigned i = 0; i < plugged->part_count; i++) {
		if (plugged->parts[i].guarded)
			out_of_use(gate, plugged, &plugged->parts[i]);
		gate_scan_end(gate, &plugged->parts[i]);
		set_read_only(gate, plugged, &plugged->parts[i], false);
		set_open(gate, plugged, &plugged->parts[i], true);
	}
}

static bool may_open(const struct gate *gate, const struct gate_plugged *plugged,
		     const struct gate_interface *interface)
{
	/* Media that are refused shut what brought them, not what hardware's rules hold beside. */
	return gate_may_open(gate->rules, &plugged->decision, interface) &&
	       (!plugged->parts_refused || interface->held == GATE_HELD_POLICY ||
		!gate_waits(interface, gate->rules));
}

void gate_act(struct gate *gate, struct gate_plugged *plugged)
{
	if (!gate_rules_enforce(gate->rules))
		return;
	for (unsigned i = 0; i < gate->device.interface_count; i++) {
		struct gate_interface *interface = &gate->device.interfaces[i];

		if (may_open(gate, plugged, interface)) {
			if (!interface->authorized)
				let(gate, plugged, interface);
		} else if (interface->authorized && !plugged->holds_system) {
			shut(gate, plugged, interface);
		}
	}
	if (!plugged->held || plugged->decision.mode != GATE_ENFORCE)
		return;
	/* What holds the system is never touched: it is opened where udev's rule had closed it. */
	for (unsigned i = 0; plugged->holds_system && i < plugged->part_count; i++)
		set_open(gate, plugged, &plugged->parts[i], true);
	if (plugged->holds_system)
		return;
	if (plugged->decision.verb == GATE_PASS)
		leave_parts(gate, plugged);
	else
		act_on_parts(gate, plugged);
}

void gate_let_all(struct gate *gate, struct gate_plugged *plugged)
{
	struct plat_port_device *raw = NULL;
	struct err err;

	if (!plugged->held || plugged->holds_system)
		return;
	leave_parts(gate, plugged);
	raw = plugged->alone ? NULL : malloc(sizeof(*raw));
	if (!raw)
		return;
	if (plat_gate_device(gate->platform, plugged->place, raw, &err) == 0)
		for (unsigned i = 0; i < raw->interface_count; i++)
			if (!raw->interfaces[i].authorized &&
			    plat_gate_let(gate->platform, raw->interfaces[i].name, &err) < 0)
				warn("letting an interface through", plugged, &err);
	free(raw);
	plugged->parts_refused = false;
}
