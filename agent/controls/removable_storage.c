/* Does storage that nobody approved stay out?  (Clauses 8 to 12, 14, 15.)
 *
 * By what is there: the gate's own word of what is plugged in (RUN/hardware.json, which caretakerd
 * writes) is held against the interfaces as the kernel has them.  Evidence names models, never a
 * stick's serial number or its user: those are in the events.
 * SPDX-License-Identifier: Apache-2.0 */
#include "platform/gate.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/text.h"
#include "agent/controls/gate_shown.h"
#include "agent/controls/memory.h"
#include "agent/controls/people.h"
#include "agent/controls/table.h"
#include "agent/policy/policy.h"
#include "platform/antivirus.h"
#include "platform/hardware.h"
#include "platform/os.h"

#define DAY_S 86400
#define WOULD_DAYS 14 /* as long as a new school looks on */

enum { ALLOW_NONE = 0, SCAN_NO = 0 }; /* as in schema.def */

/* Of a machine sold with 3 GiB, which is the least that ClamAV is said to need (its manual,
 * "Installing/Docker": memory requirements). */
#define CLAMD_MIB 2700
#define MIB (1024 * 1024)

struct look {
	const struct control_input *input;
	const struct json *devices; /* NULL: nothing is shown */
	bool begins_open;           /* the kernel lets storage in first */
	char sends[64];             /* the program that sends files over Bluetooth; "": none */
	bool unscanned;             /* media are to be scanned, and nobody does it */
	int64_t memory_mib;         /* with 'unscanned'; 0: not said */
	struct names let_by, not_approved;
	unsigned plugged, open, refused;
};

/* --- what the gate shows --------------------------------------------------------------------- */

static bool is_storage(const struct json *device)
{
	const char *kind = gate_shown_text(device, "kind");

	return strcmp(kind, "storage") == 0 || strcmp(kind, "media") == 0;
}

/* "storage 0951:1666": without the serial. */
static void name_of(const struct json *device, char out[32])
{
	char model[10];
	const char *id = gate_shown_text(device, "id");

	text_clean(model, sizeof(model), id, strlen(id));
	(void)snprintf(out, 32, "%.12s%s%s", gate_shown_text(device, "kind"), *model ? " " : "",
		       model);
}

static void take_shown(struct look *look, const struct json *device)
{
	const char *verdict = gate_shown_text(device, "verdict");
	bool enforced = true;
	struct err err;
	char name[32];

	if (!is_storage(device) || json_opt_bool(device, "enforced", &enforced, &err) < 0)
		return;
	look->plugged++;
	if (strcmp(verdict, "refused") != 0) {
		look->open += strcmp(verdict, "judging") != 0;
		return;
	}
	look->refused++;
	name_of(device, name);
	if (!enforced)
		names_add(&look->not_approved, name);
}

/* --- what the kernel has --------------------------------------------------------------------- */

/* "usb:v...ic08isc06ip50in00": what the interface is, wherever it says it is. */
static bool stores(const struct plat_port_interface *interface)
{
	return strstr(interface->modalias, "ic08") || strstr(interface->modalias, "ic06");
}

/* Bound to a driver, though refused or never looked at: it can be used. */
static int take_device(void *ctx, const struct plat_port_device *device)
{
	struct look *look = ctx;
	const char *verdict =
		gate_shown_text(gate_shown_at(look->devices, device->port), "verdict");
	char name[32];

	if (*verdict && strcmp(verdict, "refused") != 0)
		return 0;
	for (unsigned i = 0; i < device->interface_count; i++) {
		if (!device->interfaces[i].bound ||
		    !(device->card || stores(&device->interfaces[i])))
			continue;
		(void)snprintf(name, sizeof(name), "storage at port %.15s", device->port);
		names_add(&look->let_by, name);
		return 0;
	}
	return 0;
}

static void look_at_kernel(struct look *look, struct jsonw *w)
{
	struct plat_gate *gate = NULL;
	char sysfs[512];
	struct err err;

	(void)snprintf(sysfs, sizeof(sysfs), "%s/sys", plat_root());
	if (plat_gate_open(&gate, plat_root()[0] ? sysfs : NULL, NULL, &err) < 0 ||
	    plat_gate_devices(gate, take_device, look, &err) < 0)
		jsonw_string(w, "kernel", err.msg); /* the gate's own word is what there is */
	else
		look->begins_open = !plat_gate_begins_shut(gate);
	if (!gate || !plat_gate_sends_files(gate, look->sends))
		look->sends[0] = '\0';
	plat_gate_close(gate);
}

/* --- who scans ------------------------------------------------------------------------------- */

static void look_at_scanner(struct look *look)
{
	const struct policy *policy = look->input->policy;
	struct plat_hardware hardware;
	struct plat_antivirus all;
	struct err err;

	if (policy_choice(policy, POLICY_REMOVABLE_STORAGE_ALLOW) == ALLOW_NONE ||
	    policy_choice(policy, POLICY_REMOVABLE_STORAGE_SCAN) == SCAN_NO ||
	    plat_antivirus(&all, &err) < 0) /* the control of anti-virus says so */
		return;
	look->unscanned = true;
	for (size_t i = 0; i < all.count; i++)
		if (strcmp(all.products[i].name, "ClamAV") == 0)
			look->unscanned &= all.products[i].running != PLAT_YES;
	if (!look->unscanned || plat_hardware(&hardware, &err) < 0)
		return;
	look->memory_mib = (int64_t)(hardware.memory_bytes / MIB);
	plat_hardware_clear(&hardware);
}

static void judge_scanner(const struct look *look, struct jsonw *w, struct control_result *result)
{
	if (!look->unscanned)
		return;
	if (!look->memory_mib || look->memory_mib >= CLAMD_MIB) {
		control_say(result, VERDICT_FAIL, "no-scanner");
		return;
	}
	jsonw_int(w, "memory_mib", look->memory_mib);
	control_say(result, VERDICT_FAIL, "too-small");
}

/* --- since when ------------------------------------------------------------------------------ */

/* How often storage would have been refused, until it was not for some time. */
static int64_t count_would(const struct control_input *input, int64_t *out_since)
{
	struct memory *memory = input->memory;
	int64_t last = memory_time(memory, "removable-storage/would-last");
	int64_t count = memory_number(memory, "removable-storage/would", 0);

	if (last && input->now - last > WOULD_DAYS * DAY_S)
		count = 0;
	if (input->storage_would_refuse) {
		if (!count)
			memory_set_number(memory, "removable-storage/would-since", input->now);
		count += input->storage_would_refuse;
		memory_set_number(memory, "removable-storage/would-last", input->now);
	}
	memory_set_number(memory, "removable-storage/would", count);
	*out_since = memory_time(memory, "removable-storage/would-since");
	return count;
}

/* --- the verdict ----------------------------------------------------------------------------- */

static const char *gate_state(const struct json *shown)
{
	static const char *const modes[] = {"off", "audit", "enforce"};
	bool off = false;
	struct err err;

	if (!shown)
		return "caretakerd does not run";
	if (plat_boot_word(PLAT_USB_OFF, &off, &err) == 0 && off)
		return "started with caretaker.usb=off";
	if (strcmp(gate_shown_text(shown, "rules"), "none") == 0)
		return "no rules";
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (strcmp(gate_shown_text(shown, "storage"), modes[i]) == 0)
			return modes[i];
	return "not told";
}

static void write_counts(const struct look *look, struct jsonw *w)
{
	if (look->plugged)
		jsonw_int(w, "plugged", look->plugged);
	if (look->open)
		jsonw_int(w, "open", look->open);
	if (look->refused)
		jsonw_int(w, "refused", look->refused);
}

static void judge(struct look *look, const char *gate, struct jsonw *w,
		  struct control_result *result)
{
	const struct control_input *input = look->input;
	bool enforce = input->mode == MODE_ENFORCE;
	bool shut = strcmp(gate, "enforce") == 0;
	int64_t since, would = count_would(input, &since);

	jsonw_string(w, "gate", gate);
	write_counts(look, w);
	if (would && !enforce) {
		jsonw_int(w, "count", would);
		jsonw_time(w, "since", since);
	}
	names_write(look->let_by.count && enforce ? &look->let_by : &look->not_approved, w,
		    "devices");
	if (enforce && look->let_by.count)
		control_say(result, VERDICT_FAIL, "let-by");
	if (enforce && !shut)
		control_say(result, VERDICT_FAIL, "gate-off");
	if (enforce && shut && look->begins_open)
		control_say(result, VERDICT_FAIL, "gate-late");
	/* Where any medium may be used, files may go by other ways too. */
	if (enforce && *look->sends && !policy_opens_media_to_all(input->policy)) {
		jsonw_string(w, "program", look->sends);
		control_say(result, VERDICT_FAIL, "bluetooth");
	}
	judge_scanner(look, w, result);
	if (look->not_approved.count)
		control_say(result, VERDICT_FAIL, "not-approved");
	if (would && !enforce)
		control_say(result, VERDICT_FAIL, "would-refuse");
	if (!look->devices)
		control_say(result, VERDICT_UNKNOWN, "not-watched");
	control_say(result, VERDICT_PASS, "ok");
}

static int run(const struct control_input *input, struct jsonw *evidence,
	       struct control_result *result, struct err *err)
{
	struct look look = {.input = input};
	struct json *shown = NULL;
	char container[32];

	if (plat_machine(container, sizeof(container)) == PLAT_MACHINE_CONTAINER) {
		jsonw_string(evidence, "container", container);
		control_say(result, VERDICT_NOT_APPLICABLE, "no-hardware");
		return 0;
	}
	if (gate_shown_read(input, &shown, &look.devices, err) < 0 && err->code != ERR_NOTFOUND)
		return -1;
	for (const struct json *d = shown ? json_first(look.devices) : NULL; d; d = json_next(d))
		take_shown(&look, d);
	if (input->mode == MODE_ENFORCE) {
		look_at_kernel(&look, evidence);
		look_at_scanner(&look);
	}
	judge(&look, gate_state(shown), evidence, result);
	json_free(shown);
	return 0;
}

const struct control control_removable_storage = {.id = CONTROL_REMOVABLE_STORAGE, .run = run};
