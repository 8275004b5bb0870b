/* Exceptions: what is allowed for a time and to whom, and the signed list of each device.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include "agent/base/err.h"

#include <string.h>

/* --- questions --- */

int sq_exceptions(struct store *store, bool ended_too, int64_t now,
		  int (*each)(void *ctx, const struct store_exception *, struct err *), void *ctx,
		  struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(
		sq,
		"SELECT e.id, e.device, e.grp, e.school, coalesce (d.name, g.name, s.name, ''), "
		"e.control, e.what, e.reason, e.asked, e.approved, e.until, e.created_at, "
		"e.withdrawn_at FROM exception e LEFT JOIN device d ON d.id = e.device LEFT JOIN "
		"grp g ON g.id = e.grp LEFT JOIN school s ON s.id = e.school WHERE ?1 OR "
		"(e.withdrawn_at = 0 AND e.until > ?2) ORDER BY e.until, e.id",
		err);
	struct store_exception e;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st) {
		sq_bind_int(st, 1, ended_too);
		sq_bind_int(st, 2, now);
	}
	while (sq_next(&rows)) {
		memset(&e, 0, sizeof(e));
		sq_text(st, 0, e.id, sizeof(e.id));
		e.device = sq_int(st, 1);
		e.group = sq_int(st, 2);
		e.school = sq_int(st, 3);
		sq_text(st, 4, e.place, sizeof(e.place));
		sq_text(st, 5, e.control, sizeof(e.control));
		sq_text(st, 6, e.what, sizeof(e.what));
		sq_text(st, 7, e.reason, sizeof(e.reason));
		sq_text(st, 8, e.asked, sizeof(e.asked));
		sq_text(st, 9, e.approved, sizeof(e.approved));
		e.until = sq_int(st, 10);
		e.created_at = sq_int(st, 11);
		e.withdrawn_at = sq_int(st, 12);
		sq_said(&rows, each(ctx, &e, err));
	}
	return rows.ret;
}

int sq_exception_newest(struct store *store, int64_t *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st =
		sq_stmt(sq, "SELECT coalesce (max (serial), 0) FROM exception_document", err);

	*out = 0;
	return !st || sq_one_int(sq, st, out, err) < 0 ? -1 : 0;
}

int sq_exception_serial(struct store *store, int64_t device, int64_t *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	/* The device's own word counts too: after a restore from yesterday it knows of more. */
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT max (coalesce ((SELECT serial FROM exception_document "
				   "WHERE device = ?1), 0), exceptions_serial, " SQ_SERIAL_FLOOR
				   ") + 1 FROM device WHERE id = ?1",
				   err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	*out = 1;
	return sq_one_int(sq, st, out, err) < 0 ? -1 : 0;
}

/* --- changes --- */

static int insert_exception(struct sq *sq, const struct store_exception *row, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "INSERT INTO exception (id, device, grp, school, control, what, "
				   "reason, asked, approved, until, created_at) "
				   "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
				   err);

	if (!st)
		return -1;
	sq_bind_text(st, 1, row->id);
	sq_bind_int(st, 2, row->device);
	sq_bind_int(st, 3, row->group);
	sq_bind_int(st, 4, row->school);
	sq_bind_text(st, 5, row->control);
	sq_bind_text(st, 6, row->what);
	sq_bind_text(st, 7, row->reason);
	sq_bind_text(st, 8, row->asked);
	sq_bind_text(st, 9, row->approved);
	sq_bind_int(st, 10, row->until);
	sq_bind_int(st, 11, row->created_at);
	return sq_run(sq, st, err);
}

int sq_exception_add(struct store *store, const struct store_exception *row, const char *who,
		     struct err *err)
{
	struct sq *sq = sq_of(store);

	if (sq_begin(store, err))
		return -1;
	return sq_done(sq, who, "exception add", row->id, "{}", insert_exception(sq, row, err),
		       err);
}

int sq_exceptions_due(struct store *store, int64_t now, int64_t before, unsigned max,
		      int (*each)(void *ctx, const struct store_exception_target *, struct err *),
		      void *ctx, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(
		sq,
		"WITH due (id) AS (SELECT device FROM exception_document WHERE until < ?2 UNION "
		"SELECT d.id FROM exception e CROSS JOIN device d ON d.id = e.device WHERE "
		"e.withdrawn_at = 0 AND e.until > ?1 UNION SELECT d.id FROM exception e CROSS "
		"JOIN device d ON d.grp = e.grp WHERE e.grp <> 0 AND e.withdrawn_at = 0 AND "
		"e.until > ?1 UNION SELECT d.id FROM exception e CROSS JOIN device d ON d.school "
		"= e.school WHERE e.school <> 0 AND e.withdrawn_at = 0 AND e.until > ?1) SELECT "
		"d.id, d.school, d.grp, d.uuid FROM due JOIN device d ON d.id = due.id LEFT JOIN "
		"exception_document x ON x.device = d.id WHERE d.status = 1 AND (x.device IS NULL "
		"OR x.until < ?2) ORDER BY d.id LIMIT ?3",
		err);
	struct store_exception_target t;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st) {
		sq_bind_int(st, 1, now);
		sq_bind_int(st, 2, before);
		sq_bind_int(st, 3, max);
	}
	while (sq_next(&rows)) {
		t = (struct store_exception_target){sq_int(st, 0), sq_int(st, 1), sq_int(st, 2),
						    ""};
		sq_text(st, 3, t.uuid, sizeof(t.uuid));
		sq_said(&rows, each(ctx, &t, err));
	}
	return rows.ret;
}

int sq_exception_end(struct store *store, const char *id, int64_t now, const char *who,
		     struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st;
	int ret = -1;

	if (sq_begin(store, err))
		return -1;
	st = sq_stmt(sq, "UPDATE exception SET withdrawn_at = ? WHERE id = ? AND withdrawn_at = 0",
		     err);
	if (st) {
		sq_bind_int(st, 1, now);
		sq_bind_text(st, 2, id);
		ret = sq_run(sq, st, err);
	}
	if (!ret && !sqlite3_changes(sq->db))
		ret = err_set(err, ERR_NOTFOUND, "there is no exception '%.40s' in force", id);
	return sq_done(sq, who, "exception end", id, "{}", ret, err);
}

int sq_put_exceptions(struct store *store, const struct store_exceptions *list, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st =
		sq_stmt(sq,
			"INSERT INTO exception_document (device, serial, at, until, jws)"
			" VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET serial = "
			"excluded.serial, at = excluded.at, until = excluded.until, jws "
			"= excluded.jws WHERE excluded.serial > exception_document.serial",
			err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, list->device);
	sq_bind_int(st, 2, list->serial);
	sq_bind_int(st, 3, list->at);
	sq_bind_int(st, 4, list->until);
	sq_bind_text(st, 5, list->jws);
	if (sq_run(sq, st, err))
		return -1;
	return sqlite3_changes(sq->db)
		       ? 0
		       : err_set(err, ERR_DENIED,
				 "another process signed this device's exceptions at the same "
				 "time; try again");
}

int sq_exception_document(struct store *store, const struct store_exceptions *list, struct err *err)
{
	if (sq_begin(store, err))
		return -1;
	if (!sq_put_exceptions(store, list, err) && !sq_commit(store, err))
		return 0;
	sq_rollback(store);
	return -1;
}
