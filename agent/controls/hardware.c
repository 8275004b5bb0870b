/* What the machine is, what is plugged into it, and what of it changed.  (Clauses 12, 13, 34.)
 *
 * Peripherals are counted by kind.  Only kinds that a policy may refuse are ever named by model:
 * which eye-tracker somebody uses is nobody's business.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/hardware.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "agent/controls/gate_shown.h"
#include "agent/controls/memory.h"
#include "agent/controls/people.h"
#include "agent/controls/table.h"
#include "agent/policy/hardware_table.h"
#include "agent/policy/policy.h"
#include "agent/proto/enrol.h"

#define MIB (1024 * 1024)

enum { NEW_ALLOW, NEW_RECORD, NEW_APPROVE }; /* as in schema.def */
enum { SEEN_FIRST = 1, SEEN_SINCE };         /* when a model was; 0: never */

static bool assists(const char *kind)
{
	static const char *const kinds[] = {"keyboard", "pointer", "hid",
					    "audio",    "video",   "smart-card"};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i], kind))
			return true;
	return false;
}

/* --- peripherals --- */

struct look {
	const struct control_input *input;
	struct control_result *result;
	const struct hardware_table *assistive;
	const struct json *shown; /* what the gate did; NULL: not told */
	bool first;               /* what is there at the first look is how the machine came */
	struct names refused, unapproved;
	unsigned shut;
};

/* By its kind, or because it is a known eye-tracker, switch or Braille display: many of those speak
 * a class of their vendor's own. */
static bool helps_people(const struct look *look, const struct plat_usb *usb)
{
	return assists(usb->kind) || hardware_table_find(look->assistive, usb->id);
}

static bool is_used(const char *verdict)
{
	return !strcmp(verdict, "open") || !strcmp(verdict, "read-only") ||
	       !strcmp(verdict, "judging");
}

/* The gate knows each stick by its serial number, and opens one that was there at the enrolment; of
 * all else, which it leaves alone, the models are remembered that were there at the first look. */
static bool is_new_at_the_rear(const struct look *look, const struct plat_usb *usb, bool first)
{
	const struct json *shown = gate_shown_at(look->shown, usb->port);

	if (!policy_lists(look->input->policy, POLICY_HARDWARE_REAR_PORTS, usb->port))
		return false;
	if (strcmp(gate_shown_text(shown, "why"), "rear-port") == 0)
		return true;
	return !first && !(look->input->mode == MODE_ENFORCE && !strcmp(usb->kind, "storage") &&
			   is_used(gate_shown_text(shown, "verdict")));
}

static bool is_refused(const struct look *look, const struct plat_usb *usb, bool first)
{
	const struct policy *policy = look->input->policy;

	if (helps_people(look, usb))
		return false;
	if (policy_lists(policy, POLICY_HARDWARE_REFUSED_DEVICES, usb->id))
		return true; /* as the gate has it (agent/gate/hold.c) */
	if (policy_lists(policy, POLICY_HARDWARE_APPROVED_DEVICES, usb->id))
		return false;
	return policy_lists(policy, POLICY_HARDWARE_REFUSED_CLASSES, usb->kind) ||
	       is_new_at_the_rear(look, usb, first);
}

static void tell_new(const struct look *look, const struct plat_usb *usb)
{
	struct buf data;
	struct jsonw w;

	buf_init(&data, 0);
	jsonw_init(&w, &data);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "kind", usb->kind);
	if (!helps_people(look, usb))
		jsonw_string(&w, "model", usb->id);
	jsonw_object_end(&w);
	control_event(look->result, "hardware-new", &data);
	buf_clear(&data);
}

static void judge_usb(struct look *look, const struct plat_usb *usb)
{
	const struct policy *policy = look->input->policy;
	unsigned what = policy_choice(policy, POLICY_HARDWARE_NEW_DEVICES);
	struct memory *memory = look->input->memory;
	char name[64], known[64];

	(void)snprintf(known, sizeof(known), "hardware/usb/%s/%s", usb->kind, usb->id);
	(void)snprintf(name, sizeof(name), "%s %s", usb->kind, usb->id);
	if (!memory_number(memory, known, 0)) {
		memory_set_number(memory, known, look->first ? SEEN_FIRST : SEEN_SINCE);
		if (!look->first && what != NEW_ALLOW && usb->removable)
			tell_new(look, usb);
	}
	if (is_refused(look, usb, memory_number(memory, known, 0) == SEEN_FIRST)) {
		/* Plugged in and kept shut is as the policy asks. */
		if (look->input->mode == MODE_ENFORCE &&
		    gate_shown_shut(gate_shown_at(look->shown, usb->port)))
			look->shut++;
		else if (!control_excepts(look->input, look->result, usb->id, name))
			names_add(&look->refused, name);
		return;
	}
	if (what == NEW_APPROVE && !helps_people(look, usb) && usb->removable &&
	    memory_number(memory, known, 0) == SEEN_SINCE &&
	    !policy_lists(policy, POLICY_HARDWARE_APPROVED_DEVICES, usb->id) &&
	    !control_excepts(look->input, look->result, usb->id, name))
		names_add(&look->unapproved, name);
}

static int look_at_usb(struct look *look, const struct plat_hardware *hardware, struct err *err)
{
	struct hardware_table builtin = {NULL, 0};
	struct json *shown = NULL;
	struct err unread;

	look->assistive = look->input->assistive;
	if (!look->assistive) {
		if (hardware_table_builtin(HARDWARE_ASSISTIVE, &builtin, err) < 0)
			return -1;
		look->assistive = &builtin;
	}
	if (gate_shown_read(look->input, &shown, &look->shown, &unread) < 0)
		look->shown = NULL; /* then nothing is known to be shut */
	for (size_t i = 0; i < hardware->usb_count; i++)
		judge_usb(look, &hardware->usb[i]);
	look->shown = NULL;
	look->assistive = NULL;
	json_free(shown);
	hardware_table_clear(&builtin);
	return 0;
}

static void write_counts(const struct plat_hardware *hardware, struct jsonw *w)
{
	size_t i, k, count;
	bool seen;

	jsonw_object(w, "usb");
	for (i = 0; i < hardware->usb_count; i++) {
		for (k = 0, seen = false; k < i; k++)
			seen |= !strcmp(hardware->usb[k].kind, hardware->usb[i].kind);
		for (k = i, count = 0; k < hardware->usb_count; k++)
			count += !strcmp(hardware->usb[k].kind, hardware->usb[i].kind);
		if (!seen)
			jsonw_int(w, hardware->usb[i].kind, (int64_t)count);
	}
	jsonw_object_end(w);
}

/* --- the machine itself --- */

static void tell_change(const char *what, const char *before, const char *now,
			struct control_result *result)
{
	struct buf data;
	struct jsonw w;

	buf_init(&data, 0);
	jsonw_init(&w, &data);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "what", what);
	jsonw_string(&w, "before", before);
	jsonw_string(&w, "now", now);
	jsonw_object_end(&w);
	control_event(result, "hardware-changed", &data);
	buf_clear(&data);
}

static void compare(const struct control_input *input, const char *what, const char *now,
		    struct control_result *result)
{
	char name[48], old[160];
	const char *before;

	(void)snprintf(name, sizeof(name), "hardware/%s", what);
	before = memory_text(input->memory, name);
	if (before && !strcmp(before, now))
		return;
	(void)text_copy(old, sizeof(old), before ? before : "");
	memory_set_text(input->memory, name, now);
	if (before)
		tell_change(what, old, now, result);
}

static void compare_all(const struct control_input *input, const struct plat_hardware *hardware,
			struct control_result *result)
{
	char text[160];
	size_t i, len = 0;

	(void)snprintf(text, sizeof(text), "%llu MiB",
		       (unsigned long long)hardware->memory_bytes / (64 * MIB) * 64);
	compare(input, "memory", text, result); /* the kernel's own share varies a little */
	text[0] = '\0';
	for (i = 0; i < hardware->drive_count && len < sizeof(text) - 1; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.20s %.24s",
					i ? ", " : "", hardware->drives[i].model,
					hardware->drives[i].serial);
	compare(input, "drives", text, result);
	compare(input, "model", hardware->identity.model, result);
	compare(input, "serial", hardware->identity.serial, result);
}

/* What tells one machine from another; the whole register is in the inventory's body, which follows
 * when it is asked for. */
static void write_machine(const struct plat_hardware *hardware, struct jsonw *w)
{
	const struct plat_identity *identity = &hardware->identity;
	char name[32];

	jsonw_string(w, "model", identity->model);
	/* "To be filled by O.E.M." identifies nothing */
	if (identity->serial[0] && !enrol_placeholder(identity->serial))
		jsonw_string(w, "serial", identity->serial);
	if (plat_machine(name, sizeof(name)) == PLAT_MACHINE_VIRTUAL)
		jsonw_string(w, "virtual", name);
	jsonw_int(w, "memory_mib", (int64_t)(hardware->memory_bytes / MIB));
	if (hardware->battery.present && hardware->battery.health_percent >= 0)
		jsonw_int(w, "battery_percent", hardware->battery.health_percent);
}

/* What the register of equipment should know, none of which is anybody's fault. */
static void judge_inventory(const struct policy *policy, const struct plat_hardware *hardware,
			    struct control_result *result)
{
	int64_t least = policy_number(policy, POLICY_HARDWARE_BATTERY_MIN_PERCENT);
	const struct plat_battery *battery = &hardware->battery;
	const char *serial = hardware->identity.serial;
	char name[32];

	if (battery->present && battery->health_percent >= 0 && battery->health_percent < least)
		control_say(result, VERDICT_FAIL, "battery-worn");
	if ((!serial[0] || enrol_placeholder(serial)) &&
	    plat_machine(name, sizeof(name)) == PLAT_MACHINE_REAL)
		control_say(result, VERDICT_PASS, "no-serial");
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	struct look look = {.input = input, .result = result};
	struct plat_hardware hardware;
	char name[32];

	if (plat_machine(name, sizeof(name)) == PLAT_MACHINE_CONTAINER) {
		jsonw_string(evidence, "container", name);
		control_say(result, VERDICT_NOT_APPLICABLE, "no-hardware");
		return 0;
	}
	if (plat_hardware(&hardware, err) < 0)
		return -1;
	look.first = !memory_number(input->memory, "hardware/seen", 0);
	memory_set_number(input->memory, "hardware/seen", 1);
	if (look_at_usb(&look, &hardware, err) < 0) {
		plat_hardware_clear(&hardware);
		return -1;
	}
	if (policy_flag(input->policy, POLICY_HARDWARE_INVENTORY)) {
		write_machine(&hardware, evidence);
		judge_inventory(input->policy, &hardware, result);
		compare_all(input, &hardware, result);
	}
	write_counts(&hardware, evidence);
	plat_hardware_clear(&hardware);
	if (look.shut)
		jsonw_int(evidence, "refused", look.shut);
	names_write(look.refused.count ? &look.refused : &look.unapproved, evidence, "devices");
	if (look.refused.count)
		control_say(result, VERDICT_FAIL, "not-approved");
	if (look.unapproved.count)
		control_say(result, VERDICT_FAIL, "new-device");
	control_say(result, VERDICT_PASS, "ok");
	return 0;
}

const struct control control_hardware = {.id = CONTROL_HARDWARE, .run = run};
