/* The store as a whole: backup, check, and a school's rows out of one store into another.
 *
 * A school travels as one JSON object a line, {"table":"device","row":{...}}, so that it is neither
 * SQLite's nor this version's: row ids are given anew, columns that the receiver does not know are
 * refused by name.  Blobs are {"b64":"..."}.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/json.h"
#include "agent/base/jsonw.h"
#include "agent/base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 64
#define SQL_MAX 4096

/* --- backup --- */

int sq_backup(struct store *store, const char *path, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3 *to = NULL;
	sqlite3_backup *backup = NULL;
	int rc, ret = -1;

	if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
	    SQLITE_OK) {
		err_set(err, ERR_IO, "make '%s': %s", path, to ? sqlite3_errmsg(to) : "no memory");
		goto out;
	}
	backup = sqlite3_backup_init(to, "main", sq->db, "main");
	if (!backup) {
		err_set(err, ERR_IO, "copy to '%s': %s", path, sqlite3_errmsg(to));
		goto out;
	}
	/* All pages in one step: a writer beside us waits for a moment, but the copy is of one
	 * instant and always comes to an end. */
	rc = sqlite3_backup_step(backup, -1);
	if (sqlite3_backup_finish(backup) != SQLITE_OK || rc != SQLITE_DONE) {
		err_set(err, rc == SQLITE_FULL ? ERR_FULL : ERR_IO, "copy to '%s': %s", path,
			sqlite3_errstr(rc));
		goto out;
	}
	/* The copy is one file: no write-ahead log beside it. */
	if (sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK) {
		err_set(err, ERR_IO, "close '%s': %s", path, sqlite3_errmsg(to));
		goto out;
	}
	ret = 0;
out:
	sqlite3_close(to);
	return ret;
}

/* --- check --- */

static int check_lines(struct sq *sq, const char *sql, const char *before, struct buf *out,
		       int64_t *out_wrong, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (sqlite3_prepare_v2(sq->db, sql, -1, &st, NULL) != SQLITE_OK)
		return sq_fail(sq, err);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);
		if (!text || !strcmp(text, "ok"))
			continue;
		buf_addf(out, "%s%.300s\n", before, text);
		++*out_wrong;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : sq_fail(sq, err);
}

/* The counters against what they count, made anew from the rows. */
static const char counters_wrong[] =
	"WITH place (device, scope, scope_id) AS ("
	"SELECT id, 0, 0 FROM device UNION ALL SELECT id, 1, school FROM device UNION ALL "
	"SELECT id, 2, grp FROM device UNION ALL SELECT id, 3, room FROM device WHERE room <> 0), "
	"truth (scope, scope_id, control, standing, count) AS ("
	"SELECT p.scope, p.scope_id, x.control, x.standing, count (*) FROM ("
	"SELECT id AS device, -2 AS control, presence AS standing FROM device WHERE presence IS "
	"NOT "
	"NULL UNION ALL SELECT id, -1, standing FROM device WHERE standing IS NOT NULL UNION ALL "
	"SELECT id, -3, policy_serial FROM device WHERE standing IS NOT NULL UNION ALL "
	"SELECT c.device, c.control, c.standing FROM device_control c JOIN device d ON d.id = "
	"c.device WHERE d.standing IS NOT NULL) x JOIN place p ON p.device = x.device GROUP BY 1, "
	"2, "
	"3, 4), kept AS (SELECT scope, scope_id, control, standing, count FROM counter WHERE count "
	"<> "
	"0) SELECT 'counter of scope ' || scope || ' ' || scope_id || ', control ' || control || "
	"', "
	"standing ' || standing || ': ' || count FROM (SELECT * FROM truth EXCEPT SELECT * FROM "
	"kept "
	"UNION SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM truth))";

/* Likewise what to fix first, and of each the example: of several the earliest, the lowest id. */
static const char causes_wrong[] =
	"WITH place (device, scope, scope_id) AS ("
	"SELECT id, 0, 0 FROM device UNION ALL SELECT id, 1, school FROM device UNION ALL "
	"SELECT id, 2, grp FROM device UNION ALL SELECT id, 3, room FROM device WHERE room <> 0), "
	"has AS (SELECT p.scope, p.scope_id, c.control, c.standing, c.why, "
	"c.device, " SQ_CAUSE_SINCE
	" AS since FROM device_control c JOIN device d ON d.id = c.device JOIN "
	"place p ON p.device = d.id WHERE c.standing BETWEEN 1 AND 4 AND d.standing IS NOT NULL), "
	"ranked AS (SELECT *, row_number () OVER w AS n, count (*) OVER (PARTITION BY scope, "
	"scope_id, control, standing, why) AS count FROM has WINDOW w AS (PARTITION BY scope, "
	"scope_id, control, standing, why ORDER BY since, device)), truth AS (SELECT scope, "
	"scope_id, control, standing, why, count, device, since FROM ranked WHERE n = 1), kept AS "
	"(SELECT scope, scope_id, control, standing, why, count, device, since FROM cause) SELECT "
	"'what to fix of scope ' || scope || ' ' || scope_id || ', control ' || control || ', "
	"standing ' || standing || ', ' || why || ': ' || count || ', for example device ' || "
	"device FROM (SELECT * FROM truth EXCEPT SELECT * FROM kept UNION SELECT * FROM (SELECT * "
	"FROM kept EXCEPT SELECT * FROM truth))";

int sq_check(struct store *store, struct buf *out, int64_t *out_wrong, struct err *err)
{
	struct sq *sq = sq_of(store);

	*out_wrong = 0;
	return check_lines(sq, "PRAGMA integrity_check", "file: ", out, out_wrong, err) ||
			       check_lines(sq, "PRAGMA foreign_key_check",
					   "row without its parent: ", out, out_wrong, err) ||
			       check_lines(sq, counters_wrong, "roll-up: ", out, out_wrong, err) ||
			       check_lines(sq, causes_wrong, "roll-up: ", out, out_wrong, err) ||
			       buf_check(out, err)
		       ? -1
		       : 0;
}

/* --- a school's rows --- */

enum part { SCHOOL, GRP, ROOM, DEVICE, DEVICE_KEY, CONTROL, NO_PART };

/* In the order in which they refer to each other.  'refs': columns that hold ids of other parts. */
static const struct part_def {
	const char *table, *select;
	enum part keeps; /* its ids are referred to */
	struct {
		const char *column;
		enum part to;
	} refs[4];
} parts[] = {
	{"school", "SELECT * FROM school WHERE id = ?1", SCHOOL, {{NULL, 0}}},
	{"grp", "SELECT * FROM grp WHERE school = ?1 ORDER BY id", GRP, {{"school", SCHOOL}}},
	{"room", "SELECT * FROM room WHERE school = ?1 ORDER BY id", ROOM, {{"school", SCHOOL}}},
	{"policy",
	 "SELECT p.* FROM policy p JOIN school s ON s.org = p.org WHERE s.id = ?1 ORDER BY "
	 "p.serial",
	 NO_PART,
	 {{NULL, 0}}},
	{"code",
	 "SELECT * FROM code WHERE school = ?1",
	 NO_PART,
	 {{"school", SCHOOL}, {"grp", GRP}, {"room", ROOM}}},
	{"device",
	 "SELECT * FROM device WHERE school = ?1 ORDER BY id",
	 DEVICE,
	 {{"school", SCHOOL}, {"grp", GRP}, {"room", ROOM}, {"adopts", DEVICE}}},
	{"expected",
	 "SELECT * FROM expected WHERE school = ?1",
	 NO_PART,
	 {{"school", SCHOOL}, {"grp", GRP}, {"room", ROOM}, {"device", DEVICE}}},
	{"device_key",
	 "SELECT k.* FROM device_key k JOIN device d ON d.id = k.device WHERE d.school = ?1 ORDER "
	 "BY k.id",
	 DEVICE_KEY,
	 {{"device", DEVICE}}},
	{"branch",
	 "SELECT b.* FROM branch b JOIN device d ON d.id = b.device WHERE d.school = ?1",
	 NO_PART,
	 {{"device", DEVICE}}},
	{"heartbeat",
	 "SELECT h.* FROM heartbeat h JOIN device d ON d.id = h.device WHERE d.school = ?1 ORDER "
	 "BY "
	 "h.id",
	 NO_PART,
	 {{"device", DEVICE}, {"key", DEVICE_KEY}}},
	{"control", "SELECT * FROM control WHERE ?1 ORDER BY id", CONTROL, {{NULL, 0}}},
	{"device_control",
	 "SELECT c.* FROM device_control c JOIN device d ON d.id = c.device WHERE d.school = ?1",
	 NO_PART,
	 {{"device", DEVICE}, {"control", CONTROL}}},
	{"event",
	 "SELECT e.* FROM event e JOIN device d ON d.id = e.device WHERE d.school = ?1 ORDER BY "
	 "e.id",
	 NO_PART,
	 {{"device", DEVICE}, {"key", DEVICE_KEY}}},
	{"exception",
	 "SELECT * FROM exception WHERE school = ?1 OR grp IN (SELECT id FROM grp WHERE school = "
	 "?1) OR device IN (SELECT id FROM device WHERE school = ?1)",
	 NO_PART,
	 {{"school", SCHOOL}, {"grp", GRP}, {"device", DEVICE}}},
	{"exception_document",
	 "SELECT x.* FROM exception_document x JOIN device d ON d.id = x.device WHERE d.school = "
	 "?1",
	 NO_PART,
	 {{"device", DEVICE}}},
};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

static void write_value(struct jsonw *w, sqlite3_stmt *st, int i)
{
	const char *name = sqlite3_column_name(st, i);
	struct buf text;

	switch (sqlite3_column_type(st, i)) {
	case SQLITE_INTEGER: jsonw_int(w, name, sq_int(st, i)); return;
	case SQLITE_NULL: jsonw_null(w, name); return;
	case SQLITE_BLOB:
		buf_init(&text, 0);
		text_b64url(&text, sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i));
		jsonw_object(w, name);
		jsonw_string(w, "b64", buf_text(&text));
		jsonw_object_end(w);
		buf_clear(&text);
		return;
	default:
		jsonw_stringn(w, name, (const char *)sqlite3_column_text(st, i),
			      (size_t)sqlite3_column_bytes(st, i));
	}
}

static int export_row(const struct part_def *part, sqlite3_stmt *st, struct buf *line,
		      int (*each)(void *ctx, const char *line, struct err *), void *ctx,
		      struct err *err)
{
	struct jsonw w;

	buf_reset(line);
	jsonw_init(&w, line);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "table", part->table);
	jsonw_object(&w, "row");
	for (int i = 0; i < sqlite3_column_count(st); i++)
		write_value(&w, st, i);
	jsonw_object_end(&w);
	jsonw_object_end(&w);
	return buf_check(line, err) || each(ctx, buf_text(line), err) ? -1 : 0;
}

static int export_part(struct sq *sq, const struct part_def *part, int64_t school, struct buf *line,
		       int (*each)(void *ctx, const char *line, struct err *), void *ctx,
		       struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq, part->select, err);
	struct sq_rows rows = sq_rows(sq, st, err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, school);
	while (sq_next(&rows))
		sq_said(&rows, export_row(part, st, line, each, ctx, err));
	return rows.ret;
}

int sq_school_export(struct store *store, int64_t school,
		     int (*each)(void *ctx, const char *line, struct err *), void *ctx,
		     struct err *err)
{
	struct sq *sq = sq_of(store);
	struct buf line;
	int ret = 0;

	/* One transaction, so that all parts are of one instant. */
	if (sq_begin(store, err))
		return -1;
	buf_init(&line, 0);
	for (size_t i = 0; !ret && i < PART_COUNT; i++)
		ret = export_part(sq, &parts[i], school, &line, each, ctx, err);
	buf_clear(&line);
	sq_rollback(store); /* nothing was written */
	return ret;
}

/* --- taking them in --- */

struct id_map {
	struct {
		int64_t from, to;
	} * pairs; /* by 'from', which is how they are exported */
	size_t count, size;
};

struct import {
	struct sq *sq;
	const char *name, *org;
	struct id_map maps[NO_PART];
	int64_t school;
	const struct part_def *part;
	/* the row at hand */
	const struct json *row;
	unsigned column_count;
	const struct json *columns[COLUMNS_MAX];
};

static int map_add(struct id_map *map, int64_t from, int64_t to, struct err *err)
{
	if (map->count && from <= map->pairs[map->count - 1].from)
		return err_set(err, ERR_INVALID, "rows are not in order of their id");
	if (map->count == map->size) {
		size_t size = map->size ? map->size * 2 : 256;
		void *pairs = realloc(map->pairs, size * sizeof(*map->pairs));
		if (!pairs)
			return err_set(err, ERR_NOMEM, "out of memory");
		map->pairs = pairs;
		map->size = size;
	}
	map->pairs[map->count].from = from;
	map->pairs[map->count++].to = to;
	return 0;
}

/* 0 stays 0: "none". */
static int map_find(const struct id_map *map, int64_t from, int64_t *out)
{
	size_t low = 0, high = map->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (map->pairs[middle].from < from)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < map->count && map->pairs[low].from == from)
		*out = map->pairs[low].to;
	else if (from == 0)
		*out = 0;
	else
		return -1;
	return 0;
}

static int column_known(struct sq *sq, const char *table, const char *column, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq, "SELECT 1 FROM pragma_table_info (?) WHERE name = ?", err);
	int64_t known = 0;

	if (!st)
		return -1;
	sq_bind_text(st, 1, table);
	sq_bind_text(st, 2, column);
	if (sq_one_int(sq, st, &known, err) < 0)
		return -1;
	return known ? 0
		     : err_set(err, ERR_UNSUPPORTED,
			       "'%s' has a column '%.60s' that this version does not know; import "
			       "with the version that exported",
			       table, column);
}

static enum part ref_of(const struct part_def *part, const char *column)
{
	for (size_t i = 0; i < 4 && part->refs[i].column; i++)
		if (!strcmp(part->refs[i].column, column))
			return part->refs[i].to;
	return NO_PART;
}

static bool left_out(const struct part_def *part, const char *column)
{
	if (!strcmp(column, "id") && strcmp(part->table, "code") != 0 &&
	    strcmp(part->table, "exception") != 0)
		return true; /* given anew */
	/* Counted anew, at the first look at the clock. */
	return !strcmp(part->table, "device") &&
	       (!strcmp(column, "presence") || !strcmp(column, "standing") ||
		!strcmp(column, "next_change"));
}

/* Controls of our own have the same number everywhere; newer ones go by name. */
static int import_ref(const struct import *im, enum part to, int64_t from, int64_t *out)
{
	if (to == CONTROL && from < STORE_NEW_CONTROLS) {
		*out = from;
		return 0;
	}
	return map_find(&im->maps[to], from, out);
}

static int bind_number(const struct import *im, sqlite3_stmt *st, int i, const char *column,
		       double number, struct err *err)
{
	enum part to = ref_of(im->part, column);
	int64_t value = (int64_t)number;

	if (to != NO_PART && import_ref(im, to, (int64_t)number, &value) &&
	    !strcmp(column, "adopts"))
		value = 0; /* it was another school's before; that one stayed */
	else if (to != NO_PART && import_ref(im, to, (int64_t)number, &value))
		return err_set(err, ERR_INVALID, "'%s' names row %lld, which is not in the file",
			       column, (long long)number);
	sq_bind_int(st, i, value);
	return 0;
}

static int bind_value(const struct import *im, sqlite3_stmt *st, int i, const struct json *value,
		      struct err *err)
{
	const char *column = json_name(value), *text = json_string(value);
	uint8_t bytes[256];
	double number;
	size_t len;

	if (!strcmp(column, "org"))
		text = im->org;
	if (!strcmp(column, "name") && im->part->keeps == SCHOOL)
		text = im->name;
	if (text) {
		sqlite3_bind_text(st, i, text, -1, SQLITE_TRANSIENT);
		return 0;
	}
	if (json_number(value, &number))
		return bind_number(im, st, i, column, number, err);
	if (json_is_object(value)) {
		if (json_get_string(value, "b64", 400, &text, err))
			return -1;
		if (text_b64url_decode(text, strlen(text), bytes, sizeof(bytes), &len))
			return err_set(err, ERR_INVALID, "'%s': the bytes are no base64url",
				       column);
		sqlite3_bind_blob(st, i, bytes, (int)len, SQLITE_TRANSIENT);
	}
	return 0; /* null */
}

static int collect(struct import *im, struct err *err)
{
	im->column_count = 0;
	for (const struct json *v = json_first(im->row); v; v = json_next(v)) {
		if (left_out(im->part, json_name(v)))
			continue;
		if (im->column_count == COLUMNS_MAX)
			return err_set(err, ERR_INVALID, "more than %d columns", COLUMNS_MAX);
		if (column_known(im->sq, im->part->table, json_name(v), err))
			return -1;
		im->columns[im->column_count++] = v;
	}
	return im->column_count ? 0 : err_set(err, ERR_INVALID, "a row without columns");
}

static int insert(struct import *im, struct err *err)
{
	bool device = im->part->keeps == DEVICE;
	sqlite3_stmt *st = NULL;
	struct buf sql;
	int ret = -1;

	buf_init(&sql, SQL_MAX);
	/* Table and columns were found in our own schema: nothing foreign gets into the text. */
	buf_addf(&sql, "INSERT INTO %s (", im->part->table);
	for (unsigned i = 0; i < im->column_count; i++)
		buf_addf(&sql, "%s%s", i ? ", " : "", json_name(im->columns[i]));
	buf_addf(&sql, "%s) VALUES (", device ? ", next_change" : "");
	for (unsigned i = 0; i < im->column_count; i++)
		buf_adds(&sql, i ? ", ?" : "?");
	buf_addf(&sql, "%s)", device ? ", 1" : "");
	if (buf_check(&sql, err))
		goto out;
	if (sqlite3_prepare_v2(im->sq->db, buf_text(&sql), -1, &st, NULL) != SQLITE_OK) {
		sq_fail(im->sq, err);
		goto out;
	}
	for (unsigned i = 0; i < im->column_count; i++)
		if (bind_value(im, st, (int)i + 1, im->columns[i], err))
			goto out;
	ret = sqlite3_step(st) == SQLITE_DONE ? 0 : sq_fail(im->sq, err);
out:
	sqlite3_finalize(st);
	buf_clear(&sql);
	return ret;
}

/* A control's name may be known here under another number. */
static int import_control(struct import *im, int64_t id, struct err *err)
{
	const char *name;
	int here;

	if (json_get_string(im->row, "name", 31, &name, err) ||
	    sq_control_id(im->sq, name, &here, err))
		return -1;
	return map_add(&im->maps[CONTROL], id, here, err);
}

static int refuse_known_device(struct import *im, struct err *err)
{
	const char *uuid;
	sqlite3_stmt *st;
	int64_t there = 0;

	if (json_get_string(im->row, "uuid", UUID_LEN, &uuid, err))
		return -1;
	st = sq_stmt(im->sq, "SELECT 1 FROM device WHERE uuid = ?", err);
	if (!st)
		return -1;
	sq_bind_text(st, 1, uuid);
	if (sq_one_int(im->sq, st, &there, err) < 0)
		return -1;
	return there ? err_set(err, ERR_DENIED,
			       "the device %s is here already: was this school imported before?",
			       uuid)
		     : 0;
}

static int import_row(struct import *im, struct err *err)
{
	int64_t id = 0;

	if (im->part->keeps != NO_PART &&
	    json_get_int(im->row, "id", 0, INT64_C(1) << 52, &id, err))
		return -1;
	if (im->part->keeps == CONTROL)
		return import_control(im, id, err);
	if (im->part->keeps == DEVICE && refuse_known_device(im, err))
		return -1;
	/* Only a device refers to its own kind, and to one that came before it. */
	if (collect(im, err) || insert(im, err))
		return -1;
	if (im->part->keeps == NO_PART)
		return 0;
	if (im->part->keeps == SCHOOL && im->school)
		return err_set(err, ERR_INVALID, "there are two schools in the file");
	if (im->part->keeps == SCHOOL)
		im->school = sqlite3_last_insert_rowid(im->sq->db);
	return map_add(&im->maps[im->part->keeps], id, sqlite3_last_insert_rowid(im->sq->db), err);
}

static int import_line(struct import *im, const char *line, struct err *err)
{
	struct json *root = NULL;
	const char *table;
	int ret = -1;

	if (json_parse(line, strlen(line), &root, err) ||
	    json_get_string(root, "table", 40, &table, err) ||
	    json_get_object(root, "row", &im->row, err))
		goto out;
	im->part = NULL;
	for (size_t i = 0; i < PART_COUNT; i++)
		if (!strcmp(parts[i].table, table))
			im->part = &parts[i];
	ret = im->part ? import_row(im, err)
		       : err_set(err, ERR_UNSUPPORTED,
				 "there is no '%.40s' in this version; import with the version "
				 "that exported",
				 table);
out:
	json_free(root);
	return ret;
}

int sq_school_import(struct store *store,
		     int (*next)(void *ctx, const char **out_line, struct err *), void *ctx,
		     const char *name, const char *org, const char *who, int64_t *out_school,
		     struct err *err)
{
	struct import im = {.sq = sq_of(store), .name = name, .org = org};
	const char *line;
	int ret = 0;

	if (sq_begin(store, err))
		return -1;
	while (!ret && !(ret = next(ctx, &line, err)) && line)
		ret = import_line(&im, line, err);
	if (!ret && !im.school)
		ret = err_set(err, ERR_INVALID, "there is no school in the file");
	ret = sq_done(im.sq, who, "school import", name, "{}", ret, err);
	if (!ret)
		*out_school = im.school;
	for (unsigned i = 0; i < NO_PART; i++)
		free(im.maps[i].pairs);
	return ret;
}
