/* Inventories: one signed body a device, and its software in rows that all devices share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/text.h"

/* A package of the body '?1': SQLite reads what inventory_decode() let through. */
#define PACKAGES \
	"(SELECT k.key AS kind, json_extract (p.value, '$[0]') AS name, " \
	"json_extract (p.value, '$[1]') AS version, json_extract (p.value, '$[2]') AS licence, " \
	"json_extract (p.value, '$[3]') AS origin " \
	"FROM json_each (?1, '$.software') AS k, json_each (k.value) AS p)"

/* ... and its row of 'software', 's'. */
#define SAME_PACKAGES \
	PACKAGES " AS b JOIN software s ON s.name = b.name AND s.version = b.version " \
		 "AND s.kind = b.kind AND s.licence = b.licence AND s.origin = b.origin"

static bool hash_of(const char *text, uint8_t out[CRYPTO_HASH_SIZE])
{
	size_t len;

	return text_b64url_decode(text, strlen(text), out, CRYPTO_HASH_SIZE, &len) == 0 &&
	       len == CRYPTO_HASH_SIZE;
}

/* --- live --- */

static int run_with(struct sq *sq, sqlite3_stmt *st, const struct store_inventory *in,
		    struct err *err)
{
	if (!st)
		return -1;
	sq_bind_textn(st, 1, in->body, in->body_len);
	sq_bind_int(st, 2, in->key->device_id);
	return sq_run(sq, st, err);
}

/* What stays is not touched: taking away the last one that has a program forgets the program. */
static int put_software(struct sq *sq, const struct store_inventory *in, struct err *err)
{
	if (run_with(
		    sq,
		    sq_stmt(sq,
			    "INSERT OR IGNORE INTO software (kind, name, version, licence, origin) "
			    "SELECT kind, name, version, licence, origin FROM " PACKAGES
			    " WHERE ?2 = ?2",
			    err),
		    in, err) < 0 ||
	    run_with(sq,
		     sq_stmt(sq,
			     "DELETE FROM device_software WHERE device = ?2 AND software NOT IN "
			     "(SELECT s.id FROM " SAME_PACKAGES ")",
			     err),
		     in, err) < 0)
		return -1;
	return run_with(sq,
			sq_stmt(sq,
				"INSERT OR IGNORE INTO device_software (device, software) "
				"SELECT ?2, s.id FROM " SAME_PACKAGES,
				err),
			in, err);
}

static int put_row(struct sq *sq, const struct store_inventory *in,
		   const uint8_t hash[CRYPTO_HASH_SIZE], struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "REPLACE INTO inventory (device, hash, at, received_at, jws) "
				   "VALUES (?, ?, ?, ?, ?)",
				   err);

	if (!st)
		return -1;
	sq_bind_int(st, 1, in->key->device_id);
	sq_bind_blob(st, 2, hash, CRYPTO_HASH_SIZE);
	sq_bind_int(st, 3, in->at);
	sq_bind_int(st, 4, in->received_at);
	sq_bind_textn(st, 5, in->jws, in->jws_len);
	return sq_run(sq, st, err);
}

/* What the device's newest heartbeat names is kept and nothing else: one that somebody recorded
 * cannot bring an older state back. */
int sq_put_inventory(struct store *store, const struct store_inventory *in,
		     enum store_inventory_result *out, enum store_status *out_status,
		     struct err *err)
{
	struct sq *sq = sq_of(store);
	uint8_t hash[CRYPTO_HASH_SIZE], named[CRYPTO_HASH_SIZE], kept[CRYPTO_HASH_SIZE];
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT d.status, d.inventory, i.hash FROM device d "
				   "LEFT JOIN inventory i ON i.device = d.id WHERE d.id = ?",
				   err);
	int row;

	if (!st)
		return -1;
	sq_bind_int(st, 1, in->key->device_id);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return err_set(err, ERR_NOTFOUND, "the device is gone from the store");
	*out_status = (enum store_status)sq_int(st, 0);
	sq_blob(st, 1, named, sizeof(named));
	sq_blob(st, 2, kept, sizeof(kept));
	sqlite3_reset(st);
	*out = STORE_INVENTORY_STATUS;
	if (*out_status != STORE_ACTIVE)
		return 0;
	*out = STORE_INVENTORY_STALE;
	if (!hash_of(in->hash, hash) || memcmp(hash, named, sizeof(hash)) != 0)
		return 0;
	*out = STORE_INVENTORY_KEPT;
	if (memcmp(hash, kept, sizeof(hash)) == 0)
		return 0;
	if (put_row(sq, in, hash, err) < 0)
		return -1;
	return put_software(sq, in, err);
}

int sq_has_inventory(struct store *store, int64_t device_id, const char *hash, bool *out,
		     struct err *err)
{
	struct sq *sq = sq_of(store);
	uint8_t want[CRYPTO_HASH_SIZE];
	sqlite3_stmt *st =
		sq_stmt(sq, "SELECT 1 FROM inventory WHERE device = ? AND hash = ?", err);
	int row;

	if (!st)
		return -1;
	if (!hash_of(hash, want))
		return err_set(err, ERR_INVALID, "'%s' is no hash", hash);
	sq_bind_int(st, 1, device_id);
	sq_bind_blob(st, 2, want, sizeof(want));
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (row > 0)
		sqlite3_reset(st);
	*out = row > 0;
	return 0;
}

/* --- desk --- */

int sq_inventory_jws(struct store *store, int64_t device, struct buf *out, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(sq, "SELECT jws FROM inventory WHERE device = ?", err);
	int row;

	if (!st)
		return -1;
	sq_bind_int(st, 1, device);
	row = sq_step(sq, st, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return err_set(err, ERR_NOTFOUND, "no inventory of this device came yet");
	buf_adds(out, (const char *)sqlite3_column_text(st, 0));
	sqlite3_reset(st);
	return buf_check(out, err);
}

static const char *text_at(sqlite3_stmt *st, int i)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return text ? text : "";
}

/* GLOB without its character classes, whatever the case. */
#define OF_THOSE_ASKED \
	"FROM device_software x JOIN software s ON s.id = x.software " \
	"JOIN device d ON d.id = x.device JOIN school c ON c.id = d.school " \
	"WHERE d.status = 1 AND (?1 = 0 OR d.school = ?1) " \
	"AND (?2 = '' OR lower (s.name) GLOB replace (lower (?2), '[', '[[]')) "

static int each_software(struct sq *sq, sqlite3_stmt *st, int64_t school, const char *pattern,
			 bool by_name,
			 int (*each)(void *ctx, const struct store_software *, struct err *),
			 void *ctx, struct err *err)
{
	struct sq_rows rows = sq_rows(sq, st, err);
	struct store_software software;

	if (!st)
		return -1;
	sq_bind_int(st, 1, school);
	sq_bind_text(st, 2, pattern);
	while (sq_next(&rows)) {
		memset(&software, 0, sizeof(software));
		software.name = text_at(st, 0);
		software.kind = text_at(st, 1);
		software.licence = text_at(st, 2);
		software.origin = text_at(st, 3);
		if (by_name) {
			software.devices = sq_int(st, 4);
			software.versions = sq_int(st, 5);
		} else {
			software.version = text_at(st, 4);
			software.device = text_at(st, 5);
			software.device_name = text_at(st, 6);
			software.school = text_at(st, 7);
		}
		sq_said(&rows, each(ctx, &software, err));
	}
	return rows.ret;
}

int sq_software(struct store *store, int64_t school, const char *pattern,
		int (*each)(void *ctx, const struct store_software *, struct err *), void *ctx,
		struct err *err)
{
	struct sq *sq = sq_of(store);

	return each_software(sq,
			     sq_stmt(sq,
				     "SELECT s.name, s.kind, s.licence, min (s.origin), "
				     "count (DISTINCT x.device) AS devices, "
				     "count (DISTINCT s.version) " OF_THOSE_ASKED
				     "GROUP BY s.name, s.kind, s.licence "
				     "ORDER BY devices DESC, s.name, s.kind, s.licence",
				     err),
			     school, pattern, true, each, ctx, err);
}

int sq_software_on(struct store *store, int64_t school, const char *pattern,
		   int (*each)(void *ctx, const struct store_software *, struct err *), void *ctx,
		   struct err *err)
{
	struct sq *sq = sq_of(store);

	return each_software(sq,
			     sq_stmt(sq,
				     "SELECT s.name, s.kind, s.licence, s.origin, s.version, "
				     "d.uuid, d.name, c.name " OF_THOSE_ASKED
				     "ORDER BY s.name, s.version, c.name, d.name, d.uuid",
				     err),
			     school, pattern, false, each, ctx, err);
}
