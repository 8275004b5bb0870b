/* Where devices stand: by the rules of a room, by a list of serial numbers, or before they come.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include "agent/base/err.h"
#include "tools/collector/rooms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int place_one(struct sq *sq, int64_t device, int64_t school, const char *name, bool *out,
		     struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT r.id, r.patterns, d.grp FROM room r, device d "
				   "WHERE r.school = ? AND d.id = ? ORDER BY r.name",
				   err);
	char patterns[512];
	struct sq_rows rows = sq_rows(sq, st, err);
	int64_t room = 0, group = 0;

	if (!st)
		return -1;
	sq_bind_int(st, 1, school);
	sq_bind_int(st, 2, device);
	while (sq_next(&rows)) {
		sq_text(st, 1, patterns, sizeof(patterns));
		group = sq_int(st, 2);
		if (!rooms_match(patterns, "", name, ""))
			continue;
		room = sq_int(st, 0);
		sq_said(&rows, 1);
	}
	*out = room != 0;
	return room ? sq_device_place(sq, device, group, room, err) : rows.ret;
}

static int places(struct sq *sq, int64_t school, int64_t *out_count, struct err *err)
{
	int64_t after = 0;
	char name[STORE_NAME_SIZE];

	for (;;) {
		sqlite3_stmt *st = sq_stmt(sq,
					   "SELECT id, name FROM device WHERE school = ? AND room "
					   "= 0 AND id > ? ORDER BY id LIMIT 1",
					   err);
		bool placed = false;
		int row;
		if (!st)
			return -1;
		sq_bind_int(st, 1, school);
		sq_bind_int(st, 2, after);
		row = sq_step(sq, st, err);
		if (row <= 0)
			return row;
		after = sq_int(st, 0);
		sq_text(st, 1, name, sizeof(name));
		sqlite3_reset(st);
		if (place_one(sq, after, school, name, &placed, err))
			return -1;
		*out_count += placed;
	}
}

int sq_rooms_apply(struct store *store, int64_t school, const char *who, int64_t *out_count,
		   struct err *err)
{
	struct sq *sq = sq_of(store);

	*out_count = 0;
	if (sq_begin(store, err))
		return -1;
	return sq_done(sq, who, "room apply", "", "{}", places(sq, school, out_count, err), err);
}

static int move_by_serial(struct sq *sq, int64_t school, const char *serial, int64_t room,
			  struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT id, grp FROM device WHERE school = ? AND serial = ? AND "
				   "status <> ? ORDER BY enrolled_at DESC LIMIT 1",
				   err);
	int64_t device, group;
	int row;

	if (!st)
		return -1;
	sq_bind_int(st, 1, school);
	sq_bind_text(st, 2, serial);
	sq_bind_int(st, 3, STORE_RETIRED);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (!row)
		return err_set(err, ERR_NOTFOUND, "no device has the serial number '%.60s'",
			       serial);
	device = sq_int(st, 0);
	group = sq_int(st, 1);
	sqlite3_reset(st);
	return sq_device_place(sq, device, group, room, err);
}

int sq_room_by_serial(struct store *store, int64_t school, const char *serial, int64_t room,
		      const char *who, struct err *err)
{
	struct sq *sq = sq_of(store);

	if (sq_begin(store, err))
		return -1;
	return sq_done(sq, who, "room import", serial, "{}",
		       move_by_serial(sq, school, serial, room, err), err);
}

int sq_expect(struct store *store, const struct store_expected *expected, const char *who,
	      struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st;
	int ret = -1;

	if (sq_begin(store, err))
		return -1;
	st = sq_stmt(sq,
		     "INSERT INTO expected (serial, school, grp, room, name) VALUES (?, ?, ?, ?, "
		     "?) ON CONFLICT DO UPDATE SET grp = excluded.grp, room = excluded.room, name "
		     "= excluded.name",
		     err);
	if (st) {
		sq_bind_text(st, 1, expected->serial);
		sq_bind_int(st, 2, expected->school);
		sq_bind_int(st, 3, expected->group);
		sq_bind_int(st, 4, expected->room);
		sq_bind_text(st, 5, expected->name);
		ret = sq_run(sq, st, err);
	}
	return sq_done(sq, who, "preregister", expected->serial, "{}", ret, err);
}
