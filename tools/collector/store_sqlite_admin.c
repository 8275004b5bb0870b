/* The changes that people make: each one transaction with its line in the audit trail.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

#include <stdio.h>
#include <string.h>

/* --- one transaction --- */

int sq_done(struct sq *sq, const char *who, const char *action, const char *object,
	    const char *detail_json, int ret, struct err *err)
{
	if (!ret)
		ret = sq_audit(sq, plat_now(), who, action, object, detail_json, err);
	if (!ret)
		ret = sq_commit(&sq->store, err);
	if (ret)
		sq_rollback(&sq->store);
	return ret;
}

int sq_one_int(struct sq *sq, sqlite3_stmt *st, int64_t *out, struct err *err)
{
	int row = sq_step(sq, st, err);

	if (row > 0) {
		*out = sq_int(st, 0);
		sqlite3_reset(st);
	}
	return row;
}

static int run_named(struct sq *sq, sqlite3_stmt *st, const char *kind, const char *name,
		     struct err *err)
{
	if (!st)
		return -1;
	if (!sq_run(sq, st, err))
		return 0;
	if (sqlite3_extended_errcode(sq->db) == SQLITE_CONSTRAINT_UNIQUE ||
	    sqlite3_extended_errcode(sq->db) == SQLITE_CONSTRAINT_PRIMARYKEY)
		err_set(err, ERR_DENIED, "there is a %s '%.80s' already", kind, name);
	return -1;
}

/* --- meta --- */

static int meta_get(struct store *store, const char *name, struct buf *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq, "SELECT value FROM meta WHERE name = ?", err);
	int row;

	if (!st)
		return -1;
	sq_bind_text(st, 1, name);
	row = sq_step(sq, st, err);
	if (row > 0) {
		buf_adds(out, (const char *)sqlite3_column_text(st, 0));
		sqlite3_reset(st);
	}
	return row < 0 ? -1 : row ? buf_check(out, err) : 0;
}

static int meta_put(struct sq *sq, const char *name, const char *value, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "INSERT INTO meta (name, value) VALUES (?, ?) "
				   "ON CONFLICT DO UPDATE SET value = excluded.value",
				   err);

	if (!st)
		return -1;
	sq_bind_text(st, 1, name);
	sq_bind_text(st, 2, value);
	return sq_run(sq, st, err);
}

static int meta_set(struct store *store, const char *name, const char *value, struct err *err)
{
	struct sq *sq = sq_of(store);

	if (sq_begin(store, err))
		return -1;
	if (!meta_put(sq, name, value, err) && !sq_commit(store, err))
		return 0;
	sq_rollback(store);
	return -1;
}

static int init(struct store *store, const struct store_site *site, struct err *err)
{
	struct sq *sq = sq_of(store);
	struct buf org;
	int ret = -1;

	buf_init(&org, 0);
	if (meta_get(store, "org", &org, err))
		goto out;
	if (org.len) {
		err_set(err, ERR_DENIED, "the store holds the collector %s already",
			buf_text(&org));
		goto out;
	}
	if (sq_begin(store, err))
		goto out;
	ret = meta_put(sq, "org", site->org, err) || meta_put(sq, "epoch", site->epoch, err) ||
			      meta_put(sq, "name", site->name, err) ||
			      meta_put(sq, "host", site->host, err) || sq_commit(store, err)
		      ? -1
		      : 0;
	if (ret)
		sq_rollback(store);
out:
	buf_clear(&org);
	return ret;
}

/* --- schools, groups, rooms --- */

static int insert_group(struct sq *sq, int64_t school, const char *name, int64_t *out_id,
			struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq, "INSERT INTO grp (school, name) VALUES (?, ?)", err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, school);
	sq_bind_text(st, 2, name);
	if (run_named(sq, st, "group", name, err))
		return -1;
	*out_id = sqlite3_last_insert_rowid(sq->db);
	return 0;
}

/* A school begins with one group, so that a code can be made at once. */
static int school_add(struct store *store, const struct store_school *school, const char *who,
		      int64_t *out_id, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st;
	int64_t group = 0;
	int ret = -1;

	if (sq_begin(store, err))
		return -1;
	st = sq_stmt(sq,
		     "INSERT INTO school (name, org, created_at, audit_days, not_seen_days) "
		     "VALUES (?, ?, ?, ?, ?)",
		     err);
	if (st) {
		sq_bind_text(st, 1, school->name);
		sq_bind_text(st, 2, school->org);
		sq_bind_int(st, 3, school->created_at);
		sq_bind_int(st, 4, school->audit_days);
		sq_bind_int(st, 5, school->not_seen_days);
		ret = run_named(sq, st, "school", school->name, err);
	}
	if (!ret) {
		*out_id = sqlite3_last_insert_rowid(sq->db);
		ret = insert_group(sq, *out_id, "default", &group, err);
	}
	return sq_done(sq, who, "school add", school->name, "{}", ret, err);
}

static int group_add(struct store *store, int64_t school, const char *name, const char *who,
		     int64_t *out_id, struct err *err)
{
	struct sq *sq = sq_of(store);

	if (sq_begin(store, err))
		return -1;
	return sq_done(sq, who, "group add", name, "{}",
		       insert_group(sq, school, name, out_id, err), err);
}

static int room_add(struct store *store, const struct store_room *room, const char *who,
		    int64_t *out_id, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st;
	int ret = -1;

	if (sq_begin(store, err))
		return -1;
	st = sq_stmt(sq, "INSERT INTO room (school, name, patterns, subnets) VALUES (?, ?, ?, ?)",
		     err);
	if (st) {
		sq_bind_int(st, 1, room->school);
		sq_bind_text(st, 2, room->name);
		sq_bind_text(st, 3, room->patterns);
		sq_bind_text(st, 4, room->subnets);
		ret = run_named(sq, st, "room", room->name, err);
	}
	if (!ret)
		*out_id = sqlite3_last_insert_rowid(sq->db);
	return sq_done(sq, who, "room add", room->name, "{}", ret, err);
}

int sq_room_set(struct store *store, const struct store_room *room, const char *who,
		struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st;
	int ret = -1;

	if (sq_begin(store, err))
		return -1;
	st = sq_stmt(sq, "UPDATE room SET patterns = ?, subnets = ? WHERE id = ?", err);
	if (st) {
		sq_bind_text(st, 1, room->patterns);
		sq_bind_text(st, 2, room->subnets);
		sq_bind_int(st, 3, room->id);
		ret = sq_run(sq, st, err);
	}
	return sq_done(sq, who, "room rules", room->name, "{}", ret, err);
}

/* --- codes --- */

static int insert_code(struct sq *sq, const struct store_code *code, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "INSERT INTO code (id, secret, text, school, grp, room, shared, "
				   "uses_max, ends_at, created_at, created_by, note) "
				   "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
				   err);

	if (!st)
		return -1;
	sq_bind_text(st, 1, code->id);
	sq_bind_blob(st, 2, code->secret, sizeof(code->secret));
	sq_bind_text(st, 3, code->text);
	sq_bind_int(st, 4, code->school);
	sq_bind_int(st, 5, code->group);
	sq_bind_int(st, 6, code->room);
	sq_bind_int(st, 7, code->shared);
	sq_bind_int(st, 8, code->uses_max);
	sq_bind_int(st, 9, code->ends_at);
	sq_bind_int(st, 10, code->created_at);
	sq_bind_text(st, 11, code->created_by);
	sq_bind_text(st, 12, code->note);
	return sq_run(sq, st, err);
}

static int code_add(struct store *store, const struct store_code *code, const char *who,
		    struct err *err)
{
	struct sq *sq = sq_of(store);

	if (sq_begin(store, err))
		return -1;
	return sq_done(sq, who, "code new", code->id, "{}", insert_code(sq, code, err), err);
}

int sq_code_revoke(struct store *store, const char *id, int64_t now, const char *who,
		   struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st;
	int ret = -1;

	if (sq_begin(store, err))
		return -1;
	st = sq_stmt(sq, "UPDATE code SET revoked_at = ? WHERE id = ? AND revoked_at = 0", err);
	if (st) {
		sq_bind_int(st, 1, now);
		sq_bind_text(st, 2, id);
		ret = sq_run(sq, st, err);
	}
	if (!ret && !sqlite3_changes(sq->db))
		ret = err_set(err, ERR_NOTFOUND, "there is no code '%.40s' in use", id);
	return sq_done(sq, who, "code revoke", id, "{}", ret, err);
}

/* --- policies --- */

static int insert_policy(struct sq *sq, const struct store_policy *policy, struct err *err)
{
	uint8_t hash[CRYPTO_HASH_SIZE];
	char serial[24];
	sqlite3_stmt *st = sq_stmt(sq,
				   "INSERT INTO policy (org, serial, name, at, kid, sha256, ini, "
				   "jws, published_at, published_by) "
				   "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
				   err);

	if (!st)
		return -1;
	crypto_sha256(policy->ini, policy->ini_len, hash);
	snprintf(serial, sizeof(serial), "%lld", (long long)policy->serial);
	sq_bind_text(st, 1, policy->org);
	sq_bind_int(st, 2, policy->serial);
	sq_bind_text(st, 3, policy->name);
	sq_bind_int(st, 4, policy->at);
	sq_bind_text(st, 5, policy->kid);
	sq_bind_blob(st, 6, hash, sizeof(hash));
	sq_bind_textn(st, 7, policy->ini, policy->ini_len);
	sq_bind_text(st, 8, policy->jws);
	sq_bind_int(st, 9, policy->published_at);
	sq_bind_text(st, 10, policy->published_by);
	return run_named(sq, st, "policy with the serial", serial, err);
}

/* The serial of one policy key only goes up, whatever the group: a device that went from one group
 * to another would refuse what looks like a roll-back. */
static int refuse_lower(struct sq *sq, const struct store_policy *policy, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq, "SELECT max (serial) FROM policy WHERE kid = ?", err);
	int64_t newest = 0;

	if (!st)
		return -1;
	sq_bind_text(st, 1, policy->kid);
	if (sq_one_int(sq, st, &newest, err) < 0)
		return -1;
	if (policy->serial > newest)
		return 0;
	return err_set(
		err, ERR_INVALID,
		"serial %lld is not above %lld, the newest that this policy key signed; sign "
		"it again with --serial %lld",
		(long long)policy->serial, (long long)newest, (long long)newest + 1);
}

static int policy_add(struct store *store, const struct store_policy *policy, const char *who,
		      struct err *err)
{
	struct sq *sq = sq_of(store);
	char detail[160];
	int ret;

	if (sq_begin(store, err))
		return -1;
	snprintf(detail, sizeof(detail), "{\"serial\":%lld,\"signer\":\"%.43s\"}",
		 (long long)policy->serial, policy->kid);
	ret = refuse_lower(sq, policy, err) || insert_policy(sq, policy, err) ? -1 : 0;
	return sq_done(sq, who, "policy add", policy->name, detail, ret, err);
}

static int group_policy(struct store *store, int64_t group, int64_t serial, const char *who,
			struct err *err)
{
	struct sq *sq = sq_of(store);
	char object[24], detail[64];
	sqlite3_stmt *st;
	int ret = -1;

	if (sq_begin(store, err))
		return -1;
	snprintf(object, sizeof(object), "group %lld", (long long)group);
	snprintf(detail, sizeof(detail), "{\"serial\":%lld}", (long long)serial);
	st = sq_stmt(sq, "UPDATE grp SET policy = ? WHERE id = ?", err);
	if (st) {
		sq_bind_int(st, 1, serial);
		sq_bind_int(st, 2, group);
		ret = sq_run(sq, st, err);
	}
	return sq_done(sq, who, "policy publish", object, detail, ret, err);
}

static int audit(struct store *store, const char *who, const char *action, const char *object,
		 const char *detail_json, struct err *err)
{
	if (sq_begin(store, err))
		return -1;
	return sq_done(sq_of(store), who, action, object, detail_json, 0, err);
}

const struct store_admin_ops sq_admin_ops = {
	.init = init,
	.meta_get = meta_get,
	.meta_set = meta_set,
	.school_add = school_add,
	.group_add = group_add,
	.room_add = room_add,
	.code_add = code_add,
	.policy_add = policy_add,
	.group_policy = group_policy,
	.device_status = sq_device_status,
	.device_move = sq_device_move,
	.audit = audit,
};

/* --- tokens, chains --- */

static int insert_token(struct sq *sq, const struct store_token *token, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "INSERT INTO token (name, hash, role, school, created_at, "
				   "ends_at) VALUES (?, ?, ?, ?, ?, ?)",
				   err);

	if (!st)
		return -1;
	sq_bind_text(st, 1, token->name);
	sq_bind_blob(st, 2, token->hash, sizeof(token->hash));
	sq_bind_text(st, 3, token->role);
	sq_bind_int(st, 4, token->school);
	sq_bind_int(st, 5, token->created_at);
	sq_bind_int(st, 6, token->ends_at);
	return run_named(sq, st, "token", token->name, err);
}

int sq_token_add(struct store *store, const struct store_token *token, const char *who,
		 struct err *err)
{
	struct sq *sq = sq_of(store);

	if (sq_begin(store, err))
		return -1;
	return sq_done(sq, who, "token new", token->name, "{}", insert_token(sq, token, err), err);
}

int sq_token_revoke(struct store *store, const char *name, int64_t now, const char *who,
		    struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st;
	int ret = -1;

	if (sq_begin(store, err))
		return -1;
	st = sq_stmt(sq, "UPDATE token SET revoked_at = ? WHERE name = ? AND revoked_at = 0", err);
	if (st) {
		sq_bind_int(st, 1, now);
		sq_bind_text(st, 2, name);
		ret = sq_run(sq, st, err);
	}
	if (!ret && !sqlite3_changes(sq->db))
		ret = err_set(err, ERR_NOTFOUND, "there is no token '%.60s' in use", name);
	return sq_done(sq, who, "token revoke", name, "{}", ret, err);
}

/* Policies in force go along: they were signed for the same org. */
static int change_chain(struct sq *sq, int64_t school, const char *org, struct err *err)
{
	sqlite3_stmt *st =
		sq_stmt(sq,
			"INSERT OR IGNORE INTO policy SELECT ?1, p.serial, p.name, p.at, "
			"p.kid, p.sha256, p.ini, p.jws, p.published_at, p.published_by "
			"FROM policy p JOIN grp g ON g.policy = p.serial JOIN school s "
			"ON s.id = g.school AND s.org = p.org WHERE s.id = ?2",
			err);

	if (!st)
		return -1;
	sq_bind_text(st, 1, org);
	sq_bind_int(st, 2, school);
	if (sq_run(sq, st, err))
		return -1;
	st = sq_stmt(sq, "UPDATE school SET org = ? WHERE id = ?", err);
	if (!st)
		return -1;
	sq_bind_text(st, 1, org);
	sq_bind_int(st, 2, school);
	return sq_run(sq, st, err);
}

int sq_school_chain(struct store *store, int64_t school, const char *org, const char *who,
		    struct err *err)
{
	struct sq *sq = sq_of(store);
	char object[24];

	if (sq_begin(store, err))
		return -1;
	snprintf(object, sizeof(object), "school %lld", (long long)school);
	return sq_done(sq, who, "school chain", object, "{}", change_chain(sq, school, org, err),
		       err);
}
