/* See report.h.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/report.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "tools/collector/lineage.h"
#include "tools/collector/rollup.h"

#include <stdio.h>
#include <string.h>

#define SKEW_WORTH_SAYING_S 120

/* --- words --- */

static const struct {
	const char *name, *key;
} presences[STORE_PRESENCE_COUNT] = {
	[STORE_SEEN] = {"seen", "seen"},
	[STORE_NOT_SEEN] = {"not seen", "not_seen"},
	[STORE_NEVER_SEEN] = {"never seen", "never_seen"},
	[STORE_IS_WAITING] = {"waiting", "waiting"},
	[STORE_IS_REVOKED] = {"revoked", "revoked"},
	[STORE_IS_RETIRED] = {"retired", "retired"},
};

const char *report_presence(int presence)
{
	return presence >= 0 && presence < STORE_PRESENCE_COUNT ? presences[presence].name : "";
}

const char *report_presence_key(int presence)
{
	return presence >= 0 && presence < STORE_PRESENCE_COUNT ? presences[presence].key : NULL;
}

int report_presence_parse(const char *key, int *out)
{
	for (int i = 0; i < STORE_PRESENCE_COUNT; i++)
		if (!strcmp(key, presences[i].key)) {
			*out = i;
			return 0;
		}
	return -1;
}

int report_standing_parse(const char *key, int *out)
{
	for (int i = 0; i < STANDING_COUNT; i++)
		if (!strcmp(key, standing_key((enum standing)i))) {
			*out = i;
			return 0;
		}
	return -1;
}

int report_status_parse(const char *key, int *out)
{
	for (int i = 0; i < STORE_STATUS_COUNT; i++)
		if (!strcmp(key, store_status_name((enum store_status)i))) {
			*out = i;
			return 0;
		}
	return -1;
}

static const char *standing_or_null(int standing)
{
	return standing >= 0 && standing < STANDING_COUNT ? standing_key((enum standing)standing)
							  : NULL;
}

static const char *branch_kind(int kind)
{
	switch (kind) {
	case LINEAGE_TRUNK: return "from the enrolment";
	case LINEAGE_REWIND: return "rewound or cloned";
	case LINEAGE_GAP: return "after a gap";
	case LINEAGE_VOLATILE: return "a new chain at each boot, as announced";
	default: return "of a kind that this version does not know";
	}
}

/* --- JSON --- */

void report_device_members(struct jsonw *w, const struct store_device *d)
{
	jsonw_string(w, "device", d->uuid);
	jsonw_string(w, "name", d->name);
	jsonw_string(w, "school", d->school_name);
	jsonw_string(w, "group", d->group_name);
	jsonw_string(w, "room", d->room ? d->room_name : NULL);
	jsonw_string(w, "status", store_status_name(d->status));
	jsonw_string(w, "presence", report_presence_key(d->presence));
	jsonw_string(w, "standing", standing_or_null(d->standing));
	jsonw_time(w, "last_seen", d->last_seen);
	jsonw_time(w, "enrolled_at", d->enrolled_at);
	jsonw_string(w, "agent", d->agent);
	jsonw_string(w, "serial_number", d->hardware.serial);
	jsonw_string(w, "vendor", d->hardware.vendor);
	jsonw_string(w, "model", d->hardware.model);
	jsonw_object(w, "policy");
	jsonw_string(w, "name", d->policy_name);
	jsonw_int(w, "serial", d->policy_serial);
	jsonw_int(w, "wanted_serial", d->group_policy_serial);
	jsonw_object_end(w);
}

static int json_control(void *ctx, const struct store_control_row *row, struct err *err)
{
	struct jsonw *w = ctx;
	struct buf wrong, todo;

	(void)err;
	buf_init(&wrong, 0);
	buf_init(&todo, 0);
	rollup_sentences(row->id, row->why, row->evidence, &wrong, &todo);
	jsonw_object(w, NULL);
	jsonw_string(w, "control", row->id);
	jsonw_string(w, "mode", mode_name(row->mode));
	jsonw_string(w, "verdict", verdict_name(row->verdict));
	jsonw_string(w, "standing", standing_or_null(row->standing));
	jsonw_time(w, "since", row->since);
	jsonw_time(w, "due_at", row->due_at);
	jsonw_time(w, "until", row->until);
	jsonw_string(w, "why", row->why);
	jsonw_string(w, "wrong", buf_text(&wrong));
	jsonw_string(w, "todo", buf_text(&todo));
	if (row->evidence && *row->evidence)
		jsonw_foreign(w, "evidence", row->evidence, strlen(row->evidence));
	else
		jsonw_null(w, "evidence");
	jsonw_object_end(w);
	buf_clear(&wrong);
	buf_clear(&todo);
	return 0;
}

static int json_event(void *ctx, const struct store_event_row *row, struct err *err)
{
	struct jsonw *w = ctx;

	(void)err;
	jsonw_object(w, NULL);
	jsonw_time(w, "at", row->at);
	jsonw_time(w, "received_at", row->received_at);
	jsonw_string(w, "type", row->type);
	jsonw_string(w, "by", row->ours ? "collector" : "device");
	jsonw_int(w, "count", row->count);
	jsonw_foreign(w, "data", row->data && *row->data ? row->data : "{}",
		      row->data && *row->data ? strlen(row->data) : 2);
	jsonw_object_end(w);
	return 0;
}

static int json_branch(void *ctx, const struct store_branch_row *row, struct err *err)
{
	struct jsonw *w = ctx;

	(void)err;
	jsonw_object(w, NULL);
	jsonw_string(w, "kind", branch_kind(row->kind));
	jsonw_int(w, "from_seq", row->from_seq);
	jsonw_int(w, "seq", row->seq);
	jsonw_string(w, "head", row->head);
	jsonw_time(w, "advanced_at", row->advanced_at);
	jsonw_object_end(w);
	return 0;
}

static int json_key(void *ctx, const struct store_key *row, struct err *err)
{
	(void)err;
	jsonw_string(ctx, NULL, row->kid);
	return 0;
}

static int json_parts(struct store *store, const struct store_device *d, struct jsonw *w,
		      struct err *err)
{
	struct buf rejected;
	int ret;

	jsonw_array(w, "controls");
	if (store->desk->controls(store, d->id, json_control, w, err))
		return -1;
	jsonw_array_end(w);
	jsonw_array(w, "chain");
	if (store->desk->branches(store, d->id, json_branch, w, err))
		return -1;
	jsonw_array_end(w);
	jsonw_array(w, "keys");
	if (store->desk->keys(store, d->id, json_key, w, err))
		return -1;
	jsonw_array_end(w);
	buf_init(&rejected, 0);
	ret = store->desk->rejected(store, d->id, &rejected, err);
	if (!ret)
		jsonw_foreign(w, "rejected", buf_text(&rejected), rejected.len);
	buf_clear(&rejected);
	if (ret)
		return -1;
	jsonw_array(w, "events");
	if (store->desk->events(store, d->id, REPORT_EVENTS, json_event, w, err))
		return -1;
	jsonw_array_end(w);
	return 0;
}

int report_device_json(struct store *store, const struct store_device *d, bool indent,
		       struct buf *out, struct err *err)
{
	struct jsonw w;

	jsonw_init(&w, out);
	w.indent = indent;
	jsonw_object(&w, NULL);
	report_device_members(&w, d);
	jsonw_string(&w, "board", d->hardware.board);
	jsonw_bool(&w, "volatile", d->is_volatile);
	jsonw_int(&w, "clock_skew_s", d->skew_s);
	jsonw_int(&w, "keys_serial", d->keys_serial);
	jsonw_int(&w, "exceptions_serial", d->exceptions_serial);
	jsonw_string(&w, "was", d->adopts ? d->adopts_uuid : NULL);
	if (json_parts(store, d, &w, err))
		return -1; /* what was written so far is thrown away by the caller */
	jsonw_object_end(&w);
	buf_addc(out, '\n');
	return buf_check(out, err);
}

/* --- text --- */

struct text {
	struct buf *out;
	int64_t now;
	unsigned branches;
};

static void day_time(char out[TEXT_TIME_SIZE], int64_t at)
{
	if (!at) {
		snprintf(out, TEXT_TIME_SIZE, "never");
		return;
	}
	text_time(out, at);
	out[10] = ' ';
	out[16] = '\0';
}

static int text_control(void *ctx, const struct store_control_row *row, struct err *err)
{
	struct text *text = ctx;
	char at[TEXT_TIME_SIZE];
	struct buf wrong, todo;
	int64_t end = row->standing == STANDING_ALLOWED_UNTIL ? row->until : row->due_at;

	(void)err;
	buf_init(&wrong, 0);
	buf_init(&todo, 0);
	rollup_sentences(row->id, row->why, row->evidence, &wrong, &todo);
	buf_addf(text->out, "  %-18s %-14s %-8s", row->id,
		 standing_name((enum standing)row->standing), mode_name(row->mode));
	day_time(at, end ? end : row->since);
	at[10] = '\0';
	buf_addf(text->out, "%s %s\n", end ? "      " : " since", at);
	if (row->standing != STANDING_OK && row->standing != STANDING_NOT_APPLICABLE)
		buf_addf(text->out, "      %s\n      %s\n", buf_text(&wrong), buf_text(&todo));
	else if (wrong.len)
		buf_addf(text->out, "      %s\n", buf_text(&wrong));
	buf_clear(&wrong);
	buf_clear(&todo);
	return 0;
}

static int text_branch(void *ctx, const struct store_branch_row *row, struct err *err)
{
	struct text *text = ctx;
	char at[TEXT_TIME_SIZE];

	(void)err;
	day_time(at, row->advanced_at);
	buf_addf(text->out, "  %s: heartbeats %lld to %lld, the last %s, head %s\n",
		 branch_kind(row->kind), (long long)row->from_seq + 1, (long long)row->seq, at,
		 row->head);
	text->branches++;
	return 0;
}

static int text_event(void *ctx, const struct store_event_row *row, struct err *err)
{
	struct text *text = ctx;
	char at[TEXT_TIME_SIZE];

	(void)err;
	day_time(at, row->at);
	buf_addf(text->out, "  %s  %s%s", at, row->type,
		 row->ours ? " (seen by the collector)" : "");
	if (row->count > 1)
		buf_addf(text->out, "  x %lld", (long long)row->count);
	if (row->data && strcmp(row->data, "{}") != 0)
		buf_addf(text->out, "  %.300s", row->data);
	buf_addc(text->out, '\n');
	return 0;
}

static void text_head(const struct store_device *d, int64_t now, struct buf *out)
{
	char seen[TEXT_TIME_SIZE], came[TEXT_TIME_SIZE], skew[40];

	(void)now;
	day_time(seen, d->last_seen);
	day_time(came, d->enrolled_at);
	buf_addf(out, "%s  %s\n", *d->name ? d->name : "(no name)", d->uuid);
	buf_addf(out, "  %s / %s%s%s, %s, %s\n", d->school_name, d->group_name,
		 d->room ? " / " : "", d->room_name, store_status_name(d->status),
		 report_presence(d->presence));
	if (*d->status_why)
		buf_addf(out, "  %s\n", d->status_why);
	buf_addf(out, "  %s%s%s, serial number %s\n",
		 !*d->hardware.vendor && !*d->hardware.model ? "make and model not known"
							     : d->hardware.vendor,
		 *d->hardware.vendor && *d->hardware.model ? " " : "", d->hardware.model,
		 *d->hardware.serial ? d->hardware.serial : "not known");
	buf_addf(out, "  enrolled %s, last seen %s, agent %s%s\n", came, seen, d->agent,
		 d->is_volatile ? ", reset at each boot" : "");
	if (d->skew_s > SKEW_WORTH_SAYING_S || d->skew_s < -SKEW_WORTH_SAYING_S) {
		text_duration(skew, sizeof(skew), d->skew_s < 0 ? -d->skew_s : d->skew_s);
		buf_addf(out, "  its clock is %s %s\n", skew, d->skew_s > 0 ? "ahead" : "behind");
	}
	if (d->adopts)
		buf_addf(out, "  the same hardware was %s before\n", d->adopts_uuid);
}

static void text_policy(const struct store_device *d, struct buf *out)
{
	buf_adds(out, "\npolicy\n");
	if (d->policy_serial)
		buf_addf(out, "  it runs '%s', serial %lld\n", d->policy_name,
			 (long long)d->policy_serial);
	else
		buf_adds(out, d->last_seen ? "  it runs the built-in default\n"
					   : "  not heard of yet\n");
	if (d->group_policy_serial != d->policy_serial && d->last_seen)
		buf_addf(out, "  its group has serial %lld: %s\n",
			 (long long)d->group_policy_serial,
			 d->group_policy_serial < d->policy_serial
				 ? "lower than what it runs, so it would refuse it; publish the "
				   "group's policy again"
				 : "it takes it with its next acknowledgement");
}

int report_device_text(struct store *store, const struct store_device *d, int64_t now,
		       struct buf *out, struct err *err)
{
	struct text text = {out, now, 0};
	struct buf rejected;
	int ret;

	text_head(d, now, out);
	text_policy(d, out);
	buf_init(&rejected, 0);
	ret = store->desk->rejected(store, d->id, &rejected, err);
	if (!ret && rejected.len > 2)
		buf_addf(out, "  it refused: %s\n", buf_text(&rejected));
	buf_clear(&rejected);
	if (ret)
		return -1;
	buf_adds(out, "\ncontrols\n");
	if (store->desk->controls(store, d->id, text_control, &text, err))
		return -1;
	buf_adds(out, "\nchain\n");
	if (store->desk->branches(store, d->id, text_branch, &text, err))
		return -1;
	buf_adds(out, !text.branches       ? "  no heartbeat yet\n"
		      : text.branches == 1 ? "  whole: one end\n"
					   : "  more than one end: it was restored, cloned or lost "
					     "something; see the events\n");
	buf_adds(out, "\nevents, newest first\n");
	if (store->desk->events(store, d->id, 20, text_event, &text, err))
		return -1;
	return buf_check(out, err);
}
