/* Storing one heartbeat: its place in the chain, the device's state, the counters, in one go.
 *
 * Runs inside the writer's transaction; what is asked of SQLite here is paid per heartbeat.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"
#include "tools/collector/lineage.h"
#include "tools/collector/standing.h"

#define SKEW_NOTABLE_S 300
#define NEW_CONTROLS_MAX 200
#define AGAIN_S 86400 /* what two machines with one key do at each heartbeat is told once a day */

/* What the device's row says before this heartbeat. */
struct before {
	enum store_status status;
	enum store_key_role role;
	struct sq_place place;
	int64_t last_seen, skew_s, forked_at, next_change;
	int64_t has_policy, has_exceptions, has_keys; /* as it said */
	int64_t group_policy, exceptions_serial;      /* as it should */
	int64_t presence, standing;                   /* as counted; -1: not */
	int not_seen_days;
	unsigned branches;
	unsigned state_branch; /* and its head: what its row in 'branch' lags behind */
	int64_t state_seq;
	uint8_t state_hash[CRYPTO_HASH_SIZE];
	char boot[UUID_LEN + 1], boot_before[UUID_LEN + 1];
};

struct work {
	struct sq *sq;
	const struct store_heartbeat *in;
	struct before before;
	struct lineage lineage;
	struct lineage_heartbeat heartbeat;
	struct lineage_step step;
	int64_t key_since;
	bool only_branch; /* see only_branch() */
	/* what the controls come to */
	enum standing worst;
	int64_t next;
};

static int load_before(struct work *w, struct err *err)
{
	struct before *b = &w->before;
	sqlite3_stmt *st =
		sq_stmt(w->sq,
			"SELECT d.status, d.school, d.grp, d.room, d.last_seen, d.skew_s, "
			"d.policy_serial, d.forked_at, d.next_change, d.presence, d.standing, "
			"d.boot, d.boot_before, d.state_branch, d.state_seq, d.state_hash, "
			"d.state_partial, s.not_seen_days, g.policy, x.serial, k.role, k.since, "
			"d.exceptions_serial, d.keys_serial, d.branches "
			"FROM device_key k JOIN device d ON d.id = k.device "
			"JOIN school s ON s.id = d.school JOIN grp g ON g.id = d.grp "
			"LEFT JOIN exception_document x ON x.device = d.id WHERE k.id = ?",
			err);
	int row;

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->id);
	row = sq_step(w->sq, st, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return err_set(err, ERR_NOTFOUND, "the device's key is gone from the store");
	b->status = (enum store_status)sq_int(st, 0);
	b->place = (struct sq_place){sq_int(st, 1), sq_int(st, 2), sq_int(st, 3)};
	b->last_seen = sq_int(st, 4);
	b->skew_s = sq_int(st, 5);
	b->has_policy = sq_int(st, 6);
	b->forked_at = sq_int(st, 7);
	b->next_change = sqlite3_column_type(st, 8) == SQLITE_NULL ? STANDING_NEVER : sq_int(st, 8);
	b->presence = sqlite3_column_type(st, 9) == SQLITE_NULL ? -1 : sq_int(st, 9);
	b->standing = sqlite3_column_type(st, 10) == SQLITE_NULL ? -1 : sq_int(st, 10);
	sq_text(st, 11, b->boot, sizeof(b->boot));
	sq_text(st, 12, b->boot_before, sizeof(b->boot_before));
	w->lineage.state_branch = (unsigned)sq_int(st, 13);
	w->lineage.state_seq = sq_int(st, 14);
	sq_blob(st, 15, w->lineage.state_hash, CRYPTO_HASH_SIZE);
	w->lineage.state_partial = sq_int(st, 16) != 0;
	b->not_seen_days = (int)sq_int(st, 17);
	b->group_policy = sq_int(st, 18);
	b->exceptions_serial = sq_int(st, 19);
	b->role = (enum store_key_role)sq_int(st, 20);
	b->state_branch = w->lineage.state_branch;
	b->state_seq = w->lineage.state_seq;
	memcpy(b->state_hash, w->lineage.state_hash, CRYPTO_HASH_SIZE);
	w->key_since = sq_int(st, 21);
	b->has_exceptions = sq_int(st, 22);
	b->branches = (unsigned)sq_int(st, 24);
	b->has_keys = sq_int(st, 23);
	sqlite3_reset(st);
	return 0;
}

/* The usual device has one branch, whose head its row holds: 'branch' is neither read nor written.
 */
static bool only_branch(struct work *w)
{
	const struct before *b = &w->before;
	struct lineage *l = &w->lineage;

	if (b->branches != 1 || !b->state_seq)
		return false;
	l->count = 1;
	l->branches[0] = (struct lineage_branch){
		.n = b->state_branch, .seq = b->state_seq, .advanced_at = b->last_seen};
	memcpy(l->branches[0].hash, b->state_hash, CRYPTO_HASH_SIZE);
	if (lineage_goes_on(l, &w->heartbeat))
		return true;
	l->count = 0;
	return false;
}

static int load_lineage(struct work *w, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(w->sq,
				   "SELECT n, kind, from_seq, from_hash, seq, hash, advanced_at "
				   "FROM branch WHERE device = ?",
				   err);
	struct sq_rows rows = sq_rows(w->sq, st, err);
	struct lineage *l = &w->lineage;

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	while (sq_next(&rows)) {
		struct lineage_branch *b = &l->branches[l->count];

		b->n = (unsigned)sq_int(st, 0);
		b->kind = (enum lineage_kind)sq_int(st, 1);
		b->from_seq = sq_int(st, 2);
		sq_blob(st, 3, b->from_hash, CRYPTO_HASH_SIZE);
		b->seq = sq_int(st, 4);
		sq_blob(st, 5, b->hash, CRYPTO_HASH_SIZE);
		b->advanced_at = sq_int(st, 6);
		if (b->n == w->before.state_branch && w->before.state_seq) {
			b->seq = w->before.state_seq;
			b->advanced_at = w->before.last_seen;
			memcpy(b->hash, w->before.state_hash, CRYPTO_HASH_SIZE);
		}
		sq_said(&rows, ++l->count == LINEAGE_MAX);
	}
	return rows.ret;
}

/* 1: the store has a heartbeat of this device with that number and hash; its branch in '*out'. */
static int have(struct work *w, int64_t seq, const uint8_t *hash, unsigned *out_branch,
		struct err *err)
{
	sqlite3_stmt *st = sq_stmt(
		w->sq, "SELECT branch FROM heartbeat WHERE device = ? AND seq = ? AND hash = ?",
		err);
	int row;

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, seq);
	sq_bind_blob(st, 3, hash, CRYPTO_HASH_SIZE);
	row = sq_step(w->sq, st, err);
	if (row > 0) {
		*out_branch = (unsigned)sq_int(st, 0);
		sqlite3_reset(st);
	}
	return row;
}

static int refuse(struct store_placed *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int refuse(struct store_placed *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->why, sizeof(out->why), fmt, ap);
	va_end(ap);
	out->as = STORE_REFUSED;
	return 0;
}

static void fill_head(struct store_placed *out, const struct lineage *l, unsigned n)
{
	const struct lineage_branch *own = NULL, *speaker = NULL, *ahead;

	for (unsigned i = 0; i < l->count; i++) {
		if (l->branches[i].n == n)
			own = &l->branches[i];
		/* That one has ended since: the one that holds the state speaks for it. */
		if (!speaker || l->branches[i].n == l->state_branch)
			speaker = &l->branches[i];
	}
	if (!own)
		own = speaker;
	if (!own)
		return;
	out->acked = own->seq;
	text_b64url_into(out->head, own->hash, CRYPTO_HASH_SIZE);
	ahead = lineage_trunk(l, own->n);
	if (ahead) {
		out->trunk_seq = ahead->seq;
		text_b64url_into(out->trunk_head, ahead->hash, CRYPTO_HASH_SIZE);
	}
}

/* --- writing the chain --- */

static int put_row(struct work *w, struct err *err)
{
	const struct heartbeat *hb = w->in->heartbeat;
	sqlite3_stmt *st =
		sq_stmt(w->sq,
			"INSERT INTO heartbeat (device, seq, hash, prev, branch, key, at, "
			"received_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, hb->seq);
	sq_bind_blob(st, 3, w->heartbeat.hash, CRYPTO_HASH_SIZE);
	sq_bind_blob(st, 4, w->heartbeat.prev, CRYPTO_HASH_SIZE);
	sq_bind_int(st, 5, w->step.branch.n);
	sq_bind_int(st, 6, w->in->key->id);
	sq_bind_int(st, 7, hb->at);
	sq_bind_int(st, 8, w->in->received_at);
	sq_bind_textn(st, 9, w->in->jws, w->in->jws_len);
	return sq_run(w->sq, st, err);
}

static int put_branch_row(struct work *w, const struct lineage_branch *b, bool fresh,
			  struct err *err)
{
	sqlite3_stmt *st =
		fresh ? sq_stmt(w->sq,
				"INSERT INTO branch (device, n, seq, hash, advanced_at, kind, "
				"from_seq, from_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
				err)
		      : sq_stmt(w->sq,
				"UPDATE branch SET seq = ?3, hash = ?4, advanced_at = ?5 "
				"WHERE device = ?1 AND n = ?2",
				err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, b->n);
	sq_bind_int(st, 3, b->seq);
	sq_bind_blob(st, 4, b->hash, CRYPTO_HASH_SIZE);
	sq_bind_int(st, 5, b->advanced_at);
	if (fresh) {
		sq_bind_int(st, 6, b->kind);
		sq_bind_int(st, 7, b->from_seq);
		sq_bind_blob(st, 8, b->from_hash, CRYPTO_HASH_SIZE);
	}
	return sq_run(w->sq, st, err);
}

/* What is not the device's only branch going on: all rows are brought up to date. */
static int put_branches(struct work *w, struct err *err)
{
	int64_t device = w->in->key->device_id;
	sqlite3_stmt *st;

	for (unsigned i = 0; i < w->step.drop_count; i++) {
		st = sq_stmt(w->sq, "DELETE FROM branch WHERE device = ? AND n = ?", err);
		if (!st)
			return -1;
		sq_bind_int(st, 1, device);
		sq_bind_int(st, 2, w->step.drop[i]);
		if (sq_run(w->sq, st, err) < 0)
			return -1;
	}
	for (unsigned i = 0; i < w->lineage.count; i++) {
		const struct lineage_branch *b = &w->lineage.branches[i];
		bool fresh = w->step.kind == LINEAGE_OPEN && b->n == w->step.branch.n;

		if (put_branch_row(w, b, fresh, err) < 0)
			return -1;
	}
	/* A gap that was closed may have moved the state to the branch that closed it. */
	st = sq_stmt(w->sq, "UPDATE device SET state_branch = ? WHERE id = ?", err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->lineage.state_branch);
	sq_bind_int(st, 2, device);
	return sq_run(w->sq, st, err) < 0 ? -1 : sq_count_branches(w->sq, device, err);
}

static int put_branch(struct work *w, struct err *err)
{
	if (w->only_branch)
		return 0;
	return put_branches(w, err);
}

int sq_count_branches(struct sq *sq, int64_t device, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "UPDATE device SET branches = "
				   "(SELECT count(*) FROM branch WHERE device = ?1) WHERE id = ?1",
				   err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	return sq_run(sq, st, err);
}

/* --- keys --- */

static int set_role(struct work *w, int64_t key, enum store_key_role from, enum store_key_role to,
		    struct err *err)
{
	/* 'key' 0: whichever of this device has the role. */
	sqlite3_stmt *st = sq_stmt(w->sq,
				   "UPDATE device_key SET role = ?3, since = ?4 "
				   "WHERE device = ?1 AND role = ?2 AND (?5 = 0 OR id = ?5)",
				   err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, from);
	sq_bind_int(st, 3, to);
	sq_bind_int(st, 4, w->in->received_at);
	sq_bind_int(st, 5, key);
	return sq_run(w->sq, st, err);
}

/* The first heartbeat by the successor that its predecessor named. */
static int succeed(struct work *w, struct err *err)
{
	if (w->before.role != STORE_KEY_NEXT)
		return 0;
	if (set_role(w, 0, STORE_KEY_CURRENT, STORE_KEY_PREVIOUS, err) < 0 ||
	    set_role(w, w->in->key->id, STORE_KEY_NEXT, STORE_KEY_CURRENT, err) < 0)
		return -1;
	return sq_event(w->sq, w->in->key->device_id, w->in->received_at, "key-rotated", "{}", err);
}

/* heartbeat_decode() saw that the point is on the curve and has that thumbprint. */
static int name_next(struct work *w, struct err *err)
{
	const struct heartbeat *hb = w->in->heartbeat;
	sqlite3_stmt *st;

	if (!hb->next_kid[0] || w->before.role == STORE_KEY_PREVIOUS)
		return 0;
	st = sq_stmt(w->sq, "DELETE FROM device_key WHERE device = ? AND role = ? AND kid <> ?",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, STORE_KEY_NEXT);
	sq_bind_text(st, 3, hb->next_kid);
	if (sq_run(w->sq, st, err) < 0)
		return -1;
	/* A key that another device has stays that device's. */
	st = sq_stmt(w->sq,
		     "INSERT INTO device_key (kid, point, device, role, since) "
		     "VALUES (?, ?, ?, ?, ?) ON CONFLICT (kid) DO NOTHING",
		     err);
	if (!st)
		return -1;
	sq_bind_text(st, 1, hb->next_kid);
	sq_bind_blob(st, 2, hb->next_key, CRYPTO_POINT_SIZE);
	sq_bind_int(st, 3, w->in->key->device_id);
	sq_bind_int(st, 4, STORE_KEY_NEXT);
	sq_bind_int(st, 5, w->in->received_at);
	return sq_run(w->sq, st, err);
}

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

static int load_holdings(struct work *w, const int *ids, struct holdings *out, struct err *err)
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

static int put_control(struct work *w, int id, const struct heartbeat_control *c,
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

static int put_evidence(struct work *w, int id, const struct heartbeat_control *c, struct err *err)
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
static int recount(struct work *w, int control, int before, int after, struct err *err)
{
	if (before == after)
		return 0;
	if (before >= 0 && sq_place_count(w->sq, &w->before.place, control, before, -1, err) < 0)
		return -1;
	return after < 0 ? 0 : sq_place_count(w->sq, &w->before.place, control, after, 1, err);
}

/* Moves a control's cause likewise; NULL: was not, is no longer. */
static int move_cause(struct work *w, int control, const struct sq_reason *before,
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

static void sum_up(struct work *w, enum standing standing, int64_t next)
{
	w->worst = standing_worse(w->worst, standing);
	if (next < w->next)
		w->next = next;
}

/* One that the heartbeat speaks of.  'held' NULL: new on this device. */
static int take_control(struct work *w, int id, const struct heartbeat_control *c,
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
	return recount(w, id, counted ? (int)held->standing : -1, is, err);
}

/* One whose evidence alone is new.  Its standing is the base's: without that one here, the evidence
 * would stand beside somebody else's verdict, so it waits for the full heartbeat that is asked for.
 */
static int renew_evidence(struct work *w, int id, const struct heartbeat_control *c,
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
static int leave_control(struct work *w, const struct held *held, struct err *err)
{
	bool counted = w->before.standing >= 0;
	int before = counted ? (int)held->standing : -1;
	sqlite3_stmt *st;

	if (!w->in->heartbeat->full) {
		sum_up(w, held->standing, held->next);
		if (move_cause(w, held->control, counted ? &held->reason : NULL, &held->reason,
			       err) < 0)
			return -1;
		return recount(w, held->control, before, held->standing, err);
	}
	if (counted && move_cause(w, held->control, &held->reason, NULL, err) < 0)
		return -1;
	st = sq_stmt(w->sq, "DELETE FROM device_control WHERE device = ? AND control = ?", err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, held->control);
	return sq_run(w->sq, st, err) < 0 ? -1 : recount(w, held->control, before, -1, err);
}

static int put_controls(struct work *w, struct err *err)
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

/* --- events --- */

/* Counts what happened in a row of the last day, when there is one.  Not for an event of a
 * heartbeat that is here already: those are never looked at twice. */
static int count_again(struct work *w, const char *type, bool ours, int64_t count, bool *out_found,
		       struct err *err)
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

static int put_event(struct work *w, const struct heartbeat_event *e, struct err *err)
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

static int put_events(struct work *w, struct err *err)
{
	const struct heartbeat *hb = w->in->heartbeat;

	for (unsigned i = 0; i < hb->event_count; i++) {
		if (put_event(w, &hb->events[i], err) < 0)
			return -1;
	}
	return 0;
}

static int observe(struct work *w, const char *type, int64_t number, struct err *err)
{
	char data[96];

	snprintf(data, sizeof(data), "{\"seq\":%lld,\"number\":%lld}",
		 (long long)w->in->heartbeat->seq, (long long)number);
	return sq_event(w->sq, w->in->key->device_id, w->in->received_at, type, data, err);
}

/* What the collector itself sees; sets '*out_forked_at' when two machines were said to be one. */
static int put_observations(struct work *w, int64_t *out_forked_at, struct err *err)
{
	const struct heartbeat *hb = w->in->heartbeat;
	const struct before *b = &w->before;
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

/* --- the device's row --- */

static void write_rejected(const struct heartbeat *hb, struct buf *out)
{
	struct jsonw j;

	jsonw_init(&j, out);
	jsonw_array(&j, NULL);
	for (unsigned i = 0; i < hb->rejected_count; i++) {
		jsonw_object(&j, NULL);
		jsonw_string(&j, "what", hb->rejected[i].what);
		jsonw_int(&j, "serial", hb->rejected[i].serial);
		jsonw_string(&j, "why", hb->rejected[i].why);
		jsonw_object_end(&j);
	}
	jsonw_array_end(&j);
}

/* The row's next_change may be early (it is looked at again then), never late. */
static int64_t next_change(const struct work *w)
{
	int64_t away = standing_presence_change(STORE_ACTIVE, w->in->received_at,
						w->before.not_seen_days, w->in->received_at);
	int64_t next = w->next < away ? w->next : away;

	return w->before.next_change < next ? w->before.next_change : next;
}

static int64_t has_policy(const struct work *w)
{
	int64_t told = w->in->heartbeat->policy_serial;

	return told == HEARTBEAT_AS_BASE ? w->before.has_policy : told;
}

static int64_t has_exceptions(const struct work *w)
{
	int64_t told = w->in->heartbeat->exceptions_serial;

	return told == HEARTBEAT_AS_BASE ? w->before.has_exceptions : told;
}

static int put_device(struct work *w, int64_t forked_at, struct err *err)
{
	const struct heartbeat *hb = w->in->heartbeat;
	/* Left out: as the base said.  When that is not what is here, the full one will tell. */
	bool new_boot = hb->boot[0] && strcmp(hb->boot, w->before.boot) != 0;
	struct buf rejected;
	sqlite3_stmt *st =
		sq_stmt(w->sq,
			"UPDATE device SET last_seen = ?2, last_at = ?3, skew_s = ?4, boot = ?5, "
			"boot_before = ?6, agent = coalesce (?7, agent), "
			"is_volatile = max (is_volatile, ?8), policy_serial = ?9, "
			"policy_name = coalesce (?10, policy_name), "
			"exceptions_serial = ?11, keys_serial = ?12, rejected = ?13, "
			"inventory = iif (?23, ?14, coalesce (?14, inventory)), state_seq = ?15, "
			"state_hash = ?16, state_branch = ?17, "
			"state_partial = ?18, presence = ?19, standing = ?20, next_change = ?21, "
			"forked_at = ?22 WHERE id = ?1",
			err);
	uint8_t inventory[CRYPTO_HASH_SIZE];
	size_t inventory_len = 0;
	int ret;

	if (!st)
		return -1;
	buf_init(&rejected, 0);
	if (hb->rejected_count)
		write_rejected(hb, &rejected);
	if (hb->inventory[0])
		(void)text_b64url_decode(hb->inventory, strlen(hb->inventory), inventory,
					 sizeof(inventory), &inventory_len);
	sq_bind_int(st, 1, w->in->key->device_id);
	sq_bind_int(st, 2, w->in->received_at);
	sq_bind_int(st, 3, hb->at);
	sq_bind_int(st, 4, hb->at - w->in->received_at);
	sq_bind_text(st, 5, new_boot ? hb->boot : w->before.boot);
	sq_bind_text(st, 6, new_boot ? w->before.boot : w->before.boot_before);
	if (hb->agent[0])
		sq_bind_text(st, 7, hb->agent);
	sq_bind_int(st, 8, hb->volatile_chain);
	sq_bind_int(st, 9, has_policy(w));
	if (hb->policy_serial != HEARTBEAT_AS_BASE)
		sq_bind_text(st, 10, hb->policy_name);
	sq_bind_int(st, 11, has_exceptions(w));
	sq_bind_int(st, 12, hb->keys_serial);
	sq_bind_text(st, 13, buf_text(&rejected));
	if (inventory_len == sizeof(inventory))
		sq_bind_blob(st, 14, inventory, sizeof(inventory));
	sq_bind_int(st, 15, w->lineage.state_seq);
	sq_bind_blob(st, 16, w->lineage.state_hash, CRYPTO_HASH_SIZE);
	sq_bind_int(st, 17, w->lineage.state_branch);
	sq_bind_int(st, 18, w->lineage.state_partial);
	sq_bind_int(st, 19, STORE_SEEN);
	sq_bind_int(st, 20, w->worst);
	if (next_change(w) != STANDING_NEVER)
		sq_bind_int(st, 21, next_change(w));
	sq_bind_int(st, 22, forked_at);
	sq_bind_int(st, 23, hb->full);
	ret = sq_run(w->sq, st, err);
	buf_clear(&rejected);
	return ret;
}

static int put_state(struct work *w, struct err *err)
{
	const struct before *b = &w->before;
	int64_t policy = has_policy(w);
	int64_t forked_at;
	bool counted = b->standing >= 0;

	if (put_observations(w, &forked_at, err) < 0 || put_events(w, err) < 0)
		return -1;
	if (!w->step.apply)
		return 0;
	if (put_controls(w, err) < 0 ||
	    recount(w, STORE_COUNT_DEVICE, counted ? (int)b->standing : -1, (int)w->worst, err) <
		    0 ||
	    recount(w, STORE_COUNT_PRESENCE, (int)b->presence, STORE_SEEN, err) < 0)
		return -1;
	if (!counted || b->has_policy != policy) {
		if ((counted && sq_place_count(w->sq, &b->place, STORE_COUNT_POLICY, b->has_policy,
					       -1, err) < 0) ||
		    sq_place_count(w->sq, &b->place, STORE_COUNT_POLICY, policy, 1, err) < 0)
			return -1;
	}
	return put_device(w, forked_at, err);
}

/* --- one heartbeat --- */

static void prepare(struct work *w)
{
	const struct heartbeat *hb = w->in->heartbeat;
	size_t len;

	w->heartbeat.seq = hb->seq;
	/* Both were checked to be hashes: by heartbeat_decode() and by whoever made the hash. */
	(void)text_b64url_decode(hb->prev, strlen(hb->prev), w->heartbeat.prev, CRYPTO_HASH_SIZE,
				 &len);
	(void)text_b64url_decode(w->in->hash, strlen(w->in->hash), w->heartbeat.hash,
				 CRYPTO_HASH_SIZE, &len);
	w->heartbeat.full = hb->full;
	w->heartbeat.is_volatile = hb->volatile_chain;
	w->heartbeat.now = w->in->received_at;
	for (unsigned i = 0; i < hb->event_count; i++)
		w->heartbeat.rewound |= strcmp(hb->events[i].type, "rewound") == 0;
}

/* 1: it is here already, '*out' says so. */
static int repeated(struct work *w, struct store_placed *out, struct err *err)
{
	unsigned branch;
	int found = have(w, w->heartbeat.seq, w->heartbeat.hash, &branch, err);

	if (found <= 0)
		return found;
	out->as = STORE_REPEATED;
	fill_head(out, &w->lineage, branch);
	out->newest = memcmp(w->lineage.state_hash, w->heartbeat.hash, CRYPTO_HASH_SIZE) == 0;
	out->need_full = w->lineage.state_partial;
	return 1;
}

static int place(struct work *w, struct store_placed *out, struct err *err)
{
	unsigned branch;
	int found;

	if (w->before.role == STORE_KEY_PREVIOUS) {
		char date[TEXT_TIME_SIZE];

		text_time(date, w->key_since);
		return refuse(out, "its key was replaced at %s: only its successor signs now",
			      date);
	}
	if (!lineage_goes_on(&w->lineage, &w->heartbeat)) {
		found = have(w, w->heartbeat.seq - 1, w->heartbeat.prev, &branch, err);
		if (found < 0)
			return -1;
		w->heartbeat.prev_known = found > 0;
	}
	lineage_place(&w->lineage, &w->heartbeat, &w->step);
	if (w->step.kind == LINEAGE_REFUSE)
		return refuse(out, "%s", w->step.why);
	lineage_apply(&w->lineage, &w->heartbeat, &w->step);
	if (put_row(w, err) < 0 || put_branch(w, err) < 0 || succeed(w, err) < 0 ||
	    put_state(w, err) < 0 || name_next(w, err) < 0)
		return -1;
	out->as = STORE_STORED;
	out->newest = w->step.apply;
	out->need_full = w->lineage.state_partial;
	fill_head(out, &w->lineage, w->step.branch.n);
	return 0;
}

int sq_put_heartbeat(struct store *store, const struct store_heartbeat *in,
		     struct store_placed *out, struct err *err)
{
	struct work w = {.sq = sq_of(store), .in = in};
	struct store_placed placed = {.device_id = in->key->device_id};
	int found = 0;

	if (load_before(&w, err) < 0)
		return -1;
	prepare(&w);
	w.only_branch = only_branch(&w);
	if (!w.only_branch && load_lineage(&w, err) < 0)
		return -1;
	placed.status = w.before.status;
	placed.has_policy = has_policy(&w);
	placed.has_exceptions = has_exceptions(&w);
	placed.policy_serial = w.before.group_policy;
	placed.has_keys = w.before.has_keys;
	placed.exceptions_serial = w.before.exceptions_serial;
	if (w.before.status != STORE_ACTIVE) {
		refuse(&placed, "the device is %s", store_status_name(w.before.status));
		*out = placed;
		return 0;
	}
	/* What goes on from a head cannot be here yet. */
	if (!lineage_goes_on(&w.lineage, &w.heartbeat))
		found = repeated(&w, &placed, err);
	if (found < 0 || (found == 0 && place(&w, &placed, err) < 0))
		return -1;
	*out = placed;
	return 0;
}

int sq_look(struct store *store, const struct store_key *key, struct store_placed *out,
	    struct err *err)
{
	const struct store_heartbeat in = {.key = key};
	struct work w = {.sq = sq_of(store), .in = &in};
	struct store_placed placed = {.device_id = key->device_id};

	if (load_before(&w, err) < 0 || load_lineage(&w, err) < 0)
		return -1;
	placed.status = w.before.status;
	placed.policy_serial = w.before.group_policy;
	placed.has_keys = w.before.has_keys;
	placed.exceptions_serial = w.before.exceptions_serial;
	placed.has_policy = w.before.has_policy;
	placed.has_exceptions = w.before.has_exceptions;
	placed.need_full = w.lineage.state_partial;
	fill_head(&placed, &w.lineage, w.lineage.state_branch);
	*out = placed;
	return 0;
}

/* --- shared with the other parts --- */

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
