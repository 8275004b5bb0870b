/* What is known of a device, and finding those that a filter lets through.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"

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

int sq_devices(struct store *store, const struct store_device_filter *filter,
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

int sq_controls(struct store *store, int64_t device,
		int (*each)(void *ctx, const struct store_control_row *, struct err *), void *ctx,
		struct err *err)
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

int sq_events(struct store *store, int64_t device, unsigned max,
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

int sq_branches(struct store *store, int64_t device,
		int (*each)(void *ctx, const struct store_branch_row *, struct err *), void *ctx,
		struct err *err)
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

int sq_chain(struct store *store, int64_t device,
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

int sq_keys(struct store *store, int64_t device,
	    int (*each)(void *ctx, const struct store_key *, struct err *), void *ctx,
	    struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st =
		sq_stmt(sq,
			"SELECT k.id, k.device, k.kid, k.point, d.uuid, d.status, s.org, "
			"k.role "
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
		k.role = (enum store_key_role)sq_int(st, 7);
		sq_said(&rows, each(ctx, &k, err));
	}
	return rows.ret;
}

int sq_rejected(struct store *store, int64_t device, struct buf *out, struct err *err)
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
