/* Scans that the gate asks caretaker-scan for (agent/gate/scan_ask.h): of a whole medium before
 * anyone may use it, or of each file when it is opened.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_plugged.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "agent/gate/rules.h"
#include "platform/os.h"

static void file_of(const struct gate_part *part, const char *ending, char out[SCAN_FILE])
{
	struct scan_medium medium = {.sequence = part->medium.sequence};

	(void)text_copy(medium.name, sizeof(medium.name), part->medium.name);
	scan_file_print(&medium, ending, out);
}

static void scan_file(const struct gate *gate, const struct gate_part *part, const char *ending,
		      char out[400])
{
	char file[SCAN_FILE];

	file_of(part, ending, file);
	(void)snprintf(out, 400, "%s/%s", gate->scan_path, file);
}

struct answers {
	const struct gate *gate;
	const char *name;
};

static int forget_answer(void *ctx, const char *file, struct err *err)
{
	const struct answers *answers = ctx;
	struct scan_medium medium;
	char path[560], old[SCAN_FILE]; /* a daemon before us went by the name alone */

	(void)snprintf(old, sizeof(old), "%s" SCAN_STATE, answers->name);
	if (strcmp(file, old) != 0 && (!scan_file_parse(file, SCAN_STATE, &medium) ||
				       strcmp(medium.name, answers->name) != 0))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/%s", answers->gate->scan_path, file);
	(void)plat_file_remove(path, err); /* what stays is no longer read by anybody */
	return 0;
}

/* What was said of this medium, and of those that had its name before. */
static void forget_answers(const struct gate *gate, const struct gate_part *part)
{
	struct answers answers = {gate, part->medium.name};
	char path[400];
	struct err err;

	(void)plat_dir_list(gate->scan_path, forget_answer, &answers, &err); /* none yet */
	scan_file(gate, part, SCAN_STATE, path);
	(void)plat_file_remove(path, &err); /* whatever became of the list */
}

void gate_scan_ask(const struct gate *gate, struct gate_part *part, bool on_open)
{
	struct scan_ask ask = {.minutes = gate->rules->scan_max_minutes};
	char path[400], text[SCAN_TEXT_MAX];
	struct err err;

	/* Mounted as it is, by whoever, it could not be mounted for a scan. */
	if (part->medium.mounted) {
		if (plat_gate_unmount(gate->platform, part->medium.name, GATE_PATIENCE_MS, &err) <
		    0)
			log_warn("taking '%s' out of use before its scan failed: %s",
				 part->medium.name, err.msg);
		part->medium.mounted = false;
	}
	if (!part->medium.sequence) {
		log_error("'%s' cannot be scanned, it stays closed: this kernel gives it no number "
			  "of its own (diskseq, Linux 5.15)",
			  part->medium.name);
		return;
	}
	(void)text_copy(ask.file_system, sizeof(ask.file_system), part->medium.file_system);
	scan_ask_print(&ask, text);
	forget_answers(gate, part);
	scan_file(gate, part, on_open ? SCAN_GUARD : SCAN_ASK, path);
	if (plat_dir_make(gate->scan_path, PLAT_FILE_PRIVATE, &err) < 0 ||
	    plat_file_replace(path, text, strlen(text), PLAT_FILE_PRIVATE, &err) < 0) {
		log_error("'%s' cannot be scanned, it stays closed: %s", part->medium.name,
			  err.msg);
		return;
	}
	memset(&part->scan, 0, sizeof(part->scan)); /* "waiting" */
	part->asked = true;
	part->guarded = on_open;
	part->bytes_judged = part->medium.bytes;
}

static void take_state(struct gate_part *part)
{
	switch (part->scan.stage) {
	case SCAN_CLEAN: part->scanned = PART_CLEAN; break;
	case SCAN_INFECTED: part->scanned = PART_INFECTED; break;
	case SCAN_UNSCANNABLE: part->scanned = PART_UNSCANNABLE; break;
	case SCAN_GUARDED: part->scanned = PART_GUARDED; break;
	case SCAN_WAITING:
	case SCAN_SCANNING:
	case SCAN_STOPPED: part->scanned = PART_UNSCANNED; break;
	}
	if (part->scanned != PART_UNSCANNED && !part->guarded)
		part->asked = false;
}

bool gate_scan_read(const struct gate *gate, struct gate_part *part)
{
	char path[400], word[sizeof(part->scan.word)];
	struct scan_state state;
	bool refused = false;
	struct buf text;
	struct err err;

	(void)text_copy(word, sizeof(word), part->scan.word);
	scan_file(gate, part, SCAN_STATE, path);
	buf_init(&text, SCAN_TEXT_MAX);
	if (plat_file_read_private(path, SCAN_TEXT_MAX, &text, &err) == 0 &&
	    scan_state_parse(buf_text(&text), &state, &err) == 0) {
		part->scan = state;
		take_state(part);
		refused = state.stage == SCAN_GUARDED && strcmp(state.word, "-") != 0 &&
			  strcmp(state.word, word) != 0;
	}
	buf_clear(&text);
	return refused;
}

void gate_scan_end(const struct gate *gate, struct gate_part *part)
{
	char path[400];
	struct err err;

	if (!part->asked)
		return;
	scan_file(gate, part, part->guarded ? SCAN_GUARD : SCAN_ASK, path);
	(void)plat_file_remove(path, &err); /* without it the scanner ends by itself */
	part->asked = part->guarded = false;
	if (part->scanned == PART_GUARDED)
		part->scanned = PART_UNSCANNED;
}

static bool is_asked(const struct gate *gate, const char *file)
{
	for (const struct gate_plugged *plugged = gate->plugged; plugged; plugged = plugged->next)
		for (unsigned i = 0; i < plugged->part_count; i++) {
			const struct gate_part *part = &plugged->parts[i];
			char own[SCAN_FILE];

			file_of(part, part->guarded ? SCAN_GUARD : SCAN_ASK, own);
			if (part->asked && strcmp(own, file) == 0)
				return true;
		}
	return false;
}

static int sweep_one(void *ctx, const char *file, struct err *err)
{
	const struct gate *gate = ctx;
	const char *ending = strrchr(file, '.');
	char path[400];

	if (!ending || (strcmp(ending, SCAN_ASK) != 0 && strcmp(ending, SCAN_GUARD) != 0) ||
	    is_asked(gate, file))
		return 0;
	(void)snprintf(path, sizeof(path), "%s/%s", gate->scan_path, file);
	(void)plat_file_remove(path, err); /* the next sweep tries again */
	return 0;
}

void gate_scan_sweep(struct gate *gate)
{
	struct err err;

	(void)plat_dir_list(gate->scan_path, sweep_one, gate, &err); /* nothing was ever asked */
}
