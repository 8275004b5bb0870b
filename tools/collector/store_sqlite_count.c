/* Roll-up counters, kept with what they count, and what time alone changes in them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include <string.h>

#include "agent/base/err.h"
#include "tools/collector/standing.h"

static unsigned slot_of(int scope, int64_t scope_id, int control, int64_t standing)
{
	uint64_t h = (uint64_t)scope_id * 31 + (uint64_t)scope;

	h = h * 1009 + (uint64_t)(int64_t)control;
	h = h * 1009 + (uint64_t)standing;
	return (unsigned)((h * 0x9e3779b97f4a7c15u) >> 40) & (SQ_COUNTS - 1);
}

static int count_one(struct sq *sq, int scope, int64_t scope_id, int control, int64_t standing,
		     int delta, struct err *err)
{
	unsigned i;

	if (sq->count_used >= SQ_COUNTS * 3 / 4 && sq_counts_flush(sq, err) < 0)
		return -1;
	i = slot_of(scope, scope_id, control, standing);
	for (;; i = (i + 1) & (SQ_COUNTS - 1)) {
		struct sq_count *c = &sq->counts[i];

		if (!c->used) {
			*c = (struct sq_count){scope, control, scope_id, standing, delta, true};
			sq->count_used++;
			return 0;
		}
		if (c->scope == scope && c->control == control && c->scope_id == scope_id &&
		    c->standing == standing) {
			c->delta += delta;
			return 0;
		}
	}
}

int sq_counts_flush(struct sq *sq, struct err *err)
{
	if (!sq->count_used)
		return 0;
	for (unsigned i = 0; i < SQ_COUNTS; i++) {
		struct sq_count *c = &sq->counts[i];
		sqlite3_stmt *st;

		if (!c->used || !c->delta)
			continue;
		st = sq_stmt(sq,
			     "INSERT INTO counter (scope, scope_id, control, standing, count) "
			     "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
			     "SET count = count + excluded.count",
			     err);
		if (!st)
			return -1;
		sq_bind_int(st, 1, c->scope);
		sq_bind_int(st, 2, c->scope_id);
		sq_bind_int(st, 3, c->control);
		sq_bind_int(st, 4, c->standing);
		sq_bind_int(st, 5, c->delta);
		if (sq_run(sq, st, err) < 0)
			return -1;
	}
	sq_counts_forget(sq);
	return 0;
}

void sq_counts_forget(struct sq *sq)
{
	memset(sq->counts, 0, sizeof(sq->counts));
	sq->count_used = 0;
}

int sq_place_count(struct sq *sq, const struct sq_place *place, int control, int64_t standing,
		   int delta, struct err *err)
{
	if (count_one(sq, STORE_TRUST, 0, control, standing, delta, err) < 0 ||
	    count_one(sq, STORE_SCHOOL, place->school, control, standing, delta, err) < 0 ||
	    count_one(sq, STORE_GROUP, place->group, control, standing, delta, err) < 0)
		return -1;
	return place->room ? count_one(sq, STORE_ROOM, place->room, control, standing, delta, err)
			   : 0;
}

/* --- one device --- */

struct counted {
	struct sq_place place;
	enum store_status status;
	int64_t last_seen, policy_serial;
	int not_seen_days;
	int64_t presence, standing; /* as counted; -1: not */
};

static int64_t int_or_none(sqlite3_stmt *st, int i)
{
	return sqlite3_column_type(st, i) == SQLITE_NULL ? -1 : sq_int(st, i);
}

static int load(struct sq *sq, int64_t device, struct counted *out, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT d.school, d.grp, d.room, d.status, d.last_seen, "
				   "d.policy_serial, s.not_seen_days, d.presence, d.standing "
				   "FROM device d JOIN school s ON s.id = d.school WHERE d.id = ?",
				   err);
	int row;

	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return err_set(err, ERR_NOTFOUND, "there is no device %lld", (long long)device);
	*out = (struct counted){
		.place = {sq_int(st, 0), sq_int(st, 1), sq_int(st, 2)},
		.status = (enum store_status)sq_int(st, 3),
		.last_seen = sq_int(st, 4),
		.policy_serial = sq_int(st, 5),
		.not_seen_days = (int)sq_int(st, 6),
		.presence = int_or_none(st, 7),
		.standing = int_or_none(st, 8),
	};
	sqlite3_reset(st);
	return 0;
}

int sq_device_count(struct sq *sq, int64_t device, int delta, struct err *err)
{
	struct sq_reason reason;
	struct sq_rows rows;
	struct counted c;
	sqlite3_stmt *st;

	if (load(sq, device, &c, err) < 0)
		return -1;
	if (c.presence >= 0 &&
	    sq_place_count(sq, &c.place, STORE_COUNT_PRESENCE, c.presence, delta, err) < 0)
		return -1;
	if (c.standing < 0) /* counted by presence alone: waiting, revoked, never heard */
		return 0;
	if (sq_place_count(sq, &c.place, STORE_COUNT_DEVICE, c.standing, delta, err) < 0 ||
	    sq_place_count(sq, &c.place, STORE_COUNT_POLICY, c.policy_serial, delta, err) < 0)
		return -1;
	st = sq_stmt(sq,
		     "SELECT c.control, c.standing, " SQ_CAUSE_SINCE
		     ", c.why FROM device_control c WHERE c.device = ?",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	rows = sq_rows(sq, st, err);
	while (sq_next(&rows)) {
		int control = (int)sq_int(st, 0);

		reason.standing = sq_int(st, 1);
		reason.since = sq_int(st, 2);
		sq_text(st, 3, reason.why, sizeof(reason.why));
		if (sq_place_count(sq, &c.place, control, reason.standing, delta, err) < 0 ||
		    sq_cause_move(sq, &c.place, device, control, &reason, delta, err) < 0)
			sq_said(&rows, -1);
	}
	return rows.ret;
}

/* Writes each control's standing by 'now'; tells the worst and when the next changes. */
static int settle_controls(struct sq *sq, int64_t device, int64_t now, int64_t *out_worst,
			   int64_t *out_next, struct err *err)
{
	struct {
		int64_t control, standing;
	} changed[HEARTBEAT_MAX_CONTROLS * 2];
	unsigned changed_count = 0;
	enum standing worst = STANDING_NOT_APPLICABLE;
	bool any = false;
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT control, verdict, due_at, until, standing "
				   "FROM device_control WHERE device = ?",
				   err);
	struct sq_rows rows = sq_rows(sq, st, err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	while (sq_next(&rows)) {
		enum verdict verdict = (enum verdict)sq_int(st, 1);
		enum standing is = standing_of(verdict, sq_int(st, 2), sq_int(st, 3), now);
		int64_t next = standing_change(verdict, sq_int(st, 2), sq_int(st, 3), now);

		any = true;
		worst = standing_worse(worst, is);
		if (next < *out_next)
			*out_next = next;
		if (is != sq_int(st, 4) && changed_count < sizeof(changed) / sizeof(changed[0])) {
			changed[changed_count].control = sq_int(st, 0);
			changed[changed_count++].standing = is;
		}
	}
	if (rows.ret < 0)
		return -1;
	for (unsigned i = 0; i < changed_count; i++) {
		st = sq_stmt(
			sq,
			"UPDATE device_control SET standing = ? WHERE device = ? AND control = ?",
			err);
		if (!st)
			return -1;
		sq_bind_int(st, 1, changed[i].standing);
		sq_bind_int(st, 2, device);
		sq_bind_int(st, 3, changed[i].control);
		if (sq_run(sq, st, err) < 0)
			return -1;
	}
	*out_worst = any ? (int64_t)worst : STANDING_CANNOT_TELL;
	return 0;
}

int sq_device_settle(struct sq *sq, int64_t device, int64_t now, struct err *err)
{
	struct counted c;
	int64_t worst, next = STANDING_NEVER, away;
	enum store_presence presence;
	sqlite3_stmt *st;

	if (sq_device_count(sq, device, -1, err) < 0 || load(sq, device, &c, err) < 0 ||
	    settle_controls(sq, device, now, &worst, &next, err) < 0)
		return -1;
	presence = standing_presence(c.status, c.last_seen, c.not_seen_days, now);
	away = standing_presence_change(c.status, c.last_seen, c.not_seen_days, now);
	if (away < next)
		next = away;
	st = sq_stmt(sq,
		     "UPDATE device SET presence = ?, standing = ?, next_change = ? WHERE id = ?",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, presence);
	if (c.status == STORE_ACTIVE && c.last_seen)
		sq_bind_int(st, 2, worst);
	if (c.status == STORE_ACTIVE && next != STANDING_NEVER)
		sq_bind_int(st, 3, next);
	sq_bind_int(st, 4, device);
	return sq_run(sq, st, err) < 0 ? -1 : sq_device_count(sq, device, 1, err);
}

int sq_next_change(struct store *store, int64_t *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT next_change FROM device WHERE next_change IS NOT NULL "
				   "ORDER BY next_change LIMIT 1",
				   err);
	int row = st ? sq_step(sq, st, err) : -1;

	if (row < 0)
		return -1;
	*out = row ? sq_int(st, 0) : STANDING_NEVER;
	sqlite3_reset(st);
	return 0;
}

int sq_apply_time(struct store *store, int64_t now, unsigned max, bool *out_more, struct err *err)
{
	struct sq *sq = sq_of(store);
	unsigned done = 0;
	int64_t due, device;

	for (; done < max; done++) {
		sqlite3_stmt *st =
			sq_stmt(sq,
				"SELECT next_change, id FROM device "
				"WHERE next_change IS NOT NULL ORDER BY next_change LIMIT 1",
				err);
		int row = st ? sq_step(sq, st, err) : -1;

		if (row < 0)
			return -1;
		due = row ? sq_int(st, 0) : STANDING_NEVER;
		device = row ? sq_int(st, 1) : 0;
		sqlite3_reset(st);
		if (due > now)
			break;
		if (sq_device_settle(sq, device, now, err) < 0)
			return -1;
	}
	*out_more = done == max;
	return 0;
}

int sq_read_counts(struct store *store, enum store_scope scope, int64_t id,
		   int (*each)(void *ctx, const struct store_count *, struct err *), void *ctx,
		   struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT control, standing, count FROM counter WHERE scope = ? "
				   "AND scope_id = ? AND count <> 0 ORDER BY control, standing",
				   err);
	struct sq_rows rows = sq_rows(sq, st, err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, scope);
	sq_bind_int(st, 2, id);
	while (sq_next(&rows)) {
		struct store_count count = {(int)sq_int(st, 0), sq_int(st, 1), sq_int(st, 2)};

		sq_said(&rows, each(ctx, &count, err));
	}
	return rows.ret;
}

/* A place's rows of 'counter' lie together, and those of whole devices are the first of them: one
 * search a place. */
#define PLACE_COUNTS(names, from, scope) \
	"SELECT p.id, " names ", coalesce (c.control, -1), coalesce (c.standing, 0), " \
	"coalesce (c.count, 0) FROM " from " LEFT JOIN counter c ON c.scope = " scope \
	" AND c.scope_id = p.id AND c.control BETWEEN -2 AND -1 AND c.count <> 0 " \
	"WHERE s.removed_at = 0 AND (?1 = 0 OR s.id = ?1) ORDER BY s.name, s.id"

int sq_place_counts(struct store *store, enum store_scope scope, int64_t school,
		    int (*each)(void *ctx, const struct store_place_count *, struct err *),
		    void *ctx, struct err *err)
{
	static const char schools[] =
		PLACE_COUNTS("s.name, s.name", "school s JOIN school p ON p.id = s.id", "1");
	static const char groups[] = PLACE_COUNTS(
		"s.name, p.name", "school s JOIN grp p ON p.school = s.id", "2") ", p.name, p.id";
	static const char rooms[] = PLACE_COUNTS(
		"s.name, p.name", "school s JOIN room p ON p.school = s.id", "3") ", p.name, p.id";
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq,
				   scope == STORE_ROOM    ? rooms
				   : scope == STORE_GROUP ? groups
							  : schools,
				   err);
	struct sq_rows rows = sq_rows(sq, st, err);
	struct store_place_count c;

	if (st)
		sq_bind_int(st, 1, school);
	while (sq_next(&rows)) {
		c.place = sq_int(st, 0);
		sq_text(st, 1, c.school, sizeof(c.school));
		sq_text(st, 2, c.name, sizeof(c.name));
		c.count = (struct store_count){(int)sq_int(st, 3), sq_int(st, 4), sq_int(st, 5)};
		sq_said(&rows, each(ctx, &c, err));
	}
	return rows.ret;
}
