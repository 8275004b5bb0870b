/* See gate.h.  Each entry ends in gate_finish(), which writes what has changed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/daemon/gate_plugged.h"
#include "agent/gate/rules.h"
#include "agent/gate/scan_ask.h"
#include "platform/hardware.h"
#include "platform/os.h"
#include "platform/system.h"

/* How long an end is slept towards at most: timers stand still while a machine sleeps. */
#define END_STEP_MS 60000

/* --- time --- */

int64_t gate_now(const struct gate *gate, bool *out_known)
{
	const struct gate_rules *rules = gate->rules;
	int64_t wall = plat_now(), uptime = plat_uptime_ms() / 1000, least;

	*out_known = true;
	if (!rules || !rules->acked)
		return wall; /* never told the time by anyone: the clock is all there is */
	if (strcmp(rules->acked_boot, gate->boot) == 0 && uptime >= rules->acked_uptime_s)
		return rules->acked + uptime - rules->acked_uptime_s;
	/* Another boot since: it is at least so late.  A clock that says less was set back, or has
	 * lost its battery, and then nobody knows how late it is. */
	least = rules->acked + uptime;
	*out_known = wall >= least;
	return wall >= least ? wall : least;
}

/* --- what every entry ends in --- */

void gate_finish(struct gate *gate)
{
	struct err err;

	if (gate_memory_save(&gate->memory, gate->memory_path, &err) < 0)
		log_warn("which devices were seen is not kept: %s", err.msg);
	gate_recorded_save(gate);
	if (gate->gone)
		plat_gate_sweep(gate->platform);
	if (gate->changed)
		gate_show(gate);
	gate->gone = gate->changed = false;
	if (gate->record.written != gate->record_written)
		gate->happened(gate->ctx, "a device was let in or refused");
	gate->record_written = gate->record.written;
}

void gate_look(struct gate *gate)
{
	gate_look_at_all(gate);
	gate_finish(gate);
}

/* --- events --- */

static bool word_is(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* Of a USB device or a card. */
static void port_event(struct gate *gate, const struct plat_device_event *event)
{
	const struct gate_plugged *plugged = gate_find(gate, event->name);
	char id[GATE_ID] = "";

	if (strcmp(event->action, "remove") == 0) {
		if (plugged && gate_is_other_plugging(plugged, event->number))
			return; /* what has gone was there before it */
		if (plugged)
			(void)text_copy(id, sizeof(id), plugged->shown.id);
		gate_forget(gate, event->name);
	} else {
		gate_look_at_port(gate, event->name);
		plugged = gate_find(gate, event->name);
		if (plugged && plugged->held)
			(void)text_copy(id, sizeof(id), plugged->shown.id);
	}
	if (*id)
		gate_look_at_twins(gate, event->name, id);
}

/* What was unlocked and is locked again hangs on nothing any more that would say whose it was. */
static void look_at_whose(struct gate *gate, const char *part)
{
	for (const struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next)
		for (unsigned i = 0; !plugged->alone && i < plugged->part_count; i++)
			if (strcmp(plugged->parts[i].medium.name, part) == 0) {
				char place[GATE_NAME];

				(void)text_copy(place, sizeof(place), plugged->place);
				gate_look_at_port(gate, place);
				return;
			}
}

void gate_device_event(struct gate *gate, const struct plat_device_event *event)
{
	static const char *const port_actions[] = {"add", "bind", "remove", NULL};
	static const char *const block_actions[] = {"add", "change", "remove", NULL};

	if ((strcmp(event->subsystem, "usb") == 0
		     ? strcmp(event->type, "usb_device") == 0 && *event->port
		     : strcmp(event->subsystem, "mmc") == 0 &&
			       strcmp(event->port, event->name) == 0) &&
	    word_is(event->action, port_actions)) {
		port_event(gate, event);
	} else if (strcmp(event->subsystem, "block") == 0 &&
		   word_is(event->action, block_actions)) {
		if (*event->port) {
			if (gate_find(gate, event->port))
				gate_look_at_port(gate, event->port);
		} else {
			if (strcmp(event->action, "remove") == 0)
				gate_forget(gate, event->name);
			look_at_whose(gate, event->name);
			gate_look_at_disks(gate);
		}
	} else {
		return;
	}
	gate_finish(gate);
}

void gate_scan_changed(struct gate *gate)
{
	char places[GATE_PARTS_MAX][GATE_NAME];
	unsigned count = 0;

	for (const struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next)
		for (unsigned i = 0; i < plugged->part_count && count < GATE_PARTS_MAX; i++)
			if (plugged->parts[i].asked) {
				(void)text_copy(places[count++], GATE_NAME, plugged->place);
				break;
			}
	for (unsigned i = 0; i < count; i++) {
		const struct gate_plugged *plugged = gate_find(gate, places[i]);

		if (plugged && plugged->alone)
			gate_look_at_disks(gate);
		else
			gate_look_at_port(gate, places[i]);
	}
	if (count)
		gate_finish(gate);
}

/* --- time goes by --- */

/* 'next' or, where that end (0: none) comes before it, the seconds to it. */
static int64_t sooner(int64_t next, int64_t until, int64_t now)
{
	int64_t left = until > now ? until - now : 0;

	return until && (next < 0 || left < next) ? left : next;
}

/* Seconds to the first end; -1: nothing ends. */
static int64_t next_end_s(const struct gate *gate)
{
	int64_t now, next = -1;
	bool known;

	if (!gate->rules)
		return -1;
	now = gate_now(gate, &known);
	for (const struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next) {
		const struct gate_decision *decision = &plugged->decision;

		if (plugged->verdict != VERDICT_REFUSED && plugged->verdict != VERDICT_PASSED)
			next = sooner(next, decision->until, now);
		/* Its storage may be refused, or let be: something else of it is open. */
		if (decision->hardware_opens)
			next = sooner(next, decision->hardware_until, now);
	}
	return next;
}

int64_t gate_wait_ms(const struct gate *gate)
{
	int64_t due = gate_record_due_ms(&gate->record), end = next_end_s(gate), wait = -1;

	if (due) {
		wait = due - plat_uptime_ms();
		wait = wait > 0 ? wait : 0;
	}
	if (end >= 0) {
		int64_t end_ms = end >= END_STEP_MS / 1000 ? END_STEP_MS : end * 1000 + 200;

		if (wait < 0 || end_ms < wait)
			wait = end_ms;
	}
	return wait;
}

void gate_tick(struct gate *gate)
{
	gate_record_flush(&gate->record, plat_uptime_ms(), false);
	if (next_end_s(gate) == 0)
		gate_look_at_all(gate);
	gate_finish(gate);
}

/* --- start and end --- */

static bool set_path(char out[300], const char *folder, const char *name)
{
	return snprintf(out, 300, "%s/%s", folder, name) < 300;
}

int gate_new(struct gate **out, const char *state, const char *run, const char *sysfs,
	     void (*happened)(void *ctx, const char *what), void *ctx, struct err *err)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	char folder[300];
	int ret = -1;

	if (!gate)
		return err_set(err, ERR_NOMEM, "out of memory");
	gate->happened = happened;
	gate->ctx = ctx;
	if (!set_path(gate->rules_path, state, GATE_RULES_FILE) ||
	    !set_path(gate->memory_path, state, GATE_MEMORY_FILE) ||
	    !set_path(gate->shown_path, run, GATE_RECORD_SHOWN) ||
	    !set_path(gate->scan_path, run, SCAN_FOLDER) ||
	    !set_path(gate->recorded_path, run, "hardware.recorded") ||
	    !set_path(gate->enforced_path, state, "hardware/enforced") ||
	    !set_path(folder, state, GATE_RECORD_FOLDER)) {
		err_set(err, ERR_INVALID, "the path of '%s' or '%s' is too long", state, run);
		goto out;
	}
	if (plat_dir_make(folder, PLAT_FILE_PRIVATE, err) < 0 ||
	    plat_dir_make(gate->scan_path, PLAT_FILE_PRIVATE, err) < 0 ||
	    plat_gate_open(&gate->platform, sysfs, NULL, err) < 0)
		goto out;
	if (plat_boot_id(gate->boot, err) < 0)
		gate->boot[0] = '\0'; /* each start is a boot of its own then */
	gate_record_init(&gate->record, state);
	gate_memory_load(&gate->memory, gate->memory_path);
	gate_recorded_load(gate);
	gate_aliases_load(&gate->aliases, gate->platform);
	if (gate->aliases.unread)
		log_warn("this kernel's list of drivers cannot be read: more devices wait");
	if (plat_boot_word(PLAT_USB_OFF, &gate->off, err) < 0)
		goto out;
	if (gate->off)
		log_warn("started with %s: nothing is shut until the next start", PLAT_USB_OFF);
	gate->gone = true; /* while no daemon ran, perhaps */
	gate_seat_take(gate);
	*out = gate;
	gate = NULL;
	ret = 0;
out:
	gate_free(gate);
	return ret;
}

void gate_free(struct gate *gate)
{
	if (!gate)
		return;
	if (gate->record.events[0])
		gate_record_flush(&gate->record, plat_uptime_ms(), true);
	while (gate->plugged)
		gate_forget(gate, gate->plugged->place);
	gate_recorded_clear(gate);
	gate_rules_free(gate->rules);
	gate_memory_clear(&gate->memory);
	gate_aliases_clear(&gate->aliases);
	buf_clear(&gate->shown);
	plat_gate_close(gate->platform);
	free(gate);
}
