/* See gate.h.  Each entry ends in finish(), which writes what has changed.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/daemon/gate_plugged.h"
#include "agent/gate/hold.h"
#include "agent/gate/rules.h"
#include "agent/gate/scan_ask.h"
#include "platform/os.h"
#include "platform/system.h"

/* How long an end is slept towards at most: timers stand still while a machine sleeps. */
#define END_STEP_MS 60000

const char *gate_verdict_name(enum gate_verdict verdict)
{
	static const char *const names[] = {"passed", "refused", "judging", "read-only", "open"};

	return names[verdict];
}

static bool enforces(const struct gate *gate)
{
	return gate->rules && (gate->rules->storage_mode == GATE_ENFORCE ||
			       gate->rules->hardware_mode == GATE_ENFORCE);
}

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

/* --- what is plugged --- */

static struct gate_plugged *find(const struct gate *gate, const char *place)
{
	for (struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next)
		if (strcmp(plugged->place, place) == 0)
			return plugged;
	return NULL;
}

static struct gate_plugged *find_or_add(struct gate *gate, const char *place)
{
	struct gate_plugged *plugged = find(gate, place), **end = &gate->plugged;

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

static void end_scans(struct gate *gate, const struct gate_plugged *plugged)
{
	char path[400];
	struct err err;

	for (unsigned i = 0; i < plugged->part_count; i++) {
		if (!plugged->parts[i].asked)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s.ask", gate->scan_path,
			       plugged->parts[i].medium.name);
		(void)plat_file_remove(path, &err); /* without it the scanner ends by itself */
	}
}

static void forget(struct gate *gate, const char *place)
{
	for (struct gate_plugged **at = &gate->plugged; *at; at = &(*at)->next) {
		struct gate_plugged *gone = *at;

		if (strcmp(gone->place, place) != 0)
			continue;
		*at = gone->next;
		end_scans(gate, gone);
		free(gone);
		gate->plugged_count--;
		gate->changed = true;
		return;
	}
}

/* --- on record --- */

static bool is_storage(const struct gate_plugged *plugged)
{
	return !plugged->decision.hardware;
}

static void name_event(const struct gate_plugged *plugged, char out[24])
{
	bool was_open = plugged->recorded && (plugged->recorded_verdict == VERDICT_OPEN ||
					      plugged->recorded_verdict == VERDICT_READ_ONLY);
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

static bool is_quiet(const struct gate_plugged *plugged)
{
	return plugged->deciding ? plugged->parts[plugged->deciding - 1].quiet
				 : plugged->decision.quiet;
}

/* An attempt is recorded when its answer stands, and again when that changes. */
static void put_on_record(struct gate *gate, struct gate_plugged *plugged)
{
	bool enforced = plugged->decision.mode == GATE_ENFORCE;
	struct gate_event event;

	if (!plugged->settled || !plugged->held || plugged->decision.mode == GATE_OFF ||
	    (plugged->recorded && plugged->recorded_verdict == plugged->verdict &&
	     plugged->recorded_enforced == enforced &&
	     strcmp(plugged->recorded_exception, plugged->decision.exception) == 0))
		return;
	if (plugged->verdict == VERDICT_PASSED || is_quiet(plugged)) {
		if (!plugged->recorded && is_quiet(plugged))
			record_quiet(gate, plugged);
	} else {
		fill_event(gate, plugged, &event);
		name_event(plugged, event.type);
		gate_record_event(&gate->record, &event, plat_uptime_ms());
	}
	plugged->recorded = true;
	plugged->recorded_verdict = plugged->verdict;
	plugged->recorded_enforced = enforced;
	(void)text_copy(plugged->recorded_exception, sizeof(plugged->recorded_exception),
			plugged->decision.exception);
}

/* --- judging --- */

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
	if (plugged->alone)
		around.kind =
			plugged->part_count && plugged->parts[0].medium.optical ? GATE_KIND_OPTICAL
			: plugged->part_count && strcmp(plugged->parts[0].medium.bus, "ata") == 0
				? GATE_KIND_ESATA
				: GATE_KIND_CARD;
	gate_decide(gate->rules, &gate->device, &around, &plugged->decision);
	/* Another approval than the one it changed under: whoever gave it knows it as it is now. */
	if (known && around.changed && strcmp(plugged->decision.why, "changed-device") == 0 &&
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

/* Whether media that were refused are to be looked at once more. */
static bool asks_other_things(const struct gate_decision *a, const struct gate_decision *b)
{
	return a->verb != b->verb || a->mode != b->mode || a->encrypted != b->encrypted ||
	       a->self_encrypting != b->self_encrypting || a->plain != b->plain ||
	       a->scan != b->scan || a->read_only != b->read_only || a->max_bytes != b->max_bytes ||
	       strcmp(a->exception, b->exception) != 0;
}

/* gate->device holds the facts.  Judges, acts, records. */
static void judge(struct gate *gate, struct gate_plugged *plugged)
{
	uint64_t print = gate_facts_print(&gate->device);
	const struct gate_decision before = plugged->decision;

	if (plugged->print && plugged->print != print) { /* another device, and no event said so */
		plugged->recorded = false;
		plugged->parts_refused = false;
		plugged->part_count = 0;
	}
	plugged->print = print;
	take_shown(gate, plugged);
	if (gate->baseline) {
		struct gate_known *known = gate_memory_find(&gate->memory, plugged->shown.id);

		if (known)
			known->baseline = gate->memory.changed = true;
	}
	gate->changed = true;
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
	gate_act(gate, plugged);
	put_on_record(gate, plugged);
}

static void judge_raw(struct gate *gate, const struct plat_port_device *raw)
{
	bool is_new = !find(gate, raw->port), was_let = false;
	struct gate_plugged *plugged = find_or_add(gate, raw->port);

	if (!plugged)
		return;
	plugged->marked = true;
	gate_facts(raw, &gate->aliases, gate->rules, &gate->device);
	/* What an earlier run of ours let through is not plugged in newly. */
	for (unsigned i = 0; i < gate->device.interface_count; i++)
		was_let |= gate->device.interfaces[i].held != GATE_FREE &&
			   gate->device.interfaces[i].authorized && !gate->looked;
	if (is_new)
		plugged->locked_out = gate->locked && !was_let;
	judge(gate, plugged);
}

static void judge_port(struct gate *gate, const char *port)
{
	struct plat_port_device *raw = malloc(sizeof(*raw));
	struct err err;

	if (!raw)
		return;
	if (plat_gate_device(gate->platform, port, raw, &err) == 0)
		judge_raw(gate, raw);
	else if (err.code == ERR_NOTFOUND)
		forget(gate, port);
	else
		log_warn("port %s cannot be looked at, what waits there waits on: %s", port,
			 err.msg);
	free(raw);
}

/* The others with the id of what came or went: each is the other's twin. */
static void judge_twins(struct gate *gate, const char *place, const char *id)
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
		judge_port(gate, places[i]);
}

/* --- disks that hang on no USB device --- */

static void judge_alone(struct gate *gate, const struct plat_medium *disk)
{
	bool is_new = !find(gate, disk->name);
	struct gate_plugged *plugged = find_or_add(gate, disk->name);

	if (!plugged)
		return;
	if (is_new)
		plugged->locked_out = gate->locked && gate->looked;
	plugged->alone = plugged->marked = true;
	memset(&gate->device, 0, sizeof(gate->device));
	judge(gate, plugged);
}

struct disks {
	struct plat_medium *all;
	unsigned count;
};

static int one_disk(void *ctx, const struct plat_medium *medium)
{
	struct disks *disks = ctx;
	struct plat_medium *more;

	if (*medium->parent || disks->count == GATE_PARTS_MAX)
		return 0;
	more = realloc(disks->all, (disks->count + 1) * sizeof(*more));
	if (!more)
		return -1;
	disks->all = more;
	disks->all[disks->count++] = *medium;
	return 0;
}

static void look_at_disks(struct gate *gate)
{
	struct disks disks = {0};
	struct err err;

	if (plat_gate_media(gate->platform, "", one_disk, &disks, &err) < 0)
		log_warn("disks cannot be looked at: %s", err.msg);
	for (unsigned i = 0; i < disks.count; i++)
		judge_alone(gate, &disks.all[i]);
	free(disks.all);
}

/* --- everything --- */

static int one_device(void *ctx, const struct plat_port_device *raw)
{
	judge_raw(ctx, raw);
	return 0;
}

static void finish(struct gate *gate)
{
	struct err err;

	if (gate_memory_save(&gate->memory, gate->memory_path, &err) < 0)
		log_warn("which devices were seen is not kept: %s", err.msg);
	if (gate->changed)
		gate_show(gate);
	gate->changed = false;
	if (gate->record.written != gate->record_written)
		gate->happened(gate->ctx, "a device was let in or refused");
	gate->record_written = gate->record.written;
}

static void look(struct gate *gate)
{
	struct gate_plugged *next;
	struct err err;

	gate->baseline = gate->memory.fresh;
	gate->memory.fresh = false;
	for (struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next)
		plugged->marked = false;
	if (plat_gate_devices(gate->platform, one_device, gate, &err) < 0)
		log_error("what is plugged in cannot be looked at: %s", err.msg);
	look_at_disks(gate);
	gate->baseline = false;
	gate->looked = true;
	for (struct gate_plugged *plugged = gate->plugged; plugged; plugged = next) {
		next = plugged->next;
		if (!plugged->marked)
			forget(gate, plugged->place);
	}
}

void gate_look(struct gate *gate)
{
	look(gate);
	finish(gate);
}

/* --- rules --- */

static struct gate_rules *read_rules(struct gate *gate, const char **out_state)
{
	struct gate_rules *rules = NULL;
	struct buf text;
	struct err err;

	buf_init(&text, GATE_RULES_MAX);
	*out_state = "damaged";
	if (plat_file_read_private(gate->rules_path, GATE_RULES_MAX, &text, &err) < 0 ||
	    gate_rules_parse(buf_text(&text), text.len, &rules, &err) < 0) {
		rules = NULL;
		if (err.code == ERR_NOTFOUND)
			*out_state = "none";
		else
			log_error("'%s' is damaged, %s: %s", gate->rules_path,
				  gate->rules ? "the last good rules hold"
					      : "what waits stays shut",
				  err.msg);
	} else {
		*out_state = "in force";
	}
	buf_clear(&text);
	return rules;
}

/* Before anything is judged: what is plugged in meanwhile begins closed. */
static void tell_udev(struct gate *gate)
{
	bool enforce = gate->rules && gate->rules->storage_mode == GATE_ENFORCE;
	struct plat_file_info info = {.exists = false};
	struct err err;
	int ret = plat_file_info(gate->enforced_path, &info, &err);

	if (ret == 0 && enforce && !info.exists)
		ret = plat_file_replace(gate->enforced_path, "", 0, PLAT_FILE_PRIVATE, &err);
	else if (ret == 0 && !enforce && info.exists && strcmp(gate->rules_state, "damaged") != 0)
		ret = plat_file_remove(gate->enforced_path, &err);
	if (ret < 0)
		log_error("udev is not told whether media begin closed: %s", err.msg);
}

/* Enforce is over: what it had shut is let through, once. */
static void stop_enforcing(struct gate *gate)
{
	for (struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next)
		gate_let_all(gate, plugged);
}

void gate_rules_changed(struct gate *gate)
{
	struct plat_file_info info = {.exists = false};
	bool enforced = enforces(gate);
	const char *state;
	struct gate_rules *rules;
	struct err err;

	(void)plat_file_info(gate->rules_path, &info, &err); /* what cannot be read says so below */
	if (gate->rules_state && info.exists && info.identity == gate->rules_identity)
		return;
	gate->rules_identity = info.identity;
	rules = read_rules(gate, &state);
	/* The first rules come with the enrolment: what is plugged now was there before. */
	if (rules && gate->rules_state && strcmp(gate->rules_state, "none") == 0)
		gate->memory.fresh = true;
	/* No rules at all is the end of an enrolment; a damaged file is nobody's decision. */
	if (rules || strcmp(state, "none") == 0) {
		gate_rules_free(gate->rules);
		gate->rules = rules;
		if (rules)
			log_info("the rules of '%s' (%lld) are in force", rules->policy,
				 (long long)rules->policy_serial);
	}
	gate->rules_state = state;
	gate->changed = true;
	tell_udev(gate);
	look(gate);
	if (enforced && !enforces(gate))
		stop_enforcing(gate);
	finish(gate);
}

/* --- events --- */

static bool word_is(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static void usb_event(struct gate *gate, const struct plat_device_event *event)
{
	const struct gate_plugged *plugged = find(gate, event->name);
	char id[GATE_ID] = "";

	if (strcmp(event->action, "remove") == 0) {
		if (plugged)
			(void)text_copy(id, sizeof(id), plugged->shown.id);
		forget(gate, event->name);
	} else {
		judge_port(gate, event->name);
		plugged = find(gate, event->name);
		if (plugged && plugged->held)
			(void)text_copy(id, sizeof(id), plugged->shown.id);
	}
	if (*id)
		judge_twins(gate, event->name, id);
}

void gate_device_event(struct gate *gate, const struct plat_device_event *event)
{
	static const char *const usb_actions[] = {"add", "bind", "remove", NULL};
	static const char *const block_actions[] = {"add", "change", "remove", NULL};

	if (strcmp(event->subsystem, "usb") == 0 && strcmp(event->type, "usb_device") == 0 &&
	    *event->port && word_is(event->action, usb_actions)) {
		usb_event(gate, event);
	} else if (strcmp(event->subsystem, "block") == 0 &&
		   word_is(event->action, block_actions)) {
		if (*event->port) {
			if (find(gate, event->port))
				judge_port(gate, event->port);
		} else {
			if (strcmp(event->action, "remove") == 0)
				forget(gate, event->name);
			look_at_disks(gate);
		}
	} else {
		return;
	}
	finish(gate);
}

static void take_seat(struct gate *gate)
{
	struct err err;

	if (plat_gate_seat(gate->platform, gate->user, &gate->locked, &err) < 0) {
		/* Nobody's approval is used for somebody who cannot be told. */
		gate->user[0] = '\0';
		log_warn("who sits here cannot be told: %s", err.msg);
	}
}

void gate_seat_changed(struct gate *gate)
{
	char user[64];
	bool locked = gate->locked;

	(void)text_copy(user, sizeof(user), gate->user);
	take_seat(gate);
	if (strcmp(user, gate->user) == 0 && locked == gate->locked)
		return;
	look(gate);
	for (struct gate_plugged *plugged = gate->plugged; plugged && !gate->locked;
	     plugged = plugged->next)
		plugged->locked_out = false; /* it was there when the screen was unlocked */
	finish(gate);
}

int gate_seat_listen(struct gate *gate)
{
	struct err err;
	int fd;

	if (!gate->rules || !gate->rules->shut_while_locked)
		return -1;
	if (plat_gate_seat_listen(gate->platform, &fd, &err) < 0) {
		log_warn("a locked screen shuts nothing here: %s", err.msg);
		return -1;
	}
	take_seat(gate); /* names the session whose lock is asked about */
	return fd;
}

int gate_seat_heard(struct gate *gate)
{
	int ret = plat_gate_seat_heard(gate->platform);

	if (ret > 0)
		gate_seat_changed(gate);
	return ret;
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
		const struct gate_plugged *plugged = find(gate, places[i]);

		if (plugged && plugged->alone)
			look_at_disks(gate);
		else
			judge_port(gate, places[i]);
	}
	if (count)
		finish(gate);
}

/* --- time goes by --- */

/* Seconds to the first end; -1: nothing ends. */
static int64_t next_end_s(const struct gate *gate)
{
	int64_t now, next = -1;
	bool known;

	if (!gate->rules)
		return -1;
	now = gate_now(gate, &known);
	for (const struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next) {
		int64_t left = plugged->decision.until - now;

		if (!plugged->decision.until || plugged->verdict == VERDICT_REFUSED ||
		    plugged->verdict == VERDICT_PASSED)
			continue;
		if (next < 0 || left < next)
			next = left > 0 ? left : 0;
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
		look(gate);
	finish(gate);
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
	gate_aliases_load(&gate->aliases, gate->platform);
	if (gate->aliases.unread)
		log_warn("this kernel's list of drivers cannot be read: more devices wait");
	take_seat(gate);
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
		forget(gate, gate->plugged->place);
	gate_rules_free(gate->rules);
	gate_memory_clear(&gate->memory);
	gate_aliases_clear(&gate->aliases);
	plat_gate_close(gate->platform);
	free(gate);
}
