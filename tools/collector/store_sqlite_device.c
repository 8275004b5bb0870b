/* What is decided about a device: its status, its place, adoption and erasure.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include <stdio.h>

#include "agent/base/err.h"
#include "platform/os.h"

/* --- status and place --- */

static int device_by_uuid(struct sq *sq, const char *uuid, int64_t *out_id, int64_t *out_school,
			  struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq, "SELECT id, school FROM device WHERE uuid = ?", err);
	int row;

	if (!st)
		return -1;
	sq_bind_text(st, 1, uuid);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (!row)
		return err_set(err, ERR_NOTFOUND, "there is no device %.40s", uuid);
	*out_id = sq_int(st, 0);
	*out_school = sq_int(st, 1);
	sqlite3_reset(st);
	return 0;
}

static int set_status(struct sq *sq, const char *uuid, enum store_status status, const char *why,
		      struct err *err)
{
	int64_t id, school, now = plat_now();
	sqlite3_stmt *st;

	if (device_by_uuid(sq, uuid, &id, &school, err))
		return -1;
	st = sq_stmt(sq, "UPDATE device SET status = ?, status_at = ?, status_why = ? WHERE id = ?",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, status);
	sq_bind_int(st, 2, now);
	sq_bind_text(st, 3, why);
	sq_bind_int(st, 4, id);
	return sq_run(sq, st, err) || sq_device_settle(sq, id, now, err) ? -1 : 0;
}

int sq_device_status(struct store *store, const char *uuid, enum store_status status,
		     const char *why, const char *who, struct err *err)
{
	struct sq *sq = sq_of(store);
	char action[40];

	if (sq_begin(store, err))
		return -1;
	snprintf(action, sizeof(action), "device %s", store_status_name(status));
	return sq_done(sq, who, action, uuid, "{}", set_status(sq, uuid, status, why, err), err);
}

int sq_device_place(struct sq *sq, int64_t id, int64_t group, int64_t room, struct err *err)
{
	sqlite3_stmt *st;

	if (sq_device_count(sq, id, -1, err))
		return -1;
	/* Another group may be allowed other things. */
	st = sq_stmt(sq,
		     "UPDATE exception_document SET until = 0 WHERE device = ?1 AND ?2 <> (SELECT "
		     "grp FROM device WHERE id = ?1)",
		     err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, id);
	sq_bind_int(st, 2, group);
	if (sq_run(sq, st, err))
		return -1;
	st = sq_stmt(sq, "UPDATE device SET grp = ?, room = ? WHERE id = ?", err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, group);
	sq_bind_int(st, 2, room);
	sq_bind_int(st, 3, id);
	return sq_run(sq, st, err) || sq_device_count(sq, id, 1, err) ? -1 : 0;
}

static int same_school(struct sq *sq, int64_t group, int64_t room, int64_t school, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT (SELECT school FROM grp WHERE id = ?1) = ?3 AND (?2 = 0 "
				   "OR (SELECT school FROM room WHERE id = ?2) = ?3)",
				   err);
	int64_t same = 0;

	if (!st)
		return -1;
	sq_bind_int(st, 1, group);
	sq_bind_int(st, 2, room);
	sq_bind_int(st, 3, school);
	if (sq_one_int(sq, st, &same, err) < 0)
		return -1;
	return same ? 0
		    : err_set(err, ERR_INVALID,
			      "the group and the room must be of the device's own school");
}

static int move(struct sq *sq, const char *uuid, int64_t group, int64_t room, struct err *err)
{
	int64_t id, school;

	if (device_by_uuid(sq, uuid, &id, &school, err) ||
	    same_school(sq, group, room, school, err))
		return -1;
	return sq_device_place(sq, id, group, room, err);
}

int sq_device_move(struct store *store, const char *uuid, int64_t group, int64_t room,
		   const char *who, struct err *err)
{
	struct sq *sq = sq_of(store);
	char detail[80];

	if (sq_begin(store, err))
		return -1;
	snprintf(detail, sizeof(detail), "{\"group\":%lld,\"room\":%lld}", (long long)group,
		 (long long)room);
	return sq_done(sq, who, "device move", uuid, detail, move(sq, uuid, group, room, err), err);
}

/* --- adoption and erasure --- */

/* What was signed for it no longer is what it should have: serve signs anew. */
static int exceptions_stale(struct sq *sq, int64_t device, struct err *err)
{
	sqlite3_stmt *st =
		sq_stmt(sq, "UPDATE exception_document SET until = 0 WHERE device = ?", err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	return sq_run(sq, st, err);
}

/* The new record keeps the key; what the old one gathered becomes the new one's past, and the old
 * one is retired.  Its heartbeats stay under its own name: their chain is another key's. */
static int take_over(struct sq *sq, int64_t device, int64_t now, struct err *err)
{
	sqlite3_stmt *st =
		sq_stmt(sq,
			"SELECT o.id, o.uuid, o.room, d.room, d.grp FROM device d JOIN "
			"device o ON o.id = d.adopts WHERE d.id = ? AND d.adopted_at = 0",
			err);
	int64_t old, old_room, room, group;
	char uuid[UUID_LEN + 1];
	int row;

	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (!row)
		return err_set(err, ERR_NOTFOUND, "the device is not offered for adoption");
	old = sq_int(st, 0);
	sq_text(st, 1, uuid, sizeof(uuid));
	old_room = sq_int(st, 2);
	room = sq_int(st, 3);
	group = sq_int(st, 4);
	sqlite3_reset(st);
	if (!room && old_room && sq_device_place(sq, device, group, old_room, err))
		return -1;
	st = sq_stmt(sq, "UPDATE device SET adopted_at = ? WHERE id = ?", err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, now);
	sq_bind_int(st, 2, device);
	if (sq_run(sq, st, err))
		return -1;
	if (exceptions_stale(sq, device, err))
		return -1;
	st = sq_stmt(sq, "UPDATE exception SET device = ? WHERE device = ?", err);
	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	sq_bind_int(st, 2, old);
	if (sq_run(sq, st, err))
		return -1;
	return set_status(sq, uuid, STORE_RETIRED, "imaged again and adopted under a new key", err);
}

int sq_adopt(struct store *store, int64_t device, int64_t now, const char *who, struct err *err)
{
	struct sq *sq = sq_of(store);
	char object[24];

	if (sq_begin(store, err))
		return -1;
	snprintf(object, sizeof(object), "device %lld", (long long)device);
	return sq_done(sq, who, "adopt", object, "{}", take_over(sq, device, now, err), err);
}

static int erase_rows(struct sq *sq, int64_t device, struct err *err)
{
	static const char *const sqls[] = {
		"UPDATE heartbeat SET body = NULL WHERE device = ?",
		"DELETE FROM event WHERE device = ?",
		"DELETE FROM device_control WHERE device = ?",
		"DELETE FROM exception WHERE device = ?",
		"DELETE FROM exception_document WHERE device = ?",
		"DELETE FROM inventory WHERE device = ?",
		"DELETE FROM device_software WHERE device = ?",
		"UPDATE device SET name = '', serial = '', hw_uuid = '', board = '', vendor = '', "
		"model = '', boot = '', rejected = '', inventory = NULL, status = 3, status_why = "
		"'erased', standing = NULL, state_partial = 1 WHERE id = ?",
	};

	if (sq_device_count(sq, device, -1, err))
		return -1;
	for (size_t i = 0; i < sizeof(sqls) / sizeof(sqls[0]); i++) {
		sqlite3_stmt *st = sq_stmt(sq, sqls[i], err);
		if (!st)
			return -1;
		sq_bind_int(st, 1, device);
		if (sq_run(sq, st, err))
			return -1;
	}
	if (sq_device_count(sq, device, 1, err))
		return -1;
	return sq_device_settle(sq, device, plat_now(), err);
}

int sq_erase(struct store *store, int64_t device, const char *who, struct err *err)
{
	struct sq *sq = sq_of(store);
	char object[24];

	if (sq_begin(store, err))
		return -1;
	snprintf(object, sizeof(object), "device %lld", (long long)device);
	return sq_done(sq, who, "device erase", object, "{}", erase_rows(sq, device, err), err);
}
