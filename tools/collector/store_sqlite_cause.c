/* What to fix first, kept with what it counts: a row for each place, control, reason and standing
 * that any device has, with how many have it and one of them as the example.
 *
 * The example is the device that has had it longest (the earliest due date), of several the one
 * with the lowest id: one answer only, so that it can be checked.  Only when that very device
 * leaves is the next one looked for, by an index or among the devices of the place.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

#define CAUSES_FIRST 256 /* a power of two */

bool sq_is_cause(int64_t standing)
{
	return standing >= STANDING_TO_FIX && standing <= STANDING_CANNOT_TELL;
}

/* --- what the transaction changes --- */

static unsigned slot_of(const struct sq_cause *c, unsigned size)
{
	uint64_t h = (uint64_t)c->scope_id * 31 + (uint64_t)c->scope;

	h = h * 1009 + (uint64_t)(int64_t)c->control;
	h = h * 1009 + (uint64_t)c->standing;
	for (const char *p = c->why; *p; p++)
		h = h * 31 + (unsigned char)*p;
	return (unsigned)((h * 0x9e3779b97f4a7c15u) >> 32) & (size - 1);
}

static struct sq_cause *find(struct sq_cause *causes, unsigned size, const struct sq_cause *key)
{
	unsigned i = slot_of(key, size);

	for (;; i = (i + 1) & (size - 1)) {
		struct sq_cause *c = &causes[i];

		if (!c->used || (c->scope == key->scope && c->scope_id == key->scope_id &&
				 c->control == key->control && c->standing == key->standing &&
				 strcmp(c->why, key->why) == 0))
			return c;
	}
}

/* Grows, rather than being written early: what is looked for when an example leaves are the rows
 * as they are at the end. */
static int grow(struct sq *sq, struct err *err)
{
	unsigned size = sq->cause_size ? sq->cause_size * 2 : CAUSES_FIRST;
	struct sq_cause *causes = calloc(size, sizeof(*causes));

	if (!causes)
		return err_set(err, ERR_NOMEM, "no memory for what to fix first");
	for (unsigned i = 0; i < sq->cause_size; i++)
		if (sq->causes[i].used)
			*find(causes, size, &sq->causes[i]) = sq->causes[i];
	free(sq->causes);
	sq->causes = causes;
	sq->cause_size = size;
	return 0;
}

static bool before(int64_t since, int64_t device, int64_t other_since, int64_t other)
{
	return since < other_since || (since == other_since && device < other);
}

static void earlier(int64_t since, int64_t device, int64_t *out_since, int64_t *out_device)
{
	if (*out_device && !before(since, device, *out_since, *out_device))
		return;
	*out_since = since;
	*out_device = device;
}

static int move_one(struct sq *sq, struct sq_cause *key, int64_t device, int64_t since, int delta,
		    struct err *err)
{
	struct sq_cause *c;

	if (sq->cause_used >= sq->cause_size / 4 * 3 && grow(sq, err))
		return -1;
	c = find(sq->causes, sq->cause_size, key);
	if (!c->used) {
		*c = *key;
		c->used = true;
		sq->cause_used++;
	}
	c->delta += delta;
	if (delta > 0)
		earlier(since, device, &c->came_since, &c->came);
	else
		earlier(since, device, &c->left_since, &c->left);
	return 0;
}

int sq_cause_move(struct sq *sq, const struct sq_place *place, int64_t device, int control,
		  const struct sq_reason *reason, int delta, struct err *err)
{
	const int64_t ids[] = {[STORE_TRUST] = 0,
			       [STORE_SCHOOL] = place->school,
			       [STORE_GROUP] = place->group,
			       [STORE_ROOM] = place->room};
	struct sq_cause key = {.control = control, .standing = reason->standing};

	if (!sq_is_cause(reason->standing))
		return 0;
	(void)text_copy(key.why, sizeof(key.why), reason->why);
	for (int scope = STORE_TRUST; scope <= STORE_ROOM; scope++) {
		if (scope == STORE_ROOM && !place->room)
			continue;
		key.scope = scope;
		key.scope_id = ids[scope];
		if (move_one(sq, &key, device, reason->since, delta, err))
			return -1;
	}
	return 0;
}

void sq_causes_forget(struct sq *sq)
{
	if (sq->cause_used)
		memset(sq->causes, 0, sq->cause_size * sizeof(*sq->causes));
	sq->cause_used = 0;
}

/* --- writing it --- */

struct kept {
	int64_t count, device, since;
};

static void bind_key(sqlite3_stmt *st, const struct sq_cause *c)
{
	sq_bind_int(st, 1, c->scope);
	sq_bind_int(st, 2, c->scope_id);
	sq_bind_int(st, 3, c->control);
	sq_bind_int(st, 4, c->standing);
	sq_bind_text(st, 5, c->why);
}

static int load(struct sq *sq, const struct sq_cause *c, struct kept *out, struct err *err)
{
	sqlite3_stmt *st = sq_stmt(sq,
				   "SELECT count, device, since FROM cause WHERE scope = ? AND "
				   "scope_id = ? AND control = ? AND standing = ? AND why = ?",
				   err);
	int row;

	*out = (struct kept){0};
	if (!st)
		return -1;
	bind_key(st, c);
	row = sq_step(sq, st, err);
	if (row <= 0)
		return row;
	*out = (struct kept){sq_int(st, 0), sq_int(st, 1), sq_int(st, 2)};
	sqlite3_reset(st);
	return 0;
}

/* In order of time over all devices; or every device of a place, of which there are fewer. */
#define HAS_IT \
	"c.control = ?3 AND c.standing = ?4 AND c.why = ?5 AND +c.standing BETWEEN 1 AND 4 AND " \
	"d.standing IS NOT NULL"
static const char first_of_all[] =
	"SELECT c.device, " SQ_CAUSE_SINCE " FROM device_control c INDEXED BY device_control_cause "
	"CROSS JOIN device d ON d.id = c.device WHERE ?1 = 0 AND ?2 = 0 AND " HAS_IT
	" ORDER BY " SQ_CAUSE_SINCE ", c.device LIMIT 1";
static const char first_of_school[] =
	"SELECT c.device, min (" SQ_CAUSE_SINCE ") FROM device d CROSS JOIN device_control c ON "
	"c.device = d.id WHERE ?1 = 1 AND d.school = ?2 AND " HAS_IT
	" GROUP BY c.device ORDER BY 2, 1 LIMIT 1";
static const char first_of_group[] =
	"SELECT c.device, min (" SQ_CAUSE_SINCE ") FROM device d CROSS JOIN device_control c ON "
	"c.device = d.id WHERE ?1 = 2 AND d.grp = ?2 AND " HAS_IT
	" GROUP BY c.device ORDER BY 2, 1 LIMIT 1";
static const char first_of_room[] =
	"SELECT c.device, min (" SQ_CAUSE_SINCE ") FROM device d CROSS JOIN device_control c ON "
	"c.device = d.id WHERE ?1 = 3 AND d.school = (SELECT school FROM room WHERE id = ?2) AND "
	"d.room = ?2 AND " HAS_IT " GROUP BY c.device ORDER BY 2, 1 LIMIT 1";

/* None: the counts are wrong, which "check" says; the row then has no example. */
static int find_first(struct sq *sq, const struct sq_cause *c, struct kept *kept, struct err *err)
{
	static const char *const sql[] = {[STORE_TRUST] = first_of_all,
					  [STORE_SCHOOL] = first_of_school,
					  [STORE_GROUP] = first_of_group,
					  [STORE_ROOM] = first_of_room};
	sqlite3_stmt *st = sq_stmt(sq, sql[c->scope], err);
	int row;

	kept->device = kept->since = 0;
	if (!st)
		return -1;
	bind_key(st, c);
	row = sq_step(sq, st, err);
	if (row <= 0)
		return row;
	kept->device = sq_int(st, 0);
	kept->since = sq_int(st, 1);
	sqlite3_reset(st);
	return 0;
}

static int save(struct sq *sq, const struct sq_cause *c, const struct kept *kept, struct err *err)
{
	sqlite3_stmt *st =
		kept->count ? sq_stmt(sq,
				      "INSERT INTO cause (scope, scope_id, control, standing, why, "
				      "count, device, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON "
				      "CONFLICT DO UPDATE SET count = excluded.count, device = "
				      "excluded.device, since = excluded.since",
				      err)
			    : sq_stmt(sq,
				      "DELETE FROM cause WHERE scope = ? AND scope_id = ? AND "
				      "control = ? AND standing = ? AND why = ?",
				      err);

	if (!st)
		return -1;
	bind_key(st, c);
	if (kept->count) {
		sq_bind_int(st, 6, kept->count);
		sq_bind_int(st, 7, kept->device);
		sq_bind_int(st, 8, kept->since);
	}
	return sq_run(sq, st, err);
}

static int flush_one(struct sq *sq, const struct sq_cause *c, struct err *err)
{
	struct kept was, kept;

	if (load(sq, c, &was, err))
		return -1;
	kept = was;
	kept.count += c->delta;
	if (c->came)
		earlier(c->came_since, c->came, &kept.since, &kept.device);
	/* One that left may be the example, or came and left since: the rows know. */
	if (kept.count && c->left && !before(kept.since, kept.device, c->left_since, c->left) &&
	    find_first(sq, c, &kept, err))
		return -1;
	if (kept.count == was.count && kept.device == was.device && kept.since == was.since)
		return 0;
	return save(sq, c, &kept, err);
}

int sq_causes_flush(struct sq *sq, struct err *err)
{
	if (!sq->cause_used)
		return 0;
	for (unsigned i = 0; i < sq->cause_size; i++)
		if (sq->causes[i].used && flush_one(sq, &sq->causes[i], err))
			return -1;
	sq_causes_forget(sq);
	return 0;
}

/* --- reading it --- */

int sq_causes(struct store *store, enum store_scope scope, int64_t id, unsigned max,
	      int (*each)(void *ctx, const struct store_cause *, struct err *), void *ctx,
	      struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(
		sq,
		"SELECT k.control, coalesce (n.name, ''), k.why, k.standing, k.count, k.since, "
		"coalesce (c.evidence, ''), coalesce (d.name, ''), coalesce (d.uuid, '') FROM "
		"cause k LEFT JOIN control n ON n.id = k.control LEFT JOIN device d ON d.id = "
		"k.device LEFT JOIN device_control c ON c.device = k.device AND c.control = "
		"k.control WHERE k.scope = ? AND k.scope_id = ? AND k.count > 0 ORDER BY CASE "
		"k.standing WHEN 3 THEN 0 WHEN 1 THEN 1 WHEN 2 THEN 2 ELSE 3 END, k.count DESC, "
		"k.control, k.why LIMIT ?",
		err);
	struct store_cause c;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st) {
		sq_bind_int(st, 1, scope);
		sq_bind_int(st, 2, id);
		sq_bind_int(st, 3, max ? (int64_t)max : -1);
	}
	while (sq_next(&rows)) {
		memset(&c, 0, sizeof(c));
		if (sq_int(st, 0) < CONTROL_COUNT)
			(void)text_copy(c.control, sizeof(c.control),
					control_name((enum control_id)sq_int(st, 0)));
		else
			sq_text(st, 1, c.control, sizeof(c.control));
		sq_text(st, 2, c.why, sizeof(c.why));
		c.standing = (int)sq_int(st, 3);
		c.count = sq_int(st, 4);
		c.oldest = sq_int(st, 5);
		c.evidence = (const char *)sqlite3_column_text(st, 6);
		sq_text(st, 7, c.device_name, sizeof(c.device_name));
		sq_text(st, 8, c.device, sizeof(c.device));
		sq_said(&rows, each(ctx, &c, err));
	}
	return rows.ret;
}
