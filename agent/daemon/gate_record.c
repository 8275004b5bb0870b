/* See gate_record.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "agent/daemon/gate_record.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "agent/base/log.h"
#include "agent/base/text.h"
#include "platform/os.h"

#define LOCK_WAIT_MS 2000

void gate_record_init(struct gate_record *record, const char *state)
{
	memset(record, 0, sizeof(*record));
	(void)snprintf(record->events, sizeof(record->events), "%s/" GATE_RECORD_EVENTS, state);
	(void)snprintf(record->lock, sizeof(record->lock), "%s/" GATE_RECORD_LOCK, state);
}

/* --- a line --- */

static void text_member(struct jsonw *w, const char *name, const char *value)
{
	if (value && *value)
		jsonw_string(w, name, value);
}

static void number_member(struct jsonw *w, const char *name, int64_t value)
{
	if (value > 0)
		jsonw_int(w, name, value);
}

static void write_device(struct jsonw *w, const struct gate_event *event)
{
	const struct gate_facts_shown *device = &event->device;

	jsonw_bool(w, "enforced", event->enforced);
	text_member(w, "reference", device->reference);
	jsonw_string(w, "id", device->id);
	text_member(w, "port", device->port);
	text_member(w, "kind", device->kind);
	text_member(w, "maker", device->maker);
	text_member(w, "model", device->model);
	jsonw_array(w, "interfaces");
	for (unsigned i = 0; i < device->code_count; i++)
		jsonw_string(w, NULL, device->codes[i]);
	jsonw_array_end(w);
	number_member(w, "bytes", event->bytes > INT64_MAX ? INT64_MAX : (int64_t)event->bytes);
	text_member(w, "file_system", event->file_system);
	text_member(w, "verdict", event->verdict);
	text_member(w, "why", event->why);
	number_member(w, "line", event->line);
	text_member(w, "exception", event->exception);
	number_member(w, "until", event->until);
	text_member(w, "user", event->user);
}

static void write_line(const struct gate_event *event, struct buf *out)
{
	unsigned char random[8] = {0};
	char name[17];
	struct jsonw w;
	struct err err;

	(void)plat_random(random, sizeof(random), &err); /* zeros: a reader takes the first such */
	text_hex(name, random, sizeof(random));
	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "n", name);
	jsonw_int(&w, "at", event->at);
	jsonw_string(&w, "type", event->type);
	jsonw_int(&w, "count", event->count);
	if (!event->without_device)
		write_device(&w, event);
	jsonw_object_end(&w);
	buf_addc(out, '\n');
}

/* --- the file --- */

/* The whole file anew: what a power cut leaves is the old one or the new one, never half a line.
 * It is small, as every check takes it away. */
static int append(struct gate_record *record, const struct gate_event *event, struct err *err)
{
	struct plat_lock *lock = NULL;
	struct buf text;
	int ret = -1;

	buf_init(&text, GATE_RECORD_MAX);
	if (plat_lock(record->lock, LOCK_WAIT_MS, &lock, err) < 0 ||
	    (plat_file_read(record->events, GATE_RECORD_MAX, &text, err) < 0 &&
	     err->code != ERR_NOTFOUND))
		goto out;
	write_line(event, &text);
	if (text.failed) {
		err_set(err, ERR_FULL, "'%s' is full: no check takes it away", record->events);
		goto out;
	}
	ret = plat_file_replace(record->events, text.data, text.len, PLAT_FILE_PRIVATE, err);
out:
	plat_unlock(lock);
	buf_clear(&text);
	return ret;
}

static void tell_lost(struct gate_record *record, int64_t at)
{
	struct gate_event event = {.type = "events-lost", .at = at, .without_device = true};
	struct err err;

	event.count = record->lost > UINT32_MAX ? UINT32_MAX : (uint32_t)record->lost;
	if (append(record, &event, &err) == 0)
		record->lost = 0;
}

static void write_event(struct gate_record *record, const struct gate_event *event, int64_t now_ms)
{
	struct err err;

	if (!record->burst || now_ms - record->burst_ms >= GATE_RECORD_BURST_S * 1000) {
		record->burst_ms = now_ms;
		record->burst = 0;
	}
	if (record->burst++ >= GATE_RECORD_BURST) {
		record->lost += event->count;
		return;
	}
	if (record->lost)
		tell_lost(record, event->at);
	if (append(record, event, &err) < 0) {
		record->lost += event->count;
		log_warn("an event is not recorded, but counted: %s", err.msg);
		return;
	}
	record->written++;
}

/* --- one event an attempt --- */

static bool same(const struct gate_event *a, const struct gate_event *b)
{
	return strcmp(a->device.id, b->device.id) == 0 && strcmp(a->type, b->type) == 0 &&
	       strcmp(a->why, b->why) == 0 && strcmp(a->exception, b->exception) == 0 &&
	       a->enforced == b->enforced && a->verdict == b->verdict;
}

static void end_kept(struct gate_record *record, struct gate_kept *kept, int64_t now_ms)
{
	if (kept->since_ms && kept->event.count)
		write_event(record, &kept->event, now_ms);
	kept->since_ms = 0;
}

void gate_record_event(struct gate_record *record, const struct gate_event *event, int64_t now_ms)
{
	struct gate_kept *place = &record->kept[0];

	gate_record_flush(record, now_ms, false);
	for (unsigned i = 0; i < GATE_RECORD_KEPT; i++) {
		struct gate_kept *kept = &record->kept[i];

		if (kept->since_ms && same(&kept->event, event)) {
			uint32_t waiting = kept->event.count;

			kept->event = *event;
			kept->event.count += waiting;
			return;
		}
		if (kept->since_ms < place->since_ms)
			place = kept;
	}
	end_kept(record, place, now_ms);
	write_event(record, event, now_ms);
	place->event = *event;
	place->event.count = 0;
	place->since_ms = now_ms > 0 ? now_ms : 1;
}

void gate_record_flush(struct gate_record *record, int64_t now_ms, bool all)
{
	for (unsigned i = 0; i < GATE_RECORD_KEPT; i++) {
		struct gate_kept *kept = &record->kept[i];

		if (kept->since_ms && (all || now_ms - kept->since_ms >= GATE_RECORD_SPAN_S * 1000))
			end_kept(record, kept, now_ms);
	}
}

int64_t gate_record_due_ms(const struct gate_record *record)
{
	int64_t due = 0;

	/* What was not repeated needs no timer: its place is taken when somebody wants it. */
	for (unsigned i = 0; i < GATE_RECORD_KEPT; i++) {
		const struct gate_kept *kept = &record->kept[i];
		int64_t at = kept->since_ms + GATE_RECORD_SPAN_S * 1000;

		if (kept->since_ms && kept->event.count && (!due || at < due))
			due = at;
	}
	return due;
}
