/* A device's chain and keys: where a heartbeat goes, and what it does to the branches.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_ingest.h"

#include <string.h>

#include "agent/base/err.h"

/* The usual device has one branch, whose head its row holds: 'branch' is neither read nor written.
 */
bool sq_only_branch(struct sq_beat *w)
{
	const struct sq_before *b = &w->before;
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

int sq_load_lineage(struct sq_beat *w, struct err *err)
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
int sq_have_heartbeat(struct sq_beat *w, int64_t seq, const uint8_t *hash, unsigned *out_branch,
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

/* --- writing the chain --- */

static int put_row(struct sq_beat *w, struct err *err)
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

static int put_branch_row(struct sq_beat *w, const struct lineage_branch *b, bool fresh,
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
static int put_branches(struct sq_beat *w, struct err *err)
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

int sq_put_chain(struct sq_beat *w, struct err *err)
{
	if (put_row(w, err) < 0)
		return -1;
	return w->only_branch ? 0 : put_branches(w, err);
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

static int set_role(struct sq_beat *w, int64_t key, enum store_key_role from,
		    enum store_key_role to, struct err *err)
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
int sq_succeed(struct sq_beat *w, struct err *err)
{
	if (w->before.role != STORE_KEY_NEXT)
		return 0;
	if (set_role(w, 0, STORE_KEY_CURRENT, STORE_KEY_PREVIOUS, err) < 0 ||
	    set_role(w, w->in->key->id, STORE_KEY_NEXT, STORE_KEY_CURRENT, err) < 0)
		return -1;
	return sq_event(w->sq, w->in->key->device_id, w->in->received_at, "key-rotated", "{}", err);
}

/* heartbeat_decode() saw that the point is on the curve and has that thumbprint. */
int sq_name_next(struct sq_beat *w, struct err *err)
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
