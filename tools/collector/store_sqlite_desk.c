/* The lists that commands and the people's API read.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"
#include "platform/os.h"

#include <stdlib.h>
#include <string.h>

void store_device_filter_init(struct store_device_filter *filter)
{
	memset(filter, 0, sizeof(*filter));
	filter->status = filter->standing = filter->presence = -1;
	filter->control = filter->control_standing = -1;
}

static void hash_text(sqlite3_stmt *st, int i, char out[HASH_TEXT])
{
	uint8_t hash[CRYPTO_HASH_SIZE];

	sq_blob(st, i, hash, sizeof(hash));
	text_b64url_into(out, hash, sizeof(hash));
}

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

/* --- devices --- */

#define DEVICE_COLUMNS \
	"SELECT d.id, d.uuid, d.status, d.school, d.grp, d.room, d.name, s.name, g.name, " \
	"coalesce (r.name, ''), d.serial, d.hw_uuid, d.board, d.vendor, d.model, d.agent, " \
	"d.status_why, d.adopts, coalesce (o.uuid, ''), d.is_volatile, d.enrolled_at, " \
	"d.status_at, d.last_seen, d.last_at, d.skew_s, d.policy_name, d.policy_serial, " \
	"g.policy, d.exceptions_serial, d.keys_serial, coalesce (d.presence, -1), " \
	"coalesce (d.standing, -1), (SELECT count (*) FROM branch b WHERE b.device = d.id) " \
	"FROM device d JOIN school s ON s.id = d.school JOIN grp g ON g.id = d.grp " \
	"LEFT JOIN room r ON r.id = d.room LEFT JOIN device o ON o.id = d.adopts "

static void read_device(sqlite3_stmt *st, struct store_device *d)
{
	memset(d, 0, sizeof(*d));
	d->id = sq_int(st, 0);
	sq_text(st, 1, d->uuid, sizeof(d->uuid));
	d->status = (enum store_status)sq_int(st, 2);
	d->school = sq_int(st, 3);
	d->group = sq_int(st, 4);
	d->room = sq_int(st, 5);
	sq_text(st, 6, d->name, sizeof(d->name));
	sq_text(st, 7, d->school_name, sizeof(d->school_name));
	sq_text(st, 8, d->group_name, sizeof(d->group_name));
	sq_text(st, 9, d->room_name, sizeof(d->room_name));
	sq_text(st, 10, d->hardware.serial, sizeof(d->hardware.serial));
	sq_text(st, 11, d->hardware.uuid, sizeof(d->hardware.uuid));
	sq_text(st, 12, d->hardware.board, sizeof(d->hardware.board));
	sq_text(st, 13, d->hardware.vendor, sizeof(d->hardware.vendor));
	sq_text(st, 14, d->hardware.model, sizeof(d->hardware.model));
	sq_text(st, 15, d->agent, sizeof(d->agent));
	sq_text(st, 16, d->status_why, sizeof(d->status_why));
	d->adopts = sq_int(st, 17);
	sq_text(st, 18, d->adopts_uuid, sizeof(d->adopts_uuid));
	d->is_volatile = sq_int(st, 19) != 0;
	d->enrolled_at = sq_int(st, 20);
	d->status_at = sq_int(st, 21);
	d->last_seen = sq_int(st, 22);
	d->last_at = sq_int(st, 23);
	d->skew_s = sq_int(st, 24);
	sq_text(st, 25, d->policy_name, sizeof(d->policy_name));
	d->policy_serial = sq_int(st, 26);
	d->group_policy_serial = sq_int(st, 27);
	d->exceptions_serial = sq_int(st, 28);
	d->keys_serial = sq_int(st, 29);
	d->presence = (int)sq_int(st, 30);
	d->standing = (int)sq_int(st, 31);
	d->branch_count = (unsigned)sq_int(st, 32);
}

static void bind_device_filter(sqlite3_stmt *st, const struct store_device_filter *filter,
			       char pattern[UUID_LEN + 2])
{
	size_t len = filter->word ? strlen(filter->word) : 0;

	/* A UUID's beginning, not "%": only what a UUID is made of counts as one. */
	pattern[0] = '\0';
	if (len >= 4 && len <= UUID_LEN && strspn(filter->word, "0123456789abcdef-") == len) {
		memcpy(pattern, filter->word, len);
		memcpy(pattern + len, "%", 2);
	}
	sq_bind_int(st, 1, filter->school);
	sq_bind_int(st, 2, filter->group);
	sq_bind_int(st, 3, filter->room);
	sq_bind_int(st, 4, filter->status);
	sq_bind_int(st, 5, filter->standing);
	sq_bind_int(st, 6, filter->presence);
	sq_bind_int(st, 7, filter->control);
	sq_bind_int(st, 8, filter->control_standing);
	if (filter->word)
		sq_bind_text(st, 9, filter->word);
	sq_bind_text(st, 10, pattern);
	sq_bind_int(st, 11, filter->adoptable);
	sq_bind_int(st, 12, filter->after);
	sq_bind_int(st, 13, filter->max ? (int64_t)filter->max : -1);
}

static int devices(struct store *store, const struct store_device_filter *filter,
		   int (*each)(void *ctx, const struct store_device *, struct err *), void *ctx,
		   struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(
		sq,
		DEVICE_COLUMNS
		"WHERE (?1 = 0 OR d.school = ?1) AND (?2 = 0 OR d.grp = ?2) AND (?3 = 0 OR d.room "
		"= ?3) AND (?4 < 0 OR d.status = ?4) AND (?5 < 0 OR d.standing = ?5) AND (?6 < 0 "
		"OR d.presence = ?6) AND (?7 < 0 OR EXISTS (SELECT 1 FROM device_control c WHERE "
		"c.device = d.id AND c.control = ?7 AND (?8 < 0 OR c.standing = ?8))) AND (?9 IS "
		"NULL OR d.uuid LIKE ?10 OR d.name = ?9 COLLATE NOCASE OR (d.serial = ?9 AND "
		"d.serial <> '')) AND (NOT ?11 OR (d.adopts <> 0 AND d.adopted_at = 0 AND d.status "
		"IN (0, 1))) AND d.id > ?12 ORDER BY d.id LIMIT ?13",
		err);
	char pattern[UUID_LEN + 2];
	struct store_device d;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st)
		bind_device_filter(st, filter, pattern);
	while (sq_next(&rows)) {
		read_device(st, &d);
		sq_said(&rows, each(ctx, &d, err));
	}
	return rows.ret;
}

static int controls(struct store *store, int64_t device,
		    int (*each)(void *ctx, const struct store_control_row *, struct err *),
		    void *ctx, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT c.control, coalesce (n.name, ''), c.mode, c.verdict, "
				   "c.why, c.since, c.due_at, c.until, c.standing, c.evidence FROM "
				   "device_control c LEFT JOIN control n ON n.id = c.control WHERE "
				   "c.device = ? ORDER BY c.control",
				   err);
	struct store_control_row c;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st)
		sq_bind_int(st, 1, device);
	while (sq_next(&rows)) {
		memset(&c, 0, sizeof(c));
		if (sq_int(st, 0) < CONTROL_COUNT)
			(void)text_copy(c.id, sizeof(c.id),
					control_name((enum control_id)sq_int(st, 0)));
		else
			sq_text(st, 1, c.id, sizeof(c.id));
		c.mode = (enum mode)sq_int(st, 2);
		c.verdict = (enum verdict)sq_int(st, 3);
		sq_text(st, 4, c.why, sizeof(c.why));
		c.since = sq_int(st, 5);
		c.due_at = sq_int(st, 6);
		c.until = sq_int(st, 7);
		c.standing = (int)sq_int(st, 8);
		c.evidence = (const char *)sqlite3_column_text(st, 9);
		sq_said(&rows, each(ctx, &c, err));
	}
	return rows.ret;
}

static int events(struct store *store, int64_t device, unsigned max,
		  int (*each)(void *ctx, const struct store_event_row *, struct err *), void *ctx,
		  struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st =
		sq_stmt(sq,
			"SELECT id, at, received_at, count, key IS NULL, type, data FROM "
			"event WHERE device = ? ORDER BY at DESC, id DESC LIMIT ?",
			err);
	struct store_event_row e;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st) {
		sq_bind_int(st, 1, device);
		sq_bind_int(st, 2, max ? (int64_t)max : -1);
	}
	while (sq_next(&rows)) {
		memset(&e, 0, sizeof(e));
		e.id = sq_int(st, 0);
		e.at = sq_int(st, 1);
		e.received_at = sq_int(st, 2);
		e.count = sq_int(st, 3);
		e.ours = sq_int(st, 4) != 0;
		sq_text(st, 5, e.type, sizeof(e.type));
		e.data = (const char *)sqlite3_column_text(st, 6);
		sq_said(&rows, each(ctx, &e, err));
	}
	return rows.ret;
}

static int branches(struct store *store, int64_t device,
		    int (*each)(void *ctx, const struct store_branch_row *, struct err *),
		    void *ctx, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st =
		sq_stmt(sq,
			"SELECT b.n, b.kind, b.from_seq, iif(here, d.state_seq, b.seq), "
			"iif(here, d.last_seen, b.advanced_at), "
			"iif(here, d.state_hash, b.hash) FROM (SELECT *, n = (SELECT "
			"state_branch FROM device WHERE id = ?1 AND state_seq > 0) AS here "
			"FROM branch WHERE device = ?1) b JOIN device d ON d.id = ?1 "
			"ORDER BY b.n",
			err);
	struct store_branch_row b;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st)
		sq_bind_int(st, 1, device);
	while (sq_next(&rows)) {
		memset(&b, 0, sizeof(b));
		b.n = (int)sq_int(st, 0);
		b.kind = (int)sq_int(st, 1);
		b.from_seq = sq_int(st, 2);
		b.seq = sq_int(st, 3);
		b.advanced_at = sq_int(st, 4);
		hash_text(st, 5, b.head);
		sq_said(&rows, each(ctx, &b, err));
	}
	return rows.ret;
}

static int chain(struct store *store, int64_t device,
		 int (*each)(void *ctx, const struct store_chain_row *, struct err *), void *ctx,
		 struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT seq, hash, prev, body FROM heartbeat WHERE device = ? "
				   "ORDER BY seq, id",
				   err);
	struct store_chain_row c;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st)
		sq_bind_int(st, 1, device);
	while (sq_next(&rows)) {
		c.seq = sq_int(st, 0);
		hash_text(st, 1, c.hash);
		hash_text(st, 2, c.prev);
		c.jws = (const char *)sqlite3_column_text(st, 3);
		sq_said(&rows, each(ctx, &c, err));
	}
	return rows.ret;
}

static int keys(struct store *store, int64_t device,
		int (*each)(void *ctx, const struct store_key *, struct err *), void *ctx,
		struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT k.id, k.device, k.kid, k.point, d.uuid, d.status, s.org "
				   "FROM device_key k JOIN device d ON d.id = k.device JOIN school "
				   "s ON s.id = d.school WHERE k.device = ? ORDER BY k.role, "
				   "k.since",
				   err);
	struct store_key k;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st)
		sq_bind_int(st, 1, device);
	while (sq_next(&rows)) {
		memset(&k, 0, sizeof(k));
		k.id = sq_int(st, 0);
		k.device_id = sq_int(st, 1);
		sq_text(st, 2, k.kid, sizeof(k.kid));
		sq_blob(st, 3, k.point, sizeof(k.point));
		sq_text(st, 4, k.device, sizeof(k.device));
		k.status = (enum store_status)sq_int(st, 5);
		sq_text(st, 6, k.org, sizeof(k.org));
		sq_said(&rows, each(ctx, &k, err));
	}
	return rows.ret;
}

static int rejected(struct store *store, int64_t device, struct buf *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq, "SELECT rejected FROM device WHERE id = ?", err);
	const char *text;
	int row;

	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	text = row ? (const char *)sqlite3_column_text(st, 0) : "";
	buf_adds(out, text && *text ? text : "[]");
	sqlite3_reset(st);
	return buf_check(out, err);
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
	.devices = devices,
	.controls = controls,
	.events = events,
	.branches = branches,
	.chain = chain,
	.keys = keys,
	.inventory_jws = sq_inventory_jws,
	.software = sq_software,
	.software_on = sq_software_on,
	.rejected = rejected,
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
