/* What the files behind sq_admin_ops and sq_desk_ops share; nobody else includes it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_STORE_SQLITE_ADMIN_H
#define CARETAKER_COLLECTOR_STORE_SQLITE_ADMIN_H

#include "tools/collector/store_desk.h"
#include "tools/collector/store_sqlite.h"

/* Ends a transaction: when 'ret' is 0 with its line of the audit trail and a commit, else with a
 * rollback.  Returns what became of it. */
int sq_done(struct sq *sq, const char *who, const char *action, const char *object,
	    const char *detail_json, int ret, struct err *err);
/* The first column of the first row: 1, 0 (none, '*out' untouched) or -1. */
int sq_one_int(struct sq *sq, sqlite3_stmt *st, int64_t *out, struct err *err);
/* Serials go on above it: see cmd_restore(). */
#define SQ_SERIAL_FLOOR \
	"coalesce ((SELECT CAST (value AS INTEGER) FROM meta WHERE name = 'serial_floor'), 0)"

/* --- store_sqlite_admin.c --- */
int sq_code_revoke(struct store *, const char *id, int64_t now, const char *who, struct err *);
int sq_token_add(struct store *, const struct store_token *, const char *who, struct err *);
int sq_token_revoke(struct store *, const char *name, int64_t now, const char *who, struct err *);
int sq_school_chain(struct store *, int64_t school, const char *org, const char *who, struct err *);

/* --- store_sqlite_device.c --- */
int sq_device_status(struct store *, const char *uuid, enum store_status status, const char *why,
		     const char *who, struct err *);
int sq_device_move(struct store *, const char *uuid, int64_t group, int64_t room, const char *who,
		   struct err *);
/* Inside a transaction. */
int sq_device_place(struct sq *sq, int64_t id, int64_t group, int64_t room, struct err *err);
int sq_adopt(struct store *, int64_t device, int64_t now, const char *who, struct err *);
int sq_erase(struct store *, int64_t device, const char *who, struct err *);

/* --- store_sqlite_look.c --- */
int sq_devices(struct store *, const struct store_device_filter *filter,
	       int (*each)(void *ctx, const struct store_device *, struct err *), void *ctx,
	       struct err *);
int sq_controls(struct store *, int64_t device,
		int (*each)(void *ctx, const struct store_control_row *, struct err *), void *ctx,
		struct err *);
int sq_events(struct store *, int64_t device, unsigned max,
	      int (*each)(void *ctx, const struct store_event_row *, struct err *), void *ctx,
	      struct err *);
int sq_branches(struct store *, int64_t device,
		int (*each)(void *ctx, const struct store_branch_row *, struct err *), void *ctx,
		struct err *);
int sq_chain(struct store *, int64_t device,
	     int (*each)(void *ctx, const struct store_chain_row *, struct err *), void *ctx,
	     struct err *);
int sq_keys(struct store *, int64_t device,
	    int (*each)(void *ctx, const struct store_key *, struct err *), void *ctx,
	    struct err *);
int sq_rejected(struct store *, int64_t device, struct buf *out, struct err *);

/* --- store_sqlite_count.c --- */
int sq_place_counts(struct store *, enum store_scope scope, int64_t school,
		    int (*each)(void *ctx, const struct store_place_count *, struct err *),
		    void *ctx, struct err *);

/* --- store_sqlite_inventory.c --- */
int sq_inventory_jws(struct store *, int64_t device, struct buf *out, struct err *);
int sq_software(struct store *, int64_t school, const char *pattern,
		int (*each)(void *ctx, const struct store_software *, struct err *), void *ctx,
		struct err *);
int sq_software_on(struct store *, int64_t school, const char *pattern,
		   int (*each)(void *ctx, const struct store_software *, struct err *), void *ctx,
		   struct err *);

/* --- store_sqlite_rooms.c --- */
int sq_room_set(struct store *, const struct store_room *, const char *who, struct err *);
int sq_rooms_apply(struct store *, int64_t school, const char *who, int64_t *out_count,
		   struct err *);
int sq_room_by_serial(struct store *, int64_t school, const char *serial, int64_t room,
		      const char *who, struct err *);
int sq_expect(struct store *, const struct store_expected *, const char *who, struct err *);

/* --- store_sqlite_requests.c --- */
int sq_requests(struct store *, int64_t since,
		int (*each)(void *ctx, const struct store_request_row *, struct err *), void *ctx,
		struct err *);
int sq_phone_codes(struct store *, int64_t since,
		   int (*each)(void *ctx, const struct store_request_row *, struct err *),
		   void *ctx, struct err *);
int sq_phone_code_issued(struct store *, int64_t device, const char *data, int64_t now,
			 const char *who, struct err *);
int sq_request_answer(struct store *, int64_t device, bool approved, const char *data, int64_t now,
		      const char *who, struct err *);

/* --- store_sqlite_exceptions.c --- */
int sq_exception_add(struct store *, const struct store_exception *, const char *who, struct err *);
int sq_exception_end(struct store *, const char *id, int64_t now, const char *who, struct err *);
int sq_exception_document(struct store *, const struct store_exceptions *, struct err *);
int sq_exceptions_due(struct store *, int64_t now, int64_t before, unsigned max,
		      int (*each)(void *ctx, const struct store_exception_target *, struct err *),
		      void *ctx, struct err *err);
int sq_exceptions(struct store *, bool ended_too, int64_t now,
		  int (*each)(void *ctx, const struct store_exception *, struct err *), void *ctx,
		  struct err *err);
int sq_exception_newest(struct store *, int64_t *out, struct err *err);
int sq_exception_serial(struct store *, int64_t device, int64_t *out, struct err *err);

/* --- store_sqlite_whole.c --- */
int sq_backup(struct store *, const char *path, struct err *);
int sq_check(struct store *, struct buf *out, int64_t *out_wrong, struct err *);
int sq_school_export(struct store *, int64_t school,
		     int (*each)(void *ctx, const char *line, struct err *), void *ctx,
		     struct err *);
int sq_school_import(struct store *, int (*next)(void *ctx, const char **out_line, struct err *),
		     void *ctx, const char *name, const char *org, const char *who,
		     int64_t *out_school, struct err *);

#endif
