/* What a heartbeat says of each control, in the device's rows and in the counters.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_ingest.h"

#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

#define NEW_CONTROLS_MAX 200

/* --- controls --- */

struct held {
	int control;
	enum standing standing;
	struct sq_reason reason; /* when its standing is a cause */
	bool told;               /* this heartbeat speaks of it */
	int64_t next;
	int unchanged_by; /* index of the heartbeat's control that says the same; -1 */
};

struct holdings {
	struct held rows[HEARTBEAT_MAX_CONTROLS * 2];
	unsigned count;
};

static bool same_evidence(sqlite3_stmt *st, const struct heartbeat_control *c)
{
	const char *evidence = (const char *)sqlite3_column_text(st, 8);

	return (size_t)sqlite3_column_bytes(st, 8) == c->evidence_len && evidence &&
	       memcmp(evidence, c->evidence, c->evidence_len) == 0;
}

static bool says_the_same(sqlite3_stmt *st, const struct heartbeat_control *c)
{
	const char *why = (const char *)sqlite3_column_text(st, 7);

	if (c->as_base)
		return same_evidence(st, c);
	return sq_int(st, 5) == (int)c->mode && sq_int(st, 1) == (int)c->verdict &&
	       sq_int(st, 6) == c->since && sq_int(st, 2) == c->due_at &&
	       sq_int(st, 3) == c->until && why && strcmp(why, c->why) == 0 && same_evidence(st, c);
}

static int load_holdings(struct sq_beat *w, const int *ids, struct holdings *out, struct err *err)
{
	const struct heartbeat *hb = w->in->heartbeat;
	sqlite3_stmt *st = sq_stmt(w->sq,
				   "SELECT control, verdict, due_at, until, standing, mode, since, "
				   "why, evidence FROM device_control WHERE device = ?",
				   err);
	struct sq_rows rows = sq_rows(w->sq, st, err);

	if (!st)
		return -1;
	out->count = 0;
	sq_bind_int(st, 1, w->in->key->device_id);
	while (sq_next(&rows)) {
		struct held *h;

		if (out->count == sizeof(out->rows) / sizeof(out->rows[0])) {
			sq_said(&rows, err_set(err, ERR_INVALID, "a device has over %u controls",
					       out->count));
			break;
		}
		h = &out->rows[out->count++];
		h->control = (int)sq_int(st, 0);
		h->standing = (enum standing)sq_int(st, 4);
		h->reason.standing = h->standing;
		h->reason.since = 0;
		h->reason.why[0] = '\0';
		if (sq_is_cause(h->standing)) {
			h->reason.since = sq_int(st, 2) > 0 ? sq_int(st, 2) : sq_int(st, 6);
			sq_text(st, 7, h->reason.why, sizeof(h->reason.why));
		}
		h->told = false;
		h->next = standing_change((enum verdict)sq_int(st, 1), sq_int(st, 2), sq_int(st, 3),
					  w->in->received_at);
		h->unchanged_by = -1;
		for (unsigned i = 0; i < hb->control_count; i++) {
			if (ids[i] == h->control && says_the_same(st, &hb->controls[i]))
				h->unchanged_by = (int)i;
		}
	}
	return rows.ret;
}

static int put_control(struct sq_beat *w, int id, const struct heartbeat_control *c,
		       enum standing standing, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(w->sq,
				   "INSERT OR REPLACE INTO device_control (device, control, mode, "
				   "verdict, why, since, due_at, until, evidence, standing) "
				   "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
				   err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, id);
	sq_bind_int(st, 3, c->mode);
	sq_bind_int(st, 4, c->verdict);
	sq_bind_text(st, 5, c->why);
	sq_bind_int(st, 6, c->since);
	sq_bind_int(st, 7, c->due_at);
	sq_bind_int(st, 8, c->until);
	sq_bind_textn(st, 9, c->evidence ? c->evidence : "", c->evidence_len);
	sq_bind_int(st, 10, standing);
	return sq_run(w->sq, st, err);
}

static int put_evidence(struct sq_beat *w, int id, const struct heartbeat_control *c,
			struct err *err)
{
	sqlite3_stmt *st = sq_stmt(w->sq,
				   "UPDATE device_control SET evidence = ?3 "
				   "WHERE device = ?1 AND control = ?2",
				   err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, id);
	sq_bind_textn(st, 3, c->evidence ? c->evidence : "", c->evidence_len);
	return sq_run(w->sq, st, err);
}

/* Moves a control's count; -1 stands for "was not" and "is no longer". */
int sq_recount(struct sq_beat *w, int control, int before, int after, struct err *err)
{
	if (before == after)
		return 0;
	if (before >= 0 && sq_place_count(w->sq, &w->before.place, control, before, -1, err) < 0)
		return -1;
	return after < 0 ? 0 : sq_place_count(w->sq, &w->before.place, control, after, 1, err);
}

/* Moves a control's cause likewise; NULL: was not, is no longer. */
static int move_cause(struct sq_beat *w, int control, const struct sq_reason *before,
		      const struct sq_reason *after, struct err *err)
{
	int64_t device = w->in->key->device_id;

	if (before && after && before->standing == after->standing &&
	    before->since == after->since && strcmp(before->why, after->why) == 0)
		return 0;
	if (before && sq_cause_move(w->sq, &w->before.place, device, control, before, -1, err) < 0)
		return -1;
	return after ? sq_cause_move(w->sq, &w->before.place, device, control, after, 1, err) : 0;
}

static void sum_up(struct sq_beat *w, enum standing standing, int64_t next)
{
	w->worst = standing_worse(w->worst, standing);
	if (next < w->next)
		w->next = next;
}

/* One that the heartbeat speaks of.  'held' NULL: new on this device. */
static int take_control(struct sq_beat *w, int id, const struct heartbeat_control *c,
			struct held *held, bool unchanged, struct err *err)
{
	int64_t now = w->in->received_at;
	enum standing is = standing_of(c->verdict, c->due_at, c->until, now);
	/* A device that was never counted (its first heartbeat) has no row counted either. */
	bool counted = held && w->before.standing >= 0;
	struct sq_reason reason = {.standing = is, .since = c->due_at > 0 ? c->due_at : c->since};

	(void)text_copy(reason.why, sizeof(reason.why), c->why);
	sum_up(w, is, standing_change(c->verdict, c->due_at, c->until, now));
	if (!(unchanged && held && held->standing == is) && put_control(w, id, c, is, err) < 0)
		return -1;
	if (move_cause(w, id, counted ? &held->reason : NULL, &reason, err) < 0)
		return -1;
	return sq_recount(w, id, counted ? (int)held->standing : -1, is, err);
}

/* One whose evidence alone is new.  Its standing is the base's: without that one here, the evidence
 * would stand beside somebody else's verdict, so it waits for the full heartbeat that is asked for.
 */
static int renew_evidence(struct sq_beat *w, int id, const struct heartbeat_control *c,
			  const struct held *held, bool unchanged, struct err *err)
{
	if (!held || w->step.partial) {
		w->lineage.state_partial = true;
		return 0;
	}
	return unchanged ? 0 : put_evidence(w, id, c, err);
}

/* One that it does not speak of, or only of its evidence: gone when the heartbeat was full, else as
 * it was. */
static int leave_control(struct sq_beat *w, const struct held *held, struct err *err)
{
	bool counted = w->before.standing >= 0;
	int before = counted ? (int)held->standing : -1;
	sqlite3_stmt *st;

	if (!w->in->heartbeat->full) {
		sum_up(w, held->standing, held->next);
		if (move_cause(w, held->control, counted ? &held->reason : NULL, &held->reason,
			       err) < 0)
			return -1;
		return sq_recount(w, held->control, before, held->standing, err);
	}
	if (counted && move_cause(w, held->control, &held->reason, NULL, err) < 0)
		return -1;
	st = sq_stmt(w->sq, "DELETE FROM device_control WHERE device = ? AND control = ?", err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, held->control);
	return sq_run(w->sq, st, err) < 0 ? -1 : sq_recount(w, held->control, before, -1, err);
}

int sq_put_controls(struct sq_beat *w, struct err *err)
{
	const struct heartbeat *hb = w->in->heartbeat;
	int ids[HEARTBEAT_MAX_CONTROLS];
	struct holdings holdings;

	for (unsigned i = 0; i < hb->control_count; i++) {
		if (sq_control_id(w->sq, hb->controls[i].id, &ids[i], err) < 0)
			return -1;
	}
	if (load_holdings(w, ids, &holdings, err) < 0)
		return -1;
	w->worst = STANDING_NOT_APPLICABLE;
	w->next = STANDING_NEVER;
	for (unsigned i = 0; i < hb->control_count; i++) {
		struct held *held = NULL;
		bool unchanged;

		for (unsigned k = 0; k < holdings.count && !held; k++) {
			if (holdings.rows[k].control == ids[i])
				held = &holdings.rows[k];
		}
		unchanged = held && held->unchanged_by == (int)i;
		if (hb->controls[i].as_base) {
			if (renew_evidence(w, ids[i], &hb->controls[i], held, unchanged, err) < 0)
				return -1;
			continue;
		}
		if (held)
			held->told = true;
		if (take_control(w, ids[i], &hb->controls[i], held, unchanged, err) < 0)
			return -1;
	}
	for (unsigned k = 0; k < holdings.count; k++) {
		if (!holdings.rows[k].told && leave_control(w, &holdings.rows[k], err) < 0)
			return -1;
	}
	if (!hb->control_count && !holdings.count)
		w->worst = STANDING_CANNOT_TELL;
	return 0;
}

/* --- their numbers --- */

int sq_control_id(struct sq *sq, const char *name, int *out, struct err *err)
{
	enum control_id known;
	sqlite3_stmt *st;
	int row;

	if (control_parse(name, &known) == 0) {
		*out = known;
		return 0;
	}
	st = sq_stmt(sq, "SELECT id FROM control WHERE name = ?", err);
	if (!st)
		return -1;
	sq_bind_text(st, 1, name);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (row) {
		*out = (int)sq_int(st, 0);
		sqlite3_reset(st);
		return 0;
	}
	/* A device's word alone must not fill the store with names. */
	st = sq_stmt(sq,
		     "INSERT INTO control (id, name) SELECT ?1 + count(*), ?2 FROM control "
		     "HAVING count(*) < ?3",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, STORE_NEW_CONTROLS);
	sq_bind_text(st, 2, name);
	sq_bind_int(st, 3, NEW_CONTROLS_MAX);
	if (sq_run(sq, st, err) < 0)
		return -1;
	if (!sqlite3_changes(sq->db))
		return err_set(err, ERR_INVALID,
			       "member 'controls': '%s' is not known here, and "
			       "there are %d such already",
			       name, NEW_CONTROLS_MAX);
	*out = (int)sqlite3_last_insert_rowid(sq->db);
	return 0;
}

int sq_control_name(struct sq *sq, int id, char out[32], struct err *err)
{
	sqlite3_stmt *st;
	int row;

	if (id >= 0 && id < CONTROL_COUNT) {
		(void)text_copy(out, 32, control_name((enum control_id)id));
		return 0;
	}
	st = sq_stmt(sq, "SELECT name FROM control WHERE id = ?", err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, id);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	out[0] = '\0';
	if (row) {
		sq_text(st, 0, out, 32);
		sqlite3_reset(st);
	}
	return 0;
}
