/* Requests for an approval: events of devices, answered by events of ours.  One-time codes: events
 * of ours, answered by the device that one was typed on. SPDX-License-Identifier: Apache-2.0 */
#include "tools/collector/store_sqlite_admin.h"

#include "agent/base/err.h"

#include <string.h>

#define APPROVED "request-approved"
#define REFUSED "request-refused"
#define CODE_ISSUED "phone-code-issued"
#define CODE_USED "phone-code-used"

static int each_row(struct sq *sq, sqlite3_stmt *st, int64_t since,
		    int (*each)(void *ctx, const struct store_request_row *, struct err *),
		    void *ctx, struct err *err)
{
	struct store_request_row row;
	struct sq_rows rows = sq_rows(sq, st, err);

	if (st)
		sq_bind_int(st, 1, since);
	while (sq_next(&rows)) {
		memset(&row, 0, sizeof(row));
		row.event = sq_int(st, 0);
		row.device = sq_int(st, 1);
		row.school = sq_int(st, 2);
		row.at = sq_int(st, 3);
		row.received_at = sq_int(st, 4);
		sq_text(st, 5, row.uuid, sizeof(row.uuid));
		sq_text(st, 6, row.name, sizeof(row.name));
		sq_text(st, 7, row.school_name, sizeof(row.school_name));
		row.ours = sq_int(st, 8);
		row.approved = sq_int(st, 9);
		row.data = (const char *)sqlite3_column_text(st, 10);
		sq_said(&rows, each(ctx, &row, err));
	}
	return rows.ret;
}

int sq_phone_codes(struct store *store, int64_t since,
		   int (*each)(void *ctx, const struct store_request_row *, struct err *),
		   void *ctx, struct err *err)
{
	struct sq *sq = sq_of(store);
	sqlite3_stmt *st = sq_stmt(
		sq,
		"SELECT e.id, e.device, d.school, e.at, e.received_at, d.uuid, d.name, s.name, "
		"e.type = '" CODE_ISSUED "', 0, e.data FROM event e JOIN device d ON d.id = "
		"e.device JOIN school s ON s.id = d.school WHERE e.type IN ('" CODE_ISSUED
		"', '" CODE_USED "') AND e.received_at > ?1 AND (e.type = '" CODE_USED "') = "
		"(e.key IS NOT NULL) ORDER BY e.id",
		err);

	return each_row(sq, st, since, each, ctx, err);
}

int sq_phone_code_issued(struct store *store, int64_t device, const char *data, int64_t now,
			 const char *who, struct err *err)
{
	struct sq *sq = sq_of(store);

	if (sq_begin(store, err))
		return -1;
	return sq_done(sq, who, "request code", "", data,
		       sq_event(sq, device, now, CODE_ISSUED, data, err), err);
}

int sq_requests(struct store *store, int64_t since,
		int (*each)(void *ctx, const struct store_request_row *, struct err *), void *ctx,
		struct err *err)
{
	struct sq *sq = sq_of(store);
	/* An answer is the collector's own: no key signed it. */
	sqlite3_stmt *st = sq_stmt(
		sq,
		"SELECT e.id, e.device, d.school, e.at, e.received_at, d.uuid, d.name, s.name, "
		"e.type != 'approval-requested', e.type = '" APPROVED "', e.data FROM event e "
		"JOIN device d ON d.id = e.device JOIN school s ON s.id = d.school WHERE "
		"e.type IN ('approval-requested', '" APPROVED "', '" REFUSED "') AND "
		"e.received_at > ?1 AND (e.type = 'approval-requested') = (e.key IS NOT NULL) "
		"ORDER BY e.id",
		err);

	return each_row(sq, st, since, each, ctx, err);
}

int sq_request_answer(struct store *store, int64_t device, bool approved, const char *data,
		      int64_t now, const char *who, struct err *err)
{
	const char *type = approved ? APPROVED : REFUSED;
	struct sq *sq = sq_of(store);

	if (sq_begin(store, err))
		return -1;
	return sq_done(sq, who, approved ? "request approve" : "request refuse", "", data,
		       sq_event(sq, device, now, type, data, err), err);
}
