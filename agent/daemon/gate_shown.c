/* RUN/hardware.json: what everyone may know (gate_record.h has its form).
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_plugged.h"

#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "agent/base/log.h"
#include "agent/gate/rules.h"
#include "platform/os.h"

#define SHOWN_MAX (256 * 1024)

static const char *mode_name(enum gate_mode mode)
{
	return mode == GATE_ENFORCE ? "enforce" : mode == GATE_AUDIT ? "audit" : "off";
}

static void text_member(struct jsonw *w, const char *name, const char *value)
{
	if (value[0])
		jsonw_string(w, name, value);
}

static void show_bytes(struct jsonw *w, const char *name, uint64_t bytes)
{
	jsonw_int(w, name, bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes);
}

static void show_scan(struct jsonw *w, const struct gate_part *part)
{
	const struct scan_state *scan = &part->scan;
	int64_t left = scan_left_s(scan);

	if (!part->asked)
		return;
	jsonw_object(w, "scan");
	switch (scan->stage) {
	case SCAN_SCANNING:
		jsonw_string(w, "stage", "scanning");
		show_bytes(w, "files", scan->files);
		show_bytes(w, "bytes", scan->bytes);
		if (scan->total_bytes)
			show_bytes(w, "total_bytes", scan->total_bytes);
		if (left >= 0)
			jsonw_int(w, "left_s", left);
		break;
	case SCAN_GUARDED:
		jsonw_string(w, "stage", "on-open");
		if (strcmp(scan->word, "-") != 0)
			text_member(w, "not_opened", scan->word);
		break;
	default: jsonw_string(w, "stage", "waiting"); break;
	}
	jsonw_object_end(w);
}

static void show_parts(struct jsonw *w, const struct gate_plugged *plugged)
{
	if (!plugged->part_count)
		return;
	jsonw_array(w, "media");
	for (unsigned i = 0; i < plugged->part_count; i++) {
		const struct gate_part *part = &plugged->parts[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "name", part->medium.name);
		show_bytes(w, "bytes", part->medium.bytes);
		text_member(w, "file_system", part->medium.file_system);
		jsonw_string(w, "verdict", gate_verdict_name(part->verdict));
		text_member(w, "why", part->why);
		show_scan(w, part);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

static void show_device(struct jsonw *w, const struct gate_plugged *plugged)
{
	const struct gate_facts_shown *shown = &plugged->shown;
	/* What somebody needs to use a computer is nobody's business. */
	bool named = strcmp(plugged->why, "assistive") != 0;

	jsonw_object(w, NULL);
	text_member(w, "reference", shown->reference);
	if (named && !plugged->alone)
		jsonw_string(w, "id", shown->id);
	text_member(w, "port", shown->port);
	if (plugged->alone)
		jsonw_string(w, "disk", plugged->place);
	jsonw_string(w, "kind", named ? shown->kind : "other");
	if (named) {
		text_member(w, "maker", shown->maker);
		text_member(w, "model", shown->model);
	}
	jsonw_string(w, "verdict", gate_verdict_name(plugged->verdict));
	jsonw_bool(w, "enforced", plugged->decision.mode == GATE_ENFORCE);
	text_member(w, "why", plugged->why);
	if (plugged->line > 0)
		jsonw_int(w, "line", plugged->line);
	text_member(w, "exception", plugged->decision.exception);
	if (plugged->decision.until > 0)
		jsonw_int(w, "until", plugged->decision.until);
	if (plugged->decision.may_ask)
		jsonw_bool(w, "may_ask", true);
	show_parts(w, plugged);
	jsonw_object_end(w);
}

/* Most events of a device tell nothing new.  'from': where the time of writing ends. */
static bool is_shown(const struct gate *gate, const struct buf *text, size_t from)
{
	const struct buf *shown = &gate->shown;
	size_t len = text->len - from;

	return shown->len >= gate->shown_from && shown->len - gate->shown_from == len && len &&
	       memcmp(shown->data + gate->shown_from, text->data + from, len) == 0;
}

void gate_show(struct gate *gate)
{
	const struct gate_rules *rules = gate->rules;
	struct jsonw w;
	struct buf text;
	struct err err;
	size_t from;
	bool known;

	buf_init(&text, SHOWN_MAX);
	jsonw_init(&w, &text);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_int(&w, "at", gate_now(gate, &known));
	from = text.len;
	if (rules) {
		jsonw_string(&w, "policy", rules->policy);
		jsonw_int(&w, "serial", rules->policy_serial);
	}
	jsonw_string(&w, "storage", mode_name(rules ? rules->storage_mode : GATE_OFF));
	jsonw_string(&w, "hardware", mode_name(rules ? rules->hardware_mode : GATE_OFF));
	jsonw_string(&w, "rules", gate->rules_state ? gate->rules_state : "none");
	jsonw_bool(&w, "ask", rules && rules->ask);
	jsonw_array(&w, "devices");
	for (const struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next)
		show_device(&w, plugged);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	buf_addc(&text, '\n');
	if (!text.failed && is_shown(gate, &text, from)) {
		buf_clear(&text);
		return;
	}
	buf_clear(&gate->shown);
	if (buf_check(&text, &err) < 0 ||
	    plat_file_replace(gate->shown_path, text.data, text.len, PLAT_FILE_PUBLIC, &err) < 0) {
		log_warn("'caretaker hardware' shows what was: %s", err.msg);
		buf_clear(&text);
		return;
	}
	gate->shown = text;
	gate->shown_from = from;
}
