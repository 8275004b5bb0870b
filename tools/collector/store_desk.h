/* The store as the commands and the people's API ask it: lists, one of a kind, and changes.
 *
 * Part of store.h (which see for handles and transactions); a table of its own because the live
 * part has to stay small enough to reason about.  Each function is one transaction.  Rows handed
 * to 'each' end with the call; a callback that returns -1 stops and its error is passed on.
 * 'school', 'group' ... are row ids; 0 stands for "any" in a filter.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_STORE_DESK_H
#define CARETAKER_COLLECTOR_STORE_DESK_H

#include "tools/collector/store.h"

struct store_device_filter {
	int64_t school, group, room;
	int status;   /* enum store_status; -1: any */
	int standing; /* enum standing of the worst; -1: any */
	int presence; /* enum store_presence; -1: any */
	int control;  /* with 'control_standing': -1: any */
	int control_standing;
	const char *word; /* UUID's beginning, name or serial number, exactly; NULL: any */
	bool adoptable;   /* offered for adoption */
	int64_t after;    /* row id: those behind it (paging) */
	unsigned max;     /* 0: all */
};
void store_device_filter_init(struct store_device_filter *filter);

struct store_control_row {
	char id[64];
	enum mode mode;
	enum verdict verdict;
	char why[REASON_MAX];
	int64_t since, due_at, until;
	int standing;
	const char *evidence;
};
struct store_event_row {
	int64_t id, at, received_at, count;
	bool ours; /* the collector's own observation */
	char type[32];
	const char *data;
};
/* A device's request for an approval, or the answer it was given here. */
struct store_request_row {
	int64_t event, device, school, at, received_at;
	char uuid[UUID_LEN + 1], name[STORE_NAME_SIZE], school_name[STORE_NAME_SIZE];
	bool ours;        /* an answer */
	bool approved;    /* of an answer */
	const char *data; /* as the device said it; of an answer as request_answer() was given it */
};
struct store_branch_row {
	int n, kind; /* enum lineage_kind */
	int64_t from_seq, seq, advanced_at;
	char head[HASH_TEXT];
};
struct store_chain_row {
	int64_t seq;
	char hash[HASH_TEXT], prev[HASH_TEXT];
	const char *jws; /* NULL: erased */
};
struct store_exception {
	char id[UUID_LEN + 1];
	int64_t device, group, school; /* exactly one */
	char place[160];               /* its name, when listed */
	char control[32], what[160], reason[300], asked[64], approved[64];
	int64_t until, created_at, withdrawn_at;
};
/* A device whose list is to be signed. */
struct store_exception_target {
	int64_t id, school, group;
	char uuid[UUID_LEN + 1];
};
struct store_token {
	int64_t id, school, created_at, ends_at, revoked_at;
	char name[STORE_NAME_SIZE], role[16];
	uint8_t hash[CRYPTO_HASH_SIZE];
};
struct store_expected {
	char serial[64], name[STORE_NAME_SIZE];
	int64_t school, group, room;
};
struct store_place_count {
	int64_t place;
	char school[STORE_NAME_SIZE], name[STORE_NAME_SIZE]; /* of a school: the same */
	struct store_count count;
};
struct store_audit_row {
	int64_t id, at;
	char who[STORE_NAME_SIZE], action[64], object[160];
	const char *detail;
};
/* What to fix first: how many devices stand so for one reason. */
struct store_cause {
	char control[64], why[REASON_MAX];
	int standing;
	int64_t count, oldest; /* since, or the earliest due date */
	/* The one that has had it longest, and what it said: for the sentence. */
	char device[UUID_LEN + 1], device_name[STORE_NAME_SIZE];
	const char *evidence;
};
struct store_software {
	const char *name, *kind, *version, *licence, *origin; /* version, origin: of one device */
	int64_t devices, versions;                            /* in the list by name */
	const char *device, *device_name, *school;            /* in the list by device */
};

struct store_desk_ops {
	/* --- lists --- */
	int (*schools)(struct store *,
		       int (*each)(void *ctx, const struct store_school *, struct err *), void *ctx,
		       struct err *);
	int (*groups)(struct store *, int64_t school,
		      int (*each)(void *ctx, const struct store_group *, struct err *), void *ctx,
		      struct err *);
	int (*rooms)(struct store *, int64_t school,
		     int (*each)(void *ctx, const struct store_room *, struct err *), void *ctx,
		     struct err *);
	int (*codes)(struct store *, int64_t school,
		     int (*each)(void *ctx, const struct store_code *, struct err *), void *ctx,
		     struct err *);
	int (*devices)(struct store *, const struct store_device_filter *,
		       int (*each)(void *ctx, const struct store_device *, struct err *), void *ctx,
		       struct err *);
	int (*controls)(struct store *, int64_t device,
			int (*each)(void *ctx, const struct store_control_row *, struct err *),
			void *ctx, struct err *);
	/* Newest first. */
	int (*events)(struct store *, int64_t device, unsigned max,
		      int (*each)(void *ctx, const struct store_event_row *, struct err *),
		      void *ctx, struct err *);
	/* Requests and answers since 'since', in the order in which they came. */
	int (*requests)(struct store *, int64_t since,
			int (*each)(void *ctx, const struct store_request_row *, struct err *),
			void *ctx, struct err *);
	/* One-time codes: those that were read out here ('ours') and those that devices say were
	 * used, likewise. */
	int (*phone_codes)(struct store *, int64_t since,
			   int (*each)(void *ctx, const struct store_request_row *, struct err *),
			   void *ctx, struct err *);
	int (*branches)(struct store *, int64_t device,
			int (*each)(void *ctx, const struct store_branch_row *, struct err *),
			void *ctx, struct err *);
	/* In order of seq, then of arrival. */
	int (*chain)(struct store *, int64_t device,
		     int (*each)(void *ctx, const struct store_chain_row *, struct err *),
		     void *ctx, struct err *);
	/* The signed inventory (appended); ERR_NOTFOUND. */
	int (*inventory_jws)(struct store *, int64_t device, struct buf *out, struct err *);
	/* What active devices have, by name and licence, most devices first; by pattern and in one
	 * school where they are given ("" and 0: all). */
	int (*software)(struct store *, int64_t school, const char *pattern,
			int (*each)(void *ctx, const struct store_software *, struct err *),
			void *ctx, struct err *);
	/* Which devices have it, by version. */
	int (*software_on)(struct store *, int64_t school, const char *pattern,
			   int (*each)(void *ctx, const struct store_software *, struct err *),
			   void *ctx, struct err *);
	int (*keys)(struct store *, int64_t device,
		    int (*each)(void *ctx, const struct store_key *, struct err *), void *ctx,
		    struct err *);
	/* JSON array of what the device would not take and why, "[]"; appended. */
	int (*rejected)(struct store *, int64_t device, struct buf *out, struct err *);
	/* Without 'ini' and 'jws'. */
	int (*policies)(struct store *,
			int (*each)(void *ctx, const struct store_policy *, struct err *),
			void *ctx, struct err *);
	/* Whole; the caller frees ini and jws. */
	int (*policy)(struct store *, const char *org, int64_t serial, struct store_policy *out,
		      struct err *);
	/* The highest serial ever kept; 0: none.  'kid' NULL: whatever key. */
	int (*policy_serial)(struct store *, const char *kid, int64_t *out, struct err *);
	int (*exceptions)(struct store *, bool ended_too, int64_t now,
			  int (*each)(void *ctx, const struct store_exception *, struct err *),
			  void *ctx, struct err *);
	int (*tokens)(struct store *,
		      int (*each)(void *ctx, const struct store_token *, struct err *), void *ctx,
		      struct err *);
	/* What 'counts' of store.h says of whole devices, for every place of a scope in one go: by
	 * school, then by name; 'school' 0: all.  A place without devices comes once, its count 0.
	 */
	int (*place_counts)(struct store *, enum store_scope scope, int64_t school,
			    int (*each)(void *ctx, const struct store_place_count *, struct err *),
			    void *ctx, struct err *);
	/* The worst and most frequent first, at most 'max'; kept like the counts of store.h. */
	int (*causes)(struct store *, enum store_scope scope, int64_t id, unsigned max,
		      int (*each)(void *ctx, const struct store_cause *, struct err *), void *ctx,
		      struct err *);
	int (*audit_rows)(struct store *, unsigned max,
			  int (*each)(void *ctx, const struct store_audit_row *, struct err *),
			  void *ctx, struct err *);
	int (*token_find)(struct store *, const uint8_t hash[CRYPTO_HASH_SIZE], int64_t now,
			  struct store_token *out, struct err *); /* ERR_NOTFOUND */

	/* --- changes: each writes its line of the audit trail --- */
	int (*code_revoke)(struct store *, const char *id, int64_t now, const char *who,
			   struct err *);
	int (*room_set)(struct store *, const struct store_room *, const char *who, struct err *);
	/* Devices without a room that the rules of their school place; says how many. */
	int (*rooms_apply)(struct store *, int64_t school, const char *who, int64_t *out_count,
			   struct err *);
	int (*expect)(struct store *, const struct store_expected *, const char *who, struct err *);
	/* The device with this serial number goes to the room; ERR_NOTFOUND when there is none. */
	int (*room_by_serial)(struct store *, int64_t school, const char *serial, int64_t room,
			      const char *who, struct err *);
	/* The device takes over the history of the one its hardware was before. */
	int (*adopt)(struct store *, int64_t device, int64_t now, const char *who, struct err *);
	/* Bodies, names and hardware go; seq, hash and prev stay, so that the chain verifies. */
	int (*erase)(struct store *, int64_t device, const char *who, struct err *);
	/* Stands in the device's events as ours; 'data' is a JSON object. */
	int (*request_answer)(struct store *, int64_t device, bool approved, const char *data,
			      int64_t now, const char *who, struct err *);
	/* Likewise. */
	int (*phone_code_issued)(struct store *, int64_t device, const char *data, int64_t now,
				 const char *who, struct err *);
	int (*exception_add)(struct store *, const struct store_exception *, const char *who,
			     struct err *);
	int (*exception_end)(struct store *, const char *id, int64_t now, const char *who,
			     struct err *);
	/* The signed list for one device; its serial must be higher than the one kept. */
	int (*exception_document)(struct store *, const struct store_exceptions *, struct err *);
	/* The highest serial that any device's list had; 0: none. */
	int (*exception_newest)(struct store *, int64_t *out, struct err *);
	/* Active devices that lack a list though an exception concerns them, or whose list ends
	 * before 'before' or was made for another group; at most 'max'. */
	int (*exceptions_due)(struct store *, int64_t now, int64_t before, unsigned max,
			      int (*each)(void *ctx, const struct store_exception_target *,
					  struct err *),
			      void *ctx, struct err *);
	/* The serial to give the next list of a device. */
	int (*exception_serial)(struct store *, int64_t device, int64_t *out, struct err *);
	int (*token_add)(struct store *, const struct store_token *, const char *who, struct err *);
	int (*token_revoke)(struct store *, const char *name, int64_t now, const char *who,
			    struct err *);
	int (*school_chain)(struct store *, int64_t school, const char *org, const char *who,
			    struct err *);

	/* --- the whole --- */
	/* A consistent copy while others write. */
	int (*backup)(struct store *, const char *path, struct err *);
	/* Appends a line for each thing that is wrong; '*out_wrong' counts them. */
	int (*check)(struct store *, struct buf *out, int64_t *out_wrong, struct err *);
	/* Everything of a school, one JSON object a line. */
	int (*school_export)(struct store *, int64_t school,
			     int (*each)(void *ctx, const char *line, struct err *), void *ctx,
			     struct err *);
	/* All lines, in one transaction; ERR_DENIED when a device is here already. */
	int (*school_import)(struct store *,
			     int (*next)(void *ctx, const char **out_line, struct err *), void *ctx,
			     const char *name, const char *org, const char *who,
			     int64_t *out_school, struct err *);
};

#endif
