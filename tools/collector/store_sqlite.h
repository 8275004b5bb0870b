/* Inside the SQLite store: what its files share.  store_sqlite.c opens it and has the small
 * questions; store_sqlite_ingest.h and store_sqlite_admin.h tell of the others.  Nobody else
 * includes it. SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_STORE_SQLITE_H
#define CARETAKER_COLLECTOR_STORE_SQLITE_H

#include <sqlite3.h>

#include "tools/collector/store_desk.h"

struct buf;
struct err;

#define SQ_STATEMENTS 256 /* a power of two, twice what there are */
#define SQ_COUNTS 512     /* a power of two */

struct sq_count {
	int scope, control;
	int64_t scope_id, standing, delta;
	bool used;
};

/* What one transaction changes of a row of 'cause'. */
struct sq_cause {
	int scope, control;
	int64_t scope_id, standing, delta;
	/* The first of those that came and of those that left; 0: none. */
	int64_t came, came_since, left, left_since;
	char why[REASON_MAX];
	bool used;
};

struct sq {
	struct store store; /* first: a struct store * is a struct sq * */
	sqlite3 *db;
	bool in_transaction;
	struct {
		const char *sql; /* a literal: found by its address */
		sqlite3_stmt *statement;
	} statements[SQ_STATEMENTS];
	/* Counter changes of the transaction, written by sq_commit(): a hundred heartbeats change
	 * the same few rows. */
	struct sq_count counts[SQ_COUNTS];
	unsigned count_used;
	struct sq_cause *causes; /* likewise */
	unsigned cause_used, cause_size;
};

extern const struct store_live_ops sq_live_ops;
extern const struct store_admin_ops sq_admin_ops;
extern const struct store_desk_ops sq_desk_ops;

static inline struct sq *sq_of(struct store *store)
{
	return (struct sq *)store;
}

/* --- statements --- */
/* Prepared once and kept; reset and unbound each time it is asked for.  'sql' must be a literal.
 * NULL on failure.  Not for a statement that is being stepped further out. */
sqlite3_stmt *sq_stmt(struct sq *sq, const char *sql, struct err *err);
/* 1: a row; 0: done (and reset); -1: failed (and reset). */
int sq_step(struct sq *sq, sqlite3_stmt *st, struct err *err);
/* For what returns no row. */
int sq_run(struct sq *sq, sqlite3_stmt *st, struct err *err);
int sq_exec(struct sq *sq, const char *sql, struct err *err);

/* Walks a statement's rows, which may be bound after sq_rows():
 *
 *	struct sq_rows rows = sq_rows(sq, st, err);
 *	while (sq_next(&rows))
 *		sq_said(&rows, what is done with sq_int(st, 0) ...);
 *	return rows.ret;
 *
 * However it ends, the statement is left ready for the next. */
struct sq_rows {
	struct sq *sq;
	sqlite3_stmt *st; /* NULL: it has ended */
	struct err *err;
	int ret; /* 0, or -1: 'err' says why */
};
/* 'st' NULL: it could not be prepared, 'err' is set. */
struct sq_rows sq_rows(struct sq *sq, sqlite3_stmt *st, struct err *err);
bool sq_next(struct sq_rows *rows);
/* What became of the row: 0 goes on, 1 has heard enough, -1 failed. */
void sq_said(struct sq_rows *rows, int said);
/* Turns SQLite's last error into ours: a full disk is ERR_FULL, a lock ERR_TIMEOUT. */
int sq_fail(struct sq *sq, struct err *err);

#define sq_bind_int(st, i, value) sqlite3_bind_int64((st), (i), (value))
/* The text must outlive the step. */
#define sq_bind_text(st, i, text) sqlite3_bind_text((st), (i), (text), -1, SQLITE_STATIC)
#define sq_bind_textn(st, i, text, len) \
	sqlite3_bind_text((st), (i), (text), (int)(len), SQLITE_STATIC)
#define sq_bind_blob(st, i, data, len) \
	sqlite3_bind_blob((st), (i), (data), (int)(len), SQLITE_STATIC)
#define sq_int(st, i) sqlite3_column_int64((st), (i))
/* "" for NULL; cut at a character's boundary. */
void sq_text(sqlite3_stmt *st, int i, char *out, size_t out_size);
/* Zeroes when the column has another length. */
void sq_blob(sqlite3_stmt *st, int i, void *out, size_t len);

/* --- transactions: begin, changes, commit; roll back after a failure between --- */
int sq_begin(struct store *store, struct err *err);
int sq_commit(struct store *store, struct err *err);
void sq_rollback(struct store *store);

/* --- counters (store_sqlite_count.c): all inside a transaction --- */
struct sq_place {
	int64_t school, group, room;
};
int sq_place_count(struct sq *sq, const struct sq_place *place, int control, int64_t standing,
		   int delta, struct err *err);
/* Everything that is counted of a device, once more (1) or once less (-1): around a change of its
 * school, group or room. */
int sq_device_count(struct sq *sq, int64_t device, int delta, struct err *err);
/* Counts it as it is by 'now': after a change of its status, or when its time has come. */
int sq_device_settle(struct sq *sq, int64_t device, int64_t now, struct err *err);
int sq_counts_flush(struct sq *sq, struct err *err);
void sq_counts_forget(struct sq *sq);

/* --- what to fix first (store_sqlite_cause.c): inside a transaction --- */
struct sq_reason {
	int64_t standing, since; /* since: or due */
	char why[REASON_MAX];
};
/* Of a row of device_control 'c'; the index on it has the same expression. */
#define SQ_CAUSE_SINCE "CASE WHEN c.due_at > 0 THEN c.due_at ELSE c.since END"
bool sq_is_cause(int64_t standing);
/* A device's control comes to stand so (1) or no longer does (-1); nothing when it is no cause. */
int sq_cause_move(struct sq *sq, const struct sq_place *place, int64_t device, int control,
		  const struct sq_reason *reason, int delta, struct err *err);
int sq_causes_flush(struct sq *sq, struct err *err);
void sq_causes_forget(struct sq *sq);
int sq_causes(struct store *store, enum store_scope scope, int64_t id, unsigned max,
	      int (*each)(void *ctx, const struct store_cause *, struct err *), void *ctx,
	      struct err *err);

/* --- controls: their numbers --- */
/* A name that is newer than we are gets a number; inside a transaction. */
int sq_control_id(struct sq *sq, const char *name, int *out, struct err *err);
/* "" when there is none. */
int sq_control_name(struct sq *sq, int id, char out[32], struct err *err);

/* Brings device.branches in line with the rows of 'branch'. */
int sq_count_branches(struct sq *sq, int64_t device, struct err *err);

/* One observation of the collector's own. */
int sq_event(struct sq *sq, int64_t device, int64_t at, const char *type, const char *data,
	     struct err *err);
/* A line of the audit trail, in the transaction that is open. */
int sq_audit(struct sq *sq, int64_t at, const char *who, const char *action, const char *object,
	     const char *detail_json, struct err *err);

/* --- parts of the live ops in files of their own --- */
int sq_put_exceptions(struct store *store, const struct store_exceptions *list, struct err *err);
int sq_put_heartbeat(struct store *store, const struct store_heartbeat *in,
		     struct store_placed *out, struct err *err);
int sq_enrol(struct store *store, const struct store_enrol *in, struct store_enrolled *out,
	     struct err *err);
/* store_sqlite_inventory.c */
int sq_put_inventory(struct store *store, const struct store_inventory *in,
		     enum store_inventory_result *out, enum store_status *out_status,
		     struct err *err);
int sq_has_inventory(struct store *store, int64_t device_id, const char *hash, bool *out,
		     struct err *err);
int sq_look(struct store *store, const struct store_key *key, struct store_placed *out,
	    struct err *err);
int sq_apply_time(struct store *store, int64_t now, unsigned max, bool *out_more, struct err *err);
int sq_next_change(struct store *store, int64_t *out, struct err *err);
int sq_read_counts(struct store *store, enum store_scope scope, int64_t id,
		   int (*each)(void *ctx, const struct store_count *, struct err *), void *ctx,
		   struct err *err);

#endif
