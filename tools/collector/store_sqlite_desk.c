/* The lists that commands and the people's API read.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

#include <stdlib.h>
#include <string.h>

static int schools(struct store *store,
		   int (*each)(void *ctx, const struct store_school *, struct err *), void *ctx,
		   struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT id, name, org, created_at, audit_days, audit_until, "
				   "not_seen_days FROM school WHERE removed_at = 0 ORDER BY name",
				   err);
	struct store_school s;
	struct sq_rows rows = sq_rows(sq, st, err);

	while (sq_next(&rows)) {
		memset(&s, 0, sizeof(s));
		s.id = sq_int(st, 0);
		sq_text(st, 1, s.name, sizeof(s.name));
		sq_text(st, 2, s.org, sizeof(s.org));
		s.created_at = sq_int(st, 3);
		s.audit_days = (int)sq_int(st, 4);
		s.audit_until = sq_int(st, 5);
		s.not_seen_days = (int)sq_int(st, 6);
		sq_said(&rows, each(ctx, &s, err));
	}
	return rows.ret;
}

static int groups(struct store *store, int64_t school,
		  int (*each)(void *ctx, const struct store_group *, struct err *), void *ctx,
		  struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT id, school, name, policy FROM grp WHERE ?1 = 0 OR "
				   "school = ?1 ORDER BY school, name",
				   err);
	struct store_group g;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st)
		sq_bind_int(st, 1, school);
	while (sq_next(&rows)) {
		memset(&g, 0, sizeof(g));
		g.id = sq_int(st, 0);
		g.school = sq_int(st, 1);
		sq_text(st, 2, g.name, sizeof(g.name));
		g.policy = sq_int(st, 3);
		sq_said(&rows, each(ctx, &g, err));
	}
	return rows.ret;
}

static int rooms(struct store *store, int64_t school,
		 int (*each)(void *ctx, const struct store_room *, struct err *), void *ctx,
		 struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT id, school, name, patterns, subnets FROM room WHERE ?1 "
				   "= 0 OR school = ?1 ORDER BY school, name",
				   err);
	struct store_room r;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st)
		sq_bind_int(st, 1, school);
	while (sq_next(&rows)) {
		memset(&r, 0, sizeof(r));
		r.id = sq_int(st, 0);
		r.school = sq_int(st, 1);
		sq_text(st, 2, r.name, sizeof(r.name));
		sq_text(st, 3, r.patterns, sizeof(r.patterns));
		sq_text(st, 4, r.subnets, sizeof(r.subnets));
		sq_said(&rows, each(ctx, &r, err));
	}
	return rows.ret;
}

static int codes(struct store *store, int64_t school,
		 int (*each)(void *ctx, const struct store_code *, struct err *), void *ctx,
		 struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT id, secret, text, school, grp, room, shared, uses_max, "
				   "uses, ends_at, revoked_at, created_at, created_by, note FROM "
				   "code WHERE ?1 = 0 OR school = ?1 ORDER BY created_at, id",
				   err);
	struct store_code c;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st)
		sq_bind_int(st, 1, school);
	while (sq_next(&rows)) {
		memset(&c, 0, sizeof(c));
		sq_text(st, 0, c.id, sizeof(c.id));
		sq_blob(st, 1, c.secret, sizeof(c.secret));
		sq_text(st, 2, c.text, sizeof(c.text));
		c.school = sq_int(st, 3);
		c.group = sq_int(st, 4);
		c.room = sq_int(st, 5);
		c.shared = sq_int(st, 6) != 0;
		c.uses_max = sq_int(st, 7);
		c.uses = sq_int(st, 8);
		c.ends_at = sq_int(st, 9);
		c.revoked_at = sq_int(st, 10);
		c.created_at = sq_int(st, 11);
		sq_text(st, 12, c.created_by, sizeof(c.created_by));
		sq_text(st, 13, c.note, sizeof(c.note));
		sq_said(&rows, each(ctx, &c, err));
	}
	return rows.ret;
}

/* --- policies --- */

static void read_policy(sqlite3_stmt *st, struct store_policy *p)
{
	memset(p, 0, sizeof(*p));
	sq_text(st, 0, p->org, sizeof(p->org));
	p->serial = sq_int(st, 1);
	sq_text(st, 2, p->name, sizeof(p->name));
	p->at = sq_int(st, 3);
	sq_text(st, 4, p->kid, sizeof(p->kid));
	p->published_at = sq_int(st, 5);
	sq_text(st, 6, p->published_by, sizeof(p->published_by));
}

static int policies(struct store *store,
		    int (*each)(void *ctx, const struct store_policy *, struct err *), void *ctx,
		    struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT org, serial, name, at, kid, published_at, published_by "
				   "FROM policy ORDER BY org, serial",
				   err);
	struct store_policy p;
	struct sq_rows rows = sq_rows(sq, st, err);

	while (sq_next(&rows)) {
		read_policy(st, &p);
		sq_said(&rows, each(ctx, &p, err));
	}
	return rows.ret;
}

static int policy(struct store *store, const char *org, int64_t serial, struct store_policy *out,
		  struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT org, serial, name, at, kid, published_at, published_by, "
				   "ini, jws FROM policy WHERE org = ? AND serial = ?",
				   err);
	struct store_policy p;
	int row;

	if (!st)
		return -1;
	sq_bind_text(st, 1, org);
	sq_bind_int(st, 2, serial);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (!row)
		return err_set(err, ERR_NOTFOUND,
			       "there is no policy with serial %lld; \"caretaker-collector policy "
			       "list\" shows them",
			       (long long)serial);
	read_policy(st, &p);
	p.ini_len = (size_t)sqlite3_column_bytes(st, 7);
	p.ini = strndup((const char *)sqlite3_column_text(st, 7), p.ini_len);
	p.jws = strdup((const char *)sqlite3_column_text(st, 8));
	sqlite3_reset(st);
	if (!p.ini || !p.jws) {
		free(p.ini);
		free(p.jws);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	*out = p;
	return 0;
}

static int policy_serial(struct store *store, const char *kid, int64_t *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	/* A restored store does not know what was published since: it goes on above that. */
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT max (coalesce ((SELECT max (serial) FROM policy WHERE "
				   "?1 IS NULL OR kid = ?1), 0), " SQ_SERIAL_FLOOR ")",
				   err);

	if (!st)
		return -1;
	if (kid)
		sq_bind_text(st, 1, kid);
	*out = 0;
	return sq_one_int(sq, st, out, err) < 0 ? -1 : 0;
}

/* --- tokens, audit --- */

static void read_token(sqlite3_stmt *st, struct store_token *t)
{
	memset(t, 0, sizeof(*t));
	t->id = sq_int(st, 0);
	sq_text(st, 1, t->name, sizeof(t->name));
	sq_blob(st, 2, t->hash, sizeof(t->hash));
	sq_text(st, 3, t->role, sizeof(t->role));
	t->school = sq_int(st, 4);
	t->created_at = sq_int(st, 5);
	t->ends_at = sq_int(st, 6);
	t->revoked_at = sq_int(st, 7);
}

static int tokens(struct store *store,
		  int (*each)(void *ctx, const struct store_token *, struct err *), void *ctx,
		  struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT id, name, hash, role, school, created_at, ends_at, "
				   "revoked_at FROM token ORDER BY name",
				   err);
	struct store_token t;
	struct sq_rows rows = sq_rows(sq, st, err);

	while (sq_next(&rows)) {
		read_token(st, &t);
		sq_said(&rows, each(ctx, &t, err));
	}
	return rows.ret;
}

static int token_find(struct store *store, const uint8_t hash[CRYPTO_HASH_SIZE], int64_t now,
		      struct store_token *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT id, name, hash, role, school, created_at, ends_at, "
				   "revoked_at FROM token WHERE hash = ? AND revoked_at = 0 AND "
				   "(ends_at = 0 OR ends_at > ?)",
				   err);
	int row;

	if (!st)
		return -1;
	sq_bind_blob(st, 1, hash, CRYPTO_HASH_SIZE);
	sq_bind_int(st, 2, now);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (!row)
		return err_set(err, ERR_NOTFOUND, "there is no such token");
	read_token(st, out);
	sqlite3_reset(st);
	return 0;
}

static int audit_rows(struct store *store, unsigned max,
		      int (*each)(void *ctx, const struct store_audit_row *, struct err *),
		      void *ctx, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT id, at, who, action, object, detail FROM audit ORDER BY "
				   "id DESC LIMIT ?",
				   err);
	struct store_audit_row a;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st)
		sq_bind_int(st, 1, max ? (int64_t)max : -1);
	while (sq_next(&rows)) {
		memset(&a, 0, sizeof(a));
		a.id = sq_int(st, 0);
		a.at = sq_int(st, 1);
		sq_text(st, 2, a.who, sizeof(a.who));
		sq_text(st, 3, a.action, sizeof(a.action));
		sq_text(st, 4, a.object, sizeof(a.object));
		a.detail = (const char *)sqlite3_column_text(st, 5);
		sq_said(&rows, each(ctx, &a, err));
	}
	return rows.ret;
}

const struct store_desk_ops sq_desk_ops = {
	.schools = schools,
	.groups = groups,
	.rooms = rooms,
	.codes = codes,
	.devices = sq_devices,
	.controls = sq_controls,
	.events = sq_events,
	.requests = sq_requests,
	.phone_codes = sq_phone_codes,
	.branches = sq_branches,
	.chain = sq_chain,
	.keys = sq_keys,
	.inventory_jws = sq_inventory_jws,
	.software = sq_software,
	.software_on = sq_software_on,
	.rejected = sq_rejected,
	.policies = policies,
	.policy = policy,
	.policy_serial = policy_serial,
	.exceptions = sq_exceptions,
	.tokens = tokens,
	.place_counts = sq_place_counts,
	.causes = sq_causes,
	.audit_rows = audit_rows,
	.token_find = token_find,
	.code_revoke = sq_code_revoke,
	.room_set = sq_room_set,
	.rooms_apply = sq_rooms_apply,
	.expect = sq_expect,
	.room_by_serial = sq_room_by_serial,
	.adopt = sq_adopt,
	.erase = sq_erase,
	.request_answer = sq_request_answer,
	.phone_code_issued = sq_phone_code_issued,
	.exception_add = sq_exception_add,
	.exception_end = sq_exception_end,
	.exception_document = sq_exception_document,
	.exceptions_due = sq_exceptions_due,
	.exception_newest = sq_exception_newest,
	.exception_serial = sq_exception_serial,
	.token_add = sq_token_add,
	.token_revoke = sq_token_revoke,
	.school_chain = sq_school_chain,
	.backup = sq_backup,
	.check = sq_check,
	.school_export = sq_school_export,
	.school_import = sq_school_import,
};
