/* The store in one file: WAL, every commit synced, one writer at a time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"

#include "tools/collector/schema.sql.h"

/* What brings version i to i + 1; released steps never change. */
static const char *const steps[STORE_SCHEMA] = {
	(const char *)tools_collector_schema_sql,
};

int sq_fail(struct sq *sq, struct err *err)
{
	int code = sqlite3_errcode(sq->db);
	int os = sqlite3_system_errno(sq->db);
	enum err_code as = ERR_IO;

	if (code == SQLITE_FULL || (code == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT)))
		return err_set(err, ERR_FULL,
			       "the store's disk is full: make room, nothing that "
			       "was acknowledged is lost");
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		as = ERR_TIMEOUT;
	else if (code == SQLITE_NOMEM)
		as = ERR_NOMEM;
	else if (code == SQLITE_READONLY || code == SQLITE_PERM || code == SQLITE_CANTOPEN)
		as = ERR_DENIED;
	return err_set(err, as, "store: %s", sqlite3_errmsg(sq->db));
}

/* --- statements --- */

static unsigned slot_of(const char *sql)
{
	uintptr_t p = (uintptr_t)sql;

	return (unsigned)((p >> 3) * 2654435761u >> 8) & (SQ_STATEMENTS - 1);
}

sqlite3_stmt *sq_stmt(struct sq *sq, const char *sql, struct err *err)
{
	unsigned i = slot_of(sql);

	while (sq->statements[i].sql && sq->statements[i].sql != sql)
		i = (i + 1) & (SQ_STATEMENTS - 1);
	if (sq->statements[i].sql) {
		sqlite3_reset(sq->statements[i].statement);
		sqlite3_clear_bindings(sq->statements[i].statement);
		return sq->statements[i].statement;
	}
	if (sqlite3_prepare_v3(sq->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
			       &sq->statements[i].statement, NULL) != SQLITE_OK) {
		sq_fail(sq, err);
		return NULL;
	}
	sq->statements[i].sql = sql;
	return sq->statements[i].statement;
}

int sq_step(struct sq *sq, sqlite3_stmt *st, struct err *err)
{
	switch (sqlite3_step(st)) {
	case SQLITE_ROW: return 1;
	case SQLITE_DONE: sqlite3_reset(st); return 0;
	default:
		sq_fail(sq, err);
		sqlite3_reset(st);
		return -1;
	}
}

int sq_run(struct sq *sq, sqlite3_stmt *st, struct err *err)
{
	return sq_step(sq, st, err) < 0 ? -1 : 0;
}

struct sq_rows sq_rows(struct sq *sq, sqlite3_stmt *st, struct err *err)
{
	return (struct sq_rows){sq, st, err, st ? 0 : -1};
}

bool sq_next(struct sq_rows *rows)
{
	int row = rows->st ? sq_step(rows->sq, rows->st, rows->err) : 0;

	if (row > 0)
		return true;
	rows->st = NULL;
	if (row < 0)
		rows->ret = -1;
	return false;
}

void sq_said(struct sq_rows *rows, int said)
{
	if (!said)
		return;
	sqlite3_reset(rows->st);
	rows->st = NULL;
	if (said < 0)
		rows->ret = -1;
}

int sq_exec(struct sq *sq, const char *sql, struct err *err)
{
	return sqlite3_exec(sq->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sq_fail(sq, err);
}

void sq_text(sqlite3_stmt *st, int i, char *out, size_t out_size)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	/* What is here was cleaned on its way in; only the length is open. */
	text_clean(out, out_size, text ? text : "", text ? (size_t)sqlite3_column_bytes(st, i) : 0);
}

void sq_blob(sqlite3_stmt *st, int i, void *out, size_t len)
{
	const void *data = sqlite3_column_blob(st, i);

	if (data && (size_t)sqlite3_column_bytes(st, i) == len)
		memcpy(out, data, len);
	else
		memset(out, 0, len);
}

/* --- transactions --- */

int sq_begin(struct store *store, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq, "BEGIN IMMEDIATE", err);

	assert(!sq->in_transaction);
	if (!st || sq_run(sq, st, err) < 0)
		return -1;
	sq->in_transaction = true;
	return 0;
}

int sq_commit(struct store *store, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st;

	if (sq_counts_flush(sq, err) < 0 || sq_causes_flush(sq, err) < 0)
		return -1;
	st = sq_stmt(sq, "COMMIT", err);
	if (!st || sq_run(sq, st, err) < 0)
		return -1;
	sq->in_transaction = false;
	return 0;
}

void sq_rollback(struct store *store)
{
	struct sq *sq = sq_of(store);
	struct err ignored;

	sq_counts_forget(sq);
	sq_causes_forget(sq);
	/* A full disk rolls back by itself. */
	if (!sqlite3_get_autocommit(sq->db))
		(void)sq_exec(sq, "ROLLBACK", &ignored); /* what fails here fails again at BEGIN */
	sq->in_transaction = false;
}

/* --- small questions --- */

static int version(struct store *store, int64_t *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq, "PRAGMA data_version", err);

	if (!st || sq_step(sq, st, err) < 0)
		return -1;
	*out = sq_int(st, 0);
	sqlite3_reset(st);
	return 0;
}

static int find_key(struct store *store, const char *kid, struct store_key *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT k.id, k.device, k.point, d.uuid, s.org, d.status "
				   "FROM device_key k JOIN device d ON d.id = k.device "
				   "JOIN school s ON s.id = d.school WHERE k.kid = ?",
				   err);
	int row;

	if (!st)
		return -1;
	sq_bind_text(st, 1, kid);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return err_set(err, ERR_NOTFOUND, "no device has the key '%s'", kid);
	*out = (struct store_key){
		.id = sq_int(st, 0),
		.device_id = sq_int(st, 1),
		.status = (enum store_status)sq_int(st, 5),
	};
	(void)text_copy(out->kid, sizeof(out->kid), kid); /* 43 characters: it was found */
	sq_blob(st, 2, out->point, sizeof(out->point));
	sq_text(st, 3, out->device, sizeof(out->device));
	sq_text(st, 4, out->org, sizeof(out->org));
	sqlite3_reset(st);
	return 0;
}

static int meta(struct sq *sq, const char *name, char *out, size_t out_size, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq, "SELECT value FROM meta WHERE name = ?", err);
	int row;

	if (!st)
		return -1;
	sq_bind_text(st, 1, name);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	out[0] = '\0';
	if (row)
		sq_text(st, 0, out, out_size);
	sqlite3_reset(st);
	return 0;
}

static int site(struct store *store, struct store_site *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	struct store_site found = {.org = ""};

	if (meta(sq, "org", found.org, sizeof(found.org), err) < 0 ||
	    meta(sq, "epoch", found.epoch, sizeof(found.epoch), err) < 0 ||
	    meta(sq, "name", found.name, sizeof(found.name), err) < 0 ||
	    meta(sq, "host", found.host, sizeof(found.host), err) < 0)
		return -1;
	if (!found.org[0])
		return err_set(err, ERR_NOTFOUND,
			       "this store is not set up: run 'caretaker-collector init'");
	*out = found;
	return 0;
}

/* Appends the one text that 'st' finds. */
static int one_text(struct sq *sq, sqlite3_stmt *st, const char *what, struct buf *out,
		    struct err *err)
{
	int row = sq_step(sq, st, err);

	if (row < 0)
		return -1;
	if (row == 0)
		return err_set(err, ERR_NOTFOUND, "there is no such %s", what);
	buf_add(out, sqlite3_column_text(st, 0), (size_t)sqlite3_column_bytes(st, 0));
	sqlite3_reset(st);
	return buf_check(out, err);
}

static int policy_jws(struct store *store, const char *org, int64_t serial, struct buf *out,
		      struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq, "SELECT jws FROM policy WHERE org = ? AND serial = ?", err);

	if (!st)
		return -1;
	sq_bind_text(st, 1, org);
	sq_bind_int(st, 2, serial);
	return one_text(sq, st, "policy", out, err);
}

static int exceptions_jws(struct store *store, int64_t device_id, struct buf *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq, "SELECT jws FROM exception_document WHERE device = ?", err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, device_id);
	return one_text(sq, st, "exceptions document", out, err);
}

static int note(struct store *store, int64_t at, const char *who, const char *action,
		const char *object, const char *detail_json, struct err *err)
{
	return sq_audit(sq_of(store), at, who, action, object, detail_json, err);
}

static int put_meta(struct sq *sq, const char *name, int64_t value, struct err *err)
{
	sqlite3_stmt *st =
		sq_stmt(sq, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", err);

	if (!st)
		return -1;
	sq_bind_text(st, 1, name);
	sq_bind_int(st, 2, value);
	return sq_run(sq, st, err);
}

/* Rows come in order of time, so those to forget are the first; where we were is kept. */
static int forget_bodies(struct store *store, int64_t before, unsigned max, bool *out_more,
			 struct err *err)
{
	struct sq *sq = sq_of(store);
	int64_t from, to = 0;
	char text[24];
	sqlite3_stmt *st;

	if (meta(sq, "bodies_forgotten_to", text, sizeof(text), err) < 0)
		return -1;
	if (text_int(text, 0, INT64_MAX, &from) < 0)
		from = 0;
	st = sq_stmt(sq,
		     "SELECT max(id), count(*) FROM (SELECT id, received_at FROM heartbeat "
		     "WHERE id > ?1 ORDER BY id LIMIT ?2) WHERE received_at < ?3",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, from);
	sq_bind_int(st, 2, max);
	sq_bind_int(st, 3, before);
	if (sq_step(sq, st, err) <= 0)
		return -1;
	to = sq_int(st, 0);
	*out_more = sq_int(st, 1) == max;
	sqlite3_reset(st);
	if (!to)
		return 0;
	st = sq_stmt(sq,
		     "UPDATE heartbeat SET body = NULL WHERE id > ?1 AND id <= ?2 "
		     "AND received_at < ?3",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, from);
	sq_bind_int(st, 2, to);
	sq_bind_int(st, 3, before);
	if (sq_run(sq, st, err) < 0)
		return -1;
	return put_meta(sq, "bodies_forgotten_to", to, err);
}

/* What is only rolled back never reaches the disk: a full one shows at the commit. */
static int probe(struct store *store, int64_t now, struct err *err)
{
	return put_meta(sq_of(store), "probed_at", now, err);
}

const struct store_live_ops sq_live_ops = {
	.begin = sq_begin,
	.commit = sq_commit,
	.rollback = sq_rollback,
	.put_heartbeat = sq_put_heartbeat,
	.enrol = sq_enrol,
	.put_inventory = sq_put_inventory,
	.has_inventory = sq_has_inventory,
	.look = sq_look,
	.put_exceptions = sq_put_exceptions,
	.note = note,
	.forget_bodies = forget_bodies,
	.probe = probe,
	.apply_time = sq_apply_time,
	.next_change = sq_next_change,
	.version = version,
	.find_key = find_key,
	.site = site,
	.policy_jws = policy_jws,
	.exceptions_jws = exceptions_jws,
	.counts = sq_read_counts,
};

/* --- opening --- */

static int schema_version(struct sq *sq, int64_t *out, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int ret = -1;

	if (sqlite3_prepare_v2(sq->db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		*out = sq_int(st, 0);
		ret = 0;
	} else {
		sq_fail(sq, err);
	}
	sqlite3_finalize(st);
	return ret;
}

static int migrate(struct sq *sq, enum store_access access, struct err *err)
{
	int64_t have;
	char set[48];

	if (schema_version(sq, &have, err) < 0)
		return -1;
	if (have > STORE_SCHEMA)
		return err_set(
			err, ERR_UNSUPPORTED,
			"the store has schema %lld, made by a newer caretaker-collector; this "
			"one understands up to %d: install the newer version",
			(long long)have, STORE_SCHEMA);
	if (have == STORE_SCHEMA)
		return 0;
	if (access == STORE_READ || (have == 0 && access != STORE_CREATE))
		return have ? err_set(err, ERR_UNSUPPORTED,
				      "the store has the old schema %lld: start "
				      "'caretaker-collector serve' once to bring it up to date",
				      (long long)have)
			    : err_set(err, ERR_NOTFOUND,
				      "this store is not set up: run 'caretaker-collector init'");
	if (sq_begin(&sq->store, err) < 0)
		return -1;
	/* Another process may have done it while we waited for the lock. */
	if (schema_version(sq, &have, err) < 0)
		goto out;
	for (; have < STORE_SCHEMA; have++) {
		if (sq_exec(sq, steps[have], err) < 0) {
			err_wrap(err, "bring the store to schema %lld", (long long)have + 1);
			goto out;
		}
	}
	sqlite3_snprintf(sizeof(set), set, "PRAGMA user_version = %d", STORE_SCHEMA);
	if (sq_exec(sq, set, err) < 0 || sq_commit(&sq->store, err) < 0)
		goto out;
	return 0;
out:
	sq_rollback(&sq->store);
	return -1;
}

int store_open(const char *where, enum store_access access, struct store **out, struct err *err)
{
	const char *path = strncmp(where, "sqlite:", 7) == 0 ? where + 7 : where;
	int flags = access == STORE_READ    ? SQLITE_OPEN_READONLY
		    : access == STORE_WRITE ? SQLITE_OPEN_READWRITE
					    : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	struct sq *sq = calloc(1, sizeof(*sq));

	if (!sq)
		return err_set(err, ERR_NOMEM, "no memory for the store");
	sq->store.live = &sq_live_ops;
	sq->store.admin = &sq_admin_ops;
	sq->store.desk = &sq_desk_ops;
	if (sqlite3_open_v2(path, &sq->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			    NULL) != SQLITE_OK) {
		err_set(err, ERR_IO, "open the store '%s': %s", path,
			sq->db ? sqlite3_errmsg(sq->db) : "no memory");
		goto out;
	}
	sqlite3_extended_result_codes(sq->db, 0);
	sqlite3_busy_timeout(sq->db, STORE_BUSY_MS);
	if (access != STORE_READ &&
	    sq_exec(sq,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		    "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;",
		    err) < 0)
		goto out;
	if (sq_exec(sq,
		    "PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536;"
		    "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;",
		    err) < 0 ||
	    migrate(sq, access, err) < 0)
		goto out;
	*out = &sq->store;
	return 0;
out:
	err_wrap(err, "'%s'", path);
	store_close(&sq->store);
	return -1;
}

void store_close(struct store *store)
{
	struct sq *sq;

	if (!store)
		return;
	sq = sq_of(store);
	if (sq->in_transaction)
		sq_rollback(store);
	for (unsigned i = 0; i < SQ_STATEMENTS; i++)
		sqlite3_finalize(sq->statements[i].statement);
	sqlite3_close(sq->db);
	free(sq->causes);
	free(sq);
}
