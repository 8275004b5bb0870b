/* What devices say happened, what the collector sees itself, and the audit trail.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_ingest.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"

#define SKEW_NOTABLE_S 300
#define AGAIN_S 86400 /* what two machines with one key do at each heartbeat is told once a day */

/* --- events --- */

/* Counts what happened in a row of the last day, when there is one.  Not for an event of a
 * heartbeat that is here already: those are never looked at twice. */
static int count_again(struct sq_beat *w, const char *type, bool ours, int64_t count,
		       bool *out_found, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(w->sq,
				   "UPDATE event SET count = count + ?5 WHERE id = (SELECT id "
				   "FROM event WHERE device = ?1 AND type = ?2 AND "
				   "(key IS NULL) = ?3 AND received_at > ?4 "
				   "ORDER BY at DESC, id DESC LIMIT 1)",
				   err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_text(st, 2, type);
	sq_bind_int(st, 3, ours);
	sq_bind_int(st, 4, w->in->received_at - AGAIN_S);
	sq_bind_int(st, 5, count);
	if (sq_run(w->sq, st, err) < 0)
		return -1;
	*out_found = sqlite3_changes(w->sq->db) > 0;
	return 0;
}

static int put_event(struct sq_beat *w, const struct heartbeat_event *e, struct err *err)
{
	bool counted = false;
	sqlite3_stmt *st;

	/* Two machines with one key are told of each other's end, and say so, each time. */
	if (strcmp(e->type, "rewound") == 0 &&
	    count_again(w, e->type, false, e->count, &counted, err) < 0)
		return -1;
	if (counted)
		return 0;
	st = sq_stmt(w->sq,
		     "INSERT INTO event (device, key, event_id, at, received_at, type, "
		     "count, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, w->in->key->id);
	sq_bind_int(st, 3, (int64_t)e->id);
	sq_bind_int(st, 4, e->at);
	sq_bind_int(st, 5, w->in->received_at);
	sq_bind_text(st, 6, e->type);
	sq_bind_int(st, 7, e->count);
	sq_bind_textn(st, 8, e->data ? e->data : "{}", e->data ? e->data_len : 2);
	return sq_run(w->sq, st, err);
}

int sq_put_events(struct sq_beat *w, struct err *err)
{
	const struct heartbeat *hb = w->in->heartbeat;

	for (unsigned i = 0; i < hb->event_count; i++) {
		if (put_event(w, &hb->events[i], err) < 0)
			return -1;
	}
	return 0;
}

static int observe(struct sq_beat *w, const char *type, int64_t number, struct err *err)
{
	char data[96];

	snprintf(data, sizeof(data), "{\"seq\":%lld,\"number\":%lld}",
		 (long long)w->in->heartbeat->seq, (long long)number);
	return sq_event(w->sq, w->in->key->device_id, w->in->received_at, type, data, err);
}

/* What the collector itself sees; sets '*out_forked_at' when two machines were said to be one. */
int sq_put_observations(struct sq_beat *w, int64_t *out_forked_at, struct err *err)
{
	const struct heartbeat *hb = w->in->heartbeat;
	const struct sq_before *b = &w->before;
	int64_t skew = hb->at - w->in->received_at;
	bool was_off = b->skew_s > SKEW_NOTABLE_S || b->skew_s < -SKEW_NOTABLE_S;
	bool off = skew > SKEW_NOTABLE_S || skew < -SKEW_NOTABLE_S;
	/* Each start has an id of its own: one that comes back is a second machine. */
	bool alternates = b->boot_before[0] && strcmp(hb->boot, b->boot_before) == 0 &&
			  strcmp(hb->boot, b->boot) != 0;
	bool fork = alternates || (w->step.event && strcmp(w->step.event, "chain-fork") == 0);
	bool counted = false;

	*out_forked_at = b->forked_at;
	if (w->step.apply && off && (!was_off || !b->last_seen) &&
	    observe(w, "clock-off", skew, err) < 0)
		return -1;
	if (w->step.apply && fork && w->in->received_at - b->forked_at >= AGAIN_S) {
		*out_forked_at = w->in->received_at;
		if (observe(w, "chain-fork", (int64_t)w->lineage.count, err) < 0)
			return -1;
	}
	if (w->step.event && strcmp(w->step.event, "chain-rewind") == 0 &&
	    count_again(w, w->step.event, true, 1, &counted, err) < 0)
		return -1;
	if (w->step.event && !counted && strcmp(w->step.event, "chain-fork") != 0 &&
	    observe(w, w->step.event, w->step.branch.from_seq, err) < 0)
		return -1;
	if (hb->events_lost && observe(w, "events-lost", (int64_t)hb->events_lost, err) < 0)
		return -1;
	return 0;
}

/* --- for all parts of the store --- */

int sq_event(struct sq *sq, int64_t device, int64_t at, const char *type, const char *data,
	     struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "INSERT INTO event (device, at, received_at, type, data) "
				   "VALUES (?1, ?2, ?2, ?3, ?4)",
				   err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	sq_bind_int(st, 2, at);
	sq_bind_text(st, 3, type);
	sq_bind_text(st, 4, data);
	return sq_run(sq, st, err);
}

int sq_audit(struct sq *sq, int64_t at, const char *who, const char *action, const char *object,
	     const char *detail_json, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(
		sq, "INSERT INTO audit (at, who, action, object, detail) VALUES (?, ?, ?, ?, ?)",
		err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, at);
	sq_bind_text(st, 2, who);
	sq_bind_text(st, 3, action);
	sq_bind_text(st, 4, object);
	sq_bind_text(st, 5, detail_json);
	return sq_run(sq, st, err);
}
