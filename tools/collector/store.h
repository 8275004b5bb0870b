/* What the collector keeps, in our terms.
 *
 * A struct of functions, so that store_sqlite.c (one machine) and store_pg.c (a trust that outgrew
 * it) serve the same callers and pass the same tests.  The live part is what serve does per
 * heartbeat; the admin part is what the commands and people's API ask.
 *
 * A handle belongs to one thread.  Several handles, and several processes, may be open on one
 * store: one writes at a time, the others wait up to STORE_BUSY_MS.  What is decided about a chain
 * or a standing is not decided here but in lineage.h and standing.h, for all stores alike.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_COLLECTOR_STORE_H
#define CARETAKER_COLLECTOR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/proto/crypto.h"
#include "agent/proto/enrol.h"
#include "agent/proto/heartbeat.h"
#include "agent/proto/verdict.h"

struct buf;
struct err;

#define STORE_SCHEMA 1 /* the newest this build understands */
#define STORE_BUSY_MS 10000
#define STORE_NAME_SIZE 64

enum store_status {
	STORE_WAITING, /* came with a shared code: a technician says yes or no */
	STORE_ACTIVE,
	STORE_REVOKED, /* its key is no longer believed */
	STORE_RETIRED, /* left the school; history kept */
};
#define STORE_STATUS_COUNT 4
const char *store_status_name(enum store_status status);

enum store_key_role {
	STORE_KEY_PREVIOUS,
	STORE_KEY_CURRENT,
	STORE_KEY_NEXT, /* named by the current one in a heartbeat; current at its first own */
};

/* --- roll-ups: kept counters --- */
enum store_scope {
	STORE_TRUST, /* id 0 */
	STORE_SCHOOL,
	STORE_GROUP,
	STORE_ROOM,
};
enum store_presence {
	STORE_SEEN,
	STORE_NOT_SEEN, /* for the school's not_seen_days */
	STORE_NEVER_SEEN,
	STORE_IS_WAITING,
	STORE_IS_REVOKED,
	STORE_IS_RETIRED,
};
#define STORE_PRESENCE_COUNT 6
/* Ids beside enum control_id in a counter. */
#define STORE_COUNT_DEVICE (-1)   /* standing: the worst of an active device's controls */
#define STORE_COUNT_PRESENCE (-2) /* standing: enum store_presence, every device */
#define STORE_COUNT_POLICY (-3)   /* standing: the policy serial active devices really run */
#define STORE_NEW_CONTROLS 1000   /* controls newer than this collector: ids from here on */

struct store_count {
	int control;
	int64_t standing;
	int64_t count;
};

/* --- live: keys --- */
struct store_key {
	int64_t id, device_id;
	char kid[CRYPTO_KID_LEN + 1];
	uint8_t point[CRYPTO_POINT_SIZE];
	char device[UUID_LEN + 1];
	char org[UUID_LEN + 1]; /* "": our own; else its school moved here with its keys */
	enum store_status status;
	enum store_key_role role; /* when listed */
};

/* --- live: heartbeats --- */
struct store_heartbeat {
	const struct store_key *key; /* whose signature holds */
	const struct heartbeat *heartbeat;
	const char *jws;
	size_t jws_len;
	char hash[HASH_TEXT];
	int64_t received_at;
};
enum store_placed_as {
	STORE_STORED,
	STORE_REPEATED, /* we had it: acknowledged again, nothing counted twice */
	STORE_REFUSED,  /* see why */
};
struct store_placed {
	enum store_placed_as as;
	char why[160];
	enum store_status status;
	int64_t acked; /* head of the branch it is on */
	char head[HASH_TEXT];
	int64_t trunk_seq; /* another branch is ahead; 0: none */
	char trunk_head[HASH_TEXT];
	bool newest; /* the device's latest word: only then documents go back with the ack */
	bool need_full;
	int64_t policy_serial, exceptions_serial; /* current for this device; 0: none */
	/* What it said that it has, in this heartbeat or in the one that a delta is based on. */
	int64_t has_policy, has_exceptions;
	int64_t has_keys; /* the key set that its newest word before this one named; 0: none yet */
	int64_t device_id;
};

/* --- live: inventories --- */
struct store_inventory {
	const struct store_key *key; /* whose signature holds */
	char hash[HASH_TEXT];
	int64_t at, received_at;
	const char *body; /* checked by inventory_decode() */
	size_t body_len;
	const char *jws;
	size_t jws_len;
};
enum store_inventory_result {
	STORE_INVENTORY_KEPT,
	STORE_INVENTORY_STALE,  /* not the one that the device's newest heartbeat names */
	STORE_INVENTORY_STATUS, /* the device is not active: '*out_status' */
};

/* --- live: enrolment --- */
struct store_enrol {
	const struct enrol_request *request; /* its signature holds; its proof is checked here */
	char request_hash[HASH_TEXT];
	char device[UUID_LEN + 1]; /* the UUID to give when it is a new device */
	char peer[64];             /* address, for rooms by subnet; "" unknown */
	int64_t now;
};
enum store_enrol_result {
	STORE_ENROL_ACTIVE,
	STORE_ENROL_WAITING,
	STORE_ENROL_WRONG_CODE, /* no such code or a proof that does not hold: not told apart */
	STORE_ENROL_CODE_REVOKED,
	STORE_ENROL_CODE_ENDED,
	STORE_ENROL_CODE_USED_UP,
	STORE_ENROL_REVOKED, /* this key's device was revoked or retired */
};
struct store_enrolled {
	enum store_enrol_result result;
	bool again; /* the same enrolment as before */
	char device[UUID_LEN + 1];
	char school[STORE_NAME_SIZE], group[STORE_NAME_SIZE];
	char adopts[UUID_LEN + 1]; /* the device that this hardware was before; "" */
	int64_t audit_until;
	char org[UUID_LEN + 1];              /* "": our own */
	char policy_kid[CRYPTO_KID_LEN + 1]; /* that the code names */
	int64_t device_id;
	int64_t policy_serial, exceptions_serial; /* 0: none */
};

/* --- what the answers carry --- */
/* The signed list of exceptions for one device. */
struct store_exceptions {
	int64_t device, serial, at, until;
	char *jws; /* heap */
};
struct store_site {
	char org[UUID_LEN + 1], epoch[UUID_LEN + 1];
	char name[STORE_NAME_SIZE];
	char host[ENROL_HOST_MAX]; /* as codes name it */
};

/* --- admin rows; texts are NUL-terminated copies --- */
struct store_school {
	int64_t id, created_at, audit_until;
	int audit_days, not_seen_days;
	char org[UUID_LEN + 1];
	char name[STORE_NAME_SIZE];
};
struct store_group {
	int64_t id, school, policy;
	char name[STORE_NAME_SIZE];
};
struct store_room {
	int64_t id, school;
	char name[STORE_NAME_SIZE];
	char patterns[512], subnets[512];
};
struct store_code {
	char id[ENROL_CODE_ID_LEN + 1];
	uint8_t secret[ENROL_SECRET_SIZE];
	char text[ENROL_CODE_MAX];
	int64_t school, group, room;
	bool shared;
	int64_t uses_max, uses, ends_at, revoked_at, created_at;
	char created_by[STORE_NAME_SIZE], note[160];
};
struct store_device {
	int64_t id, school, group, room, adopts;
	char uuid[UUID_LEN + 1];
	enum store_status status;
	char name[STORE_NAME_SIZE];
	char school_name[STORE_NAME_SIZE], group_name[STORE_NAME_SIZE], room_name[STORE_NAME_SIZE];
	struct enrol_hardware hardware;
	char agent[32], status_why[160], adopts_uuid[UUID_LEN + 1];
	bool is_volatile;
	int64_t enrolled_at, status_at, last_seen, last_at, skew_s;
	char policy_name[64];
	int64_t policy_serial, group_policy_serial, exceptions_serial, keys_serial;
	int presence, standing; /* -1: none */
	unsigned branch_count;
};
struct store_policy {
	int64_t serial, at, published_at;
	char org[UUID_LEN + 1]; /* "": our own */
	char name[64], kid[CRYPTO_KID_LEN + 1], published_by[STORE_NAME_SIZE];
	char *ini, *jws; /* heap, or NULL in a list */
	size_t ini_len;
};

struct store;

struct store_live_ops {
	/* One transaction: begin, any number of these, commit.  After a failure between
	 * them roll back; what was answered about it does not hold.  A full disk is ERR_FULL. */
	int (*begin)(struct store *, struct err *);
	int (*commit)(struct store *, struct err *);
	void (*rollback)(struct store *);
	int (*put_heartbeat)(struct store *, const struct store_heartbeat *,
			     struct store_placed *out, struct err *);
	int (*enrol)(struct store *, const struct store_enrol *, struct store_enrolled *out,
		     struct err *);
	/* The newest takes the place of the one before; the same again changes nothing. */
	int (*put_inventory)(struct store *, const struct store_inventory *,
			     enum store_inventory_result *out, enum store_status *out_status,
			     struct err *);
	/* What time alone changed until 'now', for at most 'max' devices; '*out_more': some are
	 * left. */
	int (*apply_time)(struct store *, int64_t now, unsigned max, bool *out_more, struct err *);

	/* What would be acknowledged to the device of a key, without a heartbeat of it. */
	int (*look)(struct store *, const struct store_key *, struct store_placed *out,
		    struct err *);
	/* The serial must be higher than that of the list that is kept. */
	int (*put_exceptions)(struct store *, const struct store_exceptions *, struct err *);
	/* A line of the audit trail. */
	int (*note)(struct store *, int64_t at, const char *who, const char *action,
		    const char *object, const char *detail_json, struct err *);
	/* Empties bodies received before 'before', at most 'max'; '*out_more': some are left. */
	int (*forget_bodies)(struct store *, int64_t before, unsigned max, bool *out_more,
			     struct err *);
	/* Writes a row of no meaning: its commit shows whether the store takes writes again. */
	int (*probe)(struct store *, int64_t now, struct err *);

	/* The earliest moment at which time alone changes something; INT64_MAX: never. */
	int (*next_change)(struct store *, int64_t *out, struct err *);
	/* Rises when another handle committed; says that what was kept in memory must be read anew.
	 */
	int (*version)(struct store *, int64_t *out, struct err *);
	/* ERR_NOTFOUND when no device has it. */
	int (*find_key)(struct store *, const char *kid, struct store_key *out, struct err *);
	int (*site)(struct store *, struct store_site *out, struct err *);
	/* Is the inventory with this hash the one that is kept of the device? */
	int (*has_inventory)(struct store *, int64_t device_id, const char *hash, bool *out,
			     struct err *);
	/* The signed texts (appended); ERR_NOTFOUND when there is none. */
	int (*policy_jws)(struct store *, const char *org, int64_t serial, struct buf *out,
			  struct err *);
	int (*exceptions_jws)(struct store *, int64_t device_id, struct buf *out, struct err *);
	/* Every count of one scope, by control then standing; zeroes are left out.  'each' may
	 * return 1: it has heard enough.  Apply the time first (store_settle() on a handle that may
	 * write). */
	int (*counts)(struct store *, enum store_scope scope, int64_t id,
		      int (*each)(void *ctx, const struct store_count *, struct err *), void *ctx,
		      struct err *);
};

/* One function an admin question; each is a transaction of its own unless it says otherwise.
 * 'each' callbacks get rows whose memory ends with the call; -1 stops.  'who' is for the audit
 * trail, which every change here writes. */
struct store_admin_ops {
	/* init: refuses a store that has an org already. */
	int (*init)(struct store *, const struct store_site *, struct err *);
	int (*meta_get)(struct store *, const char *name, struct buf *out, struct err *);
	int (*meta_set)(struct store *, const char *name, const char *value, struct err *);
	int (*school_add)(struct store *, const struct store_school *, const char *who,
			  int64_t *out_id, struct err *);
	int (*group_add)(struct store *, int64_t school, const char *name, const char *who,
			 int64_t *out_id, struct err *);
	int (*room_add)(struct store *, const struct store_room *, const char *who, int64_t *out_id,
			struct err *);
	int (*code_add)(struct store *, const struct store_code *, const char *who, struct err *);
	int (*policy_add)(struct store *, const struct store_policy *, const char *who,
			  struct err *);
	int (*group_policy)(struct store *, int64_t group, int64_t serial, const char *who,
			    struct err *);
	int (*device_status)(struct store *, const char *uuid, enum store_status status,
			     const char *why, const char *who, struct err *);
	/* To another group or room (0: none) of the same school. */
	int (*device_move)(struct store *, const char *uuid, int64_t group, int64_t room,
			   const char *who, struct err *);
	int (*audit)(struct store *, const char *who, const char *action, const char *object,
		     const char *detail_json, struct err *);
};

struct store {
	const struct store_live_ops *live;
	const struct store_admin_ops *admin;
	const struct store_desk_ops *desk; /* store_desk.h */
};

enum store_access {
	STORE_READ, /* never writes; for people's API */
	STORE_WRITE,
	STORE_CREATE, /* makes it when absent: init */
};

/* 'where': "sqlite:PATH" or a path.  Brings an older schema up to STORE_SCHEMA when it may write; a
 * newer one is ERR_UNSUPPORTED and says which version made it. */
int store_open(const char *where, enum store_access access, struct store **out, struct err *err);
void store_close(struct store *store);

/* Applies all that time changed until 'now', in transactions of its own. */
int store_settle(struct store *store, int64_t now, struct err *err);

#endif
